// Which execution is claimed next, with a concurrency key and without.
import type { Test } from 'tap';
import { lastAttemptNumber } from '../../../src/domain/execution/execution.ts';
import { accept, newExecution, settle } from '../records.ts';
import {
  type MakeWorld,
  CLAIM,
  applied,
  one,
  given,
  claim,
  givenRunning,
  limitsPatch,
  get,
  cancel,
  requeue,
} from './given.ts';

export function claims(t: Test, makeWorld: MakeWorld): void {
  t.test('the highest priority is claimed first, and within it the oldest', async (t) => {
    const { store } = await makeWorld(t);
    const low = newExecution({ priority: -1 });
    const [first, second] = [newExecution(), newExecution()];
    const high = newExecution({ priority: 10 });
    await given(store, low, first, second, high);
    const order = [high.id, first.id, second.id, low.id];
    t.same(await Promise.all(order.map((id) => store.queuePosition(id))), [0, 1, 2, 3]);
    const claimed = [...(await claim(store)), ...(await claim(store, 2)), ...(await claim(store, 5))];
    t.same(
      claimed.map(({ id }) => id),
      order,
    );
    t.equal(await store.queuePosition(low.id), null);
  });

  t.test('no execution is claimed twice, however many claim at once', async (t) => {
    const { store } = await makeWorld(t);
    await given(store, ...Array.from({ length: 50 }, () => newExecution()));
    const claimed = (await Promise.all(Array.from({ length: 30 }, () => claim(store, 3)))).flat();
    t.equal(claimed.length, 50);
    t.equal(new Set(claimed.map(({ id }) => id)).size, 50);
    t.ok(claimed.every((execution) => lastAttemptNumber(execution) === 1));
  });

  t.test('what was given back keeps its place, and its next claim has the next number', async (t) => {
    const { store, clock } = await makeWorld(t);
    const [a, b] = await given(store, newExecution(), newExecution());
    await claim(store);
    clock.now = 2600;
    applied(await one(store, [requeue(a as string, 1)]));
    t.match(await get(store, a as string), {
      status: 'pending',
      queuedAt: 2600,
      attempts: [{ number: 1, endedAt: 2600 }],
    });
    const [first, second] = await claim(store, 2);
    t.same([first?.id, second?.id], [a, b]);
    t.same(
      first?.attempts.map(({ number }) => number),
      [1, 2],
    );
  });

  t.test('a changed priority changes the place in the queue', async (t) => {
    const { store } = await makeWorld(t);
    const [a, b] = await given(store, newExecution(), newExecution());
    const patch = { type: 'patch', userId: 'ann', executionId: b as string, timeouts: null } as const;
    t.equal(
      (await one(store, [{ ...patch, revision: 7, priority: 5 }])).status,
      'stale',
      'decided on another state',
    );
    applied(await one(store, [{ ...patch, revision: 1, priority: 5 }]));
    t.equal(await store.queuePosition(a as string), 1);
    t.equal((await claim(store))[0]?.id, b);
  });

  t.test('new limits are stored', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenRunning(store);
    const timeouts = { queueMs: null, attemptMs: 999, totalMs: 5, idleMs: null };
    const patch = limitsPatch(id, timeouts);
    applied(await one(store, [patch]));
    t.match(await get(store, id), { timeouts, revision: 2, priority: 0 });
  });
}

export function concurrency(t: Test, makeWorld: MakeWorld): void {
  const keyed = (key: string, limit = 2) => newExecution({ concurrency: { key, limit } });

  t.test(
    'of those with one concurrency key no more run than may, and they hold up nobody else',
    async (t) => {
      const { store } = await makeWorld(t);
      const [a1, a2, a3, b1, free] = (await given(
        store,
        ...[keyed('a'), keyed('a'), keyed('a'), keyed('b', 1), newExecution()],
      )) as [string, string, string, string, string];
      t.same(
        (await claim(store, 10)).map(({ id }) => id),
        [a1, a2, b1, free],
      );
      t.same(await claim(store, 10), []);
      t.same(store.stats().queued, { process: 1, http: 0 });
      applied(await one(store, [cancel(a2)]));
      t.same(await claim(store, 10), [], 'one that is being stopped still runs');
      const next = { type: 'claim_next', pools: ['process'], limit: 5, claim: CLAIM } as const;
      const [, claimed] = await store.commit([[settle(a1, 1)], [next]]);
      t.same(
        applied(claimed).map(({ id }) => id),
        [a3],
        'the end of one makes room in the same transaction',
      );
    },
  );

  t.test('a slot does not help where as many run as may', async (t) => {
    const { store } = await makeWorld(t);
    const results = await store.commit([1, 2, 3].map(() => [accept(keyed('a'), { claim: CLAIM })]));
    t.same(
      results.map((result) => applied(result)[0]?.phase),
      ['starting', 'starting', 'queued'],
    );
    const refused = await one(store, [accept(keyed('a'), { claim: CLAIM, maxQueued: 0 })]);
    t.match(refused, { status: 'refused', reason: 'queue_full' });
    t.match((await store.list({ userId: 'ann' }, 1, null)).executions[0], {
      concurrency: { key: 'a', limit: 2 },
    });
  });

  t.test('priority decides among those with keys and those without', async (t) => {
    const { store } = await makeWorld(t);
    const ids = await given(
      store,
      newExecution({ priority: 1 }),
      newExecution({ priority: 3, concurrency: { key: 'a', limit: 1 } }),
      newExecution({ priority: 2 }),
      newExecution({ priority: 4, concurrency: { key: 'a', limit: 1 } }),
    );
    const order = (await claim(store, 2)).map(({ id }) => ids.indexOf(id));
    t.same(order, [3, 2]);
  });
}
