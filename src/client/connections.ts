// A stream that goes on over broken connections: how one connection is opened and watched, what counts as broken, and how
// long to wait before the next one.
import { ConnectionError, problemError } from './errors.ts';
import { Watchdog } from './time.ts';
import { Backoff, bodyOf, type Transport } from './transport.ts';

/** A stream in which nothing happens has a sign of life every 15 seconds: after this time without one, it is dead. */
const SILENCE_MS = 45_000;

export interface Source {
  transport: Transport;
  /** For how long a server may be away. */
  outageMs: number;
  /** Fail at once when nobody listens at the first call. */
  failsWhenRefused?: boolean;
}

/** What makes a stream break off although the connection is sound. */
export class BrokenStreamError extends Error {}

export interface Closed<End> {
  /** What the stream ended with; null when the connection broke. */
  end: End | null;
  reason: unknown;
  isSilent: boolean;
}

/** The body of an answer; null where there is none to come (204). */
type Body = ReadableStream<Uint8Array> | null;

/**
 * Reads as far as one connection goes.
 *
 * @param read yields what the body holds; returns its end, or null when the body ends before that
 * @throws ProblemError when the answer is an error
 */
export async function* connection<Item, End>(
  { transport, outageMs, failsWhenRefused = false }: Source,
  {
    url,
    headers = {},
    signal,
  }: { url: URL; headers?: Record<string, string>; signal: AbortSignal | undefined },
  read: (body: Body, feed: () => void, response: Response) => AsyncGenerator<Item, End | null>,
): AsyncGenerator<Item, Closed<End>> {
  const watchdog = new Watchdog(transport.clock, SILENCE_MS);
  const signals = [signal, watchdog.signal].filter((one) => one !== undefined);
  try {
    const request = new Request(url, { headers, signal: AbortSignal.any(signals) });
    const response = await transport.send(request, {
      retryMs: outageMs,
      timeoutMs: SILENCE_MS,
      isStream: true,
      failsWhenRefused,
    });
    const isEmpty = response.status === 204;
    if (!response.ok || (response.body === null && !isEmpty))
      throw problemError(response, await bodyOf(response));
    const end = yield* read(isEmpty ? null : response.body, () => watchdog.feed(), response);
    const what = end === null ? 'the connection ended in the middle' : 'the server ended the stream';
    return { end, reason: new Error(what), isSilent: false };
  } catch (error) {
    signal?.throwIfAborted();
    if (!watchdog.isLate && !isBroken(error)) throw error;
    return { end: null, reason: error, isSilent: watchdog.isLate };
  } finally {
    watchdog.stop();
  }
}

/** Errors of a body that broke off; each platform has its own. */
function isBroken(error: unknown): boolean {
  if (error instanceof BrokenStreamError || error instanceof TypeError || error instanceof DOMException)
    return true;
  const name = (error as Error | undefined)?.name;
  return name === 'AbortError' || name === 'NetworkError';
}

/** Waits between the connections of one stream, and gives up when nothing has come for too long. */
export class Reconnects {
  readonly #source: Source;
  readonly #signal: AbortSignal | undefined;
  readonly #backoff = new Backoff();
  #tries = 0;
  #seenAt: number;

  constructor(source: Source, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#signal = signal;
    this.#seenAt = source.transport.clock.now();
  }

  /** The last connection brought something new. */
  progress(): void {
    this.#backoff.reset();
    this.#seenAt = this.#source.transport.clock.now();
  }

  /** @throws ConnectionError when nothing new has come for the time that a server may be away */
  async wait(reason: unknown): Promise<void> {
    const { transport, outageMs } = this.#source;
    this.#tries += 1;
    if (transport.clock.now() - this.#seenAt > outageMs) throw new ConnectionError(transport.url, reason);
    await transport.pause({ reason, delayMs: this.#backoff.nextMs(), tries: this.#tries }, this.#signal);
  }
}
