// Names that are being resolved. Users share the places; requests of one user to one name share a lookup. The clock of a
// lookup begins with its turn, and a lookup that nobody waits for any more is given up.
import type { Clock } from '../../domain/ports/clock.ts';
import { FairShares } from './fair-shares.ts';

/** All addresses of a name. Rejects soon after an abort. */
export type Lookup = (host: string, signal: AbortSignal) => Promise<readonly string[]>;

const LOOKUP_MS = 10_000;
/** All users together. Each one takes a socket or two. */
const LOOKUPS_AT_ONCE = 256;

interface Flight {
  addresses: Promise<readonly string[]>;
  waiting: number;
  abort: AbortController;
}

export class Lookups {
  readonly #lookup: Lookup;
  readonly #clock: Clock;
  readonly #shares = new FairShares(LOOKUPS_AT_ONCE);
  readonly #flights = new Map<string, Flight>();

  constructor(lookup: Lookup, clock: Clock) {
    this.#lookup = lookup;
    this.#clock = clock;
  }

  /** Rejects when there are none, none were told in time, or the signal aborts. */
  find(host: string, user: string, signal: AbortSignal): Promise<readonly string[]> {
    // The name of a user has no spaces.
    const key = `${user} ${host}`;
    const flight = this.#flights.get(key) ?? this.#begin(key, host, user);
    flight.waiting += 1;
    return new Promise((resolve, reject) => {
      const leave = () => {
        reject(signal.reason as Error);
        flight.waiting -= 1;
        if (flight.waiting > 0) return;
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
        flight.abort.abort();
      };
      signal.addEventListener('abort', leave, { once: true });
      void flight.addresses.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }

  #begin(key: string, host: string, user: string): Flight {
    const abort = new AbortController();
    const addresses = this.#inTurn(host, user, abort.signal).finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    const flight = { addresses, abort, waiting: 0 };
    this.#flights.set(key, flight);
    return flight;
  }

  async #inTurn(host: string, user: string, signal: AbortSignal): Promise<readonly string[]> {
    const end = await this.#shares.take(user, signal);
    const over = new AbortController();
    const timer = this.#clock.timer(LOOKUP_MS, () =>
      over.abort(new Error(`it took longer than ${LOOKUP_MS / 1000} s`)),
    );
    const either = AbortSignal.any([signal, over.signal]);
    try {
      // Whether or not the lookup heeds the signal.
      return await Promise.race([this.#lookup(host, either), whenAborted(either)]);
    } finally {
      timer.cancel();
      over.abort();
      end();
    }
  }
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
