// The servers on the store, and what runs on each of them.
import type { ReplicaFacts, ReplicaView } from '../../domain/ports/replica.ts';
import type { Store } from '../../domain/ports/store.ts';
import { stored } from '../refusals.ts';

export interface RunnersDeps {
  store: Pick<Store, 'replicas'>;
  epoch: () => number | undefined;
  /** What this server says of itself. */
  facts: ReplicaFacts | undefined;
}

export interface RunnerView extends ReplicaView {
  /** Whether it is this server. */
  isSelf: boolean;
}

export class Runners {
  readonly #deps: RunnersDeps;

  constructor(deps: RunnersDeps) {
    this.#deps = deps;
  }

  /** Those whose lease is not over, the longest there first. */
  async list(): Promise<RunnerView[]> {
    const { store, epoch, facts } = this.#deps;
    const replicas = await stored(store.replicas());
    return replicas.map((replica) => {
      const isSelf = replica.epoch === epoch();
      return { ...replica, isSelf, about: isSelf ? { ...replica.about, ...facts } : replica.about };
    });
  }
}
