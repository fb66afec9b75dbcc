// The rules for Prometheus: what is an alert, from when on, and the series that it fires for and does not. `npm run generate` writes
// them as a plain file and as a PrometheusRule; the test runs the cases with promtool.

/** Series of promtool: a value for each minute, such as `0+5x60`. */
export type Series = Readonly<Record<string, string>>;

export interface Alert {
  name: string;
  expr: string;
  for: string;
  severity: 'critical' | 'warning';
  summary: string;
  labels?: Readonly<Record<string, string>>;
  /** It fires for these at `at`, and is quiet for the others. */
  fires: Series;
  quiet: Series;
  at?: string;
}

/** The thresholds, each in one place. */
export const THRESHOLDS = {
  cacheHitRatio: 0.8,
  timeoutRatio: 0.05,
  retryRatio: 0.1,
  memoryRatio: 0.9,
  queueAgeS: 600,
  lateP95S: 60,
  /** More than EXECUTION_MAX_TIMEOUT and any grace. */
  runAgeS: 5400,
  writeBehindLagS: 30,
  diskFree: 0.1,
  diskFull: 0.03,
  eventLoopLagS: 0.25,
  slo: 0.999,
} as const;
const T = THRESHOLDS;

const rate = (metric: string, window = '5m') => `sum(rate(${metric}[${window}]))`;
const hits = rate('cache_hits_total', '15m');
const lookups = `(${hits} + ${rate('cache_misses_total', '15m')})`;
const finished = rate('execd_executions_finished_total{kind!="plan"}', '15m');
/** Few events make any ratio. */
const MIN_RATE = 0.01;

const RATIOS: Alert[] = [
  {
    name: 'ExecdCacheHitRatioLow',
    expr: `${hits} / ${lookups} < ${T.cacheHitRatio} and ${lookups} > ${MIN_RATE}`,
    ...{ for: '15m', severity: 'warning' },
    summary: 'Less than 80 % of the cache lookups find a result.',
    fires: { cache_hits_total: '0+50x60', cache_misses_total: '0+50x60' },
    quiet: { cache_hits_total: '0+90x60', cache_misses_total: '0+10x60' },
  },
  {
    name: 'ExecdTimeoutRatioHigh',
    expr: `${rate('timeout_errors_total', '15m')} / ${finished} > ${T.timeoutRatio} and ${finished} > ${MIN_RATE}`,
    ...{ for: '10m', severity: 'warning' },
    summary: 'More than 5 % of the executions time out.',
    fires: { timeout_errors_total: '0+10x60', 'execd_executions_finished_total{kind="exec"}': '0+100x60' },
    quiet: { timeout_errors_total: '0+1x60', 'execd_executions_finished_total{kind="exec"}': '0+100x60' },
  },
  {
    name: 'ExecdRetryRatioHigh',
    expr: `${rate('retry_attempts_total', '15m')} / (${rate('retry_attempts_total', '15m')} + ${finished}) > ${T.retryRatio} and ${finished} > ${MIN_RATE}`,
    ...{ for: '10m', severity: 'warning' },
    summary: 'More than 10 % of the attempts are retries.',
    fires: { retry_attempts_total: '0+30x60', 'execd_executions_finished_total{kind="exec"}': '0+100x60' },
    quiet: { retry_attempts_total: '0+5x60', 'execd_executions_finished_total{kind="exec"}': '0+100x60' },
  },
];

