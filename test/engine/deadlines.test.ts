import t from 'tap';
import { createClock } from '../../src/app/clock.ts';
import type { Execution } from '../../src/domain/execution/execution.ts';
import { Deadlines } from '../../src/engine/run/deadlines.ts';
import { newExecution } from '../helpers/records.ts';

const HOUR = 3_600_000;

/** A wall clock that can be set, a monotonic one that only runs, and the waits that are asked for. */
function world() {
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
  const actions = { expire: () => undefined, due: () => undefined };
  const deadlines = new Deadlines({ ...clock, timer }, actions);
  const pass = (ms: number, jumpMs = 0) => {
    time.monotonic += ms;
    time.wall += ms + jumpMs;
    clock.now();
  };
  const wait = (execution: Execution) => {
    deadlines.follow(execution);
    return waits.pop();
  };
  return { clock, pass, wait };
}

t.test('times on both sides of a jump are compared without it', async (t) => {
  for (const jumpMs of [HOUR, -HOUR, 30 * HOUR]) {
    const { clock, pass } = world();
    const [first] = [clock.now(), pass(1000)];
    const before = clock.now();
    pass(500, jumpMs);
    const after = clock.now();
    pass(700);
    t.equal(clock.between(first, before), 1000);
    t.equal(clock.between(before, after), 500, `over a jump of ${jumpMs} ms`);
    t.equal(clock.between(after, clock.now()), 700);
    t.equal(clock.between(first, clock.now()), 2200);
    t.equal(clock.between(clock.now(), first), 0, 'never less than nothing');
  }
});

t.test('a limit, and a backoff, last as long as they say, however the clock is set meanwhile', async (t) => {
  for (const jumpMs of [HOUR, -HOUR]) {
    const { clock, pass, wait } = world();
    const now = clock.now();
    const timeouts = { queueMs: null, attemptMs: 1000, totalMs: null, idleMs: null };
    const times = { createdAt: now, queuedAt: now };
    const queued = { ...newExecution({ timeouts: { ...timeouts, queueMs: 60_000 } }), ...times };
    const limited = { ...newExecution({ timeouts: { ...timeouts, totalMs: 120_000 } }), ...times };
    const ended = { endedAt: now, number: 1 };
    const backoff = { ...newExecution(), phase: 'scheduled_retry', retryAt: now + 6000, attempts: [ended] };
    const all = [queued, limited, backoff] as unknown as Execution[];
    t.same(all.map(wait), [60_000, 120_000, 6000]);
    pass(1000, jumpMs);
    t.same(all.map(wait), [59_000, 119_000, 5000], `after a jump of ${jumpMs} ms`);
  }
});

t.test('after a restart with a clock that was set back, nothing waits for more than the whole', async (t) => {
  const { clock, wait } = world();
  const now = clock.now();
  const later = now + HOUR;
  const timeouts = { queueMs: 60_000, attemptMs: 1000, totalMs: null, idleMs: null };
  const queued = { ...newExecution({ timeouts }), createdAt: later, queuedAt: later };
  const ended = { endedAt: later, number: 1 };
  const backoff = { ...newExecution(), phase: 'scheduled_retry', retryAt: later + 6000, attempts: [ended] };
  t.same(([queued, backoff] as unknown as Execution[]).map(wait), [60_000, 6000]);
});
