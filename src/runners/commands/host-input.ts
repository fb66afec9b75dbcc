// The input of one command, on its way to the host. The host says how much the command has taken; this side sends no more than a
// window beyond that, and whoever has more waits. Bytes that come again are known by their offset, and are not sent again.
import type { LiveInput } from '../../domain/ports/runner.ts';
import type { InputTaken } from '../../runner-host/protocol.ts';

/** What may be on its way at a time; docs/internals/runner-protocol.md. */
const WINDOW_BYTES = 256 * 1024;

export class HostInput implements LiveInput {
  readonly #send: (data: Uint8Array, isLast: boolean) => void;
  #sent = 0;
  #taken = 0;
  #hasBegun = false;
  #isClosed = false;
  #waiting = new Set<() => void>();

  constructor(send: (data: Uint8Array, isLast: boolean) => void) {
    this.#send = send;
  }

  get offset(): number {
    return this.#sent;
  }

  get isOpen(): boolean {
    return !this.#isClosed;
  }

  get room(): number {
    return this.#hasBegun ? WINDOW_BYTES - (this.#sent - this.#taken) : 0;
  }

  add(bytes: Uint8Array, at: number | null): number | null {
    const known = at === null ? 0 : this.#sent - at;
    if (known < 0) return null;
    const before = this.#sent;
    const fresh = bytes.subarray(known, known + this.room);
    if (fresh.length > 0 && !this.#isClosed) {
      this.#send(fresh, false);
      this.#sent += fresh.length;
    }
    return Math.min(bytes.length, this.#sent - (at ?? before));
  }

  close(at: number | null): void {
    if (this.#isClosed || (at !== null && at < this.#sent)) return;
    this.#send(new Uint8Array(), true);
    this.ended();
  }

  async whenRoom(signal: AbortSignal): Promise<void> {
    while (!this.#isClosed && this.room === 0) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#waiting.add(wake);
        signal.addEventListener('abort', wake);
      });
    }
  }

  /** The command runs. */
  began(): void {
    this.#hasBegun = true;
    this.#wake();
  }

  /** The host says what the command has taken. */
  taken({ taken, isOpen }: Pick<InputTaken, 'taken' | 'isOpen'>): void {
    this.#taken = taken;
    if (!isOpen) this.#isClosed = true;
    this.#wake();
  }

  /** Nothing more is taken in. */
  ended(): void {
    this.#isClosed = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
