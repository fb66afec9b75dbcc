// What an execution had of the cache, as it goes over the wire.
import { hasNoRun } from '../../domain/kinds.ts';
import { type Execution, leavesResult, whyNotKept } from '../../domain/execution/execution.ts';
import type { ExecutionWire } from './schemas.ts';
import { isoOrNull } from '../edge/times.ts';

/** @param execution the record of it; null where there is none yet */
export function toCache(
  { cache, work }: Pick<Execution, 'cache' | 'work'>,
  execution: Execution | null,
): ExecutionWire['cache'] {
  if (cache === null) {
    if (hasNoRun(work) || work.cache?.mode !== 'bypass') return null;
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
