// How executions are stopped before their end: by a user, or with the plan that they are steps of.
import { hasSteps } from '../../domain/kinds.ts';
import type { Outcome } from '../../domain/outcome.ts';
import { judge } from '../../domain/outcome.ts';
import type { CancelPart, StopPlanPart } from '../../domain/ports/group.ts';
import type { ExecutionRow } from '../rows.ts';
import { leave } from './ending.ts';
import type { Needs } from './facts.ts';
import { changeNeeds, hasMoreTime, move, othersOf, ownExecution, withAttempts } from './moves.ts';
import { NOT_FOUND, type Rule, STALE, type Undone, type Work } from './parts.ts';
import type { WorkingSet } from './working-set.ts';

/** Of a part that stops an execution with all that lives of it. */
const treeNeeds = {
  needs: ({ executionId }: { executionId: string }): Needs => ({
    runsOf: [executionId],
    liveTrees: [executionId],
  }),
  more({ executionId }: { executionId: string }, set: WorkingSet): Needs {
    const row = set.execution(executionId);
    if (row === null) return {};
    const steps = liveTree(set, row);
    const members = steps.map(({ run_id: runId }) => runId);
    return { ...changeNeeds([row, ...set.members(row.run_id), ...steps]), members };
  },
};

export const cancelPart: Rule<CancelPart> = {
  ...treeNeeds,
  apply(part, set, work) {
    const row = ownExecution(set, part.executionId, part.userId);
    if (row === null) return NOT_FOUND;
    if (row.phase !== 'canceling') return cancel(set, row, part, work);
    touchCanceling(set, row, work);
    return null;
  },
};

/** What is being cancelled already: of a plan, its steps, too. */
function touchCanceling(set: WorkingSet, row: ExecutionRow, work: Work): void {
  work.touched.push(withAttempts(set, row));
  if (!hasSteps(row)) return;
  for (const step of set.liveSteps(row.id)) {
    if (step.phase === 'canceling') touchCanceling(set, step, work);
  }
}

export function cancel(
  set: WorkingSet,
  row: ExecutionRow,
  { reason }: Pick<CancelPart, 'reason'>,
  work: Work,
): Undone | null {
  const changes = { cancel_at: set.now, cancel_reason: reason };
  const outcome: Outcome = { cause: 'cancelled', reason, process: null };
  if (hasSteps(row) && row.phase !== 'scheduled')
    return stop(set, row, { outcome, changes, why: reason }, work);
  const isAlone = othersOf(set, row).length === 0;
  if (row.phase === 'starting' && isAlone) return move(set, row, { type: 'cancel' }, { changes }, work);
  return leave(set, row, { type: 'cancel' }, { outcome, changes }, work);
}

export const stopPlanPart: Rule<StopPlanPart> = {
  ...treeNeeds,
  apply({ executionId, outcome }, set, work) {
    const row = set.execution(executionId);
    if (row === null || hasMoreTime(row, outcome)) return STALE;
    const why = judge(outcome).error?.message ?? null;
    if (row.phase === 'starting') return stop(set, row, { outcome, changes: {}, why }, work);
    return { status: 'refused', reason: 'illegal', current: withAttempts(set, row) };
  },
};

interface PlanStop {
  outcome: Outcome;
  changes: Partial<ExecutionRow>;
  why: string | null;
}

/** Decides how a plan ends, and stops what lives of it. */
function stop(set: WorkingSet, row: ExecutionRow, how: PlanStop, work: Work): Undone | null {
  const { outcome, why } = how;
  const changes = { ...how.changes, outcome: JSON.stringify(outcome) };
  const undone = move(set, row, { type: 'cancel' }, { changes }, work);
  if (undone !== null) return undone;
  for (const step of set.liveSteps(row.id)) {
    if (step.phase !== 'canceling') cancel(set, step, { reason: why ?? 'The plan was cancelled.' }, work);
  }
  return null;
}

/** All that lives of a plan. */
function liveTree(set: WorkingSet, row: ExecutionRow): ExecutionRow[] {
  if (!hasSteps(row)) return [];
  return set.liveSteps(row.id).flatMap((step) => [step, ...liveTree(set, step)]);
}
