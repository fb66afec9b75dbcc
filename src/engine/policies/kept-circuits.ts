// Circuits over restarts: each change of a state is stored soon after it, and what they count when the server is stopped. A crash
// loses counts of closed circuits at most.
import type { Group, GroupResult, KeptState } from '../../domain/ports/group.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Circuits } from '../../resilience/circuits.ts';
import type { CircuitView, KeptCircuit } from '../../resilience/circuit.ts';
import { GROWING, untilDone } from '../../resilience/retrying.ts';
import type { Policies } from './policies.ts';

export interface KeptCircuitsDeps {
  circuits: Circuits;
  policies: Policies;
  store: Pick<Store, 'circuits'>;
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
  clock: Clock;
  log: Log;
  /** Ends the tries. */
  signal: AbortSignal;
}

export class KeptCircuits {
  readonly #deps: KeptCircuitsDeps;
  /** Names of those that are to be stored. */
  readonly #changed = new Set<string>();
  #storing: Promise<void> | null = null;

  constructor(deps: KeptCircuitsDeps) {
    this.#deps = deps;
  }

  /** Takes in what was kept, and keeps from now on. */
  async start(): Promise<void> {
    const { circuits, store, clock, log } = this.#deps;
    for (const { name, state } of await store.circuits()) {
      try {
        circuits.restore(new Map([[name, JSON.parse(state) as KeptCircuit]]), clock.now());
      } catch (error) {
        // What another version has kept in another form: the circuit begins closed.
        circuits.forget(name);
        log.warn({ err: error, circuit: name }, 'Cannot read the kept state of a circuit; it begins closed');
      }
    }
    circuits.onChange(({ name }) => {
      this.#changed.add(name);
      this.#storing ??= this.#store();
    });
  }

  /** Closes a circuit, or holds it open; null when there is none of the name. Resolves when that is stored. */
  async change(name: string, change: 'reset' | 'isolate'): Promise<CircuitView | null> {
    const circuit = this.#deps.policies.circuit(name);
    if (circuit === null) return null;
    circuit[change]();
    this.#deps.log.info({ circuit: name }, `Circuit ${change === 'reset' ? 'reset' : 'isolated'} by hand`);
    await this.stored();
    return circuit.view();
  }

  /** Resolves when all changes are stored, or are given up. */
  async stored(): Promise<void> {
    while (this.#storing !== null) await this.#storing;
  }

  /** Keeps also what closed circuits count. */
  async stop(): Promise<void> {
    for (const { name } of this.#deps.circuits.all()) this.#changed.add(name);
    this.#storing ??= this.#store();
    await this.stored();
  }

  async #store(): Promise<void> {
    const { commit, clock, log, signal } = this.#deps;
    const failed = (err: unknown) => log.warn({ err }, 'Cannot store the state of circuits; execd retries');
    // What changes in the same moment is stored together.
    await Promise.resolve();
    while (this.#changed.size > 0) {
      const part = this.#take();
      const how = { clock, signal, failed, backoff: GROWING, triesOnce: true };
      if ((await untilDone(() => commit([[part]]), how)) === null) break;
    }
    this.#storing = null;
  }

  #take() {
    const { circuits, clock } = this.#deps;
    const put: KeptState[] = [];
    const drop: string[] = [];
    for (const name of this.#changed) {
      const circuit = circuits.find(name);
      if (circuit === null || circuit.isIdle) drop.push(name);
      else put.push({ name, state: JSON.stringify(circuit.keep(clock.now())) });
    }
    this.#changed.clear();
    return { type: 'circuits', put, drop } as const;
  }
}
