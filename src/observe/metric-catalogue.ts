// Every metric of execd: its name, type, labels and meaning, and how it is asked for. docs/reference/metrics.md is made of it. Labels are closed
// sets or names that the operator gives, never a user, an id or a command. Names without the prefix are those of the source systems.

export interface MetricSpec<L extends string = string> {
  type: 'counter' | 'gauge' | 'histogram';
  name: string;
  about: string;
  labels: readonly L[];
  /** An example, where the usual one of its type says little. */
  query?: string;
  /** Of a histogram. */
  buckets?: 'fine' | 'requests' | 'bytes';
}

type Of<T extends MetricSpec['type'], L extends string> = MetricSpec<L> & { type: T };
type More = Pick<MetricSpec, 'query'>;

const counter = <const L extends string = never>(
  name: string,
  about: string,
  labels: readonly L[] = [],
  more: More = {},
): Of<'counter', L> => ({
  ...{ type: 'counter', name, about, labels },
  ...more,
});
const gauge = <const L extends string = never>(
  name: string,
  about: string,
  labels: readonly L[] = [],
  more: More = {},
): Of<'gauge', L> => ({
  ...{ type: 'gauge', name, about, labels },
  ...more,
});
const histogram = <const L extends string = never>(
  name: string,
  about: string,
  buckets: NonNullable<MetricSpec['buckets']>,
  labels: readonly L[] = [],
  more: More = {},
): Of<'histogram', L> => ({
  ...{ type: 'histogram', name, about, labels, buckets },
  ...more,
});

/** Attempts, slots and retries. */
const attempts = {
  duration: histogram(
    'operation_duration_seconds',
    'Duration of attempts, from the start of the process to its end.',
    'fine',
    ['operation_type'],
  ),
  timeouts: counter('timeout_errors_total', 'Executions that timed out.', ['operation_type'], {
    query:
      'sum(rate(timeout_errors_total[5m])) / sum(rate(execd_executions_finished_total{kind!="plan"}[5m]))',
  }),
  activeRuns: gauge('execution_manager_active_runs', 'Attempts that hold a slot.'),
  poolSize: gauge('execution_manager_pool_size', 'Slots.'),
  utilization: gauge('execution_manager_utilization_ratio', 'Attempts that hold a slot, per slot.'),
  httpRuns: gauge('execd_http_active_runs', 'HTTP calls that hold a slot.'),
  httpSlots: gauge('execd_http_slots', 'Slots for HTTP calls.'),
  retries: counter('retry_attempts_total', 'Retries of attempts.', ['operation_type'], {
    query: 'sum(rate(retry_attempts_total[5m])) / sum(rate(operation_duration_seconds_count[5m]))',
  }),
  retried: counter('execd_retried_executions_total', 'Executions that needed more than one attempt.', [
    'result',
  ]),
  scheduled: gauge('execd_scheduled_retries', 'Executions that wait for a retry.'),
  delayed: gauge('execd_delayed_executions', 'Executions and plans with a later start time.'),
  awaiting: gauge('execd_awaiting_executions', 'Waits of plans for a signal, an approval or a time.'),
  paused: gauge('execd_paused', 'Pauses now: queue, operations, concurrency keys, maintenance.'),
  drained: gauge('execd_drained', '1 if this server is drained by the API: it starts nothing new.'),
  monitorEvents: counter(
    'execd_monitor_events_total',
    'Executions that a monitor reported as late or stuck, and schedules as silent, by event.',
    ['event'],
    { query: 'sum by (event) (increase(execd_monitor_events_total[1h]))' },
  ),
  lateNow: gauge('execd_late_executions', 'Executions that a monitor has reported and that have not ended.'),
  scheduleRuns: counter('execd_schedule_runs_total', 'Due times of schedules, by result.', ['result']),
  cpuSeconds: counter('execd_command_cpu_seconds_total', 'CPU time of all processes of commands.'),
  maxRss: histogram('execd_command_max_rss_bytes', 'Peak memory of the processes of an attempt.', 'bytes'),
};

