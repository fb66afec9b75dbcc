// Reads of accounts and their ledger.
import type { Account, CreditTotals, LedgerEntry } from '../../../domain/credits/account.ts';
import type { Window } from '../../../domain/cost.ts';
import type { ExecutionId } from '../../../domain/ids.ts';
import { type LedgerRow, toEntry } from '../../rows.ts';
import { counted } from '../../rules/money.ts';
import type { Reads } from './reads.ts';

/** Null when the user never had a credit. */
export function readAccount(reads: Reads, userId: string): Account | null {
  const row = reads.one('SELECT balance, reserved FROM accounts WHERE user_id = ?', userId) as
    | Omit<Account, 'userId'>
    | undefined;
  return row === undefined ? null : { userId, ...row };
}

/** Newest first. */
export function readEntries(
  reads: Reads,
  userId: string,
  limit: number,
  before: number | null,
): LedgerEntry[] {
  const text = 'SELECT * FROM ledger WHERE user_id = ? AND position < ? ORDER BY position DESC LIMIT ? + 0';
  const rows = reads.all(text, userId, before ?? Number.MAX_SAFE_INTEGER, limit) as LedgerRow[];
  return rows.map(toEntry);
}

export function readGrant(reads: Reads, grantId: ExecutionId): LedgerEntry | null {
  const text = `SELECT * FROM ledger WHERE subject_id = ? AND kind = 'grant'`;
  const row = reads.one(text, grantId) as LedgerRow | undefined;
  return row === undefined ? null : toEntry(row);
}

export function readDueCharges(reads: Reads, shard: number, shards: number, limit: number): ExecutionId[] {
  const text = `SELECT execution_id FROM reservations WHERE due IS NOT NULL AND seq % ? = ? ORDER BY seq LIMIT ? + 0`;
  const rows = reads.all(text, shards, shard, limit) as { execution_id: string }[];
  return rows.map(({ execution_id: id }) => id);
}

export function readWindowCredits(
  reads: Reads,
  userId: string,
  windows: readonly Window[],
  at: number,
): number {
  let credits = 0;
  for (const window of windows) {
    const text = 'SELECT began_at, count FROM windows WHERE user_id = ? AND name = ?';
    const known = reads.one(text, userId, window.name) as { began_at: number; count: number } | undefined;
    if (counted(known, window, at).count % window.executions === 0) credits += window.credits;
  }
  return credits;
}

export function readTotals(reads: Reads): CreditTotals {
  const { reserved } = reads.one('SELECT coalesce(sum(reserved), 0) AS reserved FROM accounts') as {
    reserved: number;
  };
  const { due } = reads.one('SELECT count(*) AS due FROM reservations WHERE due IS NOT NULL') as {
    due: number;
  };
  return { reserved, due };
}
