// The parts of the engine, built and joined here and nowhere else. They are built in the order of this file: a part holds those
// that were built before it. One that comes later it finds in the record when something happens, never while it is built.
import { SLOT_KINDS, type SlotKind } from '../domain/kinds.ts';
import { type RunningExecution } from '../domain/execution/execution.ts';
import type { Clock, Log } from '../domain/ports/clock.ts';
import { DEFAULT_POOL } from '../domain/pools.ts';
import { ofComponent } from '../domain/ports/component-log.ts';
import type { Signal } from '../domain/ports/feed.ts';
import type { Group, GroupResult } from '../domain/ports/group.ts';
import type { Journal } from '../domain/ports/journal.ts';
import type { Listener } from './feed/event-bus.ts';
import { ONLY } from '../domain/ports/replica.ts';
import type { Store } from '../domain/ports/store.ts';
import type { MonitorEvent } from '../domain/spec/monitor.ts';
import type { AccessRules } from '../domain/access/access-rules.ts';
import { Hits } from './accept/hits.ts';
import { Intake } from './accept/intake.ts';
import { LateAccepts } from './accept/late-accepts.ts';
import { Accounts } from './credits/accounts.ts';
import { Charges } from './credits/charges.ts';
import type { EngineDeps } from './deps.ts';
import { Committer } from './feed/committer.ts';
import { EventBus } from './feed/event-bus.ts';
import { FeedReader } from './feed/feed-reader.ts';
import { Waiters } from './feed/waiters.ts';
import { AttemptFiles } from './files/attempt-files.ts';
import { BlobKeeper } from './files/blob-keeper.ts';
import { FileRooms } from './files/file-room.ts';
import { Files } from './files/files.ts';
import { Life } from './life.ts';
import { Observers } from './observers.ts';
import { Plans } from './plans/plans.ts';
import { ResultCache } from './policies/cache.ts';
import { Joins } from './policies/joins.ts';
import { KeptCircuits } from './policies/kept-circuits.ts';
import { Pauses } from './policies/pauses.ts';
import { Policies } from './policies/policies.ts';
import { StoredCache } from './policies/stored-cache.ts';
import { SubmitRates } from './policies/submit-rates.ts';
import { Changes } from './read/changes.ts';
import { KeptResults } from './read/kept-results.ts';
import { Queries } from './read/queries.ts';
import { Pools } from './policies/pools.ts';
import { Runners } from './read/runners.ts';
import { Status } from './read/status.ts';
import { stored } from './refusals.ts';
import { Answering } from './run/answering.ts';
import { Asking } from './run/asking.ts';
import { Deadlines, untilStored } from './run/deadlines.ts';
import { LiveCommands } from './run/live-commands.ts';
import { LiveRuns } from './run/live-runs.ts';
import { Monitors } from './run/monitors.ts';
import { Runs, schedulerOf } from './run/runs.ts';
import { Scheduler } from './run/scheduler.ts';
import { UnderWay } from './run/under-way.ts';
import { WriteBehind } from './run/write-behind.ts';
import { Fires } from './schedules/fires.ts';
import { Schedules } from './schedules/schedules.ts';
import { Starts } from './schedules/starts.ts';
import { Standing } from './standing.ts';
import { EventStreams } from './streams/event-streams.ts';
import { LogBlocks } from './streams/log-blocks.ts';
import { DiskWatch } from './upkeep/disk-watch.ts';
import { Janitor } from './upkeep/janitor.ts';
import { Leases } from './upkeep/leases.ts';
import { LogRemovals } from './upkeep/log-removals.ts';
import { Rounds } from './upkeep/rounds.ts';
import { LiveWaits } from './waits/live-waits.ts';
import { Waits } from './waits/waits.ts';

