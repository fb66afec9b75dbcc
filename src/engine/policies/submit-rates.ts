// How often each user may submit: a bucket of tokens that fills by the second. As many as one second brings may come at
// once, so that a page of requests is not turned away whole.
import { LRUCache } from 'lru-cache';
import { TokenBucket } from '../../resilience/token-bucket.ts';

/** What is left to a user. */
export interface SubmitAllowance {
  /** Submissions in each window. */
  quota: number;
  windowS: number;
  remaining: number;
  /** When there is room for a whole window again, seconds. */
  resetS: number;
}

/** Whose bucket is forgotten has a full one again. */
const MAX_BUCKETS = 10_000;

export class SubmitRates {
  readonly #nowMs: () => number;
  readonly #buckets = new LRUCache<string, TokenBucket>({ max: MAX_BUCKETS });

  /** @param nowMs a monotonic clock */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /**
   * Takes one submission; null when it may go on, else after how many seconds there is room again.
   *
   * @param perS submissions in a second
   */
  take(userId: string, perS: number): number | null {
    const { bucket, tokens } = this.#filled(userId, perS);
    return bucket.take() ? null : Math.ceil((1 - tokens) / perS);
  }

  /** The same for a concurrency key: `limit` may come at once, and as many again in `perMs`. */
  takeOfKey(key: string, { limit, perMs }: { limit: number; perMs: number }): number | null {
    const name = `key ${key}`;
    const perS = (limit * 1000) / perMs;
    const bucket = this.#buckets.get(name) ?? new TokenBucket(limit, this.#nowMs);
    this.#buckets.set(name, bucket);
    const tokens = bucket.fill(perS, limit);
    return bucket.take() ? null : Math.max(1, Math.ceil((1 - tokens) / perS));
  }

  allowance(userId: string, perS: number): SubmitAllowance {
    const { tokens } = this.#filled(userId, perS);
    return {
      quota: Math.floor(sizeOf(perS)),
      windowS: Math.ceil(1 / perS),
      remaining: Math.floor(tokens),
      resetS: Math.ceil((sizeOf(perS) - tokens) / perS),
    };
  }

  #filled(userId: string, perS: number): { bucket: TokenBucket; tokens: number } {
    const bucket = this.#buckets.get(userId) ?? new TokenBucket(sizeOf(perS), this.#nowMs);
    this.#buckets.set(userId, bucket);
    return { bucket, tokens: bucket.fill(perS, sizeOf(perS)) };
  }
}

/** At least one, or nothing could ever pass. */
const sizeOf = (perS: number): number => Math.max(1, perS);
