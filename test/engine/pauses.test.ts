import t from 'tap';
import { LOCAL_CALLER } from '../../src/domain/spec/access.ts';
import type { Spec } from '../../src/domain/spec/spec.ts';
import { resolveSpec } from '../../src/engine/policies/operations.ts';
import { engineWorld, type EngineWorld } from '../helpers/engine-world.ts';
import { registryOf } from '../helpers/operations.ts';
import { heard } from '../helpers/heard.ts';
import { EXIT_0 } from '../helpers/records.ts';

const run = { kind: 'exec', program: '/bin/true' };
const OPERATIONS = registryOf({ operations: { slow: { run }, quick: { run } } });
const deps = { resolve: (spec: Spec) => resolveSpec(OPERATIONS, spec) };
const operation = (name: string) => ({ kind: 'operation', name }) as Partial<Spec>;
const live = (world: EngineWorld) => world.runner.live.map(({ start }) => start.runId);

async function end(world: EngineWorld, id: string): Promise<void> {
  const attempt = world.runner.live.find(({ start }) => start.runId === id);
  attempt?.begin();
  attempt?.end(EXIT_0);
  await heard('it has ended', async () => (await world.get(id)).phase === 'done');
}

t.test('a paused queue claims nothing, and goes on where it was; also after a restart', async (t) => {
  const world = await engineWorld(t);
  const runs = await world.submit();
  await world.engine.pauses.pause('queue', 'root', 'the disk is being moved');
  const waits = await world.submit();
  t.match(waits, { phase: 'queued' }, 'a slot is free');
  const { waiting } = await world.engine.explain(LOCAL_CALLER, waits.id);
  t.match(waiting, {
    reason: 'paused',
    words: /The queue is paused by root since .*: the disk is being moved/,
  });
  t.match((await world.engine.get(LOCAL_CALLER, waits.id)).queue, { reason: 'paused' });
  await end(world, runs.id);
  t.equal(world.runner.live.length, 0, 'what ran has ended, and nothing took its slot');
  await world.engine.close();
  const after = await engineWorld(t, { dir: world.dir, clock: world.clock });
  t.match(after.engine.pauses.list(), [{ name: 'queue', by: 'root' }]);
  t.equal((await after.get(waits.id)).phase, 'queued');
  t.equal(await after.engine.pauses.resume('queue'), true);
  await heard('it runs', () => live(after).includes(waits.id));
  t.equal(await after.engine.pauses.resume('queue'), false);
});

t.test(
  'a drained server starts nothing, ends what runs, and goes on when it is resumed; also after a restart',
  async (t) => {
    const world = await engineWorld(t);
    const runs = await world.submit();
    await world.engine.runners.drain('only', 'root', 'an upgrade');
    const waits = await world.submit();
    t.match(waits, { phase: 'queued' });
    await end(world, runs.id);
    t.equal(world.runner.live.length, 0, 'nothing takes the slot that is free');
    t.match((await world.engine.explain(LOCAL_CALLER, waits.id)).waiting, {
      ...{ reason: 'no_free_slot', estimateMs: null },
      words: /this one is drained by root since .* \(an upgrade\)\. It is the next one/,
    });
    await t.rejects(world.submit({ on_limit: 'reject' }), { type: 'limit_reached', message: /./ });
    t.match(
      [await world.engine.runners.list(), world.engine.pauses.list()],
      [[{ name: 'only', drain: { by: 'root', reason: 'an upgrade' } }], { length: 0 }],
    );
    t.match(await world.engine.stats(), { isDrained: true, pauses: 0 });
    t.match(world.engine.health(), { intake: null }, 'it still accepts');
    await t.rejects(world.engine.runners.drain('one', 'root', null), {
      ...{ type: 'runner_not_found', message: 'There is no server "one"; there are "only".' },
    });
    await world.engine.close();
    const after = await engineWorld(t, { dir: world.dir, clock: world.clock });
    t.match(await after.get(waits.id), { phase: 'queued' });
    await after.engine.runners.resume('only');
    await heard('it runs', () => live(after).includes(waits.id));
    await t.rejects(after.engine.runners.resume('only'), {
      type: 'runner_not_found',
      message: /not drained/,
    });
  },
);

t.test('a paused operation or key is passed over; others behind it run', async (t) => {
  const world = await engineWorld(t, { slots: 2, deps });
  await world.engine.pauses.pause('operation:slow', 'root', null);
  await world.engine.pauses.pause('key:user:local:db', 'root', null);
  const slow = await Promise.all([1, 2, 3].map(() => world.submit(operation('slow'))));
  const keyed = await world.submit({ concurrency: { key: 'db', limit: 5 } });
  for (const { phase } of [...slow, keyed]) t.equal(phase, 'queued');
  const quick = await Promise.all([1, 2, 3].map(() => world.submit(operation('quick'))));
  const other = await world.submit({ concurrency: { key: 'other', limit: 5 } });
  for (const { id } of [...quick, other]) {
    await heard('it runs', () => live(world).includes(id));
    await end(world, id);
  }
  t.equal(world.runner.live.length, 0);
  t.match((await world.engine.explain(LOCAL_CALLER, keyed.id)).waiting, { reason: 'paused' });
  await world.engine.pauses.resume('operation:slow');
  for (const { id } of slow) {
    await heard('it runs', () => live(world).includes(id));
    await end(world, id);
  }
  t.equal((await world.get(keyed.id)).phase, 'queued');
  await world.engine.pauses.resume('key:user:local:db');
  await heard('it runs', () => live(world).includes(keyed.id));
});

t.test('maintenance refuses what is new, and goes on with what was accepted', async (t) => {
  const world = await engineWorld(t);
  const draft = {
    strategy: { type: 'serial' as const },
    steps: [
      { kind: 'exec', program: 'a' },
      { kind: 'exec', program: 'b' },
    ],
  };
  const plan = await world.engine.plans.submit(LOCAL_CALLER, draft, { trace: null, idempotency: null });
  await world.engine.pauses.pause('maintenance', 'root', 'an upgrade');
  await t.rejects(world.submit(), {
    type: 'maintenance',
    retryAfterS: 30,
    message: /an upgrade/,
  });
  for (const _ of [1, 2]) {
    await heard('a step runs', () => world.runner.live.length === 1);
    await end(world, live(world)[0] as string);
  }
  await heard('the plan has ended', async () => (await world.get(plan.execution.id)).status === 'completed');
  await world.engine.pauses.resume('maintenance');
  t.match(await world.submit(), { status: 'running' });
});
