// What becomes of an attempt whose end nobody saw, because the server, the runner host or the machine went down.
import type { RunningExecution } from '../../domain/execution/execution.ts';
import { lastAttemptNumber, NO_OUTPUT } from '../../domain/execution/execution.ts';
import type { Exhausted, LostDetail, Outcome } from '../../domain/outcome.ts';
import { type Journal, JournalError } from '../../domain/ports/journal.ts';
import type { AttemptEnd, Group } from '../../domain/ports/group.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import { decideRetry } from '../policies/retry.ts';

export interface Interruption {
  /** The absence of a log proves that it never started: the host creates it before it forks. */
  mayBeUnstarted: boolean;
  /** When its process was started, as far as it is known. */
  startedAt: number | null;
  detail: LostDetail;
}

/**
 * The group that settles it. To be made only when its processes are proven dead. What never started goes back to the
 * queue; what was being cancelled is cancelled, because that came first; all else is lost, because nobody can know how
 * far it came, and made again only where the client has said that it may be.
 */
export async function interruptedGroup(
  execution: RunningExecution,
  { mayBeUnstarted, startedAt, detail }: Interruption,
  { journal, clock, random }: { journal: Journal; clock: Clock; random: () => number },
): Promise<Group> {
  const attempt = lastAttemptNumber(execution);
  const fence = { executionId: execution.runId, attempt };
  const isUnstarted = mayBeUnstarted && (await hasNoLog(execution, attempt, journal));
  if (isUnstarted && execution.phase === 'starting') return [{ type: 'requeue', ...fence }];
  const outcome: Outcome =
    execution.phase === 'canceling'
      ? { cause: 'cancelled', reason: execution.cancel?.reason ?? null, process: null }
      : { cause: 'lost', detail };
  const end = { ...(await lostEnd(execution, journal)), startedAt, endedAt: clock.now() };
  // A budget guards a dependency against its callers; this is the fault of neither.
  const decision = decideRetry(execution, outcome, null, random);
  if (decision.retry) return [{ type: 'retry', ...fence, outcome, end, waitMs: decision.waitMs }];
  return [
    { type: 'settle', ...fence, outcome: withExhausted(outcome, decision.exhausted), result: null, end },
  ];
}

export function withExhausted(outcome: Outcome, exhausted: Exhausted | null): Outcome {
  return exhausted === null ? outcome : { ...outcome, exhausted };
}

/** Whether it is proven that there is none. */
async function hasNoLog({ runId }: RunningExecution, attempt: number, journal: Journal): Promise<boolean> {
  try {
    return !(await journal.exists({ runId, attempt }));
  } catch (error) {
    if (error instanceof JournalError) return false;
    throw error;
  }
}

type LostEnd = Pick<AttemptEnd, 'output' | 'resources' | 'logComplete'>;
const NOTHING_KNOWN: LostEnd = { resources: null, logComplete: false, output: NO_OUTPUT };

async function lostEnd(execution: RunningExecution, journal: Journal): Promise<LostEnd> {
  try {
    return await endInLog(execution, journal);
  } catch (error) {
    // One log that cannot be read must not keep the server from starting.
    if (error instanceof JournalError) return NOTHING_KNOWN;
    throw error;
  }
}

/** What the log tells of an attempt that nobody saw the end of. */
async function endInLog(execution: RunningExecution, journal: Journal): Promise<LostEnd> {
  const log = await journal.open({ runId: execution.runId, attempt: lastAttemptNumber(execution) });
  if (log === null) return NOTHING_KNOWN;
  try {
    const { stdout, stderr } = await log.totals();
    const kept = { stdoutKeptBytes: stdout, stderrKeptBytes: stderr };
    const output = {
      stdoutBytes: stdout,
      stderrBytes: stderr,
      ...kept,
      records: log.records,
      truncated: false,
    };
    return { ...NOTHING_KNOWN, output };
  } finally {
    await log.close();
  }
}
