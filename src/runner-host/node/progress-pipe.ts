// What a command says of its progress, on a descriptor of its own: a bounded piece now and then, handed to the server as it is. A
// command that says more than that waits, and nothing of it is kept here.
import { Buffer } from 'node:buffer';
import { closeSync, readSync } from 'node:fs';

/** Of a piece; native/progress.c has the same. */
const MAX_SAID = 4096;
const EACH_MS = 50;

export class ProgressPipe {
  readonly #fd: number;
  readonly #said: (bytes: Buffer) => void;
  #timer: NodeJS.Timeout | null;

  /** @param fd the end of the pipe that is read, non-blocking */
  constructor(fd: number, said: (bytes: Buffer) => void) {
    this.#fd = fd;
    this.#said = said;
    this.#timer = setInterval(() => this.#read(), EACH_MS);
  }

  close(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    closeSync(this.#fd);
  }

  #read(): void {
    const piece = Buffer.allocUnsafe(MAX_SAID);
    let length: number;
    try {
      length = readSync(this.#fd, piece);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return;
      return this.close();
    }
    // Nobody can say more.
    if (length === 0) return this.close();
    this.#said(piece.subarray(0, length));
  }
}
