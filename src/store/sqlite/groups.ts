// Carries out groups inside the writer's transaction. Every part looks before it writes, and asks the lifecycle
// table; what it answers, not an exception, says that a group is to be undone.
import type { DatabaseSync } from 'node:sqlite';
import type { EventType } from '../../domain/event-types.ts';
import { readJson, writeJson } from '../../domain/exact-json.ts';
import type { Pool, Timeouts } from '../../domain/execution/execution.ts';
import { acceptEvents, moveEvents } from '../../domain/execution/events.ts';
import type { Move, StoredPhase } from '../../domain/execution/lifecycle.ts';
import { statusOf, transition } from '../../domain/execution/lifecycle.ts';
import { judge, type Outcome } from '../../domain/outcome.ts';
import type * as ports from '../../domain/ports/group.ts';
import type { ChargePart, GrantPart } from '../../domain/credits/account.ts';
import type { PricedAs } from '../../domain/credits/price.ts';
import { type TooMuch, tooMuchKept } from '../../domain/kept.ts';
import { mayTake } from '../../domain/shares.ts';
import {
  type AttemptRow,
  type EventRow,
  type ExecutionRow,
  type LedgerRow,
  type NewRow,
  toEntry,
} from '../rows.ts';
import { AccountWriter, type NoCredit } from './account-writer.ts';
import { AnswerWriter, type WriterAnswers } from './answers.ts';
import { ApiKeysTable } from './api-keys.ts';
import { addTo, type Counts, readCounts } from './counts.ts';
import { Turns } from './turns.ts';
import { endBytesOf, keptBytes, storeBytesOf, UserUsage } from './user-usage.ts';
import { DeliveryWriter } from './deliveries.ts';
import { CHANGING_COLUMNS, CIRCUIT, EXECUTION_COLUMNS, prepareStatements } from './statements.ts';

/** Parts as the writer takes them: a new execution travels as its row, and a result as its text. */
export type WriterPart =
  | WriterAccept
  | WriterAnswers
  | WriterSettle
  | WriterCache
  | Exclude<ports.Part, ports.AcceptPart | ports.AnswersPart | ports.SettlePart | ports.CachePart>;

type WriterAccept = Omit<ports.AcceptPart, 'execution' | 'end'> & {
  row: NewRow;
  labels: [string, string][];
  end: { outcome: Outcome; result: string | null } | null;
};
/** Entries travel as their texts. */
type WriterCache = Omit<ports.CachePart, 'put'> & { put: { key: string; storedAt: number; text: string }[] };
type WriterSettle = Omit<ports.SettlePart, 'result'> & { result: string | null };

export interface RowWithAttempts {
  row: ExecutionRow;
  attempts: AttemptRow[];
  /** Its result is left out here: it is that of the first row of the reply. */
  hasResultOfFirst?: boolean;
}

/** A group that changes nothing, and why. */
export type Undone =
  | { status: 'stale' }
  | {
      status: 'refused';
      reason: 'queue_full' | 'user_queue_full' | 'run_gone' | 'not_found' | 'balance_limit';
    }
  | {
      status: 'refused';
      reason: 'key_reused' | 'key_exists' | 'too_many_keys';
    }
  | {
      status: 'refused';
      reason: 'plan_closed' | 'step_exists' | 'step_of_plan';
    }
  | NoCredit
  | { status: 'refused'; reason: 'quota_exceeded'; tooMuch: TooMuch }
  | { status: 'refused'; reason: 'key_replayed' | 'key_gone'; executionId: string }
  | { status: 'refused'; reason: 'illegal'; current: RowWithAttempts };

export type GroupReply =
  | {
      status: 'applied';
      touched: RowWithAttempts[];
      events: EventRow[];
      answers: number[];
      entries?: LedgerRow[];
    }
  | Undone;

type FullReason = 'queue_full' | 'user_queue_full';

const STALE: Undone = { status: 'stale' };
const NOT_FOUND: Undone = { status: 'refused', reason: 'not_found' };

/** Ends that are those of one execution, not of the run that it shares. */
const OWN_ENDS: ReadonlySet<Outcome['cause']> = new Set([
  'lost',
  'cancelled',
  'total_timeout',
  'queue_timeout',
  'denied',
]);

/** An event of a plan that speaks of a step. */
interface StepEvent {
  type: EventType;
  step: string;
}

/** What a group has changed so far. */
interface Work {
  touched: RowWithAttempts[];
  events: EventRow[];
  entries?: LedgerRow[];
  /** Positions of the first events of answers. */
  answers: number[];
}