const QUEUE: Alert[] = [
  {
    name: 'ExecdQueueOld',
    expr: `max(execd_queue_oldest_age_seconds) > ${T.queueAgeS}`,
    ...{ for: '5m', severity: 'warning' },
    summary: 'An execution has waited in the queue for more than 10 minutes.',
    fires: { execd_queue_oldest_age_seconds: '700+60x60' },
    quiet: { execd_queue_oldest_age_seconds: '30x60' },
  },
  {
    name: 'ExecdExecutionsLate',
    expr: `histogram_quantile(0.95, sum by (le) (rate(execd_queue_wait_seconds_bucket[15m]))) > ${T.lateP95S}`,
    ...{ for: '15m', severity: 'warning' },
    summary: '5 % of the executions start more than a minute after they were accepted.',
    fires: {
      'execd_queue_wait_seconds_bucket{le="1"}': '0+1x60',
      'execd_queue_wait_seconds_bucket{le="120"}': '0+50x60',
      'execd_queue_wait_seconds_bucket{le="+Inf"}': '0+50x60',
    },
    quiet: {
      'execd_queue_wait_seconds_bucket{le="1"}': '0+50x60',
      'execd_queue_wait_seconds_bucket{le="120"}': '0+50x60',
      'execd_queue_wait_seconds_bucket{le="+Inf"}': '0+50x60',
    },
  },
  {
    name: 'ExecdQueueStuck',
    expr: 'sum(execd_queued_executions) > 0 and sum(increase(execd_queue_wait_seconds_count[15m])) == 0',
    ...{ for: '5m', severity: 'critical' },
    summary: 'Executions wait, but none has started for 15 minutes.',
    fires: {
      'execd_queued_executions{slots="process",pool="default"}': '3x60',
      execd_queue_wait_seconds_count: '7x60',
    },
    quiet: {
      'execd_queued_executions{slots="process",pool="default"}': '3x60',
      execd_queue_wait_seconds_count: '0+7x60',
    },
  },
  {
    name: 'ExecdPoolUnserved',
    // Every server counts the same executions.
    expr: 'max by (slots) (execd_unserved_executions) > 0',
    ...{ for: '5m', severity: 'warning' },
    summary: 'Executions wait for a pool that no server serves.',
    labels: { slots: 'process' },
    fires: { 'execd_unserved_executions{slots="process",instance="a"}': '0x40 3x20' },
    // The only server of a pool restarts.
    quiet: { 'execd_unserved_executions{slots="process",instance="a"}': '0x52 3x8' },
  },
  {
    name: 'ExecdRunStuck',
    expr: `max(execd_oldest_run_age_seconds) > ${T.runAgeS}`,
    ...{ for: '5m', severity: 'critical' },
    summary: 'An attempt runs longer than any clock allows (EXECUTION_MAX_TIMEOUT and its grace).',
    fires: { execd_oldest_run_age_seconds: '5000+60x60' },
    quiet: { execd_oldest_run_age_seconds: '600x60' },
  },
  {
    name: 'ExecdMonitorEvents',
    expr: 'sum by (event) (increase(execd_monitor_events_total[15m])) > 0',
    ...{ for: '1m', severity: 'warning' },
    summary: 'Monitors have reported executions as late or stuck, or schedules as silent.',
    labels: { event: 'late' },
    fires: { 'execd_monitor_events_total{event="late"}': '0x40 1x20' },
    quiet: { 'execd_monitor_events_total{event="late"}': '3x60' },
  },
];

const SERVER: Alert[] = [
  {
    name: 'ExecdDown',
    expr: 'absent(execd_ready)',
    ...{ for: '5m', severity: 'critical' },
    summary: 'Prometheus gets no metrics of execd.',
    fires: { other: '1x60' },
    quiet: { execd_ready: '1x60' },
  },
  {
    name: 'ExecdNotReady',
    expr: 'max(execd_ready) == 0',
    ...{ for: '5m', severity: 'critical' },
    summary: 'execd accepts no executions.',
    fires: { execd_ready: '0x60' },
    quiet: { execd_ready: '1x60' },
  },
  {
    name: 'ExecdMemoryHigh',
    expr: `max(execd_memory_ratio) > ${T.memoryRatio}`,
    ...{ for: '5m', severity: 'critical' },
    summary: 'execd uses more than 90 % of its memory.',
    fires: { execd_memory_ratio: '0.95x60' },
    quiet: { execd_memory_ratio: '0.5x60' },
  },
  {
    name: 'ExecdEventLoopSlow',
    expr: `max(nodejs_eventloop_lag_p99_seconds) > ${T.eventLoopLagS}`,
    ...{ for: '10m', severity: 'warning' },
    summary: 'Requests wait for more than 250 ms because execd is busy.',
    fires: { nodejs_eventloop_lag_p99_seconds: '0.4x60' },
    quiet: { nodejs_eventloop_lag_p99_seconds: '0.02x60' },
  },
  {
    name: 'ExecdCircuitOpen',
    expr: 'max by (circuit) (execd_circuit_state) >= 2',
    ...{ for: '10m', severity: 'warning' },
    summary: 'The circuit {{ $labels.circuit }} has been open for 10 minutes.',
    fires: { 'execd_circuit_state{circuit="operation:a"}': '2x60' },
    quiet: { 'execd_circuit_state{circuit="operation:a"}': '1x60' },
    labels: { circuit: 'operation:a' },
  },
  {
    name: 'ExecdAttemptsLost',
    expr: 'sum by (detail) (increase(execd_attempts_lost_total{detail!~"shutdown|server_stopped"}[15m])) > 0',
    ...{ for: '0m', severity: 'warning' },
    summary: 'Attempts were lost: {{ $labels.detail }}.',
    fires: { 'execd_attempts_lost_total{detail="reboot"}': '0x45 1x15' },
    quiet: { 'execd_attempts_lost_total{detail="shutdown"}': '0x45 1x15' },
    labels: { detail: 'reboot' },
  },
  {
    name: 'ExecdRunnerHostRestarts',
    expr: 'sum(increase(execd_runner_host_restarts_total[15m])) > 0',
    ...{ for: '0m', severity: 'warning' },
    summary: 'The runner host crashed or stopped responding.',
    fires: { execd_runner_host_restarts_total: '0x45 1x15' },
    quiet: { execd_runner_host_restarts_total: '1x60' },
  },
  {
    name: 'ExecdProcessesSurvive',
    expr: 'sum(increase(execd_surviving_processes_total[1h])) > 0',
    ...{ for: '0m', severity: 'warning' },
    summary: 'execd could not kill a process.',
    fires: { execd_surviving_processes_total: '0x45 1x15' },
    quiet: { execd_surviving_processes_total: '1x60' },
  },
];

