// The Grafana dashboards, as typed values: at most six panels and a few lines each. `npm run generate` writes their JSON.

type Unit = 'short' | 's' | 'bytes' | 'percentunit' | 'ops' | 'reqps' | 'Bps';

export interface Panel {
  title: string;
  unit: Unit;
  /** Expressions and their legends. */
  queries: readonly (readonly [expr: string, legend: string])[];
  /** A threshold of an alert, as a line. */
  line?: number;
}

export interface Dashboard {
  uid: string;
  title: string;
  panels: readonly Panel[];
}

const p = (q: number, metric: string, by = '') =>
  `histogram_quantile(${q}, sum by (le${by}) (rate(${metric}_bucket[$__rate_interval])))`;
const rate = (metric: string, by = '') =>
  `sum ${by === '' ? '' : `by (${by}) `}(rate(${metric}[$__rate_interval]))`;
const part = (some: string, all: string) => `${rate(some)} / ${rate(all)}`;
const quantiles = (metric: string): Panel['queries'] => [
  [p(0.5, metric), 'p50'],
  [p(0.95, metric), 'p95'],
  [p(0.99, metric), 'p99'],
];

export const DASHBOARDS: readonly Dashboard[] = [
  {
    uid: 'execd-overview',
    title: 'execd: overview',
    panels: [
      {
        title: 'Executions',
        unit: 'ops',
        queries: [
          [rate('execd_executions_accepted_total'), 'accepted'],
          [rate('execd_executions_finished_total', 'status'), '{{status}}'],
        ],
      },
      {
        title: 'Slots in use',
        unit: 'percentunit',
        queries: [
          ['max(execution_manager_utilization_ratio)', 'processes'],
          ['max(execd_http_active_runs / execd_http_slots)', 'HTTP calls'],
        ],
      },
      { title: 'Duration of attempts', unit: 's', queries: quantiles('operation_duration_seconds') },
      {
        title: 'Failures',
        unit: 'ops',
        queries: [
          [rate('execd_executions_finished_total{fault="system"}'), 'fault of execd'],
          [rate('execd_executions_finished_total{status="failed",fault="user"}'), 'fault of the command'],
        ],
      },
      {
        title: 'Requests',
        unit: 'reqps',
        queries: [
          [rate('execd_http_request_duration_seconds_count'), 'all'],
          [rate('execd_http_request_duration_seconds_count{code=~"5.."}'), '5xx'],
          [rate('execd_requests_refused_total'), 'rejected'],
        ],
      },
      {
        title: 'Server',
        unit: 'percentunit',
        queries: [
          ['max(execd_memory_ratio)', 'memory'],
          ['max(rate(process_cpu_seconds_total[$__rate_interval]))', 'CPU cores'],
          ['min(execd_ready)', 'ready'],
        ],
        line: 0.9,
      },
    ],
  },
  {
    uid: 'execd-queue',
    title: 'execd: queue and users',
    panels: [
      { title: 'Queued', unit: 'short', queries: [['sum by (pool) (execd_queued_executions)', '{{pool}}']] },
      {
        title: 'Age of the oldest',
        unit: 's',
        queries: [['max(execd_queue_oldest_age_seconds)', 'age']],
        line: 600,
      },
      { title: 'Wait in the queue', unit: 's', queries: quantiles('execd_queue_wait_seconds') },
      {
        title: 'Waits for something else',
        unit: 'short',
        queries: [
          ['max(execd_scheduled_retries)', 'retries'],
          ['max(execd_long_polls)', 'long polls'],
          ['max(execd_log_followers)', 'followers of logs'],
        ],
      },
      {
        title: 'Limits of users',
        unit: 'ops',
        queries: [[rate('execd_requests_refused_total', 'type'), '{{type}}']],
      },
      {
        title: 'Credits',
        unit: 'short',
        queries: [
          ['max(execd_credits_reserved)', 'reserved'],
          [rate('execd_credits_charged_total'), 'charged a second'],
          ['max(execd_charges_due)', 'charges due'],
        ],
      },
    ],
  },
  {
    uid: 'execd-cache',
    title: 'execd: cache',
    panels: [
      {
        title: 'Hit ratio',
        unit: 'percentunit',
        queries: [
          [
            `${rate('cache_hits_total')} / (${rate('cache_hits_total')} + ${rate('cache_misses_total')})`,
            'hits',
          ],
        ],
        line: 0.8,
      },
      {
        title: 'Lookups',
        unit: 'ops',
        queries: [
          [rate('cache_hits_total'), 'hits'],
          [rate('cache_misses_total'), 'misses'],
          [rate('execd_cache_joined_total'), 'joined'],
        ],
      },
      { title: 'Results', unit: 'short', queries: [['max(cache_size)', 'results']] },
      { title: 'Memory', unit: 'bytes', queries: [['max(execd_cache_bytes)', 'results']] },
      {
        title: 'Leave the cache',
        unit: 'ops',
        queries: [
          [rate('execd_cache_evictions_total'), 'evicted'],
          [rate('execd_cache_expirations_total'), 'expired'],
          [rate('execd_cache_refused_total'), 'too large'],
        ],
      },
      {
        title: 'Not stored',
        unit: 'ops',
        queries: [[rate('execd_cache_not_stored_total', 'reason'), '{{reason}}']],
      },
    ],
  },
  {
    uid: 'execd-retries',
    title: 'execd: retries and timeouts',
    panels: [
      {
        title: 'Retry ratio',
        unit: 'percentunit',
        queries: [[part('retry_attempts_total', 'operation_duration_seconds_count'), 'retries of attempts']],
        line: 0.1,
      },
      {
        title: 'Timeout ratio',
        unit: 'percentunit',
        queries: [
          [part('timeout_errors_total', 'execd_executions_finished_total{kind!="plan"}'), 'timeouts of ends'],
        ],
        line: 0.05,
      },
      {
        title: 'Retries by operation',
        unit: 'ops',
        queries: [[rate('retry_attempts_total', 'operation_type'), '{{operation_type}}']],
      },
      {
        title: 'Timeouts by operation',
        unit: 'ops',
        queries: [[rate('timeout_errors_total', 'operation_type'), '{{operation_type}}']],
      },
      {
        title: 'p95 by operation',
        unit: 's',
        queries: [[p(0.95, 'operation_duration_seconds', ', operation_type'), '{{operation_type}}']],
      },
      {
        title: 'Circuits (2: open)',
        unit: 'short',
        queries: [['max by (circuit) (execd_circuit_state)', '{{circuit}}']],
        line: 2,
      },
    ],
  },
  {
    uid: 'execd-runners',
    title: 'execd: runners',
    panels: [
      {
        title: 'CPU of commands',
        unit: 'short',
        queries: [[rate('execd_command_cpu_seconds_total'), 'cores']],
      },
      { title: 'Peak memory of attempts', unit: 'bytes', queries: quantiles('execd_command_max_rss_bytes') },
      { title: 'Start of a process', unit: 's', queries: quantiles('execd_spawn_seconds') },
      {
        title: 'Output',
        unit: 'Bps',
        queries: [[rate('execd_output_bytes_total', 'stream'), '{{stream}}']],
      },
      {
        title: 'Lost, killed, left',
        unit: 'ops',
        queries: [
          [rate('execd_attempts_lost_total'), 'lost'],
          [rate('execd_resource_limits_total'), 'over a limit'],
          [rate('execd_leftover_processes_total'), 'left behind'],
          [rate('execd_runner_host_restarts_total'), 'restarts of the host'],
        ],
      },
      {
        title: 'Oldest run',
        unit: 's',
        queries: [['max(execd_oldest_run_age_seconds)', 'age']],
        line: 5400,
      },
    ],
  },
  {
    uid: 'execd-store',
    title: 'execd: store',
    panels: [
      {
        title: 'Transactions',
        unit: 'ops',
        queries: [
          [rate('execd_store_commits_total'), 'transactions'],
          [rate('execd_store_groups_total'), 'groups'],
          [rate('execd_store_errors_total'), 'failed'],
        ],
      },
      {
        title: 'Mean transaction',
        unit: 's',
        queries: [[part('execd_store_commit_seconds_total', 'execd_store_commits_total'), 'time']],
      },
      {
        title: 'Executions',
        unit: 'short',
        queries: [['sum by (status) (execd_executions)', '{{status}}']],
      },
      {
        title: 'Bytes',
        unit: 'bytes',
        queries: [
          ['max by (file) (execd_store_bytes)', '{{file}}'],
          ['max by (what) (execd_kept_bytes)', 'kept: {{what}}'],
        ],
      },
      {
        title: 'Free space',
        unit: 'percentunit',
        queries: [['min by (disk) (execd_disk_free_bytes / execd_disk_size_bytes)', '{{disk}}']],
        line: 0.1,
      },
      {
        title: 'Webhook deliveries',
        unit: 'ops',
        queries: [
          [rate('execd_webhook_deliveries_total', 'result'), '{{result}}'],
          ['max(execd_webhook_deliveries_pending)', 'pending'],
        ],
      },
    ],
  },
];

