// Listings, newest first. A filter is answered from the index of its rarest term, a bounded number of rows at a time, so
// that a page costs about the same with a thousand executions and with a million.
import type { ExecutionId } from '../../../domain/ids.ts';
import { hasSteps } from '../../../domain/kinds.ts';
import type { ListFilter } from '../../../domain/ports/store.ts';
import type { ExecutionRow } from '../../rows.ts';
import { statesOf, unsuccessfulOf } from '../../listing-terms.ts';
import { EXECUTION_ROWS } from '../columns.ts';
import type { Value } from '../database.ts';
import { bounded } from './reads.ts';

type Query = <T>(text: string, ...values: Value[]) => Promise<T[]>;

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

/** Makes the text of a value. */
type Bind = (value: Value) => string;

/** Ids by one term of a filter. All are of one user, or of every user. */
interface Source {
  /** Conditions on `x`; a row fits exactly one of several branches. Without any, nothing fits. */
  branches: { from: string; where: (bind: Bind) => string }[];
  /** The index has these ids in another order, so that they have to be sorted. */
  isUnordered?: true;
}

/** Collects the values of a statement. */
function binder(): { values: Value[]; bind: Bind } {
  const values: Value[] = [];
  return { values, bind: (value) => `$${values.push(value)}` };
}

export class Listing {
  readonly #query: Query;
  readonly #filter: ListFilter;
  #source: Source | null = null;

  /** @param query runs a statement; its text depends on the terms of the filter only, not on their values */
  constructor(filter: ListFilter, query: Query) {
    this.#query = query;
    this.#filter = filter;
  }

  /** Looks at up to `size` rows older than `after`, and takes up to `limit` of those that fit. */
  async piece(limit: number, size: number, after: ExecutionId | null): Promise<Piece> {
    this.#source ??= await this.#rarest();
    const ids = await this.#ids(this.#source, size, after);
    const isLast = ids.length < size;
    const { values, bind } = binder();
    const text = `${EXECUTION_ROWS} WHERE e.id = ANY(${bind(ids)}) ${conditions(this.#filter, bind)}
      ORDER BY e.id DESC LIMIT ${bind(limit)}`;
    const rows = ids.length === 0 ? [] : await this.#query<ExecutionRow>(text, ...values);
    const last = rows.at(-1);
    if (last === undefined || rows.length < limit)
      return { rows, looked: ids.length, next: isLast ? null : (ids.at(-1) ?? null) };
    const at = ids.indexOf(last.id);
    return { rows, looked: at + 1, next: isLast && at === ids.length - 1 ? null : last.id };
  }

  async #ids({ branches }: Source, size: number, after: ExecutionId | null): Promise<ExecutionId[]> {
    if (branches.length === 0) return [];
    const { values, bind } = binder();
    const [place, most] = [bind(after ?? TOP), bind(size)];
    const parts = branches.map(
      ({ from, where }) =>
        `(SELECT x.id AS id FROM ${from} WHERE ${where(bind)} AND x.id < ${place} ORDER BY x.id DESC LIMIT ${most})`,
    );
    const text = `SELECT id FROM (${parts.join(' UNION ALL ')}) ids ORDER BY id DESC LIMIT ${most}`;
    return (await this.#query<{ id: ExecutionId }>(text, ...values)).map(({ id }) => id);
  }

