// Writes executions: of a new one its rows in all tables, of a changed one only what has changed, of one that has gone all of
// them and what belongs to it.
import type { SQLInputValue } from 'node:sqlite';
import { hasSteps } from '../../domain/kinds.ts';
import { CHANGING_COLUMNS, type ExecutionRow } from '../rows.ts';
import type { Changes } from '../rules/working-set.ts';
import { SPEC_COLUMNS, STATE_COLUMNS } from './columns.ts';
import type { Statements } from './statements.ts';
import { AT_ONCE, WRITES } from './writes.ts';

export class ExecutionWriter {
  readonly #db: Statements;
  /** By the columns that they set, as bits. */
  readonly #updates = new Map<number, string>();

  constructor(db: Statements) {
    this.#db = db;
  }

  write({ before, after, removed }: Pick<Changes, 'before' | 'after' | 'removed'>): void {
    for (const row of removed) this.#remove(row);
    const added: ExecutionRow[] = [];
    const ended: ExecutionRow[] = [];
    for (const [id, was] of before.executions ?? []) {
      const now = after.executions.get(id) ?? null;
      if (now === null) continue;
      if (was == null) added.push(now);
      else this.#update(was, now);
      if (now.result !== (was?.result ?? null)) ended.push(now);
    }
    this.#insert(added);
    insertAll(this.#db, 'Result', ended, ({ seq, result }) => [seq, result]);
  }

  #insert(rows: readonly ExecutionRow[]): void {
    const db = this.#db;
    for (const row of rows) db.run(WRITES.insertState, ...STATE_COLUMNS.map((name) => row[name]));
    insertAll(db, 'Spec', rows, (row) => [row.seq, ...SPEC_COLUMNS.map((name) => row[name])]);
    for (const { seq, cost } of rows) if (cost !== null) db.run(WRITES.putCost, seq, cost);
  }

  #update(was: ExecutionRow, now: ExecutionRow): void {
    const values: SQLInputValue[] = [];
    let changed = 0;
    for (let i = 0; i < CHANGING_COLUMNS.length; i++) {
      const name = CHANGING_COLUMNS[i] as (typeof CHANGING_COLUMNS)[number];
      if (was[name] === now[name]) continue;
      changed |= 1 << i;
      values.push(now[name]);
    }
    if (changed !== 0) this.#db.run(this.#updateOf(changed), ...values, now.seq);
    if (now.cost !== was.cost) this.#db.run(WRITES.putCost, now.seq, now.cost);
  }

  #updateOf(changed: number): string {
    let text = this.#updates.get(changed);
    if (text === undefined) {
      const columns = CHANGING_COLUMNS.filter((_, i) => (changed & (1 << i)) !== 0);
      const changes = columns.map((name) => `${name} = ?`).join(', ');
      text = `UPDATE executions SET ${changes} WHERE seq = ?`;
      this.#updates.set(changed, text);
    }
    return text;
  }

  #remove(row: ExecutionRow): void {
    if (hasSteps(row)) this.#db.run(WRITES.dropMarks, row.id);
    for (const [name, value] of labelsOf(row))
      this.#db.run(WRITES.dropLabel, row.user_id, name, value, row.id);
    this.#db.run(WRITES.noteSwept, row.user_id, row.id);
    this.#db.run(WRITES.dropEvents, row.id);
    this.#db.run(WRITES.dropFiles, row.id);
    this.#db.run(WRITES.dropExecution, row.seq);
    this.#db.run(WRITES.dropSpec, row.seq);
    if (row.result !== null) this.#db.run(WRITES.dropResult, row.seq);
    if (row.cost !== null) this.#db.run(WRITES.dropCost, row.seq);
  }
}

/** Several rows at a time, as far as there are so many. */
export function insertAll<T>(
  db: Statements,
  what: 'Spec' | 'Result' | 'Event' | 'Attempt',
  rows: readonly T[],
  values: (row: T) => SQLInputValue[],
): void {
  const [one, several] = [WRITES[`insert${what}`], WRITES[`insert${what}s`]];
  const whole = rows.length - (rows.length % AT_ONCE);
  for (let i = 0; i < whole; i += AT_ONCE) db.run(several, ...rows.slice(i, i + AT_ONCE).flatMap(values));
  for (const row of rows.slice(whole)) db.run(one, ...values(row));
}

function labelsOf({ facts }: ExecutionRow): [string, string][] {
  return Object.entries((JSON.parse(facts) as { labels: Record<string, string> }).labels);
}
