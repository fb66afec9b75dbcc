import t from 'tap';
import { createClock } from '../../src/app/clock.ts';
import { LOCAL_CALLER } from '../../src/domain/spec/access.ts';
import type { LifecycleEvent } from '../../src/domain/execution/events.ts';
import type { ExecutionId } from '../../src/domain/ids.ts';
import type { PlanDraft } from '../../src/domain/spec/plan.ts';
import {
  mayTell,
  MONITOR_EVENTS,
  type Monitor,
  monitorReason,
  resolveMonitor,
} from '../../src/domain/spec/monitor.ts';
import { STORED_PHASES } from '../../src/domain/execution/lifecycle.ts';
import { eventLog } from '../../src/observe/event-log.ts';
import { Monitors } from '../../src/engine/run/monitors.ts';
import { engineWorld, type EngineWorld } from '../helpers/engine-world.ts';
import { heard } from '../helpers/heard.ts';
import { newExecution } from '../helpers/records.ts';

const MINUTE = 60_000;
const NO_OPTIONS = { trace: null, idempotency: null };

/** The events that monitors have added, in their order. */
function toldIn({ engine }: EngineWorld) {
  const told: string[] = [];
  engine.listen(({ type }: LifecycleEvent) => {
    if ((MONITOR_EVENTS as readonly string[]).includes(type)) told.push(type);
  });
  return told;
}
const eventsOf = async ({ get }: EngineWorld, id: ExecutionId) =>
  Object.keys((await get(id)).monitor?.told ?? {});

t.test('each event can be added in some phases only', async (t) => {
  const monitor: Monitor = { ms: { late_start: 1, late: 1, stuck: 1 }, cancel: false, told: {} };
  const possible = (event: (typeof MONITOR_EVENTS)[number], attempts: number, of: Monitor = monitor) =>
    STORED_PHASES.filter((phase) => mayTell({ phase, monitor: of, attempts }, event));
  t.same(possible('late_start', 0), ['queued']);
  t.same(possible('late_start', 1), [], 'it has started');
  t.same(possible('late', 0), ['joined', 'awaiting', 'queued', 'scheduled_retry', 'starting', 'canceling']);
  t.same(possible('stuck', 0), [], 'a plan has no attempt');
  t.same(possible('stuck', 2), ['starting']);
  t.same(possible('late', 0, { ...monitor, told: { late: 5 } }), [], 'once');
  t.same(possible('late', 0, { ...monitor, ms: {} }), []);
  t.equal(mayTell({ phase: 'queued', monitor: null, attempts: 0 }, 'late'), false);
  t.equal(
    monitorReason(monitor, 'late'),
    'Cancelled by its monitor: it has not ended within 1 ms (monitor.late_ms).',
  );
  t.equal(resolveMonitor(undefined), null);
});

t.test('a monitor counts time as it passes, however the wall clock is set', async (t) => {
  for (const jumpMs of [3_600_000, -3_600_000]) {
    const time = { wall: Date.UTC(2026, 0, 1), monotonic: 5000 };
    const clock = createClock(
      () => time.wall,
      () => time.monotonic,
    );
    const waits: number[] = [];
    const timer = (ms: number) => {
      waits.push(ms);
      return { cancel: () => undefined };
    };
    const monitors = new Monitors({
      clock: { ...clock, timer },
      live: { get: () => undefined },
      tell: () => undefined,
    });
    const now = clock.now();
    const monitor = { ms: { late: MINUTE }, cancel: false, told: {} };
    const queued = {
      ...newExecution({ monitor }),
      phase: 'queued',
      status: 'pending',
      createdAt: now,
      queuedAt: now,
    };
    time.monotonic += 10_000;
    time.wall += 10_000 + jumpMs;
    monitors.follow({ ...queued, attempts: [], revision: 1, eventSequence: 2, queueSequence: 1 } as never);
    t.same(waits, [50_000]);
  }
});

