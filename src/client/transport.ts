// One request: who asks, how long an answer may take, and what is tried again. A request is sent again only when that cannot
// do harm: reading, replacing, removing, cancelling, and whatever has an idempotency key.
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import { ConnectionError, problemError, retryAfterMs, systemCodeOf } from './errors.ts';
import { type ClientClock, Watchdog } from './time.ts';

/** As Node.js and Bun have it; the standard, and so browsers, have no place for headers. */
type WebSocketWithHeaders = new (url: string, options: { headers: Record<string, string> }) => WebSocket;

export interface TransportOptions {
  /** Origin of execd, with the path of a proxy where there is one. */
  url: string;
  /** An API key or a token; a function is asked for each try, so that a token may be renewed. */
  apiKey: string | (() => string | Promise<string>) | undefined;
  /** As which user an administrator acts. */
  user: string | undefined;
  fetch: (request: Request) => Promise<Response>;
  clock: ClientClock;
  /** Told when a request is going to be tried again. */
  onRetry: ((retry: Retry) => void) | undefined;
}

/** A try that failed, and the next one. */
export interface Retry {
  /** An error of the network, or the ProblemError of an answer. */
  reason: unknown;
  delayMs: number;
  /** Failed tries so far. */
  tries: number;
}

export interface SendOptions {
  /** For how long it is tried again. */
  retryMs: number;
  /** How long a try may take nothing. */
  timeoutMs: number;
  /** The answer is read as it comes. */
  isStream?: boolean;
  /** Fail at once when nobody listens there, unless somebody has before: for the first request of a program. */
  failsWhenRefused?: boolean;
  /** Its body can be read only once: it is never sent again. */
  isOnce?: boolean;
  /** It does no harm when it comes twice, whatever its method: it is sent again after these statuses, and after a broken connection. */
  passing?: readonly number[];
  /** Ends the tries, but not one that is under way. */
  lastTry?: AbortSignal | undefined;
}

/** Statuses that pass, with what the standards say about trying again. */
const PASSING = [429, 502, 503, 504];
const SAFE_POSTS = /\/(stdin|cancel|dry-run|validate|reset|flush|cleanup|reload)$/;
const NOBODY_LISTENS = ['ECONNREFUSED', 'ENOTFOUND', 'ConnectionRefused'];

const MAX_DELAY_MS = 5000;

/** Growing waits with jitter, so that clients do not come back all at once. */
export class Backoff {
  readonly #factory = new ExponentialBackoff({ initialDelay: 100, maxDelay: MAX_DELAY_MS });
  #current: IBackoff<unknown> | null = null;

  nextMs(): number {
    this.#current = (this.#current ?? this.#factory).next(undefined);
    return Math.round(this.#current.duration);
  }

  reset(): void {
    this.#current = null;
  }
}

export class Transport {
  readonly #options: TransportOptions;
  #hasReached = false;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  get url(): string {
    return this.#options.url;
  }

  get clock(): ClientClock {
    return this.#options.clock;
  }

  /**
   * Sends a request until it is answered; an answer of an error is an answer.
   *
   * @throws ConnectionError when execd cannot be reached for as long as it is tried
   */
  async send(request: Request, options: SendOptions): Promise<Response> {
    const { clock } = this.#options;
    const backoff = new Backoff();
    const begunAt = clock.now();
    for (let tries = 1; ; tries++) {
      const { response, failure } = await this.#try(
        options.isOnce === true ? request : request.clone(),
        options,
      );
      this.#hasReached ||= response !== null;
      if (response !== null && !(options.passing ?? PASSING).includes(response.status)) return response;
      const delayMs = (response === null ? null : retryAfterMs(response)) ?? backoff.nextMs();
      const isOver = clock.now() - begunAt + delayMs > options.retryMs;
      if (isOver || !isRepeatable(request, options) || (!this.#hasReached && isRefused(failure, options))) {
        if (response !== null) return response;
        throw new ConnectionError(this.#options.url, failure);
      }
      const reason = response === null ? failure : problemError(response, await bodyOf(response));
      await this.pause({ reason, delayMs, tries }, options.lastTry ?? request.signal);
    }
  }

  /** Opens a WebSocket; whether it works its events tell. */
  async socket(path: string): Promise<WebSocket> {
    const { url, apiKey, user } = this.#options;
    const key = typeof apiKey === 'function' ? await apiKey() : apiKey;
    const headers = {
      ...(key === undefined || key === '' ? {} : { authorization: `Bearer ${key}` }),
      ...(user === undefined ? {} : { 'execution-user': user }),
    };
    const address = `${url.replace(/^http/, 'ws')}${path}`;
    if (Object.keys(headers).length === 0) return new WebSocket(address);
    // Browsers send no headers with a WebSocket: the key goes as a subprotocol.
    if (key !== undefined && user === undefined && 'document' in globalThis)
      return new WebSocket(address, ['execd', `execd.key.${key}`]);
    return new (WebSocket as unknown as WebSocketWithHeaders)(address, { headers });
  }

  /** Waits before another try, and says so. */
  async pause(retry: Retry, signal?: AbortSignal): Promise<void> {
    this.#options.onRetry?.(retry);
    await this.#options.clock.sleep(retry.delayMs, signal);
  }

  async #try(
    request: Request,
    { timeoutMs, isStream }: SendOptions,
  ): Promise<{ response: Response | null; failure: unknown }> {
    const { clock, apiKey, user, fetch } = this.#options;
    const watchdog = new Watchdog(clock, timeoutMs);
    try {
      const key = typeof apiKey === 'function' ? await apiKey() : apiKey;
      if (key !== undefined && key !== '') request.headers.set('authorization', `Bearer ${key}`);
      if (user !== undefined) request.headers.set('execution-user', user);
      // A stream outlives its first answer: whoever reads it watches over it.
      const signal = AbortSignal.any([request.signal, watchdog.signal]);
      const response = await fetch(new Request(request, { signal }));
      if (isStream === true || response.body === null) return { response, failure: null };
      const body = await response.arrayBuffer();
      const { status, statusText, headers } = response;
      // Browsers give a 204 an empty stream as its body, and let nobody make such an answer with one.
      const whole = body.byteLength === 0 ? null : body;
      return { response: new Response(whole, { status, statusText, headers }), failure: null };
    } catch (error) {
      request.signal.throwIfAborted();
      return { response: null, failure: watchdog.isLate ? watchdog.signal.reason : error };
    } finally {
      watchdog.stop();
    }
  }
}

function isRefused(failure: unknown, { failsWhenRefused }: SendOptions): boolean {
  return failsWhenRefused === true && NOBODY_LISTENS.includes(systemCodeOf(failure) ?? '');
}

function isRepeatable({ method, headers, url }: Request, { isOnce, passing }: SendOptions): boolean {
  if (isOnce === true || passing !== undefined) return isOnce !== true;
  const isSafe = method !== 'POST' && method !== 'PATCH';
  return isSafe || headers.has('idempotency-key') || SAFE_POSTS.test(new URL(url).pathname);
}

/** The body of an answer: JSON where it is, else text. */
export async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
