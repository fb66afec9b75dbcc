// Listings, newest first. A filter is answered from the index of its rarest term, a bounded number of rows at a time, so
// that a page costs about the same with a thousand executions and with a million.
import type { SQLInputValue } from 'node:sqlite';
import { hasSteps } from '../../../domain/kinds.ts';
import type { ExecutionId } from '../../../domain/ids.ts';
import type { ListFilter } from '../../../domain/ports/store.ts';
import { type End, type State, statesOf, unsuccessfulOf } from '../../listing-terms.ts';
import type { ExecutionRow } from '../../rows.ts';
import { executionsWhere } from '../columns.ts';
import type { Statements } from '../statements.ts';

/** Part of a listing. */
export interface Piece {
  rows: ExecutionRow[];
  /** Rows that were looked at for it. */
  looked: number;
  /** Id after which the next piece begins; null when nothing is left. */
  next: ExecutionId | null;
}

/** Rows that a term must not fit more of to be sorted, and at which counting them ends. */
const MANY = 1000;
/** Greater than every id. */
const TOP = '~';

/** Ids by one term of a filter. All are of one user, or of every user. */
interface Source {
  /** Conditions on `x`, with their values; a row fits exactly one of several branches. Without any, nothing fits. */
  branches: { from: string; where: string; values: SQLInputValue[] }[];
  /** The index has these ids in another order, so that they have to be sorted. */
  isUnordered?: true;
}

export class Listing {
  readonly #db: Pick<Statements, 'all' | 'arrays'>;
  readonly #filter: ListFilter;
  readonly #source: Source;
  readonly #rest: { where: string; values: SQLInputValue[] };
  /** The execution with an id, if it fits. */
  readonly #fitting: (...values: SQLInputValue[]) => ExecutionRow[];

  /** @param db runs statements; their texts depend on the terms of the filter only, not on their values */
  constructor(filter: ListFilter, db: Pick<Statements, 'all' | 'arrays'>) {
    this.#db = db;
    this.#filter = filter;
    this.#rest = conditions(filter);
    this.#fitting = executionsWhere(db, `WHERE e.id = ? ${this.#rest.where}`);
    this.#source = this.#rarest();
  }

  /** Looks at up to `size` rows older than `after`, and takes up to `limit` of those that fit. */
  piece(limit: number, size: number, after: ExecutionId | null): Piece {
    const ids = this.#ids(size, after);
    const { values } = this.#rest;
    const isLast = ids.length < size;
    const rows: ExecutionRow[] = [];
    for (const [i, id] of ids.entries()) {
      const [row] = this.#fitting(id, ...values);
      if (row === undefined || rows.push(row) < limit) continue;
      return { rows, looked: i + 1, next: isLast && i === ids.length - 1 ? null : id };
    }
    return { rows, looked: ids.length, next: isLast ? null : (ids.at(-1) ?? null) };
  }

  #ids(size: number, after: ExecutionId | null): ExecutionId[] {
    const { branches } = this.#source;
    if (branches.length === 0) return [];
    const parts = branches.map(
      ({ from, where }) =>
        `SELECT * FROM (SELECT x.id AS id FROM ${from} WHERE ${where} AND x.id < ? ORDER BY x.id DESC LIMIT ? + 0)`,
    );
    const text = `${parts.join(' UNION ALL ')} ORDER BY id DESC LIMIT ? + 0`;
    const values = branches.flatMap((one) => [...one.values, after ?? TOP, size]);
    return (this.#db.all(text, ...values, size) as { id: ExecutionId }[]).map(({ id }) => id);
  }

