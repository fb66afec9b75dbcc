// The life of the engine: it starts on its store, opens, drains and closes, each step in its order; and it loses or takes over work
// where others are on the same store.
import { SLOT_KINDS, type SlotKind } from '../domain/kinds.ts';
import type { Clock, Log } from '../domain/ports/clock.ts';
import type { Group, GroupResult } from '../domain/ports/group.ts';
import type { Journal } from '../domain/ports/journal.ts';
import type { Replica } from '../domain/ports/replica.ts';
import type { HttpRunner, Runner } from '../domain/ports/runner.ts';
import type { Store } from '../domain/ports/store.ts';
import type { LateAccepts } from './accept/late-accepts.ts';
import type { Charges } from './credits/charges.ts';
import type { FeedReader } from './feed/feed-reader.ts';
import type { Waiters } from './feed/waiters.ts';
import type { BlobKeeper } from './files/blob-keeper.ts';
import type { Observers } from './observers.ts';
import type { Plans } from './plans/plans.ts';
import type { KeptCircuits } from './policies/kept-circuits.ts';
import type { Pauses } from './policies/pauses.ts';
import type { StoredCache } from './policies/stored-cache.ts';
import type { Changes } from './read/changes.ts';
import type { Answering } from './run/answering.ts';
import type { Asking } from './run/asking.ts';
import type { Deadlines } from './run/deadlines.ts';
import type { Monitors } from './run/monitors.ts';
import type { LiveRuns } from './run/live-runs.ts';
import type { Runners } from './read/runners.ts';
import { recover, type RecoveryDeps } from './run/recovery.ts';
import type { Scheduler } from './run/scheduler.ts';
import type { UnderWay } from './run/under-way.ts';
import type { WriteBehind } from './run/write-behind.ts';
import type { Alarm } from './schedules/alarm.ts';
import type { Standing } from './standing.ts';
import type { EventStreams } from './streams/event-streams.ts';
import type { DiskWatch } from './upkeep/disk-watch.ts';
import type { Janitor } from './upkeep/janitor.ts';
import type { Leases } from './upkeep/leases.ts';
import type { LogRemovals } from './upkeep/log-removals.ts';
import type { Rounds } from './upkeep/rounds.ts';
import type { LiveWaits } from './waits/live-waits.ts';

/** What has a beginning and an end of its own. */
export interface LifeDeps extends Omit<RecoveryDeps, 'epoch'> {
  standing: Standing;
  replica: Replica | undefined;
  store: Store;
  runner: Runner;
  requests: HttpRunner;
  journal: Journal;
  clock: Clock;
  log: Log;
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
  /** How long what runs may go on in a drain. */
  drainMs: number;
  /** Between asking what runs to stop and killing it, at least. */
  graceMs: number;
  /** Whether executions are removed by themselves. */
  cleansUp: boolean;
  schedulers: Readonly<Record<SlotKind, Scheduler>>;
  /** Work that is to begin later. */
  starts: { readonly alarm: Alarm };
  fires: { readonly alarm: Alarm };
  liveWaits: Pick<LiveWaits, 'alarm' | 'read'>;
  pauses: Pauses;
  live: LiveRuns;
  underWay: UnderWay;
  waiters: { changes: Waiters; growth: Waiters };
  streams: EventStreams;
  reader: FeedReader;
  observers: Observers;
  changing: Changes;
  plans: Plans;
  deadlines: Deadlines;
  monitors: Monitors;
  late: LateAccepts;
  writeBehind: WriteBehind;
  charges: Charges;
  storedCache: StoredCache;
  cacheRounds: Rounds;
  keptCircuits: KeptCircuits;
  blobKeeper: BlobKeeper;
  disks: DiskWatch;
  removals: LogRemovals;
  janitor: Janitor;
  /** Called when the lease of this replica is over and nothing runs any more. */
  gone: (() => void) | undefined;
  /** Null where nobody else can be on the store. */
  leases: Leases | null;
  asking: Asking | null;
  answering: Answering | null;
  runners: Pick<Runners, 'say'>;
}

/** After what is still running was stopped: how long its ends may take to be proven and stored. */
const LAST_ENDS_MS = 30_000;
const NOTE_MS = 1000;

export class Life {
  readonly #deps: LifeDeps;
  #stopNoted: Promise<void> = Promise.resolve();

  constructor(deps: LifeDeps) {
    this.#deps = deps;
  }

  /** Opens the store and makes good what an earlier end has interrupted. Accepts and claims nothing before `open`. */
  async start(): Promise<void> {
    const { standing, store, runner, journal, replica, reader, blobKeeper } = this.#deps;
    const { changing, observers, keptCircuits, plans, storedCache } = this.#deps;
    const identity = await store.open(replica);
    standing.identity = identity;
    // However long the start takes, others are told that this replica is there.
    this.#deps.leases?.start();
    // Before anything is read: what changes meanwhile is heard of.
    await reader.start(identity.epoch);
    await journal.prepare(identity.instanceId);
    await runner.start(identity);
    await this.#recover(true);
    this.#deps.answering?.start();
    await blobKeeper.start(store.feed.isShared);
    // Whoever was to read them here is gone. Readers of other engines may be there.
    if (!store.feed.isShared) await changing.cancelUnread(await store.pendingToFollow());
    await observers.followPending();
    await keptCircuits.start();
    await plans.resume();
    await this.#deps.liveWaits.read();
    await this.#deps.pauses.start();
    await storedCache.load();
    this.#startUpkeep();
    await this.#deps.runners.say();
    standing.state = 'ready';
  }

