// What is stored together, or not at all: a group of parts, each of which changes one thing. When that happens the store
// says, which has one clock for all that write to it: a part brings times along only where something was measured.
import type { FilesPart } from './files.ts';
import type { KeptBounds, TooMuch } from '../kept.ts';
import type { ChargePart, GrantPart, LedgerEntry } from '../credits/account.ts';
import type { MadeBy } from '../cache.ts';
import type { Window } from '../cost.ts';
import type { ApiKey } from '../access/api-key.ts';
import type { LifecycleEvent } from '../execution/events.ts';
import type {
  Execution,
  FinishedExecution,
  OutputTotals,
  OwnFacts,
  QueuedExecution,
  Resources,
  Result,
  Timeouts,
} from '../execution/execution.ts';
import type { ExecutionId } from '../ids.ts';
import type { PoolKey } from '../pools.ts';
import type { Outcome } from '../outcome.ts';
import type { MonitorEvent } from '../spec/monitor.ts';
import type { Schedule, ScheduleRun } from '../schedules/schedule.ts';
import type { StoredOperation } from '../operations/stored.ts';
import type { Pause } from '../pauses.ts';
import type { SkipReason } from '../plans/plan-state.ts';
import type { Signal } from '../plans/waits.ts';
import type { DeliveryState, DeliveryTry, Webhook } from '../webhooks/webhooks.ts';

/** Who makes a claim, and where: recorded on the attempt, read by recovery. */
export interface Claimant {
  /** Name of the runner host. */
  runner: string;
}

/** A new execution, before the store has taken it in and said when. */
export type NewExecution = Omit<
  QueuedExecution,
  'queueSequence' | 'revision' | 'eventSequence' | 'attempts' | 'createdAt' | 'queuedAt'
>;

/**
 * A new execution. `claim` gives it a slot in the same group: then it is never in the queue, unless as many with its
 * concurrency key run as may. Refused with `queue_full` when `maxQueued` executions wait already and it is not claimed. `joins` makes it take part in the run that its `runId`
 * names; refused with `run_gone` when that has ended or is being stopped. `end` ends it at once, without an attempt. What
 * it may cost is reserved with it; refused with `no_credit` when the user has less. A plan is live from the first moment. A
 * step is refused with `plan_closed` when its plan ends or has ended, and with `step_exists` when it has been accepted
 * before.
 */
export interface AcceptPart {
  type: 'accept';
  execution: NewExecution;
  claim: Claimant | null;
  /** How many may wait: refused with `queue_full` when there are as many and its user has a fair share of them. */
  maxQueued: number;
  /** False: refused with `queue_full` if it has to wait. */
  mayWait?: boolean;
  joins: boolean;
  /**
   * Refused with `run_open` when a run of identical work is under way that it could join: the newest one, unless it is this
   * one, which takes no more. Left out: it joins none.
   */
  besides?: ExecutionId | null;
  /**
   * What becomes of others with its concurrency key. `reject`: refused with `key_busy` if as many run or wait as may run.
   * `cancel_running`: the oldest that run are cancelled, so many that it may run. `replace_queued`: those that wait are cancelled.
   * `debounce`: those that wait for their start time are.
   */
  conflict?: 'reject' | 'cancel_running' | 'replace_queued' | 'debounce';
  end: { outcome: Outcome; result: Result } | null;
  /** If it has a cost: the counters that it counts in, and the balance below which an account is low. */
  pricing?: { windows: readonly Window[]; lowBalance: number | null };
  /**
   * What its user may have: refused with `user_queue_full` when as many of theirs wait, or wait for their next attempt where
   * it need not wait itself, and with `quota_exceeded` when they keep too much.
   */
  quota?: { queued: number | null; kept: KeptBounds };
}

/**
 * Executions that ended with their acceptance and are alike: each is `like`, but for what is its own. One that is stored
 * already stays as it is, so that who does not know whether it is may write it again. Never refused; stands alone in its
 * group.
 */
export interface AnswersPart {
  type: 'answers';
  like: FinishedExecution;
  each: readonly OwnFacts[];
  /** No webhook is told of them. */
  isSilent?: true;
}

/**
 * One key, one execution. Refused with `key_replayed` (same hash), `key_reused` (other hash) or `key_gone` (the
 * execution was removed) when the user has the key already; comes before the accept that it guards.
 */
