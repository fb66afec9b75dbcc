// How far a plan is, with what its steps say of themselves while they run.
import { RefusedError } from '../../domain/errors.ts';
import { hasNoRun } from '../../domain/kinds.ts';
import type { Caller } from '../../domain/spec/access.ts';
import type { Engine, PlanView } from '../../engine/engine.ts';
import type { ProgressReader } from '../executions/progress.ts';

/** Steps of a plan that are looked at; the others count as not begun. */
const MAX_LOOKED_AT = 32;

export interface StepProgressDeps {
  engine: Pick<Engine, 'get'>;
  reader: ProgressReader;
}

/** Each step has the same weight: those that run count as far as they are. */
export async function withStepProgress(
  caller: Caller,
  view: PlanView,
  deps: StepProgressDeps,
): Promise<PlanView> {
  const { steps, counts, plan } = view;
  const speaking = new Set(
    plan.spec.steps.filter((step) => step.progress !== undefined).map(({ name }) => name),
  );
  if (speaking.size === 0 || counts.running === 0) return view;
  const isRound = plan.spec.loop !== undefined;
  const running = steps.filter(
    ({ name, status, kind, executionId }) =>
      status === 'running' && executionId !== null && !hasNoRun({ kind }) && (isRound || speaking.has(name)),
  );
  const parts = running
    .slice(0, MAX_LOOKED_AT)
    .map(({ executionId }) => partOf(caller, executionId as string, deps));
  const sum = (await Promise.all(parts)).reduce((a, b) => a + b, 0);
  return { ...view, progress: Math.min(1, view.progress + sum / counts.total) };
}

async function partOf(caller: Caller, id: string, { engine, reader }: StepProgressDeps): Promise<number> {
  try {
    const { percent } = await reader.said(caller, await engine.get(caller, id));
    return (percent ?? 0) / 100;
  } catch (error) {
    if (error instanceof RefusedError) return 0;
    throw error;
  }
}
