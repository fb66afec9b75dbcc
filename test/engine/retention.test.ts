// What is removed for its age, by itself, when the wall clock is set.
import t from 'tap';
import { type FakeClock, fakeClock } from '../helpers/clock.ts';
import { type EngineWorld, engineWorld } from '../helpers/engine-world.ts';
import { LOCAL_CALLER } from '../../src/domain/spec/access.ts';
import type { Journal } from '../../src/domain/ports/journal.ts';
import { heard } from '../helpers/heard.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const YEAR = 8760 * HOUR;
const deps = { retentionMs: 10 * HOUR, cleanupIntervalMs: MINUTE };

/** A clock that can be set. */
function settableClock(): { clock: FakeClock; set: (byMs: number) => void } {
  const fake = fakeClock();
  let offsetMs = 0;
  const clock = Object.create(fake, { now: { value: () => fake.now() + offsetMs } }) as FakeClock;
  return { clock, set: (byMs) => (offsetMs += byMs) };
}

async function run(world: EngineWorld): Promise<string> {
  const { id } = await world.submit();
  await heard('it runs', () => world.runner.live.length === 1);
  world.runner.live[0]?.end();
  await heard('it has ended', async () => (await world.get(id)).phase === 'done');
  return id;
}

const isKept = async ({ store }: EngineWorld, id: string) => (await store.get(null, id)) !== null;

/** Lets the janitor sweep for so long. */
async function pass({ clock }: EngineWorld, ms: number): Promise<void> {
  await heard('it sleeps', () => clock.hasTimer(MINUTE));
  for (let passed = 0; passed < ms; passed += MINUTE) {
    await clock.advance(MINUTE);
    await heard('it sleeps again', () => clock.hasTimer(MINUTE));
  }
}

t.test('a clock that jumps forward while the server runs removes nothing, if it is set right', async (t) => {
  const { clock, set } = settableClock();
  const world = await engineWorld(t, { clock, deps });
  const early = await run(world);
  await pass(world, 9 * HOUR);
  const late = await run(world);
  set(YEAR);
  await pass(world, 59 * MINUTE);
  t.ok(await isKept(world, early), 'although it is a year old by the clock');
  set(-YEAR);
  await pass(world, 2 * MINUTE);
  t.notOk(await isKept(world, early), 'ten hours have passed');
  t.ok(await isKept(world, late));
});

t.test('one that is wrong from the start on removes nothing for an hour either', async (t) => {
  const { clock, set } = settableClock();
  const first = await engineWorld(t, { clock, deps });
  const id = await run(first);
  await first.engine.close();
  set(YEAR);
  const second = await engineWorld(t, { clock, deps, dir: first.dir });
  await pass(second, 59 * MINUTE);
  t.ok(await isKept(second, id));
  await pass(second, 2 * MINUTE);
  t.notOk(await isKept(second, id), 'a clock that is not set right is believed');
});

t.test('where less is kept than an hour, that is how long it waits', async (t) => {
  const { clock, set } = settableClock();
  const world = await engineWorld(t, { clock, deps: { ...deps, retentionMs: 5 * MINUTE } });
  const id = await run(world);
  await pass(world, 2 * MINUTE);
  set(YEAR);
  await pass(world, 4 * MINUTE);
  t.ok(await isKept(world, id));
  await pass(world, 2 * MINUTE);
  t.notOk(await isKept(world, id));
});

t.test(
  'who asks for a cleanup has it by the clock, and what is above the count goes in any case',
  async (t) => {
    const { clock, set } = settableClock();
    const world = await engineWorld(t, { clock, deps: { ...deps, maxRetained: 2 } });
    const ids = [await run(world), await run(world), await run(world)] as const;
    set(YEAR);
    await pass(world, MINUTE);
    t.same(await Promise.all(ids.map((id) => isKept(world, id))), [false, true, true]);
    t.equal(await world.engine.cleanup(), 2);
  },
);

t.test('what takes more bytes than it may goes with a cleanup', async (t) => {
  const world = await engineWorld(t, { deps: { ...deps, maxDataBytes: 1 } });
  await run(world);
  const { bytes, maxBytes } = world.engine.health().data;
  t.ok(bytes > maxBytes);
  t.equal(await world.engine.cleanup(), 1);
  t.equal(world.engine.health().data.bytes, 0);
});

t.test('what is removed is removed, also where its log cannot be: that goes later', async (t) => {
  const removed: string[] = [];
  let remove: () => Promise<void> = () =>
    Promise.reject(Object.assign(new Error('EROFS'), { code: 'EROFS' }));
  const journal = {
    prepare: () => Promise.resolve(),
    open: () => Promise.resolve(null),
    remove: async ({ runId }: { runId: string }) => {
      await remove();
      removed.push(runId);
    },
  } as unknown as Journal;
  const world = await engineWorld(t, { deps: { journal, retentionMs: 0 } });
  const [byHand, byAge] = [await run(world), await run(world)];
  await world.engine.remove(LOCAL_CALLER, byHand);
  t.notOk(await isKept(world, byHand));
  await world.clock.advance(1);
  t.equal(await world.engine.cleanup(), 1);
  t.same(removed, []);
  t.equal(world.log.filter(({ level }) => level === 'warn').length, 1, 'it is said once');
  await world.clock.advance(MINUTE);
  t.same(removed, []);
  remove = () => Promise.resolve();
  await world.clock.advance(MINUTE);
  await heard('both logs have gone', () => removed.length === 2);
  t.same(removed.sort(), [byHand, byAge].sort());
  const hung = await run(world);
  remove = () => new Promise(() => undefined);
  const done = world.engine.remove(LOCAL_CALLER, hung);
  await heard('it waits for the disk', () => world.clock.hasTimer(5000));
  await world.clock.advance(5000);
  await t.resolves(done, 'and not for ever');
});

t.test('an upload that nobody used goes when its time is over, also where no execution goes', async (t) => {
  const world = await engineWorld(t, { deps });
  const bytes = async function* () {
    yield Buffer.from('hello');
  };
  const { ownerId } = await world.engine.files.upload(LOCAL_CALLER, bytes(), null);
  await pass(world, 2 * HOUR);
  await heard('its record is gone', async () => (await world.store.file(ownerId, 'upload', '')) === null);
  await heard('and so are its bytes', async () => (await world.store.knownBlobs()).length === 0);
});
