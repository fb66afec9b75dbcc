// Those who keep up with the state of executions: deadlines, joins, plans, kept results, charges, and whoever waits. They take in
// what this engine has done at once, and what others have done as soon as it has been read.
import { SLOT_KINDS, type SlotKind, hasSteps } from '../domain/kinds.ts';
import type { Execution } from '../domain/execution/execution.ts';
import type { ExecutionId } from '../domain/ids.ts';
import type { Fact } from '../domain/ports/feed.ts';
import type { Store } from '../domain/ports/store.ts';
import type { Charges } from './credits/charges.ts';
import type { Waiters } from './feed/waiters.ts';
import type { Plans } from './plans/plans.ts';
import type { Joins } from './policies/joins.ts';
import type { Deadlines } from './run/deadlines.ts';
import type { LiveRuns } from './run/live-runs.ts';
import type { Monitors } from './run/monitors.ts';
import type { Scheduler } from './run/scheduler.ts';
import type { Fires } from './schedules/fires.ts';
import type { Starts } from './schedules/starts.ts';
import type { LiveWaits } from './waits/live-waits.ts';
import type { EventStreams } from './streams/event-streams.ts';

export interface ObserversDeps {
  store: Pick<Store, 'get' | 'pendingToFollow'>;
  live: LiveRuns;
  deadlines: Deadlines;
  monitors: Monitors;
  joins: Joins;
  plans: Plans;
  charges: Charges;
  /** Executions that are to start later, and schedules. */
  starts: Starts;
  fires: Fires;
  /** Waits of plans. */
  liveWaits: LiveWaits;
  schedulers: Record<SlotKind, Scheduler>;
  streams: EventStreams;
  /** Woken by each move of an execution. */
  changes: Waiters;
  /** Woken by each move, and when a live attempt has written something. */
  growth: Waiters;
  keepResult(execution: Execution): void;
  /** Of this engine. */
  epoch(): number | undefined;
}

export class Observers {
  readonly #deps: ObserversDeps;

  constructor(deps: ObserversDeps) {
    this.#deps = deps;
  }

  /** Takes in the newest state of an execution. */
  take(execution: Execution): void {
    const { deadlines, joins, plans, charges } = this.#deps;
    deadlines.follow(execution);
    this.#deps.monitors.follow(execution);
    this.#deps.starts.follow(execution);
    this.#deps.fires.follow(execution);
    this.#deps.liveWaits.follow(execution);
    joins.follow(execution);
    plans.follow(execution);
    this.#deps.keepResult(execution);
    charges.note(execution);
    this.#notify(execution);
  }

  /** Takes in what another engine has done. */
  takeOther(execution: Execution): void {
    const { deadlines, monitors, joins, live } = this.#deps;
    const { id, runId, status, spec, phase, timeouts } = execution;
    this.take(execution);
    const isHere = this.holds(execution);
    // Whoever runs it sees to its limits.
    if (status === 'running' && !hasSteps(spec) && !isHere) {
      deadlines.forget(id);
      monitors.forget(id);
    }
    if (phase === 'queued' || phase === 'starting') joins.offer(execution, runId);
    const run = isHere ? live.get(runId) : undefined;
    if (run === undefined) return;
    if (phase !== 'canceling') void run.attempt?.extend(timeouts.attemptMs, timeouts.idleMs);
    else if (run.stop === null)
      live.stop(runId, { cause: 'cancelled', reason: execution.cancel?.reason ?? null });
  }

  /** Of what others have done, before it is read. */
  touched({ executionId: id, runId, planId, phase }: Fact): void {
    this.#notify({ id, runId, plan: planId === null ? null : { id: planId } });
    if (phase === 'queued' || phase === 'done') this.#fill();
  }

  /**
   * Reads again what is followed, after something was missed.
   *
   * @throws StoreError
   */
  async lookAgain(): Promise<void> {
    const { store, live, deadlines, monitors, plans, charges, changes, growth, streams } = this.#deps;
    deadlines.clear();
    monitors.clear();
    await this.followPending();
    for (const { id } of live.all()) {
      const execution = await store.get(null, id);
      if (execution !== null) this.takeOther(execution);
    }
    await this.#deps.liveWaits.read();
    await plans.lookAgain();
    charges.wake();
    for (const waiters of [changes, growth]) waiters.notifyAll();
    streams.lookAgain();
    this.#fill();
  }

  /** @throws StoreError */
  async followPending(): Promise<void> {
    const { store, joins } = this.#deps;
    for (const execution of await store.pendingToFollow()) {
      this.watch(execution);
      joins.resume(execution);
    }
  }

  /** Sets the timers of an execution that was read from the store. */
  watch(execution: Execution): void {
    this.#deps.deadlines.follow(execution);
    this.#deps.monitors.follow(execution);
  }

  /** Whether its last attempt was claimed by this engine. */
  holds({ attempts }: Execution): boolean {
    return attempts.at(-1)?.epoch === this.#deps.epoch();
  }

  /** Wakes whoever waits for an execution. */
  #notify({ id, runId, plan }: Pick<Execution, 'id' | 'runId'> & { plan: { id: ExecutionId } | null }): void {
    const { changes, growth } = this.#deps;
    changes.notify(id);
    growth.notify(id);
    if (runId !== id) growth.notify(runId);
    if (plan !== null) changes.notify(plan.id);
  }

  #fill(): void {
    for (const slotKind of SLOT_KINDS) this.#deps.schedulers[slotKind].fill();
  }
}
