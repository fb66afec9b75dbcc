// Prometheus metrics. It listens to lifecycle events and asks for gauges when it is scraped; labels are closed sets,
// never a user, an id or a command. Names without the prefix are those of the source systems.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AccountEvent, CreditTotals } from '../domain/credits/account.ts';
import type { LifecycleEvent } from '../domain/execution/events.ts';
import type { Attempt, Execution, FinishedExecution, Pool } from '../domain/execution/execution.ts';
import { isFinished, operationType, whyNotKept } from '../domain/execution/execution.ts';
import { judge } from '../domain/outcome.ts';
import type { StoreCounts, StoreStats } from '../domain/ports/store.ts';
import type { RunnerStatus } from '../domain/ports/runner.ts';

/** What is asked for at each scrape. */
export interface Gauges {
  counts: StoreCounts;
  queueAgeMs: number;
  concurrency: Record<Pool, { max: number; running: number }>;
  writeBehind: { lagMs: number; failures: number };
  store: StoreStats;
  runner: RunnerStatus;
  waiting: { polls: number; logFollowers: number };
  streams: { clients: Record<string, number>; blocked: number; sent: number; cut: Record<string, number> };
  handlers: { name: string; stats: { failures: number; dropped: number } }[];
  webhooks: { inFlight: number; results: Record<string, number>; seconds: number };
  cache: { entries: number; bytes: number; evictions: number; expirations: number; refused: number };
  /** Their names come from the operations file: a closed set. */
  circuits: {
    name: string;
    state: 'closed' | 'half_open' | 'open' | 'isolated';
    opened: number;
    rejected: number;
  }[];
  charges: { failures: number } & CreditTotals;
  /** Lines of the server's own log. */
  logLinesDropped: number;
}

export interface MetricsOptions {
  version: string;
  gauges: () => Promise<Gauges>;
  isReady: () => boolean;
  /** Milliseconds between two times, without jumps of the clock. */
  between: (from: number, to: number) => number;
}

export interface Metrics {
  onEvent(event: LifecycleEvent, execution: Execution): void;
  onAccount(event: AccountEvent): void;
  onRequest(method: string, route: string, status: number, seconds: number): void;
  onRefused(type: string): void;
  contentType: string;
  /** The text of a scrape. */
  render(): Promise<string>;
}

const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600];
const HTTP_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 60];

/** What makes meters of one registry. */
function makersOf(registry: Registry) {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name, help, labelNames, registers });
  const histogram = <L extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly L[] = [],
  ) => new Histogram({ name, help, buckets, labelNames, registers });
  return { counter, gauge, histogram };
}
type Makers = ReturnType<typeof makersOf>;

/** Attempts, slots and retries. */
function attemptMeters({ counter, gauge, histogram }: Makers) {
  const duration = histogram(
    'operation_duration_seconds',
    'How long attempts ran, from the start of the process to its end.',
    SECONDS,
    ['operation_type'],
  );
  const timeouts = counter('timeout_errors_total', 'Executions that timed out.', ['operation_type']);
  const activeRuns = gauge('execution_manager_active_runs', 'Attempts that hold a slot.');
  const poolSize = gauge('execution_manager_pool_size', 'Slots.');
  const utilization = gauge('execution_manager_utilization_ratio', 'Attempts that hold a slot, per slot.');

  const httpRuns = gauge('execd_http_active_runs', 'HTTP calls that hold a slot.');
  const httpSlots = gauge('execd_http_slots', 'Slots for HTTP calls.');
  const retries = counter('retry_attempts_total', 'Retries of attempts.', ['operation_type']);
  const retried = counter('execd_retried_executions_total', 'Executions that needed more than one attempt.', [
    'result',
  ]);
  const scheduled = gauge('execd_scheduled_retries', 'Executions that wait for a retry.');
  return {
    duration,
    timeouts,
    activeRuns,
    poolSize,
    utilization,
    httpRuns,
    httpSlots,
    retries,
    retried,
    scheduled,
  };
}

