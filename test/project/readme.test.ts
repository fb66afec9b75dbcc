// Runs the commands of the documents as they stand there, and compares what they answer. In an answer, `…` stands for
// anything, and ids and times for any id and time.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';
import { ERROR_CODES } from '../../src/domain/errors.ts';
import { type Lifetime, ofFile } from '../helpers/scope.ts';
import { server, type ServerProcess } from '../helpers/server-process.ts';
import { tempDir } from '../helpers/temp.ts';
import { CLI } from '../helpers/cli.ts';

interface Step {
  command: string;
  expected: string;
}

/** The commands of all ```console blocks, with what stands below each. */
function stepsOf(text: string): Step[] {
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

function pattern(expected: string): RegExp {
  let source = expected.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  for (const [what, by] of ANYTHING) source = source.replace(what, by);
  return new RegExp(`^${source}$`);
}

/** What the commands use that not every machine has. */
const programsOf = (steps: Step[]) =>
  ['jq', 'openssl'].filter((program) => steps.some(({ command }) => command.includes(`| ${program} `)));

const isInstalled = (program: string) =>
  spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;

/** A stream that a reader looks at for a second: a busy machine may need more, and it has an end only by this limit. */
function patient(command: string): string {
  if (!/^curl .* -m 1 /.test(command)) return command;
  const longer = command.replace(' -m 1 ', ' -m $s ');
  return `for s in 1 4 16 64; do said=$(${longer}); [[ $said == *data:* ]] && break; done; echo "$said"`;
}

/** Runs all commands in one shell, so that variables go on; answers what each has said. */
function runAll(steps: Step[], url: string, cwd: string): string[] {
  const mark = '<<<end of a step>>>';
  const script = steps.map(
    ({ command }) =>
      `${patient(command.replaceAll('localhost:8080', new URL(url).host))}\necho; echo '${mark}'`,
  );
  const { PATH } = process.env;
  const { stdout } = spawnSync('bash', ['-c', script.join('\n')], {
    cwd,
    // The command line of this checkout, at this server, for a user who has nothing yet.
    env: {
      ...process.env,
      PATH: `${join(cwd, 'path')}:${PATH}`,
      EXECD_URL: url,
      XDG_STATE_HOME: cwd,
      XDG_CONFIG_HOME: cwd,
    },
    encoding: 'utf8',
    timeout: 600_000,
  });
  return stdout
    .replaceAll('\r', '')
    .split(mark)
    .map((text) => text.trim());
}

/** Hooks and their secret. */
const HOOKS = {
  EXECUTION_OPERATIONS_FILE: 'operations.yaml',
  EXECUTION_SECRETS_FILE: 'secrets.yaml',
  GITHUB_HOOK_SECRET: 'it-is-a-secret',
};

/** What the examples of a document say they need. */
const SETTINGS: Record<string, Record<string, string>> = {
  'docs/operate/credits.md': { EXECUTION_CREDITS_FILE: 'examples/credits.yaml' },
  'docs/concepts/operations.md': { EXECUTION_OPERATIONS_FILE: 'plan-operations.yaml' },
  'docs/reference/hooks.md': HOOKS,
  'docs/guides/github-webhooks.md': HOOKS,
};

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
/** What `npm start` runs. */
const NPM_START = (scripts.start ?? '').split(' ').slice(1);

/** A checkout of its own, as far as the commands use it: they leave nothing in this one. */
function readersCheckout(t: Lifetime): string {
  const dir = tempDir(t);
  for (const name of ['bin', 'examples', 'node_modules', 'scripts', 'src', 'build']) {
    if (existsSync(name)) symlinkSync(resolve(name), join(dir, name));
  }
  copyFileSync('package.json', join(dir, 'package.json'));
  mkdirSync(join(dir, 'path'));
  writeFileSync(
    join(dir, 'path', 'execd'),
    `#!/bin/sh\nexec "${process.execPath}" "${resolve(CLI)}" "$@"\n`,
    { mode: 0o755 },
  );
  return dir;
}

interface Started {
  it: ServerProcess;
  dir: string;
}

/** By their settings: documents that need the same ones have one server. */
const servers = new Map<string, Promise<Started>>();

/** A server as a reader starts it: its data is in the checkout, by default. */
async function started(settings: Record<string, string>, text = ''): Promise<Started> {
  const by = JSON.stringify(settings);
  const made = servers.get(by);
  if (made === undefined) {
    const first = startIn(withFiles(readersCheckout(ofFile()), text), settings);
    servers.set(by, first);
    return first;
  }
  const { it, dir } = await made;
  withFiles(dir, text);
  // A document that shows other files for the same settings: as its reader does, after a change.
  if ('EXECUTION_OPERATIONS_FILE' in settings) await it.post('/v1/admin/reload', {});
  return { it, dir };
}

/** The files that a document shows: blocks whose first line is a comment with a name, and JSON with the name beside it. */
function withFiles(dir: string, text: string): string {
  const commented = text.matchAll(/```(?:yaml|js)\n((?:#|\/\/) (\S+\.(?:yaml|mjs))\n[^]*?)```/g);
  for (const [, content = '', name = ''] of commented)
    writeFileSync(join(dir, name), content, { mode: 0o600 });
  for (const [, name = '', content = ''] of text.matchAll(/```json (\S+)\n([^]*?)```/g))
    writeFileSync(join(dir, name), content);
  return dir;
}

async function startIn(dir: string, settings: Record<string, string>): Promise<Started> {
  writeFileSync(join(dir, '.env'), 'EXECUTION_MAX_CONCURRENT=7\n');
  return { dir, it: await server(ofFile(), settings, { program: NPM_START, cwd: dir }) };
}

t.test('scripts and programs of a private directory are not part of the checkout around it', async (t) => {
  const { it } = await started({});
  const said = async (spec: object) => {
    const { result } = await it.finished((await it.submit(spec)).id);
    const { stdout, stderr } = result as { stdout: string; stderr: string };
    return stdout + stderr;
  };
  const script = (source: string, more = {}) =>
    said({ kind: 'script', interpreter: process.execPath, source, ...more });
  t.equal(await script("const { sep } = require('node:path'); console.log(sep)"), '/\n');
  t.equal(await script("import { sep } from 'node:path';\nconsole.log(sep);"), '/\n');
  t.equal(await script('const n: number = 6;\nconsole.log(n * 7);', { filename: 'main.ts' }), '42\n');
  t.equal(
    await script("import { sep } from 'node:path';\nconst s: string = sep; console.log(s)", {
      filename: 'a.mts',
    }),
    '/\n',
  );
  t.equal(
    await said({ kind: 'script', source: `#!${process.execPath}\nimport 'node:fs'; console.log(1)` }),
    '1\n',
  );
  t.equal((await it.get<{ concurrency: { max: number } }>('/v1/stats')).concurrency.max, 7, '.env is read');
  const command = `echo "console.log(require('node:path').sep)" > a.js && "${process.execPath}" a.js`;
  t.equal(await said({ kind: 'shell', command }), '/\n');
});

/** The first one counts hits of the cache. The last one makes a key, without which nobody is let in afterwards. */
const [FIRST, LAST] = ['docs/concepts/policies.md', 'docs/operate/api-keys.md'];
/** Needs a root directory, and runs what is hostile: test/long/untrusted.ts. */
const APART = 'docs/guides/untrusted-python.md';
const others = globSync('docs/**/*.md').filter((file) => ![FIRST, LAST, APART].includes(file));
const documents = [FIRST, 'README.md', ...others, LAST];
for (const file of documents) {
  const text = readFileSync(file, 'utf8');
  const steps = stepsOf(text);
  if (steps.length === 0) continue;
  t.test(`${file}: every command answers what stands there`, async (t) => {
    const missing = programsOf(steps).filter((program) => !isInstalled(program));
    if (missing.length > 0) return void t.pass(`not run: apt-get install ${missing.join(' ')}`);
    const { it, dir } = await started(SETTINGS[file] ?? {}, text);
    const said = runAll(steps, it.url, dir);
    steps.forEach(({ command, expected }, i) => {
      t.ok(pattern(expected).test(said[i] ?? ''), `${command}\nexpected: ${expected}\nanswered: ${said[i]}`);
    });
  });
}

t.test('npm prints no wall of warnings about the versions of Node.js that packages ask for', async (t) => {
  const { stdout } = spawnSync('npm', ['config', 'get', 'loglevel'], { encoding: 'utf8' });
  t.equal(stdout.trim(), 'error');
});

/** The headings of a document, as links name them. */
function headingsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8').replaceAll(/```[^]*?```/g, '');
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

t.test('every file, script, setting and heading that the documents name is there', async (t) => {
  const settings = readFileSync('.env.example', 'utf8');
  const ofCommands = ['EXECUTION_ID', 'EXECUTION_ATTEMPT', 'EXECUTION_PROGRESS_FD'];
  const others: string[] = [...ofCommands, ...Object.values(ERROR_CODES)];
  for (const file of ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...globSync('docs/**/*.md')]) {
    const text = readFileSync(file, 'utf8');
    for (const [, name = ''] of text.matchAll(/`npm run ([a-z:-]+)`/g))
      t.ok(name in scripts, `${file}: npm run ${name}`);
    for (const [, path = ''] of text.matchAll(/`((?:src|test|docs|scripts|bench|k8s)\/[\w./-]+)`/g)) {
      t.ok(globSync(path).length > 0, `${file}: ${path}`);
    }
    for (const [, path = '', heading] of text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
      const target = path === '' ? file : join(file, '..', path);
      t.ok(existsSync(target), `${file}: ${path}`);
      if (heading !== undefined) t.ok(headingsOf(target).includes(heading), `${file}: ${path}#${heading}`);
    }
    for (const [name] of text.matchAll(/\bEXECUTION_[A-Z_]+[A-Z]\b/g)) {
      t.ok(others.includes(name) || settings.includes(`${name}=`), `${file}: ${name}`);
    }
  }
});
