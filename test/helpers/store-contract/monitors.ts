// Events of monitors: added without a move, each once; and the silence of schedules.
import type { Test } from 'tap';
import type { Schedule } from '../../../src/domain/schedules/schedule.ts';
import type { Monitor, MonitorEvent } from '../../../src/domain/spec/monitor.ts';
import type { Webhook } from '../../../src/domain/webhooks/webhooks.ts';
import { accept, newExecution, settle } from '../records.ts';
import {
  applied,
  cancel,
  claim,
  CLAIM,
  get,
  given,
  givenRunning,
  limitsPatch,
  type MakeWorld,
  one,
} from './given.ts';

const monitor: Monitor = { ms: { late_start: 10, late: 20, stuck: 30 }, cancel: false, told: {} };
const tell = (executionId: string, event: MonitorEvent, attempt = 0) =>
  ({ type: 'tell', executionId, event, attempt }) as const;

export function monitors(t: Test, makeWorld: MakeWorld): void {
  t.test('an event of a monitor is added once, and only while it is true', async (t) => {
    const world = await makeWorld(t);
    const { store, clock } = world;
    const [id] = (await given(store, newExecution({ monitor }))) as [string];
    const [other] = (await given(store, newExecution())) as [string];
    clock.now = 2000;
    t.equal((await one(store, [tell(other, 'late')])).status, 'stale', 'it has no monitor');
    t.equal((await one(store, [tell(id, 'stuck')])).status, 'stale', 'it does not run');
    const result = await one(store, [tell(id, 'late_start')]);
    t.match(applied(result)[0], {
      phase: 'queued',
      monitor: { told: { late_start: 2000 } },
      eventSequence: 3,
    });
    t.match(result, { events: [{ type: 'late_start', sequence: 3, phase: 'queued' }] });
    const again = await world.reopen();
    t.equal((await one(again, [tell(id, 'late_start')])).status, 'stale', 'once, also after a restart');
    t.ok(
      (await again.pendingToFollow()).some((one) => one.id === id),
      'a restart follows it',
    );
    applied(
      await one(
        again,
        [limitsPatch(id, { queueMs: null, attemptMs: 400_000, totalMs: null, idleMs: null })].map((part) => ({
          ...part,
          revision: 2,
        })),
      ),
    );
    t.match(
      (await get(again, id)).monitor,
      { ms: monitor.ms, told: { late_start: 2000 } },
      'new limits leave it',
    );
    await claim(again, 2);
    t.equal((await one(again, [tell(id, 'stuck', 2)])).status, 'stale', 'of another attempt');
    clock.now = 3000;
    applied(await one(again, [tell(id, 'stuck', 1)]));
    applied(await one(again, [tell(id, 'late', 0)]));
    applied(await one(again, [settle(id, 1)]));
    t.equal((await one(again, [tell(id, 'late')])).status, 'stale', 'it has ended');
    t.same((await get(again, id)).monitor?.told, { late_start: 2000, stuck: 3000, late: 3000 });
    const { ends } = await again.ends({ userId: 'ann', from: 0, to: 1e15, operation: null }, 10);
    t.same(
      ends.map(({ told }) => [...told].sort()),
      [['late', 'late_start', 'stuck']],
    );
  });

  t.test('an event and the cancel that comes with it are stored together', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenRunning(store, { monitor });
    const group = [tell(id, 'late'), cancel(id)];
    t.match(await one(store, group), {
      status: 'applied',
      events: [{ type: 'late' }, { type: 'status_changed' }],
    });
    t.match(await get(store, id), { phase: 'canceling', monitor: { told: { late: 1000 } } });
    t.equal((await one(store, group)).status, 'stale');
  });

  t.test('a schedule is silent once, until one of its runs completes', async (t) => {
    const world = await makeWorld(t);
    const { store, clock } = world;
    const schedule: Schedule = {
      ...{ id: 's1', userId: 'ann', caller: { scopes: ['submit'], mayRun: 'any' }, keyId: null },
      plan: {
        ...{ name: 'nightly', description: null, when: { every_ms: 1000 }, overlap: 'skip', misfire: 'once' },
        ...{ maxCatchUp: 10, jitterMs: 0, maxRuns: null, endsAt: null, silentAfterMs: 5000 },
        work: { kind: 'exec', program: 'true' },
      },
      ...{
        submittedBy: null,
        state: 'active',
        ended: null,
        nextAt: 90_000,
        waiting: [],
        runs: 0,
        lastId: null,
      },
      ...{ lastAt: null, anchor: 0, revision: 0, createdAt: 1, updatedAt: 1 },
      ...{ completedAt: null, watchedFrom: 1000, silentAt: null },
    };
    const put = (one: Schedule, isNew = false) => ({ type: 'schedule', schedule: one, isNew }) as const;
    const hook: Webhook = {
      ...{ id: 'wh', userId: 'ann', executionId: null, url: 'https://example.com/a', description: null },
      ...{ withResult: false, notification: null, filter: { userId: 'ann', types: ['silent'] } },
      ...{ disabled: null, createdAt: 1, secrets: [{ secret: 'whsec_x', until: null }] },
    };
    const told = async (from = store) =>
      (await from.dueDeliveries('ann https://example.com', 1e15, 100)).map(({ record }) => record);
    applied(await one(store, [{ type: 'webhook', webhook: hook }]));
    applied(await one(store, [put(schedule, true)]));
    t.equal(await store.nextSchedule(), 6000, 'its silence is due before its start');
    clock.now = 6000;
    t.match(await store.dueSchedules(6000, 10), [{ id: 's1' }]);
    const silent = { ...schedule, revision: 1, silentAt: 6000 };
    applied(await one(store, [put(silent)]));
    t.equal((await one(store, [put(silent)])).status, 'stale', 'another server has done it');
    t.equal(await store.nextSchedule(), 90_000);
    t.match(await told(), [
      { type: 'silent', schedule: { name: 'nightly' }, silentAfterMs: 5000, completedAt: null },
    ]);
    const again = await world.reopen();
    t.match(await again.schedule('ann', 'nightly'), { silentAt: 6000 });

    const of = { id: 's1', name: 'nightly', dueAt: 6000 };
    const [failed, done] = [newExecution({ schedule: of }), newExecution({ schedule: of })];
    for (const execution of [failed, done]) applied(await one(again, [accept(execution, { claim: CLAIM })]));
    clock.now = 7000;
    const lost = { cause: 'lost', detail: 'shutdown' } as const;
    applied(await one(again, [{ ...settle(failed.id, 1), outcome: lost }]));
    t.match(await again.schedule('ann', 'nightly'), { silentAt: 6000 }, 'one that failed does not count');
    applied(await one(again, [settle(done.id, 1)]));
    t.match(await again.schedule('ann', 'nightly'), { silentAt: null, completedAt: 7000, revision: 2 });
    t.equal(await again.nextSchedule(), 12_000, 'it may become silent again');
    clock.now = 8000;
    const before = { ...schedule, revision: 2, runs: 5 };
    t.equal(
      (await one(again, [put({ ...before, silentAt: 8000 })])).status,
      'stale',
      'decided before it completed',
    );
    applied(await one(again, [put(before)]));
    t.match(
      await again.schedule('ann', 'nightly'),
      { runs: 5, silentAt: null, completedAt: 7000, revision: 3 },
      'what was decided before does not undo it',
    );
    t.equal((await told(again)).length, 1);
  });
}