/** The cache and circuits. */
function cacheMeters({ counter, gauge }: Makers) {
  const hits = counter('cache_hits_total', 'Cache hits.', ['operation_type']);
  const misses = counter('cache_misses_total', 'Cache misses.', ['operation_type']);
  const joins = counter('execd_cache_joined_total', 'Executions that shared the run of another one.', [
    'operation_type',
  ]);
  const notKept = counter('execd_cache_not_stored_total', 'Executions whose result was not kept.', [
    ...(['operation_type', 'reason'] as const),
  ]);
  const circuitState = gauge(
    'execd_circuit_state',
    'State of a circuit: 0 closed, 1 half open, 2 open, 3 isolated.',
    ['circuit'],
  );
  const circuitOpened = counter('execd_circuit_opened_total', 'Times that a circuit has opened.', [
    'circuit',
  ]);
  const circuitRejected = counter(
    'execd_circuit_rejected_total',
    'Executions that an open circuit rejected.',
    ['circuit'],
  );
  const cacheSize = gauge('cache_size', 'Results in the cache.');
  const cacheBytes = gauge('execd_cache_bytes', 'Bytes of all results in the cache, roughly.');
  const evictions = counter('execd_cache_evictions_total', 'Results that were evicted from the cache.');
  const expirations = counter('execd_cache_expirations_total', 'Results that expired in the cache.');
  const tooLarge = counter('execd_cache_refused_total', 'Results that were too large for the cache.');
  return {
    hits,
    misses,
    joins,
    notKept,
    circuitState,
    circuitOpened,
    circuitRejected,
    cacheSize,
    cacheBytes,
    evictions,
    expirations,
    tooLarge,
  };
}

/** Executions, and requests for them. */
function executionMeters({ counter, histogram }: Makers) {
  const accepted = counter('execd_executions_accepted_total', 'Executions accepted.', ['kind']);
  const finished = counter('execd_executions_finished_total', 'Executions ended.', [
    'kind',
    'status',
    'cause',
    'fault',
  ]);
  const lost = counter('execd_attempts_lost_total', 'Attempts that were interrupted.', ['detail']);
  const refused = counter('execd_requests_refused_total', 'Requests that were rejected.', ['type']);
  const queueWait = histogram(
    'execd_queue_wait_seconds',
    'Time from entering the queue to the claim.',
    SECONDS,
  );
  const spawn = histogram('execd_spawn_seconds', 'Time from the claim to the start of the process.', SECONDS);
  const outputBytes = counter('execd_output_bytes_total', 'Bytes that processes wrote.', ['stream']);
  const truncated = counter('execd_output_truncated_total', 'Attempts whose log lacks some of the output.');
  const leftovers = counter(
    'execd_leftover_processes_total',
    'Processes that outlived their leader and were killed.',
  );
  const resourceLimits = counter(
    'execd_resource_limits_total',
    'Executions that exceeded a resource limit.',
    ['limit'],
  );
  const survivors = counter('execd_surviving_processes_total', 'Processes that could not be killed.');
  const http = histogram('execd_http_request_duration_seconds', 'Duration of HTTP requests.', HTTP_SECONDS, [
    'method',
    'route',
    'code',
  ]);
  return {
    accepted,
    finished,
    lost,
    refused,
    queueWait,
    spawn,
    outputBytes,
    truncated,
    leftovers,
    resourceLimits,
    survivors,
    http,
  };
}

/** The store, the host and clients that wait. */
function storeMeters({ counter, gauge }: Makers) {
  const executions = gauge('execd_executions', 'Executions in the store.', ['status']);
  const queueAge = gauge('execd_queue_oldest_age_seconds', 'Age of the oldest queued execution.');
  const lag = gauge('execd_write_behind_lag_seconds', 'Age of the oldest counters that are not stored.');
  const lagFailures = counter('execd_write_behind_failures_total', 'Failed writes of counters.');
  const commits = counter('execd_store_commits_total', 'Transactions of the store.');
  const groups = counter('execd_store_groups_total', 'Groups of changes in the transactions of the store.');
  const commitSeconds = counter(
    'execd_store_commit_seconds_total',
    'Time spent in transactions of the store.',
  );
  const waitingGroups = gauge(
    'execd_store_groups_waiting',
    'Groups of changes that wait for a transaction of the store.',
  );
  const restarts = counter('execd_runner_host_restarts_total', 'Restarts of the runner host.');
  const ready = gauge('execd_ready', '1 if execd accepts executions, else 0.');
  const polls = gauge('execd_long_polls', 'Open long polls.');
  const followers = gauge('execd_log_followers', 'Clients that follow a log.');
  return {
    executions,
    queueAge,
    lag,
    lagFailures,
    commits,
    groups,
    commitSeconds,
    waitingGroups,
    restarts,
    ready,
    polls,
    followers,
  };
}

