// The cache as it goes over the wire.
import type { z } from 'zod';
import { resultValue } from '../../domain/execution/execution.ts';
import type { CacheEntry } from '../../domain/ports/group.ts';
import type { CacheStats, CircuitView } from '../../engine/engine.ts';
import type { cacheEntry, cacheStats, circuit } from './cache-schemas.ts';
import { isoTime } from '../edge/times.ts';

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

export function toCircuit(view: CircuitView): z.infer<typeof circuit> {
  const { name, state, calls, failures, opened, rejected, nextProbeMs } = view;
  const next_probe_ms = nextProbeMs === null ? null : Math.ceil(nextProbeMs);
  return { name, state, calls, failures, opened, rejected, next_probe_ms };
}
