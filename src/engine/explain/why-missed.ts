// Why an execution found no result in the cache: what became of the result with its key, or which field sets its key apart
// from the nearest one.
import type { CacheReason } from '../../domain/execution/explained.ts';
import { type Execution, isFinished, type NotKept, whyNotKept } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import { type Difference, differences } from './cache-fields.ts';

export interface WhyMissed {
  key: string;
  reason: CacheReason;
  words: string;
  /** The execution whose result was used, was gone, or has the nearest key. */
  other: { id: ExecutionId; createdAt: number; key: string } | null;
  /** Of `other_key`. None where no record shows the difference. */
  differences: Difference[];
}

/**
 * @param earlier executions of the same user and kind that were accepted before, newest first
 */
export function whyMissed(execution: Execution, earlier: readonly Execution[]): WhyMissed | null {
  const { cache, createdAt } = execution;
  if (cache === null) return null;
  const { key } = cache;
  const none = { key, other: null, differences: [] };
  if (cache.status === 'hit') {
    const id = cache.madeBy?.runId;
    const other = id === undefined ? null : { id, createdAt: cache.storedAt ?? createdAt, key };
    return { ...none, reason: 'hit', words: 'execd used the result of an earlier execution.', other };
  }
  if (cache.status === 'joined') {
    const other = { id: execution.runId, createdAt, key };
    return {
      ...none,
      reason: 'joined',
      words: 'It took part in the run of another execution with the same key.',
      other,
    };
  }
  if (cache.mode === 'write' || cache.mode === 'refresh') {
    const words = `cache.mode is "${cache.mode}", so execd did not search the cache.`;
    return { ...none, reason: 'not_looked_up', words };
  }
  const keyed = earlier.filter((one) => one.cache !== null && one.id !== execution.id);
  const same = keyed.find((one) => one.cache?.key === key && one.cache.status !== 'hit');
  if (same !== undefined) return { ...none, ...whyGone(execution, same), other: toOther(same, key) };
  return (
    nearest(execution, keyed) ?? {
      ...none,
      reason: 'first_use',
      words: 'It is the first execution with this key that execd still remembers.',
    }
  );
}

const toOther = ({ id, createdAt, cache }: Execution, key: string): WhyMissed['other'] => ({
  ...{ id, createdAt },
  key: cache?.key ?? key,
});

/** An execution with the same key came before: why its result was not there. */
function whyGone({ createdAt }: Execution, before: Execution): Pick<WhyMissed, 'reason' | 'words'> {
  if (!isFinished(before) || before.finishedAt > createdAt) {
    const words =
      'An execution with the same key was under way, but it could not be joined: its retry settings differ, or too many had joined it.';
    return { reason: 'under_way', words };
  }
  const notKept = whyNotKept(before);
  if (notKept !== null) return { reason: 'not_kept', words: NOT_KEPT_WORDS[notKept] };
  const ttlMs = before.cache?.ttlMs ?? null;
  if (ttlMs !== null && before.finishedAt + ttlMs <= createdAt) {
    const agoMs = createdAt - before.finishedAt - ttlMs;
    return {
      reason: 'expired',
      words: `The result had expired ${agoMs} ms before: cache.ttl_s is ${ttlMs / 1000}.`,
    };
  }
  const words =
    'The result had left the cache: it was removed, it made room for others (EXECUTION_CACHE_SIZE, EXECUTION_CACHE_MAX_BYTES), or the server was restarted without EXECUTION_CACHE_PERSIST.';
  return { reason: 'removed', words };
}

const NOT_KEPT_WORDS: Record<NotKept, string> = {
  mode: 'The execution with the same key had cache.mode "read", so its result was not kept.',
  not_completed:
    'The execution with the same key did not complete. execd keeps only results of completed executions.',
  output_truncated:
    'The output of the execution with the same key was truncated. execd keeps only complete results.',
  output_incomplete:
    'The log of the execution with the same key is incomplete. execd keeps only complete results.',
  too_large: 'The result of the execution with the same key was too large for the cache.',
};

/** The one that differs in fewest fields; the newest of these. */
function nearest(execution: Execution, keyed: readonly Execution[]): WhyMissed | null {
  let best: { other: Execution; found: Difference[] } | null = null;
  const seen = new Set<string>();
  for (const other of keyed) {
    const { key = '' } = other.cache ?? {};
    if (seen.has(key)) continue;
    seen.add(key);
    const found = differences(execution, other);
    if (best === null || found.length < best.found.length) best = { other, found };
  }
  if (best === null) return null;
  const { other, found } = best;
  const { key = '' } = execution.cache ?? {};
  return {
    key,
    reason: 'other_key',
    words: differWords(found, other.id),
    other: toOther(other, key),
    differences: found,
  };
}

function differWords(found: readonly Difference[], id: ExecutionId): string {
  if (found.length === 0) {
    return `No execution had this key. The nearest one, ${id}, shows the same fields; the definition of its operation or the value of a secret has changed.`;
  }
  const fields = found.map(({ field }) => field).join(', ');
  return `No execution had this key. The nearest one, ${id}, differs in ${fields}.`;
}
