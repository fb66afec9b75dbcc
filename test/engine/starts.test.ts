import t from 'tap';
import { LOCAL_CALLER } from '../../src/domain/spec/access.ts';
import type { Clock } from '../../src/domain/ports/clock.ts';
import { Alarm } from '../../src/engine/schedules/alarm.ts';
import { fakeClock } from '../helpers/clock.ts';
import { engineWorld } from '../helpers/engine-world.ts';

const HOUR = 3_600_000;
const ignore = () => undefined;
const NO_LOG = { debug: ignore, info: ignore, warn: ignore, error: ignore };

t.test('an alarm goes off at its time of the wall clock, however that is set meanwhile', async (t) => {
  for (const jumpMs of [0, 2 * HOUR, -HOUR]) {
    const inner = fakeClock();
    let jumped = 0;
    const clock: Clock = { ...inner, now: () => inner.now() + jumped, monotonic: () => inner.monotonic() };
    const due = clock.now() + HOUR;
    const rung: number[] = [];
    const once = async () => {
      if (clock.now() < due) return due;
      rung.push(clock.now());
      return null;
    };
    const alarm = new Alarm({ clock, log: NO_LOG, once, failed: '' });
    alarm.start();
    await inner.advance(HOUR / 2);
    t.same(rung, [], 'not before');
    jumped = jumpMs;
    await inner.advance(10_000);
    if (jumpMs > 0) t.equal(rung.length, 1, 'a jump over it is noticed soon');
    await inner.advance(HOUR / 2 + Math.max(0, -jumpMs));
    t.equal(rung.length, 1);
    t.equal(inner.waiting, 0, 'nothing waits for nothing');
    await alarm.stop();
  }
});

t.test('an alarm tries again what has failed, and does nothing after its stop', async (t) => {
  const clock = fakeClock();
  let calls = 0;
  const once = async () => {
    calls += 1;
    if (calls === 1) throw new Error('the store is away');
    return clock.now() + HOUR;
  };
  const alarm = new Alarm({ clock, log: NO_LOG, once, failed: '' });
  alarm.start();
  await clock.advance(1000);
  t.equal(calls, 2);
  await alarm.stop();
  await clock.advance(2 * HOUR);
  alarm.wake();
  t.equal(calls, 2);
});

t.test('what is to start later starts then, once, also after a restart', async (t) => {
  const before = await engineWorld(t);
  const spec = { delay_ms: HOUR, timeouts: { total_ms: 1000 } };
  const { id, phase } = await before.submit(spec);
  const cancelled = await before.submit({ start_at: new Date(before.clock.now() + HOUR).toISOString() });
  const past = await before.submit({ start_at: '2020-01-01T00:00:00Z' });
  t.equal(past.startAt, null, 'a time in the past is now');
  t.equal(phase, 'scheduled');
  t.match(await before.engine.cancel(LOCAL_CALLER, cancelled.id, null), {
    execution: { status: 'cancelled' },
  });
  await before.clock.advance(HOUR / 2);
  t.equal((await before.get(id)).phase, 'scheduled', 'its limits count from its start');
  await before.engine.close();
  const after = await engineWorld(t, { dir: before.dir, clock: before.clock });
  t.equal((await after.get(id)).phase, 'scheduled');
  const started = new Promise<void>((resolve) => {
    after.runner.onRun = ({ start }) => void (start.runId === id && resolve());
  });
  await after.clock.advance(HOUR / 2);
  await started;
  t.match(await after.get(id), { status: 'running', attempts: [{ number: 1 }] });
  t.match((await after.engine.rerun(LOCAL_CALLER, past.id, { trace: null, idempotency: null })).execution, {
    startAt: null,
  });
});

t.test('a start that is too far ahead is refused by name', async (t) => {
  const { submit } = await engineWorld(t);
  await t.rejects(submit({ start_at: '2999-01-01T00:00:00Z' }), {
    message: /^\/start_at: must be at most 366 days ahead/,
  });
});