export interface IdempotencyPart {
  type: 'idempotency';
  userId: string;
  key: string;
  bodyHash: string;
  executionId: ExecutionId;
  lifetimeMs: number;
}

/** Claims up to `limit` queued executions of these pools, all of one slot kind, in the order that the store decides. */
export interface ClaimNextPart {
  type: 'claim_next';
  pools: readonly PoolKey[];
  limit: number;
  claim: Claimant;
}

/**
 * Ends a plan by something else than its steps: those that live are cancelled, none begins any more, and the plan ends by
 * this outcome when they have. Refused as `illegal` when that has been decided already.
 */
export interface StopPlanPart {
  type: 'stop_plan';
  executionId: ExecutionId;
  outcome: Outcome;
}

/** Steps of a live plan that end without an execution. Stale when the plan has ended. */
export interface MarkStepsPart {
  type: 'mark_steps';
  planId: ExecutionId;
  marks: readonly StepMark[];
}

export type StepMark = { step: string } & (
  | { status: 'skipped'; reason: SkipReason; outcome: null }
  | { status: 'failed'; reason: null; outcome: Outcome }
);

/**
 * Finished steps that another plan takes over, with their results and logs; those of a plan among them too. Refused with
 * `not_found` when the plan `of` that they come from is gone, or one of them: nothing that has completed runs again unnoticed.
 */
export interface KeepStepsPart {
  type: 'keep_steps';
  of: ExecutionId;
  /** Plans before the steps in them. */
  copies: readonly (KeptStep & { planId: ExecutionId })[];
}

export interface KeptStep {
  source: ExecutionId;
  /** Of the copy; that of the source moves it. */
  id: ExecutionId;
  /** Null leaves its name. */
  step: string | null;
}

/**
 * A user's wish to cancel. One that waits ends by it, and so does one that shares its run, which goes on for the others;
 * any other live one is marked and then stopped.
 */
export interface CancelPart {
  type: 'cancel';
  userId: string;
  executionId: ExecutionId;
  reason: string | null;
}

/**
 * The end of a run, and of all executions that take part in it. `attempt` is its number, 0 when it never was claimed; with
 * any other one it is stale. An end that is only the first one's own (lost, cancelled, total limit) puts those that joined
 * into the queue, as one new run.
 */
export interface SettlePart {
  type: 'settle';
  /** Any execution of the run. */
  executionId: ExecutionId;
  attempt: number;
  outcome: Outcome;
  result: Result;
  /** Facts of the attempt; null when there was none. */
  end: AttemptEnd | null;
}

export interface AttemptEnd {
  startedAt: number | null;
  endedAt: number;
  output: OutputTotals;
  resources: Resources | null;
  logComplete: boolean;
}

/** Gives a claimed attempt that never started back to the queue. Its number stays used. */
export interface RequeuePart {
  type: 'requeue';
  executionId: ExecutionId;
  attempt: number;
}

/** Ends an attempt that is to be made again after `waitMs`. */
export interface RetryPart {
  type: 'retry';
  executionId: ExecutionId;
  attempt: number;
  outcome: Outcome;
  end: AttemptEnd;
  waitMs: number;
}

/** The backoff is over, or its start time has come: into the queue. A plan begins. */
export interface DuePart {
  type: 'due';
  executionId: ExecutionId;
  attempt: number;
}

/**
 * Ends one execution that has waited too long; the run goes on for others that take part in it. Refused as `illegal` when
 * it runs alone: then the run is to be stopped. Stale when the limit has been extended since.
 */
export interface ExpirePart {
  type: 'expire';
  executionId: ExecutionId;
  outcome:
    | { cause: 'queue_timeout'; limitMs: number }
    | { cause: 'total_timeout'; limitMs: number; process: null };
}

/**
 * Adds the event of a monitor to an execution, without a move. Stale when it has it already, or when it is no longer true: the
 * execution has ended, or has started, or runs another attempt.
 */
export interface TellPart {
  type: 'tell';
  executionId: ExecutionId;
  event: MonitorEvent;
  /** That it was decided on. */
  attempt: number;
}

/** Changes of a live execution, decided on what it was at a revision; stale at any other. */
export interface PatchPart {
  type: 'patch';
  userId: string;
  executionId: ExecutionId;
  revision: number;
  priority: number | null;
  timeouts: Timeouts | null;
  /** What is to be reserved from now on; refused with `no_credit` when the user has less. */
  reserved?: number;
}

