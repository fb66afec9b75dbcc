// Writes lifecycle events into the server's own log. It listens and never speaks back.
import { classOf } from '../domain/errors.ts';
import type { AccountEvent } from '../domain/account.ts';
import type { LifecycleEvent } from '../domain/events.ts';
import type { Execution } from '../domain/execution.ts';
import { isFinished, operationType } from '../domain/execution.ts';
import { judge } from '../domain/outcome.ts';
import type { Log } from '../domain/ports.ts';

export function eventLog(log: Log): (event: LifecycleEvent, execution: Execution) => void {
  return (event, execution) => {
    const facts = {
      execution_id: execution.id,
      user_id: execution.userId,
      event: event.type,
      attempt: event.attempt,
    };
    // What is answered from the cache has ended with its acceptance.
    if (!isFinished(execution) || event.type !== execution.status) {
      if (event.type === 'lost') log.warn(facts, 'An attempt was lost');
      else if (event.type === 'retry_scheduled') log.info(facts, retryMessage(event, execution));
      else log.debug(facts, `Execution ${event.type}`);
      return;
    }
    const { error } = judge(execution.outcome);
    if (execution.outcome.exhausted !== undefined) log.warn(facts, 'Retry count exceeded');
    const end = {
      ...facts,
      kind: execution.spec.kind,
      cause: execution.outcome.cause,
      duration_ms: execution.finishedAt - execution.createdAt,
      ...(error === null
        ? {}
        : { error_code: error.code, error_class: classOf(error.code), error_type: error.type }),
    };
    if (error?.fault === 'system') log.warn(end, `Execution ${execution.status}`);
    else log.info(end, `Execution ${execution.status}`);
  };
}

/** What happens to accounts: what somebody has to know is a warning. */
export function accountLog(log: Log): (event: AccountEvent) => void {
  return ({ type, entry }) => {
    const { userId: user_id, amount, balanceAfter: balance, subjectId, by, crossed: threshold } = entry;
    if (type === 'low_balance') log.warn({ user_id, balance, threshold }, 'The balance is low');
    else if (type === 'granted')
      log.info({ user_id, amount, balance, grant_id: subjectId, by }, 'Credits granted');
    else log.debug({ user_id, amount, balance, execution_id: subjectId }, `An execution was ${type}`);
  };
}

/** The source's words: Retry n/max for OP after Ns: CAUSE. */
function retryMessage(event: LifecycleEvent, execution: Execution): string {
  if (execution.phase !== 'scheduled_retry' || execution.retry === null) return 'Retry';
  const tries = execution.attempts.filter(({ outcome }) => outcome !== null);
  const seconds = (execution.retryAt - event.at) / 1000;
  const cause = tries.at(-1)?.outcome?.cause ?? 'unknown';
  const most = execution.retry.attempts - 1;
  return `Retry ${tries.length}/${most} for ${operationType(execution)} after ${seconds}s: ${cause}`;
}