/** What every part may use, and what happens in the store. */
interface Ground {
  store: Store;
  journal: Journal;
  clock: Clock;
  log: Log;
  standing: Standing;
  /** What listens from outside. */
  bus: EventBus;
  /** Woken by each move of an execution; `growth` also when a live attempt has written something. */
  waiters: { changes: Waiters; growth: Waiters };
  committer: Committer;
  /** The one door to the store. */
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
  /** Asks other engines on the store. */
  tell: (signal: Signal) => void;
  /** Whether what is to be done once, by one of all engines on the store, is to be done here. */
  leads: () => Promise<boolean>;
  live: LiveRuns;
  underWay: UnderWay;
  schedulers: Record<SlotKind, Scheduler>;
  pools: Pools;
  /** The rules that apply now. */
  rules: () => AccessRules;
}

/** What executions have in common, and what spares them a run. */
interface Shared {
  policies: Policies;
  keptCircuits: KeptCircuits;
  rates: SubmitRates;
  cache: ResultCache;
  storedCache: StoredCache;
  cacheRounds: Rounds;
  joins: Joins;
  late: LateAccepts;
  hits: Hits;
}

interface Reading {
  queries: Queries;
  streams: EventStreams;
  /** What clients do to commands that run. */
  commands: LiveCommands;
  /** Between servers, about such commands; null where there is one server. */
  asking: Asking | null;
  answering: Answering | null;
  kept: KeptResults;
  accounts: Accounts;
  charges: Charges;
}

interface Keeping {
  files: Files;
  attemptFiles: AttemptFiles;
  blobKeeper: BlobKeeper;
  removals: LogRemovals;
  janitor: Janitor;
  disks: DiskWatch;
}

interface Running {
  /** Claims for the free slots of all pools. */
  fill: () => void;
  pauses: Pauses;
  writeBehind: WriteBehind;
  changing: Changes;
  deadlines: Deadlines;
  monitors: Monitors;
  runs: Runs;
}

interface Accepting {
  intake: Intake;
  plans: Plans;
  /** Executions that are to start later, and work that starts again and again. */
  starts: Starts;
  fires: Fires;
  schedules: Schedules;
  /** Waits of plans, and what ends them. */
  liveWaits: LiveWaits;
  waits: Waits;
}

interface Whole {
  runners: Runners;
  status: Status;
  observers: Observers;
  reader: FeedReader;
  leases: Leases | null;
  life: Life;
}

export interface Parts extends Ground, Shared, Reading, Keeping, Running, Accepting, Whole {}

export function buildParts(deps: EngineDeps): Parts {
  const parts = {} as Parts;
  const add = <T extends Partial<Parts>>(more: T): T => Object.assign(parts, more);
  // The type of the sum says that none is missing.
  const all: Parts = {
    ...add(ground(deps, parts)),
    ...add(shared(deps, parts)),
    ...add(reading(deps, parts)),
    ...add(keeping(deps, parts)),
    ...add(running(deps, parts)),
    ...add(accepting(deps, parts)),
    ...add(whole(deps, parts)),
  };
  return Object.assign(parts, all);
}

function ground(deps: EngineDeps, parts: Parts): Ground {
  const { store, journal, clock } = deps;
  const log = ofComponent(deps.log, 'execution');
  const standing = new Standing();
  const { signal, epoch } = standing;
  const bus = new EventBus(ofComponent(log, 'events'));
  const publish: Listener = (event, execution) => {
    parts.reader.own(execution);
    parts.observers.take(execution);
    bus.publish(event, execution);
  };
  const committer = new Committer({
    ...{ store, clock, log: ofComponent(log, 'store'), publish, epoch, signal, committed: deps.committed },
    publishAccount: (event) => bus.publishAccount(event),
  });
  const { commit } = committer;
  const scheduler = (slotKind: SlotKind) =>
    new Scheduler({
      ...{
        slotKind,
        slots: deps.policy.slots[slotKind],
        pools: deps.policy.pools,
        store,
        clock,
        log: ofComponent(log, 'queue'),
        commit,
      },
      claimant: () => claimantOf(deps),
      run: (execution) => parts.runs.run(execution),
    });
  return {
    ...{ store, journal, clock, log, standing, bus, committer, commit, rules: deps.rules },
    waiters: { changes: new Waiters(clock), growth: new Waiters(clock) },
    schedulers: { process: scheduler('process'), http: scheduler('http') },
    pools: new Pools({
      ...{ store, clock, policy: deps.policy, log: ofComponent(log, 'queue') },
      servers: () => parts.runners.list(),
    }),
    tell: (signal) =>
      void store.feed
        .signal(epoch() ?? 0, signal)
        .catch((err: unknown) => log.warn({ component: 'store', err }, 'Cannot reach the other replicas')),
    leads: async () => !store.feed.isShared || store.leads(epoch() ?? 0),
    live: new LiveRuns(),
    underWay: new UnderWay(),
  };
}

