// The wire of accounts, and of what an execution would cost.
import { z } from 'zod';
import { type Account, availableOf, ENTRY_KINDS, type LedgerEntry } from '../../domain/credits/account.ts';
import { osString } from '../../domain/spec/spec.ts';
import { nextCursor } from '../edge/words.ts';
import { time, count } from '../edge/schemas.ts';

const credits = z.int();

export const cost = z
  .strictObject({
    reserved: count.describe('The most that it can cost.'),
    charged: count
      .nullable()
      .describe('The charged credits; null until it is charged, shortly after its end.'),
    refunded: count.nullable().describe('Part of the reservation that was returned.'),
    balance_after: credits.nullable().describe('Balance of the account after the charge.'),
    balance: credits.nullable().describe('Balance of the account when the execution was accepted.'),
    available: credits
      .nullable()
      .describe(
        'The credits that were then available for further executions: the balance minus all reservations.',
      ),
  })
  .describe('The cost of an execution, credits.');

export const account = z
  .strictObject({
    user_id: z.string().describe('The user.'),
    balance: credits.describe('Sum of all entries.'),
    reserved: count.describe('Reserved for executions that are not charged yet.'),
    available: credits.describe('`balance` minus `reserved`: the credits that new executions can reserve.'),
  })
  .describe('The credits of a user.');

export const ledgerEntry = z
  .strictObject({
    position: z.int().min(1).describe('Position in the ledger of the server.'),
    kind: z.enum(ENTRY_KINDS).describe('`refund`: an execution was charged nothing.'),
    amount: credits.describe('Change of the balance.'),
    balance_after: credits.describe('Balance after the entry.'),
    execution_id: z.string().nullable().describe('The execution; null for a grant.'),
    reserved: count.nullable().describe('The credits reserved for the execution.'),
    refunded: count.nullable().describe('Part of the reservation that was returned.'),
    grant_id: z.string().nullable().describe('Id of the grant; null for an execution.'),
    note: z.string().nullable().describe('The note of the grant.'),
    by: z.string().nullable().describe('The administrator who made the grant.'),
    at: time.describe('When it was made.'),
    low_balance: z.boolean().describe('Whether the balance fell below the threshold.'),
  })
  .describe('One entry of the ledger of an account.');
export const ledgerPage = z
  .strictObject({
    items: z.array(ledgerEntry).describe('Newest first.'),
    next_cursor: nextCursor,
  })
  .describe('A page of entries.');

/** Greatest amount of one grant. */
const MAX_GRANT = 1_000_000_000_000_000;
export const grantBody = z
  .strictObject({
    amount: z
      .int()
      .min(-MAX_GRANT)
      .max(MAX_GRANT)
      .refine((amount) => amount !== 0, 'must not be 0')
      .describe('Credits to grant. A negative number takes back credits that are available.'),
    note: osString.min(1).max(500).optional().describe('A text of your choice, which the entry shows.'),
  })
  .describe('A grant of credits.');
export const userParams = z.strictObject({ user_id: z.string().max(1000).describe('The user.') });

/** What stands under its own name in the OpenAPI document. */
export const accountComponents = {
  Cost: cost,
  Account: account,
  LedgerEntry: ledgerEntry,
  LedgerPage: ledgerPage,
  GrantRequest: grantBody,
};

export function toAccountWire(one: Account): z.infer<typeof account> {
  const { userId, balance, reserved } = one;
  return { user_id: userId, balance, reserved, available: availableOf(one) };
}

export function toEntryWire(entry: LedgerEntry): z.infer<typeof ledgerEntry> {
  const { position, kind, amount, balanceAfter, reserved, subjectId, note, by, at, crossed } = entry;
  const isGrant = kind === 'grant';
  return {
    ...{ position, kind, amount, balance_after: balanceAfter },
    execution_id: isGrant ? null : subjectId,
    reserved: isGrant ? null : reserved,
    refunded: isGrant ? null : reserved + amount,
    grant_id: isGrant ? subjectId : null,
    ...{ note, by, at: new Date(at).toISOString(), low_balance: crossed !== null },
  };
}
