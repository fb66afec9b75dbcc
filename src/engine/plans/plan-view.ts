// How far a plan is, as readers see it: what the store has of its steps, beside those that have not begun.
import { hasNoRun, type Kind } from '../../domain/kinds.ts';
import { beganAt, type Execution, isFinished } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { StoredPhase } from '../../domain/execution/lifecycle.ts';
import type { Outcome } from '../../domain/outcome.ts';
import { criticalPath, graphOf, type Node } from '../../domain/plans/plan-graph.ts';
import type { SkipReason } from '../../domain/plans/plan-state.ts';
import type { PlanSpec } from '../../domain/spec/plan.ts';
import type { StepRecord } from '../../domain/ports/store.ts';
import type { Clock } from '../../domain/ports/clock.ts';

export const COUNTED = [
  'pending',
  'running',
  'completed',
  'failed',
  'cancelled',
  'timed_out',
  'skipped',
] as const;
export type StepStatus = (typeof COUNTED)[number];

export interface StepView {
  name: string;
  /** Of the execution; that of a loop is `plan`. */
  kind: Kind;
  status: StepStatus;
  phase: StoredPhase | 'waiting';
  executionId: ExecutionId | null;
  dependsOn: readonly string[];
  attempts: number;
  skipReason: SkipReason | null;
  outcome: Outcome | null;
  keptFrom: ExecutionId | null;
  startedAt: number | null;
  finishedAt: number | null;
  durationMs: number | null;
}

export interface PlanView {
  plan: Execution & { spec: PlanSpec };
  counts: Record<StepStatus | 'total', number>;
  /** Part of the steps that have ended, 0 to 1. */
  progress: number;
  /** The way through the steps that took longest; null before one has ended. */
  criticalPath: { steps: string[]; durationMs: number } | null;
  durationMs: number;
  steps: StepView[];
}

type Time = Pick<Clock, 'now' | 'between'>;

export function viewOf(plan: PlanView['plan'], records: readonly StepRecord[], clock: Time): PlanView {
  const byName = new Map(records.map((record) => [record.step, record]));
  const graph = graphOf(plan.spec);
  const nodes: Pick<Node, 'name' | 'before' | 'step'>[] = [...graph.nodes];
  // Rounds of a loop on a condition are there when they have begun.
  const known = new Set(nodes.map(({ name }) => name));
  const [step] = plan.spec.steps;
  if (step !== undefined)
    for (const { step: name } of records) if (!known.has(name)) nodes.push({ name, before: [], step });
  const steps = nodes.map((node) => stepView(node, nodes, byName.get(node.name), clock));
  const counts = Object.fromEntries(['total', ...COUNTED].map((name) => [name, 0])) as PlanView['counts'];
  for (const { status } of steps) counts[status] += 1;
  counts.total = steps.length;
  const ended = counts.total - counts.pending - counts.running;
  const path = criticalPath(
    nodes.map(({ before }) => before),
    steps.map(({ durationMs }) => durationMs ?? 0),
  );
  return {
    plan,
    counts,
    progress: counts.total === 0 ? (isFinished(plan) ? 1 : 0) : ended / counts.total,
    criticalPath:
      ended === 0
        ? null
        : { steps: path.steps.map((i) => (steps[i] as StepView).name), durationMs: path.durationMs },
    durationMs: durationOf(plan, clock),
    steps,
  };
}

/** The same without its steps, from how many of them have which status. */
export function summaryOf(
  plan: PlanView['plan'],
  begun: Partial<Record<StepStatus, number>>,
  clock: Time,
): PlanView {
  const { steps, loop } = plan.spec;
  const sum = Object.values(begun).reduce((n, m) => n + m, 0);
  const total = loop === undefined ? steps.length : 'items' in loop ? loop.items.length : sum;
  const zero = Object.fromEntries(COUNTED.map((name) => [name, 0])) as Record<StepStatus, number>;
  const counts = { total, ...zero, ...begun, pending: (begun.pending ?? 0) + total - sum };
  return {
    ...{ plan, counts, criticalPath: null, steps: [] },
    progress: total === 0 ? (isFinished(plan) ? 1 : 0) : (total - counts.pending - counts.running) / total,
    durationMs: durationOf(plan, clock),
  };
}

function durationOf(plan: PlanView['plan'], clock: Time): number {
  if (plan.phase === 'scheduled') return 0;
  return clock.between(beganAt(plan), isFinished(plan) ? plan.finishedAt : clock.now());
}

function stepView(
  { name, before, step }: Pick<Node, 'name' | 'before' | 'step'>,
  nodes: readonly Pick<Node, 'name'>[],
  record: StepRecord | undefined,
  clock: Time,
): StepView {
  const dependsOn = before.map((i) => (nodes[i] as Node).name);
  const shared = { name, dependsOn, kind: record?.kind ?? step.kind };
  if (record === undefined) {
    return {
      ...shared,
      ...{
        status: 'pending',
        phase: 'waiting',
        executionId: null,
        attempts: 0,
        skipReason: null,
        outcome: null,
      },
      ...{ keptFrom: null, startedAt: null, finishedAt: null, durationMs: null },
    };
  }
  const { executionId, status, phase, attempts, skipReason, outcome, keptFrom, createdAt, finishedAt } =
    record;
  // A plan begins with its acceptance; what was taken over has taken its time elsewhere.
  const startedAt = hasNoRun(record) ? createdAt : record.startedAt;
  const durationMs =
    startedAt === null || finishedAt === null || keptFrom !== null
      ? null
      : clock.between(startedAt, finishedAt);
  return {
    ...shared,
    ...{
      status,
      phase,
      executionId,
      attempts,
      skipReason,
      outcome,
      keptFrom,
      startedAt,
      finishedAt,
      durationMs,
    },
  };
}
