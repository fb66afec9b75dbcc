// The ports: what the engine needs of the world. Each has a contract suite that every implementation passes.
import type { AccountEvent, AccountReads, ChargePart, GrantPart, LedgerEntry } from '../credits/account.ts';
import type { MadeBy } from '../cache.ts';
import type { Window } from '../cost.ts';
import type { ApiKey } from '../access/api-key.ts';
import type { EventFilter, EventRecord, LifecycleEvent } from '../execution/events.ts';
import type {
  Attempt,
  Execution,
  FinishedExecution,
  HttpResponse,
  OutputTotals,
  OwnFacts,
  PendingExecution,
  Pool,
  QueuedExecution,
  Resources,
  Result,
  RunningExecution,
  Status,
  Timeouts,
} from '../execution/execution.ts';
import type { ExecutionId } from '../ids.ts';
import type { IsolationTier } from '../isolation.ts';
import type { StoredPhase } from '../execution/lifecycle.ts';
import type { ResourceLimits } from '../limits.ts';
import type { ErrorCode } from '../errors.ts';
import type { Cause, LostDetail, Outcome } from '../outcome.ts';
import type { SkipReason } from '../plans/plan-state.ts';
import type { FilledWork } from '../spec/secrets.ts';
import type { StopPolicy } from '../stop.ts';
import type { QueueUse } from '../shares.ts';
import type { Kind } from '../spec/spec.ts';
import type {
  Delivery,
  DeliveryQuery,
  DeliveryState,
  DeliveryTry,
  DueDelivery,
  DueLanes,
  DueLanesQuery,
  Webhook,
} from '../webhooks/webhooks.ts';

// ---------------------------------------------------------------------------------------------- clock

export interface Timer {
  cancel(): void;
}

/** The only source of time and timers. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. Stored times come from it. */
  now(): number;
  /** Monotonic clock, milliseconds. Durations and waits come from it. */
  monotonic(): number;
  /**
   * Milliseconds between two times of `now()`, without the jumps of the wall clock between them that happened in this
   * process; never less than 0.
   */
  between(from: number, to: number): number;
  /** Calls `fn` once after `ms`; the timer does not keep the process alive. */
  timer(ms: number, fn: () => void): Timer;
  /** Resolves after `ms` (0: when the turn of the event loop is over), or rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The server's own log: facts, then one sentence. */
export interface Log {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

// ---------------------------------------------------------------------------------------------- store

/** Who makes a claim, and where: recorded on the attempt, read by recovery. */
export interface Claimant {
  /** Name of the runner host. */
  runner: string;
  at: number;
}

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
  execution: Omit<QueuedExecution, 'queueSequence' | 'revision' | 'eventSequence' | 'attempts'>;
  claim: Claimant | null;
  /** How many may wait: refused with `queue_full` when there are as many and its user has a fair share of them. */
  maxQueued: number;
  /** False: refused with `queue_full` if it has to wait. */
  mayWait?: boolean;
  joins: boolean;
  end: { outcome: Outcome; result: Result } | null;
  /** If it has a cost: the counters that it counts in, and the balance below which an account is low. */
  pricing?: { windows: readonly Window[]; lowBalance: number | null };
  /**
   * What its user may have: refused with `user_queue_full` when as many of theirs wait, or wait for their next attempt where
   * it need not wait itself, and with `log_quota_exceeded` when their logs keep as much.
   */
  quota?: { queued: number | null; logBytes: number | null };
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
  at: number;
  expiresAt: number;
}

/** Claims up to `limit` queued executions of a pool, in the order that the store decides. */
export interface ClaimNextPart {
  type: 'claim_next';
  pool: Pool;
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
  at: number;
}

/** Steps of a live plan that end without an execution. Stale when the plan has ended. */
export interface MarkStepsPart {
  type: 'mark_steps';
  planId: ExecutionId;
  marks: readonly StepMark[];
  at: number;
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
  at: number;
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
  at: number;
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
  at: number;
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
  at: number;
}

/** Ends an attempt that is to be made again at `retryAt`, ms since the epoch. */
export interface RetryPart {
  type: 'retry';
  executionId: ExecutionId;
  attempt: number;
  outcome: Outcome;
  at: number;
  end: AttemptEnd;
  retryAt: number;
}

/** The backoff is over: back to the queue. */
export interface DuePart {
  type: 'due';
  executionId: ExecutionId;
  attempt: number;
  at: number;
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
  at: number;
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
  at: number;
}

