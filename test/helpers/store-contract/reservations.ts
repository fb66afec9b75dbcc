// What is reserved with an acceptance.
import type { Test } from 'tap';
import type { Group, IdempotencyPart } from '../../../src/domain/ports/group.ts';
import { accept, newExecution } from '../records.ts';
import { type MakeWorld, CLAIM } from './given.ts';
import { flat, grant, one, done, entriesOf } from './money.ts';

export function reservations(t: Test, makeWorld: MakeWorld): void {
  t.test('what may be spent is reserved with the acceptance, or nothing is accepted', async (t) => {
    const { store } = await makeWorld(t);
    t.match(await one(store, accept(newExecution({ cost: flat(1) }))), {
      ...{ status: 'refused', reason: 'no_credit', needed: 1, available: 0 },
    });
    await done(store, grant(100));
    const [execution] = await done(store, accept(newExecution({ cost: flat(60) })));
    t.match(execution?.cost, { reserved: 60, charged: null, balanceAfter: null });
    t.match(await store.account('ann'), { balance: 100, reserved: 60 });
    const short = newExecution({ cost: flat(41) });
    t.match(await one(store, accept(short, { claim: CLAIM })), {
      reason: 'no_credit',
      needed: 41,
      available: 40,
    });
    t.equal(await store.get('ann', short.id), null);
    t.match(await store.counts(), { pending: 1, running: 0 });
    await done(store, accept(newExecution({ cost: flat(40) }), { claim: CLAIM }));
    await done(store, accept(newExecution()), accept(newExecution()));
    t.match(await store.account('ann'), { balance: 100, reserved: 100 });
    t.same(await entriesOf(store), [['grant', 100, 100]], 'what is reserved has not moved');
  });

  t.test('a hundred at once with credit for ten: ten are accepted', async (t) => {
    const { store } = await makeWorld(t);
    await done(store, grant(109));
    const groups = Array.from({ length: 100 }, (): Group => [accept(newExecution({ cost: flat(10) }))]);
    const results = await Promise.all(groups.map((group) => store.commit([group])));
    t.equal(results.filter(([result]) => result?.status === 'applied').length, 10);
    t.match(await store.account('ann'), { balance: 109, reserved: 100 });
    t.match(await store.counts(), { pending: 10 });
  });

  t.test('a replay reserves nothing, and neither does what is refused for another reason', async (t) => {
    const { store } = await makeWorld(t);
    await done(store, grant(100));
    const first = newExecution({ cost: flat(10) });
    const key: IdempotencyPart = {
      ...{ type: 'idempotency', userId: 'ann', key: 'k', bodyHash: 'h', lifetimeMs: 9000 },
      executionId: first.id,
    };
    await done(store, key, accept(first));
    t.match(await one(store, key, accept(newExecution({ cost: flat(10) }))), { reason: 'key_replayed' });
    t.match(await one(store, accept(newExecution({ cost: flat(10) }), { maxQueued: 1 })), {
      reason: 'queue_full',
    });
    const joiner = newExecution({ cost: flat(10), runId: newExecution().id });
    t.match(await one(store, accept(joiner, { joins: true })), { reason: 'run_gone' });
    t.match(await store.account('ann'), { balance: 100, reserved: 10 });
  });

  t.test('who may run longer reserves more, or keeps its limits', async (t) => {
    const { store } = await makeWorld(t);
    await done(store, grant(100));
    const { id } = newExecution();
    await done(store, accept(newExecution({ id, cost: flat(10) })));
    const of = { type: 'patch', userId: 'ann', executionId: id, priority: null } as const;
    const timeouts = { queueMs: null, attemptMs: 1, totalMs: null, idleMs: null };
    t.match(await one(store, { ...of, revision: 1, timeouts, reserved: 101 }), {
      reason: 'no_credit',
      needed: 91,
    });
    t.match(await store.get('ann', id), {
      revision: 1,
      timeouts: { attemptMs: 300_000 },
      cost: { reserved: 10 },
    });
    const [patched] = await done(store, { ...of, revision: 1, timeouts, reserved: 100 });
    t.match(patched, { revision: 2, timeouts: { attemptMs: 1 }, cost: { reserved: 100 } });
    t.match(await store.account('ann'), { balance: 100, reserved: 100 });
    await done(store, { ...of, revision: 2, timeouts, reserved: 5 });
    t.match(await store.account('ann'), { reserved: 100 }, 'it never becomes less');
  });
}
