// The server's own log: where it goes, that it never holds up the server, and what people see of it in a terminal.
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { humanLine, startLines } from '../../src/observe/human-log.ts';
import { LogOutput, type LogOutputOptions } from '../../src/observe/log-output.ts';
import { fakeClock } from '../helpers/clock.ts';
import { until } from '../helpers/processes.ts';
import { tempDir } from '../helpers/temp.ts';

const LINE = `${'x'.repeat(99)}\n`;

function logTo(to: string, more: Partial<LogOutputOptions> = {}) {
  const clock = fakeClock();
  const told: number[] = [];
  const output: LogOutput = new LogOutput({ clock, to, onDropped: (lines) => told.push(lines), ...more });
  return { clock, told, output };
}

function namedPipe(t: Test): string {
  const path = join(tempDir(t), 'pipe');
  spawnSync('mkfifo', [path]);
  return path;
}

/** All that can be read now. */
function readAll(fd: number): string {
  const bytes = Buffer.alloc(65_536);
  let text = '';
  for (;;) {
    try {
      const read = readSync(fd, bytes);
      if (read === 0) return text;
      text += bytes.toString('utf8', 0, read);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return text;
      throw error;
    }
  }
}

t.test(
  'lines that nobody reads are kept up to a bound, then dropped and counted; the others come whole',
  async (t) => {
    const path = namedPipe(t);
    const { clock, told, output } = logTo(path, { maxBytes: 10_000 });
    for (let i = 0; i < 2000; i++) output.write(LINE);
    t.ok(output.dropped > 1000, `${output.dropped} were dropped`);
    t.same(told, [], 'nobody could read of it yet');
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    t.teardown(() => closeSync(reader));
    let text = '';
    while (told.length === 0) {
      text += readAll(reader);
      await clock.advance(100);
    }
    text += readAll(reader);
    t.same(told, [output.dropped]);
    t.equal(text, LINE.repeat(2000 - output.dropped));
    output.write('after\n');
    t.equal(readAll(reader), 'after\n', 'it goes on, and at once');
    t.equal(await output.flush(), true);
  },
);

t.test('the last lines wait for a reader, but not for long', async (t) => {
  const { clock, output } = logTo(namedPipe(t));
  for (let i = 0; i < 1000; i++) output.write(LINE);
  const flushed = output.flush();
  await clock.advance(1000);
  t.equal(await flushed, false);
});

t.test('a reader that has gone costs its lines only', async (t) => {
  const path = namedPipe(t);
  let reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const { told, output } = logTo(path);
  output.write('first\n');
  t.equal(readAll(reader), 'first\n');
  closeSync(reader);
  for (let i = 0; i < 3; i++) output.write(LINE);
  t.same([output.dropped, told], [3, []]);
  reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  t.teardown(() => closeSync(reader));
  output.write('second\n');
  t.equal(readAll(reader), 'second\n');
  t.same(told, [3]);
});

t.test('a file that was moved away is made again', async (t) => {
  const path = join(tempDir(t), 'log');
  const { output } = logTo(path);
  output.write('one\n');
  t.equal(await output.flush(), true);
  renameSync(path, `${path}.1`);
  output.write('two\n');
  output.reopen();
  output.write('three\n');
  t.equal(await output.flush(), true);
  t.match(readFileSync(`${path}.1`, 'utf8') + readFileSync(path, 'utf8'), /^one\ntwo\nthree\n$/);
  t.match(readFileSync(path, 'utf8'), /three\n$/);
});

t.test('a line for people has its time, what happened, and its facts', async (t) => {
  const line = (facts: object) =>
    humanLine(JSON.stringify({ level: 30, time: 0, pid: 1, hostname: 'h', ...facts }), false);
  t.match(line({ msg: 'Stopped' }), /^\d\d:\d\d:\d\d Stopped\n$/);
  t.match(line({ level: 40, msg: 'Careful' }), /^\d\d:\d\d:\d\d WARN Careful\n$/);
  t.match(
    line({ msg: 'Ended', running: 0, name: 'a', why: 'a b' }),
    / Ended \(running=0 name=a why="a b"\)\n$/,
  );
  t.match(line({ msg: 'Odd \u001b[2J\n' }), / Odd \\u001b\[2J\\u000a\n$/, 'the terminal obeys nobody');
  t.match(
    line({ level: 50, msg: 'Bad', err: { message: 'm', stack: 'Error: m\n at x' } }),
    /ERROR Bad\n {4}Error: m\n {5}at x\n$/,
  );
  t.match(line({ level: 40, msg: 'Bad', err: { message: 'm', stack: 's' } }), /WARN Bad\n {4}m\n$/);
  t.match(humanLine('{"level":50,"time":0,"msg":"Bad"}', true), '\u001b[31mERROR\u001b[0m Bad');
  t.equal(humanLine('no JSON\n', true), 'no JSON\n');
});

t.test(
  'a start names the address, the documents, the data, who may use it, and how to stop it',
  async (t) => {
    const facts = {
      version: '1',
      address: 'http://h:1',
      metricsAddress: null,
      dataDir: '/d',
      needsKey: false,
      isRoot: true,
      drainS: 30,
    };
    const lines = startLines(facts);
    for (const part of ['http://h:1/v1', 'http://h:1/docs', '/d', 'no API keys', 'as root', 'Ctrl-C', '30 s'])
      t.match(lines, part);
    t.match(
      startLines({ ...facts, needsKey: true, metricsAddress: 'http://h:2' }),
      /http:\/\/h:2\/metrics[^]*needs an API key/,
    );
  },
);

t.test('in a terminal the first lines are for people; Ctrl-C ends it', async (t) => {
  const dir = tempDir(t);
  const program = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';
  const child = spawn('python3', ['-c', program, process.execPath, 'dist/bin/server.js'], {
    env: { PATH: process.env.PATH, TERM: 'dumb', EXECUTION_PORT: '0', EXECUTION_DATA_DIR: join(dir, 'data') },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  let code: number | null = null;
  child.on('exit', (ended) => (code = ended));
  await until('it is ready', () => said.includes('  Stop '));
  t.match(said, /^execd \S+ is starting …\r\n/);
  t.match(
    said,
    /is ready\.[^]*API +http:\/\/127\.0\.0\.1:\d+\/v1[^]*Docs +http:\S+\/docs[^]*Data +\S+\/data/,
  );
  t.notMatch(said, '{"level"');
  child.stdin.write('\x03');
  await until('it has ended', () => code !== null);
  t.match(said, /\d\d:\d\d:\d\d Stopped \(component=server\)\r\n$/);
  t.equal(code, 0);
});
