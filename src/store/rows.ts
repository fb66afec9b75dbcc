// How executions and attempts lie in a table. Shared by the stores: columns that are searched or compared stand
// alone, the rest is JSON.
import { hash } from 'node:crypto';
import type { EntryKind, LedgerEntry } from '../domain/credits/account.ts';
import type { CacheUse, MadeBy } from '../domain/cache.ts';
import { joinKey } from '../domain/execution/execution.ts';
import type { Cost } from '../domain/cost.ts';
import type {
  Attempt,
  Execution,
  ExecutionAccess,
  FinishedExecution,
  OutputPolicy,
  OutputTotals,
  Resources,
  Result,
  RetryPolicy,
  Status,
  Timeouts,
  Trace,
} from '../domain/execution/execution.ts';
import {
  NO_ACCESS_FACTS,
  NO_OUTPUT,
  operationOf,
  slotKindOf,
  type StoredCaller,
} from '../domain/execution/execution.ts';
import type { Monitor } from '../domain/spec/monitor.ts';
import type { IsolationTier } from '../domain/isolation.ts';
import type { EventType } from '../domain/event-types.ts';
import { readJson, writeJson } from '../domain/exact-json.ts';
import { endOf, type EventRecord, isFinal, type LifecycleEvent } from '../domain/execution/events.ts';
import type { StoredPhase } from '../domain/execution/lifecycle.ts';
import { NO_LIMITS, type ResourceLimits } from '../domain/limits.ts';
import type { Outcome, ProcessEnd } from '../domain/outcome.ts';
import type { SkipReason } from '../domain/plans/plan-state.ts';
import type { StepRecord } from '../domain/ports/store.ts';
import type { NewExecution } from '../domain/ports/group.ts';
import type { ScheduleOf } from '../domain/execution/execution.ts';
import type { AnySpec, AnyWork } from '../domain/spec/any.ts';
import type { Kind } from '../domain/kinds.ts';
import { type PoolKey, poolKey, poolOf } from '../domain/pools.ts';
import type { StopPolicy } from '../domain/stop.ts';

/** What names of circuits begin with in `meta`. */
export const CIRCUIT = 'circuit:';
/** The same of what is kept of a webhook. */
export const SERIES = 'series:';
/** The same of operations put by API. */
export const OPERATION = 'operation:';
/** The same of pauses. */
export const PAUSE = 'pause:';

export interface ExecutionRow {
  /** Order of acceptance, and so the order in the queue within a priority. */
  seq: number;
  id: string;
  user_id: string;
  run_id: string;
  kind: Kind;
  operation: string | null;
  /** What it waits for, or has waited for; a plan is never in a queue. */
  pool: PoolKey | 'none';
  concurrency_key: string | null;
  concurrency_limit: number | null;
  /** Names work that may share a run; null where it never does. */
  join_key: string | null;
  task_id: string | null;
  /** The plan that it is a step of, and as which. */
  plan_id: string | null;
  step: string | null;
  spec: string;
  /** JSON of `StaticFacts`. */
  facts: string;
  priority: number;
  /** JSON of `Clocks`. */
  timeouts: string;
  phase: StoredPhase;
  status: Status;
  revision: number;
  event_sequence: number;
  /** Number of the last claimed attempt, 0 before the first. */
  attempt: number;
  created_at: number;
  queued_at: number;
  /** When a scheduled retry, or a start that was asked for later, is due. */
  retry_at: number | null;
  cancel_at: number | null;
  cancel_reason: string | null;
  finished_at: number | null;
  /** JSON of the outcome, and of the result, once it has finished; the outcome of a plan as soon as it is decided. */
  outcome: string | null;
  result: string | null;
  /** JSON of `Cost`; null when it is free. */
  cost: string | null;
  /** JSON; null for most. */
  webhook: string | null;
}

const OPEN_PHASES = ['queued', 'scheduled_retry', 'starting'] as const satisfies StoredPhase[];

/** Whether others may join the run that an execution stands for. */
export const isOpenRun = ({ phase }: Pick<ExecutionRow, 'phase'>): boolean =>
  (OPEN_PHASES as readonly StoredPhase[]).includes(phase);

/** The same in SQL, of runs that others may join at all. Written as in the indexes. */
export const IS_OPEN_RUN = `(join_key IS NOT NULL AND phase IN (${OPEN_PHASES.map((phase) => `'${phase}'`).join(', ')}))`;

/** What changes of an execution after the acceptance. */
export const CHANGING_COLUMNS = [
  ...([
    'run_id',
    'plan_id',
    'priority',
    'timeouts',
    'phase',
    'status',
    'revision',
    'event_sequence',
  ] as const),
  ...(['attempt', 'queued_at', 'retry_at', 'cancel_at', 'cancel_reason', 'finished_at', 'outcome'] as const),
] as const satisfies (keyof ExecutionRow)[];

