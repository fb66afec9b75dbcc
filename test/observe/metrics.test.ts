import t from 'tap';
import type { LifecycleEvent } from '../../src/domain/execution/events.ts';
import type { Execution } from '../../src/domain/execution/execution.ts';
import { NO_OUTPUT } from '../../src/domain/execution/execution.ts';
import { METRICS, type MetricSpec } from '../../src/observe/metric-catalogue.ts';
import { createMetrics, type Gauges, type Metrics } from '../../src/observe/metrics.ts';
import { EXIT_0, newExecution } from '../helpers/records.ts';

const NO_GAUGES: Gauges = {
  pauses: 0,
  lateExecutions: 0,
  isDrained: false,
  pools: [
    { name: 'default', queued: { process: 3, http: 0 }, slots: { process: 4, http: 4 }, servers: ['a'] },
    { name: 'any-name', queued: { process: 5, http: 0 }, slots: { process: 0, http: 0 }, servers: [] },
    { name: 'another', queued: { process: 2, http: 1 }, slots: { process: 0, http: 0 }, servers: [] },
  ],
  counts: {
    pending: 0,
    scheduledRetry: 0,
    delayed: 0,
    joined: 0,
    running: 0,
    finishedSteps: 0,
    awaiting: 0,
    oldestQueuedAt: null,
  } as never,
  queueAgeMs: 0,
  oldestRunMs: 0,
  concurrency: { process: { max: 4, running: 1 }, http: { max: 4, running: 0 } },
  writeBehind: { lagMs: 0, failures: 0 },
  store: { queued: { process: 3, http: 0 }, deliveries: { pending: 0, dropped: 0 } } as never,
  runner: { restarts: 0 } as never,
  waiting: { polls: 0, logFollowers: 0 },
  streams: { clients: {}, blocked: 0, sent: 0, cut: {} },
  handlers: [],
  webhooks: { inFlight: 0, results: {}, seconds: 0 },
  cache: { entries: 0, bytes: 0, evictions: 0, expirations: 0, refused: 0 },
  circuits: [],
  charges: { failures: 0, due: 0, reserved: 0 },
  logLinesDropped: 0,
  tracing: null,
  storeFailures: 2,
  data: { bytes: 26, maxBytes: 27 },
  kept: { storeBytes: 5, logBytes: 6, logs: 7 },
  files: { files: 11, bytes: 12 },
  sizes: { files: { database: 8 }, disks: { data: { free: 1, size: 10 } } },
  memoryRatio: 0.5,
  operations: ['resize'],
};

function world(): Metrics {
  const gauges = {
    ...NO_GAUGES,
    store: { ...NO_GAUGES.store, commits: 0, groups: 0, commitSeconds: 0, waiting: 0 },
  };
  return createMetrics({
    ...{ version: '1', gauges: async () => gauges, isReady: () => true },
    between: (from, to) => to - from,
  });
}

/** An end after so many milliseconds, as the engine publishes it. */
function tellEnd(metrics: Metrics, runMs: number, n: number): void {
  const attempt = {
    ...{ number: 1, claimedAt: 0, startedAt: 0, endedAt: runMs, runner: 'x', outcome: EXIT_0 },
    ...{ output: NO_OUTPUT, logComplete: true, resources: { cpuMs: 500, maxRssBytes: 3_000_000 } },
  };
  const execution = {
    ...newExecution({ runId: `run-${n}` as never }),
    ...{
      status: 'completed',
      phase: 'done',
      outcome: EXIT_0,
      result: null,
      finishedAt: runMs,
      attempts: [attempt],
    },
  } as unknown as Execution;
  metrics.onEvent({ type: 'completed' } as LifecycleEvent, execution);
}

/** As histogram_quantile of Prometheus works it out: linear within a bucket. */
function quantile(text: string, name: string, q: number): number {
  const buckets = [...text.matchAll(new RegExp(`^${name}_bucket\\{le="([^"]+)".*\\} (\\d+)$`, 'gm'))].map(
    ([, le = '', count = '']) => ({ le: le === '+Inf' ? Infinity : Number(le), count: Number(count) }),
  );
  const rank = q * (buckets.at(-1)?.count ?? 0);
  const at = buckets.findIndex(({ count }) => count >= rank);
  const [low, here] = [buckets[at - 1] ?? { le: 0, count: 0 }, buckets[at] as { le: number; count: number }];
  return low.le + ((here.le - low.le) * (rank - low.count)) / (here.count - low.count);
}