/** Removes a finished execution; its idempotency key keeps pointing at it. `userId` null is the service itself. */
export interface RemovePart {
  type: 'remove';
  userId: string | null;
  executionId: ExecutionId;
}

/**
 * The logs of an execution that has completed or was cancelled are removed before it; those of all steps of a plan that has
 * completed. A run that others share keeps its log. Only those whose logs are to be removed count as touched.
 */
export interface DropLogsPart {
  type: 'drop_logs';
  executionId: ExecutionId;
}

/** Whose the entry is: only they can read it by its key or remove it. Null shares it with everybody. */
export interface CacheEntry {
  key: string;
  userId: string | null;
  operation: string | null;
  /** The run that made it; null for a value that was put there. */
  runId: ExecutionId | null;
  outcome: Outcome;
  result: Result;
  /** Of the attempt that made it. Undefined for a value that was put there, and in records of earlier versions. */
  log?: Omit<MadeBy, 'runId'>;
  /** Milliseconds since the epoch. */
  storedAt: number;
  /** Null never expires. */
  expiresAt: number | null;
}

/** Kept results, for the next start. Losing one costs another run and nothing else. */
export interface CachePart {
  type: 'cache';
  put: readonly CacheEntry[];
  /** Ids, as `cacheId` makes them. */
  drop: readonly string[];
  /** The newest that stay; null leaves all. */
  keepAtMost: number | null;
}

/**
 * Changes of API keys. Refused with `key_exists` when one of the new ids is taken, and with `too_many_keys`. An end is
 * only ever brought forward, and a revocation stands.
 */
export interface ApiKeysPart {
  type: 'api_keys';
  add?: readonly ApiKey[];
  end?: readonly { id: string; expiresAt: number }[];
  /** Ids. */
  revoke?: readonly string[];
  /** Write-behind: losing one costs nothing. */
  used?: readonly { id: string; at: number }[];
}

/** Counters of a live attempt. Write-behind: may be lost in a crash, is never older than what it replaces. */
export interface ProgressPart {
  type: 'progress';
  executionId: ExecutionId;
  attempt: number;
  startedAt: number;
  output: OutputTotals;
}

/** A webhook, new or changed. What waits for one that is disabled is discarded. */
export interface WebhookPart {
  type: 'webhook';
  webhook: Webhook;
}

/** Removes a standing webhook of a user with its deliveries; refused with `not_found`. */
export interface WebhookRemovePart {
  type: 'webhook_remove';
  userId: string;
  webhookId: string;
}

/** How a delivery has gone, or that it is to be made again. Stale when it does not wait any more. */
export interface DeliveryPart {
  type: 'delivery';
  id: number;
  state: DeliveryState;
  tries: readonly DeliveryTry[];
  /** Until the next try; null when there is none. */
  waitMs: number | null;
  /** One that had ended is begun anew. */
  isRedelivery: boolean;
}

/** Leaves a receiver alone for a while: deliveries that are due in its lane wait, and those that have waited too long fail untried. */
export interface HoldLanePart {
  type: 'hold_lane';
  lane: string;
  waitMs: number;
  /** What has been held for so long fails with this as its last try. */
  mostHeldMs: number;
  lastTry: DeliveryTry;
}

/** The server was asked to stop: what still runs when it ends has not met a crash. */
export interface StopAskedPart {
  type: 'stop_asked';
}

/** The epoch that sends it goes on holding what it holds, for so long from now; 0 gives it up. Stale when it was over. */
export interface BeatPart {
  type: 'beat';
  leaseMs: number;
}

/** Whoever sends it drives this plan from now on. Stale when somebody else does whose epoch is not over. Whoever accepts a plan drives it. */
export interface DrivePart {
  type: 'drive';
  planId: ExecutionId;
}

/** How circuits are, for the next start: only those that are not as at their beginning need a place. */
export interface CircuitsPart {
  type: 'circuits';
  put: readonly KeptState[];
  /** Names. */
  drop: readonly string[];
}

/** How the ends that webhooks pick have followed each other, by webhook. */
export interface SeriesPart {
  type: 'series';
  put: readonly KeptState[];
  /** Webhooks. */
  drop: readonly string[];
}

