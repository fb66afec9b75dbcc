// Holding on to what this engine has claimed, where others are on the same store: it says now and then that it is there, and takes
// over what others held who have not said so for too long.
import type { Group, GroupResult } from '../../domain/ports/group.ts';
import type { Clock, Log, Timer } from '../../domain/ports/clock.ts';
import { Rounds } from './rounds.ts';

export interface LeasesDeps {
  /** How long a beat lasts. */
  leaseMs: number;
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
  clock: Clock;
  log: Log;
  /** What runs here is to have ended by then, on the monotonic clock, and `graceMs` later at the latest. */
  holds: (until: number, graceMs: number) => void;
  /** The lease was over: others may have taken over what ran here, so that it is to be stopped. Called once. */
  lost: () => void;
  /** Takes over from those whose lease is over. */
  takeOver: () => Promise<void>;
}

/** Beats in one lease: two may fail. */
const BEATS = 3;
/** The part of the lease in which what runs is ended. */
const MARGIN = 6;
/** What has not ended at the end of this part of the margin is killed. */
const GRACE = 1 / 2;

export class Leases {
  readonly #deps: LeasesDeps;
  readonly #rounds: Rounds;
  /** Goes off before others may take over. */
  #watchdog: Timer | null = null;
  #isLost = false;

  constructor(deps: LeasesDeps) {
    this.#deps = deps;
    const { clock, log, leaseMs } = deps;
    this.#rounds = new Rounds({
      ...{ clock, log, intervalMs: leaseMs / BEATS, first: 'later' },
      once: () => this.#beat(),
      failed: 'Cannot renew the lease of this replica; execd retries',
    });
  }

  start(): void {
    this.#watch(this.#deps.clock.monotonic());
    this.#rounds.start();
  }

  /** Gives up what is held: others need not wait for its time to be over. */
  async stop(): Promise<void> {
    this.#watchdog?.cancel();
    await this.#rounds.stop();
    if (!this.#isLost) await this.#deps.commit([[{ type: 'beat', leaseMs: 0 }]]).catch(() => undefined);
  }

  async #beat(): Promise<void> {
    const { clock, leaseMs, commit, takeOver } = this.#deps;
    const now = clock.monotonic();
    const [result] = await commit([[{ type: 'beat', leaseMs }]]);
    if (result?.status !== 'applied') return this.#lose();
    if (this.#isLost) return;
    this.#watch(now);
    await takeOver();
  }

  /** What runs here has to be gone when the lease is over, which began with the last beat or later. */
  #watch(from: number): void {
    const { clock, leaseMs, holds } = this.#deps;
    this.#watchdog?.cancel();
    const marginMs = leaseMs / MARGIN;
    const until = from + leaseMs - marginMs;
    this.#watchdog = clock.timer(Math.max(0, until - clock.monotonic()), () => this.#lose());
    // This process may be frozen by then.
    holds(until, marginMs * GRACE);
  }

  #lose(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#deps.log.error(
      {},
      'The lease of this replica is over: execd stops its executions and accepts nothing more',
    );
    this.#deps.lost();
  }
}
