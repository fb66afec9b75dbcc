// One stream of events for everything that a tab shows. It goes on where it was after a lost connection, and after the tab was
// hidden.
import type { Execd } from '../../../src/client/connect.ts';
import { GoneError } from '../../../src/client/errors.ts';
import type { Event } from '../../../src/client/types.ts';
import { Audience } from './visible.ts';

export type EventListener = (events: readonly Event[]) => void;

/** Events are handed on together: a burst of them is one change of the page. */
const BATCH_MS = 250;

export class LiveEvents {
  readonly #execd: Execd;
  readonly #onGap: () => void;
  readonly #audience = new Audience<Parameters<EventListener>>({
    on: () => this.#open(),
    off: () => this.#close(),
    ended: () => (this.#after = 'now'),
  });
  #batch: Event[] = [];
  #after = 'now';
  #stream: AbortController | null = null;

  /** @param onGap called when events were missed that are kept no longer: what is shown has to be read again */
  constructor(execd: Execd, onGap: () => void) {
    this.#execd = execd;
    this.#onGap = onGap;
  }

  /** The stream is open as long as somebody listens. */
  readonly listen = (listener: EventListener): (() => void) => this.#audience.listen(listener);

  stop(): void {
    this.#audience.stop();
  }

  #open(): void {
    if (this.#stream !== null || !this.#audience.isThere) return;
    this.#stream = new AbortController();
    void this.#read(this.#stream.signal);
  }

  #close(): void {
    this.#stream?.abort();
    this.#stream = null;
  }

  async #read(signal: AbortSignal): Promise<void> {
    try {
      for await (const { id, data } of this.#execd.events({ after: this.#after }, { signal })) {
        this.#after = id;
        if (this.#batch.length === 0) window.setTimeout(() => this.#flush(), BATCH_MS);
        this.#batch.push(data);
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#stream = null;
      this.#after = 'now';
      if (error instanceof GoneError) {
        this.#open();
        this.#onGap();
      } else console.warn('The stream of events has ended:', (error as Error).message);
    }
  }

  #flush(): void {
    const events = this.#batch;
    this.#batch = [];
    this.#audience.tell(events);
  }
}
