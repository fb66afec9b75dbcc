// What is changed of an execution from outside of its run: its limits and its priority, and its removal.
import { hasNoRun, hasSteps } from '../../domain/kinds.ts';
import { transition } from '../../domain/execution/lifecycle.ts';
import type * as ports from '../../domain/ports/group.ts';
import { clocksText, type ExecutionRow, monitorOf } from '../rows.ts';
import { addUsage, logsOf, recount } from './counting.ts';
import { raise } from './money.ts';
import { changeNeeds, move, ownExecution, withAttempts } from './moves.ts';
import { NOT_FOUND, type RowWithAttempts, type Rule, STALE, type Work } from './parts.ts';
import type { WorkingSet } from './working-set.ts';

export const patchPart: Rule<ports.PatchPart> = {
  needs: ({ executionId }) => ({ executions: [executionId] }),
  more: ({ executionId }, set) => changeNeeds([set.execution(executionId)]),
  apply(part, set, work) {
    const row = ownExecution(set, part.executionId, part.userId);
    if (row === null) return NOT_FOUND;
    if (row.revision !== part.revision && row.phase !== 'done') return STALE;
    let { cost } = row;
    if (part.reserved !== undefined && row.phase !== 'done') {
      const raised = raise(set, row, part.reserved);
      if ('status' in raised) return raised;
      ({ cost } = raised);
    }
    const timeouts =
      part.timeouts === null
        ? row.timeouts
        : clocksText({ timeouts: part.timeouts, monitor: monitorOf(row) });
    const changes = { cost, timeouts, priority: part.priority ?? row.priority };
    return move(set, row, { type: 'patch' }, { changes }, work);
  },
};

const treeNeeds: Pick<Rule<ports.RemovePart | ports.DropLogsPart>, 'needs' | 'more'> = {
  needs: ({ executionId }) => ({ executions: [executionId], wholeTrees: [executionId] }),
  more({ executionId }, set) {
    const row = set.execution(executionId);
    if (row === null) return {};
    const rows = [row, ...wholeTree(set, row)];
    const runs = rows.map(({ run_id: runId }) => runId);
    return { attempts: runs, sharers: runs, executions: runs, users: rows.map((one) => one.user_id) };
  },
};

export const removePart: Rule<ports.RemovePart> = {
  ...treeNeeds,
  apply({ executionId, userId }, set, work) {
    const row = userId === null ? set.execution(executionId) : ownExecution(set, executionId, userId);
    if (row === null) return NOT_FOUND;
    const last = withAttempts(set, row);
    if (!transition(row, { type: 'remove' }).legal) {
      return { status: 'refused', reason: 'illegal', current: last };
    }
    if (row.plan_id !== null) return { status: 'refused', reason: 'step_of_plan' };
    remove(set, row, last, work);
    return null;
  },
};

/** Removes a finished execution; a plan with all that belongs to it. */
function remove(set: WorkingSet, row: ExecutionRow, last: RowWithAttempts, work: Work): void {
  if (hasSteps(row)) {
    for (const step of set.allSteps(row.id)) remove(set, step, withAttempts(set, step), work);
  }
  if (hasSteps(row)) set.put('drivers', row.id, null);
  if (hasNoRun(row)) set.order({ type: 'drop_signals', subjectId: row.id });
  // Its webhook goes when its last delivery has.
  if (row.webhook !== null) set.order({ type: 'orphan', executionId: row.id });
  set.remove(row);
  // Attempts belong to the run, and stay as long as somebody refers to it.
  if (!set.isShared(row.run_id)) {
    const { logBytes, logs } = logsOf(last.attempts);
    addUsage(set, row.user_id, { logBytes: -logBytes, logs: -logs });
    set.put('attempts', row.run_id, []);
  }
  work.touched.push(last);
  recount(set, row, null);
}

export const dropLogsPart: Rule<ports.DropLogsPart> = {
  ...treeNeeds,
  apply({ executionId }, set, work) {
    const row = set.execution(executionId);
    if (row === null) return NOT_FOUND;
    // A plan that was cancelled can go on in another one, which may read what its steps have written.
    const isDue = row.status === 'completed' || (row.status === 'cancelled' && !hasSteps(row));
    if (!isDue) return STALE;
    for (const one of [row, ...wholeTree(set, row)]) dropLogs(set, one, work);
    return null;
  },
};

function dropLogs(set: WorkingSet, row: ExecutionRow, work: Work): void {
  const before = set.get('attempts', row.run_id);
  const { logBytes, logs } = logsOf(before);
  if (logs === 0 || set.isShared(row.run_id, row.id)) return;
  const attempts = before.map((one) => ({ ...one, output: withoutLog(one.output) }));
  set.put('attempts', row.run_id, attempts);
  addUsage(set, row.user_id, { logBytes: -logBytes, logs: -logs });
  work.touched.push(withAttempts(set, row));
}

function withoutLog(output: string | null): string | null {
  return output === null ? null : JSON.stringify({ ...(JSON.parse(output) as object), logRemoved: true });
}

/** All that belongs to a plan. */
function wholeTree(set: WorkingSet, row: ExecutionRow): ExecutionRow[] {
  if (!hasSteps(row)) return [];
  return set.allSteps(row.id).flatMap((step) => [step, ...wholeTree(set, step)]);
}
