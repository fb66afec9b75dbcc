// Fills a store from the log of an execution, live, through the client: every byte once, over lost connections and restarts of
// the server. While nobody looks it lets go of its connection, and goes on where it was.
import type { Execd } from '../../../src/client/connect.ts';
import { GoneError, NotFoundError } from '../../../src/client/errors.ts';
import type { LogEnd } from '../../../src/client/types.ts';
import { Audience } from '../live/visible.ts';
import { LogStore } from './log-store.ts';

export interface FeedState {
  /** Grows with each change. */
  version: number;
  /** What the log holds; null until its end. */
  end: LogEnd | null;
  error: Error | null;
}

export class LogFeed {
  readonly store = new LogStore();
  readonly #execd: Execd;
  readonly #id: string;
  readonly #audience = new Audience<[]>({ on: () => this.#open(), off: () => this.#close() });
  #state: FeedState = { version: 0, end: null, error: null };
  #cursor: string | null = null;
  #reading: AbortController | null = null;
  #isFrameAsked = false;

  constructor(execd: Execd, id: string) {
    this.#execd = execd;
    this.#id = id;
  }

  readonly state = (): FeedState => this.#state;

  /** It reads as long as somebody listens. */
  readonly subscribe = (listener: () => void): (() => void) => this.#audience.listen(listener);

  #open(): void {
    if (this.#reading !== null || this.#state.end !== null) return;
    this.#reading = new AbortController();
    void this.#read(this.#reading.signal);
  }

  #close(): void {
    this.#reading?.abort();
    this.#reading = null;
  }

  async #read(signal: AbortSignal): Promise<void> {
    const from = this.#cursor === null ? {} : { cursor: this.#cursor };
    const log = this.#execd.follow(this.#id, { ...from, signal });
    try {
      for await (const pieces of log.batches()) {
        for (const piece of pieces) this.store.append(piece);
        this.#cursor = pieces.at(-1)?.cursor ?? this.#cursor;
        this.#change({});
      }
      this.store.end();
      this.#change({ end: log.end });
    } catch (error) {
      if (!signal.aborted) this.#change({ error: spoken(error as Error) });
    }
  }

  /** Calls listeners once a frame. */
  #change(more: Partial<FeedState>): void {
    this.#state = { ...this.#state, ...more, version: this.#state.version + 1 };
    if (this.#isFrameAsked) return;
    this.#isFrameAsked = true;
    requestAnimationFrame(() => {
      this.#isFrameAsked = false;
      this.#audience.tell();
    });
  }
}

function spoken(error: Error): Error {
  const isGone = error instanceof GoneError || error instanceof NotFoundError;
  return isGone ? new Error('The log has been removed.', { cause: error }) : error;
}