/** Removes a finished execution; its idempotency key keeps pointing at it. `userId` null is the service itself. */
export interface RemovePart {
  type: 'remove';
  userId: string | null;
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
  revoke?: readonly { id: string; at: number }[];
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
  at: number;
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
  nextAt: number | null;
  at: number;
  /** One that had ended is begun anew. */
  isRedelivery: boolean;
}

/** The server was asked to stop: what still runs when it ends has not met a crash. */
export interface StopAskedPart {
  type: 'stop_asked';
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
  | CachePart
  | ApiKeysPart
  | PatchPart
  | RemovePart
  | ProgressPart
  | GrantPart
  | ChargePart
  | WebhookPart
  | WebhookRemovePart
  | DeliveryPart
  | DeliverySweepPart
  | StopAskedPart;

/** One fact: all of its parts are written, or none. */
export type Group = readonly Part[];

export type GroupRefusal =
  | { reason: 'queue_full' | 'user_queue_full' | 'log_quota_exceeded' }
  | { reason: 'run_gone' | 'key_exists' | 'too_many_keys' }
  /** The plan of a step begins no more, or has the step already; a step cannot be removed alone. */
  | { reason: 'plan_closed' | 'step_exists' | 'step_of_plan' }
  | { reason: 'key_replayed' | 'key_gone'; executionId: ExecutionId }
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

/** Part of a listing. It may hold fewer than were asked for, or none, while there are more: looking for them is bounded. */
export interface ListPage {
  executions: Execution[];
  /** Where the next page begins; null when this is the last one. */
  next: ExecutionId | null;
}

export interface ListFilter {
  /** Null lists every user's. */
  userId: string | null;
  status?: readonly Status[] | undefined;
  phase?: readonly StoredPhase[] | undefined;
  /** Of ends that are no success. */
  errorCode?: readonly ErrorCode[] | undefined;
  /** Of ends that are no success. */
  cause?: readonly Cause[] | undefined;
  kind?: readonly Kind[] | undefined;
  operation?: string | undefined;
  taskId?: string | undefined;
  /** Steps of this plan. */
  planId?: ExecutionId | undefined;
  step?: string | undefined;
  /** Only what is no step. */
  isRoot?: true | undefined;
  label?: readonly { name: string; value: string }[] | undefined;
  createdFrom?: number | undefined;
  createdTo?: number | undefined;
  finishedFrom?: number | undefined;
  finishedTo?: number | undefined;
}

export interface StoreCounts {
  pending: number;
  /** Those of the pending that wait for their backoff. */
  scheduledRetry: number;
  /** Those of the pending that take part in the run of another one. */
  joined: number;
  running: number;
  /** Those of the finished that are steps of a plan. */
  finishedSteps: number;
  finished: Record<FinishedExecution['status'], number>;
  /** When the oldest queued execution entered the queue; null when the queue is empty. */
  oldestQueuedAt: number | null;
}

export interface StoreStats {
  /** Executions in the queue of each pool, as of the last commit. */
  queued: Record<Pool, number>;
  /** Deliveries to webhooks that wait, as of the last commit, and those that were dropped since open because too many did. */
  deliveries: { pending: number; dropped: number };
  /** Transactions since open. */
  commits: number;
  /** Groups in them. */
  groups: number;
  /** Groups waiting for their commit. */
  waiting: number;
  /** How long they took, all together, seconds. */
  commitSeconds: number;
}

/** A piece of the sequence of all events. */
export interface EventPage {
  /** Those that fit. */
  records: EventRecord[];
  /** Position up to which was looked; that of the call when there is nothing after it. */
  upTo: number;
}

/** A claim that no settle followed, found at open. */
export interface InterruptedAttempt {
  execution: Execution;
  attempt: Attempt;
  /** True when the machine has been restarted since: files that were not synced may be gone. */
  isOtherBoot: boolean;
  /** True when the server that ran it had been asked to stop. */
  wasStopped: boolean;
}

/** How users share the slots: turns in a round of the queue, and how many of theirs run at a time; null is any number. */
export interface Shares {
  weight: number;
  running: number | null;
  /** Those for whom it is different. */
  users: Readonly<Record<string, { weight: number; running: number | null }>>;
}

/** A step of a plan that has begun, or has ended without having begun. */
export interface StepRecord {
  step: string;
  /** Null for one that has no execution. */
  executionId: ExecutionId | null;
  kind: Kind | null;
  phase: StoredPhase;
  status: Status | 'skipped';
  createdAt: number;
  startedAt: number | null;
  finishedAt: number | null;
  attempts: number;
  outcome: Outcome | null;
  skipReason: SkipReason | null;
  /** The execution whose result was taken over. */
  keptFrom: ExecutionId | null;
}

/** What the store knows of itself once it is open. */
export interface StoreIdentity {
  /** Made once with the store; marks the processes that it started. */
  instanceId: string;
  /** Grows by one with every open. */
  epoch: number;
}

/** Thrown by `commit` and by reads when the store itself fails; nothing of the group was written. */
export class StoreError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
  }
}

