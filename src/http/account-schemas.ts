// The wire of accounts, and of what an execution would cost.
import { z } from 'zod';
import { type Account, availableOf, ENTRY_KINDS, type LedgerEntry } from '../domain/account.ts';
import { osString } from '../domain/spec.ts';

const time = z.iso.datetime({ precision: 3 });
const credits = z.int();
const count = z.int().min(0);

export const cost = z
  .strictObject({
    reserved: count.describe('the most that it can cost'),
    charged: count.nullable().describe('null until it is charged, shortly after its end'),
    refunded: count.nullable().describe('what came back of the reservation'),
    balance_after: credits.nullable().describe('of the account, after the charge'),
    balance: credits.nullable().describe('of the account, when the execution was accepted'),
    available: credits
      .nullable()
      .describe('what was left then for further executions: balance less all that is reserved'),
  })
  .describe('Credits.');

export const account = z
  .strictObject({
    user_id: z.string(),
    balance: credits.describe('the sum of all entries'),
    reserved: count.describe('for executions that are not charged yet'),
    available: credits.describe('balance less reserved: what new executions can reserve'),
  })
  .describe('The credits of a user.');

export const ledgerEntry = z
  .strictObject({
    position: z.int().min(1),
    kind: z.enum(ENTRY_KINDS).describe('refund: an execution was charged nothing'),
    amount: credits.describe('what the balance grew by'),
    balance_after: credits,
    execution_id: z.string().nullable(),
    reserved: count.nullable().describe('had been reserved for the execution'),
    refunded: count.nullable().describe('came back of the reservation'),
    grant_id: z.string().nullable(),
    note: z.string().nullable(),
    by: z.string().nullable().describe('the user who has made the grant'),
    at: time,
    low_balance: z.boolean().describe('it took the balance below the threshold'),
  })
  .describe('One movement of an account.');
export const ledgerPage = z.strictObject({ items: z.array(ledgerEntry), next_cursor: z.string().nullable() });

/** Greatest amount of one grant. */
const MAX_GRANT = 1_000_000_000_000_000;
export const grantBody = z.strictObject({
  amount: z
    .int()
    .min(-MAX_GRANT)
    .max(MAX_GRANT)
    .refine((amount) => amount !== 0, 'must not be 0')
    .describe('credits; negative takes back what is available'),
  note: osString.min(1).max(500).optional(),
});
export const userParams = z.strictObject({ user_id: z.string().max(1000) });

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
