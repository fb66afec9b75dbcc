// The cache beside the store: results that runs have left come in, those that are of no use any more go, and where the cache
// outlives a restart the store has all of it.
import { cacheOwner } from '../../domain/cache.ts';
import { type Execution, isCut } from '../../domain/execution/execution.ts';
import type { Log } from '../../domain/ports/clock.ts';
import type { CachePart, Group, GroupResult } from '../../domain/ports/group.ts';
import type { Store } from '../../domain/ports/store.ts';
import { type CacheFilter, entryOf, type ResultCache } from './cache.ts';

export interface StoredCacheDeps {
  cache: ResultCache;
  /** Whether results outlive a restart. */
  isPersistent: boolean;
  store: Pick<Store, 'cacheEntries'>;
  log: Log;
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
  /** What a drain waits for. */
  track: (work: Promise<unknown>) => void;
}

type Change = Pick<CachePart, 'put' | 'drop'>;

export class StoredCache {
  readonly #deps: StoredCacheDeps;

  constructor(deps: StoredCacheDeps) {
    this.#deps = deps;
  }

  /**
   * Takes in what is stored.
   *
   * @throws StoreError
   */
  async load(): Promise<void> {
    const { cache, isPersistent, store } = this.#deps;
    if (!isPersistent) return;
    const kept = await store.cacheEntries(cache.maxEntries);
    for (const entry of kept.reverse()) cache.put(entry);
  }

  /** Puts what a run has made into the cache; hits have come from there. */
  keepResult(execution: Execution): void {
    const { cache } = this.#deps;
    const entry = entryOf(execution);
    if (entry === null || cache.peek(entry.userId, entry.key)?.runId === entry.runId) return;
    if (cache.put(entry)) this.persist({ put: [entry], drop: [] });
  }

  /** A kept result that shows a part only is not kept for longer than the log that has the rest. */
  forgetCut({ cache: cached, runId, userId }: Execution): void {
    if (cached === null) return;
    const { cache } = this.#deps;
    const entry = cache.peek(cacheOwner(cached, userId), cached.key);
    if (entry?.runId !== runId || !isCut(entry.result)) return;
    this.persist({ put: [], drop: cache.drop(entry) });
  }

  /** Forgets kept results; answers how many. */
  forget(filter: CacheFilter): number {
    const { cache, log } = this.#deps;
    const removed = cache.remove(filter);
    this.persist({ put: [], drop: removed });
    log.info({ removed: removed.length }, 'Cache cleared');
    return removed.length;
  }

  /** Removes results whose time is over. */
  sweep(): void {
    const { cache } = this.#deps;
    this.persist({ put: [], drop: cache.sweep() }, cache.maxEntries);
  }

  /** Tells the store what has changed in the cache, where that outlives a restart. */
  persist(change: Change, keepAtMost: number | null = null): void {
    const { isPersistent, commit, log, track } = this.#deps;
    const isNothing = change.put.length + change.drop.length === 0 && keepAtMost === null;
    if (!isPersistent || isNothing) return;
    const written = commit([[{ type: 'cache', ...change, keepAtMost }]]).catch((error: unknown) => {
      log.warn({ err: error }, 'Cannot store the cache');
    });
    track(written);
  }
}
