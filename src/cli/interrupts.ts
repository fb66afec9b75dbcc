// Signals while something runs: the first asks for its end, the second leaves it alone.
import { EXIT, exitOfSignal } from './exits.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class Interrupts {
  readonly #detach = new AbortController();
  readonly #onFirst: (signal: string) => void;
  readonly #listeners = SIGNALS.map((signal) => [signal, () => this.#take(signal)] as const);
  /** The first one. */
  #signal: string | null = null;

  constructor(onFirst: (signal: string) => void) {
    this.#onFirst = onFirst;
    for (const [signal, listener] of this.#listeners) process.on(signal, listener);
  }

  /** Aborts with the second one. */
  get detached(): AbortSignal {
    return this.#detach.signal;
  }

  get hasCome(): boolean {
    return this.#signal !== null;
  }

  get exitCode(): number {
    return this.#signal === null ? EXIT.interrupted : exitOfSignal(this.#signal);
  }

  close(): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }

  #take(signal: string): void {
    if (this.#signal !== null) return this.#detach.abort(new Error('detached'));
    this.#signal = signal;
    this.#onFirst(signal);
  }
}
