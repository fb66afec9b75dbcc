// How far a plan and its steps are, with what its steps report while they run.
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

/** A plan with the percentage of each step that runs and reports its progress, by name. */
export interface PlanWithPercents extends PlanView {
  percents?: ReadonlyMap<string, number>;
}

/** Each step has the same weight: those that run count as far as they are. */
export async function withStepProgress(
  caller: Caller,
  view: PlanView,
  deps: StepProgressDeps,
): Promise<PlanWithPercents> {
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
    .map(
      async ({ name, executionId }) => [name, await percentOf(caller, executionId as string, deps)] as const,
    );
  const percents = new Map(await Promise.all(parts));
  const sum = [...percents.values()].reduce((a, b) => a + b, 0) / 100;
  return { ...view, progress: Math.min(1, view.progress + sum / counts.total), percents };
}

async function percentOf(caller: Caller, id: string, { engine, reader }: StepProgressDeps): Promise<number> {
  try {
    const { percent } = await reader.said(caller, await engine.get(caller, id));
    return percent ?? 0;
  } catch (error) {
    if (error instanceof RefusedError) return 0;
    throw error;
  }
}