export interface Store extends AccountReads {
  open(): Promise<StoreIdentity>;
  /** From now on users share the slots so; until then all alike. May be called before `open`. */
  setShares(shares: Shares): void;
  /** The claims of earlier epochs that have not ended. */
  interrupted(): Promise<InterruptedAttempt[]>;
  /**
   * The one way to write. Each group is all-or-nothing; groups of concurrent callers share a transaction; it resolves
   * when they are durable. Rejects with `StoreError` when the transaction could not be written.
   */
  commit(groups: readonly Group[]): Promise<GroupResult[]>;
  /** Null when there is none, or when it is not this user's. Null as user is the service itself. */
  get(userId: string | null, id: ExecutionId): Promise<Execution | null>;
  /** One that has ended, as soon as any read shows its end (`get` may be a moment behind); null when there is none. */
  finished(userId: string, id: ExecutionId): Promise<FinishedExecution | null>;
  /** Newest first, at most `limit` of them. `after` is the `next` of the page before. */
  list(filter: ListFilter, limit: number, after: ExecutionId | null): Promise<ListPage>;
  /** Lifecycle events of one execution with a greater sequence, in order. */
  events(
    userId: string | null,
    id: ExecutionId,
    afterSequence: number,
    limit?: number,
  ): Promise<EventRecord[]>;
  /** Lifecycle events of all executions after a position, in order; looks at no more than `limit` of them. */
  eventsAfter(filter: EventFilter, position: number, limit: number): Promise<EventPage>;
  /** The position of the last event, and that of the last one of the user that left with its execution; 0 before the first. */
  eventEnds(userId: string | null): Promise<{ last: number; swept: number }>;
  /** How many queued executions are ahead; null when it is not queued. */
  queuePosition(id: ExecutionId): Promise<number | null>;
  /**
   * Pending executions that are followed after a restart, oldest first: something happens to them at a time (a limit, the
   * end of a backoff), they take part in a run, or others may join theirs.
   */
  pendingToFollow(): Promise<PendingExecution[]>;
  /**
   * Finished executions to remove, steps left aside: those that ended before, then those above the count, of the users who
   * have most, answers of the cache first, then the oldest ends. Those that ended after `youngAfter` go only when there are twice
   * as many as the count.
   */
  expired(
    finishedBefore: number,
    keepAtMost: number,
    limit: number,
    youngAfter?: number,
  ): Promise<{ id: ExecutionId; kind: Kind }[]>;
  /** Which of these runs the store knows no attempt of. */
  missing(runIds: readonly ExecutionId[]): Promise<ExecutionId[]>;
  /** Plans that have not ended. */
  livePlans(): Promise<RunningExecution[]>;
  /** What has become of the steps of a plan so far; those that wait, or are set aside, are not among them. In the order of their beginning. */
  steps(planId: ExecutionId): Promise<StepRecord[]>;
  /** The execution of a plan that has this name, also of one that is set aside; null when there is none. */
  stepId(planId: ExecutionId, step: string): Promise<ExecutionId | null>;
  /** How many of a plan's steps have which status so far; those that wait are not counted. */
  /** Bytes of what the executions of a plan were asked for with. */
  stepBytes(planId: ExecutionId): Promise<number>;
  stepCounts(planId: ExecutionId): Promise<Partial<Record<StepRecord['status'], number>>>;
  /** Removes idempotency keys that ended before; answers how many. */
  expireKeys(before: number): Promise<number>;
  /** Kept results, newest first. */
  cacheEntries(limit: number): Promise<CacheEntry[]>;
  /** All API keys, by age; null when nothing but their use has changed since that version. */
  apiKeys(knownVersion: number): Promise<{ version: number; keys: ApiKey[] } | null>;
  /** Standing webhooks of a user, oldest first. */
  webhooks(userId: string): Promise<Webhook[]>;
  /** Null when there is none, or when it is not this user's. */
  webhook(userId: string, id: string): Promise<Webhook | null>;
  /** Newest first. */
  deliveries(webhookId: string, query: DeliveryQuery): Promise<Delivery[]>;
  delivery(webhookId: string, id: number): Promise<Delivery | null>;
  /** Some of the lanes in which deliveries are due; how long that takes does not grow with what waits. */
  dueLanes(query: DueLanesQuery): Promise<DueLanes>;
  /** What is due in a lane, oldest first. */
  dueDeliveries(lane: string, now: number, limit: number): Promise<DueDelivery[]>;
  counts(): Promise<StoreCounts>;
  stats(): StoreStats;
  /** How much of the queue a user has, as far as it is known here; a commit that is under way is not counted. */
  queueUse(userId: string): QueueUse;
  /** Writes a trifle durably, to find out whether writing works. Rejects with `StoreError`. */
  probe(): Promise<void>;
  /** Writes what is waiting, then closes. A second call does nothing. */
  close(): Promise<void>;
}

