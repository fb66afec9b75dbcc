// Money: what is reserved when an execution is accepted, what it owes when it has ended, and what is then charged.
import type { ChargePart, GrantPart } from '../../domain/credits/account.ts';
import { availableOf } from '../../domain/credits/account.ts';
import { type Cost, MAX_CREDITS, type Window } from '../../domain/cost.ts';
import type { Timeouts } from '../../domain/execution/execution.ts';
import type { Outcome } from '../../domain/outcome.ts';
import { amountDue, type PricedAs } from '../../domain/credits/price.ts';
import {
  type AttemptRow,
  type ExecutionRow,
  type LedgerRow,
  type NewRow,
  toAttempt,
  toEntry,
} from '../rows.ts';
import { noteEntry, tellingNeeds } from './deliveries.ts';
import { type AccountRow, pair, type WindowRow } from './facts.ts';
import { type NoCredit, type Rule, STALE, type Work } from './parts.ts';
import type { WorkingSet } from './working-set.ts';

/** What is about to be reserved. */
export interface Hold {
  cost: Cost;
  account: AccountRow;
  counters: (WindowRow & { name: string })[];
}

/** What a new execution needs, if it is there. Null when it costs nothing. */
export function look(
  set: WorkingSet,
  row: Pick<NewRow, 'cost' | 'user_id'>,
  windows: readonly Window[],
): Hold | NoCredit | null {
  if (row.cost === null) return null;
  const cost = JSON.parse(row.cost) as Cost;
  const counters = windows.map((window) => {
    const known = set.get('windows', pair(row.user_id, window.name));
    const counter = counted(known, window, set.now);
    const extra = counter.count % window.executions === 0 ? window.credits : 0;
    cost.reserved += extra;
    cost.rates.base += extra;
    return { name: window.name, ...counter };
  });
  const account = set.get('accounts', row.user_id);
  const available = availableOf(account);
  if (cost.reserved > available) {
    return { status: 'refused', reason: 'no_credit', needed: cost.reserved, available };
  }
  return { cost, account, counters };
}

/** Reserves it; returns the cost that belongs into the row. */
export function hold(set: WorkingSet, row: NewRow, { cost, account, counters }: Hold): string | null {
  const { id, user_id: userId } = row;
  for (const { name, ...window } of counters) set.put('windows', pair(userId, name), window);
  const { balance } = account;
  const reserved = account.reserved + cost.reserved;
  cost.held = { balance, available: availableOf({ balance, reserved }) };
  if (cost.reserved === 0) return null;
  set.put('reservations', id, { user_id: userId, amount: cost.reserved, due: null });
  set.put('accounts', userId, { balance, reserved });
  return JSON.stringify(cost);
}

/** Reserves another amount for a live execution; returns its cost from now on. */
export function raise(
  set: WorkingSet,
  row: ExecutionRow,
  reserved: number,
): NoCredit | { cost: string | null } {
  const cost = JSON.parse(row.cost ?? 'null') as Cost | null;
  if (cost === null || reserved <= cost.reserved) return { cost: row.cost };
  const account = set.get('accounts', row.user_id);
  const more = reserved - cost.reserved;
  const available = availableOf(account);
  if (more > available) return { status: 'refused', reason: 'no_credit', needed: more, available };
  const held = set.get('reservations', row.id);
  if (held !== null) set.put('reservations', row.id, { ...held, amount: reserved });
  set.put('accounts', row.user_id, { ...account, reserved: account.reserved + more });
  return { cost: JSON.stringify({ ...cost, reserved } satisfies Cost) };
}

/** Sets what an execution is to be charged, with its end; returns how it is to be charged in the same transaction, if it is. */
export function owe(
  set: WorkingSet,
  row: Pick<ExecutionRow, 'id' | 'cost' | 'timeouts'>,
  as: PricedAs | 'left',
  outcome: Outcome,
  attempts: readonly AttemptRow[],
): NonNullable<Cost['atEnd']> | null {
  const cost = JSON.parse(row.cost ?? 'null') as Cost | null;
  if (cost === null) return null;
  const { attemptMs } = JSON.parse(row.timeouts) as Timeouts;
  const held = set.get('reservations', row.id);
  if (held?.due === null) {
    const due = amountDue(cost, as, outcome, attempts.map(toAttempt), attemptMs);
    set.put('reservations', row.id, { ...held, due });
  }
  return cost.atEnd ?? null;
}

