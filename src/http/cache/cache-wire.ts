// The cache as it goes over the wire.
import type { z } from 'zod';
import { type Execution, leavesResult, resultValue, whyNotKept } from '../../domain/execution/execution.ts';
import type { CacheEntry } from '../../domain/ports/group.ts';
import type { CacheStats } from '../../engine/engine.ts';
import type { cacheEntry, cacheStats, ExecutionWire } from '../executions/schemas.ts';
import { isoOrNull, isoTime } from '../edge/times.ts';

/** @param execution the record of it; null where there is none yet */
export function toCache(
  { cache, work }: Pick<Execution, 'cache' | 'work'>,
  execution: Execution | null,
): ExecutionWire['cache'] {
  if (cache === null) {
    if (work.kind === 'plan' || work.cache?.mode !== 'bypass') return null;
    return {
      ...{ mode: 'bypass', key: null, scope: null, ttl_s: null, status: 'bypass' },
      ...{ stored_at: null, run_id: null, reason: null },
    };
  }
  const isStored = cache.status === 'miss' && execution !== null && leavesResult(execution);
  return {
    mode: cache.mode,
    key: cache.key,
    scope: cache.scope,
    ttl_s: cache.ttlMs === null ? null : cache.ttlMs / 1000,
    status: isStored ? 'stored' : cache.status,
    stored_at: isoOrNull(cache.storedAt),
    run_id: cache.madeBy?.runId ?? null,
    reason: execution === null ? null : whyNotKept(execution),
  };
}

export function toCacheStats(stats: CacheStats): z.infer<typeof cacheStats> {
  const { entries, maxEntries, bytes, maxBytes, expiring, hits, misses } = stats;
  const { joined, stores, refused, evictions, expirations } = stats;
  const looks = hits + misses;
  const hit_ratio = looks === 0 ? null : hits / looks;
  return {
    ...{ entries, max_entries: maxEntries, bytes, max_bytes: maxBytes, expiring, hits, misses, hit_ratio },
    ...{ joined, stores, refused, evictions, expirations },
  };
}

/** @param now ms since the epoch */
export function toCacheEntry(entry: CacheEntry, now: number): z.infer<typeof cacheEntry> {
  const { key, userId, operation, runId, result, log, storedAt, expiresAt } = entry;
  const { output } = log ?? {};
  return {
    ...{ key, user_id: userId, operation, run_id: runId, result: resultValue(result) },
    output:
      output === undefined
        ? null
        : {
            ...{ stdout_bytes: output.stdoutBytes, stderr_bytes: output.stderrBytes },
            ...{ stdout_kept_bytes: output.stdoutKeptBytes, stderr_kept_bytes: output.stderrKeptBytes },
          },
    stored_at: isoTime(storedAt),
    age_s: Math.max(0, (now - storedAt) / 1000),
    ttl_s: expiresAt === null ? null : Math.max(0, (expiresAt - now) / 1000),
  };
}