  #startUpkeep(): void {
    const { disks, writeBehind, charges, cacheRounds, janitor, cleansUp } = this.#deps;
    disks.start();
    writeBehind.start();
    charges.start();
    cacheRounds.start();
    if (cleansUp) janitor.start();
  }

  /** Begins to accept, and to run what is queued. */
  open(): void {
    const { standing, schedulers, plans } = this.#deps;
    if (standing.state !== 'ready') return;
    standing.state = 'open';
    for (const slotKind of SLOT_KINDS) schedulers[slotKind].open();
    plans.open();
    for (const alarm of this.#alarms()) alarm.start();
  }

  /** Go off when something is due. */
  #alarms(): Alarm[] {
    const { starts, fires, liveWaits } = this.#deps;
    return [starts.alarm, fires.alarm, liveWaits.alarm];
  }

  /** Resolves when a next start will know that this one was asked to stop; rejects never, and waits for a second at most. */
  get stopNoted(): Promise<void> {
    return this.#stopNoted;
  }

  async #noteStop(): Promise<void> {
    const { clock, log, commit } = this.#deps;
    const isNoted = new AbortController();
    const note = commit([[{ type: 'stop_asked' }]])
      .catch((error: unknown) => log.warn({ err: error }, 'Cannot store the stop of execd'))
      .then(() => isNoted.abort());
    await Promise.race([note, clock.sleep(NOTE_MS, isNoted.signal).catch(() => undefined)]);
  }

  /**
   * Stops to accept and to claim, lets what runs go on until the drain time is over, then stops it as lost. What is
   * queued stays queued, and what a claim still brings goes back there. Reading goes on until `close`.
   */
  async drain(): Promise<void> {
    const { standing, clock, log, live, drainMs, schedulers, underWay } = this.#deps;
    if (!standing.isOpen()) return;
    standing.state = 'draining';
    const started = Promise.all(this.#alarms().map((alarm) => alarm.stop()));
    const claimed = Promise.all(SLOT_KINDS.map((slotKind) => schedulers[slotKind].close()));
    this.#stopNoted = this.#noteStop();
    void this.#stopNoted.then(() => log.info({ running: live.size, drain_ms: drainMs }, 'Draining'));
    const isIdle = new AbortController();
    const timeUp = clock.sleep(drainMs, isIdle.signal).catch(() => undefined);
    const idle = Promise.all([claimed, started]).then(() => underWay.idle());
    await Promise.race([idle.then(() => isIdle.abort()), timeUp]);
    this.#stopRuns();
    await this.#lastEnds(idle);
    standing.giveUp();
    await this.#stopUpkeep();
  }

  /** Waits until the ends of what was stopped are stored, but not for ever. */
  async #lastEnds(idle: Promise<void>): Promise<void> {
    const { clock, log, live } = this.#deps;
    const isDone = new AbortController();
    const graceMs = Math.max(this.#deps.graceMs, ...live.all().map((run) => run.graceMs));
    const giveUp = clock.sleep(graceMs + LAST_ENDS_MS, isDone.signal).then(
      () => log.error({ running: live.size }, 'Cannot store ends; the next start recovers them'),
      () => undefined,
    );
    await Promise.race([idle.then(() => isDone.abort()), giveUp]);
  }

  async #stopUpkeep(): Promise<void> {
    const { janitor, cacheRounds, late, writeBehind, charges, keptCircuits } = this.#deps;
    await janitor.stop();
    await cacheRounds.stop();
    await late.close();
    await writeBehind.stop();
    await charges.stop();
    await keptCircuits.stop();
  }

  /** Answers all who wait, and ends the runner and the store. */
  async close(): Promise<void> {
    const { standing, schedulers, deadlines, monitors, disks, removals, reader } = this.#deps;
    const { waiters, streams, janitor, cacheRounds, charges, leases, runner, requests, store } = this.#deps;
    if (standing.state === 'stopped') return;
    standing.state = 'stopped';
    for (const alarm of this.#alarms()) void alarm.stop();
    for (const slotKind of SLOT_KINDS) void schedulers[slotKind].close();
    deadlines.clear();
    monitors.clear();
    disks.stop();
    removals.close();
    standing.giveUp();
    reader.stop();
    for (const waiting of [waiters.changes, waiters.growth, streams]) waiting.close();
    await janitor.stop();
    await cacheRounds.stop();
    await charges.stop();
    await leases?.stop();
    this.#deps.asking?.close();
    await this.#deps.answering?.close();
    await runner.stop();
    await requests.close();
    await store.close();
  }

  /** Goes on with what others held whose lease is over. */
  async takeOver(): Promise<void> {
    if (this.#deps.standing.state !== 'open') return;
    await this.#recover(false);
    await this.#deps.plans.resume();
  }

  /** Others may have taken over what runs here. */
  lose(): void {
    this.#stopRuns();
    void this.drain().then(() => this.#deps.gone?.());
  }

  #stopRuns(): void {
    const { live } = this.#deps;
    for (const run of live.all()) live.stop(run.id, { cause: 'lost', detail: 'shutdown' });
  }

  #recover(isStart: boolean): Promise<void> {
    return recover({ ...this.#deps, epoch: this.#deps.standing.epoch() ?? 0 }, isStart);
  }
}
