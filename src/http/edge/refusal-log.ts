// Lines of the server's own log for refused requests, each with its reason. Whoever sends wrong requests all day long must
// fill neither the log nor the time of others: each user, and each address without a user, has a few lines a second, and all
// of them together have a bound. Faults of the service have a bound of their own. The next line that is written states how many
// were left out.
import type { FastifyRequest } from 'fastify';
import { CATALOGUE, type RefusedError, visible } from '../../domain/errors.ts';
import type { Log } from '../../domain/ports/clock.ts';

const WINDOW_MS = 1000;
const MAX_OF_ONE = 5;
const MAX_OF_ALL = 50;
/** Faults of the service (5xx): whoever they happen to, some of them are always seen. */
const MAX_OF_SYSTEM = 50;
const MAX_DETAIL = 500;

export class RefusalLog {
  readonly #log: Log;
  /** Monotonic, milliseconds. */
  readonly #nowMs: () => number;
  #windowEnd = 0;
  #ofAll = 0;
  #ofSystem = 0;
  readonly #ofOne = new Map<string, number>();
  #omitted = 0;

  constructor(log: Log, nowMs: () => number) {
    this.#log = log;
    this.#nowMs = nowMs;
  }

  write(request: FastifyRequest, refused: RefusedError): void {
    const { method, routeOptions, ip } = request;
    const user = (request.caller as typeof request.caller | null)?.userId ?? null;
    const isOfSystem = CATALOGUE[refused.type].status >= 500;
    this.#beginWindow();
    if (!(isOfSystem ? this.#admitsFault() : this.#admits(user ?? ip))) return void (this.#omitted += 1);
    const route = routeOptions.url ?? null;
    const { cause, type } = refused;
    const detail = visible(refused.message.slice(0, MAX_DETAIL));
    const facts = {
      ...{
        request_id: request.id,
        method,
        route,
        user_id: user,
        type,
        status: CATALOGUE[type].status,
        detail,
      },
      ...(cause instanceof Error ? { because: cause.message } : {}),
      ...(this.#omitted === 0 ? {} : { omitted: this.#omitted }),
    };
    this.#omitted = 0;
    const text =
      type === 'validation' ? `Validation error in ${method} ${route ?? ''}` : 'A request was refused';
    this.#log.info(facts, `${text}: ${detail}`);
  }

  #beginWindow(): void {
    const now = this.#nowMs();
    if (now < this.#windowEnd) return;
    this.#windowEnd = now + WINDOW_MS;
    this.#ofAll = this.#ofSystem = 0;
    this.#ofOne.clear();
  }

  #admitsFault(): boolean {
    this.#ofSystem += 1;
    return this.#ofSystem <= MAX_OF_SYSTEM;
  }

  #admits(one: string): boolean {
    const own = this.#ofOne.get(one) ?? 0;
    if (own >= MAX_OF_ONE || this.#ofAll >= MAX_OF_ALL) return false;
    this.#ofOne.set(one, own + 1);
    this.#ofAll += 1;
    return true;
  }
}