  #rarest(): Source {
    const sources = sourcesOf(this.#filter);
    const [only] = sources;
    if (sources.length === 1 && only?.isUnordered === undefined) return only ?? ofUser(this.#filter.userId);
    let best = ofUser(this.#filter.userId);
    let fewest = Number.POSITIVE_INFINITY;
    for (const source of sources) {
      const count = this.#count(source);
      const isUsable = count < fewest && (count < MANY || source.isUnordered === undefined);
      if (isUsable) [best, fewest] = [source, count];
    }
    return best;
  }

  /** How many ids there are, up to `MANY`. */
  #count({ branches }: Source): number {
    let count = 0;
    for (const { from, where, values } of branches) {
      const text = `SELECT count(*) AS n FROM (SELECT 1 FROM ${from} WHERE ${where} LIMIT ? + 0)`;
      const [row] = this.#db.all(text, ...values, MANY) as [{ n: number }];
      count += row.n;
    }
    return Math.min(count, MANY);
  }
}

/** The terms of a filter that have an index. */
function sourcesOf(filter: ListFilter): Source[] {
  const { userId, planId, taskId, operation, kind, label = [] } = filter;
  const sources: Source[] = [];
  if (planId !== undefined) {
    const where = 'x.plan_id = ? AND (? IS NULL OR x.user_id = ?)';
    sources.push({ branches: [{ from: by('plan'), where, values: [planId, userId, userId] }] });
  }
  if (userId === null) return sources;
  const add = (from: string, where: string, ...values: SQLInputValue[]) =>
    sources.push({ branches: [{ from, where: `x.user_id = ? AND ${where}`, values: [userId, ...values] }] });
  for (const { name, value } of label) add('labels x', 'x.name = ? AND x.value = ?', name, value);
  if (taskId !== undefined) add(by('task'), 'x.task_id = ?', taskId);
  if (operation !== undefined) add(by('operation'), 'x.operation = ?', operation);
  const states = statesOf(filter);
  if (states !== null) sources.push({ branches: states.map((state) => branchOf(userId, state)) });
  const ends = unsuccessfulOf(filter);
  if (ends !== null) sources.push({ branches: ends.map((end) => endBranch(userId, end)) });
  for (const [name, column, from, to] of [
    ['creation', 'created_at', filter.createdFrom, filter.createdTo],
    ['end', 'finished_at', filter.finishedFrom, filter.finishedTo],
  ] as const) {
    if (from === undefined && to === undefined) continue;
    const where = `x.user_id = ? AND x.${column} >= ? AND x.${column} < ?`;
    const values = [userId, from ?? Number.MIN_SAFE_INTEGER, to ?? Number.MAX_SAFE_INTEGER];
    sources.push({ branches: [{ from: by(name), where, values }], isUnordered: true });
  }
  if (
    filter.isRoot === true &&
    kind !== undefined &&
    kind.length > 0 &&
    kind.every((one) => hasSteps({ kind: one }))
  ) {
    add('executions x INDEXED BY executions_plans', `x.kind = 'plan' AND x.plan_id IS NULL`);
  } else if (kind !== undefined) {
    const where = 'x.user_id = ? AND x.kind = ?';
    const kinds = [...new Set(kind)];
    sources.push({ branches: kinds.map((one) => ({ from: by('kind'), where, values: [userId, one] })) });
  }
  return sources;
}

/** Named, because the planner does not know how many rows a term leaves. */
const by = (index: string) => `executions x INDEXED BY executions_by_${index}`;

function ofUser(userId: string | null): Source {
  const branch =
    userId === null
      ? { from: 'executions x', where: '1', values: [] }
      : { from: by('user'), where: 'x.user_id = ?', values: [userId] };
  return { branches: [branch] };
}

/** Repeats the conditions of the partial indexes, without which the planner may not use them. */
function branchOf(userId: string, state: State): Source['branches'][number] {
  const [from, where, value] =
    'live' in state
      ? [by('phase'), `x.phase = ? AND x.phase <> 'done'`, state.live]
      : [by('status'), `x.status = ? AND x.phase = 'done'`, state.final];
  return { from, where: `x.user_id = ? AND ${where}`, values: [userId, value] };
}

const NO_SUCCESS = (row: string) => `${row}.phase = 'done' AND ${row}.status <> 'completed'`;
const BY = (row: string) => `coalesce(${row}.outcome ->> 'code', ${row}.outcome ->> 'exhausted' IS NULL)`;

function endBranch(userId: string, { cause, by: kind }: End): Source['branches'][number] {
  const where = `x.user_id = ? AND x.outcome ->> 'cause' = ? AND ${BY('x')} = ? AND ${NO_SUCCESS('x')}`;
  return { from: by('cause'), where, values: [userId, cause, kind] };
}

/** The whole filter as further conditions on `e`. */
function conditions(filter: ListFilter): { where: string; values: SQLInputValue[] } {
  const terms: string[] = [];
  const values: SQLInputValue[] = [];
  const add = (term: string, ...more: SQLInputValue[]) => {
    terms.push(term);
    values.push(...more);
  };
  // The list travels as one JSON value, so that its length does not make another statement.
  const oneOf = (column: string, allowed: readonly string[]) =>
    add(`${column} IN (SELECT value FROM json_each(?))`, JSON.stringify(allowed));
  if (filter.userId !== null) add('e.user_id = ?', filter.userId);
  if (filter.status !== undefined) oneOf('e.status', filter.status);
  if (filter.phase !== undefined) oneOf('e.phase', filter.phase);
  const ends = unsuccessfulOf(filter);
  if (ends !== null) {
    const keys = ends.map(({ cause, by: kind }) => `${cause} ${kind}`);
    add(NO_SUCCESS('e'));
    oneOf(`(e.outcome ->> 'cause') || ' ' || ${BY('e')}`, keys);
  }
  if (filter.kind !== undefined) oneOf('e.kind', filter.kind);
  if (filter.operation !== undefined) add('e.operation = ?', filter.operation);
  if (filter.taskId !== undefined) add('e.task_id = ?', filter.taskId);
  if (filter.planId !== undefined) add('e.plan_id = ?', filter.planId);
  if (filter.step !== undefined) add('e.step = ?', filter.step);
  if (filter.isRoot === true) add('e.plan_id IS NULL');
  for (const { name, value } of filter.label ?? []) {
    const term = 'l.user_id = e.user_id AND l.name = ? AND l.value = ? AND l.id = e.id';
    add(`EXISTS (SELECT 1 FROM labels l WHERE ${term})`, name, value);
  }
  if (filter.createdFrom !== undefined) add('e.created_at >= ?', filter.createdFrom);
  if (filter.createdTo !== undefined) add('e.created_at < ?', filter.createdTo);
  if (filter.finishedFrom !== undefined) add('e.finished_at >= ?', filter.finishedFrom);
  if (filter.finishedTo !== undefined) add('e.finished_at < ?', filter.finishedTo);
  return { where: terms.map((term) => `AND ${term}`).join(' '), values };
}
