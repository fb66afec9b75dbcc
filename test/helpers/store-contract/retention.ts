// What is removed, and what of it is left.
import type { Test } from 'tap';
import type { Store } from '../../../src/domain/ports/store.ts';
import { dataBytesOf, KEPT, type Kept, type KeptUse } from '../../../src/domain/kept.ts';
import type { Outcome } from '../../../src/domain/outcome.ts';
import { accept, EXIT_0, newExecution, NO_AGE, settle } from '../records.ts';
import { type MakeWorld, applied, one, given, givenRunning, remove } from './given.ts';

const mapKept = (use: KeptUse) =>
  Object.fromEntries(KEPT.map((what) => [what, use[what].total])) as Record<Kept, number>;

export function retention(t: Test, makeWorld: MakeWorld): void {
  t.test('only what has finished can be removed, and then nothing of it is left', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenRunning(store, { labels: { a: 'b' } });
    t.match(await one(store, [remove(id)]), {
      status: 'refused',
      reason: 'illegal',
      execution: { status: 'running' },
    });
    applied(await one(store, [settle(id, 1)]));
    t.same(await store.missing([id, newExecution().id]).then((ids) => ids.length), 1);
    const [last] = applied(await one(store, [remove(id)]));
    t.equal(last?.attempts.length, 1, 'the answer says which logs there were');
    t.equal(await store.get(null, id), null);
    t.same(await store.events(null, id, 0), []);
    t.same((await store.list({ userId: null, label: [{ name: 'a', value: 'b' }] }, 10, null)).executions, []);
    t.same(await store.missing([id]), [id]);
    t.same(await one(store, [remove(id)]), { status: 'refused', reason: 'not_found' });
    t.match(await store.counts(), { running: 0, finished: { completed: 0 } });
  });

  t.test(
    'logs of what succeeded go before it: no more counted or kept; once, and not those of failures',
    async (t) => {
      const { store, clock } = await makeWorld(t);
      const drop = async (id: string) =>
        applied(await one(store, [{ type: 'drop_logs', executionId: id }])).map((one) => one.id);
      clock.now = 1000;
      const [good, bad] = [await givenRunning(store), await givenRunning(store)];
      t.match(await one(store, [{ type: 'drop_logs', executionId: good }]), { status: 'stale' }, 'it lives');
      applied(await one(store, [settle(good, 1)]));
      applied(await one(store, [settle(bad, 1, { outcome: { ...EXIT_0, exitCode: 1 } as Outcome })]));
      const before = mapKept(store.keeps('ann'));
      t.equal(before.logs, 2);
      t.same(
        (await store.withLogs(1001, null, 10)).found.map(({ id }) => id),
        [good],
      );
      t.same((await store.withLogs(1000, null, 10)).found, [], 'it is not old enough');
      t.same(await drop(good), [good]);
      t.same(await drop(good), [], 'once');
      t.match(await one(store, [{ type: 'drop_logs', executionId: bad }]), { status: 'stale' });
      const { found, next } = await store.withLogs(1001, null, 10);
      t.same(found, []);
      t.same(next?.id, good);
      t.same((await store.withLogs(1001, next, 10)).next, null);
      t.equal(mapKept(store.keeps('ann')).logs, 1);
      t.same(
        await store.missing([good, bad]),
        [good],
        'a log that a crash has left is removed at the next start',
      );
      t.equal((await store.get(null, good))?.attempts[0]?.output.logRemoved, true);
      applied(await one(store, [remove(good)]));
      t.equal(mapKept(store.keeps('ann')).logs, 1, 'it is not taken off twice');
    },
  );

  t.test(
    'what has expired is what ended too long ago, and the oldest ends above the count, never what lives',
    async (t) => {
      const { store, clock } = await makeWorld(t);
      const ids: string[] = [];
      for (const at of [9000, 3000, 7000, 5000]) {
        clock.now = 1;
        const id = await givenRunning(store);
        clock.now = at;
        applied(await one(store, [settle(id, 1)]));
        ids.push(id);
      }
      clock.now = 1;
      await givenRunning(store);
      await given(store, newExecution());
      const [at9, at3, at7, at5] = ids;
      const expired = async (
        finishedBefore: number,
        keep: number,
        limit: number,
        failedBefore = finishedBefore,
      ) => (await store.expired({ finishedBefore, failedBefore }, keep, limit)).map(({ id }) => id);
      t.same(await expired(3000, 100, 10), []);
      t.same(await expired(5001, 100, 10), [at3, at5], 'counted from the end, not from the beginning');
      t.same(await expired(0, 1, 10), [at3, at5, at7]);
      t.same(await expired(0, 0, 2), [at3, at5], 'no more than asked for');
      t.same(await expired(10_000, 0, 10), [at3, at5, at7, at9]);
      for (const [at, outcome] of [
        [2000, { ...EXIT_0, exitCode: 1 } as Outcome],
        [4000, { cause: 'cancelled', reason: null, process: null } as Outcome],
      ] as const) {
        clock.now = 1;
        const id = await givenRunning(store);
        clock.now = at;
        applied(await one(store, [settle(id, 1, { outcome })]));
        ids.push(id);
      }
      const [failed, cancelled] = ids.slice(-2);
      t.same(await expired(5001, 100, 10, 2000), [at3, cancelled, at5], 'what failed is kept longer');
      t.same(await expired(5001, 100, 10, 2001), [failed, at3, cancelled, at5]);
      t.same(await expired(0, 1, 10), [at3, cancelled, at5, at7, at9], 'and above the count');
      t.same(await expired(0, 0, 10), [at3, cancelled, at5, at7, at9, failed]);
    },
  );

  t.test(
    'what is above the count goes from those who keep most: answers of the cache, successes, then failures, the oldest first',
    async (t) => {
      const { store, clock, reopen } = await makeWorld(t);
      const names = new Map<string, string>();
      const end = async (name: string, userId: string, at: number) => {
        clock.now = 1;
        const id = await givenRunning(store, { userId });
        clock.now = at;
        applied(await one(store, [settle(id, 1)]));
        names.set(id, name);
      };
      const hit = async (name: string, userId: string, at: number) => {
        clock.now = at;
        const execution = newExecution({ userId });
        applied(await one(store, [accept(execution, { end: { outcome: EXIT_0, result: null } })]));
        names.set(execution.id, name);
      };
      await end('bob 1', 'bob', 1000);
      await end('ann 2', 'ann', 2000);
      await hit('ann 3', 'ann', 3000);
      await end('ann 4', 'ann', 4000);
      await hit('ann 5', 'ann', 5000);
      await end('bob 6', 'bob', 6000);
      const expired = async (in_: Store, keep: number, youngAfter?: number) =>
        (await in_.expired(NO_AGE, keep, 100, youngAfter)).map(({ id }) => names.get(id));
      t.same(await expired(store, 6), []);
      t.same(await expired(store, 4), ['ann 3', 'ann 5'], 'not the oldest of all, which is of another user');
      t.same(await expired(store, 3), ['ann 3', 'ann 5', 'ann 2'], 'down to one level');
      t.same(await expired(store, 4, 4000), ['ann 3', 'ann 2'], 'not what is young');
      t.same(await expired(store, 4, 1500), [], 'nor from others instead');
      t.same(await expired(store, 2, 500), ['ann 3', 'ann 5'], 'but more than twice the count never stay');
      const above = async (keepBytes: number, youngAfter = Infinity) =>
        (await store.aboveBytes(keepBytes, 100, youngAfter)).map(({ id }) => names.get(id));
      t.same(await above(1e9), []);
      const all = ['ann 3', 'ann 5', 'ann 2', 'ann 4', 'bob 1', 'bob 6'];
      t.same(await above(0), all, 'by their bytes as well');
      const bytes = dataBytesOf(mapKept(store.keeps('ann')));
      t.same(await above(bytes - 1), ['ann 3'], 'and one above the bound');
      t.same(await above(bytes - 1, 500), [], 'which is young');
      t.same(await expired(await reopen(), 4), ['ann 3', 'ann 5']);
    },
  );
}