const STORE: Alert[] = [
  {
    name: 'ExecdStoreErrors',
    expr: 'sum(increase(execd_store_errors_total[5m])) > 0',
    ...{ for: '0m', severity: 'critical' },
    summary: 'Writes to the store fail.',
    fires: { execd_store_errors_total: '0+1x60' },
    quiet: { execd_store_errors_total: '4x60' },
  },
  {
    name: 'ExecdWriteBehindLag',
    expr: `max(execd_write_behind_lag_seconds) > ${T.writeBehindLagS}`,
    ...{ for: '5m', severity: 'warning' },
    summary: 'Output counters of running executions have not been stored for 30 seconds.',
    fires: { execd_write_behind_lag_seconds: '60x60' },
    quiet: { execd_write_behind_lag_seconds: '3x60' },
  },
  {
    name: 'ExecdDiskLow',
    expr: `min by (disk) (execd_disk_free_bytes / execd_disk_size_bytes) < ${T.diskFree}`,
    ...{ for: '5m', severity: 'warning' },
    summary: 'The disk for {{ $labels.disk }} has less than 10 % of free space.',
    fires: { 'execd_disk_free_bytes{disk="data"}': '9x60', 'execd_disk_size_bytes{disk="data"}': '100x60' },
    quiet: { 'execd_disk_free_bytes{disk="data"}': '50x60', 'execd_disk_size_bytes{disk="data"}': '100x60' },
    labels: { disk: 'data' },
  },
  {
    name: 'ExecdDiskFull',
    expr: `min by (disk) (execd_disk_free_bytes / execd_disk_size_bytes) < ${T.diskFull}`,
    ...{ for: '1m', severity: 'critical' },
    summary: 'The disk for {{ $labels.disk }} is full.',
    fires: { 'execd_disk_free_bytes{disk="data"}': '1x60', 'execd_disk_size_bytes{disk="data"}': '100x60' },
    quiet: { 'execd_disk_free_bytes{disk="data"}': '9x60', 'execd_disk_size_bytes{disk="data"}': '100x60' },
    labels: { disk: 'data' },
  },
  {
    name: 'ExecdDiskFilling',
    expr: 'predict_linear(execd_disk_free_bytes[6h], 86400) < 0 and execd_disk_free_bytes / execd_disk_size_bytes < 0.5',
    ...{ for: '30m', severity: 'warning' },
    summary: 'At the rate of the last 6 hours, the disk for {{ $labels.disk }} is full within a day.',
    fires: {
      'execd_disk_free_bytes{disk="data"}': '49-0.1x120',
      'execd_disk_size_bytes{disk="data"}': '100x120',
    },
    quiet: {
      'execd_disk_free_bytes{disk="data"}': '49x120',
      'execd_disk_size_bytes{disk="data"}': '100x120',
    },
    labels: { disk: 'data' },
  },
  {
    name: 'ExecdWebhooksDropped',
    expr: 'sum(increase(execd_webhook_deliveries_dropped_total[15m])) > 0',
    ...{ for: '0m', severity: 'warning' },
    summary: 'Webhook deliveries were dropped because too many of their user waited.',
    fires: { execd_webhook_deliveries_dropped_total: '0x45 1x15' },
    quiet: { execd_webhook_deliveries_dropped_total: '1x60' },
  },
  {
    name: 'ExecdLogLinesDropped',
    expr: 'sum(increase(execd_log_lines_dropped_total[15m])) > 0',
    ...{ for: '0m', severity: 'warning' },
    summary: 'execd dropped lines of its own log because nothing read them.',
    fires: { execd_log_lines_dropped_total: '0x45 1x15' },
    quiet: { execd_log_lines_dropped_total: '1x60' },
  },
];

