// Carries out groups inside the writer's transaction. Every part looks before it writes, and asks the lifecycle
// table; what it answers, not an exception, says that a group is to be undone.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { EventType } from '../../domain/events.ts';
import { acceptEvents, moveEvents } from '../../domain/events.ts';
import { type FinishedExecution, type Pool, POOLS } from '../../domain/execution.ts';
import { FINAL_STATUSES } from '../../domain/outcome.ts';
import type { Move, StoredPhase } from '../../domain/lifecycle.ts';
import { statusOf, transition } from '../../domain/lifecycle.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type * as ports from '../../domain/ports.ts';
import type { AttemptRow, EventRow, ExecutionRow } from '../rows.ts';

/** Parts as the writer takes them: a new execution travels as its row, made by the caller's thread. */
export type WriterPart =
  | (Omit<ports.AcceptPart, 'execution'> & { row: Omit<ExecutionRow, 'seq'>; labels: [string, string][] })
  | WriterSettle
  | Exclude<ports.Part, ports.AcceptPart | ports.SettlePart>;

type WriterSettle = Omit<ports.SettlePart, 'result'> & { result: string | null };

export interface RowWithAttempts {
  row: ExecutionRow;
  attempts: AttemptRow[];
}

/** A group that changes nothing, and why. */
export type Undone =
  | { status: 'stale' }
  | { status: 'refused'; reason: 'queue_full' | 'key_reused' | 'not_found' }
  | { status: 'refused'; reason: 'key_replayed' | 'key_gone'; executionId: string }
  | { status: 'refused'; reason: 'illegal'; current: RowWithAttempts };

export type GroupReply = { status: 'applied'; touched: RowWithAttempts[]; events: EventRow[] } | Undone;

export interface Counts {
  queued: Record<Pool, number>;
  scheduledRetry: number;
  running: number;
  finished: Record<FinishedExecution['status'], number>;
}

const STALE: Undone = { status: 'stale' };
const NOT_FOUND: Undone = { status: 'refused', reason: 'not_found' };

const EXECUTION_COLUMNS = [
  ...[
    'id',
    'user_id',
    'run_id',
    'kind',
    'operation',
    'pool',
    'task_id',
    'spec',
    'facts',
    'priority',
    'timeouts',
    'phase',
    'status',
  ],
  ...[
    'revision',
    'event_sequence',
    'attempt',
    'created_at',
    'queued_at',
    'retry_at',
    'cancel_at',
    'cancel_reason',
  ],
  ...['finished_at', 'outcome', 'result'],
] as const satisfies (keyof ExecutionRow)[];

/** What a group has changed so far. */
interface Work {
  touched: RowWithAttempts[];
  events: EventRow[];
}

export class GroupWriter {
  counts: Counts;
  readonly #epoch: number;
  readonly #sql: ReturnType<typeof prepareAll>;

  constructor(db: DatabaseSync, epoch: number) {
    this.#epoch = epoch;
    this.#sql = prepareAll(db);
    this.counts = readCounts(db);
  }

  /** Carries out one group. The caller undoes what it wrote when the reply is not `applied`. */
  apply(group: readonly WriterPart[]): GroupReply {
    const work: Work = { touched: [], events: [] };
    const { queued, finished } = this.counts;
    const before = { ...this.counts, queued: { ...queued }, finished: { ...finished } };
    for (const part of group) {
      const undone = this.#part(part, work);
      if (undone === null) continue;
      this.counts = before;
      return undone;
    }
    return { status: 'applied', ...work };
  }