// --------------------------------------------------------------------------------------------- runner

/** What to start, field by field. The runner adds nothing to it. */
export interface Command {
  program: string;
  /** What the request calls it. */
  programField: 'program' | 'shell' | 'interpreter';
  args: readonly string[];
  /** `NAME=value` lines; the whole environment of the process. */
  env: readonly string[];
  /** Null is the private directory. */
  cwd: string | null;
  /** Made before the start and removed after the end. */
  privateDir: string;
  /** A file that is written before the start: the inline source of a script. */
  script: { path: string; source: string } | null;
  /** Null is /dev/null. */
  stdin: Uint8Array | null;
}

/** Run and number: what names an attempt everywhere. */
export interface AttemptName {
  runId: ExecutionId;
  attempt: number;
}

export interface AttemptStart extends AttemptName {
  userId: string;
  command: Command;
  limits: ResourceLimits;
  /** At least this tier. */
  isolation: IsolationTier;
  /** Whether it has the network of this machine in a sandbox. */
  hasNetwork: boolean;
  /** Bytes that the log keeps. */
  keepBytes: number;
  /** Whether to stop the attempt when it writes more. */
  failOnLimit: boolean;
  attemptMs: number;
  /** Null is off. */
  idleMs: number | null;
  stop: StopPolicy;
  /** What is taken out of the output. */
  redact: readonly Uint8Array[];
}

/** An HTTP request as an attempt. */
export interface RequestStart extends AttemptName {
  work: Extract<FilledWork, { kind: 'http' }>;
  userId: string;
  /** Headers, in lower case, that no other server is to have. */
  secretHeaders: readonly string[];
  /** Hosts that redirects may lead to; null is any. */
  redirectHosts: readonly string[] | null;
  /** What is taken out of the answer's body. */
  redact: readonly Uint8Array[];
  /** Sent along, so that the other side knows which attempt of what this is. */
  executionId: ExecutionId;
  traceparent: string;
  /** Bytes of the answer's body that the log keeps. */
  keepBytes: number;
  failOnLimit: boolean;
  attemptMs: number;
  idleMs: number | null;
}

export interface AttemptListener {
  /** `pid` is null where there is no process. */
  started(pid: number | null, at: number): void;
  growth(output: Pick<OutputTotals, 'stdoutBytes' | 'stderrBytes'>): void;
}

/** Bytes of each stream that the report of an attempt brings along. */
export const REPORTED_BYTES = 4096;

/** The end of an attempt, as the runner host saw it. */
export type AttemptReport =
  | {
      type: 'ended';
      outcome: Outcome;
      end: AttemptEnd;
      /** The last bytes of each stream as text: `REPORTED_BYTES` of them where there are so many. */
      tails: { stdout: string; stderr: string };
      /** Of an HTTP request that was answered. */
      response: HttpResponse | null;
    }
  /** The host died. `isStarted` is what it had told; the journal knows more. Its processes are proven dead. */
  | { type: 'interrupted'; detail: LostDetail; isStarted: boolean };

export interface RunningAttempt {
  /** Never rejects. */
  ended: Promise<AttemptReport>;
  /**
   * Stops the attempt; before its start, nothing is executed. The first cause wins; a later request can make the grace
   * shorter.
   */
  stop(outcome: StopRequest): void;
  /**
   * Moves the attempt and idle limits; both count from the start and from the last output. Answers whether they are in
   * force: not when the attempt has ended, or is being ended. Never rejects.
   */
  extend(attemptMs: number, idleMs: number | null): Promise<boolean>;
}

