// Results of earlier runs, in memory: bounded by count, by bytes and by time. Only what succeeded and is whole is kept;
// null and empty results are results. Whoever has more than half of it makes room from what is their own, so that nobody
// can drive out all that others keep.
import { LRUCache } from 'lru-cache';
import { cacheId, cacheOwner } from '../../domain/cache.ts';
import { keptBytes, mostBytesOf } from '../../domain/execution/kept-size.ts';
import type { CacheEntry } from '../../domain/ports/group.ts';
import { type Execution, isFinished, leavesResult, operationOf } from '../../domain/execution/execution.ts';

export interface CacheSettings {
  /** Entries; 0 turns the cache off. */
  maxEntries: number;
  maxBytes: number;
}

export interface CacheStats {
  entries: number;
  maxEntries: number;
  bytes: number;
  maxBytes: number;
  /** Entries that have a time to live. */
  expiring: number;
  hits: number;
  misses: number;
  /** Executions that took part in a run of another one. */
  joined: number;
  stores: number;
  /** Results of successful runs that were not taken in. */
  refused: number;
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

/** Beyond so much of a full cache, an owner makes room from their own entries. */
const OWN_SHARE = 0.5;

/** What one owner has in the cache. */
interface Share {
  /** Sizes by id, the one unused for longest first. */
  sizes: Map<string, number>;
  bytes: number;
}

export class ResultCache {
  readonly #settings: CacheSettings;
  readonly #nowMs: () => number;
  readonly #entries: LRUCache<string, CacheEntry> | null;
  /** By owner; null is everybody. */
  readonly #shares = new Map<string | null, Share>();
  #expiring = 0;
  readonly #counts = { hits: 0, misses: 0, joined: 0, stores: 0, refused: 0, evictions: 0, expirations: 0 };

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
            maxEntrySize: this.maxEntryBytes,
            dispose: (entry, id, reason) => {
              if (reason === 'evict') this.#counts.evictions += 1;
              this.#leave(id, entry);
            },
          });
  }

  get maxEntries(): number {
    return this.#settings.maxEntries;
  }

  /** What one entry may take. */
  get maxEntryBytes(): number {
    return mostBytesOf(this.#settings.maxBytes);
  }

  /** What an entry takes. */
  bytesOf(entry: CacheEntry): number {
    return this.#shares.get(entry.userId)?.sizes.get(cacheId(entry)) ?? 0;
  }

  /** Looks up a result of an owner, and counts a hit. */
  find(owner: string | null, key: string): CacheEntry | null {
    const entry = this.#fresh(cacheId({ userId: owner, key }), true);
    if (entry !== null) this.#counts.hits += 1;
    return entry;
  }

  /** Counts an execution that found neither a result nor a run to join. */
  countMiss(): void {
    this.#counts.misses += 1;
  }

  /** Looks without counting, and without making the entry younger. */
  peek(owner: string | null, key: string): CacheEntry | null {
    return this.#fresh(cacheId({ userId: owner, key }), false);
  }

  /** Takes in a result; one that is there is replaced, with its time to live. False when it is too large, or the cache is off. */
  put(entry: CacheEntry): boolean {
    if (this.#entries === null) return false;
    const id = cacheId(entry);
    const size = keptBytes(entry);
    this.#entries.delete(id);
    if (size > this.#entries.maxEntrySize) {
      this.#counts.refused += 1;
      return false;
    }
    this.#makeRoom(entry.userId, size, this.#entries);
    this.#entries.set(id, entry, { size });
    const share = this.#shares.get(entry.userId) ?? { sizes: new Map<string, number>(), bytes: 0 };
    this.#shares.set(entry.userId, share);
    share.sizes.set(id, size);
    share.bytes += size;
    if (entry.expiresAt !== null) this.#expiring += 1;
    this.#counts.stores += 1;
    return true;
  }

  countJoin(): void {
    this.#counts.joined += 1;
  }

  /** Removes entries; answers their ids. */
  remove({ userId, key, operation }: CacheFilter): string[] {
    const shares = userId === undefined ? [...this.#shares.values()] : [this.#shares.get(userId)];
    const removed: string[] = [];
    for (const id of shares.flatMap((share) => [...(share?.sizes.keys() ?? [])])) {
      const entry = this.#entries?.peek(id);
      const fits =
        entry !== undefined &&
        (key === undefined || entry.key === key) &&
        (operation === undefined || entry.operation === operation);
      if (fits) removed.push(id);
    }
    for (const id of removed) this.#entries?.delete(id);
    return removed;
  }

  /** Removes one entry; answers its id when it was there. */
  drop(entry: Pick<CacheEntry, 'userId' | 'key'>): string[] {
    const id = cacheId(entry);
    return this.#entries?.delete(id) === true ? [id] : [];
  }

  /** Entries of these owners in the order of their keys, as far as they fit, after a key. */
  list(
    owners: readonly (string | null)[],
    fits: (entry: CacheEntry) => boolean,
    { after, limit }: { after: string; limit: number },
  ): CacheEntry[] {
    const now = this.#nowMs();
    const first: CacheEntry[] = [];
    for (const id of owners.flatMap((owner) => [...(this.#shares.get(owner)?.sizes.keys() ?? [])])) {
      const entry = this.#entries?.peek(id);
      if (entry === undefined || cacheId(entry) <= after || isExpired(entry, now)) continue;
      const last = first.at(-1);
      if (first.length === limit && last !== undefined && cacheId(entry) >= cacheId(last)) continue;
      if (!fits(entry)) continue;
      first.splice(placeIn(first, cacheId(entry)), 0, entry);
      first.length = Math.min(first.length, limit);
    }
    return first;
  }

  /** All who have entries. */
  owners(): (string | null)[] {
    return [...this.#shares.keys()];
  }

  /** Removes what has expired; answers the ids. */
  sweep(): string[] {
    const now = this.#nowMs();
    const expired = [...(this.#entries?.values() ?? [])]
      .filter((entry) => isExpired(entry, now))
      .map(cacheId);
    for (const id of expired) this.#entries?.delete(id);
    this.#counts.expirations += expired.length;
    return expired;
  }

  /** Writes a value and reads it back, beside what is kept and counted; why that does not work, else null. */
  probe(): string | null {
    if (this.#entries === null) return null;
    const value = this.#nowMs();
    const result = { type: 'json', value } as const;
    const trial = new ResultCache({ maxEntries: 1, maxBytes: 100_000 }, () => value);
    const outcome = { cause: 'provided' } as const;
    const facts = { key: 'probe', userId: null, operation: null, runId: null, outcome, storedAt: value };
    trial.put({ ...facts, result, expiresAt: value + 1 });
    const found = trial.find(null, 'probe')?.result;
    return found === result ? null : 'a value that was written could not be read back';
  }

  stats(): CacheStats {
    return {
      entries: this.#entries?.size ?? 0,
      maxEntries: this.#settings.maxEntries,
      bytes: this.#entries?.calculatedSize ?? 0,
      maxBytes: this.#settings.maxBytes,
      expiring: this.#expiring,
      ...this.#counts,
    };
  }

  #fresh(id: string, isUse: boolean): CacheEntry | null {
    const entry = isUse ? this.#entries?.get(id) : this.#entries?.peek(id);
    if (entry === undefined) return null;
    if (!isExpired(entry, this.#nowMs())) {
      if (isUse) this.#rejuvenate(id, entry);
      return entry;
    }
    this.#entries?.delete(id);
    this.#counts.expirations += 1;
    return null;
  }

  /** Removes the owner's entries that were unused for longest, while the cache is full and they would have more than their share. */
  #makeRoom(owner: string | null, size: number, entries: LRUCache<string, CacheEntry>): void {
    const { maxEntries, maxBytes } = this.#settings;
    for (;;) {
      const share = this.#shares.get(owner);
      const [oldest] = share?.sizes.keys() ?? [];
      if (share === undefined || oldest === undefined) return;
      const isFull = entries.size >= maxEntries || entries.calculatedSize + size > maxBytes;
      const isMuch =
        share.sizes.size + 1 > maxEntries * OWN_SHARE || share.bytes + size > maxBytes * OWN_SHARE;
      if (!isFull || !isMuch) return;
      entries.delete(oldest);
      this.#counts.evictions += 1;
    }
  }

  #rejuvenate(id: string, { userId }: CacheEntry): void {
    const sizes = this.#shares.get(userId)?.sizes;
    const size = sizes?.get(id);
    if (sizes === undefined || size === undefined) return;
    sizes.delete(id);
    sizes.set(id, size);
  }

  #leave(id: string, entry: CacheEntry): void {
    const share = this.#shares.get(entry.userId);
    const size = share?.sizes.get(id);
    if (share === undefined || size === undefined) return;
    share.sizes.delete(id);
    share.bytes -= size;
    if (share.sizes.size === 0) this.#shares.delete(entry.userId);
    if (entry.expiresAt !== null) this.#expiring -= 1;
  }
}

/** Index at which a place belongs. */
function placeIn(sorted: readonly CacheEntry[], place: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cacheId(sorted[middle] as CacheEntry) < place) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isExpired({ expiresAt }: CacheEntry, now: number): boolean {
  return expiresAt !== null && expiresAt <= now;
}

/** What an execution leaves for others; null when it leaves nothing: it has failed, is not whole, or is not to be kept. */
export function entryOf(execution: Execution): CacheEntry | null {
  const { cache, runId, userId, attempts } = execution;
  if (cache === null || !isFinished(execution) || !leavesResult(execution)) return null;
  const { result, outcome, finishedAt } = execution;
  const last = attempts.at(-1);
  return {
    key: cache.key,
    userId: cacheOwner(cache, userId),
    operation: operationOf(execution),
    runId,
    outcome,
    result,
    ...(last === undefined ? {} : { log: { attempt: last.number, output: last.output } }),
    storedAt: finishedAt,
    expiresAt: cache.ttlMs === null ? null : finishedAt + cache.ttlMs,
  };
}