/** Executions and requests. */
const executions = {
  accepted: counter('execd_executions_accepted_total', 'Executions accepted.', ['kind']),
  finished: counter('execd_executions_finished_total', 'Executions ended.', [
    'kind',
    'status',
    'cause',
    'fault',
  ]),
  lost: counter('execd_attempts_lost_total', 'Attempts that were interrupted.', ['detail']),
  refused: counter('execd_requests_refused_total', 'Requests that were rejected.', ['type']),
  queueWait: histogram('execd_queue_wait_seconds', 'Time from entering the queue to the claim.', 'fine'),
  spawn: histogram('execd_spawn_seconds', 'Time from the claim to the start of the process.', 'requests'),
  outputBytes: counter('execd_output_bytes_total', 'Bytes that processes wrote.', ['stream']),
  artifacts: counter('execd_artifacts_total', 'Files that execd kept as artifacts.'),
  artifactBytes: counter('execd_artifact_bytes_total', 'Bytes of files that execd kept as artifacts.'),
  artifactProblems: counter(
    'execd_artifact_problems_total',
    'Requested artifacts that were not kept: missing, too large, no room.',
  ),
  networkConnections: counter(
    'execd_sandbox_network_connections_total',
    'Connections that sandboxes with a network of listed hosts made.',
  ),
  networkRefused: counter(
    'execd_sandbox_network_refused_total',
    'Connections of sandboxes that execd refused: the host is not listed, is an address, or is not public, or the byte limit was reached.',
    ['reason'],
  ),
  networkBytes: counter(
    'execd_sandbox_network_bytes_total',
    'Bytes that sandboxes with a network of listed hosts sent and received.',
    ['direction'],
  ),
  truncated: counter('execd_output_truncated_total', 'Attempts whose log lacks some of the output.'),
  leftovers: counter(
    'execd_leftover_processes_total',
    'Processes that outlived their leader and were killed.',
  ),
  resourceLimits: counter('execd_resource_limits_total', 'Executions that exceeded a resource limit.', [
    'limit',
  ]),
  survivors: counter('execd_surviving_processes_total', 'Processes that execd could not kill.'),
  http: histogram(
    'execd_http_request_duration_seconds',
    'Duration of HTTP requests.',
    'requests',
    ['method', 'route', 'code'],
    {
      query:
        'histogram_quantile(0.99, sum by (le, route) (rate(execd_http_request_duration_seconds_bucket[5m])))',
    },
  ),
};

/** Cache and circuits. */
const cache = {
  hits: counter('cache_hits_total', 'Cache hits.', ['operation_type'], {
    query:
      'sum(rate(cache_hits_total[5m])) / (sum(rate(cache_hits_total[5m])) + sum(rate(cache_misses_total[5m])))',
  }),
  misses: counter('cache_misses_total', 'Cache misses.', ['operation_type']),
  joins: counter('execd_cache_joined_total', 'Executions that shared the run of another one.', [
    'operation_type',
  ]),
  notKept: counter('execd_cache_not_stored_total', 'Executions whose result was not kept.', [
    'operation_type',
    'reason',
  ]),
  circuitState: gauge(
    'execd_circuit_state',
    'State of a circuit: 0 closed, 1 half open, 2 open, 3 isolated.',
    ['circuit'],
    { query: 'max by (circuit) (execd_circuit_state) >= 2' },
  ),
  circuitOpened: counter('execd_circuit_opened_total', 'Times that a circuit has opened.', ['circuit']),
  circuitRejected: counter('execd_circuit_rejected_total', 'Executions that an open circuit rejected.', [
    'circuit',
  ]),
  cacheSize: gauge('cache_size', 'Results in the cache.'),
  cacheBytes: gauge('execd_cache_bytes', 'Bytes of all results in the cache, roughly.'),
  evictions: counter('execd_cache_evictions_total', 'Results that were evicted from the cache.'),
  expirations: counter('execd_cache_expirations_total', 'Results that expired in the cache.'),
  tooLarge: counter('execd_cache_refused_total', 'Results that were too large for the cache.'),
};

