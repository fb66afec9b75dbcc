// Prices, grants and charges, for the parts of the contract that speak of money.
import type { GrantPart } from '../../../src/domain/credits/account.ts';
import type { Cost } from '../../../src/domain/cost.ts';
import type { CacheUse } from '../../../src/domain/cache.ts';
import type { Execution } from '../../../src/domain/execution/execution.ts';
import type { Outcome } from '../../../src/domain/outcome.ts';
import type { Store } from '../../../src/domain/ports/store.ts';
import type { Group, GroupResult } from '../../../src/domain/ports/group.ts';
import { newExecution } from '../records.ts';

/** A price of so much for a run, whatever it takes. */
export function flat(reserved: number, joined = 0): Cost {
  const rates = { base: reserved, perSecond: 0, perMb: 0, joined };
  return { rates, reserved, charged: null, balanceAfter: null };
}

export const grant = (amount: number, more: Partial<GrantPart> = {}): GrantPart => ({
  ...{ type: 'grant', grantId: newExecution().id, userId: 'ann', amount, note: null, by: 'root' },
  ...{ lowBalance: null, ...more },
});

export const charge = (executionId: string, lowBalance: number | null = null) =>
  ({ type: 'charge', executionId, lowBalance }) as const;

export const LOST: Outcome = { cause: 'lost', detail: 'server_crash' };

export const CANCELLED: Outcome = { cause: 'cancelled', reason: null, process: null };

export const CACHE: CacheUse = {
  ...{ mode: 'read_write', key: 'k', scope: 'user', ttlMs: null, status: 'joined', storedAt: null },
};

export async function one(store: Store, ...group: Group): Promise<GroupResult> {
  const [result] = await store.commit([group]);
  return result as GroupResult;
}

export async function done(store: Store, ...group: Group): Promise<Execution[]> {
  const result = await one(store, ...group);
  if (result.status !== 'applied')
    throw new Error(`expected an applied group, got ${JSON.stringify(result)}`);
  return result.executions;
}

export async function entriesOf(store: Store, userId = 'ann') {
  return (await store.entries(userId, 1000, null)).map(({ kind, amount, balanceAfter }) => [
    ...[kind, amount, balanceAfter],
  ]);
}

/** Charges all that is due; answers how many. */
export async function chargeAll(store: Store, lowBalance: number | null = null): Promise<number> {
  const ids = await store.dueCharges(0, 1, 1000);
  await store.commit(ids.map((id) => [charge(id, lowBalance)]));
  return ids.length;
}
