// Steps of plans that have no run of their own: those that are marked, and those that are taken over from another plan.
import { hasSteps } from '../../domain/kinds.ts';
import { readJson, writeJson } from '../../domain/exact-json.ts';
import { acceptEvents } from '../../domain/execution/events.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { KeepStepsPart, MarkStepsPart } from '../../domain/ports/group.ts';
import type { ExecutionRow, NewRow } from '../rows.ts';
import { recount } from './counting.ts';
import { tellingNeeds } from './deliveries.ts';
import { announce, changeNeeds, label, type StepEvent, write } from './moves.ts';
import { NOT_FOUND, type Rule, STALE } from './parts.ts';
import type { WorkingSet } from './working-set.ts';

export const markStepsPart: Rule<MarkStepsPart> = {
  needs: ({ planId }) => ({ executions: [planId] }),
  more: ({ planId }, set) => changeNeeds([set.execution(planId)]),
  apply({ planId, marks }, set, work) {
    const row = set.execution(planId);
    if (row === null || row.phase === 'done') return STALE;
    for (const mark of marks) set.order({ type: 'mark', planId, ...mark });
    const events = marks.map(({ step, status }): StepEvent => ({
      type: status === 'skipped' ? status : 'status_changed',
      step,
    }));
    write(set, row, { changes: {}, events }, work);
    return null;
  },
};

export const keepStepsPart: Rule<KeepStepsPart> = {
  needs: ({ of, copies }) => ({ executions: [of, ...copies.map(({ source }) => source)] }),
  more({ copies }, set) {
    const rows = copies.map(({ source }) => set.execution(source)).filter((row) => row !== null);
    const users = rows.map(({ user_id: userId }) => userId);
    return { attempts: rows.map(({ run_id: runId }) => runId), users, ...tellingNeeds(users) };
  },
  apply({ of, copies }, set) {
    if (set.execution(of) === null) return NOT_FOUND;
    for (const { source, id, step, planId } of copies) {
      const row = set.execution(source);
      if (row?.phase !== 'done') return NOT_FOUND;
      if (id === source) set.update(row, { plan_id: planId });
      else copy(set, row, { id, plan_id: planId, step: step ?? row.step });
    }
    return null;
  },
};

function copy(set: WorkingSet, row: ExecutionRow, as: Pick<NewRow, 'id' | 'plan_id' | 'step'>): void {
  const facts = readJson(row.facts) as { labels: Record<string, string>; keptFrom?: string };
  const events = acceptEvents('done', JSON.parse(row.outcome ?? 'null') as Outcome | null);
  const copied = set.insert({
    ...row,
    ...as,
    ...{ created_at: set.now, queued_at: set.now, finished_at: set.now },
    // Its log is that of the run; a plan has none.
    run_id: hasSteps(row) ? as.id : row.run_id,
    facts: writeJson({ ...facts, keptFrom: facts.keptFrom ?? row.id }),
    ...{ revision: 1, event_sequence: events.length, cancel_at: null, cancel_reason: null },
    // It was paid for when it was made.
    cost: null,
  });
  label(set, copied, Object.entries(facts.labels));
  recount(set, null, copied);
  // Nobody follows what has been there before.
  announce(set, copied, { after: 0, events }, { touched: [], events: [], answers: [] });
  if (hasSteps(row)) set.order({ type: 'copy_marks', to: copied.id, from: row.id });
}
