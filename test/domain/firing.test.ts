import t from 'tap';
import { fire, fireByHand, goOn, hush, startOf, wakeAt } from '../../src/domain/schedules/firing.ts';
import type { Schedule, Times } from '../../src/domain/schedules/schedule.ts';

const HOUR = 3_600_000;
/** Due at each full hour. */
const times: Times = {
  next: (after) => (Math.floor(after / HOUR) + 1) * HOUR,
  previous(before, from) {
    const last = (Math.ceil(before / HOUR) - 1) * HOUR;
    return last >= from ? last : null;
  },
};

function schedule(plan: Partial<Schedule['plan']> = {}, more: Partial<Schedule> = {}): Schedule {
  return {
    ...{ id: 's', userId: 'ann', caller: { scopes: [], mayRun: 'any' }, keyId: null, submittedBy: null },
    plan: {
      ...{ name: 'n', description: null, when: {}, work: { kind: 'exec', program: 'true' } },
      ...{ overlap: 'skip', misfire: 'once', maxCatchUp: 3, jitterMs: 0, maxRuns: null, endsAt: null },
      silentAfterMs: null,
      ...plan,
    },
    ...{
      state: 'active',
      ended: null,
      nextAt: HOUR,
      waiting: [],
      runs: 0,
      lastId: 'x',
      lastAt: null,
      anchor: 0,
    },
    ...{ completedAt: null, watchedFrom: 0, silentAt: null },
    ...{ revision: 1, createdAt: 0, updatedAt: 0, ...more },
  };
}

const at = (now: number, isLive = false) => ({ now: now * HOUR, times, isLive });
/** What became of due times, in hours. */
function fate(one: Schedule, now: number, isLive = false) {
  const firing = fire(one, at(now, isLive));
  if (firing === null) return null;
  const { schedule: then, runs, start, cancels } = firing;
  return {
    next: then.nextAt === null ? null : then.nextAt / HOUR,
    ...(then.waiting.length === 0 ? {} : { waiting: then.waiting.map((one) => one / HOUR) }),
    ...(start === null ? {} : { start: start.dueAt / HOUR }),
    ...(runs.length === 0 ? {} : { runs: runs.map(({ dueAt, result }) => `${dueAt / HOUR} ${result}`) }),
    ...(cancels ? { cancels } : {}),
    ...(then.ended === null ? {} : { ended: then.ended }),
  };
}

t.test('a due time is served when it has come, and the next one is set', async (t) => {
  t.equal(fate(schedule(), 0.9), null);
  t.same(fate(schedule(), 1), { start: 1, next: 2 });
  t.equal(fate(schedule({}, { state: 'paused' }), 1), null);
  t.same(fate(schedule({ maxRuns: 1 }), 1), { start: 1, next: null, ended: 'max_runs' });
  t.same(fate(schedule({ endsAt: 1.5 * HOUR }), 1), { start: 1, next: null, ended: 'no_more_times' });
});

t.test('missed due times: skipped, made up for once, or one by one up to a bound', async (t) => {
  const rows = [
    ['skip', 5.5, { next: 6, runs: ['1 missed'] }],
    ['skip', 5.01, { next: 6, start: 5, runs: ['1 missed'] }],
    ['once', 5.5, { next: 6, start: 5, runs: ['1 missed'] }],
    ['once', 1.5, { next: 2, start: 1 }],
    ['catch_up', 5.5, { next: 4, start: 3, runs: ['1 missed'] }],
    ['catch_up', 2.5, { next: 2, start: 1 }],
  ] as const;
  for (const [misfire, now, expected] of rows)
    t.same(fate(schedule({ misfire }), now), expected, `${misfire} ${now}`);
  let one = schedule({ misfire: 'catch_up' });
  const started: number[] = [];
  for (let firing = fire(one, at(5.5)); firing !== null; firing = fire(one, at(5.5))) {
    one = firing.schedule;
    started.push((firing.start?.dueAt ?? 0) / HOUR);
  }
  t.same(started, [3, 4, 5]);
});

