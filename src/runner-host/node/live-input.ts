// Input that comes while a command runs, written into its pipe as fast as it reads. The server sends no more than it has been
// told was taken, so that what waits here is bounded.
import { Socket } from 'node:net';
import type { Input, InputTaken } from '../protocol.ts';

export class LiveInput {
  readonly #socket: Socket;
  readonly #tell: (taken: Pick<InputTaken, 'taken' | 'isOpen'>) => void;
  #taken = 0;
  #isOpen = true;

  /** @param fd the end of the pipe that is written to, non-blocking */
  constructor(fd: number, tell: (taken: Pick<InputTaken, 'taken' | 'isOpen'>) => void) {
    this.#tell = tell;
    this.#socket = new Socket({ fd, readable: false, writable: true });
    this.#socket.on('error', () => this.#ended());
    this.#socket.on('close', () => this.#ended());
  }

  add({ data, isLast }: Pick<Input, 'data' | 'isLast'>): void {
    if (!this.#isOpen) return this.#tell({ taken: this.#taken, isOpen: false });
    if (data.length > 0)
      this.#socket.write(data, (error) => {
        if (error != null) return;
        this.#taken += data.length;
        this.#tell({ taken: this.#taken, isOpen: this.#isOpen });
      });
    if (isLast) this.#socket.end();
  }

  /** Gives up what has not been taken. */
  close(): void {
    this.#socket.destroy();
  }

  #ended(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#tell({ taken: this.#taken, isOpen: false });
    this.#socket.destroy();
  }
}
