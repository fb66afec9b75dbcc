// How long what runs here is the server's alone. The server may be frozen, and say nothing: the host keeps the time itself.
import type { Lease } from '../protocol.ts';

/** Of the system, not of this process: the server reads the same one. */
const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** More would go off at once (Node's timers are 32-bit). */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export class HostLease {
  /** Ends what runs, within this grace. */
  readonly #over: (graceMs: number) => void;
  /** Null: there is no end. */
  #lease: Pick<Lease, 'until' | 'graceMs'> | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(over: (graceMs: number) => void) {
    this.#over = over;
  }

  get isOver(): boolean {
    return this.#lease !== null && monotonicMs() >= this.#lease.until;
  }

  renew(lease: Pick<Lease, 'until' | 'graceMs'>): void {
    this.#lease = lease;
    clearTimeout(this.#timer);
    const leftMs = Math.min(MAX_TIMEOUT_MS, Math.max(0, lease.until - monotonicMs()));
    this.#timer = setTimeout(() => this.#look(lease), leftMs);
  }

  // The timer may be early by a part of a millisecond, or late: this process may have been frozen, too.
  #look(lease: Pick<Lease, 'until' | 'graceMs'>): void {
    if (!this.isOver) return this.renew(lease);
    this.#over(Math.max(0, lease.until + lease.graceMs - monotonicMs()));
  }
}
