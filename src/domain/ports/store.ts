// The ports: what the engine needs of the world. Each has a contract suite that every implementation passes.
import type { Asks } from './asks.ts';
import type { BlobPieces } from './blob-pieces.ts';
import type { SharedLogs } from './shared-logs.ts';
import type { FileReads } from './files.ts';
import type { KeptUse } from '../kept.ts';
import type { AccountReads } from '../credits/account.ts';
import type { ApiKey } from '../access/api-key.ts';
import type { EventFilter, EventRecord } from '../execution/events.ts';
import type {
  Attempt,
  AwaitingExecution,
  Execution,
  FinishedExecution,
  PendingExecution,
  RunningExecution,
  Status,
} from '../execution/execution.ts';
import type { EndFacts } from '../execution/report.ts';
import type { ExecutionId } from '../ids.ts';
import type { QueuedByPool } from '../pools.ts';
import type { StoredPhase } from '../execution/lifecycle.ts';
import type { ErrorCode } from '../errors.ts';
import type { Cause, Outcome } from '../outcome.ts';
import type { Schedule, ScheduleRun } from '../schedules/schedule.ts';
import type { StoredOperation } from '../operations/stored.ts';
import type { Pause, Paused } from '../pauses.ts';
import type { SkipReason } from '../plans/plan-state.ts';
import type { Signal } from '../plans/waits.ts';
import type { QueueUse } from '../shares.ts';
import type { Kind } from '../kinds.ts';
import type {
  Delivery,
  DeliveryQuery,
  DueDelivery,
  DueLanes,
  DueLanesQuery,
  Webhook,
} from '../webhooks/webhooks.ts';
import type { Feed } from './feed.ts';
import type { Replica, ReplicaFacts, ReplicaView, StoreIdentity } from './replica.ts';
import type { CacheEntry, Group, GroupResult, KeptState } from './group.ts';

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
  /** Those of the pending that are to start later. */
  delayed: number;
  /** Those of the pending that are waits. */
  awaiting: number;
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
  /** Executions in the queue by what they wait for, as of the last commit; what is not named has none. */
  queued: QueuedByPool;
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

/** Queued executions that are ahead of one. */
export interface QueuePlace {
  /** Of a higher priority. */
  higher: number;
  /** Of the same user. */
  own: number;
  /** Of other users, who have their turns before. */
  others: number;
}

/** An execution that is to start later. */
export interface DueStart {
  id: ExecutionId;
  kind: Kind;
  startAt: number;
}

/** Whose ends in which time a report is about. */
export interface ReportWindow {
  userId: string;
  /** Ends at or after this, and before that; ms since the epoch. */
  from: number;
  to: number;
  /** Null: whatever it was. */
  operation: string | null;
}

/** A claim that no settle followed, and whose replica is gone, or has begun again. */
export interface InterruptedAttempt {
  execution: Execution;
  attempt: Attempt;
  /** Whether this replica has made it: then its log, and its processes, are here. */
  isOwn: boolean;
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
  /** What is not claimed; left out: nothing is paused. */
  paused?: Paused;
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

/** Thrown by `commit` and by reads when the store itself fails; nothing of the group was written. */
export class StoreError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
  }
}

/** What is too old to be kept. A plan in which a step failed or timed out counts as failed, however it ended. */
/** A place among the ends. */
export interface EndPlace {
  finishedAt: number;
  id: string;
}

export interface LogEnds {
  found: { id: ExecutionId; kind: Kind }[];
  /** Where to go on; null: there are no more ends. */
  next: EndPlace | null;
}

export interface Ages {
  /** What ended before, and neither failed nor timed out. */
  finishedBefore: number;
  /** What failed or timed out before; not later than `finishedBefore`. */
  failedBefore: number;
}

