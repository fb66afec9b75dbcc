// Judges deliveries to hooks: whether they are signed, whether the hook wants them, and with which parameters its operation
// runs. Nothing of a delivery is read before its signature is found good.
import { hash, randomBytes } from 'node:crypto';
import { RefusedError } from '../domain/errors.ts';
import {
  type Hook,
  HOOK_ROOTS,
  type HookDelivery,
  type Hooks,
  type HookVerdict,
} from '../domain/operations/hook.ts';
import type { Operations } from '../domain/operations/operation.ts';
import { ConditionError, type Conditions } from '../domain/plans/conditions.ts';
import type { Clock, Log } from '../domain/ports/clock.ts';
import type { Caller } from '../domain/spec/access.ts';
import type { Secrets } from '../domain/spec/secrets.ts';
import { hmac, proofHeaders, proofParameter, type Verified, verify } from './signatures.ts';

export interface HooksDeps {
  operations: Pick<Operations, 'get'>;
  secrets: Pick<Secrets, 'whyNot' | 'reveal'>;
  conditions: Conditions;
  /** Takes one; null when it may go on, else after how many seconds there is room again. */
  takeRate: (operation: string, perS: number) => number | null;
  clock: Pick<Clock, 'now'>;
  log: Log;
}

type Scope = Record<(typeof HOOK_ROOTS)[number], unknown>;
/** Never among what expressions see. */
const CREDENTIALS = ['authorization', 'proxy-authorization', 'cookie'];

export function createHooks(deps: HooksDeps): Hooks {
  const { operations, takeRate } = deps;
  /** By which a delivery to no hook takes about as long as one to a hook. */
  const decoy = randomBytes(32);
  return {
    async judge(delivery) {
      const { operation } = delivery;
      const hook = operations.get(operation)?.definition.hook;
      if (hook === undefined) {
        hmac('sha256', decoy, [delivery.bytes]);
        throw refused();
      }
      const verified = verifyWith(deps, hook, delivery);
      if (verified === null) throw refused();
      const retryAfterS = takeRate(operation, hook.rate_per_s);
      if (retryAfterS !== null) {
        const detail = `The hook of ${operation} takes at most ${hook.rate_per_s} deliveries per second (rate_per_s). Send the delivery again later.`;
        throw new RefusedError('too_many_deliveries', detail, { retryAfterS });
      }
      return new Judged(deps, hook, delivery).verdict(verified);
    },
  };
}

function refused(): RefusedError {
  const detail =
    'The operation has no hook, the signature is not valid, or its time is not within the window of the hook.';
  return new RefusedError('hook_refused', detail);
}

function verifyWith({ secrets, clock, log }: HooksDeps, hook: Hook, delivery: HookDelivery): Verified | null {
  const { operation } = delivery;
  const { secret: names, user: userId } = hook;
  const missing = secrets.whyNot({ names, userId, operation });
  if (missing === null)
    return verify(
      hook,
      names.map((name) => secrets.reveal(name)),
      delivery,
      clock.now(),
    );
  log.warn(
    { operation, secret: missing },
    'A hook rejects all deliveries, because EXECUTION_SECRETS_FILE does not give its operation or user the secret',
  );
  return null;
}

/** One delivery whose signature is good. */
class Judged {
  readonly #deps: HooksDeps;
  readonly #hook: Hook;
  readonly #delivery: HookDelivery;
  readonly #scope: Scope;

  constructor(deps: HooksDeps, hook: Hook, delivery: HookDelivery) {
    this.#deps = deps;
    this.#hook = hook;
    this.#delivery = delivery;
    const hidden = new Set([...CREDENTIALS, ...proofHeaders(hook)]);
    const shown = Object.entries(delivery.headers).filter(([name]) => !hidden.has(name));
    const body = delivery.read(hook.user);
    const { [proofParameter(hook) ?? '']: _proof, ...query } = delivery.query;
    this.#scope = { headers: Object.fromEntries(shown), query, body };
  }

  async verdict({ deliveryId }: Verified): Promise<HookVerdict> {
    const { scheme, when, user, answer: type, wait_s: s } = this.#hook;
    const caller = callerOf(user, this.#delivery.operation);
    const { body } = this.#scope;
    if (scheme === 'slack' && isChallenge(body))
      return { caller, type: 'challenge', challenge: body.challenge };
    const { conditions } = this.#deps;
    if (when !== undefined && !(await this.#evaluate('when', when, conditions.compile(when, HOOK_ROOTS))))
      return { caller, type: 'skipped' };
    const spec = { kind: 'operation', name: this.#delivery.operation, params: await this.#params() } as const;
    const idempotency = this.#idempotency(await this.#idOf(deliveryId));
    const answer = type === 'wait' ? { type, s } : { type };
    return { caller, type: 'run', spec, idempotency, answer };
  }

  async #params(): Promise<Record<string, unknown>> {
    const params: Record<string, unknown> = {};
    for (const [name, source] of Object.entries(this.#hook.params)) {
      const value = await this.#value(`params.${name}`, source);
      if (value !== null) params[name] = value;
    }
    return params;
  }

  async #idOf(deliveryId: string | null): Promise<string | null> {
    const { delivery_id: source } = this.#hook;
    if (source === undefined) return deliveryId;
    const id = await this.#value('delivery_id', source);
    if (typeof id === 'string' && id !== '') return id;
    throw failed('delivery_id', 'its value is not a text, or is empty');
  }

  /** What was accepted under the id of a delivery is the answer to each repetition of it. */
  #idempotency(id: string | null): { key: string; bodyHash: string } | null {
    if (id === null) return null;
    const digest = hash('sha256', id);
    return { key: `hook:${this.#delivery.operation}:${digest}`, bodyHash: digest };
  }

  #value(place: string, source: string): Promise<unknown> {
    return this.#evaluate(place, source, this.#deps.conditions.compileValue(source, HOOK_ROOTS));
  }

  /** @throws RefusedError `hook_failed` */
  async #evaluate<T>(
    place: string,
    source: string,
    {
      roots,
      evaluate,
    }: {
      roots: readonly string[];
      evaluate: (scope: object & Record<string, unknown>, userId: string) => Promise<T>;
    },
  ): Promise<T> {
    const read = Object.fromEntries(Object.entries(this.#scope).filter(([root]) => roots.includes(root)));
    try {
      return await evaluate(read, this.#hook.user);
    } catch (error) {
      if (error instanceof ConditionError) throw failed(place, `${error.message}, in ${source}`);
      throw error;
    }
  }
}

function failed(place: string, why: string): RefusedError {
  return new RefusedError('hook_failed', `hook.${place}: ${why}`);
}

function isChallenge(body: unknown): body is { challenge: string } {
  const { type, challenge } = (body ?? {}) as { type?: unknown; challenge?: unknown };
  return type === 'url_verification' && typeof challenge === 'string';
}

/** The operator has given this one operation to the hook; a policy file may still take it from its user. */
function callerOf(userId: string, operation: string): Caller {
  return { userId, scopes: new Set(['submit', 'read']), mayRun: [{ operation }] };
}
