// The one door to the store: first the store remembers, then those who watch the state of this engine take in what it has
// done, before anybody is answered.
import type { Execution } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import { accountEvents } from '../../domain/credits/account.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Publish, PublishAccount } from '../../domain/ports/publish.ts';
import type { Group, GroupResult } from '../../domain/ports/group.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import { EACH_SECOND, untilDone } from '../../resilience/retrying.ts';

/** From and to milliseconds since the epoch. */
export type Committed = (results: readonly GroupResult[], from: number, to: number) => void;

export interface CommitterDeps {
  store: Pick<Store, 'commit' | 'probe'>;
  /** Of this engine. */
  epoch(): number | undefined;
  clock: Clock;
  log: Log;
  /** Left out: nobody asks. */
  committed?: Committed | undefined;
  publish: Publish;
  publishAccount: PublishAccount;
  /** Ends the probes. */
  signal: AbortSignal;
}

/** Events that are announced without a pause. */
const PIECE = 500;

export class Committer {
  readonly #deps: CommitterDeps;
  readonly #untold: {
    results: GroupResult[];
    resolve: (results: GroupResult[]) => void;
    reject: (error: unknown) => void;
  }[] = [];
  #isTelling = false;
  #failure: Error | null = null;
  #failures = 0;

  constructor(deps: CommitterDeps) {
    this.#deps = deps;
  }

  /** The last failure of the store, until a write works again. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** Writes that failed. */
  get failures(): number {
    return this.#failures;
  }

  /** @throws StoreError when nothing was written */
  readonly commit = async (groups: readonly Group[]): Promise<GroupResult[]> => {
    let results: GroupResult[];
    const from = this.#deps.clock.now();
    try {
      results = await this.#deps.store.commit(groups, this.#deps.epoch());
    } catch (error) {
      this.#failed(error as Error);
      throw error;
    }
    this.#worked();
    this.#deps.committed?.(results, from, this.#deps.clock.now());
    if (!this.#isTelling && eventsIn(results) <= PIECE) {
      for (const result of results) for (const tell of this.#newsIn(result)) tell();
      return results;
    }
    // What was stored first is told first, however long that takes.
    return new Promise((resolve, reject) => {
      this.#untold.push({ results, resolve, reject });
      if (!this.#isTelling) void this.#tell();
    });
  };

  /** Announces what is much, in turns with everybody else. */
  async #tell(): Promise<void> {
    this.#isTelling = true;
    let left = PIECE;
    for (let next = this.#untold.shift(); next !== undefined; next = this.#untold.shift()) {
      const { results, resolve, reject } = next;
      try {
        for (const tell of results.flatMap((result) => [...this.#newsIn(result)])) {
          tell();
          left -= 1;
          if (left > 0) continue;
          await this.#deps.clock.sleep(0);
          left = PIECE;
        }
        resolve(results);
      } catch (error) {
        reject(error);
      }
    }
    this.#isTelling = false;
  }

  /** What a group has to tell, in order. */
  *#newsIn(result: GroupResult): Generator<() => void> {
    if (result.status !== 'applied') return;
    const { publish, publishAccount } = this.#deps;
    for (const event of (result.entries ?? []).flatMap(accountEvents)) yield () => publishAccount(event);
    const touched = new Map<ExecutionId, Execution>(
      result.executions.map((execution) => [execution.id, execution]),
    );
    for (const event of result.events) {
      const execution = touched.get(event.executionId);
      if (execution !== undefined) yield () => publish(event, execution);
    }
  }

  #worked(): void {
    if (this.#failure === null) return;
    this.#failure = null;
    this.#deps.log.info({}, 'The store is writable again');
  }

  /** While the server is not ready nobody may write, so that only a probe finds out that it could be. */
  #failed(error: Error): void {
    this.#failures += 1;
    if (this.#failure === null) {
      this.#deps.log.error({ err: error }, 'Cannot write to the store');
      this.#failure = error;
      void this.#probe();
    }
    this.#failure = error;
  }

  /** Until a probe works, or a write did. */
  async #probe(): Promise<void> {
    const { clock, store, signal } = this.#deps;
    const probe = async () => (this.#failure === null ? undefined : store.probe());
    const how = { clock, signal, backoff: EACH_SECOND, failed: () => undefined, isLater: true };
    if ((await untilDone(probe, how)) !== null) this.#worked();
  }
}

const eventsIn = (results: readonly GroupResult[]): number =>
  results.reduce((sum, result) => sum + (result.status === 'applied' ? result.events.length : 0), 0);
