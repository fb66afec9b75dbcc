// The circuits that have been asked for, each by its name; there is room for a bounded number, in equal shares.
import { surplusOf } from '../domain/shares.ts';
import { type CircuitSettings, type KeptCircuit, Circuit } from './circuit.ts';

/** Above so many, those of the owners of the most are forgotten until there is room again. */
export const MAX_CIRCUITS = 20_000;
const WITH_ROOM = 0.9 * MAX_CIRCUITS;

/** All circuits that have been asked for. */
export class Circuits {
  readonly #nowMs: () => number;
  readonly #ownerOf: (name: string) => string;
  readonly #circuits = new Map<string, Circuit>();
  readonly #listeners = new Set<(circuit: Circuit) => void>();

  /**
   * @param nowMs a monotonic clock
   * @param ownerOf who has made a circuit of this name necessary; each owner has an equal share of the room
   */
  constructor(nowMs: () => number, ownerOf: (name: string) => string = () => '') {
    this.#nowMs = nowMs;
    this.#ownerOf = ownerOf;
  }

  /** Calls back with each change of a state, and with each circuit that is forgotten for want of room. */
  onChange(listener: (circuit: Circuit) => void): void {
    this.#listeners.add(listener);
  }

  /** The circuit of a name; one whose settings have changed starts again. */
  get(name: string, settings: CircuitSettings): Circuit {
    const known = this.#circuits.get(name);
    if (known !== undefined && JSON.stringify(known.settings) === JSON.stringify(settings)) return known;
    const circuit = this.#make(name, settings);
    // It may have been kept as it was before.
    if (known !== undefined) this.#changed(circuit);
    return circuit;
  }

  #make(name: string, settings: CircuitSettings): Circuit {
    const circuit = new Circuit(name, settings, {
      nowMs: this.#nowMs,
      changed: (one) => this.#changed(one),
    });
    this.#circuits.set(name, circuit);
    if (this.#circuits.size > MAX_CIRCUITS) this.#makeRoom();
    return circuit;
  }

  /** Of each owner those that were made first go; those that are held open by hand stay. */
  #makeRoom(): void {
    const mayGo = this.all().filter(({ isIsolated }) => !isIsolated);
    const of = Map.groupBy(mayGo, ({ name }) => this.#ownerOf(name));
    const taken = [...of].map(([owner, own]) => [owner, own.length] as const);
    for (const [owner, many] of surplusOf(taken, this.#circuits.size - WITH_ROOM)) {
      for (const circuit of of.get(owner)?.slice(0, many) ?? []) {
        this.#circuits.delete(circuit.name);
        this.#changed(circuit);
      }
    }
  }

  #changed(circuit: Circuit): void {
    for (const listener of this.#listeners) listener(circuit);
  }

  /** Takes in what an earlier process has kept. */
  restore(all: ReadonlyMap<string, KeptCircuit>, now: number): void {
    for (const [name, kept] of all) this.#make(name, kept.settings).restore(kept, now);
  }

  forget(name: string): void {
    this.#circuits.delete(name);
  }

  find(name: string): Circuit | null {
    return this.#circuits.get(name) ?? null;
  }

  all(): Circuit[] {
    return [...this.#circuits.values()];
  }
}
