// Whether execd can be reached, as the last request found it. Listeners are called on changes only.
export type Reach = 'connected' | 'reconnecting';

export class Connection {
  #reach: Reach = 'connected';
  readonly #listeners = new Set<() => void>();

  readonly current = (): Reach => this.#reach;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Answers as the browser does, and notes whether there was an answer at all. */
  readonly fetch = async (request: Request): Promise<Response> => {
    try {
      const response = await fetch(request);
      this.#note('connected');
      return response;
    } catch (error) {
      // A request that this page gave up shows nothing about the server.
      if (!request.signal.aborted) this.#note('reconnecting');
      throw error;
    }
  };

  readonly lost = (): void => this.#note('reconnecting');

  #note(reach: Reach): void {
    if (this.#reach === reach) return;
    this.#reach = reach;
    for (const listener of this.#listeners) listener();
  }
}
