import t, { type Test } from 'tap';
import { accessRules, NO_QUOTAS } from '../../src/domain/access/access-rules.ts';
import type { SchedulePlan } from '../../src/domain/schedules/schedule.ts';
import { LOCAL_CALLER } from '../../src/domain/spec/access.ts';
import { engineWorld, type WorldOptions } from '../helpers/engine-world.ts';
import { heard } from '../helpers/heard.ts';

const MINUTE = 60_000;
const plan = (more: Partial<SchedulePlan> = {}): SchedulePlan => ({
  ...{ name: 'n', description: null, when: { every_ms: MINUTE }, work: { kind: 'exec', program: 'true' } },
  ...{ overlap: 'skip', misfire: 'once', maxCatchUp: 10, jitterMs: 0, maxRuns: null, endsAt: null },
  silentAfterMs: null,
  ...more,
});
const KEY = { type: 'key', id: 'k', userId: 'local', expiresAt: null } as const;

async function scheduleWorld(t: Test, options: WorldOptions = {}) {
  const world = await engineWorld(t, options);
  const { engine, clock, runner } = world;
  const results = async () => (await engine.schedules.runs(LOCAL_CALLER, 'n')).map(({ result }) => result);
  return {
    ...world,
    schedules: engine.schedules,
    results,
    create: (more: Partial<SchedulePlan> = {}) => engine.schedules.create(LOCAL_CALLER, plan(more), false),
    /** Lets time pass, until so many due times have been dealt with. */
    async pass(ms: number, many: number) {
      await clock.advance(ms);
      await heard('due times are dealt with', async () => (await results()).length === many);
    },
    async endOne() {
      await heard('an attempt is there', () => runner.live.length > 0);
      runner.live[0]?.end();
    },
  };
}

t.test('a schedule starts its work at each due time, and knows the next ones', async (t) => {
  const w = await scheduleWorld(t);
  const { schedule, next } = await w.create({ maxRuns: 2 });
  t.same(next, [schedule.anchor + MINUTE, schedule.anchor + 2 * MINUTE]);
  await w.pass(MINUTE, 1);
  await w.endOne();
  const [run] = await w.schedules.runs(LOCAL_CALLER, 'n');
  const { execution } = await w.engine.wait(
    LOCAL_CALLER,
    run?.executionId ?? '',
    { until: 'finished' },
    1,
    new AbortController().signal,
  );
  t.match(execution, { schedule: { name: 'n', dueAt: schedule.anchor + MINUTE }, userId: 'local' });
  await heard('its state is reached', async () => (await w.get(execution.id)).phase === 'done');
  await w.pass(MINUTE, 2);
  t.same(await w.results(), ['started', 'started']);
  t.match(await w.schedules.get(LOCAL_CALLER, 'n'), {
    schedule: { state: 'ended', ended: 'max_runs' },
    next: [],
  });
  t.equal((await w.schedules.run(LOCAL_CALLER, 'n')).result, 'skipped', 'one is running still');
  await t.rejects(w.schedules.pause(LOCAL_CALLER, 'n'), { message: /has ended/ });
});

t.test('what was due while execd was down is made up for, each due time once', async (t) => {
  const before = await scheduleWorld(t);
  await before.create({ misfire: 'catch_up', overlap: 'allow' });
  await before.pass(MINUTE, 1);
  await before.engine.close();
  await before.clock.advance(3.5 * MINUTE);
  const after = await scheduleWorld(t, { dir: before.dir, clock: before.clock, slots: 9 });
  await heard('its state is reached', async () => (await after.results()).length === 4);
  t.same(await after.results(), ['started', 'started', 'started', 'started']);
  const [last] = await after.schedules.runs(LOCAL_CALLER, 'n');
  t.equal(
    new Set((await after.schedules.runs(LOCAL_CALLER, 'n')).map(({ executionId }) => executionId)).size,
    4,
  );
  t.equal((last?.dueAt ?? 0) + MINUTE, (await after.schedules.get(LOCAL_CALLER, 'n')).next[0]);
});

t.test('work that waits begins when the run before has ended; a newer one may take its place', async (t) => {
  const w = await scheduleWorld(t);
  await w.create({ overlap: 'queue' });
  await w.pass(2 * MINUTE, 2);
  t.same(await w.results(), ['waiting', 'started']);
  await w.endOne();
  await heard('its state is reached', async () => (await w.results())[0] === 'started');
  await w.schedules.put(LOCAL_CALLER, plan({ overlap: 'cancel_previous' }), false);
  await w.pass(MINUTE, 3);
  await heard('an attempt is there', () => w.runner.live.some(({ stops }) => stops.length > 0));
  t.match(w.runner.live[0]?.stops, [{ cause: 'cancelled', reason: 'The schedule n starts again.' }]);
  await w.endOne();
  await heard('its state is reached', async () => (await w.results())[0] === 'started');
});

