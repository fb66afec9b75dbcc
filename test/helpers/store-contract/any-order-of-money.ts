// Whatever is done in whatever order, with money.
import type { Test } from 'tap';
import fc from 'fast-check';
import type { Cost } from '../../../src/domain/cost.ts';
import { isFinished } from '../../../src/domain/execution/execution.ts';
import type { Outcome } from '../../../src/domain/outcome.ts';
import type { Group, GroupResult } from '../../../src/domain/ports/group.ts';
import { accept, END, EXIT_0, newExecution, settle } from '../records.ts';
import { rounds } from '../rounds.ts';
import { type MakeWorld, CLAIM } from './given.ts';
import { CACHE, CANCELLED, charge, chargeAll, flat, grant, LOST, one } from './money.ts';

interface Step {
  what: string;
  which: number;
  amount: number;
  wrong: number;
}

export function anyOrderOfMoney(t: Test, makeWorld: MakeWorld): void {
  t.test('whatever is done in whatever order, a balance is the sum of its entries', async (t) => {
    const { store, clock } = await makeWorld(t);
    const ids: string[] = [];
    const pricing = { windows: [{ name: 'all', executions: 3, windowMs: 10, credits: 2 }], lowBalance: 200 };
    const outcomes: Outcome[] = [EXIT_0, LOST, CANCELLED];
    const step: fc.Arbitrary<Step> = fc.record({
      what: fc.constantFrom(
        ...[
          'grant',
          'grant',
          'take',
          'accept',
          'claimed',
          'claimed',
          'join',
          'hit',
          'claim',
          'cancel',
          'settle',
          'settle',
        ],
        ...['retry', 'due', 'requeue', 'patch', 'remove', 'charge', 'charge', 'expire'],
      ),
      which: fc.nat(30),
      amount: fc.nat(30),
      wrong: fc.integer({ min: 0, max: 3 }),
    });
    const groupOf = async ({ what, which, amount, wrong }: Step): Promise<Group> => {
      const id = ids[Math.max(0, ids.length - 1 - (which % 8))] ?? newExecution().id;
      const now = await store.get(null, id);
      // Mostly the attempt that is the last one.
      const attempt = which % 5 === 0 ? wrong : (now?.attempts.at(-1)?.number ?? 0);
      const outcome = outcomes[which % 3] as Outcome;
      clock.now = 2000 + which;
      const fresh = (more: Partial<Parameters<typeof newExecution>[0]> = {}) => {
        const cost: Cost = { ...flat(amount, 1), rates: { base: amount, perSecond: 1, perMb: 0, joined: 1 } };
        const execution = newExecution({ cost, ...more });
        ids.push(execution.id);
        return execution;
      };
      switch (what) {
        case 'grant':
          return [grant(amount * 10 + 1, { lowBalance: 200 })];
        case 'take':
          return [grant(-amount * 9 - 1, { lowBalance: 200 })];
        case 'accept':
          return [accept(fresh(), { pricing })];
        case 'claimed':
          return [accept(fresh(), { claim: CLAIM, pricing })];
        case 'join':
          return [
            accept(fresh({ runId: id, cache: CACHE }), { joins: true, pricing: { ...pricing, windows: [] } }),
          ];
        case 'hit':
          return [accept(fresh(), { end: { outcome: EXIT_0, result: null }, pricing })];
        case 'claim':
          return [{ type: 'claim_next', pools: ['process'], limit: 2, claim: CLAIM }];
        case 'cancel':
          return [{ type: 'cancel', userId: 'ann', executionId: id, reason: null }];
        case 'settle':
          return [settle(id, attempt, { outcome })];
        case 'retry':
          return [{ type: 'retry', executionId: id, attempt, outcome, end: END, waitMs: 0 }];
        case 'due':
          return [{ type: 'due', executionId: id, attempt }];
        case 'requeue':
          return [{ type: 'requeue', executionId: id, attempt }];
        case 'patch': {
          const { revision = 1, timeouts = null } = now ?? {};
          const of = { userId: 'ann', executionId: id, revision, priority: null, timeouts };
          return [{ type: 'patch', ...of, reserved: amount }];
        }
        case 'remove':
          return [{ type: 'remove', userId: null, executionId: id }];
        case 'expire':
          return [{ type: 'expire', executionId: id, outcome: { cause: 'queue_timeout', limitMs: 1 } }];
        default:
          return [charge(id, 200)];
      }
    };
    const settled = new Map<string, number>();
    let lastBalance = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40, size: 'max' }), async (steps) => {
        const results: GroupResult[] = [];
        for (const step of steps) results.push(await one(store, ...(await groupOf(step))));
        for (const { entries = [] } of results.filter((result) => result.status === 'applied')) {
          for (const { subjectId, kind, crossed, amount, balanceAfter } of entries) {
            if (settled.has(subjectId)) throw new Error(`${subjectId} is in the ledger twice`);
            settled.set(subjectId, amount);
            if (balanceAfter !== lastBalance + amount)
              throw new Error('a balance does not follow from the one before');
            const falls = lastBalance >= 200 && balanceAfter < 200;
            if ((crossed !== null) !== falls) throw new Error('a crossing is wrong');
            lastBalance = balanceAfter;
            if (kind === 'refund' && amount !== 0) throw new Error('a refund moves nothing');
          }
        }
        const account = (await store.account('ann')) ?? { balance: 0, reserved: 0 };
        const entries = await store.entries('ann', 1_000_000, null);
        const sum = entries.reduce((whole, { amount }) => whole + amount, 0);
        if (account.balance !== sum)
          throw new Error(`the balance is ${account.balance}, the entries are ${sum}`);
        if (account.reserved < 0 || account.reserved > account.balance)
          throw new Error('more is reserved than is there');
        const { executions: stored } = await store.list({ userId: null }, 1_000_000, null);
        const live = stored.filter((one) => !isFinished(one));
        const open = live.reduce((whole, { cost }) => whole + (cost?.reserved ?? 0), 0);
        const due = await store.creditTotals();
        const ended = stored.filter((one) => isFinished(one) && one.cost?.charged === null);
        if (due.due < ended.length) throw new Error('an end owes nothing');
        if (due.reserved !== account.reserved || (due.due === 0 && open !== account.reserved))
          throw new Error(`${account.reserved} is reserved, ${open} by what lives`);
        for (const { id, cost } of stored) {
          const entry = settled.get(id);
          if (cost !== null && (cost.charged === null) !== (entry === undefined))
            throw new Error('a charge is not told');
          if (cost !== null && entry !== undefined && cost.charged !== -entry)
            throw new Error('another charge is told');
        }
      }),
      { numRuns: rounds(4) },
    );
    await chargeAll(store);
    t.ok(settled.size > 0, `${settled.size} entries were seen`);
    const account = await store.account('ann');
    const live = (await store.list({ userId: null }, 1_000_000, null)).executions.filter(
      (one) => !isFinished(one),
    );
    t.equal(
      account?.reserved ?? 0,
      live.reduce((whole, { cost }) => whole + (cost?.reserved ?? 0), 0),
    );
  });
}
