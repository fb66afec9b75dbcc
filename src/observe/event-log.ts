// Writes lifecycle events into the server's own log. It listens and never speaks back.
import { classOf } from '../domain/errors.ts';
import type { LifecycleEvent } from '../domain/events.ts';
import type { Execution } from '../domain/execution.ts';
import { isFinished } from '../domain/execution.ts';
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
    if (!isFinished(execution) || event.type === 'lost') {
      if (event.type === 'lost') log.warn(facts, 'An attempt was lost');
      else log.debug(facts, `Execution ${event.type}`);
      return;
    }
    const { error } = judge(execution.outcome);
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
