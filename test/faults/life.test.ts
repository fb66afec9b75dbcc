// The list of faults: timeouts, cancels, and what gets away from them. Each test is named as its case.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ESCAPES, TOKEN } from '../helpers/escapes.ts';
import { fault } from '../helpers/fault-case.ts';
import { until, withArgument, withLimit, zombiesOf } from '../helpers/processes.ts';
import { tempDir } from '../helpers/temp.ts';

const isNative = existsSync('build/runner-host');
const token = () => String(Math.random()).slice(2, 12);
const exec = (program: string, args: string[] = [], more: object = {}) => ({
  kind: 'exec',
  program,
  args,
  ...more,
});

fault('child ignores SIGTERM', async (t, it) => {
  const { id } = await it.begun('trap "" TERM; echo up; while :; do sleep 0.05; done');
  const end = await it.cancel(id);
  t.match(end, {
    status: 'cancelled',
    outcome: { cause: 'cancelled', process: { forced: true, survivors: 0 } },
  });
});

fault('child handles SIGTERM slowly and exits 0', async (t, it) => {
  const { id } = await it.begun('trap "sleep 0.3; exit 0" TERM; echo up; while :; do sleep 0.05; done');
  t.match(await it.cancel(id), {
    status: 'cancelled',
    outcome: { cause: 'cancelled', process: { exit_code: 0, forced: false } },
  });
});

fault('timeout', async (t, it) => {
  const end = await withLimit(
    (attempt_ms) => it.run('echo so far; sleep 600 & sleep 600', { timeouts: { attempt_ms } }),
    ({ output }) => output.stdout_bytes > 0,
  );
  t.match(end, {
    status: 'timed_out',
    outcome: {
      cause: 'attempt_timeout',
      limit_ms: end.timeouts.attempt_ms,
      process: { survivors: 0 },
    },
    result: { stdout: 'so far\n' },
  });
});

const CASES: Record<string, string> = {
  'a daemon': 'double-fork daemon, fds closed',
  'a daemon without an environment': 'double-fork daemon with empty environment',
  'a daemon that forks and ends without pause': 'PID hopper (forks a successor every 0.5 ms, own session)',
};
for (const [how, command] of ESCAPES) {
  const name = CASES[how];
  if (name === undefined) continue;
  fault(
    name,
    async (t, it) => {
      const own = token();
      const { id } = await it.begun(command.replaceAll(TOKEN, own));
      await until('it is there', () => withArgument(own).length > 0);
      t.match(await it.cancel(id), { status: 'cancelled', outcome: { process: { survivors: 0 } } });
      t.same(withArgument(own), []);
    },
    {
      skip:
        how !== 'a daemon' && !isNative && 'the Node host does not find it (docs/operate/runner-hosts.md)',
    },
  );
}

fault('main exits 0, background grandchild still holds stdout', async (t, it) => {
  const end = await it.run('(sleep 600; echo late) & echo first');
  t.match(end, {
    status: 'completed',
    outcome: { exit_code: 0, process: { leftover_processes: /^[12]$/, survivors: 0 } },
    result: { stdout: 'first\n' },
  });
});

fault(
  'stdin never read while 10 MB stdin is supplied',
  async (t, it) => {
    const spec = { kind: 'exec', program: 'sleep', args: ['0.1'], stdin: 'x'.repeat(10_000_000) };
    const answer = await it.post('/v1/executions/batch', { executions: [spec] });
    const { items } = (await answer.json()) as { items: { execution: { id: string } }[] };
    const id = items[0]?.execution.id ?? '';
    t.match(await it.finished(id), { status: 'completed', outcome: { exit_code: 0 } });
    // Every look at all executions would bring it along.
    t.equal((await fetch(`${it.url}/v1/executions/${id}`, { method: 'DELETE' })).status, 204);
  },
  // Reading and telling so much takes a multiple of it for a moment.
  { memory: 800e6 },
);

fault('child waits for stdin, none supplied', async (t, it) => {
  t.match(await it.run(exec('cat')), { status: 'completed', output: { stdout_bytes: 0 } });
});

