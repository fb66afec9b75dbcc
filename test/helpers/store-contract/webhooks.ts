// Webhooks, and deliveries that belong to their events.
import type { Test } from 'tap';
import type { Store } from '../../../src/domain/ports/store.ts';
import type { Group } from '../../../src/domain/ports/group.ts';
import type { DueLanesQuery, Webhook } from '../../../src/domain/webhooks/webhooks.ts';
import { until } from '../processes.ts';
import { accept, newExecution, settle } from '../records.ts';
import { type MakeWorld, CLAIM, one, ran } from './given.ts';

function webhook(more: Partial<Webhook> = {}): Webhook {
  return {
    ...{
      id: 'wh',
      userId: 'ann',
      executionId: null,
      url: 'https://example.com/a',
      description: null,
      withResult: false,
      notification: null,
    },
    ...{ filter: { userId: 'ann', types: ['completed'] }, disabled: null, createdAt: 1 },
    secrets: [{ secret: 'whsec_x', until: null }],
    ...more,
  };
}

const put = (hook: Webhook): Group => [{ type: 'webhook', webhook: hook }];

const due = (store: Store, lane = 'ann https://example.com') => store.dueDeliveries(lane, 1e15, 100);

const lanes = (store: Store, more: Partial<DueLanesQuery> = {}) =>
  store.dueLanes({ after: null, now: 1e15, users: 10, lanes: 10, ...more });

const ALL = { state: null, limit: 100, before: null };

