// Why a plan is as it is: of each step that did not complete, what it waits for, or why it ended so. From the view of the plan.
import { judge } from '../../domain/outcome.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { SkipReason } from '../../domain/plans/plan-state.ts';
import type { PlanView, StepView } from '../plans/plan-view.ts';

export interface StepWhy {
  step: string;
  status: StepView['status'];
  executionId: ExecutionId | null;
  words: string;
  /** It ended badly before the others did: the others usually follow from it. */
  isFirst: boolean;
}

/** Steps that are shown at most. */
const MOST_STEPS = 100;

/** Of the steps that have not completed: those that failed, then those that live, then the others. */
export function stepsOf({ steps, plan }: PlanView): { steps: StepWhy[]; leftOut: number } {
  const others = steps.filter(({ status }) => status !== 'completed');
  const first = firstFailed(others);
  const byName = new Map(steps.map((step) => [step.name, step]));
  const sorted = [...others].sort((a, b) => RANK[a.status] - RANK[b.status]);
  const whys = sorted.slice(0, MOST_STEPS).map((step): StepWhy => ({
    step: step.name,
    status: step.status,
    executionId: step.executionId,
    words: wordsOf(step, byName, plan.phase === 'done'),
    isFirst: step === first,
  }));
  return { steps: whys, leftOut: others.length - whys.length };
}

const RANK: Record<StepView['status'], number> = {
  ...{ failed: 0, timed_out: 0, cancelled: 1, running: 2, pending: 3, skipped: 4, completed: 5 },
};

function firstFailed(steps: readonly StepView[]): StepView | null {
  let first: StepView | null = null;
  for (const step of steps) {
    if (step.status !== 'failed' && step.status !== 'timed_out') continue;
    if (first === null || (step.finishedAt ?? Infinity) < (first.finishedAt ?? Infinity)) first = step;
  }
  return first;
}

const SKIPPED: Record<SkipReason, string> = {
  dependency_failed: 'A step that it depends on did not complete.',
  condition_false: 'Its condition was false.',
  nothing_failed: 'It runs only if a step that it depends on fails, and none did.',
  stopped: 'An earlier step failed, and the plan stops on errors.',
  cancelled: 'The plan was cancelled before the step began.',
};

function wordsOf(step: StepView, byName: ReadonlyMap<string, StepView>, hasEnded: boolean): string {
  const { status, phase, outcome, skipReason, dependsOn } = step;
  if (status === 'skipped') return skippedWords(skipReason, dependsOn, byName);
  if (outcome !== null) return judge(outcome).error?.message ?? `It is ${status}.`;
  if (status === 'running') return 'It runs.';
  if (phase === 'awaiting')
    return 'It waits for a signal, an approval or a time. Explain its execution for which.';
  if (phase !== 'waiting') return 'It waits in the queue. Explain its execution for the reason.';
  if (hasEnded) return 'It was never begun.';
  const open = dependsOn.filter((name) => isOpen(byName.get(name)));
  if (open.length > 0) return `It waits for ${named(open)}.`;
  return 'All steps before it have ended. It waits for max_concurrency of the plan, or for room in the queue.';
}

const isOpen = (step: StepView | undefined): boolean =>
  step?.status === 'pending' || step?.status === 'running';

function skippedWords(
  reason: SkipReason | null,
  dependsOn: readonly string[],
  byName: ReadonlyMap<string, StepView>,
): string {
  const words = SKIPPED[reason ?? 'stopped'];
  if (reason !== 'dependency_failed') return words;
  const failed = dependsOn.filter((name) => {
    const status = byName.get(name)?.status;
    return status !== undefined && status !== 'completed' && status !== 'pending' && status !== 'running';
  });
  return failed.length === 0 ? words : `It depends on ${named(failed)}, which did not complete.`;
}

function named(names: readonly string[]): string {
  const [shown, more] = [names.slice(0, 5), names.length - 5];
  return `${shown.length === 1 && more <= 0 ? 'the step' : 'the steps'} ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
