// Schedules and their due times.
import type { Test } from 'tap';
import type { Schedule, ScheduleRun } from '../../../src/domain/schedules/schedule.ts';
import { accept, newExecution } from '../records.ts';
import { type MakeWorld, applied, one, get, cancel } from './given.ts';

export function schedules(t: Test, makeWorld: MakeWorld): void {
  const plan: Schedule['plan'] = {
    ...{
      name: 'nightly',
      description: null,
      when: { every_ms: 1000 },
      work: { kind: 'exec', program: 'true' },
    },
    ...{ overlap: 'skip', misfire: 'once', maxCatchUp: 10, jitterMs: 0, maxRuns: null, endsAt: null },
    silentAfterMs: null,
  };
  const schedule: Schedule = {
    ...{ id: 's1', userId: 'ann', plan, caller: { scopes: ['submit'], mayRun: 'any' }, keyId: null },
    ...{ submittedBy: null, state: 'active', ended: null, nextAt: 5000, waiting: [], runs: 0, lastId: null },
    ...{ lastAt: null, anchor: 0, revision: 0, createdAt: 1, updatedAt: 1 },
    ...{ completedAt: null, watchedFrom: 1, silentAt: null },
  };
  const put = (one: Schedule, isNew = false) => ({ type: 'schedule', schedule: one, isNew }) as const;
  const run = (dueAt: number, result: ScheduleRun['result'] = 'started') =>
    ({
      type: 'schedule_run',
      run: {
        scheduleId: 's1',
        dueAt,
        at: 1,
        result,
        executionId: null,
        error: null,
        detail: null,
        isManual: false,
      },
    }) as const;

  t.test('a schedule changes by its revision only, and no due time is served twice', async (t) => {
    const world = await makeWorld(t);
    applied(await one(world.store, [put(schedule, true)]));
    t.match(await one(world.store, [put({ ...schedule, id: 's2' }, true)]), { reason: 'schedule_exists' });
    applied(await one(world.store, [put({ ...schedule, id: 's2', userId: 'bob', nextAt: 7000 }, true)]));
    const store = await world.reopen();
    t.same(await store.schedule('ann', 'nightly'), { ...schedule, revision: 1 });
    t.equal(await store.schedule('eve', 'nightly'), null);
    t.equal(await store.nextSchedule(), 5000);
    t.same(
      (await store.dueSchedules(6000, 10)).map(({ id }) => id),
      ['s1'],
    );
    const execution = newExecution({ schedule: { id: 's1', name: 'nightly', dueAt: 5000 } });
    const at1 = { ...schedule, revision: 1, nextAt: 6000, runs: 1, lastId: execution.id, lastAt: 5000 };
    applied(await one(store, [put(at1), run(5000), accept(execution)]));
    t.match(await get(store, execution.id), { schedule: { name: 'nightly', dueAt: 5000 } });
    const again = newExecution();
    t.equal(
      (await one(store, [put(at1), run(6000), accept(again)])).status,
      'stale',
      'of an earlier revision',
    );
    const at2 = { ...at1, revision: 2 };
    t.equal((await one(store, [put(at2), run(5000), accept(again)])).status, 'stale', 'of the same due time');
    t.equal(await store.get(null, again.id), null, 'nothing of it is stored');
    t.match(await store.schedule('ann', 'nightly'), { revision: 2, runs: 1 });
    applied(await one(store, [put({ ...at2, nextAt: null, waiting: [6000] }), run(6000, 'waiting')]));
    t.same(await store.dueSchedules(6500, 10), [], 'it waits for what runs');
    applied(await one(store, [cancel(execution.id)]));
    t.match(await store.dueSchedules(6500, 10), [{ id: 's1', waiting: [6000] }]);
    applied(await one(store, [run(6000)]));
    t.match(await store.scheduleRuns('s1', 10), [
      { dueAt: 6000, result: 'started' },
      { dueAt: 5000, result: 'started' },
    ]);
    t.match(await one(store, [{ type: 'schedule_remove', userId: 'bob', id: 's1' }]), {
      reason: 'not_found',
    });
    applied(await one(store, [{ type: 'schedule_remove', userId: 'ann', id: 's1' }]));
    t.same([await store.schedules('ann'), await store.scheduleRuns('s1', 10)], [[], []]);
  });

  t.test('schedules have a bound for each user, and runs one for each schedule', async (t) => {
    const { store } = await makeWorld(t);
    const of = (i: number): Schedule => ({ ...schedule, id: `t${i}`, plan: { ...plan, name: `n${i}` } });
    const results = await store.commit(Array.from({ length: 101 }, (_, i) => [put(of(i), true)]));
    t.equal(results.filter(({ status }) => status === 'applied').length, 100);
    t.match(results.at(-1), { status: 'refused', reason: 'too_many_schedules' });
    await store.commit(Array.from({ length: 105 }, (_, i) => [run(i + 1)]));
    t.same((await store.scheduleRuns('s1', 1000)).map(({ dueAt }) => dueAt).at(-1), 6, 'the latest stay');
  });
}