export class GroupWriter {
  counts: Counts;
  readonly #epoch: number;
  readonly #sql: ReturnType<typeof prepareStatements>;
  readonly #accounts: AccountWriter;
  readonly #answers: AnswerWriter;
  readonly #apiKeys: ApiKeysTable;
  readonly usage: UserUsage;
  readonly turns: Turns;
  readonly deliveries: DeliveryWriter;

  constructor(db: DatabaseSync, epoch: number, { maxDeliveries }: { maxDeliveries: number }) {
    this.#epoch = epoch;
    this.usage = new UserUsage(db);
    this.turns = new Turns(db, this.usage);
    this.deliveries = new DeliveryWriter(db, maxDeliveries);
    this.#answers = new AnswerWriter(db, this.deliveries);
    this.#sql = prepareStatements(db);
    this.#accounts = new AccountWriter(db);
    this.#apiKeys = new ApiKeysTable(db);
    this.counts = readCounts(db);
  }

  /** Carries out one group. The caller undoes what it wrote when the reply is not `applied`. */
  apply(group: readonly WriterPart[]): GroupReply {
    const work: Work = { touched: [], events: [], answers: [] };
    const { queued, finished } = this.counts;
    const { mark } = this.usage;
    const before = { ...this.counts, queued: { ...queued }, finished: { ...finished } };
    this.deliveries.begin();
    for (const part of group) {
      const undone = this.#part(part, work);
      if (undone === null) continue;
      this.counts = before;
      this.usage.undo(mark);
      this.deliveries.undo(group.some(({ type }) => type === 'webhook' || type === 'webhook_remove'));
      return undone;
    }
    return { status: 'applied', ...work };
  }

  #part(part: WriterPart, work: Work): Undone | null {
    switch (part.type) {
      case 'accept':
        return this.#accept(part, work);
      case 'answers':
        work.answers.push(...this.#answers.write(part, this.counts, this.usage));
        return null;
      case 'idempotency':
        return this.#idempotency(part);
      case 'claim_next':
        return this.#claimNext(part, work);
      case 'cancel':
        return this.#cancel(part, work);
      case 'stop_plan':
        return this.#stopPlanPart(part, work);
      case 'mark_steps':
        return this.#markSteps(part, work);
      case 'keep_steps':
        return this.#keepSteps(part);
      case 'settle':
        return this.#settle(part, work);
      case 'requeue':
        return this.#requeue(part, work);
      case 'retry':
        return this.#retry(part, work);
      case 'due':
        return this.#due(part, work);
      case 'expire':
        return this.#expire(part, work);
      case 'cache':
        return this.#cache(part);
      case 'api_keys': {
        const reason = this.#apiKeys.apply(part);
        return reason === null ? null : { status: 'refused', reason };
      }
      case 'patch':
        return this.#patch(part, work);
      case 'remove':
        return this.#remove(part, work);
      case 'progress':
        return this.#progress(part, work);
      case 'grant':
        return this.#grant(part, work);
      case 'charge':
        return this.#charge(part, work);
      case 'webhook':
        this.deliveries.put(part);
        return null;
      case 'webhook_remove':
        return this.deliveries.remove(part) ? null : NOT_FOUND;
      case 'delivery':
        return this.deliveries.settle(part) ? null : STALE;
      case 'hold_lane':
        this.deliveries.hold(part);
        return null;
      case 'delivery_sweep':
        this.deliveries.sweep(part);
        return null;
      case 'circuits':
        for (const { name, state } of part.put) this.#sql.putMeta.run(CIRCUIT + name, state);
        for (const name of part.drop) this.#sql.dropMeta.run(CIRCUIT + name);
        return null;
      case 'stop_asked':
        this.#sql.putMeta.run('stop_asked', String(this.#epoch));
        return null;
      default:
        return part satisfies never;
    }
  }

