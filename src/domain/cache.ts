// The words of the cache of results.
import type { ExecutionId } from './ids.ts';
import type { OutputTotals } from './output-totals.ts';

export const CACHE_MODES = ['read_write', 'read', 'write', 'refresh', 'bypass'] as const;
export type CacheMode = (typeof CACHE_MODES)[number];
export const CACHE_SCOPES = ['task', 'user', 'global'] as const;
export type CacheScope = (typeof CACHE_SCOPES)[number];

/** Whose entries a scope looks at; null is everybody's. */
export function cacheOwner({ scope }: Pick<CacheUse, 'scope'>, userId: string): string | null {
  return scope === 'global' ? null : userId;
}

/** Names an entry: the same key of another owner is another entry, so that nobody can put a value where others look. */
export function cacheId({ userId, key }: { userId: string | null; key: string }): string {
  return userId === null ? key : `${key} ${userId}`;
}

/** The attempt that made a kept result, whose log goes with it. */
export interface MadeBy {
  runId: ExecutionId;
  attempt: number;
  output: OutputTotals;
}

/** How an execution takes part in the cache. */
export interface CacheUse {
  mode: Exclude<CacheMode, 'bypass'>;
  /** SHA-256 of everything that the result depends on, hexadecimal. */
  key: string;
  scope: CacheScope;
  /** How long its result is kept, milliseconds; null for ever. */
  ttlMs: number | null;
  /** What its result may take in the cache, bytes. Undefined in records of earlier versions. */
  mostBytes?: number;
  /** `joined`: it takes part in the run of another execution. `hit`: its result is an earlier one. */
  status: 'miss' | 'joined' | 'hit';
  /** Of a hit: when the result was stored, ms since the epoch. */
  storedAt: number | null;
  /** The same: what made it. Undefined where nothing did, or nobody knows. */
  madeBy?: MadeBy;
}
