// The supervision of the runner host, with a real host and a clock that the test moves.
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createClock } from '../../src/app/clock.ts';
import { NO_LIMITS } from '../../src/domain/limits.ts';
import type { AttemptReport, AttemptStart, RunningAttempt } from '../../src/domain/ports/runner.ts';
import { CommandRunner } from '../../src/runners/commands/command.ts';
import { type FakeClock, fakeClock } from '../helpers/clock.ts';
import { isAlive, killSeen, until, withEnvironment } from '../helpers/processes.ts';
import { tempDir } from '../helpers/temp.ts';

const NATIVE = 'build/runner-host';
const HOST: [string, ...string[]] = existsSync(NATIVE)
  ? [NATIVE]
  : [process.execPath, 'src/runner-host/node/main.ts'];
const BEAT_MS = 5000;

interface World {
  dir: string;
  clock: FakeClock;
  runner: CommandRunner;
  /** What was logged. */
  lines: string[];
  /** Starts a command of the shell. */
  run(command: string): RunningAttempt & { started: Promise<void> };
  report(command: string): Promise<AttemptReport>;
  hostPid(): number;
  /** Lets the host's questions go unanswered for so many beats. */
  beats(count: number): Promise<void>;
}

async function world(t: Test, hostCommand = HOST): Promise<World> {
  const dir = tempDir(t);
  const clock = fakeClock();
  const lines: string[] = [];
  const say = (_facts: object, message: string) => void lines.push(message);
  mkdirSync(join(dir, 'shm'));
  const runner = new CommandRunner({
    hostCommand,
    workDir: (epoch) => join(dir, 'work', String(epoch)),
    scratchRoot: join(dir, 'shm'),
    journalPath: ({ runId, attempt }) => join(dir, `${runId}.${attempt}`),
    openFiles: 0,
    user: { name: 'me', isRoot: false },
    tiers: ['none'],
    means: { uids: null, bwrap: null, hidden: () => [], secretFiles: () => [], dataDir: dir },
    clock: createClock(),
    hostClock: clock,
    hostSilenceMs: 60_000,
    proxy: {
      open: () => {
        throw new Error('no sandbox is started here');
      },
    },
    log: { debug: say, info: say, warn: say, error: say },
  });
  const instanceId = `keeper-${Math.random().toString(36).slice(2)}`;
  t.teardown(async () => {
    const stopped = runner.stop();
    await clock.advance(60_000);
    await stopped;
    killSeen(withEnvironment(instanceId));
  });
  await runner.start({ instanceId, mark: instanceId, epoch: 1 });
  let runs = 0;
  const run = (command: string) => {
    let begin: () => void = () => undefined;
    const started = new Promise<void>((resolve) => (begin = resolve));
    const start = attempt(dir, `run-${(runs += 1)}`, command);
    return { ...runner.run(start, { started: begin, growth: () => undefined }), started };
  };
  return {
    ...{ dir, clock, runner, lines, run },
    report: (command) => run(command).ended,
    hostPid: () => runner.status().pid ?? 0,
    async beats(count) {
      for (let i = 0; i < count; i++) await clock.advance(BEAT_MS);
    },
  };
}

function attempt(dir: string, runId: string, command: string): AttemptStart {
  const args = ['-c', command];
  return {
    ...{ runId, attempt: 1, userId: 'u', isolation: 'none', network: false, limits: NO_LIMITS },
    command: {
      ...{
        program: 'sh',
        programField: 'program',
        args,
        env: ['PATH=/usr/bin:/bin'],
        cwd: null,
        script: null,
        scriptFile: null,
        scalars: {},
        root: null,
        stdin: null,
        tty: null,
      },
      privateDir: join(dir, 'work', '1', `${runId}.1`),
    },
    ...{ keepBytes: 1e6, failOnLimit: false, attemptMs: 600_000, idleMs: null, redact: [] },
    stop: { signal: 'SIGTERM', graceMs: 1000, scope: 'all' },
  };
}

t.test('a host that answers is left alone, however long it lasts', async (t) => {
  const it = await world(t);
  const pid = it.hostPid();
  for (let i = 0; i < 20; i++) {
    await it.beats(1);
    t.match(await it.report('exit 0'), { outcome: { cause: 'exited' } });
  }
  t.match(it.runner.status(), { isReady: true, problem: null, restarts: 0, pid });
});

t.test('a host that is stopped is noticed, gets no new work, and goes on when it goes on', async (t) => {
  const it = await world(t);
  const pid = it.hostPid();
  process.kill(pid, 'SIGSTOP');
  await it.beats(2);
  t.ok(it.runner.status().isReady, 'a short silence is none');
  await it.beats(3);
  t.match(it.runner.status(), {
    isReady: false,
    problem: /^the runner host has not responded for \d+ s$/,
    restarts: 0,
  });
  t.same(
    it.lines.filter((line) => line.includes('does not respond')),
    ['The runner host does not respond'],
    'it is logged once',
  );
  const later = it.report('exit 7');
  const never = it.run('exit 8');
  never.stop({ cause: 'cancelled', reason: null });
  t.match(await never.ended, { outcome: { cause: 'cancelled', process: null } }, 'a cancel needs no host');
  process.kill(pid, 'SIGCONT');
  t.match(await later, { outcome: { cause: 'exited', exitCode: 7 } });
  t.match(it.runner.status(), { isReady: true, problem: null, restarts: 0, pid });
});

