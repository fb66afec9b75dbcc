// Plans and their steps, for the parts of the contract that speak of them.
import type { Execution } from '../../../src/domain/execution/execution.ts';
import type { Outcome } from '../../../src/domain/outcome.ts';
import type { PlanSpec } from '../../../src/domain/spec/plan.ts';
import type { Store } from '../../../src/domain/ports/store.ts';
import type { Group, StepMark } from '../../../src/domain/ports/group.ts';
import { accept, newExecution, settle } from '../records.ts';
import { CLAIM, one } from './given.ts';

export const SPEC: PlanSpec = {
  kind: 'plan',
  strategy: { type: 'parallel' },
  steps: [{ name: 'a', kind: 'exec', program: 'true' }],
};

export const DONE: Outcome = { cause: 'steps_ended', failed: 0, steps: [] };

export const TOO_LONG: Outcome = { cause: 'total_timeout', limitMs: 5, process: null };

export const planRecord = (more: Parameters<typeof newExecution>[0] = {}) =>
  newExecution({ ...more, spec: SPEC as never, work: SPEC });

export const stepRecord = (planId: string, step: string, more: Parameters<typeof newExecution>[0] = {}) =>
  newExecution({ plan: { id: planId, step }, ...more });

export const stop = (executionId: string) => ({ type: 'stop_plan', executionId, outcome: TOO_LONG }) as const;

export const mark = (planId: string, ...marks: StepMark[]) =>
  ({ type: 'mark_steps', planId, marks }) as const;

export const skipped = (step: string): StepMark => ({
  step,
  status: 'skipped',
  reason: 'dependency_failed',
  outcome: null,
});

export const ended = (planId: string) => settle(planId, 0, { outcome: DONE, result: null });

export async function applied(store: Store, ...group: Group): Promise<Execution[]> {
  const result = await one(store, group);
  if (result.status !== 'applied')
    throw new Error(`expected an applied group, got ${JSON.stringify(result)}`);
  return result.executions;
}

export async function givenPlan(
  store: Store,
  more: Parameters<typeof newExecution>[0] = {},
): Promise<string> {
  const record = planRecord(more);
  await applied(store, accept(record));
  return record.id;
}

/** A step of a plan that has completed. */
export async function givenDone(
  store: Store,
  planId: string,
  step: string,
  more: object = {},
): Promise<string> {
  const record = stepRecord(planId, step, more);
  await applied(store, accept(record, { claim: CLAIM }));
  await applied(store, settle(record.id, 1));
  return record.id;
}

export const statuses = async (store: Store, planId: string) =>
  Object.fromEntries((await store.steps(planId)).map(({ step, status }) => [step, status]));