t.test('while the run before lives, the overlap decides', async (t) => {
  t.same(fate(schedule(), 1, true), { next: 2, runs: ['1 skipped'] });
  t.same(fate(schedule({ overlap: 'allow' }), 1, true), { next: 2, start: 1 });
  t.same(fate(schedule({ overlap: 'queue' }), 1, true), { next: 2, waiting: [1], runs: ['1 waiting'] });
  const queued = schedule({ overlap: 'queue' }, { waiting: [HOUR, 2 * HOUR], nextAt: 3 * HOUR });
  t.same(fate(queued, 2.5), { next: 3, start: 1, waiting: [2] }, 'the oldest first');
  t.equal(fate(queued, 2.5, true), null);
  t.same(fate(schedule({ overlap: 'queue', maxRuns: 1 }), 1, true), {
    next: null,
    waiting: [1],
    runs: ['1 waiting'],
  });
  t.same(fate(schedule({ overlap: 'queue', maxRuns: 1 }, { waiting: [HOUR], nextAt: null }), 1.5), {
    ...{ start: 1, next: null, ended: 'max_runs' },
  });
  const full = schedule({ overlap: 'queue' }, { waiting: Array.from({ length: 100 }, (_, i) => i) });
  t.match(fate(full, 1, true), { runs: ['1 skipped'] });
  const replaced = schedule({ overlap: 'cancel_previous' }, { waiting: [HOUR], nextAt: 2 * HOUR });
  t.same(fate(replaced, 2, true), { next: 3, waiting: [2], cancels: true, runs: ['1 skipped', '2 waiting'] });
});

t.test('a run by hand follows the overlap and changes no due time', async (t) => {
  const by = fireByHand(schedule({ maxRuns: 1 }, { state: 'paused' }), at(0.5));
  t.match(by, { start: { dueAt: HOUR / 2, isManual: true }, schedule: { nextAt: HOUR, runs: 0 } });
  t.match(fireByHand(schedule(), at(0.5, true)), {
    start: null,
    runs: [{ result: 'skipped', isManual: true }],
  });
});

t.test('jitter is a part of its bound that the schedule and the due time decide', async (t) => {
  const one = schedule({ jitterMs: 1000 });
  const starts = Array.from({ length: 200 }, (_, i) => startOf(one, i * HOUR) - i * HOUR);
  t.ok(starts.every((ms) => ms >= 0 && ms <= 1000));
  t.ok(new Set(starts).size > 100);
  t.equal(startOf(one, HOUR), startOf({ ...one, revision: 9 }, HOUR));
  t.equal(wakeAt(one), startOf(one, HOUR));
  t.equal(goOn(one, HOUR, times).nextAt, 2 * HOUR, 'due times stay as they are');
});

t.test('silence counts from the last run that completed, as time passes', async (t) => {
  const between = (from: number, to: number) => to - from;
  const quiet = (more: Partial<Schedule>) => schedule({ silentAfterMs: HOUR }, { nextAt: null, ...more });
  for (const [more, due] of [
    [{}, HOUR],
    [{ watchedFrom: 5 }, HOUR + 5],
    [{ watchedFrom: 5, completedAt: 9 }, HOUR + 9],
    [{ watchedFrom: 9, completedAt: 5 }, HOUR + 9],
    [{ state: 'paused' }, null],
    [{ state: 'ended' }, null],
    [{ silentAt: 7 }, null],
    [{ nextAt: 3 }, 3],
  ] as const)
    t.equal(wakeAt(quiet(more)), due, JSON.stringify(more));
  t.equal(hush(quiet({}), HOUR - 1, between), null);
  t.match(hush(quiet({}), HOUR, between), { silentAt: HOUR });
  t.equal(hush(schedule(), 9 * HOUR, between), null, 'nobody asked');
  const jumped = hush(quiet({}), 5 * HOUR, () => HOUR / 4);
  t.match(
    jumped,
    { silentAt: null, watchedFrom: 4.75 * HOUR },
    'the clock was set forward by four hours and more',
  );
  t.equal(wakeAt(jumped as Schedule), 5.75 * HOUR);
});
