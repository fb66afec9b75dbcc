// An end is final, by whatever it comes.
import type { Test } from 'tap';
import { END, newExecution, settle } from '../records.ts';
import {
  type MakeWorld,
  applied,
  one,
  given,
  claim,
  givenRunning,
  get,
  cancel,
  requeue,
  remove,
  progress,
} from './given.ts';

export function fences(t: Test, makeWorld: MakeWorld): void {
  t.test('an execution is settled once; the second end is stale', async (t) => {
    const { store, clock } = await makeWorld(t);
    const id = await givenRunning(store);
    clock.now = 3000;
    applied(await one(store, [settle(id, 1)]));
    const late = settle(id, 1, { outcome: { cause: 'lost', detail: 'server_crash' } });
    t.same(await one(store, [late]), { status: 'stale' });
    t.match(await get(store, id), {
      status: 'completed',
      outcome: { cause: 'exited' },
      finishedAt: 3000,
      revision: 2,
    });
    t.match((await get(store, id)).attempts, [
      { startedAt: 2100, endedAt: 2900, output: END.output, logComplete: true },
    ]);
  });

  t.test('two ends at the same time: one is applied', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenRunning(store);
    const results = await Promise.all([1, 2, 3].map(() => one(store, [settle(id, 1)])));
    t.same(results.map(({ status }) => status).sort(), ['applied', 'stale', 'stale']);
  });

  t.test('what speaks for another attempt than the current one changes nothing', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenRunning(store);
    applied(await one(store, [requeue(id, 1)]));
    await claim(store);
    const before = await get(store, id);
    for (const part of [settle(id, 1), settle(id, 3), settle(id, 0), requeue(id, 1), progress(id, 1, 77)]) {
      t.same(await one(store, [part]), { status: 'stale' }, part.type);
    }
    t.same(await get(store, id), before);
    applied(await one(store, [settle(id, 2)]));
  });

  t.test('a queued execution can end unclaimed, unless it was claimed meanwhile', async (t) => {
    const { store } = await makeWorld(t);
    const [a, b] = await given(store, newExecution(), newExecution());
    const outcome = { cause: 'queue_timeout', limitMs: 5 } as const;
    await claim(store);
    const end = { outcome, result: null, end: null };
    t.same(await one(store, [settle(a as string, 0, end)]), { status: 'stale' });
    applied(await one(store, [settle(b as string, 0, end)]));
    t.match(await get(store, b as string), { status: 'timed_out', outcome, attempts: [] });
    t.equal(await store.queuePosition(b as string), null);
  });

  t.test('counters are kept, do not count as a revision, and never outlive the end', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenRunning(store);
    applied(await one(store, [progress(id, 1, 1)]));
    applied(await one(store, [progress(id, 1, 42)]));
    t.match(await get(store, id), {
      revision: 1,
      attempts: [{ startedAt: 2050, output: { stdoutBytes: 42 } }],
    });
    applied(await one(store, [settle(id, 1)]));
    t.same(await one(store, [progress(id, 1, 99)]), { status: 'stale' });
    t.match((await get(store, id)).attempts, [{ output: END.output }]);
  });
}

export function cancels(t: Test, makeWorld: MakeWorld): void {
  t.test('a queued execution ends by its cancel', async (t) => {
    const { store } = await makeWorld(t);
    const [id] = (await given(store, newExecution())) as [string];
    const [cancelled] = applied(await one(store, [cancel(id)]));
    t.match(cancelled, {
      status: 'cancelled',
      outcome: { cause: 'cancelled', reason: 'because', process: null },
    });
    t.same(await claim(store), [], 'it cannot be claimed any more');
    const again = await one(store, [cancel(id)]);
    t.match(again, { status: 'refused', reason: 'illegal', execution: { status: 'cancelled' } });
  });

  t.test('a live execution is marked, once, and keeps the first reason', async (t) => {
    const { store, clock } = await makeWorld(t);
    const id = await givenRunning(store);
    clock.now = 2500;
    const [marked] = applied(await one(store, [cancel(id)]));
    t.match(marked, {
      status: 'running',
      phase: 'canceling',
      revision: 2,
      cancel: { at: 2500, reason: 'because' },
    });
    clock.now = 2700;
    const [again] = applied(await one(store, [{ ...cancel(id), reason: 'other' }]));
    t.same(again, marked);
    t.match(await one(store, [requeue(id, 1)]), { status: 'refused', reason: 'illegal' });
    applied(
      await one(store, [
        settle(id, 1, { outcome: { cause: 'cancelled', reason: 'because', process: null } }),
      ]),
    );
    t.match(await get(store, id), { status: 'cancelled', cancel: { reason: 'because' } });
  });

  t.test("nobody can cancel, change, remove or read another user's execution", async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenRunning(store);
    const patch = {
      type: 'patch',
      executionId: id,
      revision: 1,
      priority: 1,
      timeouts: null,
      at: 1,
    } as const;
    for (const part of [cancel(id, 'bob'), remove(id, 'bob'), { ...patch, userId: 'bob' }]) {
      t.same(await one(store, [part]), { status: 'refused', reason: 'not_found' });
    }
    t.equal(await store.get('bob', id), null);
    t.same(await store.events('bob', id, 0), []);
    t.same((await store.list({ userId: 'bob' }, 10, null)).executions, []);
    t.equal((await get(store, id)).revision, 1);
  });
}
