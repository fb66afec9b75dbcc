// Accounts: the credits of a user. The ledger has every movement and is only ever added to; a balance is the sum of its
// entries. What is reserved has not moved: it is the part of the balance that executions under way may come to cost.
import type { Window } from '../cost.ts';
import type { ExecutionId } from '../ids.ts';

export interface Account {
  userId: string;
  /** The sum of all entries. */
  balance: number;
  /** The sum of what is reserved for executions that are not charged yet. */
  reserved: number;
}

/** What new executions can reserve. */
export function availableOf({ balance, reserved }: Pick<Account, 'balance' | 'reserved'>): number {
  return balance - reserved;
}

export const ENTRY_KINDS = ['grant', 'charge', 'refund'] as const;
/** `refund`: an execution was charged nothing, and all that was reserved for it came back. */
export type EntryKind = (typeof ENTRY_KINDS)[number];

/** One movement. An execution for which something was reserved has exactly one, a charge or a refund. */
export interface LedgerEntry {
  /** Store-wide, in commit order. */
  position: number;
  userId: string;
  kind: EntryKind;
  /** What the balance grew by: negative for charges, and for grants that take back. */
  amount: number;
  balanceAfter: number;
  /** What had been reserved for the execution; 0 for grants. */
  reserved: number;
  /** The execution, or the grant, that it is about. */
  subjectId: ExecutionId;
  /** Of a grant. */
  note: string | null;
  /** The user who has made a grant. */
  by: string | null;
  /** Milliseconds since the epoch. */
  at: number;
  /** The threshold, when this entry took the balance from there or above to below it. */
  crossed: number | null;
}

export const ACCOUNT_EVENT_TYPES = ['granted', 'charged', 'refunded', 'low_balance'] as const;
export type AccountEventType = (typeof ACCOUNT_EVENT_TYPES)[number];

/** What is announced of an account, after the entry is stored. */
export interface AccountEvent {
  /** `low_balance` comes once for each time that the balance falls below the threshold. */
  type: AccountEventType;
  entry: LedgerEntry;
}

/** The events that an entry announces. */
export function accountEvents(entry: LedgerEntry): AccountEvent[] {
  const type = ({ grant: 'granted', charge: 'charged', refund: 'refunded' } as const)[entry.kind];
  return entry.crossed === null
    ? [{ type, entry }]
    : [
        { type, entry },
        { type: 'low_balance', entry },
      ];
}

// ---------------------------------------------------------------------------------------------- store

/**
 * Adds to a balance, or takes back when the amount is negative. Refused with `no_credit` when less is available than is
 * taken back, and with `balance_limit` when the balance would be greater than may be.
 */
export interface GrantPart {
  type: 'grant';
  grantId: ExecutionId;
  userId: string;
  amount: number;
  note: string | null;
  by: string;
  lowBalance: number | null;
}

/** Charges what an ended execution costs, as it was set with its end; stale when that has been done. */
export interface ChargePart {
  type: 'charge';
  executionId: ExecutionId;
  /** Balance below which an account is low; null when none is. */
  lowBalance: number | null;
}

export interface CreditTotals {
  /** Of all accounts. */
  reserved: number;
  /** Ended executions that execd has not charged yet. */
  due: number;
}

export interface AccountReads {
  /** Null when the user never had a credit. */
  account(userId: string): Promise<Account | null>;
  /** Newest first. `before` is the position of the last entry of the page before. */
  entries(userId: string, limit: number, before: number | null): Promise<LedgerEntry[]>;
  /** The entry of a grant. */
  grant(grantId: ExecutionId): Promise<LedgerEntry | null>;
  /**
   * Executions that have ended and are not charged yet, oldest first. Each belongs to one of `shards`, so that several
   * can take them at the same time.
   */
  dueCharges(shard: number, shards: number, limit: number): Promise<ExecutionId[]>;
  /** What the next execution that counts in these windows would cost more. */
  windowCredits(userId: string, windows: readonly Window[], at: number): Promise<number>;
  creditTotals(): Promise<CreditTotals>;
}
