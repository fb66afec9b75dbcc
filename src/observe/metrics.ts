// Prometheus metrics. It listens to lifecycle events and asks for gauges when it is scraped; labels are closed sets,
// never a user, an id or a command. Names without the prefix are those of the source systems.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { KINDS, SLOT_KINDS, type SlotKind, carrierFacts } from '../domain/kinds.ts';
import type { AccountEvent, CreditTotals } from '../domain/credits/account.ts';
import type { LifecycleEvent } from '../domain/execution/events.ts';
import { type Attempt, type Execution, type FinishedExecution } from '../domain/execution/execution.ts';
import type { PoolView } from '../domain/pools.ts';
import { isFinished, operationType, whyNotKept } from '../domain/execution/execution.ts';
import { LIMIT_NAMES } from '../domain/limits.ts';
import { NETWORK_REFUSALS, type NetworkEnd } from '../domain/network.ts';
import { FINAL_STATUSES, judge, LOST_DETAILS } from '../domain/outcome.ts';
import type { StoreCounts, StoreStats } from '../domain/ports/store.ts';
import type { RunnerStatus } from '../domain/ports/runner.ts';
import { METRICS, type MetricSpec } from './metric-catalogue.ts';

/** What is asked for at each scrape. */
export interface Gauges {
  counts: StoreCounts;
  /** With executions that wait for each; those that no server serves, too. */
  pools: readonly PoolView[];
  /** How much is paused. */
  pauses: number;
  /** Live executions that a monitor has reported. */
  lateExecutions: number;
  /** Whether this server is drained. */
  isDrained: boolean;
  queueAgeMs: number;
  oldestRunMs: number;
  concurrency: Record<SlotKind, { max: number; running: number }>;
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
  /** Spans; null when no traces are recorded. */
  tracing: { exported: number; failed: number; dropped: number } | null;
  /** Failed writes to the store. */
  storeFailures: number;
  /** Of all users. */
  kept: { storeBytes: number; logBytes: number; logs: number };
  /** Uploads and artifacts. */
  files: { files: number; bytes: number };
  data: { bytes: number; maxBytes: number };
  /** As they were a moment ago: a disk that does not answer holds up no scrape. */
  sizes: { files: Record<string, number>; disks: Record<string, { free: number; size: number }> };
  /** Null where it is unknown. */
  memoryRatio: number | null;
  /** Names of the operations that there are. */
  operations: readonly string[];
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
  onScheduleRun(result: string): void;
  onSilent(): void;
  onRequest(method: string, route: string, status: number, seconds: number): void;
  onRefused(type: string): void;
  contentType: string;
  /** The text of a scrape. */
  render(): Promise<string>;
}

/** Bounds so that a quantile between 10 ms and 100 s is right within 10 %, whatever the durations are; coarser outside. */
const FINE = [
  ...[0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008],
  ...Array.from({ length: 97 }, (_, i) => Number((0.01 * 10 ** (i / 24)).toPrecision(3))),
  ...[120, 150, 180, 240, 300, 420, 600, 900, 1200, 1800, 2700, 3600, 7200, 21_600, 86_400],
];
const REQUESTS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 60];
const MIB = 1_048_576;
const BYTES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384].map((n) => n * MIB);
const BUCKETS = { fine: FINE, requests: REQUESTS, bytes: BYTES };

type MeterOf<S> =
  S extends MetricSpec<infer L>
    ? S extends { type: 'counter' }
      ? Counter<L>
      : S extends { type: 'gauge' }
        ? Gauge<L>
        : Histogram<L>
    : never;
type Meters = { [K in keyof typeof METRICS]: MeterOf<(typeof METRICS)[K]> };

/** The meters of the catalogue, in one registry. */
function metersOf(registry: Registry): Meters {
  const make = ({ type, name, about: help, labels, buckets = 'requests' }: MetricSpec) => {
    const shared = { name, help, labelNames: [...labels], registers: [registry] };
    if (type === 'histogram') return new Histogram({ ...shared, buckets: BUCKETS[buckets] });
    return type === 'counter' ? new Counter(shared) : new Gauge(shared);
  };
  return Object.fromEntries(
    Object.entries(METRICS).map(([alias, spec]) => [alias, make(spec as MetricSpec)]),
  ) as unknown as Meters;
}