/** Streams, event handlers and webhooks. */
function streamMeters({ counter, gauge }: Makers) {
  const sseClients = gauge('execd_sse_clients', 'Open streams of events.', ['stream']);
  const sseBlocked = gauge('execd_sse_clients_blocked', 'Streams whose client is not reading.');
  const sseSent = counter('execd_sse_messages_total', 'Messages sent to streams.');
  const sseCut = counter('execd_sse_clients_cut_total', 'Streams that execd closed early.', ['reason']);
  const logDropped = counter(
    'execd_log_lines_dropped_total',
    "Lines of execd's own log that were dropped because nobody read them.",
  );
  const handlerFailures = counter(
    'execd_event_handler_failures_total',
    'Events for which a handler failed.',
    ['handler'],
  );
  const handlerDropped = counter(
    'execd_event_handler_dropped_total',
    'Events that were dropped because a handler was too slow.',
    ['handler'],
  );
  const webhookTries = counter('execd_webhook_deliveries_total', 'Tries to deliver events to webhooks.', [
    'result',
  ]);
  const webhookSeconds = counter(
    'execd_webhook_delivery_seconds_total',
    'Time spent in tries to deliver events to webhooks.',
  );
  const webhooksPending = gauge('execd_webhook_deliveries_pending', 'Webhook deliveries that wait.');
  const webhooksInFlight = gauge(
    'execd_webhook_deliveries_in_flight',
    'Webhook deliveries that are in flight.',
  );
  const webhooksDropped = counter(
    'execd_webhook_deliveries_dropped_total',
    'Webhook deliveries that were dropped because too many of their user waited.',
  );
  return {
    sseClients,
    sseBlocked,
    sseSent,
    sseCut,
    logDropped,
    handlerFailures,
    handlerDropped,
    webhookTries,
    webhookSeconds,
    webhooksPending,
    webhooksInFlight,
    webhooksDropped,
  };
}

/** Credits. */
function creditMeters({ counter, gauge }: Makers) {
  const granted = counter('execd_credits_granted_total', 'Credits granted to users.');
  const charged = counter('execd_credits_charged_total', 'Credits charged for executions.');
  const refunded = counter('execd_credits_refunded_total', 'Reserved credits that were returned.');
  const charges = counter(
    'execd_charges_total',
    'Executions for which credits were reserved, by how they ended.',
    ['result'],
  );
  const lowBalances = counter('execd_low_balances_total', 'How often an account fell below the threshold.');
  const chargeFailures = counter('execd_charge_failures_total', 'Charges that had to be retried.');
  const chargesDue = gauge('execd_charges_due', 'Executions that have ended and are not charged yet.');
  const reserved = gauge(
    'execd_credits_reserved',
    'Credits reserved for executions that are not charged yet.',
  );
  return { granted, charged, refunded, charges, lowBalances, chargeFailures, chargesDue, reserved };
}

function metersOf(make: Makers) {
  return {
    ...attemptMeters(make),
    ...cacheMeters(make),
    ...executionMeters(make),
    ...storeMeters(make),
    ...streamMeters(make),
    ...creditMeters(make),
  };
}
type Meters = ReturnType<typeof metersOf>;

