// Whose log an execution has: its own, or, of an answer from the cache, that of the attempt that made its result. It is there
// for as long as that run is kept; whoever got the result may read the rest of it.
import { RefusedError } from '../../domain/errors.ts';
import type { Attempt, Execution } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';

/** An execution with the run and the attempts whose logs are its own. */
export function withLog<T extends Execution>(execution: T): T {
  const { cache, attempts, createdAt: at } = execution;
  if (cache?.status !== 'hit' || cache.madeBy === undefined || attempts.length > 0) return execution;
  const { runId, attempt: number, output } = cache.madeBy;
  const facts = { runner: '', outcome: null, resources: null, logComplete: true };
  const attempt: Attempt = { number, epoch: 0, output, ...facts, claimedAt: at, startedAt: at, endedAt: at };
  return { ...execution, runId, attempts: [attempt] };
}

/** A log that was there is not there any more. */
export function logGone({ id, cache, attempts }: Execution, attempt: number): RefusedError {
  const madeBy = cache?.status === 'hit' ? cache.madeBy : undefined;
  if (madeBy !== undefined) return new MadeLogGone(id, madeBy.runId);
  const output = attempts.find(({ number }) => number === attempt)?.output;
  if (output?.logRemoved === true)
    return new RefusedError(
      'log_read_failed',
      `execd has removed the log of attempt ${attempt} of ${id} for its age (EXECUTION_LOG_RETENTION_SECS). The execution and its result are still there.`,
    );
  return new RefusedError('log_read_failed', `The log of attempt ${attempt} of ${id} was removed.`);
}

/** The log of a run that has made the result of another execution is gone. */
export class MadeLogGone extends RefusedError {
  constructor(id: ExecutionId, runId: ExecutionId) {
    const detail = `The result of ${id} comes from the cache. execd has removed the log of the run that made it, ${runId}. To make the result again, with a log, set cache.mode to "refresh".`;
    super('log_read_failed', detail);
  }
}
