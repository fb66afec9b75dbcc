// How runs and executions end or go on: settle, expire, cancel, requeue, retry, due, and counters meanwhile.
import { hasSteps } from '../../domain/kinds.ts';
import type { EventType } from '../../domain/event-types.ts';
import { moveEvents } from '../../domain/execution/events.ts';
import { type Move, statusOf, transition } from '../../domain/execution/lifecycle.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type * as ports from '../../domain/ports/group.ts';
import { mayTell } from '../../domain/spec/monitor.ts';
import type { Timeouts } from '../../domain/spec/times.ts';
import { type AttemptRow, clocksText, type ExecutionRow, monitorOf } from '../rows.ts';
import { addUsage } from './counting.ts';
import type { Needs } from './facts.ts';
import {
  changeAttempt,
  changeNeeds,
  finished,
  hasMoreTime,
  move,
  othersOf,
  ownerOf,
  whyNot,
  withAttempts,
  write,
} from './moves.ts';
import { type RowWithAttempts, type Rule, type Settle, STALE, type Undone, type Work } from './parts.ts';
import type { WorkingSet } from './working-set.ts';

/** Ends that are those of one execution, not of the run that it shares. */
const OWN_ENDS: ReadonlySet<Outcome['cause']> = new Set([
  'lost',
  'cancelled',
  'total_timeout',
  'queue_timeout',
  'denied',
]);

interface OfRun {
  executionId: string;
}

/** Of a part that names a run by any of its executions. */
export const runNeeds = {
  needs: ({ executionId }: OfRun): Needs => ({ runsOf: [executionId] }),
  more({ executionId }: OfRun, set: WorkingSet): Needs {
    const row = set.execution(executionId);
    return changeNeeds([row, ...set.members(row?.run_id ?? executionId)]);
  },
};

/** Ends one execution; where others take part in its run, the next of them takes its place. */
export function leave(
  set: WorkingSet,
  row: ExecutionRow,
  by: Move,
  { outcome, changes }: { outcome: Outcome; changes: Partial<ExecutionRow> },
  work: Work,
): Undone | null {
  const undone = whyNot(set, row, by);
  if (undone !== null) return undone;
  const [next] = othersOf(set, row);
  const status = statusOf('done', outcome);
  const end = { ...changes, ...finished(outcome, set.now), phase: 'done', status } as const;
  const alone = hasSteps(row) ? 'plan' : 'run';
  const as = next === undefined && row.phase !== 'joined' ? alone : 'left';
  write(set, row, { changes: end, events: moveEvents('settle', outcome), as }, work);
  if (next === undefined) return null;
  const { phase, attempt, queued_at, retry_at } = row;
  const type = { starting: 'started', scheduled_retry: 'retry_scheduled' }[phase as string] ?? 'queued';
  const goesOn = { phase, attempt, queued_at, retry_at };
  write(set, next, { changes: goesOn, events: [type as EventType] }, work);
  return null;
}

export const settlePart: Rule<Settle> = {
  ...runNeeds,
  apply(part, set, work) {
    const row = ownerOf(set, part.executionId);
    if (row === null) return STALE;
    const others = othersOf(set, row);
    const { outcome, result, end } = part;
    const by: Move = { type: 'settle', attempt: part.attempt };
    if (end !== null && transition(row, by).legal) endAttempt(set, row, { ...part, end });
    const changes = { ...finished(outcome, set.now), result };
    const undone = move(set, row, by, { changes, outcome }, work);
    if (undone !== null || others.length === 0) return undone;
    if (OWN_ENDS.has(outcome.cause)) return beginAnew(set, others, work);
    for (const other of others) {
      const ending = { ...changes, attempt: row.attempt };
      move(set, other, { type: 'settle', attempt: other.attempt }, { changes: ending, outcome }, work);
      // The result may be large; the caller has it once already.
      const told = work.touched.at(-1) as RowWithAttempts;
      told.row = { ...told.row, result: null };
      told.hasResultOfFirst = true;
    }
    return null;
  },
};

/** Makes one new run of those that joined one whose end is not theirs. */
function beginAnew(set: WorkingSet, others: ExecutionRow[], work: Work): null {
  const [first, ...rest] = others as [ExecutionRow, ...ExecutionRow[]];
  const changes = { phase: 'queued', run_id: first.id, attempt: 0, queued_at: set.now } as const;
  write(set, first, { changes, events: ['queued'] }, work);
  for (const other of rest) {
    write(set, other, { changes: { run_id: first.id }, events: ['status_changed'] }, work);
  }
  return null;
}