export function deliveries(t: Test, makeWorld: MakeWorld): void {
  t.test('a delivery is noted with its event, for those who asked for it, and for nobody else', async (t) => {
    const { store, reopen } = await makeWorld(t);
    await one(store, put(webhook()));
    await one(
      store,
      put(webhook({ id: 'starts', filter: { userId: 'ann', types: ['started'], taskId: 'x' } })),
    );
    const id = await ran(store, { taskId: 'x' });
    await ran(store, { userId: 'bob' });
    const seen = async (from: Store) =>
      (await due(from)).map(({ webhookId, record }) => [webhookId, record.executionId, record.type]);
    const expected = [
      ['wh', id, 'completed'],
      ['starts', id, 'started'],
    ];
    t.same(new Set((await seen(store)).map(String)), new Set(expected.map(String)));
    t.equal(store.stats().deliveries.pending, 2);
    const again = await reopen();
    t.equal((await seen(again)).length, 2);
    t.equal(again.stats().deliveries.pending, 2);
    await ran(again);
    t.equal((await due(again)).length, 3, 'it is listened to after a restart too');
  });

  t.test('a group that is refused leaves no delivery and no webhook', async (t) => {
    const { store } = await makeWorld(t);
    await one(store, put(webhook({ filter: { userId: 'ann', types: ['accepted'] } })));
    const refused = newExecution();
    t.match(await one(store, [accept(refused, { maxQueued: 0 })]), { status: 'refused' });
    const other = put(webhook({ id: 'other' }));
    t.match(await one(store, [...other, accept(newExecution(), { maxQueued: 0 })]), { status: 'refused' });
    t.equal(store.stats().deliveries.pending, 0);
    t.same(
      (await store.webhooks('ann')).map(({ id }) => id),
      ['wh'],
    );
    await one(store, [accept(newExecution())]);
    t.equal(store.stats().deliveries.pending, 1);
  });

  t.test('an execution has its own webhook, which outlives it until all is delivered', async (t) => {
    const { store } = await makeWorld(t);
    const own = { url: 'https://example.com/b', events: ['completed'] as const };
    const execution = newExecution({ webhook: own });
    const hook = webhook({ id: execution.id, executionId: execution.id, url: own.url });
    await one(store, [accept(execution, { claim: CLAIM }), { type: 'webhook', webhook: hook }]);
    t.equal(await store.finished('ann', execution.id), null, 'it has not ended');
    const settled = one(store, [settle(execution.id, 1)]);
    await until('it is due', async () => (await due(store)).length === 1);
    t.match(await store.finished('ann', execution.id), { status: 'completed', result: { type: 'tails' } });
    t.equal(await store.finished('bob', execution.id), null);
    await settled;
    await one(store, [{ type: 'remove', userId: null, executionId: execution.id }]);
    t.equal(await store.finished('ann', execution.id), null);
    const [one_] = await due(store);
    t.match(one_, {
      webhook: { url: own.url, secrets: [{ secret: 'whsec_x' }] },
      record: { type: 'completed' },
    });
    const sweep: Group = [{ type: 'delivery_sweep', finishedBefore: 1e15, limit: 10 }];
    await one(store, sweep);
    t.ok(await store.webhook('ann', execution.id));
    const end = { state: 'delivered', tries: [], waitMs: null, isRedelivery: false } as const;
    await one(store, [{ type: 'delivery', id: one_?.id ?? 0, ...end }]);
    t.equal(store.stats().deliveries.pending, 0);
    await one(store, sweep);
    t.equal(await store.webhook('ann', execution.id), null);
    t.same(await store.webhooks('ann'), [], 'it is no standing one');
  });

  t.test('how a delivery went is kept; what has ended is not taken up again but by hand', async (t) => {
    const { store, clock } = await makeWorld(t);
    await one(store, put(webhook()));
    await ran(store);
    const [{ id }] = (await due(store)) as unknown as [{ id: number }];
    const tries = [{ at: 1, status: 500, error: 'x', tookMs: 2 }];
    const later = {
      type: 'delivery',
      id,
      state: 'pending',
      tries,
      waitMs: 8000,
      isRedelivery: false,
    } as const;
    t.match(await one(store, [later]), { status: 'applied' });
    t.same(await store.dueDeliveries('ann https://example.com', 8999, 10), []);
    t.same(await lanes(store, { now: 8999 }), { lanes: [], after: null, nextAt: 9000 });
    t.same(await lanes(store, { now: 9000 }), {
      lanes: ['ann https://example.com'],
      after: null,
      nextAt: null,
    });
    const lastTry = { at: 7, status: null, error: 'held', tookMs: 0 };
    const hold = { type: 'hold_lane', lane: 'ann https://example.com', mostHeldMs: 2000, lastTry } as const;
    await one(store, [{ ...hold, waitMs: 8500 }]);
    t.match(await store.deliveries('wh', ALL), [{ state: 'pending', nextAt: 9500, tries }]);
    clock.now = 1500;
    await one(store, [{ ...hold, waitMs: 7500 }]);
    t.match(await store.deliveries('wh', ALL), [{ nextAt: 9500 }], 'no earlier than before');
    clock.now = 3000;
    await one(store, [{ ...hold, waitMs: 6600 }]);
    t.match(await store.deliveries('wh', ALL), [
      { state: 'failed', nextAt: null, tries: [...tries, lastTry] },
    ]);
    t.equal(store.stats().deliveries.pending, 0);
    clock.now = 1000;
    t.match(await one(store, [{ ...later, isRedelivery: true }]), { status: 'applied' });
    const end = { ...later, state: 'failed', waitMs: null } as const;
    t.match(await one(store, [end]), { status: 'applied' });
    t.same(await one(store, [later]), { status: 'stale' });
    t.match(await store.deliveries('wh', ALL), [{ id, state: 'failed', tries }]);
    t.same(await lanes(store), { lanes: [], after: null, nextAt: null });
    t.match(await one(store, [{ ...later, isRedelivery: true }]), { status: 'applied' });
    t.match(await lanes(store, { now: 9000 }), { lanes: ['ann https://example.com'] });
    t.match(await store.delivery('wh', id), { state: 'pending', nextAt: 9000 });
    t.equal(await store.delivery('other', id), null);
  });

  t.test(
    'what waits for a webhook that is turned off is discarded, and gone with one that is removed',
    async (t) => {
      const { store } = await makeWorld(t);
      await one(store, put(webhook()));
      await ran(store);
      await one(store, put(webhook({ disabled: 'request' })));
      t.match(await store.deliveries('wh', ALL), [{ state: 'discarded', nextAt: null }]);
      t.same((await lanes(store)).lanes, []);
      t.equal(store.stats().deliveries.pending, 0);
      await ran(store);
      t.equal((await store.deliveries('wh', ALL)).length, 1, 'nothing is noted for it');
      await one(store, put(webhook()));
      await ran(store);
      t.equal((await due(store)).length, 1);
      t.match(await one(store, [{ type: 'webhook_remove', userId: 'bob', webhookId: 'wh' }]), {
        reason: 'not_found',
      });
      t.match(await one(store, [{ type: 'webhook_remove', userId: 'ann', webhookId: 'wh' }]), {
        status: 'applied',
      });
      t.same(await store.deliveries('wh', ALL), []);
      t.same((await lanes(store)).lanes, []);
      t.equal(store.stats().deliveries.pending, 0);
    },
  );

  t.test('lanes keep receivers and users apart', async (t) => {
    const { store } = await makeWorld(t);
    await one(store, put(webhook({ id: 'a' })));
    await one(store, put(webhook({ id: 'b', url: 'https://example.com/other' })));
    await one(store, put(webhook({ id: 'c', url: 'https://example.com:8443/' })));
    await one(store, put(webhook({ id: 'd', userId: 'bob', filter: { userId: 'bob' } })));
    await ran(store);
    await ran(store, { userId: 'bob' });
    const [ann, ann8443, bob] = [
      ...['ann https://example.com', 'ann https://example.com:8443', 'bob https://example.com'],
    ] as const;
    t.same((await lanes(store)).lanes.sort(), [ann, ann8443, bob]);
    t.same(await lanes(store, { users: 1 }), { lanes: [ann, ann8443], after: 'ann', nextAt: null });
    t.same(await lanes(store, { after: 'ann' }), { lanes: [bob], after: null, nextAt: null });
    t.equal((await lanes(store, { lanes: 1 })).lanes.length, 2, 'so many of each user');
    t.same(
      (await due(store)).map(({ webhookId }) => webhookId),
      ['a', 'b'],
    );
    t.equal((await due(store, 'bob https://example.com')).length, 3);
  });
}