t.test('what starts late or ends late is reported once, also by a server that starts later', async (t) => {
  const before = await engineWorld(t, { slots: 1 });
  const told = toldIn(before);
  await before.submit();
  const { id } = await before.submit({ monitor: { late_start_ms: MINUTE, late_ms: 3 * MINUTE } });
  await before.clock.advance(MINUTE - 1);
  t.same(told, []);
  await before.clock.advance(1);
  await heard('it is reported', () => told.length === 1);
  t.same(told, ['late_start']);
  t.match(await before.engine.explain(LOCAL_CALLER, id), {
    summary: /^It waits\..* no attempt has started within 60000 ms/,
  });
  t.equal((await before.engine.stats()).lateExecutions, 1);
  await before.engine.close();
  const after = await engineWorld(t, { dir: before.dir, clock: before.clock });
  const later = toldIn(after);
  t.equal((await after.engine.stats()).lateExecutions, 1);
  await heard('it runs', async () => (await after.get(id)).status === 'running');
  await after.clock.advance(2 * MINUTE);
  await heard('it is reported', () => later.length > 0);
  t.same(later, ['late'], 'and the other one is not repeated');
  for (const attempt of [...after.runner.live]) attempt.end();
  await heard('it ends', async () => (await after.get(id)).phase === 'done');
  await after.clock.advance(MINUTE);
  t.same([later.length, (await after.engine.stats()).lateExecutions], [1, 0]);
});

t.test('what shows no sign of life is stuck, and any sign sets its time back', async (t) => {
  const world = await engineWorld(t);
  const told = toldIn(world);
  const { id } = await world.submit({ monitor: { stuck_ms: MINUTE } });
  await heard('it is there', () => world.runner.live.length === 1);
  const [attempt] = world.runner.live;
  attempt?.begin(world.clock.now());
  for (let n = 1; n <= 3; n++) {
    await world.clock.advance(MINUTE - 1);
    attempt?.grow(n);
  }
  t.same(await eventsOf(world, id), []);
  await world.clock.advance(MINUTE);
  await heard('it is reported', () => told.length === 1);
  t.same(await eventsOf(world, id), ['stuck']);
  const lines: object[] = [];
  const warn = (facts: object, message: string) => void lines.push({ facts, message });
  const event = { type: 'stuck', attempt: 1 } as LifecycleEvent;
  eventLog({ warn, debug: warn, info: warn, error: warn })(event, await world.get(id));
  const because = 'its attempt has shown no output and no progress for 60000 ms (monitor.stuck_ms)';
  t.match(lines, [{ message: 'Execution stuck: exec', facts: { execution_id: id, because, cancel: false } }]);
});

t.test('a monitor that cancels says so, of an execution and of a plan with its steps', async (t) => {
  const world = await engineWorld(t);
  const { id } = await world.submit({ monitor: { stuck_ms: MINUTE, cancel: true } });
  const spec: PlanDraft = {
    strategy: { type: 'serial' },
    monitor: { late_ms: 2 * MINUTE, cancel: true },
    steps: [{ name: 'a', kind: 'exec', program: 'true' }],
  };
  const { execution: plan } = await world.engine.plans.submit(LOCAL_CALLER, spec, NO_OPTIONS);
  await heard('both run', () => world.runner.live.length === 2);
  const [first, step] = world.runner.live;
  await world.clock.advance(MINUTE);
  const reason =
    'Cancelled by its monitor: its attempt has shown no output and no progress for 60000 ms (monitor.stuck_ms).';
  await heard('it is stopped', () => (first?.stops.length ?? 0) > 0);
  t.match(first?.stops, [{ cause: 'cancelled', reason }]);
  t.match(await world.get(id), { phase: 'canceling', cancel: { reason } });
  await world.clock.advance(MINUTE);
  await heard('the step is stopped', () => (step?.stops.length ?? 0) > 0);
  t.match(await world.get(plan.id), {
    phase: 'canceling',
    cancel: { reason: 'Cancelled by its monitor: it has not ended within 120000 ms (monitor.late_ms).' },
    monitor: { told: { late: world.clock.now() } },
  });
});

t.test('the times of a plan are in force after a restart, too', async (t) => {
  const before = await engineWorld(t);
  // A step that waits holds no process, which the stop of the server would end.
  const spec: PlanDraft = {
    strategy: { type: 'serial' },
    steps: [{ name: 'a', kind: 'wait', signal: { name: 'go' } }],
    monitor: { late_ms: MINUTE },
    timeouts: { total_ms: 2 * MINUTE },
  };
  const { execution: plan } = await before.engine.plans.submit(LOCAL_CALLER, spec, NO_OPTIONS);
  await before.clock.advance(MINUTE / 2);
  await before.engine.close();
  const after = await engineWorld(t, { dir: before.dir, clock: before.clock });
  const told = toldIn(after);
  await after.clock.advance(MINUTE / 2);
  await heard('it is reported', () => told.length === 1);
  t.match(await after.get(plan.id), { phase: 'starting', monitor: { told: { late: after.clock.now() } } });
  await after.clock.advance(MINUTE);
  await heard('it ends', async () => (await after.get(plan.id)).phase === 'done');
  t.match(await after.get(plan.id), { status: 'timed_out', outcome: { cause: 'total_timeout' } });
});
