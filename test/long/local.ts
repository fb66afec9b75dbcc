// Commands through `execd run`, and the same run here: what comes out, on which stream, and the exit code are the same.
import { constants } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { CLI, cliAt, runProgram } from '../helpers/cli.ts';
import { until } from '../helpers/processes.ts';
import { check, finish, freePort, scratch, startServer } from './support.ts';

interface Case {
  words: string[];
  stdin?: Buffer;
  /** The exit code, where the local run tells none. */
  code?: number;
}

const sh = (script: string, stdin?: Buffer): Case => ({
  words: ['sh', '-c', script],
  ...(stdin === undefined ? {} : { stdin }),
});
const bytes = (length: number) => Buffer.from(Array.from({ length }, (_, i) => (i * 7919) % 256));

const CASES: Case[] = [
  ...[0, 1, 2, 3, 64, 77, 100, 124, 125, 126, 127, 128, 129, 137, 200, 255].map((code) => sh(`exit ${code}`)),
  ...['HUP', 'INT', 'QUIT', 'KILL', 'USR1', 'SEGV', 'PIPE', 'TERM'].map((name) => sh(`kill -${name} $$`)),
  { words: ['printf', '[%s]', ''] },
  { words: ['printf', '[%s]', '', '', 'a', ''] },
  { words: ['printf', '[%s]', 'a b', "it's", '"', '\\', '$HOME', '*', '--help', '-n', ';'] },
  { words: ['printf', '[%s]', '日本', 'é', '👍🏽', '\u202e', '\ttab', 'new\nline'] },
  sh(String.raw`printf '\377\000\001\200'; printf '\376\000' >&2`),
  sh('for i in $(seq 500); do echo out $i; echo err $i >&2; done'),
  sh('head -c 100000000 /dev/zero | tr "\\0" x'),
  sh('seq 200000'),
  sh('echo no newline at the end | tr -d "\\n"'),
  sh('(sleep 0.2; echo late) & echo early; wait'),
  { words: ['od', '-An', '-c'], stdin: Buffer.alloc(0) },
  { words: ['od', '-An', '-c'], stdin: bytes(1000) },
  { words: ['sha256sum'], stdin: Buffer.alloc(500_000, 1) },
  sh('read line; echo "[$line]"', Buffer.from('first\nsecond\n')),
  { words: ['no-such-program'], code: 127 },
  { words: ['/etc/passwd'], code: 126 },
];

const server = await startServer({
  EXECUTION_PORT: await freePort(),
  EXECUTION_DATA_DIR: join(scratch(), 'data'),
});
const cleanups: (() => unknown)[] = [];
const cli = cliAt({ teardown: (cleanup: () => unknown) => cleanups.push(cleanup) }, server.url);
for (const { words, stdin, code } of CASES) {
  const remote = await cli(['run', '-q', '--', ...words], stdin === undefined ? {} : { stdin });
  const [program = '', ...args] = words;
  // Bytes as they are: text of it would be another, and would lack its last newline.
  const local = await execa(program, args, {
    ...{ encoding: 'buffer', stripFinalNewline: false, reject: false, maxBuffer: 200e6 },
    ...{ input: stdin ?? Buffer.alloc(0), extendEnv: false, env: { PATH: process.env.PATH } },
  });
  const bySignal = local.signal === undefined ? 0 : 128 + constants.signals[local.signal];
  const expected = code ?? local.exitCode ?? bySignal;
  const out = Buffer.from(local.stdout).toString('latin1');
  // What cannot be started has no standard error here.
  const err = code === undefined ? Buffer.from(local.stderr).toString() : remote.err;
  const isSame = remote.code === expected && remote.out === out && remote.err === err;
  const facts = `code ${remote.code} (${expected}), ${remote.out.length} bytes (${out.length}), ${JSON.stringify(remote.err.slice(0, 200))}`;
  check(isSame, `${JSON.stringify(words.join(' ').slice(0, 60))}${isSame ? '' : `: ${facts}`}`);
}
// What follows until Ctrl-C, and what draws a screen.
const followed = await cli(['events', '-f', '--json'], {
  with: async (child, seen) => {
    await until('it has seen a start', async () => {
      await server.submit({ kind: 'exec', program: 'true' });
      return seen.out.includes('"started"');
    });
    child.kill('SIGINT');
  },
});
const [firstEvent = ''] = followed.out.split('\n');
check(typeof (JSON.parse(firstEvent) as { type?: unknown }).type === 'string', 'events -f --json');
const ended = await server.submit({ kind: 'shell', command: 'echo out; echo err >&2; exit 7' });
const attached = await cli(['attach', ended.id]);
check(
  attached.code === 7 && attached.out === 'out\n' && attached.err === 'err\n',
  'attach follows to the end',
);
const top = await runProgram(['script', '-qec', `${process.execPath} ${CLI} top`, '/dev/null'], {
  env: { ...process.env, ...cli.env },
  with: async (child, seen) => {
    await until('the screen is drawn', () => seen.out.includes('Failed last'));
    child.stdin?.end('\x03');
  },
  isOpen: true,
});
check(
  top.out.includes('\x1b[?1049h') && top.out.indexOf('\x1b[?1049l') > top.out.indexOf('slots'),
  'top draws a screen, and leaves it as it was',
);

// 200,000 lines, beside curl: what the start of the program costs is left out.
const seq = `seq -f '%.0f ${'x'.repeat(240)}' 1 200000`;
const { id: large } = await server.submit({ kind: 'shell', command: seq, output: { oversized: 'spool' } });
await server.finished(large);
const timed = async (command: string) => {
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    const begun = performance.now();
    await execa('bash', ['-c', `${command} >/dev/null`], { env: cli.env });
    times.push(performance.now() - begun);
  }
  return times.sort((a, b) => a - b)[2] ?? 0;
};
const curl = await timed(`curl -sf '${server.url}/v1/executions/${large}/logs?format=raw'`);
const start = await timed(`${process.execPath} ${CLI} show ${large}`);
const logs = await timed(`${process.execPath} ${CLI} logs ${large}`);
console.log(
  `      200,000 lines, 49 MB: curl ${curl.toFixed(0)} ms, execd logs ${logs.toFixed(0)} ms, of which ${start.toFixed(0)} ms are its start: ${(curl / Math.max(1, logs - start)).toFixed(2)} of the speed of curl`,
);
await server.stop();
for (const cleanup of cleanups) await cleanup();
finish();