/** Series that can be known before anything happens begin at 0, so that rates see the first one, and ratios have both sides. */
function beginSeries(meters: Meters): void {
  for (const detail of LOST_DETAILS) meters.lost.inc({ detail }, 0);
  for (const limit of LIMIT_NAMES) meters.resourceLimits.inc({ limit }, 0);
  for (const result of FINAL_STATUSES) meters.retried.inc({ result }, 0);
  for (const stream of ['stdout', 'stderr']) meters.outputBytes.inc({ stream }, 0);
  for (const kind of KINDS) {
    meters.accepted.inc({ kind }, 0);
    const cause = carrierFacts({ kind }).usualCause;
    for (const ends of [
      { status: 'completed', cause, fault: 'none' },
      { status: 'failed', cause, fault: 'user' },
      { status: 'failed', cause: 'internal', fault: 'system' },
    ])
      meters.finished.inc({ kind, ...ends }, 0);
  }
}

/** The same for what belongs to an operation or a kind. */
function beginOperations(meters: Meters): (types: readonly string[]) => void {
  const begun = new Set<string>();
  return (types) => {
    for (const operation_type of types) {
      if (begun.has(operation_type)) continue;
      begun.add(operation_type);
      for (const meter of [meters.hits, meters.misses, meters.joins, meters.retries, meters.timeouts])
        meter.inc({ operation_type }, 0);
    }
  };
}

