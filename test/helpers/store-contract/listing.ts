// Lists, reports, counts, and what an engine has to follow.
import type { Test } from 'tap';
import { newExecution, settle } from '../records.ts';
import { type MakeWorld, applied, one, given, claim, limitsPatch, cancel } from './given.ts';

export function listing(t: Test, makeWorld: MakeWorld): void {
  t.test('the ends of a user in a window are found, with what a report needs', async (t) => {
    const { store } = await makeWorld(t);
    const [first, other] = await given(store, newExecution(), newExecution({ userId: 'bob' }));
    await claim(store, 2);
    for (const id of [first, other]) applied(await one(store, [settle(id as string, 1)]));
    const window = { userId: 'ann', from: 0, to: Number.MAX_SAFE_INTEGER, operation: null };
    const { ends, isComplete } = await store.ends(window, 10);
    t.match(ends, [{ type: 'exec', status: 'completed', startedAt: 2100, endedAt: 2900, attempts: 1 }]);
    t.match({ isComplete, n: ends.length }, { isComplete: true, n: 1 });
    t.same(await store.ends({ ...window, operation: 'x' }, 10), { ends: [], isComplete: true });
    t.same(await store.ends({ ...window, to: 1 }, 10), { ends: [], isComplete: true });
    t.match(await store.ends(window, 1), { isComplete: false });
  });

  t.test('lists are newest first, a page at a time, and hold only what fits', async (t) => {
    const { store, clock } = await makeWorld(t);
    const all = Array.from({ length: 7 }, (_, i) =>
      newExecution({
        taskId: i % 2 === 0 ? 'even' : null,
        labels: i === 3 ? { team: 'infra', tier: 'a' } : { team: 'web' },
        spec: i === 5 ? { kind: 'shell', command: 'x' } : { kind: 'exec', program: 'true' },
      }),
    );
    const ids: string[] = [];
    for (const [i, execution] of all.entries()) {
      clock.now = 1000 + i;
      ids.push(...(await given(store, execution)));
    }
    await given(store, newExecution({ userId: 'bob' }));
    clock.now = 2500;
    applied(await one(store, [cancel(ids[1] as string)]));
    await claim(store);
    const list = async (filter: object, limit = 100, after: string | null = null) =>
      (await store.list({ userId: 'ann', ...filter }, limit, after)).executions.map(({ id }) =>
        ids.indexOf(id),
      );

    t.same(await list({}), [6, 5, 4, 3, 2, 1, 0]);
    t.same(await list({}, 3), [6, 5, 4]);
    t.same(await list({}, 3, ids[4] ?? ''), [3, 2, 1]);
    t.same(await list({ status: ['cancelled'] }), [1]);
    t.same(await list({ status: ['running', 'cancelled'] }), [1, 0]);
    t.same(await list({ phase: ['starting'] }), [0]);
    t.same(await list({ kind: ['shell'] }), [5]);
    t.same(await list({ taskId: 'even' }), [6, 4, 2, 0]);
    t.same(await list({ label: [{ name: 'team', value: 'web' }] }), [6, 5, 4, 2, 1, 0]);
    t.same(
      await list({
        label: [
          { name: 'team', value: 'infra' },
          { name: 'tier', value: 'a' },
        ],
      }),
      [3],
    );
    t.same(
      await list({
        label: [
          { name: 'team', value: 'web' },
          { name: 'tier', value: 'a' },
        ],
      }),
      [],
    );
    t.same(await list({ createdFrom: 1002, createdTo: 1004 }), [3, 2]);
    t.same(await list({ finishedFrom: 2500, finishedTo: 2501 }), [1]);
    t.equal(
      (await store.list({ userId: null }, 100, null)).executions.length,
      8,
      'the service sees every user',
    );
  });

  t.test('counts and the age of the queue follow what happens', async (t) => {
    const { store, clock } = await makeWorld(t);
    for (const now of [500, 1000, 700]) {
      clock.now = now;
      await given(store, newExecution());
    }
    t.match(await store.counts(), { pending: 3, running: 0, oldestQueuedAt: 500 });
    const [first] = await claim(store);
    t.match(await store.counts(), { pending: 2, running: 1, oldestQueuedAt: 700 });
    t.same(store.stats().queued, { process: 2, http: 0 });
    applied(await one(store, [settle(first?.id ?? '', 1)]));
    const finished = { completed: 1, failed: 0, cancelled: 0, timed_out: 0 };
    t.match(await store.counts(), { pending: 2, running: 0, finished });
  });

  t.test('a limit that has been extended ends nothing any more', async (t) => {
    const { store } = await makeWorld(t);
    const clocks = { queueMs: 5, attemptMs: 1, totalMs: null, idleMs: null };
    const [id = ''] = await given(store, newExecution({ timeouts: clocks }));
    const timeouts = { ...clocks, queueMs: 50 };
    const patch = limitsPatch(id, timeouts);
    applied(await one(store, [patch]));
    const expire = (limitMs: number) =>
      ({ type: 'expire', executionId: id, outcome: { cause: 'queue_timeout', limitMs }, at: 6 }) as const;
    t.match(await one(store, [expire(5)]), { status: 'stale' });
    applied(await one(store, [expire(50)]));
  });

  t.test('queued executions with a limit of their waiting are found', async (t) => {
    const { store } = await makeWorld(t);
    const clocks = { queueMs: null, attemptMs: 1, totalMs: null, idleMs: null };
    const [, queue, total] = await given(
      store,
      newExecution(),
      newExecution({ timeouts: { ...clocks, queueMs: 5 } }),
      newExecution({ timeouts: { ...clocks, totalMs: 5 } }),
    );
    const found = await store.pendingToFollow();
    t.same(new Set(found.map(({ id }) => id)), new Set([queue, total]));
  });
}