/** Operations put by API. */
export interface OperationsPart {
  type: 'operations';
  put: readonly StoredOperation[];
  /** Names. */
  drop: readonly string[];
}

/** What is paused, for the next start. */
export interface PausesPart {
  type: 'pauses';
  put: readonly Pause[];
  /** Names. */
  drop: readonly string[];
}

/** The state of a circuit, as JSON. */
export interface KeptState {
  name: string;
  state: string;
}

/**
 * A schedule, new or changed. A new one is refused with `schedule_exists` or `too_many_schedules`; a changed one is stale unless
 * it is at the revision that the change was decided on. It is stored with the next revision.
 */
export interface SchedulePart {
  type: 'schedule';
  schedule: Schedule;
  isNew: boolean;
}

/** What became of a due time; stale when that is known already, and is not `waiting`. */
export interface ScheduleRunPart {
  type: 'schedule_run';
  run: ScheduleRun;
}

/** Removes a schedule with its history; what it has started goes on. Refused with `not_found`. */
export interface ScheduleRemovePart {
  type: 'schedule_remove';
  userId: string;
  id: string;
}

/**
 * A signal to a plan, or a decision on a wait. Refused with `signal_exists` when the subject has one with the id, with `too_many_signals`
 * when it has `most`, and with `not_found`; stale when the subject has ended.
 */
export interface SignalPart {
  type: 'signal';
  /** Its time is that of the store. */
  signal: Signal;
  most: number;
}

/** A wait ends by a signal; stale when another one has. */
export interface TakeSignalPart {
  type: 'take_signal';
  subjectId: ExecutionId;
  id: string;
  by: ExecutionId;
}

/** Removes deliveries that ended before, and webhooks that nobody needs any more. */
export interface DeliverySweepPart {
  type: 'delivery_sweep';
  finishedBefore: number;
  limit: number;
}

export type Part =
  | AcceptPart
  | AnswersPart
  | IdempotencyPart
  | ClaimNextPart
  | CancelPart
  | StopPlanPart
  | MarkStepsPart
  | KeepStepsPart
  | SettlePart
  | RequeuePart
  | RetryPart
  | DuePart
  | ExpirePart
  | TellPart
  | CachePart
  | FilesPart
  | ApiKeysPart
  | PatchPart
  | RemovePart
  | DropLogsPart
  | ProgressPart
  | GrantPart
  | ChargePart
  | WebhookPart
  | WebhookRemovePart
  | DeliveryPart
  | HoldLanePart
  | DeliverySweepPart
  | CircuitsPart
  | PausesPart
  | OperationsPart
  | SeriesPart
  | SchedulePart
  | ScheduleRunPart
  | ScheduleRemovePart
  | SignalPart
  | TakeSignalPart
  | BeatPart
  | DrivePart
  | StopAskedPart;

/** One fact: all of its parts are written, or none. */
export type Group = readonly Part[];

export type GroupRefusal =
  | { reason: 'queue_full' | 'user_queue_full' | 'key_busy' | 'too_many_open_keys' }
  | { reason: 'quota_exceeded'; tooMuch: TooMuch }
  | { reason: 'run_gone' | 'key_exists' | 'too_many_keys' | 'schedule_exists' | 'too_many_schedules' }
  | { reason: 'signal_exists' | 'too_many_signals' }
  /** The plan of a step begins no more, or has the step already; a step cannot be removed alone. */
  | { reason: 'plan_closed' | 'step_exists' | 'step_of_plan' }
  | { reason: 'key_replayed' | 'key_gone'; executionId: ExecutionId }
  | { reason: 'run_open'; executionId: ExecutionId }
  | { reason: 'key_reused' }
  | { reason: 'no_credit'; needed: number; available: number }
  | { reason: 'balance_limit' }
  | { reason: 'not_found' }
  /** The lifecycle does not have this move from here; `execution` is the current state. */
  | { reason: 'illegal'; execution: Execution };

export type GroupResult =
  /** `executions`: the new state of each one touched (of removed ones, the last), in the order of the parts. */
  | {
      status: 'applied';
      executions: Execution[];
      events: LifecycleEvent[];
      /** What was added to the ledger. */
      entries?: LedgerEntry[];
    }
  /** Made for an attempt that is no longer the current one, or for an execution that has finished. */
  | { status: 'stale' }
  | ({ status: 'refused' } & GroupRefusal);