function shared(deps: EngineDeps, { store, clock, log, commit, tell, standing, underWay }: Parts): Shared {
  const { circuits, newId, newTrace } = deps;
  const policies = new Policies(deps.policies, circuits, () => clock.monotonic());
  const cache = new ResultCache(deps.cache, () => clock.now());
  const { isPersistent, cleanupIntervalMs: intervalMs } = deps.cache;
  const track = (work: Promise<unknown>) => underWay.track(work);
  const storedCache = new StoredCache({
    cache,
    isPersistent,
    store,
    log: ofComponent(log, 'cache'),
    commit,
    track,
  });
  const late = new LateAccepts({ commit, clock, log: ofComponent(log, 'execution') });
  return {
    ...{ policies, cache, storedCache, late, joins: new Joins() },
    keptCircuits: new KeptCircuits({
      ...{
        store,
        commit,
        clock,
        log: ofComponent(log, 'circuit'),
        circuits,
        policies,
        tell,
        signal: standing.signal,
      },
    }),
    rates: new SubmitRates(() => clock.monotonic()),
    // What has expired leaves the cache, whatever becomes of executions.
    cacheRounds: new Rounds({
      ...{ clock, log: ofComponent(log, 'cache'), intervalMs, first: 'later' },
      once: () => storedCache.sweep(),
      failed: 'The cleanup of the cache failed; execd retries at the next interval',
    }),
    hits: new Hits({
      ...{ late, cache, policies, clock, newId, newTrace },
      // Others would not find what is not stored yet.
      mayFollow: () => !store.feed.isShared,
    }),
  };
}

function reading(deps: EngineDeps, parts: Parts): Reading {
  const { store, journal, clock, log, commit, standing, live, late, cache, rates, storedCache } = parts;
  const { waiters, schedulers } = parts;
  const { credits, newId, rules, chargeWorkers: workers } = deps;
  const blocks = new LogBlocks(journal);
  const { asking, answering } = betweenServers(parts);
  const queries = new Queries({
    ...{ store, journal, followed: blocks, clock, live, late, ...waiters },
    waiting: {
      ...{ store, rules, isOpen: standing.isOpen, schedulers, pools: parts.pools },
      pauseOf: (execution) => parts.pauses.of(execution),
      ownDrain: () => parts.pauses.ownDrain,
    },
  });
  return {
    queries,
    commands: new LiveCommands({
      ...{ clock, live, growth: waiters.growth, epoch: standing.epoch, asking },
      own: (caller, id) => queries.own(caller, id),
    }),
    ...{ asking, answering },
    streams: new EventStreams({
      ...{ store, journal, blocks, clock, growth: waiters.growth },
      own: (caller, id) => queries.own(caller, id),
      written: (name) => live.written(name),
      isStored: (id) => late.stored(id),
      instanceId: () => standing.identity?.instanceId ?? '',
    }),
    kept: new KeptResults({
      ...{ cache, clock, rules, rates, defaultTtlMs: deps.policy.cacheTtlMs },
      persist: (change) => storedCache.persist(change),
    }),
    accounts: new Accounts({ store, clock, commit, credits, newId }),
    charges: new Charges({
      ...{ store, clock, log: ofComponent(log, 'credits'), commit, workers },
      lowBalance: () => credits?.lowBalance() ?? null,
    }),
  };
}

function betweenServers({ store: { asks }, ...parts }: Parts): {
  asking: Asking | null;
  answering: Answering | null;
} {
  if (asks === undefined) return { asking: null, answering: null };
  const { clock, live, waiters, standing } = parts;
  const shared = { asks, clock, log: ofComponent(parts.log, 'execution'), epoch: standing.epoch };
  return {
    asking: new Asking(shared),
    answering: new Answering({ ...shared, live, growth: waiters.growth }),
  };
}

