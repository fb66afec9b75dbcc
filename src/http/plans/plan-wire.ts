// Plans over the wire.
import { isFinished, policyVersionOf, resultValue } from '../../domain/execution/execution.ts';
import type { PlanResults, StepOutcome, StepView } from '../../engine/engine.ts';
import type { PlanWire } from './plan-schemas.ts';
import type { PlanWithPercents } from './step-progress.ts';
import { isoTime, isoOrNull } from '../edge/times.ts';
import {
  toScheduleOf,
  toWebhook,
  toCancel,
  toError,
  toMonitor,
  toFailedStep,
  toStepResult,
} from '../executions/wire.ts';

/**
 * @param hasSteps whether the steps are told one by one
 * @param results what they came to; null leaves it out
 */
export function toPlanWire(
  view: PlanWithPercents,
  hasSteps: boolean,
  results: PlanResults | null = null,
): PlanWire {
  const { plan, counts, progress, criticalPath, percents } = view;
  const isDone = isFinished(plan);
  return {
    id: plan.id,
    client_id: plan.spec.id ?? null,
    status: plan.status,
    phase: isDone
      ? 'done'
      : plan.phase === 'canceling' || plan.phase === 'scheduled'
        ? plan.phase
        : 'running',
    revision: plan.revision,
    description: plan.spec.description ?? null,
    strategy: plan.spec.strategy,
    params: plan.spec.params ?? {},
    operation: plan.spec.operation ?? null,
    policy_version: policyVersionOf(plan),
    user_id: plan.userId,
    task_id: plan.taskId,
    labels: plan.labels,
    priority: plan.priority,
    total_ms: plan.timeouts.totalMs,
    monitor: toMonitor(plan),
    plan_id: plan.plan?.id ?? null,
    step: plan.plan?.step ?? null,
    rerun_of: plan.rerunOf,
    schedule: toScheduleOf(plan),
    redrive_of: plan.redriveOf,
    error: isDone ? toError(plan.outcome) : null,
    result: isDone ? resultValue(plan.result) : null,
    counts,
    progress,
    critical_path:
      criticalPath === null ? null : { steps: criticalPath.steps, duration_ms: criticalPath.durationMs },
    duration_ms: view.durationMs,
    timestamps: {
      created: isoTime(plan.createdAt),
      start_at: isoOrNull(plan.startAt),
      finished: isDone ? isoTime(plan.finishedAt) : null,
    },
    cancel: toCancel(plan),
    webhook: toWebhook(plan),
    trace_id: plan.trace.traceId,
    ...(hasSteps ? { steps: view.steps.map((step) => toStep(step, percents?.get(step.name) ?? null)) } : {}),
    ...(results === null ? {} : { results: results.steps.map(toResult), results_complete: results.isWhole }),
  };
}

function toResult({ step, execution }: StepOutcome): unknown {
  if (execution !== null) return toStepResult({ execution });
  // Its execution was removed with its plan while this was read.
  return step.outcome === null ? null : toFailedStep(step.name, step.outcome);
}

type StepWire = NonNullable<PlanWire['steps']>[number];

function toStep(step: StepView, percent: number | null): StepWire {
  return {
    name: step.name,
    kind: step.kind,
    status: step.status,
    phase: step.phase === 'starting' ? 'running' : step.phase,
    execution_id: step.executionId,
    depends_on: [...step.dependsOn],
    attempts: step.attempts,
    percent,
    skip_reason: step.skipReason,
    error: step.outcome === null ? null : toError(step.outcome),
    kept_from: step.keptFrom,
    started_at: isoOrNull(step.startedAt),
    finished_at: isoOrNull(step.finishedAt),
    duration_ms: step.durationMs,
  };
}

/** Weak: over what is stored, and how far the steps are. */
export function planEtag({ plan, counts, progress, percents }: PlanWithPercents): string {
  const said = [progress * 1000, ...(percents?.values() ?? [])].map((one) => Math.floor(one * 10) / 10);
  return `W/"${plan.revision}-${Object.values(counts).join('-')}-${said.join('-')}"`;
}