/** As Grafana 9 and later import it. */
export function grafanaJson({ uid, title, panels }: Dashboard): object {
  const datasource = { type: 'prometheus', uid: '${datasource}' };
  return {
    ...{ uid, title, tags: ['execd'], schemaVersion: 38, version: 1, editable: true, refresh: '30s' },
    time: { from: 'now-3h', to: 'now' },
    links: [{ type: 'dashboards', tags: ['execd'], title: 'execd', asDropdown: false, includeVars: true }],
    templating: {
      list: [{ name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Prometheus' }],
    },
    panels: panels.map((panel, i) => ({
      ...{ id: i + 1, type: 'timeseries', title: panel.title, datasource },
      gridPos: { x: (i % 3) * 8, y: Math.floor(i / 3) * 9, w: 8, h: 9 },
      targets: panel.queries.map(([expr, legendFormat], n) => ({
        ...{ refId: String.fromCharCode(65 + n), datasource, expr, legendFormat },
      })),
      fieldConfig: {
        defaults: {
          unit: panel.unit,
          min: 0,
          custom: panel.line === undefined ? {} : { thresholdsStyle: { mode: 'line' } },
          ...(panel.line === undefined
            ? {}
            : {
                thresholds: {
                  mode: 'absolute',
                  steps: [
                    { color: 'transparent', value: null },
                    { color: 'red', value: panel.line },
                  ],
                },
              }),
        },
        overrides: [],
      },
      options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
    })),
  };
}
