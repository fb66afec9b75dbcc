// Money inside the writer's transaction: what is reserved when an execution is accepted, what it owes when it has ended,
// and what is then charged. Every part looks before it writes.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { ChargePart, GrantPart } from '../../domain/credits/account.ts';
import { availableOf } from '../../domain/credits/account.ts';
import { type Cost, MAX_CREDITS, type Window } from '../../domain/cost.ts';
import type { Timeouts } from '../../domain/execution/execution.ts';
import type { Outcome } from '../../domain/outcome.ts';
import { amountDue, type PricedAs } from '../../domain/credits/price.ts';
import { type AttemptRow, type ExecutionRow, type LedgerRow, toAttempt } from '../rows.ts';

interface AccountRow {
  balance: number;
  reserved: number;
}
interface ReservationRow {
  execution_id: string;
  user_id: string;
  amount: number;
  due: number | null;
}
interface WindowRow {
  began_at: number;
  count: number;
}

export interface NoCredit {
  status: 'refused';
  reason: 'no_credit';
  needed: number;
  available: number;
}

/** What is about to be reserved. */
export interface Hold {
  cost: Cost;
  account: AccountRow;
  counters: (WindowRow & { name: string })[];
}

type Row = Pick<ExecutionRow, 'id' | 'user_id' | 'cost'>;

export class AccountWriter {
  readonly #sql: ReturnType<typeof prepareStatements>;

  constructor(db: DatabaseSync) {
    this.#sql = prepareStatements(db);
  }

  /** What a new execution needs, if it is there. Null when it costs nothing. */
  look(row: Row, windows: readonly Window[], at: number): Hold | NoCredit | null {
    if (row.cost === null) return null;
    const cost = JSON.parse(row.cost) as Cost;
    const counters = windows.map((window) => {
      const counter = this.#count(row.user_id, window, at);
      const extra = counter.count % window.executions === 0 ? window.credits : 0;
      cost.reserved += extra;
      cost.rates.base += extra;
      return counter;
    });
    const account = this.#account(row.user_id);
    const available = availableOf(account);
    if (cost.reserved > available) {
      return { status: 'refused', reason: 'no_credit', needed: cost.reserved, available };
    }
    return { cost, account, counters };
  }

  /** Reserves it, and writes it into the row, which is not stored yet. */
  hold(row: Row, { cost, account, counters }: Hold): void {
    for (const { name, began_at, count } of counters)
      this.#sql.putWindow.run(row.user_id, name, began_at, count);
    const { balance } = account;
    const reserved = account.reserved + cost.reserved;
    cost.held = { balance, available: availableOf({ balance, reserved }) };
    row.cost = cost.reserved === 0 ? null : JSON.stringify(cost);
    if (row.cost === null) return;
    this.#sql.reserve.run(row.id, row.user_id, cost.reserved);
    this.#sql.putAccount.run(row.user_id, balance, reserved);
  }

  /** Reserves another amount for a live execution. */
  raise(row: Row & Pick<ExecutionRow, 'seq'>, reserved: number): NoCredit | null {
    const cost = JSON.parse(row.cost ?? 'null') as Cost | null;
    if (cost === null || reserved <= cost.reserved) return null;
    const account = this.#account(row.user_id);
    const more = reserved - cost.reserved;
    const available = availableOf(account);
    if (more > available) return { status: 'refused', reason: 'no_credit', needed: more, available };
    row.cost = JSON.stringify({ ...cost, reserved } satisfies Cost);
    this.#sql.setReservation.run(reserved, row.id);
    this.#sql.putAccount.run(row.user_id, account.balance, account.reserved + more);
    this.#sql.setCost.run(row.cost, row.seq);
    return null;
  }

  /** Sets what an execution is to be charged, with its end; answers how it is to be charged in the same transaction, if it is. */
  owe(
    row: Row & Pick<ExecutionRow, 'timeouts'>,
    as: PricedAs | 'left',
    outcome: Outcome,
    attempts: readonly AttemptRow[],
  ): NonNullable<Cost['atEnd']> | null {
    const cost = JSON.parse(row.cost ?? 'null') as Cost | null;
    if (cost === null) return null;
    const { attemptMs } = JSON.parse(row.timeouts) as Timeouts;
    this.#sql.setDue.run(amountDue(cost, as, outcome, attempts.map(toAttempt), attemptMs), row.id);
    return cost.atEnd ?? null;
  }

