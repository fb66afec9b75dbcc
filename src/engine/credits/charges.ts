// Charging, in the background: what an execution owes was stored with its end, and is collected from there, many at a time,
// until it is done. A crash loses nothing of it, because what is due is found in the store again; nothing is charged twice,
// because the store takes what is due away in the transaction that charges it.
import type { Execution } from '../../domain/execution/execution.ts';
import { isFinished } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Group, GroupResult } from '../../domain/ports/group.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import { GROWING, untilDone } from '../../resilience/retrying.ts';

export interface ChargesDeps {
  store: Pick<Store, 'dueCharges'>;
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
  clock: Clock;
  log: Log;
  /** How many charge at a time. */
  workers: number;
  lowBalance: () => number | null;
}

/** Charged in one commit. */
const BATCH = 500;

export class Charges {
  readonly #deps: ChargesDeps;
  /** Those that sleep until there is something to do. */
  readonly #sleeping = new Set<() => void>();
  #workers: Promise<void>[] = [];
  /** Grows with each execution that comes to owe something. */
  #noted = 0;
  #failures = 0;
  readonly #stop = new AbortController();

  constructor(deps: ChargesDeps) {
    this.#deps = deps;
  }

  /** Batches that could not be stored, and were tried again. */
  get failures(): number {
    return this.#failures;
  }

  /** Charges what an earlier process has left, and from then on what `note` is told of. */
  start(): void {
    const { workers } = this.#deps;
    this.#workers = Array.from({ length: workers }, (_, shard) => this.#work(shard));
  }

  /** Takes in the newest state of an execution. */
  note(execution: Execution): void {
    if (!isFinished(execution) || execution.cost?.charged !== null) return;
    this.wake();
  }

  /** Something may have become due. */
  wake(): void {
    this.#noted += 1;
    this.#wakeAll();
  }

  /** Charges what is due, and ends; what cannot be charged now is there at the next start. */
  async stop(): Promise<void> {
    if (this.#isStopping()) return;
    this.#stop.abort(new Error('the server is shutting down'));
    this.#wakeAll();
    await Promise.all(this.#workers);
    if (this.#workers.length > 0) this.#deps.log.info({}, 'Charge manager shutdown');
  }

  /** Never rejects. */
  async #work(shard: number): Promise<void> {
    const { clock, log } = this.#deps;
    const { signal } = this.#stop;
    const failed = (err: unknown, wait_ms: number) => {
      this.#failures += 1;
      log.warn({ err, wait_ms }, 'Cannot store charges; execd retries');
    };
    while (!signal.aborted) {
      const noted = this.#noted;
      await untilDone(() => this.#drain(shard), { clock, signal, failed, backoff: GROWING });
      if (noted === this.#noted && !this.#isStopping()) await this.#sleep();
    }
    try {
      await this.#drain(shard);
    } catch (error) {
      this.#failures += 1;
      log.error({ err: error }, 'Cannot charge all executions; execd charges the rest after its next start');
    }
  }

  /** @throws StoreError when something is left */
  async #drain(shard: number): Promise<void> {
    const { store, workers } = this.#deps;
    for (;;) {
      const due = await store.dueCharges(shard, workers, BATCH);
      if (due.length === 0) return;
      try {
        await this.#charge(due);
      } catch {
        // One of them may be at fault: the others are not to wait for it.
        const alone = await Promise.allSettled(due.map((id) => this.#charge([id])));
        const failed = alone.find((one) => one.status === 'rejected');
        if (failed !== undefined) throw failed.reason;
      }
    }
  }

  async #charge(ids: readonly ExecutionId[]): Promise<void> {
    const lowBalance = this.#deps.lowBalance();
    await this.#deps.commit(ids.map((executionId): Group => [{ type: 'charge', executionId, lowBalance }]));
  }

  #isStopping(): boolean {
    return this.#stop.signal.aborted;
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => this.#sleeping.add(resolve));
  }

  #wakeAll(): void {
    const sleeping = [...this.#sleeping];
    this.#sleeping.clear();
    for (const wake of sleeping) wake();
  }
}
