// Retry: which ends of an attempt are tried again, after which wait, and how many retries an operation may make of late.
import { CATALOGUE } from '../../domain/errors.ts';
import type { Execution, RetryPolicy } from '../../domain/execution/execution.ts';
import type { Exhausted, Outcome } from '../../domain/outcome.ts';
import { isTransientStatus, judge } from '../../domain/outcome.ts';
import { RETRY_DEFAULTS, type RetrySpec } from '../../domain/spec/spec.ts';
import { TokenBucket } from '../../resilience/token-bucket.ts';

/** What holds where a `retry` block says nothing. */
export interface RetryDefaults {
  attempts: number;
  /** Seconds. */
  multiplier: number;
}

export function resolveRetry(spec: RetrySpec | undefined, defaults: RetryDefaults): RetryPolicy | null {
  if (spec === undefined) return null;
  const on = spec.retry_on;
  return {
    attempts: spec.attempts ?? defaults.attempts,
    multiplier: spec.multiplier ?? defaults.multiplier,
    minMs: spec.min_ms ?? RETRY_DEFAULTS.minMs,
    maxMs: spec.max_ms ?? RETRY_DEFAULTS.maxMs,
    jitter: spec.jitter ?? RETRY_DEFAULTS.jitter,
    retryOn:
      on === undefined
        ? null
        : {
            causes: on.causes ?? [],
            exitCodes: on.exit_codes ?? [],
            httpStatuses: on.http_statuses ?? [],
            faults: on.faults ?? [],
          },
  };
}

/** Whether this end is one that is tried again, however many tries are left. */
export function isRetried(execution: Pick<Execution, 'retry' | 'retrySafe'>, outcome: Outcome): boolean {
  const { retry, retrySafe } = execution;
  const { status, error } = judge(outcome);
  if (retry === null || error === null || status === 'cancelled') return false;
  switch (outcome.cause) {
    case 'total_timeout':
    case 'queue_timeout':
    case 'circuit_open':
      return false;
    case 'lost':
      if (!retrySafe) return false;
      break;
    default:
  }
  const { retryOn } = retry;
  if (retryOn === null) return isHelped(outcome);
  return (
    retryOn.causes.includes(outcome.cause) ||
    retryOn.faults.includes(error.fault) ||
    (outcome.cause === 'exited' && retryOn.exitCodes.includes(outcome.exitCode)) ||
    (outcome.cause === 'http_response' && retryOn.httpStatuses.includes(outcome.status))
  );
}

/** What another try may help: without `retry_on` these are tried again. */
function isHelped(outcome: Outcome): boolean {
  switch (outcome.cause) {
    case 'exited':
      return outcome.exitCode !== 0;
    case 'http_response':
      return isTransientStatus(outcome.status);
    case 'signalled':
    case 'attempt_timeout':
    case 'idle_timeout':
    case 'lost':
      return true;
    case 'request_failed':
    case 'spawn_failed':
      return CATALOGUE[outcome.reason].retryable;
    default:
      return judge(outcome).error?.fault === 'system';
  }
}

/**
 * The wait before the next try, milliseconds: tenacity's wait_exponential, `multiplier` · 2^(n−1) s between a floor and
 * a ceiling, and a random part, so that many that failed together do not come again together. The random part is as wide as
 * `jitter` of the wait and lies before it, as far as the floor leaves room, else behind it: at the floor too they come apart.
 * A server that says when to come again is not asked earlier.
 *
 * @param tries  tries made so far, from 1
 * @param random 0 to 1
 */
export function retryWaitMs(
  { multiplier, minMs, maxMs, jitter }: RetryPolicy,
  tries: number,
  retryAfterMs: number | null,
  random: number,
): number {
  const wait = Math.min(maxMs, Math.max(minMs, multiplier * 1000 * 2 ** (tries - 1)));
  const least = Math.max(minMs, wait * (1 - jitter));
  const most = Math.min(maxMs, least + wait * jitter);
  return Math.max(Math.round(most - (most - least) * random), retryAfterMs ?? 0);
}

/** Tries of a run whose ends are stored. */
export function triesOf({ attempts }: Pick<Execution, 'attempts'>): number {
  return attempts.filter((attempt) => attempt.outcome !== null).length;
}

export interface RetryBudgetSettings {
  /** Retries that each first try earns. */
  ratio: number;
  /** Retries that each second earns. */
  perSecond: number;
  /** Retries that can be saved up; as many are there at the start. */
  burst: number;
}

/**
 * How many retries an operation may make: a share of its executions and a trickle, so that a dependency that fails for
 * everybody is not asked several times as often as when it works.
 */
export class RetryBudget {
  readonly #settings: RetryBudgetSettings;
  readonly #bucket: TokenBucket;

  /** @param nowMs a monotonic clock */
  constructor(settings: RetryBudgetSettings, nowMs: () => number) {
    this.#settings = settings;
    this.#bucket = new TokenBucket(settings.burst, nowMs);
  }

  /** An execution has begun. */
  earn(): void {
    this.#fill();
    this.#bucket.add(this.#settings.ratio, this.#settings.burst);
  }

  /** Takes a retry; false when none is left. */
  spend(): boolean {
    this.#fill();
    return this.#bucket.take();
  }

  #fill(): void {
    this.#bucket.fill(this.#settings.perSecond, this.#settings.burst);
  }
}

/** What is decided about a failed attempt. */
export type RetryDecision = { retry: true; waitMs: number } | { retry: false; exhausted: Exhausted | null };

/**
 * Decides whether an attempt that has ended is made again.
 *
 * @param budget null where retries are not limited together
 */
export function decideRetry(
  execution: Execution,
  outcome: Outcome,
  budget: RetryBudget | null,
  random: () => number,
): RetryDecision {
  const policy = execution.retry;
  if (policy === null || !isRetried(execution, outcome)) return { retry: false, exhausted: null };
  const attempts = triesOf(execution) + 1;
  // One try was all that was asked for: nothing was used up.
  if (policy.attempts === 1) return { retry: false, exhausted: null };
  if (attempts >= policy.attempts) return { retry: false, exhausted: { attempts, by: 'attempts' } };
  if (budget !== null && !budget.spend()) return { retry: false, exhausted: { attempts, by: 'budget' } };
  const retryAfterMs = outcome.cause === 'http_response' ? outcome.retryAfterMs : null;
  return { retry: true, waitMs: retryWaitMs(policy, attempts, retryAfterMs, random()) };
}
