// Turns and shares of users.
import type { Test } from 'tap';
import type { Execution } from '../../../src/domain/execution/execution.ts';
import { accept, newExecution, settle } from '../records.ts';
import { type MakeWorld, CLAIM, applied, one, given, claim } from './given.ts';

const of = (userId: string, n: number, more: Parameters<typeof newExecution>[0] = {}) =>
  Array.from({ length: n }, () => newExecution({ userId, ...more }));

const owners = (executions: Execution[]) => executions.map(({ userId }) => userId).join('');

export function turns(t: Test, makeWorld: MakeWorld): void {
  t.test('users take turns within a priority, however many wait of one of them', async (t) => {
    const { store } = await makeWorld(t);
    await given(store, ...of('a', 1000), ...of('b', 3), ...of('c', 1), ...of('b', 1, { priority: 1 }));
    t.equal(owners(await claim(store, 9)), 'babcababa');
    t.equal(owners(await claim(store, 3)), 'aaa');
  });

  t.test('turns go on from one claim to the next, and each user is served oldest first', async (t) => {
    const { store } = await makeWorld(t);
    const ids = await given(store, ...of('a', 3), ...of('b', 3));
    const claimed: Execution[] = [];
    for (let i = 0; i < 6; i++) claimed.push(...(await claim(store)));
    t.equal(owners(claimed), 'ababab');
    t.same(
      claimed.filter(({ userId }) => userId === 'a').map(({ id }) => id),
      ids.slice(0, 3),
    );
  });

  t.test('a user with more weight has as many more turns, from the first round on', async (t) => {
    const { store } = await makeWorld(t);
    store.setShares({ weight: 1, running: null, users: { b: { weight: 3, running: null } } });
    await given(store, ...of('a', 4), ...of('b', 8), ...of('c', 2));
    const claimed: Execution[] = [];
    for (let i = 0; i < 14; i++) claimed.push(...(await claim(store)));
    const share = (some: Execution[]) => owners(some.toSorted((a, b) => (a.userId < b.userId ? -1 : 1)));
    t.same([claimed.slice(0, 5), claimed.slice(5, 10)].map(share), ['abbbc', 'abbbc']);
    t.equal(share(claimed.slice(10)), 'aabb');
  });

  t.test('a place in the queue counts the turns of the others', async (t) => {
    const { store } = await makeWorld(t);
    await given(store, ...of('a', 100));
    const ids = await given(store, ...of('b', 3), ...of('c', 1));
    const places = await Promise.all(ids.map((id) => store.queuePosition(id)));
    t.same(places, [1, 4, 6, 2]);
    t.same(await store.queuePlace(ids[2] as string), { higher: 0, own: 2, others: 4 });
    const claimed = await claim(store, 8);
    t.same(
      ids.map((id) => claimed.findIndex((one) => one.id === id)),
      places,
      'and that is the order in which they are claimed',
    );
  });

  t.test('those with a concurrency key take part in the turns of their users', async (t) => {
    const { store } = await makeWorld(t);
    const keyed = { concurrency: { key: 'op', limit: 2 } };
    await given(store, ...of('a', 5, keyed), ...of('b', 2, keyed), ...of('a', 1), ...of('c', 1));
    const claimed = await claim(store, 10);
    t.equal(owners(claimed), 'abca', 'two of the key, and what needs none');
    await one(store, [settle((claimed[0] as Execution).id, 1)]);
    t.equal(owners(await claim(store, 10)), 'b', 'it is the turn of the next user');
  });

  t.test('no more of a user run than may, and nobody else waits for them', async (t) => {
    const { reopen, store } = await makeWorld(t);
    const shares = {
      weight: 1,
      running: 2,
      users: { b: { weight: 1, running: null }, d: { weight: 1, running: 0 } },
    };
    store.setShares(shares);
    const [first] = await given(store, ...of('a', 5), ...of('b', 4), ...of('d', 2));
    t.equal(owners(await claim(store, 4)), 'abab');
    t.equal(owners(await claim(store, 4)), 'bb');
    t.same(await claim(store, 4), []);
    const more = await one(store, [accept(newExecution({ userId: 'a' }), { claim: CLAIM })]);
    t.match(applied(more), [{ phase: 'queued' }], 'nor does one that brings a slot');
    applied(await one(store, [settle(first as string, 1)]));
    t.equal(owners(await claim(store, 4)), 'a');
    const again = await reopen();
    again.setShares(shares);
    t.same(await claim(again, 4), [], 'also after a restart');
    again.setShares({ ...shares, running: null });
    t.equal(owners(await claim(again, 9)), 'aaa', 'a bound that is gone');
  });
}
