// What the steps of a plan came to, for one answer: in their order, and bounded, since a plan has up to 10,000 of them.
import { type Execution, isFinished } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import { weigh } from '../../domain/json.ts';
import type { StepView } from './plan-view.ts';

export interface StepOutcome {
  step: StepView;
  /** Null for a step that failed before it had one. */
  execution: Execution | null;
}

export interface PlanResults {
  steps: StepOutcome[];
  /** Whether those of all steps that have ended are there. */
  isWhole: boolean;
}

const MAX_STEPS = 1000;
/** Of results together, about as JSON. */
const MAX_BYTES = 8 * 1024 * 1024;

const NOT_ENDED = new Set(['pending', 'running', 'skipped']);

export async function readResults(
  steps: readonly StepView[],
  read: (id: ExecutionId) => Promise<Execution | null>,
): Promise<PlanResults> {
  const ended = steps.filter(({ status }) => !NOT_ENDED.has(status));
  const found: StepOutcome[] = [];
  let bytes = 0;
  for (const step of ended.slice(0, MAX_STEPS)) {
    const execution = step.executionId === null ? null : await read(step.executionId);
    if (execution !== null && isFinished(execution)) bytes += weigh(execution.result, MAX_BYTES);
    // The first is told however large it is.
    if (bytes > MAX_BYTES && found.length > 0) break;
    found.push({ step, execution });
  }
  return { steps: found, isWhole: found.length === ended.length };
}