function keeping(deps: EngineDeps, parts: Parts): Keeping {
  const { store, journal, clock, log, commit, queries, storedCache, leads, tell } = parts;
  const { blobs, privateFiles, fileBounds, uploadTtlMs } = deps.files;
  const rooms = new FileRooms(store, fileBounds);
  const keeper = new BlobKeeper({ blobs, store, commit, log: ofComponent(log, 'files') });
  const files = new Files({
    ...{
      store,
      blobs,
      keeper,
      clock,
      log: ofComponent(log, 'files'),
      commit,
      newId: deps.newId,
      rooms,
      uploadTtlMs,
    },
    own: (caller, id) => queries.own(caller, id),
  });
  const sweepUploads = () =>
    files.sweep().catch((err: unknown) => log.warn({ component: 'files', err }, 'Cannot remove uploads'));
  const removals = new LogRemovals({
    ...{ store, journal, clock, log: ofComponent(log, 'cleanup'), signal: tell },
    onGone: (execution) => storedCache.forgetCut(execution),
    onRemoved: () => void sweepUploads(),
  });
  const { retentionMs, failedRetentionMs, logRetentionMs } = deps;
  const { maxRetained, maxDataBytes, cleanupIntervalMs } = deps;
  return {
    ...{ files, removals, blobKeeper: keeper },
    attemptFiles: new AttemptFiles({
      store,
      keeper,
      privateFiles,
      clock,
      log: ofComponent(log, 'files'),
      rooms,
    }),
    janitor: new Janitor({
      ...{
        store,
        journal,
        clock,
        log: ofComponent(log, 'cleanup'),
        commit,
        removals,
        sweepUploads,
        leads,
        intervalMs: cleanupIntervalMs ?? 0,
      },
      ...{ retentionMs, failedRetentionMs, logRetentionMs, maxRetained, maxDataBytes },
    }),
    disks: new DiskWatch(deps.disks, clock, ofComponent(log, 'disk')),
  };
}

function running(deps: EngineDeps, parts: Parts): Running {
  const { store, clock, log, commit, live, joins, late, queries, removals, standing, schedulers, tell } =
    parts;
  const { rules, syncIntervalMs: intervalMs } = deps;
  const changing = new Changes({
    ...{ store, removals, clock, log, live, commit, joins, late, queries },
    holds: (execution) => parts.observers.holds(execution),
    signal: tell,
    quotasOf: (userId) => rules().quotasOf(userId),
  });
  const trying = {
    ...{ clock, log: ofComponent(log, 'timeout'), signal: standing.signal },
    what: 'a timeout',
  };
  const writeBehind = new WriteBehind({ commit, clock, log: ofComponent(log, 'store'), intervalMs });
  const fill = () => {
    for (const slotKind of SLOT_KINDS) schedulers[slotKind].fill();
  };
  return {
    ...{ changing, writeBehind, fill },
    pauses: new Pauses({
      ownName: deps.replica?.name ?? ONLY.name,
      hold(isDrained) {
        for (const slotKind of SLOT_KINDS) schedulers[slotKind].hold(isDrained);
      },
      store,
      commit,
      clock,
      log: ofComponent(log, 'queue'),
      fill,
      tell: () => tell({ type: 'pauses' }),
    }),
    deadlines: new Deadlines(clock, {
      expire: untilStored((execution) => changing.expire(execution), trying),
      due: untilStored(async (execution) => {
        await changing.due(execution);
        schedulerOf(schedulers, execution).fill();
      }, trying),
    }),
    monitors: new Monitors({
      ...{ clock, live },
      tell: untilStored((execution, event: MonitorEvent) => changing.tell(execution, event), {
        ...trying,
        what: 'the event of a monitor',
      }),
    }),
    runs: runsOf(deps, parts, writeBehind),
  };
}