t.test('it runs under the policy of the day, and ends with its API key', async (t) => {
  let isAllowed = true;
  let isRevoked = false;
  const strict = accessRules({ definition: { templates: {}, users: {} }, version: '2' }, NO_QUOTAS);
  const deps = {
    rules: () => (isAllowed ? accessRules(null, NO_QUOTAS) : strict),
    isRevoked: () => isRevoked,
  };
  const w = await scheduleWorld(t, { deps });
  await w.schedules
    .create({ ...LOCAL_CALLER, mayRun: 'policy', credential: KEY }, plan(), false)
    .catch(() => undefined);
  await w.schedules.put({ ...LOCAL_CALLER, credential: KEY }, plan({ overlap: 'allow' }), false);
  await w.pass(MINUTE, 1);
  isAllowed = false;
  await w.pass(MINUTE, 2);
  t.match(await w.schedules.runs(LOCAL_CALLER, 'n'), [
    { result: 'refused', error: 'command_not_allowed', executionId: null },
    { result: 'started' },
  ]);
  [isAllowed, isRevoked] = [true, true];
  await w.pass(MINUTE, 3);
  t.match(await w.schedules.get(LOCAL_CALLER, 'n'), { schedule: { state: 'ended', ended: 'key_revoked' } });
});

t.test('a paused schedule starts nothing, and goes on with the next due time', async (t) => {
  const w = await scheduleWorld(t);
  await w.create({
    work: {
      kind: 'plan',
      strategy: { type: 'serial' },
      steps: [{ name: 'a', kind: 'exec', program: 'true' }],
    } as never,
  });
  await w.schedules.pause(LOCAL_CALLER, 'n');
  await w.clock.advance(2.5 * MINUTE);
  t.same(await w.results(), []);
  await w.schedules.resume(LOCAL_CALLER, 'n');
  await w.pass(MINUTE, 1);
  const [run] = await w.schedules.runs(LOCAL_CALLER, 'n');
  t.match((await w.get(run?.executionId ?? '')).spec, { kind: 'plan' });
  await w.schedules.remove(LOCAL_CALLER, 'n');
  await t.rejects(w.schedules.get(LOCAL_CALLER, 'n'), { message: /no schedule/ });
  await t.rejects(w.create({ when: { cron: '0 0 30 2 *' } }), { message: /never comes/ });
  await t.rejects(
    w.create({
      work: { kind: 'plan', strategy: { type: 'serial' }, steps: [{ name: 'a', kind: 'no' }] } as never,
    }),
    {
      message: /kind/,
    },
  );
});

t.test(
  'a schedule that completes nothing is reported as silent once, also over a restart, until it completes',
  async (t) => {
    const silent: string[] = [];
    const deps = { onSilence: ({ plan: { name } }: { plan: SchedulePlan }) => void silent.push(name) };
    const before = await scheduleWorld(t, { deps });
    await before.create({ when: { every_ms: 60 * MINUTE }, silentAfterMs: 3 * MINUTE });
    await before.clock.advance(3 * MINUTE - 1);
    t.same(silent, []);
    await before.engine.close();
    const after = await scheduleWorld(t, { dir: before.dir, clock: before.clock, deps });
    await after.clock.advance(1);
    await heard('it is reported', () => silent.length === 1);
    await after.clock.advance(10 * MINUTE);
    const now = async () => (await after.schedules.get(LOCAL_CALLER, 'n')).schedule;
    t.match([silent, await now()], [['n'], { silentAt: Number, completedAt: null }], 'once');
    await after.schedules.run(LOCAL_CALLER, 'n');
    await after.endOne();
    await heard('it is not silent any more', async () => (await now()).silentAt === null);
    t.equal((await now()).completedAt, after.clock.now());
    await after.clock.advance(3 * MINUTE);
    await heard('it is reported again', () => silent.length === 2);
    await after.schedules.pause(LOCAL_CALLER, 'n');
    t.match(await now(), { silentAt: null }, 'nobody waits for a paused one');
    await after.schedules.resume(LOCAL_CALLER, 'n');
    await after.clock.advance(3 * MINUTE - 1);
    t.equal(silent.length, 2, 'it counts from the end of the pause');
    await after.clock.advance(1);
    await heard('it is reported again', () => silent.length === 3);
  },
);