export interface Store extends AccountReads, FileReads {
  /** Tells of everything that is committed, whoever does it. */
  readonly feed: Feed;
  /** Where every server can read logs; left out: a store of one server. */
  readonly logs?: SharedLogs;
  /** Where every server can read the bytes of files; left out: a store of one server. */
  readonly blobs?: BlobPieces;
  /** By which servers reach commands that run at others; left out: a store of one server. */
  readonly asks?: Asks;
  /** Left out: the only replica. Each replica opens for itself. */
  open(replica?: Replica): Promise<StoreIdentity>;
  /** From now on users share the slots so; until then all alike. May be called before `open`. */
  setShares(shares: Omit<Shares, 'paused'>): void;
  /** From now on nothing of this is claimed. */
  setPaused(paused: Paused): void;
  /** Operations put by API, by name. */
  operations(): Promise<StoredOperation[]>;
  /** What was paused. */
  pauses(): Promise<Pause[]>;
  /**
   * The claims that have not ended, of epochs that are over: because their replica has begun again, or because its lease has
   * lapsed.
   *
   * @param by whoever asks; left out: the only replica
   */
  interrupted(by?: number): Promise<InterruptedAttempt[]>;
  /** All replicas whose lease is not over, the longest there first. */
  replicas(): Promise<ReplicaView[]>;
  /** Replaces what the own replica says of itself; left out: nobody else could ask. */
  setFacts?(facts: ReplicaFacts): Promise<void>;
  /** Whether this epoch is the oldest that is not over: one of all replicas does what is to be done once. */
  leads(by: number): Promise<boolean>;
  /**
   * The one way to write. Each group is all-or-nothing; groups of concurrent callers share a transaction; it resolves
   * when they are durable. Rejects with `StoreError` when the transaction could not be written.
   *
   * @param by the epoch that does it, and makes the claims in it; left out: that of the only replica
   */
  commit(groups: readonly Group[], by?: number): Promise<GroupResult[]>;
  /** Null when there is none, or when it is not this user's. Null as user is the service itself. */
  get(userId: string | null, id: ExecutionId): Promise<Execution | null>;
  /** Those of these that there are, in any order, read at once. */
  getMany(ids: readonly ExecutionId[]): Promise<Execution[]>;
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
  /** The same by why they are ahead. */
  queuePlace(id: ExecutionId): Promise<QueuePlace | null>;
  /** How many executions with a concurrency key run. */
  keyUse(key: string): Promise<number>;
  /**
   * Pending executions that are followed after a restart, oldest first: something happens to them at a time (a limit, the
   * end of a backoff), they take part in a run, or others may join theirs.
   */
  pendingToFollow(): Promise<PendingExecution[]>;
  /**
   * Finished executions to remove, steps left aside: those that are too old, then those above the count, of the users who
   * have most: answers of the cache first, then what did not fail, then the rest, the oldest ends first. Those that ended after
   * `youngAfter` go only when there are twice as many as the count.
   */
  expired(
    ages: Ages,
    keepAtMost: number,
    limit: number,
    youngAfter?: number,
  ): Promise<{ id: ExecutionId; kind: Kind }[]>;
  /**
   * Finished executions to remove since all take more bytes than they may, of the users who take most, in the same order.
   * Those that ended after `youngAfter` go only when they take twice as much.
   */
  aboveBytes(
    keepBytes: number,
    limit: number,
    youngAfter: number,
  ): Promise<{ id: ExecutionId; kind: Kind }[]>;
  /**
   * Executions, steps left aside, that ended before, have neither failed nor timed out, and have logs; of a plan, those of its
   * steps. The oldest ends first, as far as a piece of all ends behind a place has them.
   */
  withLogs(before: number, after: EndPlace | null, limit: number): Promise<LogEnds>;
  /** Executions whose start time has come, the earliest first, after one of them. */
  dueStarts(now: number, after: DueStart | null, limit: number): Promise<DueStart[]>;
  /** The earliest start time that waits; null when there is none. */
  nextStart(): Promise<number | null>;
  /** The last ends of a window, newest first, at most `limit` of them; `isComplete` when these are all. */
  ends(window: ReportWindow, limit: number): Promise<{ ends: EndFacts[]; isComplete: boolean }>;
  /** Which of these runs have no log to keep: the store knows no attempt of theirs, or their logs were removed. */
  missing(runIds: readonly ExecutionId[]): Promise<ExecutionId[]>;
  /** Plans that have not ended and that nobody else drives, whose epoch is not over. */
  livePlans(by?: number): Promise<RunningExecution[]>;
  /** What has become of the steps of a plan so far; those that wait, or are set aside, are not among them. In the order of their beginning. */
  steps(planId: ExecutionId): Promise<StepRecord[]>;
  /** The execution of a plan that has this name, also of one that is set aside; null when there is none. */
  stepId(planId: ExecutionId, step: string): Promise<ExecutionId | null>;
  /** Bytes of what the executions of each of these plans were asked for with. */
  stepBytes(planIds: readonly ExecutionId[]): Promise<Map<ExecutionId, number>>;
  /** How many of a plan's steps have which status so far; those that wait are not counted. */
  stepCounts(planId: ExecutionId): Promise<Partial<Record<StepRecord['status'], number>>>;
  /** Removes idempotency keys that ended before; answers how many. */
  expireKeys(before: number): Promise<number>;
  /** Kept results, newest first. */
  cacheEntries(limit: number): Promise<CacheEntry[]>;
  /** Circuits that were kept. */
  circuits(): Promise<KeptState[]>;
  /** All API keys, by age; null when nothing but their use has changed since that version. */
  apiKeys(knownVersion: number): Promise<{ version: number; keys: ApiKey[] } | null>;
  /** Schedules of a user, by name. */
  schedules(userId: string): Promise<Schedule[]>;
  /** Null when there is none of this name. */
  schedule(userId: string, name: string): Promise<Schedule | null>;
  /** Schedules of which something is due: a time has come, or what waits can begin. */
  dueSchedules(now: number, limit: number): Promise<Schedule[]>;
  /** When the next due time of a schedule comes; null when there is none. */
  nextSchedule(): Promise<number | null>;
  /** What became of its due times, the latest first. */
  scheduleRuns(scheduleId: string, limit: number): Promise<ScheduleRun[]>;
  /** Waits that have not ended, oldest first. */
  awaiting(): Promise<AwaitingExecution[]>;
  /** What was sent to a plan, or decided on a wait, oldest first. */
  signals(subjectId: ExecutionId): Promise<Signal[]>;
  /** A secret of this store, made with it: signs links. */
  linkKey(): Promise<string>;
  /** Standing webhooks of a user, oldest first. */
  webhooks(userId: string): Promise<Webhook[]>;
  /** What was kept of a webhook by `series`; null when nothing was. */
  series(webhookId: string): Promise<string | null>;
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
  /** What a user keeps, as far as it is known here. */
  keeps(userId: string): KeptUse;
  /** Writes a trifle durably, to find out whether writing works. Rejects with `StoreError`. */
  probe(): Promise<void>;
  /** Writes what is waiting, then closes. A second call does nothing. */
  close(): Promise<void>;
}
