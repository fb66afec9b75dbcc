// Slots: the right to run one attempt now. The scheduler decides how many executions are claimed; which ones, the store
// decides. Counting is synchronous, so that no two callers can take the same slot.
import type { SlotKind } from '../../domain/kinds.ts';
import type { RunningExecution } from '../../domain/execution/execution.ts';
import { type PoolKey, poolKey } from '../../domain/pools.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Claimant, Group, GroupResult } from '../../domain/ports/group.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import { EACH_SECOND, untilDone } from '../../resilience/retrying.ts';

export interface SchedulerDeps {
  slotKind: SlotKind;
  /** The pools that this server serves. */
  pools: readonly string[];
  slots: number;
  store: Pick<Store, 'stats' | 'feed'>;
  clock: Clock;
  log: Log;
  commit(groups: readonly Group[]): Promise<GroupResult[]>;
  claimant(): Claimant;
  /** Runs what has been claimed, each on one slot, which it gives back by `release` or `claimWith`. */
  run(execution: RunningExecution): void;
}

/** Weight of the last duration in the moving mean. */
const SMOOTHING = 0.1;

export class Scheduler {
  readonly #deps: SchedulerDeps;
  readonly #keys: readonly PoolKey[];
  #inUse = 0;
  #isOpen = false;
  /** Nothing new is to start here. */
  #isHeld = false;
  readonly #closing = new AbortController();
  #isFilling = false;
  /** Something has changed since the last claim was sent. */
  #isDue = false;
  /** The claim that is being committed. */
  #claiming: Promise<void> = Promise.resolve();
  #meanMs: number | null = null;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
    this.#keys = deps.pools.map((pool) => poolKey(deps.slotKind, pool));
  }

  get inUse(): number {
    return this.#inUse;
  }

  get slots(): number {
    return this.#deps.slots;
  }

  get slotKind(): SlotKind {
    return this.#deps.slotKind;
  }

  get free(): number {
    return this.#deps.slots - this.#inUse;
  }

  /** How long attempts held their slots of late, milliseconds; null before the first end. */
  get meanMs(): number | null {
    return this.#meanMs;
  }

  /** Executions that wait for a slot of a pool that this server serves. */
  get #queued(): number {
    const { queued } = this.#deps.store.stats();
    return this.#keys.reduce((sum, key) => sum + (queued[key] ?? 0), 0);
  }

  open(): void {
    this.#isOpen = true;
    this.fill();
  }

  /** Claims nothing from now on, or, when that is over, again from the next `fill` on. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
  }

  /** Claims nothing any more; returns when a claim that was under way has come back and been handed to `run`. */
  async close(): Promise<void> {
    this.#isOpen = false;
    this.#closing.abort();
    await this.#claiming;
  }

  /** Whether this server starts work of a pool. */
  serves(pool: string): boolean {
    return this.#deps.pools.includes(pool);
  }

  /** Takes a slot for a new execution of a pool, if it need not wait behind others. */
  tryReserve(pool: string): boolean {
    if (!this.hasRoomFor(pool)) return false;
    this.#inUse += 1;
    return true;
  }

  /** Whether a new execution of a pool would get a slot at once. */
  hasRoomFor(pool: string): boolean {
    return this.serves(pool) && this.#isOpen && !this.#isHeld && this.free > 0 && this.#queued === 0;
  }

  /** Whether a new execution would get a slot of another server, as far as is known: this one has none, and nothing waits. */
  mayStartElsewhere(pool: string): boolean {
    const { store, slots, slotKind } = this.#deps;
    const startsNone = slots === 0 || ((this.#isHeld || !this.serves(pool)) && store.feed.isShared);
    return this.#isOpen && startsNone && (store.stats().queued[poolKey(slotKind, pool)] ?? 0) === 0;
  }

  release(): void {
    this.#inUse -= 1;
    this.fill();
  }

  /** Claims for the free slots, in the background. */
  fill(): void {
    this.#isDue = true;
    if (this.#isFilling || this.#wanted(0) === 0) return;
    this.#isFilling = true;
    this.#isDue = false;
    const { clock, log } = this.#deps;
    const failed = (err: unknown) => log.error({ err }, 'Cannot claim queued executions; execd retries');
    const how = { clock, failed, signal: this.#closing.signal, backoff: EACH_SECOND };
    this.#claiming = untilDone(() => this.#claim(), how).then((claimed) => {
      this.#isFilling = false;
      // What waits although a slot is free waits for its concurrency key: asking again would change nothing.
      if ((claimed?.value ?? 0) > 0 || this.#isDue) this.fill();
    });
  }

  /**
   * Commits a group that frees a slot, and claims for it, and for all other free slots, in the same transaction.
   * When the commit fails the slot is still the caller's.
   *
   * @returns the result of the group
   */
  async claimWith(group: Group): Promise<GroupResult> {
    const wanted = this.#wanted(1);
    const others = Math.max(0, wanted - 1);
    this.#inUse += others;
    let results: GroupResult[];
    try {
      results = await this.#deps.commit(wanted > 0 ? [group, this.#claimGroup(wanted)] : [group]);
    } catch (error) {
      this.#inUse -= others;
      throw error;
    }
    const [own, claimed] = results;
    // A refused group has freed nothing: its caller will try again with another one.
    this.#inUse -= own?.status === 'refused' ? others : others + 1;
    if (this.#start(claimed) === wanted) this.fill();
    return own as GroupResult;
  }

  /** Takes in how long an attempt held its slot. */
  noteDuration(ms: number): void {
    this.#meanMs = this.#meanMs === null ? ms : this.#meanMs + SMOOTHING * (ms - this.#meanMs);
  }

  /** When a client should ask again: the mean duration of the attempts that are ahead, 1 to 60 seconds. */
  retryAfterS(): number {
    const ahead = this.#queued + 1;
    const seconds = ((this.#meanMs ?? 1000) * ahead) / this.#deps.slots / 1000;
    return Math.min(60, Math.max(1, Math.ceil(seconds)));
  }

  /** Claims for the free slots; answers how many came. */
  async #claim(): Promise<number> {
    const wanted = this.#wanted(0);
    if (wanted === 0) return 0;
    this.#inUse += wanted;
    let results: GroupResult[];
    try {
      results = await this.#deps.commit([this.#claimGroup(wanted)]);
    } catch (error) {
      this.#inUse -= wanted;
      throw error;
    }
    this.#inUse -= wanted;
    return this.#start(results[0]);
  }

  /** How many to claim, with so many slots about to be free. */
  #wanted(freed: number): number {
    if (!this.#isOpen || this.#isHeld) return 0;
    // What others put into the queue is counted here as soon as the feed tells of it, and then this is asked again.
    return Math.max(0, Math.min(this.free + freed, this.#queued));
  }

  #claimGroup(limit: number): Group {
    return [{ type: 'claim_next', pools: this.#keys, limit, claim: this.#deps.claimant() }];
  }

  /** Runs what was claimed; answers how many. */
  #start(result: GroupResult | undefined): number {
    if (result?.status !== 'applied') return 0;
    const claimed = result.executions.filter((execution) => execution.status === 'running');
    for (const execution of claimed) {
      this.#inUse += 1;
      this.#deps.run(execution);
    }
    return claimed.length;
  }
}