/** Charges what is due; null when that has been done. Returns the cost of its row from now on. */
export function charge(
  set: WorkingSet,
  { executionId, lowBalance }: Omit<ChargePart, 'type'>,
  row: Pick<ExecutionRow, 'cost'> | null,
  work: Work,
): { cost: string | null } | null {
  const held = set.get('reservations', executionId);
  if (held?.due == null) return null;
  const { user_id: userId, amount: reserved, due } = held;
  const account = set.get('accounts', userId);
  const balance = account.balance - due;
  set.put('reservations', executionId, null);
  set.put('accounts', userId, { balance, reserved: account.reserved - reserved });
  const kind = due === 0 ? 'refund' : 'charge';
  // Not -0, which is another number.
  const amount = due === 0 ? 0 : -due;
  const about = { user_id: userId, kind, amount, reserved, subject_id: executionId, at: set.now } as const;
  enter(set, { ...about, note: null, by_user: null }, { before: account.balance, lowBalance }, work);
  if (row?.cost == null) return { cost: null };
  const cost: Cost = { ...(JSON.parse(row.cost) as Cost), charged: due, balanceAfter: balance };
  return { cost: JSON.stringify(cost) };
}

export const chargePart: Rule<ChargePart> = {
  needs: ({ executionId }) => ({ executions: [executionId], reservations: [executionId] }),
  more({ executionId }, set) {
    const userId = set.get('reservations', executionId)?.user_id;
    return userId === undefined ? {} : { accounts: [userId], ...tellingNeeds([userId]) };
  },
  apply(part, set, work) {
    const row = set.execution(part.executionId);
    const charged = charge(set, part, row, work);
    if (charged === null) return STALE;
    if (row !== null && row.cost !== null) set.update(row, { ...charged, revision: row.revision + 1 });
    return null;
  },
};

export const grantPart: Rule<GrantPart> = {
  needs: ({ userId }) => ({ accounts: [userId], ...tellingNeeds([userId]) }),
  apply({ userId, amount, grantId, note, by, lowBalance }, set, work) {
    const { balance, reserved } = set.get('accounts', userId);
    const available = availableOf({ balance, reserved });
    if (-amount > available) return { status: 'refused', reason: 'no_credit', needed: -amount, available };
    if (balance + amount > MAX_CREDITS) return { status: 'refused', reason: 'balance_limit' };
    set.put('accounts', userId, { balance: balance + amount, reserved });
    const about = {
      user_id: userId,
      kind: 'grant',
      amount,
      reserved: 0,
      subject_id: grantId,
      at: set.now,
    } as const;
    enter(set, { ...about, note, by_user: by }, { before: balance, lowBalance }, work);
    return null;
  },
};

function enter(
  set: WorkingSet,
  entry: Omit<LedgerRow, 'position' | 'balance_after' | 'crossed'>,
  { before, lowBalance }: { before: number; lowBalance: number | null },
  work: Work,
): void {
  const after = before + entry.amount;
  const hasCrossed = lowBalance !== null && before >= lowBalance && after < lowBalance;
  const crossed = hasCrossed ? lowBalance : null;
  const whole = { ...entry, balance_after: after, crossed, position: set.next('entry') };
  set.enter(whole);
  (work.entries ??= []).push(whole);
  noteEntry(set, toEntry(whole));
}

/** A counter with one more execution in it. A window begins with its first execution, and is over after its time. */
export function counted(known: WindowRow | null | undefined, { windowMs }: Window, at: number): WindowRow {
  if (known == null || at >= known.began_at + windowMs) return { began_at: at, count: 1 };
  return { began_at: known.began_at, count: known.count + 1 };
}
