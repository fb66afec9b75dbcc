// The connections of a server, up to their bound. What does nothing for anybody who has been let in gives way first: so a
// stranger with silent connections, or a client with idle ones, keeps nobody out.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Above the bound for a moment, until one that was closed is gone. */
const SLACK = 64;

export class Connections {
  readonly #max: number;
  readonly #open = new Set<Socket>();
  /** Those without a request that was let in, the one that has been so for longest first. */
  readonly #idle = new Set<Socket>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Watches over a server that does not listen yet. */
  guard(server: Server): void {
    server.maxConnections = this.#max + SLACK;
    server.on('connection', (socket: Socket) => {
      this.#open.add(socket);
      if (this.#open.size > this.#max) this.#makeRoomFor(socket);
      this.#idle.add(socket);
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

  #makeRoomFor(newest: Socket): void {
    const [longest] = this.#idle;
    const victim = longest ?? newest;
    this.#open.delete(victim);
    this.#idle.delete(victim);
    victim.destroy();
  }
}
