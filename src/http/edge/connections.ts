// The connections of a server, up to their bound. What does nothing for anybody who has been let in gives way first: so a
// stranger with silent connections, or a client with idle ones, keeps nobody out.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../domain/ports/clock.ts';

/** Above the bound for a moment, until those that have come at once have been looked at, and what was closed is gone. */
const SLACK = 256;

export class Connections {
  readonly #max: number;
  readonly #clock: Pick<Clock, 'sleep'>;
  readonly #open = new Set<Socket>();
  /** Those without a request that was let in, the one that has been so for longest first. */
  readonly #idle = new Set<Socket>();
  #isDue = false;

  constructor(max: number, clock: Pick<Clock, 'sleep'>) {
    this.#max = max;
    this.#clock = clock;
  }

  /** Watches over a server that does not listen yet. */
  guard(server: Server): void {
    server.maxConnections = this.#max + SLACK;
    server.on('connection', (socket: Socket) => {
      this.#open.add(socket);
      this.#idle.add(socket);
      if (this.#open.size > this.#max) this.#makeRoomSoon();
      socket.once('close', () => {
        this.#open.delete(socket);
        this.#idle.delete(socket);
      });
    });
  }

  /** A request was let in on it; the function that comes back says that it has been answered. */
  use(socket: Socket): () => void {
    this.#idle.delete(socket);
    return () => {
      if (this.#open.has(socket)) this.#idle.add(socket);
    };
  }

  /** After two turns of the event loop: what came with a request has been read by then, so that it is not taken for silent. */
  #makeRoomSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    void this.#clock
      .sleep(0)
      .then(() => this.#clock.sleep(0))
      .then(() => {
        this.#isDue = false;
        while (this.#open.size > this.#max) this.#close(this.#victim());
      });
  }

  /** The one that has been silent for longest; else without a request for longest; else the newest. */
  #victim(): Socket {
    let longest: Socket | null = null;
    for (const socket of this.#idle) {
      if (socket.bytesRead === 0) return socket;
      longest ??= socket;
    }
    return longest ?? ([...this.#open].at(-1) as Socket);
  }

  #close(socket: Socket): void {
    this.#open.delete(socket);
    this.#idle.delete(socket);
    socket.destroy();
  }
}
