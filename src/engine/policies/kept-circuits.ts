// Circuits over restarts: each change of a state is stored soon after it, and what they count when the server is stopped. A crash
// loses counts of closed circuits at most.
import type { Group, GroupResult, KeptState } from '../../domain/ports/group.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import { MOST_SIGNALLED, type Signal } from '../../domain/ports/feed.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Circuits } from '../../resilience/circuits.ts';
import type { CircuitView, KeptCircuit } from '../../resilience/circuit.ts';
import { GROWING, untilDone } from '../../resilience/retrying.ts';
import type { Policies } from './policies.ts';

export interface KeptCircuitsDeps {
  circuits: Circuits;
  policies: Policies;
  store: Pick<Store, 'circuits' | 'feed'>;
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
  clock: Clock;
  log: Log;
  /** Tells others, where somebody else is on the store. */
  tell: (signal: Signal) => void;
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
    await this.#read(() => true);
    this.#deps.circuits.onChange(({ name }) => {
      this.#changed.add(name);
      this.#storing ??= this.#store();
    });
  }

  /**
   * Takes in what somebody else has stored of these circuits. What is about to be stored here is newer.
   *
   * @throws StoreError
   */
  async takeIn(names: readonly string[]): Promise<void> {
    const { circuits } = this.#deps;
    const asked = new Set(names);
    const found = await this.#read((name) => asked.has(name) && !this.#changed.has(name));
    // Whoever counts nothing is not kept: it has been reset.
    for (const name of names) if (!found.has(name) && !this.#changed.has(name)) circuits.forget(name);
  }

  /** Answers the names of what is stored. */
  async #read(isWanted: (name: string) => boolean): Promise<Set<string>> {
    const { circuits, store, clock, log } = this.#deps;
    const all = await store.circuits();
    for (const { name, state } of all.filter((one) => isWanted(one.name))) {
      try {
        circuits.restore(new Map([[name, JSON.parse(state) as KeptCircuit]]), clock.now());
      } catch (error) {
        // What another version has kept in another form: the circuit begins closed.
        circuits.forget(name);
        log.warn({ err: error, circuit: name }, 'Cannot read the kept state of a circuit; it begins closed');
      }
    }
    return new Set(all.map(({ name }) => name));
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
      this.#tell([...part.put.map(({ name }) => name), ...part.drop]);
    }
    this.#storing = null;
  }

  #tell(names: readonly string[]): void {
    const { store, tell } = this.#deps;
    if (!store.feed.isShared) return;
    for (let i = 0; i < names.length; i += MOST_SIGNALLED)
      tell({ type: 'circuits', names: names.slice(i, i + MOST_SIGNALLED) });
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
