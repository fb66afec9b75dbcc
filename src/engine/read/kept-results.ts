// The cache as callers see it: their own results, and shared ones of operations that they may run. A value that somebody has
// can be put there; it is found by those alone for whom it was put.
import type { Caller } from '../../domain/spec/access.ts';
import type { AccessRules } from '../../domain/access/access-rules.ts';
import { type CacheScope, cacheId, cacheOwner } from '../../domain/cache.ts';
import { RefusedError } from '../../domain/errors.ts';
import type { CacheEntry } from '../../domain/ports/group.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { ResultCache } from '../policies/cache.ts';
import type { SubmitRates } from '../policies/submit-rates.ts';
import { checkSubmitRate } from '../accept/submit.ts';

export interface KeptResultsDeps {
  cache: ResultCache;
  clock: Clock;
  rules: () => AccessRules;
  rates: SubmitRates;
  /** Milliseconds; null is for ever. */
  defaultTtlMs: number | null;
  persist(change: { put: readonly CacheEntry[]; drop: readonly string[] }): void;
}

export interface PutValue {
  key: string;
  value: unknown;
  scope: CacheScope;
  operation: string | null;
  /** Undefined is the default, null is for ever. */
  ttlMs: number | null | undefined;
}

export interface ListedResult {
  entry: CacheEntry;
  bytes: number;
}

export class KeptResults {
  readonly #deps: KeptResultsDeps;

  constructor(deps: KeptResultsDeps) {
    this.#deps = deps;
  }

  /** The caller's own, else a shared one that they may see. */
  get(caller: Caller, key: string): CacheEntry | null {
    const { cache } = this.#deps;
    const own = cache.peek(caller.userId, key);
    if (own !== null) return own;
    const shared = cache.peek(null, key);
    return shared === null || !this.#maySee(caller, shared) ? null : shared;
  }

  /**
   * In the order of their keys.
   *
   * @param userId whose, besides shared ones; undefined is everybody's
   * @param after where the page before this one has ended
   */
  list(
    caller: Caller,
    { userId, operation }: { userId: string | undefined; operation: string | undefined },
    { limit, after }: { limit: number; after: string },
  ): { items: ListedResult[]; next: string | null } {
    const { cache } = this.#deps;
    const owners = userId === undefined ? cache.owners() : [userId, null];
    const fits = (entry: CacheEntry) =>
      (operation === undefined || entry.operation === operation) && this.#maySee(caller, entry);
    const found = cache.list(owners, fits, { after, limit: limit + 1 });
    const items = found.slice(0, limit).map((entry) => ({ entry, bytes: cache.bytesOf(entry) }));
    const last = items.at(-1);
    return { items, next: found.length > limit && last !== undefined ? cacheId(last.entry) : null };
  }

  /**
   * Puts a value where a run would leave its result.
   *
   * @throws RefusedError when the caller may not, or it does not fit
   */
  put(
    caller: Caller,
    { key, value, scope, operation, ttlMs }: PutValue,
  ): { entry: CacheEntry; isNew: boolean } {
    const { cache, clock, defaultTtlMs, rates, rules } = this.#deps;
    if (scope === 'global' && !caller.scopes.has('admin')) {
      throw new RefusedError('forbidden', 'To put a value for all users, the scope "admin" is needed.', {
        fields: [{ field: '/scope', message: 'is "global", which needs the scope "admin"' }],
      });
    }
    checkSubmitRate(caller, { rules: rules(), rates });
    const ttl = ttlMs === undefined ? defaultTtlMs : ttlMs;
    const now = clock.now();
    const entry: CacheEntry = {
      ...{ key, userId: cacheOwner({ scope }, caller.userId), operation, runId: null },
      ...{ outcome: { cause: 'provided' }, result: { type: 'json', value } },
      ...{ storedAt: now, expiresAt: ttl === null ? null : now + ttl },
    };
    const { maxEntries, maxEntryBytes } = cache;
    if (maxEntries === 0)
      throw new RefusedError('cache_off', 'The cache is off. To turn it on, set EXECUTION_CACHE_SIZE.');
    const isNew = cache.peek(entry.userId, key) === null;
    if (!cache.put(entry)) {
      const detail = `The value takes more than ${maxEntryBytes} bytes of memory, a quarter of the cache (EXECUTION_CACHE_MAX_BYTES). Put a smaller value.`;
      this.#deps.persist({ put: [], drop: [cacheId(entry)] });
      throw new RefusedError('cache_value_too_large', detail);
    }
    this.#deps.persist({ put: [entry], drop: [] });
    return { entry, isNew };
  }

  /** Of what is shared, what its operation allows. */
  #maySee(caller: Caller, { userId, operation }: CacheEntry): boolean {
    if (userId !== null || operation === null) return true;
    return !('why' in this.#deps.rules().decide(caller, { kind: 'operation', name: operation }));
  }
}
