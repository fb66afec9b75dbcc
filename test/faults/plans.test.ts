// The list of faults: plans, retries, and commands that mean harm. Each test is named as its case.
import { readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fault, type Victim } from '../helpers/fault-case.ts';
import { until, withLimit } from '../helpers/processes.ts';
import { tempDir } from '../helpers/temp.ts';
import type { PlanWire } from '../../src/http/plans/plan-schemas.ts';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';

const lines = (path: string) => readFileSync(path, 'utf8').trim().split('\n');
const sh = (name: string, command: string, more: object = {}) => ({ name, kind: 'shell', command, ...more });
async function plan(it: Victim, steps: object[], type = 'dependency_graph'): Promise<PlanWire> {
  const answer = await it.post('/v1/plans', { strategy: { type }, steps }, { prefer: 'wait=20' });
  return (await answer.json()) as PlanWire;
}
const stdoutOf = ({ result }: ExecutionWire) => (result as { stdout: string }).stdout;

fault('retry on retryable vs not; attempts cap; jitter; total deadline', async (t, it) => {
  const ran = join(tempDir(t), 'ran');
  const command = `echo $EXECUTION_ID >> ${ran}; exit 3`;
  const retry = { attempts: 3, min_ms: 1, max_ms: 20, jitter: 1 };
  const capped = await it.run(command, { retry });
  t.match(capped, { status: 'failed', error: { code: 'E005' }, attempts: { length: 3 } });
  const other = await it.run(command, { retry: { ...retry, retry_on: { exit_codes: [4] } } });
  t.match(other, { status: 'failed', attempts: { length: 1 } });
  const cancelled = await it.begun('echo up; sleep 600', { retry });
  t.match(await it.cancel(cancelled.id), { status: 'cancelled', attempts: { length: 1 } });
  const waiting = { attempts: 100, min_ms: 3_600_000, max_ms: 3_600_000, jitter: 0 };
  const late = await withLimit(
    (total_ms) => it.run(command, { retry: waiting, timeouts: { total_ms } }),
    ({ attempts }) => attempts[0]?.outcome?.cause === 'exited',
  );
  t.match(late, { status: 'timed_out', outcome: { cause: 'total_timeout' }, attempts: { length: 1 } });
  const times = (id: string) => lines(ran).filter((line) => line === id).length;
  t.same([times(capped.id), times(other.id), times(late.id)], [3, 1, 1]);
});

fault(
  'cycle, self reference, 10k steps, fan-out 1000, missing ref, forward ref',
  async (t, it) => {
    const refused = async (steps: object[], what: string) => {
      const answer = await it.post('/v1/plans', { strategy: { type: 'dependency_graph' }, steps });
      const body = await answer.text();
      t.ok(answer.status === 400 || answer.status === 413, `${what}: ${answer.status} ${body.slice(0, 100)}`);
    };
    await refused(
      [sh('a', 'true', { depends_on: ['b'] }), sh('b', 'true', { depends_on: ['a'] })],
      'a cycle',
    );
    await refused([sh('a', 'true', { depends_on: ['a'] })], 'itself');
    await refused([sh('a', 'true', { depends_on: ['nobody'] })], 'nobody');
    await refused([sh('a', 'cat', { stdin: '${steps.nobody.stdout}' })], 'a reference to nobody');
    await refused([sh('a', 'cat', { stdin: '${steps.b.stdout}' }), sh('b', 'true')], 'one that comes later');
    await refused([sh('a', 'cat', { stdin: '${steps.a.stdout}' })], 'its own output');
    const many = (n: number) =>
      Array.from({ length: n }, (_, i) => ({ name: `s${i}`, kind: 'exec', program: 'true' }));
    await refused(many(10_001), '10,001 steps');
    const wide = await plan(it, [
      ...many(100),
      sh('last', 'true', { depends_on: many(100).map(({ name }) => name) }),
    ]);
    t.match(wide, { status: 'completed', counts: { total: 101, completed: 101 } });
    const items = Array.from({ length: 10_001 }, (_, i) => i);
    const long = await plan(it, [sh('a', 'true', { foreach: { items } })]);
    t.match(long, { status: 'failed', steps: [{ status: 'failed' }] }, '10,001 rounds are never begun');
    t.equal((await it.all()).filter(({ step }) => step?.startsWith('a[')).length, 0);
  },
  { memory: 300e6 },
);

fault('output of step parsed as control (e.g. ::set-env, JSON with uid)', async (t, it) => {
  const evil = [
    '::set-env name=LD_PRELOAD::/tmp/x.so',
    '##vso[task.setvariable variable=A]b',
    '{"uid":0,"env":{"A":"b"},"status":"completed","program":"/bin/false"}',
    '$(exit 9); `exit 9`; ${steps.nobody.stdout} ${plan.params.x}',
  ].join('\n');
  const done = await plan(it, [
    // In the request a reference would be meant.
    sh('evil', 'cat', { stdin: evil.replaceAll('${', () => '$${') }),
    sh('next', 'printf %s "$IN"; echo; env | grep -c ^LD_PRELOAD=; id -u', {
      depends_on: ['evil'],
      env: { IN: '${steps.evil.stdout}' },
    }),
    sh('quoted', 'printf %s ${steps.evil.stdout | quote}', { depends_on: ['evil'] }),
  ]);
  t.match(done, { status: 'completed' });
  const idOf = (name: string) => done.steps?.find((step) => step.name === name)?.execution_id ?? '';
  // Nothing is expanded a second time.
  t.equal((await it.log(idOf('next'))).toString(), `${evil}\n0\n${process.getuid?.()}\n`);
  t.equal((await it.log(idOf('quoted'))).toString(), evil);
});