function endAttempt(
  set: WorkingSet,
  row: ExecutionRow,
  { attempt, outcome, end }: Pick<ports.RetryPart, 'attempt' | 'outcome' | 'end'>,
): void {
  const { startedAt, endedAt, output, resources, logComplete } = end;
  addUsage(set, row.user_id, { logBytes: output.stdoutKeptBytes + output.stderrKeptBytes, logs: 1 });
  const changes: Partial<AttemptRow> = {
    started_at: startedAt,
    ended_at: endedAt,
    // What was used up is the execution's, not the attempt's.
    outcome: JSON.stringify({ ...outcome, exhausted: undefined }),
    output: JSON.stringify(output),
    resources: resources === null ? null : JSON.stringify(resources),
    log_complete: logComplete ? 1 : 0,
  };
  changeAttempt(set, row.run_id, attempt, changes);
}

export const expirePart: Rule<ports.ExpirePart> = {
  ...runNeeds,
  apply({ executionId, outcome }, set, work) {
    const row = set.execution(executionId);
    if (row === null || hasMoreTime(row, outcome)) return STALE;
    const mayLeave =
      outcome.cause === 'queue_timeout'
        ? row.phase === 'queued'
        : row.phase !== 'canceling' && (row.phase !== 'starting' || othersOf(set, row).length > 0);
    if (!mayLeave) return { status: 'refused', reason: 'illegal', current: withAttempts(set, row) };
    const by: Move = { type: 'settle', attempt: row.attempt };
    return leave(set, row, by, { outcome, changes: {} }, work);
  },
};

export const tellPart: Rule<ports.TellPart> = {
  needs: ({ executionId }) => ({ executions: [executionId] }),
  more: ({ executionId }, set) => changeNeeds([set.execution(executionId)]),
  apply({ executionId, event, attempt }, set, work) {
    const row = set.execution(executionId);
    if (row === null) return STALE;
    const monitor = monitorOf(row);
    const isSame = event !== 'stuck' || row.attempt === attempt;
    if (monitor === null || !isSame || !mayTell({ phase: row.phase, monitor, attempts: row.attempt }, event))
      return STALE;
    const told = { ...monitor, told: { ...monitor.told, [event]: set.now } };
    const timeouts = clocksText({ timeouts: JSON.parse(row.timeouts) as Timeouts, monitor: told });
    write(set, row, { changes: { timeouts }, events: [event] }, work);
    return null;
  },
};

export const retryPart: Rule<ports.RetryPart> = {
  ...runNeeds,
  apply(part, set, work) {
    const row = ownerOf(set, part.executionId);
    if (row === null) return STALE;
    const by: Move = { type: 'retry', attempt: part.attempt };
    if (transition(row, by).legal) endAttempt(set, row, part);
    return move(set, row, by, { changes: { retry_at: set.now + part.waitMs } }, work);
  },
};

export const duePart: Rule<ports.DuePart> = {
  ...runNeeds,
  apply({ executionId, attempt }, set, work) {
    const row = ownerOf(set, executionId);
    if (row === null) return STALE;
    const changes = { queued_at: set.now, retry_at: null };
    const isPlan = hasSteps(row) && row.phase === 'scheduled';
    const by: Move = isPlan ? { type: 'begin' } : { type: 'due', attempt };
    return move(set, row, by, { changes }, work);
  },
};

export const requeuePart: Rule<ports.RequeuePart> = {
  ...runNeeds,
  apply({ executionId, attempt }, set, work) {
    const row = ownerOf(set, executionId);
    if (row === null) return STALE;
    const by: Move = { type: 'requeue', attempt };
    if (transition(row, by).legal) changeAttempt(set, row.run_id, attempt, { ended_at: set.now });
    return move(set, row, by, { changes: { queued_at: set.now } }, work);
  },
};

export const progressPart: Rule<ports.ProgressPart> = {
  ...runNeeds,
  apply({ executionId, attempt, startedAt, output }, set, work) {
    const row = ownerOf(set, executionId);
    if (row === null) return STALE;
    const known = set.get('attempts', row.run_id).find(({ number }) => number === attempt);
    if (known === undefined || known.ended_at !== null) return STALE;
    const changes = { started_at: startedAt, output: JSON.stringify(output) };
    changeAttempt(set, row.run_id, attempt, changes);
    work.touched.push(withAttempts(set, row));
    return null;
  },
};
