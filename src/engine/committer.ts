// The way from a decision to the world: first the store remembers, then it is announced.
import type { Execution } from '../domain/execution.ts';
import type { ExecutionId } from '../domain/ids.ts';
import { accountEvents } from '../domain/account.ts';
import type { Clock, Group, GroupResult, Log, Publish, PublishAccount, Store } from '../domain/ports.ts';

export interface CommitterDeps {
  store: Pick<Store, 'commit' | 'probe'>;
  clock: Clock;
  log: Log;
  publish: Publish;
  publishAccount: PublishAccount;
}

const PROBE_MS = 1000;

export class Committer {
  readonly #deps: CommitterDeps;
  #failure: Error | null = null;

  constructor(deps: CommitterDeps) {
    this.#deps = deps;
  }

  /** The last failure of the store, until a write works again. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** @throws StoreError when nothing was written */
  async commit(groups: readonly Group[]): Promise<GroupResult[]> {
    let results: GroupResult[];
    try {
      results = await this.#deps.store.commit(groups);
    } catch (error) {
      this.#failed(error as Error);
      throw error;
    }
    this.#worked();
    for (const result of results) {
      if (result.status !== 'applied') continue;
      for (const event of (result.entries ?? []).flatMap(accountEvents)) this.#deps.publishAccount(event);
      const touched = new Map<ExecutionId, Execution>(
        result.executions.map((execution) => [execution.id, execution]),
      );
      for (const event of result.events) {
        const execution = touched.get(event.executionId);
        if (execution !== undefined) this.#deps.publish(event, execution);
      }
    }
    return results;
  }

  #worked(): void {
    if (this.#failure === null) return;
    this.#failure = null;
    this.#deps.log.info({}, 'The store can be written again');
  }

  /** While the server is not ready nobody may write, so that only a probe finds out that it could be. */
  #failed(error: Error): void {
    if (this.#failure === null) {
      this.#deps.log.error({ err: error }, 'The store could not be written');
      this.#probeLater();
    }
    this.#failure = error;
  }

  #probeLater(): void {
    this.#deps.clock.timer(PROBE_MS, () => {
      if (this.#failure === null) return;
      this.#deps.store.probe().then(
        () => this.#worked(),
        () => this.#probeLater(),
      );
    });
  }
}