t.test('a host that follows another one has its lease', async (t) => {
  const it = await world(t);
  const lost = { type: 'ended', outcome: { cause: 'lost' }, end: { startedAt: null } };
  it.runner.lease(createClock().monotonic() + 1000, 0);
  // The clock of this test has just begun: to the host, this second is long over.
  t.match(await it.report('exit 0'), lost);
  process.kill(it.hostPid(), 'SIGKILL');
  await until('it is missed', () => !it.runner.status().isReady);
  const next = it.report('exit 0');
  await it.beats(1);
  t.match(await next, lost);
  t.equal(it.runner.status().restarts, 1);
});

t.test('a host that stays silent is replaced, and its attempts are told as lost', async (t) => {
  const it = await world(t);
  const pid = it.hostPid();
  const running = it.run('exec sleep 1000');
  await running.started;
  process.kill(pid, 'SIGSTOP');
  await it.beats(11);
  t.equal(it.runner.status().restarts, 0, 'not before its time');
  await until('it is dead', async () => {
    await it.beats(1);
    return !isAlive(pid);
  });
  await until('the next one is planned', () => it.runner.status().restarts === 1);
  await it.clock.advance(0);
  t.match(await running.ended, { type: 'interrupted', detail: 'runner_host_silent', isStarted: true });
  t.match(await it.report('exit 3'), { outcome: { cause: 'exited', exitCode: 3 } });
  t.match(it.runner.status(), { isReady: true, problem: null, restarts: 1 });
  t.not(it.hostPid(), pid);
});

t.test('a host that cannot be started is tried again until it can, whatever stands against it', async (t) => {
  const it = await world(t);
  const running = it.run('exec sleep 1000');
  await running.started;
  // Neither a directory in it can be made, nor can it be listed.
  const shm = join(it.dir, 'shm');
  renameSync(shm, `${shm}-away`);
  writeFileSync(shm, '');
  process.kill(it.hostPid(), 'SIGKILL');
  await until('its death is seen', () => it.runner.status().restarts === 1);
  for (let i = 0; i < 20; i++) {
    const before = it.runner.status().restarts;
    await it.clock.advance(5000);
    const { restarts, ...status } = it.runner.status();
    t.ok(restarts > before, 'it has been tried again');
    t.match(status, {
      ...{ isReady: false, pid: null },
      problem: /^the runner host is not running \(.*shm.*\); execd starts it again$/,
    });
  }
  const waiting = it.report('exit 5');
  rmSync(shm);
  renameSync(`${shm}-away`, shm);
  await it.clock.advance(5000);
  t.match(await running.ended, { type: 'interrupted', detail: 'runner_host_died' });
  t.match(await waiting, { outcome: { cause: 'exited', exitCode: 5 } });
  t.match(it.runner.status(), { isReady: true, problem: null });
});

t.test('what a dead host has left cannot be listed: the next one is tried again, too', async (t) => {
  const it = await world(t);
  const work = join(it.dir, 'work');
  const running = it.run('exec sleep 1000');
  await running.started;
  process.kill(it.hostPid(), 'SIGKILL');
  await until('its death is seen', () => it.runner.status().restarts === 1);
  rmSync(work, { recursive: true });
  writeFileSync(work, '');
  await it.clock.advance(0);
  await until('it has been tried', () => it.runner.status().restarts === 2);
  rmSync(work);
  await it.clock.advance(5000);
  t.match(await running.ended, { type: 'interrupted', detail: 'runner_host_died' });
  t.match(await it.report('exit 5'), { outcome: { cause: 'exited', exitCode: 5 } });
});

// A process that waits in the system cannot be made without privileges; pipes that stay open look the same from here.
const HELD: [string, ...string[]] = ['/bin/sh', '-c', `setsid sleep 1000 & exec ${HOST.join(' ')}`];

t.test('a host whose end does not come is left behind, and another one serves', async (t) => {
  const it = await world(t, HELD);
  const pid = it.hostPid();
  process.kill(pid, 'SIGSTOP');
  const beatUntil = (what: string, isTrue: () => boolean) =>
    until(what, async () => {
      await it.beats(1);
      return isTrue();
    });
  await beatUntil('it is dead', () => !isAlive(pid));
  await beatUntil('another one is started', () => it.runner.status().restarts === 1);
  t.match(await it.report('exit 5'), { outcome: { cause: 'exited', exitCode: 5 } });
  t.match(it.runner.status(), { isReady: true, restarts: 1 });
});

t.test('a stop comes to its end with a host that does not', async (t) => {
  const it = await world(t, HELD);
  process.kill(it.hostPid(), 'SIGSTOP');
  let hasStopped = false;
  const stopped = it.runner.stop().then(() => (hasStopped = true));
  await it.clock.advance(15_000);
  t.notOk(hasStopped);
  await it.clock.advance(5000);
  await stopped;
  t.pass('it has');
});
