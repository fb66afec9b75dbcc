// How much may be on its way to commands at other servers: a bound for each user, and one for all. Whoever comes when there is no
// room waits; who has waited longest goes first, where their user has room.
const USER_BYTES = 1024 * 1024;
const ALL_BYTES = 16 * 1024 * 1024;
/** What anything counts at least. */
const LEAST_BYTES = 4096;

interface Waiting {
  userId: string;
  bytes: number;
  start: () => void;
}

export class AskedBytes {
  readonly #used = new Map<string, number>();
  readonly #waiting = new Set<Waiting>();
  #ofAll = 0;

  /** Resolves when there is room, with how to give it back; rejects when the signal aborts. */
  async take(userId: string, bytes: number, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const size = Math.max(LEAST_BYTES, bytes);
    if (!this.#hasRoom(userId, size)) await this.#wait(userId, size, signal);
    else this.#add(userId, size);
    return () => {
      this.#add(userId, -size);
      for (const one of this.#waiting) {
        if (!this.#hasRoom(one.userId, one.bytes)) continue;
        this.#waiting.delete(one);
        this.#add(one.userId, one.bytes);
        one.start();
      }
    };
  }

  #wait(userId: string, bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiting.delete(one);
        reject(signal.reason as Error);
      };
      const start = () => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      const one: Waiting = { userId, bytes, start };
      this.#waiting.add(one);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  #hasRoom(userId: string, bytes: number): boolean {
    return (this.#used.get(userId) ?? 0) + bytes <= USER_BYTES && this.#ofAll + bytes <= ALL_BYTES;
  }

  #add(userId: string, bytes: number): void {
    const used = (this.#used.get(userId) ?? 0) + bytes;
    if (used === 0) this.#used.delete(userId);
    else this.#used.set(userId, used);
    this.#ofAll += bytes;
  }
}
