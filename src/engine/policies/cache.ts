// Results of earlier runs, in memory: bounded by count, by bytes and by time. Only what succeeded and is whole is kept;
// null and empty results are results.
import { LRUCache } from 'lru-cache';
import type { CacheEntry } from '../../domain/ports.ts';
import { type Execution, leavesResult, operationOf } from '../../domain/execution.ts';

export interface CacheSettings {
  /** Entries; 0 turns the cache off. */
  maxEntries: number;
  maxBytes: number;
}

export interface CacheStats {
  entries: number;
  maxEntries: number;
  bytes: number;
  hits: number;
  misses: number;
  /** Executions that took part in a run of another one. */
  joined: number;
  stores: number;
  evictions: number;
  expirations: number;
}

/** Which entries to remove; all that is given must fit. */
export interface CacheFilter {
  /** Undefined is every user's. */
  userId?: string | null | undefined;
  key?: string | undefined;
  operation?: string | undefined;
}

/** A single entry may take so much of the cache. */
const MAX_SHARE = 0.25;

export class ResultCache {
  readonly #settings: CacheSettings;
  readonly #nowMs: () => number;
  readonly #entries: LRUCache<string, CacheEntry> | null;
  readonly #counts = { hits: 0, misses: 0, joined: 0, stores: 0, evictions: 0, expirations: 0 };

  /** @param nowMs wall clock, ms since the epoch */
  constructor(settings: CacheSettings, nowMs: () => number) {
    this.#settings = settings;
    this.#nowMs = nowMs;
    this.#entries =
      settings.maxEntries === 0
        ? null
        : new LRUCache({
            max: settings.maxEntries,
            maxSize: settings.maxBytes,
            maxEntrySize: Math.max(1, Math.floor(settings.maxBytes * MAX_SHARE)),
            sizeCalculation: sizeOf,
            dispose: (_entry, _key, reason) => {
              if (reason === 'evict') this.#counts.evictions += 1;
            },
          });
  }

  /** Looks up a result, and counts a hit. */
  find(key: string): CacheEntry | null {
    const entry = this.#fresh(key, true);
    if (entry !== null) this.#counts.hits += 1;
    return entry;
  }

  /** Counts an execution that found neither a result nor a run to join. */
  countMiss(): void {
    this.#counts.misses += 1;
  }

  /** Looks without counting, and without making the entry younger. */
  peek(key: string): CacheEntry | null {
    return this.#fresh(key, false);
  }

  /** Takes in a result; one that is there is replaced, with its time to live. False when it is too large, or the cache is off. */
  put(entry: CacheEntry): boolean {
    if (this.#entries === null) return false;
    this.#entries.set(entry.key, entry);
    const isKept = this.#entries.peek(entry.key) === entry;
    if (isKept) this.#counts.stores += 1;
    return isKept;
  }

  countJoin(): void {
    this.#counts.joined += 1;
  }

  /** Removes entries; answers their keys. */
  remove({ userId, key, operation }: CacheFilter): string[] {
    const removed: string[] = [];
    const only = key === undefined ? null : (this.#entries?.peek(key) ?? null);
    const entries = key === undefined ? (this.#entries?.values() ?? []) : only === null ? [] : [only];
    for (const entry of entries) {
      const fits =
        (userId === undefined || entry.userId === userId) &&
        (operation === undefined || entry.operation === operation);
      if (fits) removed.push(entry.key);
    }
    for (const one of removed) this.#entries?.delete(one);
    return removed;
  }

  /** Removes what has expired; answers the keys. */
  sweep(): string[] {
    const now = this.#nowMs();
    const expired = [...(this.#entries?.values() ?? [])].filter((entry) => isExpired(entry, now));
    for (const { key } of expired) this.#entries?.delete(key);
    this.#counts.expirations += expired.length;
    return expired.map(({ key }) => key);
  }

  stats(): CacheStats {
    return {
      entries: this.#entries?.size ?? 0,
      maxEntries: this.#settings.maxEntries,
      bytes: this.#entries?.calculatedSize ?? 0,
      ...this.#counts,
    };
  }

  #fresh(key: string, isUse: boolean): CacheEntry | null {
    const entry = isUse ? this.#entries?.get(key) : this.#entries?.peek(key);
    if (entry === undefined) return null;
    if (!isExpired(entry, this.#nowMs())) return entry;
    this.#entries?.delete(key);
    this.#counts.expirations += 1;
    return null;
  }
}

function isExpired({ expiresAt }: CacheEntry, now: number): boolean {
  return expiresAt !== null && expiresAt <= now;
}

/** Bytes of an entry in memory, roughly: two for each character, and what an object takes. */
function sizeOf(entry: CacheEntry): number {
  return (
    512 + 2 * (entry.key.length + JSON.stringify(entry.result).length + JSON.stringify(entry.outcome).length)
  );
}

/** What an execution leaves for others; null when it leaves nothing: it has failed, is not whole, or is not to be kept. */
export function entryOf(execution: Execution): CacheEntry | null {
  const { cache, runId, userId } = execution;
  if (cache === null || !leavesResult(execution)) return null;
  const { result, outcome, finishedAt } = execution;
  return {
    key: cache.key,
    userId: cache.scope === 'global' ? null : userId,
    operation: operationOf(execution),
    runId,
    outcome,
    result,
    storedAt: finishedAt,
    expiresAt: cache.ttlMs === null ? null : finishedAt + cache.ttlMs,
  };
}
