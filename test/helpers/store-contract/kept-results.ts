// Results that are kept for others.
import type { Test } from 'tap';
import type { CacheEntry, OperationsPart } from '../../../src/domain/ports/group.ts';
import { EXIT_0 } from '../records.ts';
import { type MakeWorld, applied, one } from './given.ts';

export function keptResults(t: Test, makeWorld: MakeWorld): void {
  t.test('kept results outlive the store, the newest first, and no more than asked for', async (t) => {
    const world = await makeWorld(t);
    const entry = (key: string, storedAt: number): CacheEntry => ({
      ...{ key, userId: 'ann', operation: null, runId: 'r', outcome: EXIT_0, result: null },
      ...{ storedAt, expiresAt: null },
    });
    const cache = (more: object) =>
      ({ type: 'cache', put: [], drop: [], keepAtMost: null, ...more }) as const;
    const put = ['a', 'b', 'c', 'd'].map((key, i) => entry(key, i));
    applied(await one(world.store, [cache({ put })]));
    applied(await one(world.store, [cache({ put: [entry('a', 9)], drop: ['d ann', 'none'] })]));
    const operation = (name: string, at: number) => ({
      name,
      definition: `{"run":"${name}"}`,
      by: 'ann',
      at,
    });
    const operations = (put: object[], drop: string[] = []) =>
      ({ type: 'operations', put, drop }) as OperationsPart;
    applied(
      await one(world.store, [operations([operation('b', 1), operation('a', 2), operation('a.b', 3)])]),
    );
    applied(await one(world.store, [operations([operation('a', 4)], ['b', 'none'])]));
    const series = (put: string[], drop: string[] = []) =>
      ({ type: 'series', put: put.map((name) => ({ name, state: `of ${name}` })), drop }) as const;
    applied(await one(world.store, [series(['wh_1', 'wh_2'])]));
    applied(await one(world.store, [series([], ['wh_2', 'none'])]));
    const store = await world.reopen();
    t.same(await store.operations(), [operation('a', 4), operation('a.b', 3)]);
    t.same([await store.series('wh_1'), await store.series('wh_2')], ['of wh_1', null]);
    t.same(
      (await store.cacheEntries(10)).map(({ key, storedAt }) => [key, storedAt]),
      [
        ['a', 9],
        ['c', 2],
        ['b', 1],
      ],
    );
    applied(await one(store, [cache({ keepAtMost: 1 })]));
    t.same(await store.cacheEntries(10), [entry('a', 9)]);
    const circuits = (put: string[], drop: string[] = []) =>
      ({ type: 'circuits', put: put.map((name) => ({ name, state: `"${name}"` })), drop }) as const;
    applied(await one(store, [circuits(['host:a', 'receiver:ann https://b'])]));
    applied(await one(store, [circuits(['host:a'], ['receiver:ann https://b', 'none'])]));
    t.same(await store.circuits(), [{ name: 'host:a', state: '"host:a"' }]);
  });
}
