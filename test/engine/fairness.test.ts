import t from 'tap';
import { accessRules, NO_QUOTAS, type Quotas } from '../../src/domain/access/access-rules.ts';
import { type Caller, LOCAL_CALLER } from '../../src/domain/spec/access.ts';
import { RefusedError } from '../../src/domain/errors.ts';
import type { Spec } from '../../src/domain/spec/spec.ts';
import type { Submission } from '../../src/engine/engine.ts';
import { type EngineWorld, engineWorld } from '../helpers/engine-world.ts';

const spec: Spec = { kind: 'exec', program: 'true' };
const asked = (more: Partial<Submission> = {}): Submission => ({
  ...{ spec, trace: null, idempotency: null, rerunOf: null },
  ...more,
});
const caller = (userId: string): Caller => ({ ...LOCAL_CALLER, userId });

async function submit(world: EngineWorld, userId: string, count: number): Promise<string[]> {
  const answers = await world.engine.submitAll(
    caller(userId),
    Array.from({ length: count }, () => asked()),
  );
  return answers.map((one) => {
    if (one instanceof RefusedError) throw one;
    return one.execution.id;
  });
}

/** What a call is refused with. */
const refusal = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => null,
    (error: unknown) => error,
  );

/** Lets attempts end one after the other, until so many have been started; answers their run ids in order. */
async function started(world: EngineWorld, count: number): Promise<string[]> {
  const order = world.runner.live.map(({ start }) => start.runId);
  let wake: () => void = () => undefined;
  world.runner.onRun = ({ start }) => {
    order.push(start.runId);
    wake();
  };
  while (order.length < count) {
    const more = new Promise<void>((resolve) => (wake = resolve));
    world.runner.live[0]?.end();
    await more;
  }
  world.runner.onRun = () => undefined;
  return order;
}

t.test(
  'ten thousand of one user delay the ten of another by one turn each, where first come would be last',
  async (t) => {
    const world = await engineWorld(t, { slots: 4, maxQueued: 20_000 });
    const greedy = await submit(world, 'greedy', 10_000);
    const modest = await submit(world, 'modest', 10);
    const order = await started(world, 4 + 2 * 10);
    const turns = modest.map((id) => order.indexOf(id));
    t.notOk(turns.includes(-1), 'all ten have started');
    // Four ran already; then each has every other turn.
    t.same(
      turns,
      modest.map((_, i) => 4 + 2 * i + (turns[0] === 4 ? 0 : 1)),
      `fair: ${turns.join(' ')}`,
    );
    const inOrderOfArrival = [...greedy, ...modest];
    t.same(
      modest.map((id) => inOrderOfArrival.indexOf(id)),
      modest.map((_, i) => 10_000 + i),
      'by arrival they would have started behind all ten thousand',
    );
  },
);

t.test('twenty users, one of them greedy: each idle one starts within a round', async (t) => {
  const world = await engineWorld(t, { slots: 2, maxQueued: 20_000 });
  await submit(world, 'greedy', 2000);
  const others = Array.from({ length: 19 }, (_, i) => `user-${i}`);
  const ids = await Promise.all(others.map(async (user) => (await submit(world, user, 5))[0] as string));
  const order = await started(world, 2 + 20);
  for (const id of ids) t.ok(order.includes(id));
});

// ------------------------------------------------------------------------------------------- quotas

const limited = (quotas: Partial<Quotas>) => ({
  deps: { rules: () => accessRules(null, { ...NO_QUOTAS, ...quotas }) },
});

