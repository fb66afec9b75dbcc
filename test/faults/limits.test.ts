// The list of faults: memory and processes that run out, for one command or for all. Each test is named as its case.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { cgroup, enter } from '../helpers/cgroups.ts';
import { fault, type Victim } from '../helpers/fault-case.ts';
import { isAlive, until } from '../helpers/processes.ts';
import { tempDir } from '../helpers/temp.ts';

const perl = (source: string, more: object = {}) => ({
  kind: 'exec',
  program: 'perl',
  args: ['-e', `$| = 1; ${source}`],
  ...more,
});
/** Takes memory step by step, and keeps it. */
const takes = (bytes: number, more: object = {}) =>
  perl(`print "up\\n"; my $a = ""; $a .= "x" x 1e6 for 1 .. ${bytes / 1e6}; sleep 600`, more);

/** A case within a group of processes that server, host and commands share. */
function faultWithin(
  name: string,
  [share, most]: ['pids' | 'memory', number],
  play: (t: Test, it: Victim) => Promise<void>,
): void {
  let group: string | null = null;
  fault(
    name,
    async (t, it) => {
      if (group === null)
        return void t.pass(`this machine makes no groups with so much and no more of: ${share}`);
      for (const pid of [await it.hostPid(), it.pid]) enter(group, pid);
      await play(t, it);
    },
    {
      env(t) {
        group = cgroup(t, share, most);
        return {};
      },
    },
  );
}

faultWithin('PID/cgroup pids limit reached', ['pids', 200], async (t, it) => {
  const go = join(tempDir(t), 'go');
  const { id: other } = await it.submit(
    perl(`print "up\\n" and select undef, undef, undef, 0.02 until -e "${go}"; exit 7`),
  );
  const { id: bomb } = await it.submit(
    perl('my $p; while (defined($p = fork)) { if (!$p) { sleep 600; exit } } print "full: $!\\n"; sleep 600'),
  );
  await until('there is no room', async () =>
    (await it.log(bomb)).includes('full: Resource temporarily unavailable'),
  );
  const written = (await it.log(other)).length;
  for (const spec of ['true', perl('exit 0')])
    t.match(await it.run(spec), {
      status: 'failed',
      outcome: { cause: 'spawn_failed', reason: 'resources_unavailable' },
      error: { fault: 'system', retryable: true },
    });
  t.equal((await fetch(`${it.url}/readyz`)).status, 200);
  await until('what ran before goes on', async () => (await it.log(other)).length > written);
  writeFileSync(go, '');
  t.match(await it.finished(other), { outcome: { cause: 'exited', exit_code: 7 } }, 'to its own end');
  t.match(await it.cancel(bomb), { status: 'cancelled', outcome: { process: { survivors: 0 } } });
  t.match(await it.run('true | cat'), { status: 'completed' }, 'there is room again');
  const limits = { processes: 20 };
  const held = await it.run(perl('while (1) { my $p = fork; sleep 600 if defined($p) && !$p }', { limits }));
  t.match(
    held,
    { outcome: { cause: 'resource_limit', limit: 'processes' } },
    'a limit of its own comes first',
  );
});

faultWithin('child OOM in shared cgroup', ['memory', 400e6], async (t, it) => {
  const host = await it.hostPid();
  // Each of them takes less than the server.
  const hogs: string[] = [];
  for (let i = 0; i < 6; i++) hogs.push((await it.submit(takes(100e6))).id);
  const ends = async () =>
    (await Promise.all(hogs.map((id) => it.get(`/v1/executions/${id}`)))).map(({ outcome }) => outcome);
  await until('one has got too much', async () => (await ends()).some((outcome) => outcome !== null));
  for (const outcome of await ends())
    if (outcome !== null) t.match(outcome, { cause: 'signalled', signal: 'SIGKILL' });
  t.ok(isAlive(it.pid) && isAlive(host), 'the server and its host live');
  for (const id of hogs) await it.cancel(id);
  const limits = { memory_bytes: 20e6 };
  t.match(await it.run(takes(1e9, { limits })), {
    outcome: { cause: 'resource_limit', limit: 'memory_bytes' },
  });
  t.equal(await it.hostPid(), host, 'it is the same host');
});

fault('per-execution memory limit', async (t, it) => {
  const other = await it.begun('echo up; exec sleep 600');
  const limits = { memory_bytes: 64_000_000 };
  const tree = `for i in 1 2 3 4; do perl -e 'my $a = ""; $a .= "x" x 1e6 for 1 .. 20; sleep 600' & done; wait`;
  t.match(await it.run(tree, { limits }), {
    status: 'failed',
    outcome: {
      cause: 'resource_limit',
      limit: 'memory_bytes',
      limit_value: 64_000_000,
      process: { survivors: 0 },
    },
    error: { type: 'resource_limit', fault: 'user', retryable: false, message: /memory/ },
  });
  t.match(await it.get(`/v1/executions/${other.id}`), { status: 'running' }, 'others are not held to it');
  // It reserves far more than that, for each thread, and uses less.
  const threads =
    'const { Worker } = require("worker_threads"); const w = [1, 2].map(() => new Worker("", { eval: true })); Promise.all(w.map((one) => new Promise((end) => one.once("exit", end)))).then(() => console.log(42))';
  const node = { kind: 'exec', program: process.execPath, args: ['-e', threads] };
  t.match(await it.run({ ...node, limits: { memory_bytes: 200_000_000 } }), { result: { stdout: '42\n' } });
});
