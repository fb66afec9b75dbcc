// What a server has to show.
import type { Server } from '../support.ts';
import { barsAsPng } from './picture.ts';

export interface Shown {
  failed: string;
  running: string;
  plan: string;
  /** A plan that runs, with two steps that report how far they are. */
  halfway: string;
  /** A sandbox wanted a host that its list does not have; null where there are no sandboxes. */
  refused: string | null;
  /** A plan that waits for an approval and for a signal. */
  waiting: string;
  /** Has left files. */
  files: string;
  schedule: string;
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

const LONG = { attempt_ms: 3_600_000 };

export const HALFWAY = {
  description: 'Nightly import',
  strategy: { type: 'dependency_graph' },
  labels: { team: 'data' },
  steps: [
    { name: 'fetch', kind: 'shell', command: 'echo 3 files; sleep 0.2' },
    {
      ...{ name: 'load', kind: 'shell', depends_on: ['fetch'], progress: 'json', timeouts: LONG },
      command: `echo '{"percent": 42, "message": "12,400 of 29,500 rows"}'; sleep 3600`,
    },
    {
      ...{ name: 'thumbnails', kind: 'shell', depends_on: ['fetch'], progress: 'json', timeouts: LONG },
      command: `echo '{"percent": 75, "message": "900 of 1,200 pictures"}'; sleep 3600`,
    },
    { name: 'publish', kind: 'shell', command: 'echo published', depends_on: ['load', 'thumbnails'] },
  ],
};

/** What sandboxes of the server may reach. */
export const NETWORK = 'pypi.org';
const SANDBOXED = {
  kind: 'shell',
  command: 'curl -fsS https://telemetry.example.com/v1/ping',
  isolation: 'sandbox',
  network: { allow: [NETWORK] },
  labels: { team: 'data' },
};

export const WAITING = {
  description: 'Ship 2.14 to production',
  strategy: { type: 'dependency_graph' },
  steps: [
    { name: 'canary', kind: 'shell', command: 'echo 1 % of the traffic for 10 min; echo no errors' },
    {
      ...{ name: 'go', kind: 'wait', depends_on: ['canary'] },
      approval: {
        message: 'Ship 2.14 to all customers?',
        required: 2,
        users: ['local', 'bea'],
        expires_ms: 86_400_000,
      },
    },
    { name: 'frozen', kind: 'wait', signal: { name: 'freeze-over' } },
    { name: 'ship', kind: 'shell', command: 'echo shipped', depends_on: ['go', 'frozen'] },
  ],
};

/** Leaves a text, a picture, something that means harm, and a file that nobody asked for. */
export const LEAVES_FILES = {
  kind: 'shell',
  command: `mkdir out; sort names.txt > out/sorted.txt; cp chart.png out/; head -c 3000 /dev/urandom > out/core.bin
    echo '<script>window.harmed = 1</script>' | tee out/page.html > out/x.svg; touch left.tmp`,
  files: [
    { path: 'names.txt', content: 'mia\nbo\nann\n' },
    { path: 'chart.png', base64: barsAsPng([30, 55, 48, 80, 96, 70, 104]).toString('base64') },
  ],
  artifacts: ['out', 'report.pdf'],
  labels: { team: 'data' },
};

export const SCHEDULE = {
  ...{
    name: 'nightly-backup',
    description: 'Dumps the database',
    cron: '0 2 * * *',
    timezone: 'Europe/Berlin',
  },
  execution: { kind: 'shell', command: 'echo dumped 4.2 GB', labels: { job: 'backup' } },
};

export const OPERATION = {
  description: 'Makes a picture smaller',
  params: {
    type: 'object',
    properties: {
      source: { type: 'string', description: 'Which picture' },
      width: { type: 'integer', minimum: 16, maximum: 4096, default: 640 },
    },
    required: ['source'],
    additionalProperties: false,
  },
  run: { kind: 'exec', program: 'echo', args: ['resizing', '{{source}}', '{{width}}'] },
};

/** Its condition is never true: nothing is sent. */
const WEBHOOK = {
  url: 'https://hooks.example.com/builds',
  description: 'The channel of the web team',
  events: ['failed', 'timed_out', 'lost'],
  when: 'failures >= 100',
  template: 'slack',
};

/** Fails after a hundred lines in colour and a progress bar. */
export const COLOURED = `printf '\\033[1m== unit tests ==\\033[0m\\n'
for i in $(seq 1 120); do printf '\\033[32m✓\\033[0m test %03d \\033[2m(%d ms)\\033[0m\\n' $i $((i % 37)); done
for p in 10 40 70 100; do printf '\\rprogress %d%%' $p; sleep 0.02; done; echo
printf '\\033[31mError: expected 3 to equal 4\\033[0m\\n    at add (src/add.ts:12:7)\\n' >&2; exit 1`;

const SLOW = `i=0; while [ $i -lt 18000 ]; do i=$((i+1)); echo "shard $((i % 5)): fetched $((i * 17)) rows"
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
  const { id: waiting } = await call<{ id: string }>('POST', '/v1/plans', WAITING);
  const { id: files } = await submit(LEAVES_FILES);
  await finished(files);
  await call('POST', '/v1/schedules', SCHEDULE);
  await call('POST', `/v1/schedules/${SCHEDULE.name}/run`);
  const poll = {
    name: 'poll',
    every_ms: 900_000,
    paused: true,
    execution: { kind: 'shell', command: 'true' },
  };
  await call('POST', '/v1/schedules', poll);
  await call('PUT', `/v1/admin/operations/resize-image`, OPERATION);
  await call('POST', '/v1/webhooks', WEBHOOK);
  const { id: failed } = await submit({ kind: 'shell', command: COLOURED, labels: { team: 'web' } });
  await finished(failed);
  const { id: running } = await submit({ kind: 'shell', command: SLOW, timeouts: LONG, task_id: 'nightly' });
  const { id: halfway } = await call<{ id: string }>('POST', '/v1/plans', HALFWAY);
  const refused = (await submit(SANDBOXED).catch(() => null))?.id ?? null;
  if (refused === null) console.log('      no sandboxes here: the refused hosts of one are not shown');
  else await finished(refused);
  return { failed, running, plan, halfway, refused, waiting, files, schedule: SCHEDULE.name };
}