/** What an execution is timed by. */
export type Clocks = Timeouts & { monitor?: Monitor };

interface StaticFacts {
  labels: Record<string, string>;
  outputPolicy: OutputPolicy;
  /** Null when it is the spec itself. */
  work: AnyWork | null;
  retry: RetryPolicy | null;
  retrySafe: boolean;
  cache: CacheUse | null;
  trace: Trace;
  rerunOf: string | null;
  /** Left out where there are none. */
  startAt?: number;
  schedule?: ScheduleOf;
  redriveOf?: string;
  keptFrom?: string;
  caller?: StoredCaller;
  limits?: ResourceLimits;
  stop?: StopPolicy;
  isolation: IsolationTier;
  /** The network of this machine. Left out where it is false. */
  hasNetwork?: boolean;
  /** The network of listed hosts; left out where there are none. */
  networkHosts?: readonly string[];
  /** Left out where nobody reads along. */
  onDisconnect?: 'cancel';
  /** Undefined in rows of the first version. */
  access?: ExecutionAccess;
}

export interface AttemptRow {
  run_id: string;
  number: number;
  /** The store's epoch at the claim. */
  epoch: number;
  claimed_at: number;
  runner: string;
  started_at: number | null;
  ended_at: number | null;
  outcome: string | null;
  output: string | null;
  resources: string | null;
  log_complete: number | null;
}

export interface LedgerRow {
  position: number;
  user_id: string;
  kind: EntryKind;
  amount: number;
  balance_after: number;
  reserved: number;
  subject_id: string;
  note: string | null;
  by_user: string | null;
  at: number;
  crossed: number | null;
}

export interface EventRow {
  position: number;
  execution_id: string;
  sequence: number;
  type: EventType;
  at: number;
  attempt: number;
  phase: StoredPhase;
  step: string | null;
}

/** What of an execution goes along with its events. */
export interface EventFactsRow {
  user_id: string;
  kind: Kind;
  operation: string | null;
  task_id: string | null;
  plan_id: string | null;
  /** Its name in that plan. */
  plan_step: string | null;
  /** JSON. */
  labels: string;
  /** JSON; null unless it has finished. */
  outcome: string | null;
  /** JSON of `MadeBy`; null where it is no hit. */
  made_by: string | null;
}

/** A step of a plan, as its row, or its mark where it has none, tells. */
export interface StepRow {
  step: string;
  id: string | null;
  kind: Kind | null;
  phase: StoredPhase;
  status: Status | 'skipped';
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  attempt: number;
  outcome: string | null;
  reason: string | null;
  kept_from: string | null;
}

/** A row that the store has not given a sequence yet. */
export type NewRow = Omit<ExecutionRow, 'seq'>;

type Accepted = NewExecution | FinishedExecution;