/** What is promised, as the part that failed. */
const SLIS = {
  requests: {
    bad: 'execd_http_request_duration_seconds_count{code=~"5.."}',
    all: 'execd_http_request_duration_seconds_count',
    what: 'requests get a 5xx response',
  },
  executions: {
    bad: 'execd_executions_finished_total{fault="system"}',
    all: 'execd_executions_finished_total',
    what: 'executions fail by the fault of execd',
  },
} as const;
const WINDOWS = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'] as const;
/** Multi-window, multi-burn-rate: Google, The Site Reliability Workbook, chapter 5. */
const BURNS = [
  { long: '1h', short: '5m', factor: 14.4, for: '2m', severity: 'critical' },
  { long: '6h', short: '30m', factor: 6, for: '15m', severity: 'critical' },
  { long: '1d', short: '2h', factor: 3, for: '1h', severity: 'warning' },
  { long: '3d', short: '6h', factor: 1, for: '3h', severity: 'warning' },
] as const;

const recordOf = (sli: string, window: string) => `execd:${sli}_failed:ratio_rate${window}`;

const RECORDS = Object.entries(SLIS).flatMap(([sli, { bad, all }]) =>
  WINDOWS.map((window) => ({
    record: recordOf(sli, window),
    expr: `(${rate(bad, window)} or vector(0)) / ${rate(all, window)}`,
  })),
);

const BURN_ALERTS = Object.entries(SLIS).flatMap(([sli, { bad, all, what }]) =>
  BURNS.map(({ long, short, factor, ...burn }): Alert => {
    const most = `(${factor} * ${(1 - T.slo).toFixed(3)})`;
    return {
      name: sli === 'requests' ? 'ExecdRequestBudgetBurn' : 'ExecdExecutionBudgetBurn',
      expr: `${recordOf(sli, long)} > ${most} and ${recordOf(sli, short)} > ${most} and ${rate(all, long)} > ${MIN_RATE}`,
      ...burn,
      summary: `${factor} times as many ${what} as 99.9 % allow, over ${long}.`,
      labels: { long, short },
      fires: {
        [bad.replace('=~"5.."', '="500"')]: '0+30x300',
        [all.replace(/$/, '{code="200",fault="none"}')]: '0+100x300',
      },
      quiet: { [all.replace(/$/, '{code="200",fault="none"}')]: '0+100x300' },
      at: '290m',
    };
  }),
);

export const ALERTS: readonly Alert[] = [...SERVER, ...QUEUE, ...STORE, ...RATIOS, ...BURN_ALERTS];

/** Where the section of each alert is. */
const RUNBOOK = 'docs/operate/monitoring.md';

/** The groups, as Prometheus reads them. */
export function ruleGroups(): { groups: object[] } {
  const rules = ALERTS.map(({ name, expr, for: during, severity, summary, labels }) => ({
    alert: name,
    expr,
    for: during,
    labels: {
      severity,
      ...(labels !== undefined && 'long' in labels ? labels : {}),
    },
    annotations: { summary, runbook: `${RUNBOOK}#${name.toLowerCase()}` },
  }));
  return {
    groups: [
      { name: 'execd-slo', interval: '30s', rules: RECORDS },
      { name: 'execd', interval: '30s', rules },
    ],
  };
}

/** Unit tests for promtool: each alert fires for its case, and is quiet for the other. */
export function ruleTests(ruleFile: string): object {
  // Those that share a name have one case: all windows of a budget.
  const first = ALERTS.filter(({ name }, i) => ALERTS.findIndex((one) => one.name === name) === i);
  const tests = first.flatMap(({ name, fires, quiet, at = '55m', severity, labels = {}, summary }) =>
    [fires, quiet].map((series) => ({
      name: `${name} ${series === fires ? 'fires' : 'is quiet'}`,
      interval: '1m',
      input_series: Object.entries(series).map(([one, values]) => ({ series: one, values })),
      alert_rule_test: [
        {
          eval_time: at,
          alertname: name,
          exp_alerts: series === fires ? firing({ name, labels, severity, summary }) : [],
        },
      ],
    })),
  );
  return { rule_files: [ruleFile], evaluation_interval: '5m', tests };
}

/** A staged outage is one for all windows: whichever have enough history fire together. */
function firing({
  name,
  labels,
  severity,
  summary,
}: Pick<Alert, 'name' | 'severity' | 'summary'> & { labels: object }) {
  const same = ALERTS.filter((one) => one.name === name);
  const all = same.length > 1 ? same : [{ labels, severity, summary }];
  return all.map((one) => ({
    exp_labels: { severity: one.severity, ...one.labels },
    exp_annotations: {
      summary: one.summary.replace(
        /\{\{ \$labels\.(\w+) \}\}/g,
        (_all, label: string) => (one.labels as Record<string, string>)[label] ?? '',
      ),
      runbook: `${RUNBOOK}#${name.toLowerCase()}`,
    },
  }));
}