function runsOf(deps: EngineDeps, parts: Parts, writeBehind: WriteBehind): Runs {
  const { journal, clock, log, standing, live, underWay, waiters, policies, attemptFiles, disks } = parts;
  const { policy, runner, requests, secrets, isRevoked, random, attemptSpan, toCommand } = deps;
  return new Runs({
    ...{ policy, runner, requests, secrets, isRevoked, random, attemptSpan },
    ...{ journal, clock, log, live, underWay, policies, growth: waiters.growth, files: attemptFiles },
    ...{ schedulers: parts.schedulers, writeBehind, rulesNow: deps.rules },
    ...{ isOpen: standing.isOpen, signal: standing.signal },
    suspectDisks: () => disks.suspect(),
    toCommand: (execution, work, traceparent) =>
      toCommand(execution, work, { epoch: standing.epoch() ?? 0, traceparent }),
  });
}

const claimantOf = ({ runner }: EngineDeps) => ({ runner: runner.status().name });

function accepting(deps: EngineDeps, parts: Parts): Accepting {
  const { store, clock, log, commit, standing, changing, fill } = parts;
  const { newId, isRevoked, times } = deps;
  const checkOpen = () => standing.checkOpen();
  const plans = plansOf(deps, parts);
  const ofPlans = {
    whyNoRoom: (...of: Parameters<Plans['whyNoRoom']>) => plans.whyNoRoom(...of),
    beginPlan: (plan: RunningExecution) => plans.begin(plan),
  };
  const intake = intakeOf(deps, parts, plans, ofPlans);
  const liveWaits = new LiveWaits({ store, clock, log: ofComponent(log, 'plan'), commit });
  const fires = new Fires({
    ...{
      store,
      clock,
      log: ofComponent(log, 'schedule'),
      commit,
      timesOf: times.timesOf,
      isRevoked,
      fired: deps.onScheduleRun,
      silent: deps.onSilence,
    },
    submitAll: (caller, submissions) => stored(intake.submitAll(caller, submissions)),
    cancel: (caller, id, reason) => changing.cancel(caller, id, { reason, graceMs: null }),
  });
  return {
    ...{ plans, intake, fires, liveWaits },
    waits: new Waits({
      ...{ store, clock, commit, checkOpen, live: liveWaits, checkPayload: deps.plans.checkPayload },
      checkRate: (caller) => intake.checkRate(caller),
      own: (caller, id) => parts.queries.own(caller, id),
    }),
    starts: new Starts({ store, clock, log: ofComponent(log, 'schedule'), commit, ...ofPlans, queued: fill }),
    schedules: new Schedules({
      ...{ store, clock, commit, ...times, newId, fires },
      checkOpen() {
        checkOpen();
        parts.pauses.checkMaintenance();
      },
      checkWork: (caller, { work }) => intake.checkWork(caller, work),
    }),
  };
}

function plansOf(deps: EngineDeps, parts: Parts): Plans {
  const { store, journal, clock, log, commit, standing, waiters, queries, changing, schedulers } = parts;
  const { epoch, isOpen, signal } = standing;
  return new Plans({
    ...{ store, journal, clock, log: ofComponent(log, 'plan'), commit, queries, epoch, isOpen, signal },
    ...{ newId: deps.newId, ...deps.plans, changes: waiters.changes },
    queue: {
      maxQueued: deps.policy.maxQueued,
      queuedOf: (userId) => deps.rules().quotasOf(userId).queued,
      freeSlots: (slotKind, pool) => {
        const scheduler = schedulers[slotKind];
        return scheduler.hasRoomFor(pool ?? deps.policy.pools[0] ?? DEFAULT_POOL) ? scheduler.free : 0;
      },
    },
    submitAll: (caller, submissions) => parts.intake.submitAll(caller, submissions),
    stop: (plan, outcome) => changing.stopPlan(plan, outcome),
    watch: (plan) => parts.observers.watch(plan),
  });
}