/** The facts as JSON, without the brace that opens it and the trace. */
function factsOf(execution: Accepted): string {
  const { labels, outputPolicy, retry, retrySafe, cache, rerunOf, isolation, access } = execution;
  const work = execution.work === execution.spec ? null : execution.work;
  const { startAt, schedule, redriveOf, keptFrom, caller, limits, stop, network, onDisconnect } = execution;
  const facts: Omit<StaticFacts, 'trace'> = {
    ...{ labels, outputPolicy, work, retry, retrySafe, cache, rerunOf, isolation, access },
    ...(network === true ? { hasNetwork: true } : {}),
    ...(typeof network === 'boolean' ? {} : { networkHosts: network }),
    ...(startAt === null ? {} : { startAt }),
    ...(schedule === null ? {} : { schedule }),
    ...(redriveOf === null ? {} : { redriveOf }),
    ...(keptFrom === null ? {} : { keptFrom }),
    ...(caller === null ? {} : { caller }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...(stop === null ? {} : { stop }),
    ...(onDisconnect === undefined ? {} : { onDisconnect }),
  };
  return writeJson(facts).slice(1);
}

/** A trace as JSON: it is hexadecimal digits only. */
export function traceText({ traceId, parentId, flags }: Trace): string {
  return `{"traceId":"${traceId}","parentId":"${parentId}","flags":"${flags}"}`;
}

const withTrace = (facts: string, trace: string): string => `{"trace":${trace},${facts}`;

/** The row of a new execution, before its first group gives it a sequence. */
/** Without times, which the store sets. */
export function newRow(execution: NewExecution): Omit<NewRow, 'created_at' | 'queued_at'> {
  const facts = withTrace(factsOf(execution), traceText(execution.trace));
  return { ...commonRow(execution), join_key: joinKeyOf(execution), facts };
}

function joinKeyOf(execution: NewExecution): string | null {
  const key = joinKey(execution);
  return key === null ? null : hash('sha256', `${execution.userId}\0${key}`, 'base64url');
}

function keyOf(work: AnyWork): ExecutionRow['pool'] {
  const slotKind = slotKindOf(work);
  return slotKind === null ? 'none' : poolKey(slotKind, poolOf(work));
}

function commonRow(execution: Accepted): Omit<NewRow, 'facts' | 'created_at' | 'queued_at'> {
  const { plan } = execution;
  return {
    id: execution.id,
    user_id: execution.userId,
    run_id: execution.runId,
    kind: execution.spec.kind,
    operation: operationOf(execution),
    pool: keyOf(execution.work),
    concurrency_key: execution.concurrency?.key ?? null,
    concurrency_limit: execution.concurrency?.limit ?? null,
    join_key: null,
    task_id: execution.taskId,
    plan_id: plan?.id ?? null,
    step: plan?.step ?? null,
    spec: writeJson(execution.spec),
    priority: execution.priority,
    timeouts: clocksText(execution),
    phase: 'queued',
    status: 'pending',
    revision: 0,
    event_sequence: 0,
    attempt: 0,
    retry_at: execution.startAt,
    cancel_at: null,
    cancel_reason: null,
    finished_at: null,
    outcome: null,
    result: null,
    cost: execution.cost === null ? null : JSON.stringify(execution.cost),
    webhook: execution.webhook === null ? null : JSON.stringify(execution.webhook),
  };
}

/** The monitor is left out where there is none. */
export function clocksText({ timeouts, monitor }: Pick<Execution, 'timeouts' | 'monitor'>): string {
  return JSON.stringify(monitor === null ? timeouts : ({ ...timeouts, monitor } satisfies Clocks));
}

export const monitorOf = ({ timeouts }: Pick<ExecutionRow, 'timeouts'>): Monitor | null =>
  (JSON.parse(timeouts) as Clocks).monitor ?? null;

/** What the rows of executions that ended alike have in common; each gets the rest by `ownAnswer`. */
export interface AnswerRow extends Omit<NewRow, 'facts'> {
  /** Without its beginning, which is each one's own. */
  facts: string;
}

/** @param execution that has ended with its acceptance */
export function answerRow(execution: FinishedExecution): AnswerRow {
  const { status, revision, eventSequence, outcome, result } = execution;
  const times = { created_at: execution.createdAt, queued_at: execution.queuedAt };
  const row = Object.assign(commonRow(execution), times);
  const text = result === null ? null : writeJson(result);
  const end = { outcome: JSON.stringify(outcome), result: text };
  const facts = factsOf(execution);
  return Object.assign(
    row,
    { phase: 'done', status, revision, event_sequence: eventSequence, facts } as const,
    end,
  );
}

/** Those in which rows of executions that ended alike differ. */
export const OWN_COLUMNS = ['id', 'run_id', 'facts', 'created_at', 'queued_at', 'finished_at'] as const;

export function ownAnswer(
  { facts }: AnswerRow,
  { id, trace, at }: { id: string; trace: string; at: number },
): Pick<NewRow, (typeof OWN_COLUMNS)[number]> {
  return { id, run_id: id, facts: withTrace(facts, trace), created_at: at, queued_at: at, finished_at: at };
}

function parseOr(json: string | null, absent: unknown): unknown {
  return json === null ? absent : JSON.parse(json);
}

/**
 * Reads an execution from its row and the rows of its run's attempts, ordered by number.
 *
 * @param known its spec, where it was read before
 */
export function toExecution(
  row: ExecutionRow,
  attempts: readonly AttemptRow[],
  known?: Execution['spec'],
): Execution {
  const { monitor = null, ...timeouts } = JSON.parse(row.timeouts) as Clocks;
  const {
    work,
    access = NO_ACCESS_FACTS,
    hasNetwork = false,
    networkHosts,
    ...stored
  } = readJson(row.facts) as StaticFacts;
  const spec = known ?? (readJson(row.spec) as AnySpec);
  const facts = {
    ...{
      startAt: null,
      schedule: null,
      redriveOf: null,
      keptFrom: null,
      caller: null,
      limits: NO_LIMITS,
      stop: null,
    },
    ...stored,
    network: networkHosts ?? hasNetwork,
    access,
    plan: row.plan_id === null || row.step === null ? null : { id: row.plan_id, step: row.step },
    id: row.id,
    userId: row.user_id,
    runId: row.run_id,
    spec,
    // Only an operation is another work than its spec.
    work: work ?? (spec as AnyWork),
    concurrency: concurrencyOf(row),
    taskId: row.task_id,
    priority: row.priority,
    ...{ timeouts, monitor },
    revision: row.revision,
    eventSequence: row.event_sequence,
    webhook: parseOr(row.webhook, null) as Execution['webhook'],
    createdAt: row.created_at,
    queuedAt: row.queued_at,
    attempts: attempts.map(toAttempt),
    cost: costOf(row),
  };
  const cancel = row.cancel_at === null ? null : { at: row.cancel_at, reason: row.cancel_reason };
  switch (row.phase) {
    case 'queued':
      return { ...facts, status: 'pending', phase: 'queued', queueSequence: row.seq };
    case 'joined':
      return { ...facts, status: 'pending', phase: 'joined' };
    case 'awaiting':
      return { ...facts, status: 'pending', phase: 'awaiting' };
    case 'scheduled':
      if (row.retry_at === null) throw new TypeError(`execution ${row.id} starts at no time`);
      return { ...facts, status: 'pending', phase: 'scheduled', startAt: row.retry_at };
    case 'scheduled_retry':
      if (row.retry_at === null) throw new TypeError(`execution ${row.id} waits for no time`);
      return { ...facts, status: 'pending', phase: 'scheduled_retry', retryAt: row.retry_at };
    case 'starting':
    case 'canceling':
      return {
        ...facts,
        ...{ status: 'running', phase: row.phase, cancel },
        decided: row.outcome === null ? null : toOutcome(row.outcome),
      };
    case 'done': {
      if (
        row.outcome === null ||
        row.finished_at === null ||
        row.status === 'pending' ||
        row.status === 'running'
      ) {
        throw new TypeError(`execution ${row.id} is finished without an outcome`);
      }
      return {
        ...facts,
        status: row.status,
        phase: 'done',
        outcome: toOutcome(row.outcome),
        result: row.result === null ? null : (readJson(row.result) as Result),
        cancel,
        finishedAt: row.finished_at,
      };
    }
    default:
      return row.phase satisfies never;
  }
}

export function costOf({ cost }: Pick<ExecutionRow, 'cost'>): Cost | null {
  return parseOr(cost, null) as Cost | null;
}

function concurrencyOf({
  concurrency_key: key,
  concurrency_limit: limit,
}: ExecutionRow): Execution['concurrency'] {
  return key === null || limit === null ? null : { key, limit };
}

export function toAttempt(row: AttemptRow): Attempt {
  return {
    epoch: row.epoch,
    number: row.number,
    claimedAt: row.claimed_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    runner: row.runner,
    outcome: row.outcome === null ? null : toOutcome(row.outcome),
    output: parseOr(row.output, NO_OUTPUT) as OutputTotals,
    resources: parseOr(row.resources, null) as Resources | null,
    logComplete: row.log_complete === null ? null : row.log_complete === 1,
  };
}

export function toEntry(row: LedgerRow): LedgerEntry {
  const { position, kind, amount, reserved, note, at, crossed } = row;
  const { user_id: userId, balance_after: balanceAfter, subject_id: subjectId, by_user: by } = row;
  return { position, userId, kind, amount, balanceAfter, reserved, subjectId, note, by, at, crossed };
}

export function toStep(row: StepRow): StepRecord {
  const { step, id: executionId, kind, phase, status, attempt: attempts } = row;
  return {
    ...{ step, executionId, kind, phase, status, attempts },
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    outcome: row.outcome === null ? null : toOutcome(row.outcome),
    skipReason: row.reason as SkipReason | null,
    keptFrom: row.kept_from,
  };
}

export function toEvent(row: EventRow): LifecycleEvent {
  const { position, execution_id: executionId, sequence, type, at, attempt, phase, step } = row;
  return { position, executionId, sequence, type, at, attempt, phase, step };
}

/** An event with the facts of its execution; `attempts` is asked for the last one only. */
export function toEventRecord(
  row: EventRow & EventFactsRow,
  attempts: () => readonly AttemptRow[],
): EventRecord {
  const { user_id: userId, kind, operation, task_id: taskId, plan_id, plan_step, outcome, made_by } = row;
  const plan = plan_id === null || plan_step === null ? null : { id: plan_id, step: plan_step };
  const labels = JSON.parse(row.labels) as Record<string, string>;
  const madeBy = made_by === null ? undefined : (JSON.parse(made_by) as MadeBy);
  const end =
    isFinal(row.type) && outcome !== null
      ? endOf(toOutcome(outcome), attempts().map(toAttempt), madeBy)
      : null;
  return { ...toEvent(row), userId, kind, operation, taskId, labels, plan, end };
}

/** Of earlier versions, nothing is known of signals and of lost output. */
function toOutcome(text: string): Outcome {
  const outcome = JSON.parse(text) as Outcome;
  if (!('process' in outcome) || outcome.process === null || 'outputLost' in outcome.process) return outcome;
  return { ...outcome, process: { ...NO_PROOF, ...(outcome.process as ProcessEnd) } };
}
const NO_PROOF = { signals: [], processesFound: 0, outputLost: false };
