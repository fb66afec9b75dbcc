// Sends a message to a receiver of webhooks and asks for nothing but the status: through the same guard as HTTP calls, and
// without following anything to anywhere else. What the receiver says beyond that is not read.
import { Buffer } from 'node:buffer';
import type { Clock } from '../../domain/ports/clock.ts';
import type { WebhookAnswer, WebhookMessage, WebhookSender } from '../../domain/webhooks/webhooks.ts';
import { bare, EgressGuard } from './egress-guard.ts';
import { Connections, Exchange } from './exchange.ts';
import { Connector } from './guarded-connect.ts';
import type { Lookup } from './lookups.ts';
import { OwnAddresses } from './own-addresses.ts';
import { isIP } from 'node:net';
import type { AnswerHead } from './request-message.ts';

export interface WebhookSenderOptions {
  clock: Clock;
  /** Destinations that may be reached although they are not public. */
  egressAllow: readonly string[];
  /** For one try, all together. */
  timeoutMs: number;
  lookup?: Lookup | undefined;
}

/** Of an answer's body: a receiver that says more is not listened to. */
const MAX_BODY_BYTES = 65_536;
const DAY_S = 86_400;

export class GuardedSender implements WebhookSender {
  readonly #options: WebhookSenderOptions;
  readonly #guard: EgressGuard;
  readonly #connections: Connections;

  /** @throws an Error that names an entry of the allow-list that is none */
  constructor(options: WebhookSenderOptions) {
    this.#options = options;
    this.#guard = new EgressGuard(options.egressAllow, new OwnAddresses(options.clock));
    const connector = new Connector({ guard: this.#guard, clock: options.clock, lookup: options.lookup });
    this.#connections = new Connections(this.#guard, connector);
  }

  whyNotAllowed(url: string): string | null {
    const { hostname, port, protocol } = new URL(url);
    const host = bare(hostname);
    // A name is judged by its addresses, each time anew.
    if (isIP(host) === 0) return null;
    try {
      this.#guard.check({ host, port: Number(port || (protocol === 'https:' ? 443 : 80)) }, host);
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** Users have no share of it. */
  waitMs(): number {
    return 0;
  }

  send({ userId, url, headers, body }: WebhookMessage, signal: AbortSignal): Promise<WebhookAnswer> {
    const { clock, timeoutMs } = this.#options;
    return new Promise((resolve) => {
      let exchange: Exchange | null = null;
      let head: AnswerHead | null = null;
      let bodyBytes = 0;
      const settle = (answer: WebhookAnswer) => {
        timer.cancel();
        signal.removeEventListener('abort', abort);
        resolve(answer);
      };
      const fail = (error: string) => {
        exchange?.destroy();
        settle({ status: null, retryAfterMs: null, error });
      };
      const answered = () => {
        if (head !== null)
          settle({ status: head.status, retryAfterMs: retryAfter(head, clock.now()), error: null });
      };
      const abort = () => fail('the server was stopped');
      const timer = clock.timer(timeoutMs, () => fail(`the receiver did not respond within ${timeoutMs} ms`));
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) return abort();
      const message = {
        ...{
          method: 'POST',
          url: new URL(url),
          tls: undefined,
          isRepeatable: true,
          secretHeaders: [],
          user: userId,
        },
        headers: { 'user-agent': 'execd', accept: '*/*', 'accept-encoding': 'identity', ...headers },
        body: Buffer.from(body),
      };
      try {
        exchange = new Exchange(this.#connections, message, {
          head: (one) => (head = one),
          data(bytes) {
            bodyBytes += bytes.length;
            if (bodyBytes <= MAX_BODY_BYTES) return;
            exchange?.destroy();
            answered();
          },
          end: answered,
          failed: (error) => fail(error.message),
          active: () => undefined,
        });
      } catch (error) {
        fail((error as Error).message);
      }
    });
  }

  close(): void {
    this.#connections.close();
  }
}

/** RFC 9110 §10.2.3, milliseconds; at most a day. */
function retryAfter({ headers }: AnswerHead, now: number): number | null {
  const value = headers['retry-after'];
  if (typeof value !== 'string') return null;
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : (Date.parse(value) - now) / 1000;
  return Number.isNaN(seconds) ? null : Math.min(Math.max(0, seconds), DAY_S) * 1000;
}
