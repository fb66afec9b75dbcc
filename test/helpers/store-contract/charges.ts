// What an end is charged, once.
import type { Test } from 'tap';
import type { Cost } from '../../../src/domain/cost.ts';
import type { Outcome } from '../../../src/domain/outcome.ts';
import { accept, END, EXIT_0, newExecution, settle } from '../records.ts';
import { type MakeWorld, CLAIM } from './given.ts';
import { flat, grant, charge, LOST, one, done, entriesOf, chargeAll } from './money.ts';

export function charges(t: Test, makeWorld: MakeWorld): void {
  t.test('what has ended owes its price, is charged once, and says so', async (t) => {
    const { store } = await makeWorld(t);
    await done(store, grant(100));
    const cost: Cost = { ...flat(50), rates: { base: 10, perSecond: 3, perMb: 0, joined: 0 } };
    const [execution] = await done(store, accept(newExecution({ cost }), { claim: CLAIM }));
    const id = execution?.id ?? '';
    t.same(await store.dueCharges(0, 1, 10), []);
    t.same(await one(store, charge(id)), { status: 'stale' }, 'not before its end');
    const [ended] = await done(store, settle(id, 1));
    // It ran for 800 ms.
    t.match(ended, { status: 'completed', revision: 2, cost: { reserved: 50, charged: null } });
    t.same(await store.dueCharges(0, 1, 10), [id]);
    t.same(await store.creditTotals(), { reserved: 50, due: 1 });
    t.match(await one(store, charge(id)), {
      entries: [{ kind: 'charge', amount: -13, reserved: 50, balanceAfter: 87, subjectId: id }],
    });
    t.same(await one(store, charge(id)), { status: 'stale' });
    t.match(await store.get('ann', id), {
      revision: 3,
      cost: { reserved: 50, charged: 13, balanceAfter: 87 },
    });
    t.match(await store.account('ann'), { balance: 87, reserved: 0 });
    t.same(await store.creditTotals(), { reserved: 0, due: 0 });
    t.same(await entriesOf(store), [
      ['charge', -13, 87],
      ['grant', 100, 100],
    ]);
  });

  t.test('what never started, or was interrupted, is given back', async (t) => {
    const { store } = await makeWorld(t);
    await done(store, grant(100));
    const queued = newExecution({ cost: flat(10) });
    await done(store, accept(queued));
    await done(store, { type: 'cancel', userId: 'ann', executionId: queued.id, reason: null });
    const lost = newExecution({ cost: flat(10) });
    await done(store, accept(lost, { claim: CLAIM }));
    await done(store, settle(lost.id, 1, { outcome: LOST, result: null }));
    const late = newExecution({ cost: flat(10) });
    await done(store, accept(late));
    await done(store, {
      type: 'expire',
      executionId: late.id,
      outcome: { cause: 'queue_timeout', limitMs: 1 },
    });
    t.equal(await chargeAll(store), 3);
    t.match(await store.account('ann'), { balance: 100, reserved: 0 });
    t.same((await entriesOf(store)).slice(0, 3), [
      ['refund', 0, 100],
      ['refund', 0, 100],
      ['refund', 0, 100],
    ]);
    t.match(await store.get('ann', lost.id), { cost: { reserved: 10, charged: 0, balanceAfter: 100 } });
  });

  t.test('a claim that is given back, and a try that is made again, owe nothing yet', async (t) => {
    const { store } = await makeWorld(t);
    await done(store, grant(100));
    const { id } = newExecution();
    await done(store, accept(newExecution({ id, cost: flat(10) }), { claim: CLAIM }));
    await done(store, { type: 'requeue', executionId: id, attempt: 1 });
    await done(store, { type: 'claim_next', pools: ['process'], limit: 1, claim: CLAIM });
    await done(store, {
      type: 'retry',
      executionId: id,
      attempt: 2,
      outcome: EXIT_0,
      end: END,
      waitMs: 6,
    });
    t.same(await store.dueCharges(0, 1, 10), []);
    t.match(await store.account('ann'), { balance: 100, reserved: 10 });
    await done(store, { type: 'cancel', userId: 'ann', executionId: id, reason: null });
    await chargeAll(store);
    t.match(
      await store.account('ann'),
      { balance: 90, reserved: 0 },
      'cancelled after its first try: not before its start',
    );
  });

  t.test('what ends with its acceptance is charged with it', async (t) => {
    const { store, reopen } = await makeWorld(t);
    await done(store, grant(100));
    const hit = newExecution({ cost: flat(7) });
    const end = { outcome: EXIT_0, result: null };
    const pricing = { windows: [], lowBalance: 95 };
    const result = await one(store, accept(hit, { end, pricing }));
    t.match(result, {
      executions: [{ status: 'completed', revision: 1, cost: { reserved: 7, charged: 7, balanceAfter: 93 } }],
      entries: [{ kind: 'charge', amount: -7, crossed: 95 }],
    });
    const open = newExecution({ cost: flat(7) });
    const outcome: Outcome = { cause: 'circuit_open', circuit: 'x', retryAfterMs: 1 };
    await done(store, accept(open, { end: { outcome, result: null } }));
    t.match(await store.account('ann'), { balance: 93, reserved: 0 });
    t.same(await store.dueCharges(0, 1, 10), []);
    const again = await reopen();
    t.match(await again.get('ann', hit.id), { revision: 1, cost: { charged: 7, balanceAfter: 93 } });
    t.match(await again.get('ann', open.id), { cost: { reserved: 7, charged: 0 } });
    t.match(await one(again, accept(newExecution({ cost: flat(94) }), { end })), { reason: 'no_credit' });
  });

  t.test('what is due outlives the execution, and a restart', async (t) => {
    const { store, reopen } = await makeWorld(t);
    await done(store, grant(100));
    const kept = newExecution({ cost: flat(1) });
    const gone = newExecution({ cost: flat(2) });
    for (const execution of [kept, gone]) {
      await done(store, accept(execution, { claim: CLAIM }));
      await done(store, settle(execution.id, 1));
    }
    await done(store, { type: 'remove', userId: 'ann', executionId: gone.id });
    const again = await reopen();
    t.equal(await chargeAll(again), 2);
    t.match(await again.account('ann'), { balance: 97, reserved: 0 });
    t.match(await again.get('ann', kept.id), { cost: { charged: 1 } });
    t.equal(await again.get('ann', gone.id), null);
  });

  t.test('those who charge at the same time take different ones', async (t) => {
    const { store } = await makeWorld(t);
    await done(store, grant(1000));
    for (let i = 0; i < 10; i++) {
      const execution = newExecution({ cost: flat(1) });
      await done(store, accept(execution));
      await done(store, { type: 'cancel', userId: 'ann', executionId: execution.id, reason: null });
    }
    const [first, second, all] = await Promise.all([
      ...[store.dueCharges(0, 2, 100), store.dueCharges(1, 2, 100), store.dueCharges(0, 1, 100)],
    ]);
    t.equal((first?.length ?? 0) + (second?.length ?? 0), 10);
    t.same([...(first ?? []), ...(second ?? [])].sort(), [...(all ?? [])].sort());
    t.equal((await store.dueCharges(0, 1, 3)).length, 3);
  });
}