/** Counts what happens to executions. */
function onEvents(meters: Meters, between: MetricsOptions['between']): Metrics['onEvent'] {
  const children = new Map<object, Map<string, { inc(): void }>>();
  /** Counts one. The child is looked up once for each of the few combinations: that is most of what counting costs. */
  function count<L extends string>(counter: Counter<L>, labels: Record<L, string>): void {
    const name = Object.values(labels).join(' ');
    const known = children.get(counter) ?? new Map<string, { inc(): void }>();
    const child = known.get(name) ?? counter.labels(labels);
    children.set(counter, known.set(name, child));
    child.inc();
  }

  let lastAttempt = '';
  /** The end of an attempt, once, however many executions share it: they are told of one after the other. */
  function onAttempt(execution: Execution, attempt: Attempt): void {
    const name = `${execution.runId} ${attempt.number}`;
    if (name === lastAttempt) return;
    lastAttempt = name;
    const { startedAt, endedAt, output } = attempt;
    meters.outputBytes.inc({ stream: 'stdout' }, output.stdoutBytes);
    meters.outputBytes.inc({ stream: 'stderr' }, output.stderrBytes);
    if (output.truncated) meters.truncated.inc();
    if (startedAt === null || endedAt === null) return;
    meters.spawn.observe(between(attempt.claimedAt, startedAt) / 1000);
    meters.duration.observe({ operation_type: operationType(execution) }, between(startedAt, endedAt) / 1000);
  }

  function onCache(execution: Execution): void {
    const { cache } = execution;
    // What looks nothing up misses nothing.
    if (cache === null || cache.mode === 'write' || cache.mode === 'refresh') return;
    const counter = { hit: meters.hits, miss: meters.misses, joined: meters.joins }[cache.status];
    count(counter, { operation_type: operationType(execution) });
  }

  function onFinished(execution: FinishedExecution): void {
    const { outcome, spec, status } = execution;
    const fault = judge(outcome).error?.fault ?? 'none';
    count(meters.finished, { kind: spec.kind, status, cause: outcome.cause, fault });
    const reason = whyNotKept(execution);
    if (reason !== null) count(meters.notKept, { operation_type: operationType(execution), reason });
    if (status === 'timed_out') meters.timeouts.inc({ operation_type: operationType(execution) });
    if (execution.attempts.filter((attempt) => attempt.outcome !== null).length > 1) {
      meters.retried.inc({ result: status });
    }
    if (outcome.cause === 'resource_limit') meters.resourceLimits.inc({ limit: outcome.limit });
    if ('process' in outcome && outcome.process !== null) {
      meters.leftovers.inc(outcome.process.leftoverProcesses);
      meters.survivors.inc(outcome.process.survivors);
    }
  }

  function onEvent(event: LifecycleEvent, execution: Execution): void {
    const attempt = execution.attempts.at(-1);
    switch (event.type) {
      case 'accepted':
        onCache(execution);
        return count(meters.accepted, { kind: execution.spec.kind });
      case 'started':
        if (attempt !== undefined)
          meters.queueWait.observe(between(execution.queuedAt, attempt.claimedAt) / 1000);
        return;
      case 'retry_scheduled':
        meters.retries.inc({ operation_type: operationType(execution) });
        if (attempt !== undefined) onAttempt(execution, attempt);
        return;
      case 'lost':
        if (attempt?.outcome?.cause === 'lost') meters.lost.inc({ detail: attempt.outcome.detail });
        return;
      default:
        if (event.type !== execution.status || !isFinished(execution)) return;
        // One that was given back has told nothing.
        if (attempt !== undefined && attempt.outcome !== null) onAttempt(execution, attempt);
        onFinished(execution);
    }
  }

  return onEvent;
}

/** Counts what happens to accounts. */
function countAccount(meters: Meters, { type, entry }: AccountEvent): void {
  switch (type) {
    case 'granted':
      return meters.granted.inc(Math.max(0, entry.amount));
    case 'charged':
    case 'refunded':
      meters.charges.inc({ result: type });
      meters.charged.inc(-entry.amount);
      return meters.refunded.inc(entry.reserved + entry.amount);
    case 'low_balance':
      return meters.lowBalances.inc();
    default:
      return type satisfies never;
  }
}

/** Sets counters to the values of those that are kept elsewhere. */
function raiseTo(metric: Counter, value: number): void {
  metric.reset();
  metric.inc(value);
}

