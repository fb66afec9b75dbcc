// Requests that are being answered, by what was shown for them: a log that is followed ends when its key is revoked or
// expires, not when its reader likes. Short requests are gone before anybody looks.
import type { ServerResponse } from 'node:http';
import type { Caller, Credential } from '../../domain/spec/access.ts';
import type { RefusedError } from '../../domain/errors.ts';
import type { Clock, Timer } from '../../domain/ports/clock.ts';

/** Tells who calls, and whether what they have shown is still good. */
export interface Authenticate {
  callerOf(authorization: string | undefined): Caller | RefusedError | Promise<Caller | RefusedError>;
  isStillGood(credential: Credential): boolean;
  /** Learns what has changed elsewhere. Never rejects. */
  refresh(): Promise<void>;
}

const CHECK_MS = 1000;

export class OpenRequests {
  readonly #authenticate: Authenticate;
  readonly #clock: Clock;
  readonly #open = new Map<ServerResponse, Credential>();
  #timer: Timer | null = null;
  #isClosed = false;

  constructor(authenticate: Authenticate, clock: Clock) {
    this.#authenticate = authenticate;
    this.#clock = clock;
  }

  add(credential: Credential, response: ServerResponse): void {
    // The local user's, acting for somebody: nothing was shown that could end.
    if (credential.type === 'key' && credential.id === null) return;
    this.#open.set(response, credential);
    response.once('close', () => this.#open.delete(response));
    this.#arm();
  }

  /** Cuts off those whose credential is no longer good. */
  recheck(): void {
    for (const [response, credential] of this.#open) {
      if (!this.#authenticate.isStillGood(credential)) response.destroy();
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    if (this.#isClosed) return;
    this.#timer ??= this.#clock.timer(CHECK_MS, () => {
      this.#timer = null;
      if (this.#open.size === 0) return;
      void this.#authenticate.refresh().then(() => {
        this.recheck();
        if (this.#open.size > 0) this.#arm();
      });
    });
  }
}