export type StopRequest =
  /** `graceMs` takes the place of the attempt's own. */
  | { cause: 'cancelled'; reason: string | null; graceMs?: number | null }
  | { cause: 'total_timeout'; limitMs: number }
  | { cause: 'lost'; detail: 'shutdown' };

/** Makes HTTP requests. Their bodies go to the log as standard output. */
export interface HttpRunner {
  run(start: RequestStart, listener: AttemptListener): RunningAttempt;
  /** Ends idle connections; running attempts have been stopped before. */
  close(): Promise<void>;
}

export interface RunnerStatus {
  name: string;
  pid: number | null;
  /** Times that the host was started again after it had died. */
  restarts: number;
  isReady: boolean;
  /** Why it is not ready; null when it is. */
  problem: string | null;
  /** The isolation tiers that it offers, from the weakest; attempts run at the first that is strong enough. */
  tiers: readonly IsolationTier[];
}

/** A tier that was to be offered, and does not work here. */
export interface FailedTier {
  tier: IsolationTier;
  problem: string;
}

export interface Runner {
  /** Starts the host, and tries its tiers: those that do not work are not offered. */
  start(identity: StoreIdentity): Promise<void>;
  /**
   * To be called once, before the first run: kills what earlier servers left of these attempts, proves it, and
   * removes their private directories. Answers how many processes were found.
   */
  sweep(attempts: readonly AttemptName[]): Promise<number>;
  run(start: AttemptStart, listener: AttemptListener): RunningAttempt;
  status(): RunnerStatus;
  /** Ends the host and with it everything that it still runs. */
  stop(): Promise<void>;
}

// -------------------------------------------------------------------------------------------- journal

export type StreamName = 'stdout' | 'stderr';

/** One piece of output, in the order of arrival. */
export interface LogRecord {
  /** From 1, per attempt. */
  seq: number;
  stream: StreamName;
  /** Milliseconds since the epoch. */
  time: number;
  /** Where its first byte stands in the attempt's log. */
  offset: number;
  bytes: Uint8Array;
}

/** Where in a log to begin. */
export type LogStart =
  | { from: 'offset'; offset: number }
  | { from: 'since'; time: number }
  | { from: 'tail'; lines: number; stream: StreamName | 'all' };

/** The log of one attempt. A snapshot: it ends where the log ended when it was opened; `refresh` moves the end. */
export interface AttemptLog {
  /** Bytes that are there. */
  readonly size: number;
  readonly records: number;
  /** Takes in what has been written since; true when there was something. */
  refresh(): Promise<boolean>;
  /** Offset at which a start lies. */
  locate(start: LogStart): Promise<number>;
  /** Records from an offset up to the end; the first one may be cut to begin there. */
  read(offset: number): AsyncIterable<LogRecord>;
  /** The last bytes of a stream: so many, or as many as there are, or fewer where much else lies between them. */
  last(stream: StreamName, bytes: number): Promise<Uint8Array>;
  /** Bytes of each stream, counted from the index. */
  totals(): Promise<Record<StreamName, number>>;
  close(): Promise<void>;
}

/** A log that is there cannot be read: its disk fails, or it is not what its index says. */
export class JournalError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'JournalError';
  }
}

/** Reading rejects with a JournalError where a log is there and cannot be read. */
export interface Journal {
  /**
   * Makes the directories, for the store with this id; to be called once, before anything else. Rejects when they hold
   * the logs of another store, which would be taken for logs without a record.
   */
  prepare(instanceId: string): Promise<void>;
  /** Null when the attempt has no log. */
  open(name: AttemptName): Promise<AttemptLog | null>;
  exists(name: AttemptName): Promise<boolean>;
  /** Where the log lies, for administrators. */
  path(name: AttemptName): string;
  remove(name: AttemptName): Promise<void>;
  /** All logs that are there, in batches. */
  all(): AsyncIterable<AttemptName[]>;
}

// -------------------------------------------------------------------------------------------- publish

/** Called after the fact is stored; never throws. */
export type Publish = (event: LifecycleEvent, execution: Execution) => void;
/** The same for what happens to accounts. */
export type PublishAccount = (event: AccountEvent) => void;