function intakeOf(
  deps: EngineDeps,
  parts: Parts,
  plans: Plans,
  ofPlans: Pick<ConstructorParameters<typeof Intake>[0], 'whyNoRoom' | 'beginPlan'>,
): Intake {
  const { store, clock, commit, standing, schedulers, policies, cache, joins, hits, rates } = parts;
  const { files, runs, underWay, queries, changing } = parts;
  const { policy, resolve, planOf, rules, secrets, roots, isRevoked, credits, newId, newTrace, runner } =
    deps;
  const { webhookProblems } = deps;
  return new Intake({
    ...{ policy, resolve, planOf, secrets, roots, isRevoked, credits, newId, newTrace, webhookProblems },
    ...{ store, clock, commit, schedulers, pools: parts.pools, policies, cache, joins, hits, rates, files },
    ...ofPlans,
    // They change while the server runs.
    get rules() {
      return rules();
    },
    tiers: () => runner.status().tiers,
    claimant: () => claimantOf(deps),
    run: runs.run,
    stopped: (executions, { id }) =>
      changing.stopLive(executions, { reason: `Replaced by the execution ${id}.`, graceMs: null }),
    checkOpen: () => standing.checkOpen(),
    checkMaintenance: () => parts.pauses.checkMaintenance(),
    track: (work) => underWay.track(work),
    own: (caller, id) => queries.own(caller, id),
    checkPlan: (caller, plan) => plans.mustBeValid(caller, plan),
  });
}

function whole(deps: EngineDeps, parts: Parts): Whole {
  const { store, clock, log, commit, standing, waiters, storedCache } = parts;
  const { runner, requests, replica, random, drainMs, maxDataBytes } = deps;
  const observers = new Observers({
    ...parts,
    ...{ ...waiters, epoch: standing.epoch },
    keepResult: (execution) => storedCache.keepResult(execution),
  });
  const reader = readerOf(parts, observers, deps.changedElsewhere);
  const leaseMs = replica?.leaseMs ?? null;
  const leases =
    leaseMs === null
      ? null
      : new Leases({
          ...{ commit, clock, log: ofComponent(log, 'store'), leaseMs },
          holds: (until, graceMs) => runner.lease(until, graceMs),
          lost: () => parts.life.lose(),
          async takeOver() {
            await parts.life.takeOver();
            // A server that has changed something may have ended before it could say so.
            await parts.pauses.lookAgain();
            await deps.changedElsewhere?.('operations');
          },
        });
  const runners = new Runners({
    ...{ store, epoch: standing.epoch, facts: () => deps.facts?.(), log: ofComponent(log, 'store') },
    ...{ tell: () => parts.tell({ type: 'servers' }), pauses: parts.pauses },
  });
  return {
    ...{ observers, reader, leases, runners },
    status: new Status({
      ...{ ...parts, runner, maxDataBytes, rules: deps.rules, policy: deps.policy },
      whyClosed: () => standing.whyClosed(),
    }),
    life: new Life({
      ...{ ...parts, observers, reader, leases, store, runners },
      ...{ runner, requests, replica, random, drainMs, gone: deps.gone },
      ...{ graceMs: deps.policy.graceMs, cleansUp: deps.cleanupIntervalMs !== null },
    }),
  };
}

function readerOf(
  parts: Parts,
  observers: Observers,
  changedElsewhere: EngineDeps['changedElsewhere'],
): FeedReader {
  const { store, clock, log, standing, live, streams, bus, keptCircuits, removals, pauses } = parts;
  return new FeedReader({
    ...{ store, clock, log: ofComponent(log, 'store'), signal: standing.signal },
    observe: (execution) => observers.takeOther(execution),
    touched: (fact) => observers.touched(fact),
    show(batch) {
      streams.take(batch);
      bus.publishBatch();
    },
    async resync() {
      await observers.lookAgain();
      await pauses.lookAgain();
      await changedElsewhere?.('operations');
    },
    stop({ runId, request }) {
      if (live.get(runId) !== undefined) live.stop(runId, request);
    },
    async changed(signal) {
      if (signal.type === 'circuits') return keptCircuits.takeIn(signal.names);
      if (signal.type === 'removed') return removals.removeOf(signal.runs);
      if (signal.type === 'servers') return parts.runners.compare();
      if (signal.type !== 'pauses') return changedElsewhere?.(signal.type);
      await pauses.lookAgain();
    },
  });
}