t.test('a p95 of the durations is right within 10 %, whatever they are', async (t) => {
  const even = (from: number, to: number) =>
    Array.from({ length: 100 }, (_, i) => from + ((to - from) * i) / 99);
  const cases: Record<string, number[]> = {
    'all alike, just above a bound': Array.from({ length: 100 }, () => 1001),
    'all alike, at 80 ms': Array.from({ length: 100 }, () => 80),
    'all alike, at a minute': Array.from({ length: 100 }, () => 60_000),
    'even, 10 to 50 ms': even(10, 50),
    'even, 0.3 to 0.7 s': even(300, 700),
    'two sorts': [...Array.from({ length: 90 }, () => 20), ...Array.from({ length: 10 }, () => 4000)],
    'a long tail': even(0, 9)
      .map((x) => 30 * Math.exp(x))
      .filter((ms) => ms < 99_000),
  };
  for (const [name, durations] of Object.entries(cases)) {
    const metrics = world();
    durations.forEach((ms, n) => tellEnd(metrics, ms, n));
    const sorted = [...durations].sort((a, b) => a - b);
    const truth = (sorted[Math.ceil(0.95 * sorted.length) - 1] as number) / 1000;
    const found = quantile(await metrics.render(), 'operation_duration_seconds', 0.95);
    t.ok(Math.abs(found - truth) <= 0.1 * truth, `${name}: ${found} for ${truth}`);
  }
});

t.test('series begin at 0 before anything happens, and the new ones are there', async (t) => {
  const metrics = world();
  const text = await metrics.render();
  for (const line of [
    'cache_hits_total{operation_type="resize"} 0',
    'timeout_errors_total{operation_type="resize"} 0',
    'retry_attempts_total{operation_type="resize"} 0',
    'execd_attempts_lost_total{detail="reboot"} 0',
    'execd_executions_accepted_total{kind="http"} 0',
    'execd_executions_finished_total{kind="exec",status="failed",cause="internal",fault="system"} 0',
    'execd_queued_executions{slots="process",pool="default"} 3',
    'execd_pool_slots{slots="http",pool="default"} 4',
    'execd_unserved_executions{slots="process"} 7',
    'execd_store_errors_total 2',
    'execd_kept_bytes{what="logs"} 6',
    'execd_kept_logs 7',
    'execd_files 11',
    'execd_file_bytes 12',
    'execd_trace_spans_total{result="dropped"} 0',
    'execd_artifact_problems_total 0',
    'execd_data_bytes 26',
    'execd_data_limit_bytes 27',
    'execd_store_bytes{file="database"} 8',
    'execd_disk_free_bytes{disk="data"} 1',
    'execd_disk_size_bytes{disk="data"} 10',
    'execd_memory_ratio 0.5',
  ])
    t.ok(text.includes(`\n${line}\n`), line);
  metrics.onEvent(
    { type: 'accepted' } as LifecycleEvent,
    { ...newExecution(), attempts: [] } as unknown as Execution,
  );
  tellEnd(metrics, 2000, 0);
  const after = await metrics.render();
  t.match(
    after,
    /^cache_misses_total\{operation_type="exec"\} 0$/m,
    'an operation begins with its first execution',
  );
  t.match(after, /^execd_command_cpu_seconds_total 0\.5$/m);
  t.match(after, /^execd_command_max_rss_bytes_bucket\{le="4194304"\} 1$/m);
  t.match(after, /^execd_last_end_timestamp_seconds 2$/m);
});

t.test('names follow the conventions of Prometheus, and each is there once', async (t) => {
  const all = Object.values(METRICS) as MetricSpec[];
  t.equal(new Set(all.map(({ name }) => name)).size, all.length);
  for (const { name, type, about, labels } of all) {
    t.match(name, /^[a-z][a-z_]*[a-z]$/);
    t.equal(name.endsWith('_total'), type === 'counter', name);
    t.match(about, /^[A-Z0-9].*[^.]\.$/, name);
    for (const label of labels) t.notMatch(label, /user|id$|command|path|key/, name);
  }
});