  async #rarest(): Promise<Source> {
    const sources = sourcesOf(this.#filter);
    const [only] = sources;
    const all = ofUser(this.#filter.userId);
    if (sources.length === 1 && only?.isUnordered === undefined) return only ?? all;
    const counts = await Promise.all(sources.map((source) => this.#count(source)));
    let best = all;
    let fewest = Number.POSITIVE_INFINITY;
    for (const [i, source] of sources.entries()) {
      const count = counts[i] as number;
      const isUsable = count < fewest && (count < MANY || source.isUnordered === undefined);
      if (isUsable) [best, fewest] = [source, count];
    }
    return best;
  }

  /** How many ids there are, up to `MANY`. */
  async #count({ branches }: Source): Promise<number> {
    if (branches.length === 0) return 0;
    const { values, bind } = binder();
    const most = bind(MANY);
    const parts = branches.map(
      ({ from, where }) => `(SELECT 1 FROM ${from} WHERE ${where(bind)} LIMIT ${most})`,
    );
    const text = `SELECT count(*) AS n FROM (SELECT 1 FROM (${parts.join(' UNION ALL ')}) all_of LIMIT ${most}) found`;
    const [row] = await this.#query<{ n: number }>(text, ...values);
    return row?.n ?? 0;
  }
}

const EXECUTIONS = 'execd.executions x';

/** The terms of a filter that have an index. */
function sourcesOf(filter: ListFilter): Source[] {
  const { userId, planId, taskId, operation, kind, label = [] } = filter;
  const sources: Source[] = [];
  const add = (from: string, ...wheres: ((bind: Bind) => string)[]) =>
    sources.push({ branches: wheres.map((where) => ({ from, where })) });
  const own = (bind: Bind) => (userId === null ? 'TRUE' : `x.user_id = ${bind(userId)}`);
  if (planId !== undefined) add(EXECUTIONS, (bind) => `x.plan_id = ${bind(planId)} AND ${own(bind)}`);
  if (userId === null) return sources;
  for (const { name, value } of label)
    add('execd.labels x', (bind) => `${own(bind)} AND x.name = ${bind(name)} AND x.value = ${bind(value)}`);
  if (taskId !== undefined) add(EXECUTIONS, (bind) => `${own(bind)} AND x.task_id = ${bind(taskId)}`);
  if (operation !== undefined) add(EXECUTIONS, (bind) => `${own(bind)} AND x.operation = ${bind(operation)}`);
  const states = statesOf(filter);
  // The conditions of the partial indexes are repeated, without which the planner may not use them.
  if (states !== null)
    add(
      EXECUTIONS,
      ...states.map(
        (state) => (bind: Bind) =>
          'live' in state
            ? `${own(bind)} AND x.phase = ${bind(state.live)} AND x.phase <> 'done'`
            : `${own(bind)} AND x.status = ${bind(state.final)} AND x.phase = 'done'`,
      ),
    );
  const ends = unsuccessfulOf(filter);
  if (ends !== null)
    add(
      EXECUTIONS,
      ...ends.map(
        ({ cause, by }) =>
          (bind: Bind) =>
            `${own(bind)} AND x.cause = ${bind(cause)} AND x.cause_by = ${bind(String(by))} AND ${NO_SUCCESS('x')}`,
      ),
    );
  for (const [column, from, to] of [
    ['created_at', filter.createdFrom, filter.createdTo],
    ['finished_at', filter.finishedFrom, filter.finishedTo],
  ] as const) {
    if (from === undefined && to === undefined) continue;
    const where = (bind: Bind) =>
      `${own(bind)} AND x.${column} >= ${bind(bounded(from ?? -Infinity))} AND x.${column} < ${bind(bounded(to ?? Infinity))}`;
    sources.push({ branches: [{ from: EXECUTIONS, where }], isUnordered: true });
  }
  if (filter.isRoot === true && kind?.every((one) => hasSteps({ kind: one })) === true && kind.length > 0)
    add(EXECUTIONS, (bind) => `${own(bind)} AND x.kind = 'plan' AND x.plan_id IS NULL`);
  else if (kind !== undefined)
    add(
      EXECUTIONS,
      ...[...new Set(kind)].map((one) => (bind: Bind) => `${own(bind)} AND x.kind = ${bind(one)}`),
    );
  return sources;
}

function ofUser(userId: string | null): Source {
  const where = (bind: Bind) => (userId === null ? 'TRUE' : `x.user_id = ${bind(userId)}`);
  return { branches: [{ from: EXECUTIONS, where }] };
}

const NO_SUCCESS = (row: string) => `${row}.phase = 'done' AND ${row}.status <> 'completed'`;

/** The whole filter as further conditions on `e`. */
function conditions(filter: ListFilter, bind: Bind): string {
  const terms: string[] = [];
  const equal = (column: string, value: string | null | undefined) => {
    if (value !== undefined && value !== null) terms.push(`e.${column} = ${bind(value)}`);
  };
  const oneOf = (column: string, allowed: readonly string[] | undefined) => {
    if (allowed !== undefined) terms.push(`${column} = ANY(${bind(allowed)})`);
  };
  const ends = unsuccessfulOf(filter);
  equal('user_id', filter.userId);
  oneOf('e.status', filter.status);
  oneOf('e.phase', filter.phase);
  if (ends !== null) terms.push(NO_SUCCESS('e'));
  oneOf(
    `(e.cause || ' ' || e.cause_by)`,
    ends?.map(({ cause, by }) => `${cause} ${by}`),
  );
  oneOf('e.kind', filter.kind);
  equal('operation', filter.operation);
  equal('task_id', filter.taskId);
  equal('plan_id', filter.planId);
  equal('step', filter.step);
  if (filter.isRoot === true) terms.push('e.plan_id IS NULL');
  for (const { name, value } of filter.label ?? []) {
    const term = `l.user_id = e.user_id AND l.name = ${bind(name)} AND l.value = ${bind(value)} AND l.id = e.id`;
    terms.push(`EXISTS (SELECT 1 FROM execd.labels l WHERE ${term})`);
  }
  for (const [column, comparison, value] of [
    ['created_at', '>=', filter.createdFrom],
    ['created_at', '<', filter.createdTo],
    ['finished_at', '>=', filter.finishedFrom],
    ['finished_at', '<', filter.finishedTo],
  ] as const)
    if (value !== undefined) terms.push(`e.${column} ${comparison} ${bind(bounded(value))}`);
  return terms.map((term) => `AND ${term}`).join(' ');
}