/** Store, runner host and waiting clients. */
const store = {
  executions: gauge('execd_executions', 'Executions in the store.', ['status']),
  queueAge: gauge('execd_queue_oldest_age_seconds', 'Age of the oldest queued execution.'),
  lag: gauge('execd_write_behind_lag_seconds', 'Age of the oldest counters that are not stored.'),
  lagFailures: counter('execd_write_behind_failures_total', 'Failed writes of counters.'),
  queued: gauge('execd_queued_executions', 'Executions in the queue of a pool that a server serves.', [
    'slots',
    'pool',
  ]),
  unserved: gauge('execd_unserved_executions', 'Executions in the queue of pools that no server serves.', [
    'slots',
  ]),
  poolSlots: gauge('execd_pool_slots', 'Slots of all servers of a pool.', ['slots', 'pool']),
  oldestRun: gauge('execd_oldest_run_age_seconds', 'Run time of the oldest running attempt; 0 if none runs.'),
  lastEnd: gauge(
    'execd_last_end_timestamp_seconds',
    'When an execution ended last, Unix time; 0 before the first end.',
    [],
    { query: 'time() - max(execd_last_end_timestamp_seconds > 0)' },
  ),
  storeErrors: counter('execd_store_errors_total', 'Failed writes to the store.'),
  storeBytes: gauge('execd_store_bytes', 'Size of the files of the store.', ['file']),
  keptBytes: gauge('execd_kept_bytes', 'Bytes that the executions of all users keep.', ['what']),
  dataBytes: gauge('execd_data_bytes', 'Bytes of records and logs in the data directory, roughly.', []),
  dataLimit: gauge('execd_data_limit_bytes', 'The bound EXECUTION_MAX_DATA_BYTES.', []),
  files: gauge('execd_files', 'Uploads and artifacts that execd keeps.'),
  fileBytes: gauge('execd_file_bytes', 'Bytes of uploads and artifacts that execd keeps.'),
  keptLogs: gauge('execd_kept_logs', 'Logs of attempts that execd keeps.'),
  diskFree: gauge('execd_disk_free_bytes', 'Free space for the user of execd.', ['disk'], {
    query: 'min by (disk) (execd_disk_free_bytes / execd_disk_size_bytes)',
  }),
  diskSize: gauge('execd_disk_size_bytes', 'Size of the file system.', ['disk']),
  memory: gauge(
    'execd_memory_ratio',
    'Memory of the server, as a part of the memory of its container or machine.',
  ),
  build: gauge('execd_build_info', 'Always 1; the version of execd is in the label.', ['version']),
  commits: counter('execd_store_commits_total', 'Transactions of the store.'),
  groups: counter('execd_store_groups_total', 'Groups of changes in the transactions of the store.'),
  commitSeconds: counter('execd_store_commit_seconds_total', 'Time spent in transactions of the store.'),
  waitingGroups: gauge(
    'execd_store_groups_waiting',
    'Groups of changes that wait for a transaction of the store.',
  ),
  restarts: counter('execd_runner_host_restarts_total', 'Restarts of the runner host.'),
  ready: gauge('execd_ready', '1 if execd accepts executions, else 0.'),
  polls: gauge('execd_long_polls', 'Open long polls.'),
  followers: gauge('execd_log_followers', 'Clients that follow a log.'),
};

/** Streams, event handlers and webhooks. */
const streams = {
  sseClients: gauge('execd_sse_clients', 'Open streams of events.', ['stream']),
  sseBlocked: gauge('execd_sse_clients_blocked', 'Streams whose client is not reading.'),
  sseSent: counter('execd_sse_messages_total', 'Messages sent to streams.'),
  sseCut: counter('execd_sse_clients_cut_total', 'Streams that execd closed early.', ['reason']),
  logDropped: counter(
    'execd_log_lines_dropped_total',
    "Lines of execd's own log that execd dropped because no reader took them.",
  ),
  traceSpans: counter(
    'execd_trace_spans_total',
    'Spans of traces: exported, failed (the collector did not take them) or dropped (no room).',
    ['result'],
  ),
  handlerFailures: counter('execd_event_handler_failures_total', 'Events for which a handler failed.', [
    'handler',
  ]),
  handlerDropped: counter(
    'execd_event_handler_dropped_total',
    'Events that execd dropped because a handler was too slow.',
    ['handler'],
  ),
  webhookTries: counter('execd_webhook_deliveries_total', 'Tries to deliver events to webhooks.', ['result']),
  webhookSeconds: counter(
    'execd_webhook_delivery_seconds_total',
    'Time spent in tries to deliver events to webhooks.',
  ),
  webhooksPending: gauge('execd_webhook_deliveries_pending', 'Webhook deliveries that wait.'),
  webhooksInFlight: gauge('execd_webhook_deliveries_in_flight', 'Webhook deliveries that are in flight.'),
  webhooksDropped: counter(
    'execd_webhook_deliveries_dropped_total',
    'Webhook deliveries that execd dropped because too many deliveries of the user waited.',
  ),
};

/** Credits. */
const credits = {
  granted: counter('execd_credits_granted_total', 'Credits granted to users.'),
  charged: counter('execd_credits_charged_total', 'Credits charged for executions.'),
  refunded: counter('execd_credits_refunded_total', 'Reserved credits that were returned.'),
  charges: counter('execd_charges_total', 'Executions for which credits were reserved, by how they ended.', [
    'result',
  ]),
  lowBalances: counter('execd_low_balances_total', 'How often an account fell below the threshold.'),
  chargeFailures: counter('execd_charge_failures_total', 'Charges that had to be retried.'),
  chargesDue: gauge('execd_charges_due', 'Ended executions that execd has not charged yet.'),
  reserved: gauge('execd_credits_reserved', 'Credits reserved for executions that are not charged yet.'),
};

/** By subject, in the order of the document. */
export const SUBJECTS = {
  'Attempts, slots and retries': attempts,
  'Executions and requests': executions,
  'Cache and circuits': cache,
  'Store, runner host and waiting clients': store,
  'Streams, event handlers and webhooks': streams,
  Credits: credits,
};

export const METRICS = {
  ...attempts,
  ...executions,
  ...cache,
  ...store,
  ...streams,
  ...credits,
};
