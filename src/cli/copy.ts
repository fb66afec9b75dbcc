// Bytes that are read from one place and written to another, both at the same time: what comes while something is being written is
// written next, in one piece.
import type { Sink } from './terminal.ts';

/** What may wait; then reading waits for writing. */
const MOST_BYTES = 4 * 1024 * 1024;

const NOTHING = new Uint8Array();

export class Copy {
  readonly #sink: Pick<Sink, 'write'>;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #written = 0;
  #writing: Promise<void> | null = null;
  #failure: unknown = null;

  constructor(sink: Pick<Sink, 'write'>) {
    this.#sink = sink;
  }

  /** @throws PipeClosedError, as the sink does */
  async take(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#writing ??= this.#write();
    if (this.#waitingBytes > MOST_BYTES) await this.#writing;
  }

  /** Returns how many bytes were written. */
  async end(): Promise<number> {
    await this.#writing;
    if (this.#failure !== null) throw this.#failure;
    return this.#written;
  }

  async #write(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const [first = NOTHING] = this.#waiting;
        const bytes = this.#waiting.length === 1 ? first : Buffer.concat(this.#waiting);
        this.#waiting = [];
        this.#waitingBytes = 0;
        await this.#sink.write(bytes);
        this.#written += bytes.length;
      }
    } catch (error) {
      this.#failure = error;
    }
    this.#writing = null;
  }
}
