// What a server has to show.
import type { Server } from '../support.ts';

export interface Shown {
  failed: string;
  running: string;
  plan: string;
}

const PLAN_STEPS = [
  { name: 'checkout', kind: 'shell', command: 'echo cloning; sleep 0.3' },
  { name: 'lint', kind: 'shell', command: 'sleep 0.4; echo 0 problems', depends_on: ['checkout'] },
  { name: 'unit', kind: 'shell', command: 'sleep 0.8; echo 412 passed', depends_on: ['checkout'] },
  { name: 'build', kind: 'shell', command: 'sleep 0.6; echo built', depends_on: ['checkout'] },
  {
    ...{
      name: 'e2e',
      kind: 'shell',
      depends_on: ['build'],
      retry: { attempts: 2, min_ms: 200, max_ms: 300 },
    },
    command: 'echo open /checkout; sleep 0.3; echo "AssertionError: the button was not found" >&2; exit 1',
  },
  { name: 'image', kind: 'shell', command: 'sleep 0.5', depends_on: ['build', 'lint'] },
  { name: 'deploy', kind: 'shell', command: 'echo deploy', depends_on: ['unit', 'e2e', 'image'] },
  { name: 'notify', kind: 'shell', command: 'echo told', depends_on: ['deploy'], run_if: 'always' },
];

export const PLAN = {
  description: 'Release 2.14: build, test, deploy',
  strategy: { type: 'dependency_graph' },
  labels: { team: 'web' },
  steps: PLAN_STEPS,
};

/** Fails after a hundred lines in colour and a progress bar. */
export const COLOURED = `printf '\\033[1m== unit tests ==\\033[0m\\n'
for i in $(seq 1 120); do printf '\\033[32m✓\\033[0m test %03d \\033[2m(%d ms)\\033[0m\\n' $i $((i % 37)); done
for p in 10 40 70 100; do printf '\\rprogress %d%%' $p; sleep 0.02; done; echo
printf '\\033[31mError: expected 3 to equal 4\\033[0m\\n    at add (src/add.ts:12:7)\\n' >&2; exit 1`;

const SLOW = `i=0; while [ $i -lt 4000 ]; do i=$((i+1)); echo "shard $((i % 5)): fetched $((i * 17)) rows"
[ $((i % 9)) = 0 ] && echo "warning: shard $((i % 5)) is slow" >&2; sleep 0.2; done`;

/** Executions of every kind of end, some that run, and a plan. */
export async function fill({ call, submit, finished }: Server): Promise<Shown> {
  const runs = [
    ['echo "Compiling 214 modules"; sleep 0.9', { labels: { team: 'web' }, task_id: 'build-4711' }],
    [
      'for i in 1 2 3; do echo "chunk $i ok"; sleep 0.1; done',
      { labels: { team: 'data' }, task_id: 'import' },
    ],
    [
      'echo "connecting …"; sleep 0.2; echo "could not connect to 10.0.4.17: refused" >&2; exit 2',
      { labels: { team: 'data', env: 'prod' } },
    ],
    ['sleep 30', { timeouts: { attempt_ms: 500 }, labels: { team: 'ops' } }],
    ['date; sleep 0.1', { cache: { ttl_s: 600 }, labels: { team: 'ops' } }],
    ['kill -9 $$', {}],
    [
      `echo '{"users": 1204, "orders": [{"id": 1, "total": 19.9}], "ok": true}'`,
      { labels: { team: 'data' } },
    ],
    ['du -sh /usr/share/doc', { labels: { team: 'ops' } }],
  ] as const;
  for (let round = 0; round < 4; round++)
    for (const [command, more] of runs) await submit({ kind: 'shell', command, ...more });
  const { id: plan } = await call<{ id: string }>('POST', '/v1/plans', PLAN);
  await call('GET', `/v1/plans/${plan}?wait=60`);
  const { id: failed } = await submit({ kind: 'shell', command: COLOURED, labels: { team: 'web' } });
  await finished(failed);
  const timeouts = { attempt_ms: 600_000 };
  const { id: running } = await submit({ kind: 'shell', command: SLOW, timeouts, task_id: 'nightly' });
  return { failed, running, plan };
}