fault('child stops itself or is stopped', async (t, it) => {
  const late = await withLimit(
    (attempt_ms) => it.run('echo up; kill -STOP $$; echo never', { timeouts: { attempt_ms } }),
    ({ output }) => output.stdout_bytes > 0,
  );
  t.match(late, { status: 'timed_out', result: { stdout: 'up\n' } });
  const { id } = await it.begun('trap "echo woken; exit 0" TERM; echo up; kill -STOP $$; sleep 600');
  t.match(await it.cancel(id), { status: 'cancelled', outcome: { process: { survivors: 0 } } });
});

fault('zombie', async (t, it) => {
  const host = await it.hostPid();
  const own = token();
  const go = join(tempDir(t), 'go');
  const ids = [];
  for (let i = 0; i < 5; i++)
    ids.push((await it.begun(`echo up; until [ -e ${go} ]; do sleep 0.02; done; exit 7 # ${own}`)).id);
  it.server.signal('SIGSTOP');
  writeFileSync(go, '');
  await until('they have ended and are reaped', () => withArgument(own).length === 0);
  t.same(zombiesOf(host), []);
  it.server.signal('SIGCONT');
  for (const id of ids) t.match(await it.finished(id), { outcome: { cause: 'exited', exit_code: 7 } });
});

fault('server as container PID 1, command leaves orphans that exit', async (t, it) => {
  for (let i = 0; i < 5; i++) await it.run('for i in 1 2 3 4; do (sleep 0.0$i &) ; done; sleep 0.02');
  t.same(zombiesOf(await it.hostPid()), []);
  t.same(zombiesOf(it.pid), []);
  // Where the server is process 1 it cannot reap: the image has an init.
  t.match(readFileSync('Dockerfile', 'utf8'), /^ENTRYPOINT \["\/usr\/bin\/tini"/m);
});

fault('child kills the server (same uid)', async (t, it) => {
  const marker = token();
  const go = join(tempDir(t), 'go');
  const waits = `until [ -e ${go} ]; do sleep 0.01; done`;
  const { id } = await it.submit(`setsid sleep 600.${marker} & ${waits}; kill -9 ${it.pid}; sleep 600`);
  // Not before it has answered.
  writeFileSync(go, '');
  await it.died();
  await it.start();
  t.match(await it.finished(id), { status: 'failed', outcome: { cause: 'lost', detail: 'server_crash' } });
  t.same(withArgument(marker), []);
  const { id: killer } = await it.submit(`kill -9 ${await it.hostPid()}; sleep 600`);
  t.match(await it.finished(killer), { outcome: { cause: 'lost', detail: 'runner_host_died' } });
});

fault(
  'cancel races: cancel before start, during spawn, after exit, twice, 100 concurrent cancels',
  async (t, it) => {
    const ran = join(tempDir(t), 'ran');
    const blocker = await it.begun('echo up; sleep 600');
    const queued = await it.submit(`echo ran >> ${ran}`);
    t.match(await it.cancel(queued.id), { status: 'cancelled', attempts: [] }, 'before the start');
    const codes = await Promise.all(
      Array.from({ length: 100 }, async () => (await it.post(`/v1/executions/${blocker.id}/cancel`)).status),
    );
    t.ok(
      codes.every((code) => code === 202 || code === 200 || code === 409),
      [...new Set(codes)].join(),
    );
    t.match(await it.finished(blocker.id), { status: 'cancelled' });
    t.notOk(existsSync(ran), 'it never starts afterwards');
    for (let i = 0; i < 15; i++) {
      const { id } = await it.submit(exec('sleep', ['0.00' + String(i % 10)]));
      if (i % 3 === 0) await it.get(`/v1/executions/${id}`);
      const { status } = await it.post(`/v1/executions/${id}/cancel`);
      const end = await it.finished(id);
      t.ok(['cancelled', 'completed'].includes(end.status), `${status}: ${end.status}`);
      if (status === 200) t.equal(end.status, 'cancelled');
    }
    const over = await it.run(exec('true'));
    t.equal((await it.post(`/v1/executions/${over.id}/cancel`)).status, 409);
    t.match(await it.get(`/v1/executions/${over.id}`), { status: 'completed' });
  },
  { env: { EXECUTION_MAX_CONCURRENT: '1' } },
);