  #accept(part: WriterAccept, work: Work): Undone | null {
    const { end, joins } = part;
    const fresh = { ...part.row, revision: 1 };
    const refusal = this.#whyNoStep(fresh);
    if (refusal !== null) return refusal;
    const tooMuch =
      part.quota === undefined ? null : tooMuchKept(this.usage.keeps(fresh.user_id), part.quota.kept);
    if (tooMuch !== null) return { status: 'refused', reason: 'quota_exceeded', tooMuch };
    const full = end === null ? this.#whyFull(part) : null;
    if (full !== null) return { status: 'refused', reason: full };
    const hold = this.#accounts.look(fresh, part.pricing?.windows ?? [], fresh.created_at);
    if (hold !== null && 'status' in hold) return hold;
    const claim = this.#mayRun(fresh) ? part.claim : null;
    const attempts: AttemptRow[] = [];
    if (end !== null) {
      Object.assign(fresh, { phase: 'done', status: statusOf('done', end.outcome) });
      Object.assign(fresh, finished(end.outcome, fresh.created_at), { result: end.result });
    } else if (joins) {
      const phase = this.#owner(fresh.run_id)?.phase;
      const isOpen = phase === 'queued' || phase === 'scheduled_retry' || phase === 'starting';
      if (!isOpen) return { status: 'refused', reason: 'run_gone' };
      fresh.phase = 'joined';
    } else if (claim !== null) {
      Object.assign(fresh, { phase: 'starting', status: 'running', attempt: 1 });
      attempts.push(this.#insertAttempt(fresh.run_id, 1, claim));
    } else if (fresh.kind === 'plan') {
      Object.assign(fresh, { phase: 'starting', status: 'running' });
    }
    const events = acceptEvents(fresh.phase === 'starting', end?.outcome ?? null);
    fresh.event_sequence = events.length;
    if (hold !== null) {
      this.#accounts.hold(fresh, hold);
      // Nothing can change what an execution costs that has ended with its acceptance.
      if (end !== null) this.#chargeAtOnce(fresh, end.outcome, part.pricing?.lowBalance ?? null, work);
    }
    const { lastInsertRowid } = this.#sql.insertExecution.run(
      ...EXECUTION_COLUMNS.map((name) => fresh[name]),
    );
    const row: ExecutionRow = { ...fresh, seq: Number(lastInsertRowid) };
    for (const [name, value] of part.labels) this.#sql.insertLabel.run(row.user_id, name, value, row.id);
    this.#insertEvents(row, 0, events, row.created_at, work);
    // What has ended with its acceptance is known to the caller already, but for what it cost.
    if (end === null) work.touched.push({ row, attempts });
    else if (row.cost !== null) work.touched.push({ row: { ...row, result: null }, attempts });
    this.#count(row, 1);
    this.usage.add(row.user_id, 'storeBytes', storeBytesOf(row));
    return null;
  }

  #chargeAtOnce(
    row: Omit<ExecutionRow, 'seq'>,
    outcome: Outcome,
    lowBalance: number | null,
    work: Work,
  ): void {
    this.#accounts.owe(row, 'hit', outcome, []);
    const part = { type: 'charge', executionId: row.id, at: row.created_at, lowBalance } as const;
    const entry = this.#accounts.charge(part, row);
    if (entry !== null) this.#addEntry(work, entry);
  }

  /** Its row is a revision further, like after a charge that comes later. */
  #chargeWithEnd(row: ExecutionRow, at: number, lowBalance: number | null, work: Work): void {
    const entry = this.#accounts.charge({ type: 'charge', executionId: row.id, at, lowBalance }, row);
    if (entry === null) return;
    row.revision += 1;
    this.#addEntry(work, entry);
  }

  #charge(part: ChargePart, work: Work): Undone | null {
    const entry = this.#accounts.charge(part, this.#row(part.executionId));
    if (entry === null) return STALE;
    this.#addEntry(work, entry);
    return null;
  }

  #addEntry(work: Work, entry: LedgerRow): void {
    (work.entries ??= []).push(entry);
    this.deliveries.noteEntry(toEntry(entry));
  }

  #grant(part: GrantPart, work: Work): Undone | null {
    const entry = this.#accounts.grant(part);
    if ('status' in entry) return entry;
    this.#addEntry(work, entry);
    return null;
  }

  /** Why there is no room for one more execution that has not ended yet; null when there is. */
  #whyFull({ row, joins, claim, quota, mayWait, maxQueued }: WriterAccept): FullReason | null {
    const { waiting, retrying } = this.usage.of(row.user_id);
    const queued = quota?.queued ?? null;
    if (claim !== null && !joins && this.#mayRun({ ...row, revision: 1 })) {
      // It may have to be retried: a user whose retries fill the queue begins nothing more. Those of others do not count.
      const isOver =
        (queued !== null && retrying >= queued) || !this.#mayAdd(row.user_id, 'retrying', maxQueued);
      return retrying > 0 && isOver ? 'user_queue_full' : null;
    }
    if (mayWait === false) return 'queue_full';
    if (queued !== null && waiting >= queued) return 'user_queue_full';
    return this.#mayAdd(row.user_id, 'waiting', maxQueued) ? null : 'queue_full';
  }

  #mayAdd(userId: string, field: 'waiting' | 'retrying', most: number): boolean {
    return mayTake(this.usage.taken(userId, field), 1, most);
  }

  #idempotency(part: ports.IdempotencyPart): Undone | null {
    const known = this.#sql.getKey.get(part.userId, part.key) as
      | { body_hash: string; execution_id: string; expires_at: number }
      | undefined;
    if (known !== undefined && known.expires_at > part.at) {
      if (known.body_hash !== part.bodyHash) return { status: 'refused', reason: 'key_reused' };
      const reason = this.#row(known.execution_id) === undefined ? 'key_gone' : 'key_replayed';
      return { status: 'refused', reason, executionId: known.execution_id };
    }
    this.#sql.putKey.run(part.userId, part.key, part.bodyHash, part.executionId, part.expiresAt);
    return null;
  }

  #claimNext(part: ports.ClaimNextPart, work: Work): null {
    const { pool, limit, claim } = part;
    this.turns.forEach(pool, limit, this.#lines(pool), (row) => {
      const number = row.attempt + 1;
      this.#insertAttempt(row.run_id, number, claim);
      this.#move(row, { type: 'claim', attempt: number }, claim.at, { attempt: number }, work);
    });
    return null;
  }

  /** Where executions wait, with how many may run: of those without a key any number. */
  #lines(pool: Pool): { key: string | null; free: number }[] {
    const keys = this.#sql.waitingKeys.all(pool) as { key: string }[];
    const keyed = keys.map(({ key }) => {
      const limit = (this.#sql.keyLimit.get(pool, key) as { n: number | null }).n ?? Infinity;
      return { key, free: limit - this.#running(key) };
    });
    return [{ key: null, free: Infinity }, ...keyed];
  }

  #running(key: string): number {
    return (this.#sql.running.get(key) as { n: number }).n;
  }

  #mayRun(row: NewRow): boolean {
    const { user_id, pool, concurrency_key: key, concurrency_limit: limit } = row;
    if (pool !== 'none' && this.turns.room(user_id) <= 0) return false;
    return key === null || limit === null || this.#running(key) < limit;
  }

  #cancel(part: ports.CancelPart, work: Work): Undone | null {
    const row = this.#own(part.executionId, part.userId);
    if (row === undefined) return NOT_FOUND;
    if (row.phase !== 'canceling') return this.#cancelRow(row, part, work);
    this.#touchCanceling(row, work);
    return null;
  }

  /** What is being cancelled already: of a plan, its steps, too. */
  #touchCanceling(row: ExecutionRow, work: Work): void {
    work.touched.push(this.#withAttempts(row));
    if (row.kind !== 'plan') return;
    for (const step of this.#sql.liveSteps.all(row.id) as unknown as ExecutionRow[])
      if (step.phase === 'canceling') this.#touchCanceling(step, work);
  }

  #cancelRow(
    row: ExecutionRow,
    { at, reason }: Pick<ports.CancelPart, 'at' | 'reason'>,
    work: Work,
  ): Undone | null {
    const asked = { cancel_at: at, cancel_reason: reason };
    const outcome: Outcome = { cause: 'cancelled', reason, process: null };
    if (row.kind === 'plan') return this.#stopPlan(row, { outcome, at, asked, why: reason }, work);
    const others = this.#others(row, 1);
    if (row.phase === 'starting' && others.length === 0) {
      return this.#move(row, { type: 'cancel' }, at, asked, work);
    }
    return this.#leave(row, others, { type: 'cancel' }, { outcome, at, changes: asked }, work);
  }

  #stopPlanPart(part: ports.StopPlanPart, work: Work): Undone | null {
    const row = this.#row(part.executionId);
    if (row === undefined || hasMoreTime(row, part.outcome)) return STALE;
    const { outcome, at } = part;
    const why = judge(outcome).error?.message ?? null;
    if (row.phase === 'starting') return this.#stopPlan(row, { outcome, at, asked: {}, why }, work);
    return { status: 'refused', reason: 'illegal', current: this.#withAttempts(row) };
  }

  /** Decides how a plan ends, and stops what lives of it. */
  #stopPlan(
    row: ExecutionRow,
    {
      outcome,
      at,
      asked,
      why,
    }: { outcome: Outcome; at: number; asked: Partial<ExecutionRow>; why: string | null },
    work: Work,
  ): Undone | null {
    const decided = { ...asked, outcome: JSON.stringify(outcome) };
    const undone = this.#move(row, { type: 'cancel' }, at, decided, work);
    if (undone !== null) return undone;
    for (const step of this.#sql.liveSteps.all(row.id) as unknown as ExecutionRow[]) {
      if (step.phase !== 'canceling')
        this.#cancelRow(step, { at, reason: why ?? 'The plan was cancelled.' }, work);
    }
    return null;
  }

  /** What stands against a step of a plan. */
  #whyNoStep({ plan_id: planId, step }: Omit<ExecutionRow, 'seq'>): Undone | null {
    if (planId === null) return null;
    const plan = this.#sql.planPhase.get(planId) as { phase: StoredPhase } | undefined;
    if (plan?.phase !== 'starting') return { status: 'refused', reason: 'plan_closed' };
    return this.#sql.stepOf.get(planId, step) === undefined
      ? null
      : { status: 'refused', reason: 'step_exists' };
  }

  #markSteps({ planId, marks, at }: ports.MarkStepsPart, work: Work): Undone | null {
    const row = this.#row(planId);
    if (row === undefined || row.phase === 'done') return STALE;
    for (const { step, status, reason, outcome } of marks) {
      this.#sql.insertMark.run(
        planId,
        step,
        status,
        reason,
        outcome === null ? null : JSON.stringify(outcome),
        at,
      );
    }
    const events = marks.map(({ step, status }): StepEvent => ({
      type: status === 'skipped' ? status : 'status_changed',
      step,
    }));
    this.#write(row, {}, events, at, work);
    return null;
  }

  #keepSteps({ of, copies, at }: ports.KeepStepsPart): Undone | null {
    if (this.#row(of) === undefined) return NOT_FOUND;
    for (const { source, id, planId, step } of copies) {
      const row = this.#row(source);
      if (row?.phase !== 'done') return NOT_FOUND;
      if (id === source) this.#sql.moveStep.run(planId, row.seq);
      else this.#copyStep(row, { id, plan_id: planId, step: step ?? row.step }, at);
    }
    return null;
  }

  #copyStep(row: ExecutionRow, as: Pick<ExecutionRow, 'id' | 'plan_id' | 'step'>, at: number): void {
    const facts = readJson(row.facts) as { labels: Record<string, string>; keptFrom?: string };
    const events = acceptEvents(false, JSON.parse(row.outcome ?? 'null') as Outcome | null);
    const copy: ExecutionRow = {
      ...row,
      ...as,
      ...{ created_at: at, queued_at: at, finished_at: at },
      // Its log is that of the run; a plan has none.
      run_id: row.kind === 'plan' ? as.id : row.run_id,
      facts: writeJson({ ...facts, keptFrom: facts.keptFrom ?? row.id }),
      ...{ revision: 1, event_sequence: events.length, cancel_at: null, cancel_reason: null },
      // It was paid for when it was made.
      cost: null,
    };
    this.#sql.insertExecution.run(...EXECUTION_COLUMNS.map((name) => copy[name]));
    for (const [name, value] of Object.entries(facts.labels))
      this.#sql.insertLabel.run(copy.user_id, name, value, copy.id);
    this.#insertEvents(copy, 0, events, at, { touched: [], events: [], answers: [] });
    if (row.kind === 'plan') this.#sql.copyMarks.run(copy.id, row.id);
    this.#count(copy, 1);
    this.usage.add(copy.user_id, 'storeBytes', storeBytesOf(copy));
  }

  #expire(part: ports.ExpirePart, work: Work): Undone | null {
    const row = this.#row(part.executionId);
    if (row === undefined || hasMoreTime(row, part.outcome)) return STALE;
    const others = this.#others(row, 1);
    const mayLeave =
      part.outcome.cause === 'queue_timeout'
        ? row.phase === 'queued'
        : row.phase !== 'canceling' && (row.phase !== 'starting' || others.length > 0);
    if (!mayLeave) return { status: 'refused', reason: 'illegal', current: this.#withAttempts(row) };
    const end = { outcome: part.outcome, at: part.at, changes: {} };
    return this.#leave(row, others, { type: 'settle', attempt: row.attempt }, end, work);
  }

  /** Ends one execution; where others take part in its run, the next of them takes its place. */
  #leave(
    row: ExecutionRow,
    others: ExecutionRow[],
    move: Move,
    { outcome, at, changes }: { outcome: Outcome; at: number; changes: Partial<ExecutionRow> },
    work: Work,
  ): Undone | null {
    const undone = this.#whyNot(row, move);
    if (undone !== null) return undone;
    const before = { ...row };
    const end = {
      ...changes,
      ...finished(outcome, at),
      phase: 'done',
      status: statusOf('done', outcome),
    } as const;
    const [next] = before.phase === 'joined' ? [] : others;
    const as = next === undefined && before.phase !== 'joined' ? 'run' : 'left';
    this.#write(row, end, moveEvents('settle', outcome), at, work, as);
    if (next === undefined) return null;
    const { phase, attempt, queued_at, retry_at } = before;
    const event = { starting: 'started', scheduled_retry: 'retry_scheduled' }[phase as string] ?? 'queued';
    this.#write(next, { phase, attempt, queued_at, retry_at }, [event as EventType], at, work);
    return null;
  }

  #settle(part: WriterSettle, work: Work): Undone | null {
    const row = this.#owner(part.executionId);
    if (row === undefined) return STALE;
    const others = this.#others(row, -1);
    const move: Move = { type: 'settle', attempt: part.attempt };
    if (transition(row, move).legal && part.end !== null) this.#endAttempt(row, part, part.end);
    const { outcome, at, result } = part;
    const changes = { ...finished(outcome, at), result };
    const undone = this.#move(row, move, at, changes, work, outcome);
    if (undone !== null || others.length === 0) return undone;
    if (OWN_ENDS.has(outcome.cause)) return this.#beginAnew(others, at, work);
    for (const other of others) {
      const ending = { ...changes, attempt: row.attempt };
      this.#move(other, { type: 'settle', attempt: other.attempt }, at, ending, work, outcome);
      // The result may be large; the caller has it once already.
      const told = work.touched.at(-1) as RowWithAttempts;
      told.row = { ...told.row, result: null };
      told.hasResultOfFirst = true;
    }
    return null;
  }

  /** Makes one new run of those that joined one whose end is not theirs. */
  #beginAnew(others: ExecutionRow[], at: number, work: Work): null {
    const [first, ...rest] = others as [ExecutionRow, ...ExecutionRow[]];
    this.#write(
      first,
      { phase: 'queued', run_id: first.id, attempt: 0, queued_at: at },
      ['queued'],
      at,
      work,
    );
    for (const other of rest) this.#write(other, { run_id: first.id }, ['status_changed'], at, work);
    return null;
  }

  #endAttempt(
    row: ExecutionRow,
    { attempt, outcome }: WriterSettle | ports.RetryPart,
    { startedAt, endedAt, output, resources, logComplete }: ports.AttemptEnd,
  ): void {
    this.usage.add(row.user_id, 'logBytes', output.stdoutKeptBytes + output.stderrKeptBytes);
    this.usage.add(row.user_id, 'logs', 1);
    this.#sql.endAttempt.run(
      startedAt,
      endedAt,
      // What was used up is the execution's, not the attempt's.
      JSON.stringify({ ...outcome, exhausted: undefined }),
      JSON.stringify(output),
      resources === null ? null : JSON.stringify(resources),
      logComplete ? 1 : 0,
      row.run_id,
      attempt,
    );
  }

  #retry(part: ports.RetryPart, work: Work): Undone | null {
    const row = this.#owner(part.executionId);
    if (row === undefined) return STALE;
    const move: Move = { type: 'retry', attempt: part.attempt };
    if (transition(row, move).legal) this.#endAttempt(row, part, part.end);
    return this.#move(row, move, part.at, { retry_at: part.retryAt }, work);
  }

  #due(part: ports.DuePart, work: Work): Undone | null {
    const row = this.#owner(part.executionId);
    if (row === undefined) return STALE;
    const move: Move = { type: 'due', attempt: part.attempt };
    return this.#move(row, move, part.at, { queued_at: part.at, retry_at: null }, work);
  }

  #requeue(part: ports.RequeuePart, work: Work): Undone | null {
    const row = this.#owner(part.executionId);
    if (row === undefined) return STALE;
    const move: Move = { type: 'requeue', attempt: part.attempt };
    if (transition(row, move).legal) this.#sql.giveBackAttempt.run(part.at, row.run_id, part.attempt);
    return this.#move(row, move, part.at, { queued_at: part.at }, work);
  }

  #patch(part: ports.PatchPart, work: Work): Undone | null {
    const row = this.#own(part.executionId, part.userId);
    if (row === undefined) return NOT_FOUND;
    if (row.revision !== part.revision && row.phase !== 'done') return STALE;
    if (part.reserved !== undefined && row.phase !== 'done') {
      const refused = this.#accounts.raise(row, part.reserved);
      if (refused !== null) return refused;
    }
    const changes = {
      priority: part.priority ?? row.priority,
      timeouts: part.timeouts === null ? row.timeouts : JSON.stringify(part.timeouts),
    };
    return this.#move(row, { type: 'patch' }, part.at, changes, work);
  }

  #remove(part: ports.RemovePart, work: Work): Undone | null {
    const row = part.userId === null ? this.#row(part.executionId) : this.#own(part.executionId, part.userId);
    if (row === undefined) return NOT_FOUND;
    const last = this.#withAttempts(row);
    if (!transition(row, { type: 'remove' }).legal)
      return { status: 'refused', reason: 'illegal', current: last };
    if (row.plan_id !== null) return { status: 'refused', reason: 'step_of_plan' };
    this.#removeRow(row, last, work);
    return null;
  }

  /** Removes a finished execution; a plan with all that belongs to it. */
  #removeRow(row: ExecutionRow, last: RowWithAttempts, work: Work): void {
    if (row.kind === 'plan') {
      for (const step of this.#sql.allSteps.all(row.id) as unknown as ExecutionRow[])
        this.#removeRow(step, this.#withAttempts(step), work);
      this.#sql.deleteMarks.run(row.id);
    }
    const { labels } = JSON.parse(row.facts) as { labels: Record<string, string> };
    for (const [name, value] of Object.entries(labels))
      this.#sql.deleteLabel.run(row.user_id, name, value, row.id);
    this.#sql.noteSwept.run(row.user_id, row.id);
    this.#sql.deleteEvents.run(row.id);
    if (row.webhook !== null) this.deliveries.orphan(row.id);
    this.#sql.deleteExecution.run(row.seq);
    // Attempts belong to the run, and stay as long as somebody refers to it.
    const isShared = this.#row(row.run_id) !== undefined || this.#sql.sharing.get(row.run_id) !== undefined;
    if (!isShared) {
      const kept = last.attempts.filter(({ outcome, output }) => outcome !== null && output !== null);
      for (const { output } of kept) this.usage.add(row.user_id, 'logBytes', -keptBytes(output));
      this.usage.add(row.user_id, 'logs', -kept.length);
      this.#sql.deleteAttempts.run(row.run_id);
    }
    work.touched.push(last);
    this.#count(row, -1);
    this.usage.add(row.user_id, 'storeBytes', -storeBytesOf(row));
  }

  #cache({ put, drop, keepAtMost }: WriterCache): null {
    for (const { key, storedAt, text } of put) this.#sql.putCache.run(key, text, storedAt);
    for (const key of drop) this.#sql.dropCache.run(key);
    if (keepAtMost !== null) this.#sql.trimCache.run(keepAtMost);
    return null;
  }

  #progress(part: ports.ProgressPart, work: Work): Undone | null {
    const row = this.#owner(part.executionId);
    if (row === undefined) return STALE;
    const { startedAt, output, attempt } = part;
    const { changes } = this.#sql.progress.run(startedAt, JSON.stringify(output), row.run_id, attempt);
    if (changes === 0) return STALE;
    work.touched.push(this.#withAttempts(row));
    return null;
  }

  /** Makes one move of the lifecycle: checks it, writes the row, and announces it. */
  #move(
    row: ExecutionRow,
    move: Move,
    at: number,
    changes: Partial<ExecutionRow>,
    work: Work,
    outcome: Outcome | null = null,
  ): Undone | null {
    const undone = this.#whyNot(row, move);
    const next = transition(row, move);
    if (undone !== null || !next.legal || next.phase === 'gone') return undone;
    const status = statusOf(next.phase satisfies StoredPhase, outcome);
    const events = moveEvents(move.type, outcome);
    this.#write(row, { ...changes, phase: next.phase, status }, events, at, work);
    return null;
  }

  /** Null when the lifecycle has this move. */
  #whyNot(row: ExecutionRow, move: Move): Undone | null {
    const next = transition(row, move);
    if (next.legal) return null;
    if (next.why === 'stale') return STALE;
    return { status: 'refused', reason: 'illegal', current: this.#withAttempts(row) };
  }

  /** Writes a changed row, and announces it. The status of a live one follows from its phase. */
  #write(
    row: ExecutionRow,
    changes: Partial<ExecutionRow>,
    events: (EventType | StepEvent)[],
    at: number,
    work: Work,
    as: PricedAs | 'left' = row.kind === 'plan' ? 'plan' : row.phase === 'joined' ? 'joined' : 'run',
  ): void {
    this.#count(row, -1);
    const before = row.event_sequence;
    const bytes = endBytesOf(row);
    Object.assign(row, changes, { revision: row.revision + 1, event_sequence: before + events.length });
    if (row.phase !== 'done') row.status = statusOf(row.phase, null);
    this.#sql.updateExecution.run(...CHANGING_COLUMNS.map((name) => row[name]), row.seq);
    this.#insertEvents(row, before, events, at, work);
    const told = this.#withAttempts(row);
    if (row.cost !== null && row.phase === 'done' && row.outcome !== null) {
      const atEnd = this.#accounts.owe(row, as, JSON.parse(row.outcome) as Outcome, told.attempts);
      if (atEnd !== null) this.#chargeWithEnd(row, at, atEnd.lowBalance, work);
    }
    work.touched.push(told);
    this.#count(row, 1);
    this.usage.add(row.user_id, 'storeBytes', endBytesOf(row) - bytes);
  }

  /** The execution that stands for a run, which is named by any of those that take part: the first that has not left it. */
  #owner(id: string): ExecutionRow | undefined {
    const row = this.#row(id);
    if (row !== undefined && row.phase !== 'done' && row.phase !== 'joined') return row;
    const runId = row?.run_id ?? id;
    return (this.#sql.owner.get(runId) as ExecutionRow | undefined) ?? row;
  }

  /** The first of those that have joined the run of an execution, in the order in which they came; -1 is all. */
  #others(row: ExecutionRow, limit: number): ExecutionRow[] {
    if (row.phase === 'joined' || row.phase === 'done') return [];
    return this.#sql.joined.all(row.run_id, limit) as unknown as ExecutionRow[];
  }

  #row(id: string): ExecutionRow | undefined {
    return this.#sql.getExecution.get(id) as ExecutionRow | undefined;
  }

  #own(id: string, userId: string): ExecutionRow | undefined {
    const row = this.#row(id);
    return row?.user_id === userId ? row : undefined;
  }

  #withAttempts(row: ExecutionRow): RowWithAttempts {
    return {
      row,
      attempts: row.attempt === 0 ? [] : (this.#sql.getAttempts.all(row.run_id) as unknown as AttemptRow[]),
    };
  }

  #insertAttempt(runId: string, number: number, claim: ports.Claimant): AttemptRow {
    this.#sql.insertAttempt.run(runId, number, this.#epoch, claim.at, claim.runner);
    const open = {
      started_at: null,
      ended_at: null,
      outcome: null,
      output: null,
      resources: null,
      log_complete: null,
    };
    return { run_id: runId, number, epoch: this.#epoch, claimed_at: claim.at, runner: claim.runner, ...open };
  }

  #insertEvents(
    row: ExecutionRow,
    after: number,
    types: (EventType | StepEvent)[],
    at: number,
    work: Work,
  ): void {
    const events = types.map((one, i): EventRow => {
      const sequence = after + i + 1;
      const { type, step } = typeof one === 'string' ? { type: one, step: null } : one;
      const { phase } = row;
      const attempt = type === 'accepted' ? 0 : row.attempt;
      const { lastInsertRowid } = this.#sql.insertEvent.run(row.id, sequence, type, at, attempt, phase, step);
      const position = Number(lastInsertRowid);
      return { position, execution_id: row.id, sequence, type, at, attempt, phase, step };
    });
    work.events.push(...events);
    this.deliveries.note(row, events, () => this.#withAttempts(row).attempts);
  }

  #count(row: ExecutionRow, by: 1 | -1): void {
    addTo(this.counts, row, by);
    this.usage.count(row, by);
  }
}

/** Whether a limit that has run out has been extended since. */
function hasMoreTime({ timeouts }: ExecutionRow, outcome: Outcome): boolean {
  if (outcome.cause !== 'queue_timeout' && outcome.cause !== 'total_timeout') return false;
  const { queueMs, totalMs } = JSON.parse(timeouts) as Timeouts;
  const limitMs = outcome.cause === 'queue_timeout' ? queueMs : totalMs;
  // A limit can be changed, but not taken away.
  return limitMs !== null && limitMs !== outcome.limitMs;
}

function finished(outcome: Outcome, at: number): Pick<ExecutionRow, 'outcome' | 'finished_at'> {
  return { outcome: JSON.stringify(outcome), finished_at: at };
}