  #part(part: WriterPart, work: Work): Undone | null {
    switch (part.type) {
      case 'accept':
        return this.#accept(part, work);
      case 'idempotency':
        return this.#idempotency(part);
      case 'claim_next':
        return this.#claimNext(part, work);
      case 'cancel':
        return this.#cancel(part, work);
      case 'settle':
        return this.#settle(part, work);
      case 'requeue':
        return this.#requeue(part, work);
      case 'retry':
        return this.#retry(part, work);
      case 'due':
        return this.#due(part, work);
      case 'patch':
        return this.#patch(part, work);
      case 'remove':
        return this.#remove(part, work);
      case 'progress':
        return this.#progress(part, work);
      default:
        return part satisfies never;
    }
  }

  #accept(part: Extract<WriterPart, { type: 'accept' }>, work: Work): Undone | null {
    const isClaimed = part.claim !== null;
    const { process, http } = this.counts.queued;
    if (!isClaimed && process + http >= part.maxQueued) return { status: 'refused', reason: 'queue_full' };
    const attempts: AttemptRow[] = [];
    const fresh = { ...part.row, revision: 1 };
    if (part.claim !== null) {
      Object.assign(fresh, { phase: 'starting', status: 'running', attempt: 1 });
      attempts.push(this.#insertAttempt(fresh.run_id, 1, part.claim));
    }
    const events = acceptEvents(isClaimed);
    fresh.event_sequence = events.length;
    const { lastInsertRowid } = this.#sql.insertExecution.run(
      ...EXECUTION_COLUMNS.map((name) => fresh[name]),
    );
    const row: ExecutionRow = { ...fresh, seq: Number(lastInsertRowid) };
    for (const [name, value] of part.labels) this.#sql.insertLabel.run(row.user_id, name, value, row.id);
    this.#insertEvents(row, 0, events, row.created_at, work);
    work.touched.push({ row, attempts });
    this.#count(row, 1);
    return null;
  }

  #idempotency(part: ports.IdempotencyPart): Undone | null {
    const known = this.#sql.getKey.get(part.userId, part.key) as
      { body_hash: string; execution_id: string; expires_at: number } | undefined;
    if (known !== undefined && known.expires_at > part.at) {
      if (known.body_hash !== part.bodyHash) return { status: 'refused', reason: 'key_reused' };
      const reason = this.#row(known.execution_id) === undefined ? 'key_gone' : 'key_replayed';
      return { status: 'refused', reason, executionId: known.execution_id };
    }
    this.#sql.putKey.run(part.userId, part.key, part.bodyHash, part.executionId, part.expiresAt);
    return null;
  }

  #claimNext(part: ports.ClaimNextPart, work: Work): null {
    const rows = this.#sql.queue.all(part.pool, part.limit) as unknown as ExecutionRow[];
    for (const row of rows) {
      const number = row.attempt + 1;
      this.#insertAttempt(row.run_id, number, part.claim);
      this.#move(row, { type: 'claim', attempt: number }, part.claim.at, { attempt: number }, work);
    }
    return null;
  }

  #cancel(part: ports.CancelPart, work: Work): Undone | null {
    const row = this.#own(part.executionId, part.userId);
    if (row === undefined) return NOT_FOUND;
    if (row.phase === 'canceling') {
      work.touched.push(this.#withAttempts(row));
      return null;
    }
    if (row.phase === 'starting') {
      const changes = { cancel_at: part.at, cancel_reason: part.reason };
      return this.#move(row, { type: 'cancel' }, part.at, changes, work);
    }
    const outcome: Outcome = { cause: 'cancelled', reason: part.reason, process: null };
    const changes = { cancel_at: part.at, cancel_reason: part.reason, ...finished(outcome, part.at) };
    return this.#move(row, { type: 'cancel' }, part.at, changes, work, outcome);
  }

  #settle(part: WriterSettle, work: Work): Undone | null {
    const row = this.#row(part.executionId);
    if (row === undefined) return STALE;
    const move: Move = { type: 'settle', attempt: part.attempt };
    if (transition(row, move).legal && part.end !== null) this.#endAttempt(row, part, part.end);
    const changes = { ...finished(part.outcome, part.at), result: part.result };
    return this.#move(row, move, part.at, changes, work, part.outcome);
  }

  #endAttempt(
    row: ExecutionRow,
    { attempt, outcome }: WriterSettle | ports.RetryPart,
    { startedAt, endedAt, output, resources, logComplete }: ports.AttemptEnd,
  ): void {
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
    const row = this.#row(part.executionId);
    if (row === undefined) return STALE;
    const move: Move = { type: 'retry', attempt: part.attempt };
    if (transition(row, move).legal) this.#endAttempt(row, part, part.end);
    return this.#move(row, move, part.at, { retry_at: part.retryAt }, work);
  }

  #due(part: ports.DuePart, work: Work): Undone | null {
    const row = this.#row(part.executionId);
    if (row === undefined) return STALE;
    const move: Move = { type: 'due', attempt: part.attempt };
    return this.#move(row, move, part.at, { queued_at: part.at, retry_at: null }, work);
  }

  #requeue(part: ports.RequeuePart, work: Work): Undone | null {
    const row = this.#row(part.executionId);
    if (row === undefined) return STALE;
    const move: Move = { type: 'requeue', attempt: part.attempt };
    if (transition(row, move).legal) this.#sql.giveBackAttempt.run(part.at, row.run_id, part.attempt);
    return this.#move(row, move, part.at, { queued_at: part.at }, work);
  }

  #patch(part: ports.PatchPart, work: Work): Undone | null {
    const row = this.#own(part.executionId, part.userId);
    if (row === undefined) return NOT_FOUND;
    if (row.revision !== part.revision && row.phase !== 'done') return STALE;
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
    const { labels } = JSON.parse(row.facts) as { labels: Record<string, string> };
    for (const [name, value] of Object.entries(labels))
      this.#sql.deleteLabel.run(row.user_id, name, value, row.id);
    this.#sql.deleteEvents.run(row.id);
    this.#sql.deleteAttempts.run(row.run_id);
    this.#sql.deleteExecution.run(row.seq);
    work.touched.push(last);
    this.#count(row, -1);
    return null;
  }

  #progress(part: ports.ProgressPart, work: Work): Undone | null {
    const { startedAt, output, executionId, attempt } = part;
    const { changes } = this.#sql.progress.run(
      startedAt,
      JSON.stringify(output),
      attempt,
      executionId,
      attempt,
    );
    const row = changes === 0 ? undefined : this.#row(executionId);
    if (row === undefined) return STALE;
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
    const next = transition(row, move);
    if (!next.legal && next.why === 'stale') return STALE;
    if (!next.legal || next.phase === 'gone') {
      return { status: 'refused', reason: 'illegal', current: this.#withAttempts(row) };
    }
    this.#count(row, -1);
    const events = moveEvents(move.type, outcome);
    const before = row.event_sequence;
    Object.assign(row, changes, {
      phase: next.phase satisfies StoredPhase,
      status: statusOf(next.phase, outcome),
      revision: row.revision + 1,
      event_sequence: before + events.length,
    });
    this.#sql.updateExecution.run(
      ...[row.priority, row.timeouts, row.phase, row.status, row.revision, row.event_sequence, row.attempt],
      ...[
        row.queued_at,
        row.retry_at,
        row.cancel_at,
        row.cancel_reason,
        row.finished_at,
        row.outcome,
        row.result,
      ],
      row.seq,
    );
    this.#insertEvents(row, before, events, at, work);
    work.touched.push(this.#withAttempts(row));
    this.#count(row, 1);
    return null;
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

  #insertEvents(row: ExecutionRow, after: number, types: EventType[], at: number, work: Work): void {
    types.forEach((type, i) => {
      const sequence = after + i + 1;
      const { lastInsertRowid } = this.#sql.insertEvent.run(row.id, sequence, type, at, row.attempt);
      const position = Number(lastInsertRowid);
      work.events.push({ position, execution_id: row.id, sequence, type, at, attempt: row.attempt });
    });
  }

  #count(row: ExecutionRow, by: 1 | -1): void {
    addTo(this.counts, row, by);
  }
}