fault(
  'state machine random walk',
  async (t, it) => {
    // What is legal is checked of the history of every execution, as after every case.
    const dir = tempDir(t);
    const seed = Date.now() % 2 ** 31;
    t.comment(`seed ${seed}`);
    let state = seed;
    const random = (n: number) => (state = (state * 48_271) % 2_147_483_647) % n;
    const ids: string[] = [];
    const pick = () => ids[random(ids.length)] ?? '';
    for (let step = 0; step < 60; step++) {
      const what = random(100);
      if (what < 50 || ids.length === 0) {
        const note = `echo $EXECUTION_ID.$EXECUTION_ATTEMPT >> ${dir}/ran`;
        const more = [
          {},
          { timeouts: { attempt_ms: 30 } },
          { timeouts: { queue_ms: 50, total_ms: 100 } },
          { retry: { attempts: 3, min_ms: 1, max_ms: 30 }, retry_safe: true },
        ][random(4)];
        ids.push((await it.submit(`${note}; sleep 0.0${random(9)}; exit ${random(2)}`, more)).id);
      } else if (what < 70) await it.post(`/v1/executions/${pick()}/cancel`);
      else if (what < 85) await it.get(`/v1/executions/${pick()}`);
      else if (what < 95) await it.finished(pick());
      else if (what < 98) await it.killHost();
      else await it.restart();
    }
    const ends = new Map<string, string>();
    for (const id of ids) ends.set(id, JSON.stringify((await it.finished(id)).outcome));
    await it.restart();
    for (const id of ids)
      t.equal(JSON.stringify((await it.finished(id)).outcome), ends.get(id), 'an end is final');
    const ran = lines(join(dir, 'ran'));
    t.equal(new Set(ran).size, ran.length, 'no attempt has run twice');
  },
  { env: { EXECUTION_MAX_CONCURRENT: '3' } },
);

// ------------------------------------------------------------------------------------- commands that mean harm

fault('inherited fds', async (t, it) => {
  const end = await it.run('ls -l /proc/self/fd | grep -o "[0-9]* -> .*"');
  const fds = stdoutOf(end).trim().split('\n');
  // The last one is the listing itself.
  t.same(
    fds.map((fd) => fd.split(' ')[0]),
    ['0', '1', '2', '3'],
  );
  t.match(fds[3], /proc/);
});

fault('symlink/hardlink swap in work dir during cleanup or artifact pick-up', async (t, it) => {
  const outside = tempDir(t);
  for (let i = 0; i < 50; i++) writeFileSync(join(outside, `file${i}`), 'keep');
  const tree = 'mkdir -p a/{1..40}; touch a/{1..40}/file{0,1}';
  for (let round = 0; round < 4; round++) {
    const go = join(tempDir(t), 'go');
    const { id } = await it.begun(
      `${tree}; ln -s ${outside} link; ln -s ${outside} a/link; echo up; pwd; until [ -e ${go} ]; do sleep 0.02; done`,
    );
    await until('it says where', async () => (await it.log(id)).toString().split('\n').length > 2);
    const home = (await it.log(id)).toString().split('\n')[1] ?? '';
    // What runs beside it swaps directories for links while they are removed.
    const over = new AbortController();
    const { signal } = over;
    const swapping = (async () => {
      for (let n = 0; !signal.aborted; n++) {
        try {
          const path = join(home, 'a', String((n % 40) + 1));
          renameSync(path, `${path}.moved`);
          symlinkSync(outside, path);
        } catch {
          // It has gone already.
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    writeFileSync(go, '');
    await it.finished(id);
    over.abort();
    await swapping;
    await until('it is removed', () => !readdirSync(join(home, '..')).includes(basename(home)));
  }
  t.equal(readdirSync(outside).length, 50, 'nothing outside was removed');
});

fault('setuid binary, file capabilities', async (t, it) => {
  const isNative =
    (await it.get<{ runner_host: { name: string } }>('/v1/stats')).runner_host.name === 'native';
  const end = await it.run('grep NoNewPrivs /proc/self/status');
  // The Node host cannot (docs/operate/runner-hosts.md).
  t.match(stdoutOf(end), isNative ? /NoNewPrivs:\s+1/ : /NoNewPrivs:\s+0/);
});

fault('TIOCSTI / controlling tty', async (t, it) => {
  const end = await it.run('tty; exec 3<>/dev/tty');
  t.match(end, { status: 'failed', result: { stdout: /not a tty/, stderr: /No such device/ } });
});

fault('/tmp squatting with predictable names', async (t, it) => {
  const ends = [];
  for (let i = 0; i < 2; i++) {
    const { id } = await it.begun('echo "$TMPDIR"; until [ -e go ]; do sleep 0.01; done');
    const dir = (await it.log(id)).toString().trim();
    t.ok(dir.startsWith(it.dataDir), 'it is not in /tmp itself');
    t.equal(statSync(dir).mode & 0o777, 0o700);
    writeFileSync(join(dir, 'go'), '');
    await it.finished(id);
    ends.push(dir);
  }
  t.not(ends[0], ends[1], 'each has its own');
});
