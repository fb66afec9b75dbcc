// What is submitted, what comes of it, and what accepting it needs.
import type { SlotKind } from '../../domain/kinds.ts';
import type { AccessRules } from '../../domain/access/access-rules.ts';
import { type FieldProblem, RefusedError } from '../../domain/errors.ts';
import type {
  Execution,
  ExecutionAccess,
  RunningExecution,
  StepOf,
  Trace,
  ScheduleOf,
} from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { IsolationTier } from '../../domain/isolation.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Claimant, Group, GroupResult, KeptStep, Part } from '../../domain/ports/group.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { Secrets } from '../../domain/spec/secrets.ts';
import type { AnySpec } from '../../domain/spec/any.ts';
import type { ChangedParams } from '../../domain/operations/again.ts';
import type { OperationSpec } from '../../domain/operations/operation.ts';
import type { PlanSpec } from '../../domain/spec/plan.ts';
import type { Spec } from '../../domain/spec/spec.ts';
import type { AskedWebhook } from '../../domain/webhooks/webhooks.ts';
import type { CreditSource } from '../credits/credit-source.ts';
import type { Inputs } from '../files/files.ts';
import type { Hits } from './hits.ts';
import type { ResultCache } from '../policies/cache.ts';
import type { Joins } from '../policies/joins.ts';
import type { Roots } from '../../domain/spec/sandbox.ts';
import type { Resolved } from '../policies/operations.ts';
import type { Policies } from '../policies/policies.ts';
import type { SubmitRates } from '../policies/submit-rates.ts';
import type { EngineSettings } from '../policies/settings.ts';
import type { Pools } from '../policies/pools.ts';
import type { Scheduler } from '../run/scheduler.ts';

export interface Submission {
  spec: AnySpec;
  /** Parsed traceparent of the request; null starts a new trace. */
  trace: Trace | null;
  /** `bodyHash` stands for what was asked; the same key with another one is refused. */
  idempotency: { key: string; bodyHash: string } | null;
  rerunOf: ExecutionId | null;
  /** Nobody is charged for it. */
  isFree?: boolean;
  /** The spec has come before, may come again as the same object, and never changes; never of a rerun. */
  isRepeated?: boolean;
  /** Signs the webhook of its spec, unless that brings one along; null makes one. */
  webhookSecret?: string | null;
  /** The plan that it is to be a step of. */
  plan?: StepOf;
  /** The operation that has this step in its plan, and its version. */
  granted?: Pick<ExecutionAccess, 'operation' | 'operationVersion'>;
  /** Its output is the answer, so that it must have one. */
  isRaw?: true;
  /** The bytes of its files that lie elsewhere. */
  inputs?: Inputs;
  /** Ends it when its client goes. */
  onDisconnect?: 'cancel';
  /** A plan to go on from. */
  redrive?: Redrive;
  /** The schedule that starts it, and what is stored together with its acceptance. */
  schedule?: { of: ScheduleOf; parts: (executionId: ExecutionId) => readonly Part[] };
}

export interface Redrive {
  of: ExecutionId;
  /** Finished steps that are taken over, and as what; those of the plan itself have no plan yet. */
  copies: readonly (KeptStep & { planId: ExecutionId | null })[];
}

/** How something is run again. */
export type AgainOptions = Pick<Submission, 'trace' | 'idempotency'> & {
  /** Parameters that change. */
  params?: ChangedParams | null;
};

/** A step that the store did not take: its plan begins no more, or has it already. */
export class StepNotTaken extends RefusedError {
  readonly reason: 'plan_closed' | 'step_exists';
  constructor(reason: StepNotTaken['reason']) {
    super('internal_error', 'The plan rejects this step.');
    this.reason = reason;
  }
}

/** What was to be stored with it was decided on what has changed since. */
export class Stale extends RefusedError {
  constructor() {
    super('internal_error', 'The schedule has changed.');
  }
}

export interface Submitted {
  execution: Execution;
  /** The key was known: this is the execution of the first request with it. */
  isReplay: boolean;
  /** The same object for all that are alike, as domain/execution.ts has it; none where nobody knows. */
  like?: object;
  /** The secret that was made for its webhook, to be told once. */
  webhookSecret: string | null;
}

export interface SubmitDeps {
  policy: EngineSettings;
  clock: Clock;
  store: Store;
  schedulers: Record<SlotKind, Scheduler>;
  pools: Pick<Pools, 'check' | 'noteWaiting'>;
  policies: Policies;
  /** What is wrong with the webhook that a request brings along; empty when nothing is. */
  webhookProblems(webhook: AskedWebhook, userId: string): FieldProblem[];
  /** What a spec asks for: itself, or what its operation makes of it. Throws RefusedError. */
  resolve(spec: Spec): Resolved;
  /** The plan that an operation runs; null for one that runs something else. Throws RefusedError. */
  planOf(spec: OperationSpec): PlanSpec | null;
  roots: Roots;
  /** The isolation tiers that the runner offers. */
  tiers(): readonly IsolationTier[];
  /** What users may run, and how much. */
  rules: AccessRules;
  rates: SubmitRates;
  secrets: Secrets;
  /** Whether an API key has been revoked. */
  isRevoked: (keyId: string) => boolean;
  cache: ResultCache;
  joins: Joins;
  hits: Hits;
  /** Null: credits are off. */
  credits: CreditSource | null;
  newId(): ExecutionId;
  newTrace(): Trace;
  claimant(): Claimant;
  commit(groups: readonly Group[]): Promise<GroupResult[]>;
  /** Runs an execution that was claimed in its accept; its slot is taken. */
  run(execution: RunningExecution): void;
  /** What stands against one more plan. */
  whyNoRoom(userId: string, spec: PlanSpec): RefusedError | null;
  /** Executions that another one has cancelled with its acceptance. */
  stopped(executions: readonly Execution[], by: Execution): void;
  /** Begins a plan that has been accepted. */
  beginPlan(execution: RunningExecution): void;
}
