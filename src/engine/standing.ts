// Where the engine stands: which start on its store it is, and whether it accepts.
import { RefusedError } from '../domain/errors.ts';
import type { StoreIdentity } from '../domain/ports/replica.ts';
import { AWAY_RETRY_S } from './refusals.ts';

export type EngineState = 'new' | 'ready' | 'open' | 'draining' | 'stopped';

export class Standing {
  state: EngineState = 'new';
  /** Null before the store is open. */
  identity: StoreIdentity | null = null;
  readonly #closing = new AbortController();

  /** Of this start; undefined before the store is open. */
  readonly epoch = (): number | undefined => this.identity?.epoch;

  readonly isOpen = (): boolean => this.state === 'open';

  /** Aborts what is tried again and again, at the end. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  /** Gives up what is still tried; the next start goes on with it. */
  giveUp(): void {
    this.#closing.abort(new Error('the server is shutting down'));
  }

  /** Why nothing is accepted; null when it is. */
  whyClosed(): string | null {
    if (this.isOpen()) return null;
    return `the server is ${this.state === 'new' || this.state === 'ready' ? 'starting' : 'shutting down'}`;
  }

  /** @throws RefusedError `shutting_down` */
  checkOpen(): void {
    const why = this.whyClosed();
    if (why === null) return;
    const detail = `T${why.slice(1)} and accepts no executions.`;
    throw new RefusedError('shutting_down', detail, { retryAfterS: AWAY_RETRY_S });
  }
}