async function collect(meters: Meters, options: MetricsOptions): Promise<void> {
  meters.ready.set(options.isReady() ? 1 : 0);
  const now = await options.gauges();
  const { process, http: calls } = now.concurrency;
  meters.activeRuns.set(process.running);
  meters.poolSize.set(process.max);
  meters.utilization.set(process.running / process.max);
  meters.httpRuns.set(calls.running);
  meters.httpSlots.set(calls.max);
  meters.scheduled.set(now.counts.scheduledRetry);
  const { pending, running, finished: ends } = now.counts;
  for (const [status, count] of Object.entries({ pending, running, ...ends }))
    meters.executions.set({ status }, count);
  meters.queueAge.set(now.queueAgeMs / 1000);
  meters.lag.set(now.writeBehind.lagMs / 1000);
  raiseTo(meters.lagFailures, now.writeBehind.failures);
  raiseTo(meters.commits, now.store.commits);
  raiseTo(meters.groups, now.store.groups);
  raiseTo(meters.commitSeconds, now.store.commitSeconds);
  meters.waitingGroups.set(now.store.waiting);
  raiseTo(meters.restarts, now.runner.restarts);
  for (const metric of [meters.circuitState, meters.circuitOpened, meters.circuitRejected]) metric.reset();
  for (const { name: circuit, state, opened, rejected } of now.circuits) {
    meters.circuitState.set({ circuit }, { closed: 0, half_open: 1, open: 2, isolated: 3 }[state]);
    meters.circuitOpened.inc({ circuit }, opened);
    meters.circuitRejected.inc({ circuit }, rejected);
  }
  raiseTo(meters.chargeFailures, now.charges.failures);
  meters.chargesDue.set(now.charges.due);
  meters.reserved.set(now.charges.reserved);
  meters.cacheSize.set(now.cache.entries);
  meters.cacheBytes.set(now.cache.bytes);
  raiseTo(meters.evictions, now.cache.evictions);
  raiseTo(meters.expirations, now.cache.expirations);
  raiseTo(meters.tooLarge, now.cache.refused);
  meters.polls.set(now.waiting.polls);
  for (const metric of [meters.handlerFailures, meters.handlerDropped]) metric.reset();
  for (const { name: handler, stats } of now.handlers) {
    meters.handlerFailures.inc({ handler }, stats.failures);
    meters.handlerDropped.inc({ handler }, stats.dropped);
  }
  meters.webhookTries.reset();
  for (const [result, count] of Object.entries(now.webhooks.results))
    meters.webhookTries.inc({ result }, count);
  raiseTo(meters.webhookSeconds, now.webhooks.seconds);
  meters.webhooksInFlight.set(now.webhooks.inFlight);
  meters.webhooksPending.set(now.store.deliveries.pending);
  raiseTo(meters.webhooksDropped, now.store.deliveries.dropped);
  meters.followers.set(now.waiting.logFollowers);
  for (const [stream, clients] of Object.entries(now.streams.clients))
    meters.sseClients.set({ stream }, clients);
  meters.sseBlocked.set(now.streams.blocked);
  raiseTo(meters.sseSent, now.streams.sent);
  raiseTo(meters.logDropped, now.logLinesDropped);
  meters.sseCut.reset();
  for (const [reason, count] of Object.entries(now.streams.cut)) meters.sseCut.inc({ reason }, count);
}

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  // Gauges that are called like counters, which promtool objects to; the ones without the ending say the same by kind.
  for (const name of ['handles', 'requests', 'resources']) {
    registry.removeSingleMetric(`nodejs_active_${name}_total`);
  }
  const make = makersOf(registry);
  const meters = metersOf(make);
  make.gauge('execd_build_info', 'Version of execd.', ['version']).set({ version: options.version }, 1);
  const requests = new Map<string, { observe(seconds: number): void }>();

  return {
    onEvent: onEvents(meters, options.between),
    onAccount: (event) => countAccount(meters, event),
    onRequest(method, route, status, seconds) {
      // The child is looked up once for each of the few combinations: that is most of what an observation costs.
      const name = `${method} ${status} ${route}`;
      let child = requests.get(name);
      if (child === undefined) {
        child = meters.http.labels({ method, route, code: status });
        requests.set(name, child);
      }
      child.observe(seconds);
    },
    onRefused: (type) => meters.refused.inc({ type }),
    contentType: registry.contentType,
    async render() {
      // A store that cannot be read leaves the last values: the rest of a scrape is then needed most.
      await collect(meters, options).catch(() => undefined);
      return registry.metrics();
    },
  };
}
