// Grants, the ledger and the balance.
import type { Test } from 'tap';
import type { GrantPart } from '../../../src/domain/credits/account.ts';
import type { Group, IdempotencyPart } from '../../../src/domain/ports/group.ts';
import { accept, newExecution } from '../records.ts';
import type { MakeWorld } from './given.ts';
import { flat, grant, one, done, entriesOf } from './money.ts';

export function ledger(t: Test, makeWorld: MakeWorld): void {
  t.test('a grant is in the ledger, and in the balance', async (t) => {
    const { store, reopen } = await makeWorld(t);
    t.equal(await store.account('ann'), null);
    const given = grant(100, { note: 'welcome' });
    const result = await one(store, given);
    t.match(result, {
      status: 'applied',
      executions: [],
      entries: [{ kind: 'grant', amount: 100, balanceAfter: 100 }],
    });
    await done(store, grant(50));
    await done(store, grant(-30));
    await done(store, grant(1, { userId: 'bob' }));
    t.same(await entriesOf(store), [
      ['grant', -30, 120],
      ['grant', 50, 150],
      ['grant', 100, 100],
    ]);
    const again = await reopen();
    t.same(await again.account('ann'), { userId: 'ann', balance: 120, reserved: 0 });
    t.match(await again.grant(given.grantId), {
      note: 'welcome',
      by: 'root',
      subjectId: given.grantId,
      at: 1000,
    });
    t.equal(await again.grant(newExecution().id), null);
  });

  t.test('entries are read in pages, newest first', async (t) => {
    const { store } = await makeWorld(t);
    await store.commit([1, 2, 3, 4, 5].map((amount) => [grant(amount)]));
    const first = await store.entries('ann', 2, null);
    t.same(
      first.map(({ amount }) => amount),
      [5, 4],
    );
    const next = await store.entries('ann', 10, first.at(-1)?.position ?? null);
    t.same(
      next.map(({ amount }) => amount),
      [3, 2, 1],
    );
    t.same(await store.entries('bob', 10, null), []);
  });

  t.test('no more is taken back than is available, and no balance grows beyond measure', async (t) => {
    const { store } = await makeWorld(t);
    t.match(await one(store, grant(-1)), { status: 'refused', reason: 'no_credit', needed: 1, available: 0 });
    await done(store, grant(100));
    await done(store, accept(newExecution({ cost: flat(60) })));
    t.match(await one(store, grant(-41)), { reason: 'no_credit', needed: 41, available: 40 });
    await done(store, grant(-40));
    await done(store, grant(8_999_999_999_999_900));
    t.match(await one(store, grant(100)), { status: 'refused', reason: 'balance_limit' });
    t.match(await store.account('ann'), { balance: 8_999_999_999_999_960, reserved: 60 });
  });

  t.test('a key grants once', async (t) => {
    const { store } = await makeWorld(t);
    const guarded = (part: GrantPart, bodyHash = 'h'): Group => {
      const key: IdempotencyPart = {
        ...{ type: 'idempotency', userId: 'root', key: 'k', bodyHash, lifetimeMs: 9000 },
        executionId: part.grantId,
      };
      return [key, part];
    };
    const first = grant(100);
    await done(store, ...guarded(first));
    t.match(await one(store, ...guarded(grant(100))), { status: 'refused', executionId: first.grantId });
    t.match(await one(store, ...guarded(grant(100), 'other')), { status: 'refused', reason: 'key_reused' });
    t.match(await store.account('ann'), { balance: 100 });
  });

  t.test('a balance is low once for each time that it falls below the threshold', async (t) => {
    const { store } = await makeWorld(t);
    const crossed = async (amount: number, lowBalance = 50) => {
      const result = await one(store, grant(amount, { lowBalance }));
      return result.status === 'applied' ? result.entries?.map((entry) => entry.crossed) : null;
    };
    t.same(await crossed(40), [null], 'it has never been above');
    t.same(await crossed(60), [null]);
    t.same(await crossed(-50), [null], 'not below yet');
    t.same(await crossed(-1), [50]);
    t.same(await crossed(-9), [null], 'it is low already');
    t.same(await crossed(10), [null]);
    t.same(await crossed(-1), [50], 'once more');
    t.equal((await store.entries('ann', 1, null))[0]?.crossed, 50, 'the ledger knows it');
  });
}