t.test('who submits more often than they may is told when to come again', async (t) => {
  const world = await engineWorld(t, { ...limited({ submitsPerS: 2 }), slots: 100 });
  const ask = (userId: string) => world.engine.submit(caller(userId), asked());
  await ask('ann');
  await ask('ann');
  t.match(await refusal(ask('ann')), { type: 'too_many_submits', retryAfterS: 1 });
  await ask('bob');
  t.same(world.engine.submitAllowance('ann'), { quota: 2, windowS: 1, remaining: 0, resetS: 1 });
  await world.clock.advance(500);
  await ask('ann');
  t.match(await refusal(ask('ann')), { type: 'too_many_submits' });
  await world.clock.advance(60_000);
  await ask('ann');
  await ask('ann');
  t.match(await refusal(ask('ann')), { type: 'too_many_submits' }, 'nothing is saved up beyond a second');
});

t.test('a slow rate allows one at a time', async (t) => {
  const world = await engineWorld(t, { ...limited({ submitsPerS: 0.1 }), slots: 100 });
  const ask = () => world.engine.submit(caller('ann'), asked());
  await ask();
  t.match(await refusal(ask()), { type: 'too_many_submits', retryAfterS: 10 });
  t.same(world.engine.submitAllowance('ann'), { quota: 1, windowS: 10, remaining: 0, resetS: 10 });
  await world.clock.advance(10_000);
  await ask();
});

t.test('of a batch that is too large the first items are accepted', async (t) => {
  const world = await engineWorld(t, { ...limited({ submitsPerS: 3 }), slots: 100 });
  const answers = await world.engine.submitAll(
    caller('ann'),
    Array.from({ length: 5 }, () => asked()),
  );
  t.same(
    answers.map((one) => one instanceof RefusedError),
    [false, false, false, true, true],
  );
});

t.test('a full queue of a user is their own', async (t) => {
  const world = await engineWorld(t, { ...limited({ queued: 1 }), slots: 1 });
  const ask = (userId: string, more: Partial<Spec> = {}) =>
    world.engine.submit(caller(userId), asked({ spec: { ...spec, ...more } as Spec }));
  await ask('ann');
  await ask('ann');
  t.match(await refusal(ask('ann')), {
    ...{ type: 'user_queue_full', retryAfterS: 2 },
    message: /^1 executions of user "ann" wait .*; at most 1 \(quotas\.queued\) may wait\. .* cancel some\.$/,
  });
  t.match(await refusal(ask('ann', { on_limit: 'reject' })), {
    type: 'limit_reached',
    message: /^At most 1 executions run .* \(EXECUTION_MAX_CONCURRENT\), .* "on_limit": "queue"\.$/,
  });
  await ask('bob');
});

t.test('who has no slot of their own left waits, and says why', async (t) => {
  const world = await engineWorld(t, { ...limited({ running: 1 }), slots: 3 });
  world.store.setShares({ weight: 1, running: 1, users: {} });
  const [, second] = await submit(world, 'ann', 2);
  t.match(await world.engine.get(caller('ann'), second as string), {
    phase: 'queued',
    queue: { position: 0, reason: 'user_limit' },
  });
  t.match(
    await refusal(
      world.engine.submit(caller('ann'), asked({ spec: { ...spec, on_limit: 'reject' } as Spec })),
    ),
    { type: 'limit_reached' },
  );
  const runs = new Promise<string>((resolve) => (world.runner.onRun = ({ start }) => resolve(start.runId)));
  const [other] = await submit(world, 'bob', 1);
  t.equal(await runs, other, 'another user does not wait for them');
});

t.test('a priority above the own is refused, at submission and later', async (t) => {
  const world = await engineWorld(t, { ...limited({ maxPriority: -1 }), slots: 1 });
  const ask = (priority?: number) =>
    world.engine.submit(
      caller('ann'),
      asked({ spec: priority === undefined ? spec : { ...spec, priority } }),
    );
  const { execution } = await ask();
  t.equal(execution.priority, -1, 'where nothing is said it is what may be');
  await ask(-5);
  t.match(await refusal(ask(0)), {
    type: 'validation',
    message: '/priority: must be at most -1 (the quota of the user), not 0',
  });
  t.match(await refusal(world.engine.patch(caller('ann'), execution.id, { priority: 0, timeouts: null })), {
    type: 'validation',
  });
});
