// The documents as a reader uses them: the commands of their `console` blocks, the files that they show, a checkout to run both in, and
// a shell into which the commands are typed one after the other. In an answer, `…` stands for anything, and ids and times for any id
// and time.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { CLI } from './cli.ts';
import { killSeen, until } from './processes.ts';
import type { Lifetime } from './scope.ts';
import { tempDir } from './temp.ts';

export interface Step {
  command: string;
  expected: string;
}

/** The commands of all ```console blocks, with what stands below each. */
export function stepsOf(text: string): Step[] {
  const steps: Step[] = [];
  for (const [, block = ''] of text.matchAll(/```console\n([^]*?)```/g)) {
    let isCommand = false;
    for (const line of block.split('\n').slice(0, -1)) {
      const last = steps.at(-1);
      if (line.startsWith('$ ')) steps.push({ command: line.slice(2), expected: '' });
      else if (last !== undefined && isCommand) last.command += `\n${line}`;
      else if (last !== undefined) last.expected += `${line}\n`;
      const command = steps.at(-1)?.command ?? '';
      const isOpen = line.endsWith('\\') || command.split("'").length % 2 === 0;
      isCommand = isOpen && (line.startsWith('$ ') || isCommand);
    }
  }
  return steps;
}

const ANYTHING: [RegExp, string][] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, '[0-9a-f-]{36}'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\\\.\d{3}Z/g, '\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z'],
  [/…/g, '[^]*?'],
];

export function pattern(expected: string): RegExp {
  let source = expected.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  for (const [what, by] of ANYTHING) source = source.replace(what, by);
  return new RegExp(`^${source}$`);
}

/** What the commands use that this machine lacks. */
export const missingIn = (steps: Step[]) =>
  ['jq', 'openssl'].filter(
    (program) => steps.some(({ command }) => command.includes(`| ${program} `)) && !isInstalled(program),
  );

const isInstalled = (program: string) =>
  spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;

/** A stream that a reader looks at for a second: a busy machine may need more, and it has an end only by this limit. */
function patient(command: string): string {
  if (!/^curl .* -m 1 /.test(command)) return command;
  const longer = command.replace(' -m 1 ', ' -m $s ');
  return `for s in 1 4 16 64; do said=$(${longer}); [[ $said == *data:* ]] && break; done; echo "$said"`;
}

/** A shell in a directory, at a server. Variables go on from one command to the next, also when the server is started again. */
export class Shell {
  static readonly #MARK = '<<<end of a step>>>';
  readonly #child: ChildProcess;
  readonly #host: string;
  #said = '';
  #hasEnded = false;

  /** @param url the server that the documents call `localhost:8080` */
  constructor(t: Lifetime, url: string, cwd: string) {
    this.#host = new URL(url).host;
    const loop = `while IFS= read -r -d '' step <&3; do eval "$step" 3<&-; echo; echo '${Shell.#MARK}'; done`;
    this.#child = spawn('bash', ['-c', loop], {
      cwd,
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
      // The command line of this checkout, for a user who has nothing yet.
      env: {
        ...process.env,
        PATH: `${join(cwd, 'path')}:${process.env.PATH}`,
        EXECD_URL: url,
        XDG_STATE_HOME: cwd,
        XDG_CONFIG_HOME: cwd,
      },
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#said += text));
    this.#child.on('close', () => (this.#hasEnded = true));
    t.teardown(async () => {
      if (!this.#hasEnded) killSeen([-(this.#child.pid ?? 0)]);
      await until('the shell is gone', () => this.#hasEnded);
    });
  }

  /** Runs a command to its end and answers what it has printed. */
  async run(command: string): Promise<string> {
    this.#said = '';
    (this.#child.stdio[3] as Writable).write(
      `${patient(command.replaceAll('localhost:8080', this.#host))}\0`,
    );
    await until(command, () => this.#hasEnded || this.#said.includes(Shell.#MARK), 300_000);
    return (this.#said.split(Shell.#MARK)[0] ?? '').replaceAll('\r', '').trim();
  }
}

/** Hooks and their secret. */
const HOOKS = {
  EXECUTION_OPERATIONS_FILE: 'operations.yaml',
  EXECUTION_SECRETS_FILE: 'secrets.yaml',
  GITHUB_HOOK_SECRET: 'it-is-a-secret',
};

/** What the examples of a document say they need. */
export const SETTINGS: Record<string, Record<string, string>> = {
  'docs/operate/credits.md': { EXECUTION_CREDITS_FILE: 'examples/credits.yaml' },
  'docs/concepts/operations.md': { EXECUTION_OPERATIONS_FILE: 'plan-operations.yaml' },
  'docs/reference/hooks.md': HOOKS,
  'docs/guides/github-webhooks.md': HOOKS,
};

/** What `npm start` runs. */
export const NPM_START = (
  (JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }).scripts.start ??
  ''
)
  .split(' ')
  .slice(1);

/** A checkout of its own, as far as the commands use it: they leave nothing in this one. */
export function readersCheckout(t: Lifetime): string {
  const dir = tempDir(t);
  for (const name of ['bin', 'examples', 'node_modules', 'scripts', 'src', 'build']) {
    if (existsSync(name)) symlinkSync(resolve(name), join(dir, name));
  }
  copyFileSync('package.json', join(dir, 'package.json'));
  linkCli(dir);
  return dir;
}

/** Puts the command line of this checkout where the shell of a directory looks first. */
export function linkCli(dir: string): void {
  mkdirSync(join(dir, 'path'));
  writeFileSync(
    join(dir, 'path', 'execd'),
    `#!/bin/sh\nexec "${process.execPath}" "${resolve(CLI)}" "$@"\n`,
    { mode: 0o755 },
  );
}

/** The files that a document shows: blocks whose first line is a comment with a name, and JSON with the name beside it. */
export function withFiles(dir: string, text: string): string {
  const commented = text.matchAll(/```(?:yaml|js)\n((?:#|\/\/) (\S+\.(?:yaml|mjs))\n[^]*?)```/g);
  for (const [, content = '', name = ''] of commented)
    writeFileSync(join(dir, name), content, { mode: 0o600 });
  for (const [, name = '', content = ''] of text.matchAll(/```json (\S+)\n([^]*?)```/g))
    writeFileSync(join(dir, name), content);
  return dir;
}
