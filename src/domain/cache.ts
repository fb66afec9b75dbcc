// The words of the cache of results.

export const CACHE_MODES = ['read_write', 'read', 'write', 'refresh', 'bypass'] as const;
export type CacheMode = (typeof CACHE_MODES)[number];
export const CACHE_SCOPES = ['task', 'user', 'global'] as const;
export type CacheScope = (typeof CACHE_SCOPES)[number];

/** How an execution takes part in the cache. */
export interface CacheUse {
  mode: Exclude<CacheMode, 'bypass'>;
  /** SHA-256 of everything that the result depends on, hexadecimal. */
  key: string;
  scope: CacheScope;
  /** How long its result is kept, milliseconds; null for ever. */
  ttlMs: number | null;
  /** `joined`: it takes part in the run of another execution. `hit`: its result is an earlier one. */
  status: 'miss' | 'joined' | 'hit';
  /** Of a hit: when the result was stored, ms since the epoch. */
  storedAt: number | null;
}