function finished(outcome: Outcome, at: number): Pick<ExecutionRow, 'outcome' | 'finished_at'> {
  return { outcome: JSON.stringify(outcome), finished_at: at };
}

function addTo(counts: Counts, row: Pick<ExecutionRow, 'status' | 'phase' | 'pool'>, by: number): void {
  if (row.phase === 'scheduled_retry') counts.scheduledRetry += by;
  else if (row.status === 'pending') counts.queued[row.pool] += by;
  else if (row.status === 'running') counts.running += by;
  else counts.finished[row.status] += by;
}

function readCounts(db: DatabaseSync): Counts {
  const zero = <K extends string>(names: readonly K[]) =>
    Object.fromEntries(names.map((name) => [name, 0])) as Record<K, number>;
  const counts: Counts = {
    queued: zero(POOLS),
    scheduledRetry: 0,
    running: 0,
    finished: zero(FINAL_STATUSES),
  };
  const rows = db
    .prepare('SELECT status, phase, pool, count(*) AS n FROM executions GROUP BY status, phase, pool')
    .all() as unknown as (Pick<ExecutionRow, 'status' | 'phase' | 'pool'> & { n: number })[];
  for (const row of rows) addTo(counts, row, row.n);
  return counts;
}

function prepareAll(db: DatabaseSync) {
  const columns = EXECUTION_COLUMNS.join(', ');
  const holes = EXECUTION_COLUMNS.map(() => '?').join(', ');
  const sql = {
    insertExecution: `INSERT INTO executions (${columns}) VALUES (${holes})`,
    getExecution: 'SELECT * FROM executions WHERE id = ?',
    updateExecution: `UPDATE executions SET priority = ?, timeouts = ?, phase = ?, status = ?, revision = ?,
      event_sequence = ?, attempt = ?, queued_at = ?, retry_at = ?, cancel_at = ?, cancel_reason = ?, finished_at = ?, outcome = ?,
      result = ? WHERE seq = ?`,
    deleteExecution: 'DELETE FROM executions WHERE seq = ?',
    queue: `SELECT * FROM executions WHERE phase = 'queued' AND pool = ? ORDER BY priority DESC, seq LIMIT ?`,
    insertLabel: 'INSERT INTO labels (user_id, name, value, id) VALUES (?, ?, ?, ?)',
    deleteLabel: 'DELETE FROM labels WHERE user_id = ? AND name = ? AND value = ? AND id = ?',
    insertAttempt: 'INSERT INTO attempts (run_id, number, epoch, claimed_at, runner) VALUES (?, ?, ?, ?, ?)',
    getAttempts: 'SELECT * FROM attempts WHERE run_id = ? ORDER BY number',
    endAttempt: `UPDATE attempts SET started_at = ?, ended_at = ?, outcome = ?, output = ?, resources = ?,
      log_complete = ? WHERE run_id = ? AND number = ?`,
    giveBackAttempt: 'UPDATE attempts SET ended_at = ? WHERE run_id = ? AND number = ?',
    deleteAttempts: 'DELETE FROM attempts WHERE run_id = ?',
    progress: `UPDATE attempts SET started_at = ?, output = ? WHERE number = ? AND ended_at IS NULL
      AND run_id = (SELECT run_id FROM executions WHERE id = ? AND attempt = ? AND phase <> 'done')`,
    insertEvent: 'INSERT INTO events (execution_id, sequence, type, at, attempt) VALUES (?, ?, ?, ?, ?)',
    deleteEvents: 'DELETE FROM events WHERE execution_id = ?',
    getKey: 'SELECT body_hash, execution_id, expires_at FROM idempotency WHERE user_id = ? AND key = ?',
    putKey: `INSERT OR REPLACE INTO idempotency (user_id, key, body_hash, execution_id, expires_at)
      VALUES (?, ?, ?, ?, ?)`,
  };
  return Object.fromEntries(Object.entries(sql).map(([name, text]) => [name, db.prepare(text)])) as {
    [name in keyof typeof sql]: StatementSync;
  };
}