  /** Charges what is due; null when that has been done. What is written into the execution is in `row`. */
  charge({ executionId, at, lowBalance }: ChargePart, row: Row | undefined): LedgerRow | null {
    const held = this.#sql.getReservation.get(executionId) as ReservationRow | undefined;
    if (typeof held?.due !== 'number') return null;
    const { user_id: userId, amount: reserved, due } = held;
    const account = this.#account(userId);
    const balance = account.balance - due;
    this.#sql.dropReservation.run(executionId);
    this.#sql.putAccount.run(userId, balance, account.reserved - reserved);
    if (row?.cost != null) {
      const cost: Cost = { ...(JSON.parse(row.cost) as Cost), charged: due, balanceAfter: balance };
      row.cost = JSON.stringify(cost);
      this.#sql.setCharged.run(row.cost, row.id);
    }
    const kind = due === 0 ? 'refund' : 'charge';
    // Not -0, which is another number.
    const amount = due === 0 ? 0 : -due;
    const about = { user_id: userId, kind, amount, reserved, subject_id: executionId, at } as const;
    return this.#enter({ ...about, note: null, by_user: null }, account.balance, lowBalance);
  }

  grant(part: GrantPart): LedgerRow | NoCredit | { status: 'refused'; reason: 'balance_limit' } {
    const { userId, amount, grantId, note, by, at, lowBalance } = part;
    const { balance, reserved } = this.#account(userId);
    const available = availableOf({ balance, reserved });
    if (-amount > available) return { status: 'refused', reason: 'no_credit', needed: -amount, available };
    if (balance + amount > MAX_CREDITS) return { status: 'refused', reason: 'balance_limit' };
    this.#sql.putAccount.run(userId, balance + amount, reserved);
    const about = { user_id: userId, kind: 'grant', amount, reserved: 0, subject_id: grantId, at } as const;
    return this.#enter({ ...about, note, by_user: by }, balance, lowBalance);
  }

  #enter(
    entry: Omit<LedgerRow, 'position' | 'balance_after' | 'crossed'>,
    before: number,
    lowBalance: number | null,
  ): LedgerRow {
    const after = before + entry.amount;
    const hasCrossed = lowBalance !== null && before >= lowBalance && after < lowBalance;
    const whole = { ...entry, balance_after: after, crossed: hasCrossed ? lowBalance : null };
    const { lastInsertRowid } = this.#sql.insertEntry.run(
      ...[whole.user_id, whole.kind, whole.amount, whole.balance_after, whole.reserved],
      ...[whole.subject_id, whole.note, whole.by_user, whole.at, whole.crossed],
    );
    return { ...whole, position: Number(lastInsertRowid) };
  }

  #account(userId: string): AccountRow {
    return (this.#sql.getAccount.get(userId) as AccountRow | undefined) ?? { balance: 0, reserved: 0 };
  }

  #count(userId: string, window: Window, at: number): WindowRow & { name: string } {
    const known = this.#sql.getWindow.get(userId, window.name) as WindowRow | undefined;
    return { name: window.name, ...counted(known, window, at) };
  }
}

/** A counter with one more execution in it. A window begins with its first execution, and is over after its time. */
export function counted(known: WindowRow | undefined, { windowMs }: Window, at: number): WindowRow {
  if (known === undefined || at >= known.began_at + windowMs) return { began_at: at, count: 1 };
  return { began_at: known.began_at, count: known.count + 1 };
}

function prepareStatements(db: DatabaseSync) {
  const sql = {
    getAccount: 'SELECT balance, reserved FROM accounts WHERE user_id = ?',
    putAccount: `INSERT INTO accounts (user_id, balance, reserved) VALUES (?, ?, ?)
      ON CONFLICT (user_id) DO UPDATE SET balance = excluded.balance, reserved = excluded.reserved`,
    getWindow: 'SELECT began_at, count FROM windows WHERE user_id = ? AND name = ?',
    putWindow: `INSERT OR REPLACE INTO windows (user_id, name, began_at, count) VALUES (?, ?, ?, ?)`,
    reserve: 'INSERT INTO reservations (execution_id, user_id, amount) VALUES (?, ?, ?)',
    getReservation: 'SELECT execution_id, user_id, amount, due FROM reservations WHERE execution_id = ?',
    setReservation: 'UPDATE reservations SET amount = ? WHERE execution_id = ?',
    setDue: 'UPDATE reservations SET due = ? WHERE execution_id = ? AND due IS NULL',
    dropReservation: 'DELETE FROM reservations WHERE execution_id = ?',
    setCost: 'UPDATE executions SET cost = ? WHERE seq = ?',
    setCharged: 'UPDATE executions SET cost = ?, revision = revision + 1 WHERE id = ?',
    insertEntry: `INSERT INTO ledger (user_id, kind, amount, balance_after, reserved, subject_id, note, by_user, at, crossed)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  };
  return Object.fromEntries(Object.entries(sql).map(([name, text]) => [name, db.prepare(text)])) as {
    [name in keyof typeof sql]: StatementSync;
  };
}
