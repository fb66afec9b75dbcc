// The wire of plans: bodies, queries and answers.
import { z } from 'zod';
import { executionError } from './outcome-schemas.ts';
import { ownWebhook } from './own-webhook.ts';
import { STATUSES } from '../domain/execution.ts';
import { SKIP_REASONS } from '../domain/plan-state.ts';
import { planRequest, stepSchemas } from '../domain/plan.ts';
import { KINDS, type SpecLimits } from '../domain/spec.ts';

const time = z.iso.datetime({ precision: 3 });
const count = z.int().min(0);
const ms = z.int().min(0);

const STEP_STATUSES = [...STATUSES, 'skipped'] as const;
const STEP_PHASES = [
  'waiting',
  'joined',
  'queued',
  'scheduled_retry',
  'running',
  'canceling',
  'done',
] as const;

const planStep = z.strictObject({
  name: z.string(),
  kind: z.enum(KINDS).describe('a loop is a plan of its rounds'),
  status: z.enum(STEP_STATUSES),
  phase: z.enum(STEP_PHASES),
  execution_id: z.string().nullable().describe('null until it begins, and where it never does'),
  depends_on: z.array(z.string()),
  attempts: count,
  skip_reason: z.enum(SKIP_REASONS).nullable(),
  error: executionError.nullable(),
  kept_from: z.string().nullable().describe('the execution whose result was taken over'),
  started_at: time.nullable(),
  finished_at: time.nullable(),
  duration_ms: ms.nullable(),
});

export const plan = z.strictObject({
  id: z.string(),
  status: z.enum(STATUSES),
  phase: z.enum(['running', 'canceling', 'done']),
  revision: z.int().min(1),
  description: z.string().nullable(),
  strategy: z.record(z.string(), z.unknown()),
  params: z.record(z.string(), z.unknown()),
  user_id: z.string(),
  task_id: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  priority: z.int(),
  total_ms: ms.nullable().describe('its limit'),
  plan_id: z.string().nullable().describe('the plan that it is a step of'),
  step: z.string().nullable(),
  rerun_of: z.string().nullable(),
  redrive_of: z.string().nullable(),
  error: executionError.nullable(),
  result: z.unknown().describe('its outputs'),
  counts: z.strictObject({
    ...{ total: count, pending: count, running: count, completed: count, failed: count },
    ...{ cancelled: count, timed_out: count, skipped: count },
  }),
  progress: z.number().min(0).max(1),
  critical_path: z.strictObject({ steps: z.array(z.string()), duration_ms: ms }).nullable(),
  duration_ms: ms,
  timestamps: z.strictObject({ created: time, finished: time.nullable() }),
  cancel: z.strictObject({ at: time, reason: z.string().nullable() }).nullable(),
  webhook: ownWebhook,
  trace_id: z.string(),
  steps: z.array(planStep).optional().describe('left out of lists, and with steps=false'),
});
export type PlanWire = z.infer<typeof plan>;

export const planList = z.strictObject({ items: z.array(plan), next_cursor: z.string().nullable() });

export const planReport = z.strictObject({
  valid: z.boolean(),
  problems: z.array(z.strictObject({ field: z.string(), message: z.string() })),
  levels: z
    .array(z.array(z.string()))
    .nullable()
    .describe('steps by level, each of which needs only those before; null when they go round in a circle'),
});

export const planLogsQuery = z.strictObject({
  stream: z.enum(['all', 'stdout', 'stderr']).default('all'),
  format: z.enum(['text', 'ndjson']).default('text'),
  follow: z.enum(['true', 'false']).default('false'),
  step: z.string().min(1).max(200).optional().describe('this step only'),
});
export type PlanLogsQuery = z.infer<typeof planLogsQuery>;

/** The schema of a step as the documents show it. */
export function planComponents(limits: SpecLimits): Record<string, z.ZodType> {
  const { single, plan: ofPlan } = stepSchemas(limits);
  return {
    Plan: plan,
    PlanList: planList,
    PlanReport: planReport,
    PlanRequest: planRequest,
    PlanStepRequest: z.union([single, ofPlan]),
  };
}