/** Counts what happens to executions. */
function onEvents(
  meters: Meters,
  between: MetricsOptions['between'],
  begin: (types: readonly string[]) => void,
): Metrics['onEvent'] {
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
    const { startedAt, endedAt, output, resources } = attempt;
    meters.outputBytes.inc({ stream: 'stdout' }, output.stdoutBytes);
    meters.outputBytes.inc({ stream: 'stderr' }, output.stderrBytes);
    if (output.truncated) meters.truncated.inc();
    if (resources?.cpuMs != null) meters.cpuSeconds.inc(resources.cpuMs / 1000);
    if (resources?.maxRssBytes != null) meters.maxRss.observe(resources.maxRssBytes);
    if (attempt.outcome?.network !== undefined) onNetwork(attempt.outcome.network);
    if (startedAt === null || endedAt === null) return;
    meters.spawn.observe(between(attempt.claimedAt, startedAt) / 1000);
    meters.duration.observe({ operation_type: operationType(execution) }, between(startedAt, endedAt) / 1000);
  }

  function onNetwork({ connections, sent_bytes, received_bytes, refused }: NetworkEnd): void {
    meters.networkConnections.inc(connections);
    meters.networkBytes.inc({ direction: 'sent' }, sent_bytes);
    meters.networkBytes.inc({ direction: 'received' }, received_bytes);
    for (const reason of NETWORK_REFUSALS)
      if (refused.reasons[reason] !== undefined)
        meters.networkRefused.inc({ reason }, refused.reasons[reason]);
  }

  function onCache(execution: Execution): void {
    const { cache } = execution;
    // What looks nothing up misses nothing.
    if (cache === null || cache.mode === 'write' || cache.mode === 'refresh') return;
    const counter = { hit: meters.hits, miss: meters.misses, joined: meters.joins }[cache.status];
    count(counter, { operation_type: operationType(execution) });
  }

  function onFinished(execution: FinishedExecution): void {
    const { outcome, spec, status, finishedAt } = execution;
    meters.lastEnd.set(finishedAt / 1000);
    const fault = judge(outcome).error?.fault ?? 'none';
    count(meters.finished, { kind: spec.kind, status, cause: outcome.cause, fault });
    const reason = whyNotKept(execution);
    if (reason !== null) count(meters.notKept, { operation_type: operationType(execution), reason });
    if (status === 'timed_out') meters.timeouts.inc({ operation_type: operationType(execution) });
    if (execution.attempts.filter((attempt) => attempt.outcome !== null).length > 1) {
      meters.retried.inc({ result: status });
    }
    const { artifacts } = outcome;
    // Of a run that several share, whoever asked for the files.
    if (artifacts !== undefined && execution.runId === execution.id) {
      meters.artifacts.inc(artifacts.count);
      meters.artifactBytes.inc(artifacts.bytes);
      meters.artifactProblems.inc(artifacts.problems.length);
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
        begin([operationType(execution)]);
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
      case 'late_start':
      case 'late':
      case 'stuck':
        return meters.monitorEvents.inc({ event: event.type });
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

/** A pool that no server serves has no label of its own: its name comes from requests. */
function setPools(meters: Meters, pools: readonly PoolView[]): void {
  for (const meter of [meters.queued, meters.poolSlots]) meter.reset();
  for (const slots of SLOT_KINDS) {
    const waits = (some: readonly PoolView[]) => some.reduce((sum, { queued }) => sum + queued[slots], 0);
    const served = pools.filter(({ servers }) => servers.length > 0);
    for (const one of served) {
      meters.queued.set({ slots, pool: one.name }, one.queued[slots]);
      meters.poolSlots.set({ slots, pool: one.name }, one.slots[slots]);
    }
    meters.unserved.set({ slots }, waits(pools.filter(({ servers }) => servers.length === 0)));
  }
}

async function collect(
  meters: Meters,
  options: MetricsOptions,
  begin: (types: readonly string[]) => void,
): Promise<void> {
  meters.ready.set(options.isReady() ? 1 : 0);
  const now = await options.gauges();
  begin(now.operations.slice(0, MOST_BEGUN));
  const { process, http: calls } = now.concurrency;
  meters.activeRuns.set(process.running);
  meters.poolSize.set(process.max);
  meters.utilization.set(process.running / process.max);
  meters.httpRuns.set(calls.running);
  meters.httpSlots.set(calls.max);
  meters.scheduled.set(now.counts.scheduledRetry);
  meters.delayed.set(now.counts.delayed);
  meters.awaiting.set(now.counts.awaiting);
  meters.paused.set(now.pauses);
  meters.lateNow.set(now.lateExecutions);
  meters.drained.set(now.isDrained ? 1 : 0);
  const { pending, running, finished: ends } = now.counts;
  for (const [status, count] of Object.entries({ pending, running, ...ends }))
    meters.executions.set({ status }, count);
  meters.queueAge.set(now.queueAgeMs / 1000);
  meters.oldestRun.set(now.oldestRunMs / 1000);
  setPools(meters, now.pools);
  raiseTo(meters.storeErrors, now.storeFailures);
  const { storeBytes, logBytes, logs } = now.kept;
  meters.keptBytes.set({ what: 'store' }, storeBytes);
  meters.keptBytes.set({ what: 'logs' }, logBytes);
  meters.keptLogs.set(logs);
  meters.files.set(now.files.files);
  meters.fileBytes.set(now.files.bytes);
  meters.dataBytes.set(now.data.bytes);
  meters.dataLimit.set(now.data.maxBytes);
  for (const [file, bytes] of Object.entries(now.sizes.files)) meters.storeBytes.set({ file }, bytes);
  for (const [disk, { free, size }] of Object.entries(now.sizes.disks)) {
    meters.diskFree.set({ disk }, free);
    meters.diskSize.set({ disk }, size);
  }
  if (now.memoryRatio !== null) meters.memory.set(now.memoryRatio);
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
  meters.traceSpans.reset();
  for (const [result, count] of Object.entries(now.tracing ?? NO_SPANS))
    meters.traceSpans.inc({ result }, count);
  meters.sseCut.reset();
  for (const [reason, count] of Object.entries(now.streams.cut)) meters.sseCut.inc({ reason }, count);
}

const NO_SPANS = { exported: 0, failed: 0, dropped: 0 };

/** Operations whose series begin before their first execution: with more, a scrape would be long. */
const MOST_BEGUN = 100;

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  // Gauges that are called like counters, which promtool objects to; the ones without the ending say the same by kind.
  for (const name of ['handles', 'requests', 'resources']) {
    registry.removeSingleMetric(`nodejs_active_${name}_total`);
  }
  const meters = metersOf(registry);
  beginSeries(meters);
  const begin = beginOperations(meters);
  meters.lastEnd.set(0);
  meters.build.set({ version: options.version }, 1);
  const requests = new Map<string, { observe(seconds: number): void }>();

  return {
    onEvent: onEvents(meters, options.between, begin),
    onAccount: (event) => countAccount(meters, event),
    onSilent: () => meters.monitorEvents.inc({ event: 'silent' }),
    onScheduleRun: (result) => meters.scheduleRuns.inc({ result }),
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
      await collect(meters, options, begin).catch(() => undefined);
      return registry.metrics();
    },
  };
}
