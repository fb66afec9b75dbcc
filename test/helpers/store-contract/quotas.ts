// Bounds of what waits and of what is kept.
import type { Test } from 'tap';
import { type Execution, endedAtOnce } from '../../../src/domain/execution/execution.ts';
import type { Store } from '../../../src/domain/ports/store.ts';
import type { AcceptPart } from '../../../src/domain/ports/group.ts';
import type { Kept, KeptBounds } from '../../../src/domain/kept.ts';
import type { Outcome } from '../../../src/domain/outcome.ts';
import { accept, END, EXIT_0, newExecution, settle } from '../records.ts';
import { type MakeWorld, CLAIM, applied, one, claim, givenRunning, cancel, remove } from './given.ts';

export function quotas(t: Test, makeWorld: MakeWorld): void {
  const free = { user: null, all: null };
  const kept = { storeBytes: free, logBytes: free, logs: free };
  const quota = { queued: 2, kept };
  t.test('a user has as many in the queue as may, and another is not concerned', async (t) => {
    const { store, reopen } = await makeWorld(t);
    const add = async (store: Store, userId: string, more = {}) =>
      one(store, [accept(newExecution({ userId }), { quota, ...more })]);
    const [id] = applied(await add(store, 'a')).map((one) => one.id);
    applied(await add(store, 'a'));
    t.match(await add(store, 'a'), { status: 'refused', reason: 'user_queue_full' });
    applied(await add(store, 'b'));
    applied(await add(store, 'a', { claim: CLAIM }));
    applied(await one(store, [cancel(id as string, 'a')]));
    applied(await add(store, 'a'));
    const again = await reopen();
    t.match(await add(again, 'a'), { status: 'refused', reason: 'user_queue_full' });
  });

  t.test('when the queue is full, a user with less than an equal part of it still gets in', async (t) => {
    const { store, reopen } = await makeWorld(t);
    const add = async (store: Store, userId: string, more = {}) =>
      one(store, [accept(newExecution({ userId }), { maxQueued: 4, ...more })]);
    for (let i = 0; i < 4; i++) applied(await add(store, 'a'));
    t.match(await add(store, 'a'), { status: 'refused', reason: 'queue_full' });
    t.match(await add(store, 'b', { mayWait: false }), { status: 'refused', reason: 'queue_full' });
    for (let i = 0; i < 2; i++) applied(await add(store, 'b'));
    t.match(await add(store, 'b'), { status: 'refused', reason: 'queue_full' }, 'an equal part is two');
    applied(await add(store, 'c'));
    const none = { own: 0, total: 0 };
    const use = {
      waiting: { own: 4, total: 7, users: 3 },
      retrying: { ...none, users: 3 },
      running: { ...none, users: 1 },
    };
    t.same(store.queueUse('a'), use);
    const again = await reopen();
    t.same(again.queueUse('a'), use);
    applied(await add(again, 'd'));
    for (const userId of ['a', 'c', 'd', 'e']) t.match(await add(again, userId), { reason: 'queue_full' });
    t.equal((await claim(again, 9)).length, 8, 'twice the bound is the limit for everybody');
    t.match(again.queueUse('a').waiting, { own: 0, total: 0, users: 1 });
  });

  t.test('what waits for its next attempt counts like what waits for the first', async (t) => {
    const { store } = await makeWorld(t);
    const outcome = { ...EXIT_0, exitCode: 7 } as Outcome;
    const fail = async (userId: string) => {
      const executionId = await givenRunning(store, { userId });
      const retry = {
        type: 'retry',
        executionId,
        attempt: 1,
        outcome,
        end: END,
        waitMs: 6000,
      } as const;
      applied(await one(store, [retry]));
      return executionId;
    };
    const [first] = [await fail('a'), await fail('a')];
    t.match(store.queueUse('a'), { waiting: { own: 2, total: 2 }, retrying: { own: 2, total: 2 } });
    const add = async (userId: string, more = {}) => one(store, [accept(newExecution({ userId }), more)]);
    t.match(await add('a', { quota }), { status: 'refused', reason: 'user_queue_full' });
    t.match(await add('a', { quota, claim: CLAIM }), { reason: 'user_queue_full' }, 'with a slot, too');
    t.match(await add('a', { maxQueued: 2, claim: CLAIM }), { reason: 'user_queue_full' });
    t.match(await add('a', { maxQueued: 2 }), { reason: 'queue_full' });
    applied(await add('b', { quota, maxQueued: 2, claim: CLAIM }));
    applied(await add('b', { quota, maxQueued: 2 }));
    applied(await one(store, [cancel(first, 'a')]));
    applied(await add('a', { quota, claim: CLAIM }));
    t.match(store.queueUse('a'), { waiting: { own: 1, total: 2 }, retrying: { own: 1, total: 1 } });
  });

  t.test('what a refused group has counted is not counted', async (t) => {
    const { store } = await makeWorld(t);
    const twice = [
      accept(newExecution({ userId: 'a' }), { quota }),
      accept(newExecution(), { maxQueued: 0 }),
    ];
    for (let i = 0; i < 3; i++) t.match(await one(store, twice), { reason: 'queue_full' });
    applied(await one(store, [accept(newExecution({ userId: 'a' }), { quota: { queued: 1, kept } })]));
    t.match(store.keeps('b'), { storeBytes: { own: 0 } });
  });

  t.test('a user who keeps as much as they may adds nothing before something is removed', async (t) => {
    const { store, reopen } = await makeWorld(t);
    const bounds = (what: Kept, bound: KeptBounds[Kept]) => ({
      quota: { queued: null, kept: { ...kept, [what]: bound } },
    });
    const add = async (store: Store, more: Partial<AcceptPart>, userId = 'a') =>
      one(store, [accept(newExecution({ userId, labels: { name: 'ä' } }), { ...more, claim: CLAIM })]);
    const ids: string[] = [];
    for (let i = 0; i < 2; i++) {
      const { id } = applied(await add(store, {}))[0] as Execution;
      ids.push(id);
      // Each keeps five bytes.
      applied(await one(store, [settle(id, 1)]));
    }
    t.match(store.keeps('a'), { logBytes: { own: 10, total: 10 }, logs: { own: 2, total: 2 } });
    const { storeBytes } = store.keeps('a');
    t.ok(storeBytes.own > 2048);
    const over: [Kept, KeptBounds[Kept], object][] = [
      ['logBytes', { user: 10, all: null }, { of: 'user', used: 10, most: 10 }],
      ['logs', { user: 2, all: null }, { of: 'user', used: 2, most: 2 }],
      ['logs', { user: null, all: 2 }, { of: 'all', used: 2, most: 2 }],
      ['storeBytes', { user: storeBytes.own, all: null }, { of: 'user', used: storeBytes.own }],
      ['storeBytes', { user: null, all: storeBytes.own }, { of: 'all', most: storeBytes.own }],
    ];
    const isRefused = async (store: Store) => {
      for (const [what, bound, tooMuch] of over)
        t.match(await add(store, bounds(what, bound)), {
          ...{ status: 'refused', reason: 'quota_exceeded', tooMuch: { what, ...tooMuch } },
        });
    };
    await isRefused(store);
    // Another one has no part of it yet.
    applied(await add(store, bounds('logs', { user: 2, all: 2 }), 'b'));
    const again = await reopen();
    t.same(again.keeps('a').storeBytes.own, storeBytes.own, 'counted alike after a restart');
    await isRefused(again);
    applied(await one(again, [remove(ids[0] as string, 'a')]));
    t.match(again.keeps('a'), { storeBytes: { own: storeBytes.own / 2 }, logs: { own: 1 } });
    applied(await add(again, bounds('storeBytes', { user: storeBytes.own, all: null })));
  });

  t.test('results and answers of the cache are counted by their bytes until they are removed', async (t) => {
    const { store, reopen } = await makeWorld(t);
    const result = { type: 'json', value: '€'.repeat(1000) } as const;
    const work = newExecution({ userId: 'a' });
    applied(await one(store, [accept(work, { claim: CLAIM })]));
    applied(await one(store, [settle(work.id, 1, { result })]));
    const { own: first } = store.keeps('a').storeBytes;
    t.ok(first > 4000);
    const like = endedAtOnce(newExecution({ userId: 'a' }), { outcome: EXIT_0, result }, 1000);
    const each = [0, 1].map((at) => {
      const { id, trace } = newExecution();
      return { id, trace, at };
    });
    await store.commit([[{ type: 'answers', like, each }]]);
    const { own } = store.keeps('a').storeBytes;
    t.ok(own > first + 8000);
    const again = await reopen();
    t.equal(again.keeps('a').storeBytes.own, own);
    for (const { id } of [work, ...each]) applied(await one(again, [remove(id, 'a')]));
    const nothing = { own: 0, total: 0 };
    t.match(again.keeps('a'), { storeBytes: nothing, logBytes: nothing, logs: nothing });
  });
}
