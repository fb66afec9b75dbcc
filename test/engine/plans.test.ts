import fc from 'fast-check';
import t, { type Test } from 'tap';
import { accessRules, NO_QUOTAS } from '../../src/domain/access/access-rules.ts';
import { LOCAL_CALLER } from '../../src/domain/spec/access.ts';
import type { Execution } from '../../src/domain/execution/execution.ts';
import { isFinished } from '../../src/domain/execution/execution.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { PlanDraft } from '../../src/domain/spec/plan.ts';
import type { Store } from '../../src/domain/ports/store.ts';
import type { StepView } from '../../src/engine/engine.ts';
import { fakeClock } from '../helpers/clock.ts';
import { engineWorld, type EngineWorld } from '../helpers/engine-world.ts';
import { heard } from '../helpers/heard.ts';
import { EXIT_0 } from '../helpers/records.ts';
import { tempDir } from '../helpers/temp.ts';
import { rounds } from '../helpers/rounds.ts';

const FAILED = { ...EXIT_0, exitCode: 7 } as Outcome;
const STEP = { kind: 'exec', program: 'true' } as const;
const GRAPH = { type: 'dependency_graph' } as const;

async function submit(
  world: EngineWorld,
  plan: Partial<PlanDraft> & { steps: unknown[] },
  caller = LOCAL_CALLER,
): Promise<string> {
  const draft = { strategy: GRAPH, ...plan };
  const { execution } = await world.engine.plans.submit(caller, draft, {
    trace: null,
    idempotency: null,
  });
  return execution.id;
}

const refusal = (type: string) => ({ type }) as unknown as Error;

const view = (world: EngineWorld, id: string) => world.engine.plans.get(LOCAL_CALLER, id);

async function finished(world: EngineWorld, id: string): Promise<Execution> {
  await heard('the plan has ended', async () => isFinished(await world.get(id)));
  return world.get(id);
}

/** The names of the steps whose attempts are live, as they were asked for. */
async function liveSteps(world: EngineWorld): Promise<string[]> {
  const found = await Promise.all(world.runner.live.map(({ start }) => world.get(start.runId)));
  return found.map(({ plan }) => plan?.step ?? '').sort();
}

async function running(world: EngineWorld, ...steps: string[]): Promise<void> {
  await heard(`${steps.join()} run`, async () => (await liveSteps(world)).join() === steps.sort().join());
}

async function endStep(world: EngineWorld, step: string, outcome: Outcome = EXIT_0): Promise<void> {
  for (const attempt of [...world.runner.live]) {
    if ((await world.get(attempt.start.runId)).plan?.step !== step) continue;
    attempt.begin();
    attempt.end(outcome);
    return heard(`${step} has ended`, async () => isFinished(await world.get(attempt.start.runId)));
  }
  throw new Error(`${step} does not run`);
}

const statuses = (steps: readonly StepView[]) =>
  Object.fromEntries(steps.map(({ name, status, skipReason }) => [name, skipReason ?? status]));

t.test('a serial plan runs one step after the other, and skips the rest after a failure', async (t) => {
  const world = await engineWorld(t);
  const steps = ['a', 'b', 'c'].map((name) => ({ ...STEP, name }));
  const id = await submit(world, { strategy: { type: 'serial' }, steps });
  t.match(await world.get(id), { status: 'running', attempts: [] });
  await running(world, 'a');
  await endStep(world, 'a');
  await running(world, 'b');
  await endStep(world, 'b', FAILED);
  t.match(await finished(world, id), {
    status: 'failed',
    outcome: { cause: 'steps_ended', failed: 1, steps: ['b'] },
  });
  const { steps: after, counts } = await view(world, id);
  t.same(statuses(after), { a: 'completed', b: 'failed', c: 'dependency_failed' });
  t.match(counts, { total: 3, completed: 1, failed: 1, skipped: 1, pending: 0, running: 0 });
});

t.test(
  'a serial plan that does not stop on an error runs all steps, and has failed all the same',
  async (t) => {
    const world = await engineWorld(t);
    const steps = ['a', 'b'].map((name) => ({ ...STEP, name }));
    const id = await submit(world, { strategy: { type: 'serial', stop_on_error: false }, steps });
    await running(world, 'a');
    await endStep(world, 'a', FAILED);
    await running(world, 'b');
    await endStep(world, 'b');
    t.match(await finished(world, id), { status: 'failed' });
  },
);

t.test('a parallel plan keeps to its limit, and its width is independent of the slots', async (t) => {
  const world = await engineWorld(t, { slots: 2 });
  const steps = Array.from({ length: 7 }, (_, i) => ({ ...STEP, name: `s${i}` }));
  const id = await submit(world, { strategy: { type: 'parallel', max_concurrency: 3 }, steps });
  for (let ended = 0; ended < 7; ended++) {
    await heard('a step runs', () => world.runner.live.length === Math.min(2, 7 - ended));
    const { counts } = await view(world, id);
    t.ok(counts.running + counts.pending - (7 - 3 - ended) >= 0 && counts.running <= 3);
    await endStep(world, (await liveSteps(world))[0] as string);
  }
  t.match(await finished(world, id), { status: 'completed' });
  t.ok(world.runner.most <= 2, 'and never more than there are slots');
});

t.test('a failure that is to be ignored fails neither the plan nor the steps after it', async (t) => {
  const world = await engineWorld(t);
  const id = await submit(world, {
    steps: [
      { ...STEP, name: 'a', continue_on_error: true },
      { ...STEP, name: 'b', depends_on: ['a'] },
    ],
  });
  await running(world, 'a');
  await endStep(world, 'a', FAILED);
  await running(world, 'b');
  await endStep(world, 'b');
  t.match(await finished(world, id), { status: 'completed' });
});

t.test(
  'steps run when something before them has failed, or in any case, where they ask for it',
  async (t) => {
    const world = await engineWorld(t);
    const steps = [
      { ...STEP, name: 'work' },
      { ...STEP, name: 'next', depends_on: ['work'] },
      { ...STEP, name: 'mend', depends_on: ['next'], run_if: 'failure' },
      { ...STEP, name: 'tell', depends_on: ['next', 'mend'], run_if: 'always' },
    ];
    const failing = await submit(world, { steps });
    await running(world, 'work');
    await endStep(world, 'work', FAILED);
    await running(world, 'mend');
    await endStep(world, 'mend');
    await running(world, 'tell');
    await endStep(world, 'tell');
    await finished(world, failing);
    t.same(statuses((await view(world, failing)).steps), {
      ...{ work: 'failed', next: 'dependency_failed', mend: 'completed', tell: 'completed' },
    });
    const fine = await submit(world, { steps });
    for (const step of ['work', 'next', 'tell']) {
      await running(world, step);
      await endStep(world, step);
    }
    t.match(await finished(world, fine), { status: 'completed' });
    t.match(statuses((await view(world, fine)).steps), { mend: 'nothing_failed' });
  },
);

t.test('a cancel stops what runs, begins nothing more, and the plan ends when all of it has', async (t) => {
  const world = await engineWorld(t, { slots: 1 });
  const id = await submit(world, {
    steps: [
      { ...STEP, name: 'a' },
      { ...STEP, name: 'queued' },
      { ...STEP, name: 'after', depends_on: ['a'] },
      { name: 'nested', kind: 'plan', strategy: { type: 'serial' }, steps: [{ ...STEP, name: 'inner' }] },
    ],
  });
  await running(world, 'a');
  await heard('all are there', async () => (await view(world, id)).counts.running === 2);
  await world.engine.cancel(LOCAL_CALLER, id, 'enough');
  const canceling = await world.get(id);
  t.match(canceling, { status: 'running', phase: 'canceling', cancel: { reason: 'enough' } });
  t.match(world.runner.live[0]?.stops, [{ cause: 'cancelled', reason: 'enough' }]);
  await world.engine.cancel(LOCAL_CALLER, id, null, 0);
  t.match(
    world.runner.live[0]?.stops.at(-1),
    { cause: 'cancelled', graceMs: 0 },
    'its steps hear of a grace',
  );
  await endStep(world, 'a', { cause: 'cancelled', reason: 'enough', process: null });
  t.match(await finished(world, id), {
    status: 'cancelled',
    outcome: { cause: 'cancelled', reason: 'enough' },
  });
  t.match(statuses((await view(world, id)).steps), {
    ...{ a: 'cancelled', queued: 'cancelled', after: 'cancelled', nested: 'cancelled' },
  });
  t.equal(world.runner.live.length, 0);
});

t.test('a plan that takes too long is stopped, and has timed out', async (t) => {
  const world = await engineWorld(t);
  const id = await submit(world, {
    timeouts: { total_ms: 5000 },
    steps: [
      { ...STEP, name: 'a' },
      { ...STEP, name: 'b', depends_on: ['a'] },
    ],
  });
  await running(world, 'a');
  await world.clock.advance(5000);
  await heard('it is being stopped', () => world.runner.live[0]?.stops.length === 1);
  await endStep(world, 'a', { cause: 'cancelled', reason: null, process: null });
  t.match(await finished(world, id), {
    status: 'timed_out',
    outcome: { cause: 'total_timeout', limitMs: 5000 },
  });
});

t.test('a plan is gone with all of its steps, none of which can be removed alone', async (t) => {
  const world = await engineWorld(t);
  const id = await submit(world, { steps: [{ ...STEP, name: 'a' }] });
  await running(world, 'a');
  await endStep(world, 'a');
  await finished(world, id);
  const step = (await view(world, id)).steps[0]?.executionId ?? '';
  await t.rejects(world.engine.remove(LOCAL_CALLER, step), refusal('step_of_plan'));
  await world.engine.remove(LOCAL_CALLER, id);
  await t.rejects(world.get(step), refusal('not_found'));
  t.same((await world.store.counts()).finished, { completed: 0, failed: 0, cancelled: 0, timed_out: 0 });
});

t.test('redrive takes over what has completed, and runs the rest', async (t) => {
  const world = await engineWorld(t);
  const steps = [
    { ...STEP, name: 'a' },
    { ...STEP, name: 'b', depends_on: ['a'] },
    { ...STEP, name: 'c', depends_on: ['b'] },
    { ...STEP, name: 'd' },
  ];
  const first = await submit(world, { steps });
  await running(world, 'a', 'd');
  await endStep(world, 'a');
  await endStep(world, 'd');
  await running(world, 'b');
  await endStep(world, 'b', FAILED);
  await finished(world, first);
  const options = { trace: null, idempotency: null };
  const { execution } = await world.engine.plans.redrive(LOCAL_CALLER, first, options);
  await running(world, 'b');
  const { steps: now, plan } = await view(world, execution.id);
  const before = (await view(world, first)).steps;
  t.equal(plan.redriveOf, first);
  t.equal(now[0]?.keptFrom, before[0]?.executionId);
  await world.engine.remove(LOCAL_CALLER, first);
  t.match(await world.get(now[0]?.executionId ?? ''), { status: 'completed', attempts: [{ number: 1 }] });
  await endStep(world, 'b');
  await running(world, 'c');
  await endStep(world, 'c');
  t.match(await finished(world, execution.id), { status: 'completed' });
  await t.rejects(world.engine.plans.redrive(LOCAL_CALLER, execution.id, options), refusal('plan_completed'));
});

t.test('redrive of a loop runs only the rounds that have not completed', async (t) => {
  const world = await engineWorld(t, { slots: 3 });
  const steps = [{ ...STEP, name: 'each', foreach: { items: ['x', 'y', 'z'] } }];
  const first = await submit(world, { steps });
  await running(world, 'each[0]', 'each[1]', 'each[2]');
  await endStep(world, 'each[0]');
  await endStep(world, 'each[1]', FAILED);
  await endStep(world, 'each[2]');
  await finished(world, first);
  const { execution } = await world.engine.plans.redrive(LOCAL_CALLER, first, {
    trace: null,
    idempotency: null,
  });
  await running(world, 'each[1]');
  await endStep(world, 'each[1]');
  t.match(await finished(world, execution.id), { status: 'completed' });
});

t.test('a restart goes on where the plan was', async (t) => {
  const dir = tempDir(t);
  const clock = fakeClock();
  const before = await engineWorld(t, { dir, clock });
  const id = await submit(before, {
    steps: [
      { ...STEP, name: 'a' },
      { ...STEP, name: 'b', depends_on: ['a'] },
      { ...STEP, name: 'c', depends_on: ['b'] },
      { ...STEP, name: 'never', depends_on: ['a'], when: 'false' },
    ],
  });
  await running(before, 'a');
  await endStep(before, 'a');
  await running(before, 'b');
  await before.engine.close();
  const world = await engineWorld(t, { dir, clock });
  await running(world, 'b');
  await endStep(world, 'b');
  await running(world, 'c');
  await endStep(world, 'c');
  t.match(await finished(world, id), { status: 'completed' });
  t.same(statuses((await view(world, id)).steps), {
    a: 'completed',
    b: 'completed',
    c: 'completed',
    never: 'condition_false',
  });
});

t.test('a loop on a condition goes on until it is false, and fails when it never is', async (t) => {
  const world = await engineWorld(t);
  const loop = (condition: string) => ({ ...STEP, name: 'poll', while: { condition, max_iterations: 3 } });
  const twice = await submit(world, { steps: [loop('iteration < 2')] });
  for (const step of ['poll[0]', 'poll[1]']) {
    await running(world, step);
    await endStep(world, step);
  }
  t.match(await finished(world, twice), { status: 'completed' });
  const endless = await submit(world, {
    steps: [loop('previous == null || previous.status == "completed"')],
  });
  for (const step of ['poll[0]', 'poll[1]', 'poll[2]']) {
    await running(world, step);
    await endStep(world, step);
  }
  t.match(await finished(world, endless), { status: 'failed', outcome: { steps: ['poll'] } });
  const [poll] = (await view(world, endless)).steps;
  t.match(poll?.outcome, { cause: 'evaluation_failed', reason: 'loop_limit' });
  const failing = await submit(world, { steps: [loop('true')] });
  await running(world, 'poll[0]');
  await endStep(world, 'poll[0]', FAILED);
  t.match(await finished(world, failing), { status: 'failed' }, 'a body that fails fails the loop');
});

t.test('a reference that leads to nothing fails its step before it starts', async (t) => {
  const world = await engineWorld(t);
  const id = await submit(world, {
    steps: [
      { ...STEP, name: 'a' },
      { ...STEP, name: 'b', depends_on: ['a'], args: ['${steps.a.result.no.such}'] },
    ],
  });
  await running(world, 'a');
  await endStep(world, 'a');
  await finished(world, id);
  const b = (await view(world, id)).steps[1];
  t.match(b, {
    status: 'failed',
    executionId: null,
    outcome: {
      cause: 'evaluation_failed',
      reason: 'reference',
      message: /^\$\{steps\.a\.result\.no\.such\} is not there$/,
    },
  });
});

t.test('live plans have so much room in memory, of which nobody can take the part of another', async (t) => {
  const world = await engineWorld(t, { maxLiveBytes: 1_000_000, slots: 4 });
  const plan = (bytes: number) => ({ params: { large: 'x'.repeat(bytes) }, steps: [{ ...STEP, name: 'a' }] });
  const [first] = [await submit(world, plan(450_000)), await submit(world, plan(450_000))];
  await t.rejects(submit(world, plan(450_000)), {
    type: 'queue_full',
    message: /of 1000000 \(EXECUTION_PLAN_MEMORY_BYTES\).*cancel one of yours/,
  });
  t.ok(await submit(world, plan(10)), 'a small one fits');
  const bob = { ...LOCAL_CALLER, userId: 'bob' };
  t.ok(await submit(world, plan(300_000), bob), 'another user gets in all the same');
  await t.rejects(submit(world, plan(300_000), bob), refusal('queue_full'), 'with less than an equal part');
  await t.rejects(submit(world, plan(10)), refusal('queue_full'), 'and what is over is over');
  await heard('its step runs', async () => (await view(world, first)).counts.running === 1);
  await world.engine.cancel(LOCAL_CALLER, first, null);
  for (const attempt of [...world.runner.live])
    if ((await world.store.get(null, attempt.start.runId))?.plan?.id === first)
      attempt.end({ cause: 'cancelled', reason: null, process: null });
  await heard('there is room again', () => submit(world, plan(10)).then(Boolean, () => false));
});

t.test(
  'no more steps of a plan wait than its user may have in the queue, and the others come after them',
  async (t) => {
    const quotas = { ...NO_QUOTAS, queued: 3 };
    const world = await engineWorld(t, {
      slots: 1,
      maxQueued: 6,
      deps: { rules: () => accessRules(null, quotas) },
    });
    const steps = Array.from({ length: 9 }, (_, i) => ({ ...STEP, name: `s${i}` }));
    const waiting = () => world.store.queueUse('local').waiting.own;
    const many = { strategy: { type: 'parallel' } as const, steps };
    const ids = [await submit(world, many), await submit(world, { ...many, steps: steps.slice(0, 2) })];
    await heard('as many wait as may', () => waiting() === 3);
    let ended = 0;
    let most = 0;
    world.runner.onRun = (attempt) => {
      most = Math.max(most, waiting());
      attempt.begin();
      attempt.end(EXIT_0);
      ended += 1;
    };
    for (const attempt of [...world.runner.live]) world.runner.onRun(attempt);
    for (const id of ids) t.match(await finished(world, id), { status: 'completed' });
    t.equal(ended, 11);
    t.ok(most <= 3, `${most} waited`);
  },
);

t.test('steps of a plan leave room in the queue for another user', async (t) => {
  const world = await engineWorld(t, { slots: 1, maxQueued: 4 });
  const steps = Array.from({ length: 20 }, (_, i) => ({ ...STEP, name: `s${i}` }));
  const id = await submit(world, { strategy: { type: 'parallel' }, steps });
  await heard('the queue is full', () => world.store.queueUse('local').waiting.own === 4);
  const bob = { ...LOCAL_CALLER, userId: 'bob' };
  const submission = { spec: STEP, trace: null, idempotency: null, rerunOf: null };
  for (let i = 0; i < 2; i++)
    t.match((await world.engine.submit(bob, submission)).execution, { phase: 'queued' });
  t.match(await view(world, id), { counts: { running: 1, pending: 19 } });
});

t.test('the steps of a plan, and of the plans in it, put only so much into the store', async (t) => {
  const world = await engineWorld(t, { slots: 1, maxStepBytes: 100_000 });
  const each = {
    ...STEP,
    name: 'each',
    foreach: { items: [1, 2, 3, 4, 5, 6, 7, 8] },
    continue_on_error: true,
  };
  const literal = { ...each, stdin: 'x'.repeat(15_000) };
  const filled = { ...each, stdin: '${plan.params.big}' };
  for (const step of [literal, filled]) {
    const id = await submit(world, {
      strategy: { type: 'serial' },
      params: { big: 'x'.repeat(15_000) },
      steps: [step, { ...STEP, name: 'after', stdin: 'x'.repeat(15_000) }],
    });
    world.runner.onRun = (attempt) => {
      attempt.begin();
      attempt.end(EXIT_0);
    };
    for (const attempt of [...world.runner.live]) world.runner.onRun(attempt);
    await finished(world, id);
    const { steps } = await view(world, id);
    const loop = await view(world, steps[0]?.executionId as string);
    t.same(loop.counts, { ...loop.counts, completed: 5, failed: 3 });
    t.match(loop.steps.at(-1)?.outcome, {
      cause: 'step_refused',
      message: /may have 100000 together.*EXECUTION_PLAN_STEP_BYTES/,
    });
    t.match(
      steps[1],
      { status: 'failed', outcome: { cause: 'step_refused' } },
      'a plan counts with those in it',
    );
  }
});

t.test('a limit of a plan can be extended while it runs', async (t) => {
  const world = await engineWorld(t);
  const id = await submit(world, { timeouts: { total_ms: 5000 }, steps: [{ ...STEP, name: 'a' }] });
  await running(world, 'a');
  const timeouts = { total_ms: 9000 };
  await world.engine.patch(LOCAL_CALLER, id, { priority: null, timeouts });
  await world.clock.advance(6000);
  t.match(await world.get(id), { phase: 'starting' });
  await world.clock.advance(3000);
  await heard('it is being stopped', () => world.runner.live[0]?.stops.length === 1);
  await endStep(world, 'a', { cause: 'cancelled', reason: null, process: null });
  t.match(await finished(world, id), { outcome: { cause: 'total_timeout', limitMs: 9000 } });
});

t.test('a priority that a plan is given while it runs is that of the steps to come', async (t) => {
  const world = await engineWorld(t);
  const id = await submit(world, {
    priority: 1,
    steps: [
      { ...STEP, name: 'a' },
      { ...STEP, name: 'b', depends_on: ['a'] },
      { ...STEP, name: 'own', depends_on: ['a'], priority: 3 },
    ],
  });
  await running(world, 'a');
  await world.engine.patch(LOCAL_CALLER, id, { priority: 9, timeouts: null });
  await endStep(world, 'a');
  await heard('they are there', async () =>
    (await view(world, id)).steps.every((one) => one.executionId !== null),
  );
  const { steps } = await view(world, id);
  const priorities = await Promise.all(
    steps.map(async (one) => (await world.get(one.executionId ?? '')).priority),
  );
  t.same(priorities, [1, 9, 3]);
});

t.test('a step that is cancelled alone has not come off well, and the plan goes on without it', async (t) => {
  const world = await engineWorld(t);
  const id = await submit(world, {
    steps: [
      { ...STEP, name: 'a' },
      { ...STEP, name: 'after', depends_on: ['a'] },
      { ...STEP, name: 'mend', depends_on: ['a'], run_if: 'failure' },
    ],
  });
  await running(world, 'a');
  const step = (await view(world, id)).steps[0]?.executionId ?? '';
  await world.engine.cancel(LOCAL_CALLER, step, 'no');
  await endStep(world, 'a', { cause: 'cancelled', reason: 'no', process: null });
  await running(world, 'mend');
  await endStep(world, 'mend');
  t.match(await finished(world, id), { status: 'failed', outcome: { failed: 1, steps: ['a'] } });
  t.same(statuses((await view(world, id)).steps), {
    a: 'cancelled',
    after: 'dependency_failed',
    mend: 'completed',
  });
});

const AGAIN = { trace: null, idempotency: null };
const redrive = async (world: EngineWorld, id: string) =>
  (await world.engine.plans.redrive(LOCAL_CALLER, id, AGAIN)).execution.id;

t.test('a redrive whose original is removed meanwhile is refused, or has all of it', async (t) => {
  let callsLeft = Infinity;
  let removed: Promise<unknown> = Promise.resolve();
  let removal: () => Promise<unknown> = () => Promise.resolve();
  const wrap = (store: Store) =>
    new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...given: unknown[]) => {
          // The removal is asked for first, and is done while the call goes on, or before.
          if (callsLeft-- === 0) removed = removal();
          return (value as (...given: unknown[]) => unknown).apply(target, given);
        };
      },
    });
  const world = await engineWorld(t, { wrap });
  const steps = [
    { ...STEP, name: 'a' },
    { ...STEP, name: 'b', depends_on: ['a'] },
  ];
  const ways = new Set<string>();
  for (let calls = 0; calls < 8; calls++) {
    const first = await submit(world, { steps });
    await running(world, 'a');
    await endStep(world, 'a');
    await running(world, 'b');
    await endStep(world, 'b', FAILED);
    await finished(world, first);
    removal = () => {
      callsLeft = Infinity;
      return world.engine.remove(LOCAL_CALLER, first);
    };
    callsLeft = calls;
    const answer = await redrive(world, first).catch((error: unknown) => error as { type: string });
    callsLeft = Infinity;
    await removed;
    if (typeof answer !== 'string') {
      t.match(answer, { type: 'not_found' });
      t.same(await liveSteps(world), []);
      ways.add('refused');
      continue;
    }
    ways.add('taken');
    await running(world, 'b');
    await endStep(world, 'b');
    t.match(await finished(world, answer), { status: 'completed' });
  }
  t.same([...ways].sort(), ['refused', 'taken'], 'both were seen');
});

t.test('no completed round runs again, whatever becomes of its source before the loop begins', async (t) => {
  const dir = tempDir(t);
  const clock = fakeClock();
  const world = await engineWorld(t, { slots: 5, dir, clock });
  const inner = { name: 'in', kind: 'plan', strategy: GRAPH, steps: [{ ...STEP, name: 'x' }] };
  const withY = { ...inner, steps: [...inner.steps, { ...STEP, name: 'y', depends_on: ['x'] }] };
  const steps = [
    { ...STEP, name: 'slow' },
    { ...STEP, name: 'each', depends_on: ['slow'], run_if: 'always', foreach: { items: [1, 2] } },
    { ...withY, depends_on: ['slow'], run_if: 'always' },
  ];
  const first = await submit(world, { steps });
  await running(world, 'slow');
  await endStep(world, 'slow', FAILED);
  await running(world, 'each[0]', 'each[1]', 'x');
  await endStep(world, 'each[0]');
  await endStep(world, 'each[1]', FAILED);
  await endStep(world, 'x');
  await running(world, 'y');
  await endStep(world, 'y', FAILED);
  await finished(world, first);
  // One that is cancelled before its loop begins has what it was to take over all the same.
  const second = await redrive(world, first);
  await running(world, 'slow');
  await world.engine.remove(LOCAL_CALLER, first);
  t.same(statuses((await view(world, second)).steps), { slow: 'running', each: 'pending', in: 'pending' });
  await world.engine.cancel(LOCAL_CALLER, second, null);
  world.runner.live[0]?.end({ cause: 'cancelled', reason: null, process: null });
  await finished(world, second);
  const third = await redrive(world, second);
  await world.engine.remove(LOCAL_CALLER, second);
  await running(world, 'slow');
  await world.engine.close();
  const after = await engineWorld(t, { slots: 5, dir, clock });
  await running(after, 'slow');
  await endStep(after, 'slow');
  await running(after, 'each[1]', 'y');
  await endStep(after, 'each[1]');
  await endStep(after, 'y');
  t.match(await finished(after, third), { status: 'completed' });
});

t.test(
  'of a loop on a condition the completed rounds are taken over, unless the condition ended it',
  async (t) => {
    const world = await engineWorld(t);
    const condition = 'iteration < 3';
    const steps = [{ ...STEP, name: 'w', while: { condition, max_iterations: 3 } }];
    const first = await submit(world, { steps });
    await running(world, 'w[0]');
    await endStep(world, 'w[0]');
    await running(world, 'w[1]');
    await endStep(world, 'w[1]', FAILED);
    await finished(world, first);
    const second = await redrive(world, first);
    for (const round of ['w[1]', 'w[2]']) {
      await running(world, round);
      await endStep(world, round);
    }
    t.match(await finished(world, second), { status: 'completed' });
    const endless = await submit(world, {
      steps: [{ ...STEP, name: 'w', while: { condition: 'true', max_iterations: 1 } }],
    });
    await running(world, 'w[0]');
    await endStep(world, 'w[0]');
    t.match(await finished(world, endless), { status: 'failed' });
    await redrive(world, endless);
    await running(world, 'w[0]');
  },
);

// ------------------------------------------------------------------------------------ random graphs

interface Drawn {
  before: number[][];
  fails: boolean[];
  ignores: boolean[];
  runIf: ('success' | 'failure' | 'always')[];
  /** After so many ends: what happens besides. */
  events: Map<number, 'kill' | 'cancel'>;
  maxLive: number | null;
}

const drawn: fc.Arbitrary<Drawn> = fc
  .record({
    size: fc.integer({ min: 1, max: 200 }),
    seed: fc.infiniteStream(fc.nat()),
    kills: fc.array(fc.integer({ min: 0, max: 120 }), { maxLength: 3 }),
    cancelAt: fc.option(fc.integer({ min: 0, max: 400 })),
    maxLive: fc.option(fc.integer({ min: 1, max: 20 })),
  })
  .map(({ size, seed, kills, cancelAt, maxLive }) => {
    const draw = (n: number) => (seed.next().value as number) % n;
    const steps = Array.from({ length: size }, (_, i) => i);
    return {
      before: steps.map((i) => [...new Set(i === 0 ? [] : Array.from({ length: draw(4) }, () => draw(i)))]),
      fails: steps.map(() => draw(8) === 0),
      ignores: steps.map(() => draw(6) === 0),
      runIf: steps.map(
        () => (['success', 'success', 'success', 'failure', 'always'] as const)[draw(5)] ?? 'success',
      ),
      events: new Map<number, 'kill' | 'cancel'>([
        ...kills.map((at) => [at, 'kill'] as const),
        ...(cancelAt === null ? [] : [[cancelAt, 'cancel'] as const]),
      ]),
      maxLive,
    };
  });

/** What becomes of each step by the documented rule, worked out for itself. */
function expected({ before, fails, ignores, runIf }: Drawn): { status: string; isWell: boolean }[] {
  const ends: { status: string; isWell: boolean }[] = [];
  before.forEach((list, i) => {
    const areWell = list.every((j) => ends[j]?.isWell);
    const isDue = runIf[i] === 'always' || (runIf[i] === 'success') === areWell;
    if (!isDue) ends.push({ status: 'skipped', isWell: runIf[i] === 'failure' });
    else if (fails[i]) ends.push({ status: 'failed', isWell: ignores[i] === true });
    else ends.push({ status: 'completed', isWell: true });
  });
  return ends;
}

const NEVER = new AbortController().signal;

/** Resolves when an attempt is live, or the plan has ended. */
async function happened(world: EngineWorld, id: string): Promise<void> {
  if (world.runner.live.length > 0) return;
  const begun = new Promise<void>((resolve) => (world.runner.onRun = () => resolve()));
  await Promise.race([begun, world.engine.wait(LOCAL_CALLER, id, { until: 'finished' }, 60_000, NEVER)]);
}

async function runDrawn(t: Test, graph: Drawn): Promise<void> {
  const dir = tempDir(t);
  const clock = fakeClock();
  const runs = new Map<string, number>();
  let world = await engineWorld(t, { dir, clock, slots: 8 });
  const id = await submit(world, {
    strategy: { type: 'dependency_graph', max_concurrency: graph.maxLive },
    steps: graph.before.map((list, i) => ({
      ...STEP,
      name: `s${i}`,
      depends_on: list.map((j) => `s${j}`),
      run_if: graph.runIf[i],
      continue_on_error: graph.ignores[i],
    })),
  });
  let ends = 0;
  let isCancelled = false;
  while (!isFinished(await world.get(id))) {
    await happened(world, id);
    const event = graph.events.get(ends);
    graph.events.delete(ends);
    if (event === 'cancel') {
      isCancelled = true;
      await world.engine.cancel(LOCAL_CALLER, id, null).catch(() => undefined);
    }
    if (event === 'kill') {
      await world.engine.close();
      world = await engineWorld(t, { dir, clock, slots: 8 });
      continue;
    }
    const attempt = world.runner.live[ends % Math.max(1, world.runner.live.length)];
    if (attempt === undefined) continue;
    const execution = await world.get(attempt.start.runId);
    const step = Number(execution.plan?.step.slice(1));
    const view = await world.engine.plans.get(LOCAL_CALLER, id);
    const open = graph.before[step]?.filter((j) =>
      ['pending', 'running'].includes(view.steps[j]?.status ?? ''),
    );
    if (open?.length !== 0) throw new Error(`step ${step} runs before ${open?.join()}`);
    const live = view.counts.running;
    if (graph.maxLive !== null && live > graph.maxLive)
      throw new Error(`${live} steps live, of ${graph.maxLive}`);
    attempt.begin();
    const isStopped = attempt.stops.length > 0;
    attempt.end(
      isStopped ? { cause: 'cancelled', reason: null, process: null } : graph.fails[step] ? FAILED : EXIT_0,
    );
    await world.engine.wait(LOCAL_CALLER, execution.id, { until: 'finished' }, 60_000, NEVER);
    runs.set(execution.id, (runs.get(execution.id) ?? 0) + 1);
    ends += 1;
  }
  if ([...runs.values()].some((n) => n !== 1)) throw new Error('a step has ended twice');
  const { plan, steps, counts } = await world.engine.plans.get(LOCAL_CALLER, id);
  if (counts.pending + counts.running > 0) throw new Error('steps were left');
  if (world.runner.live.length > 0) throw new Error('something still runs');
  if (!isCancelled) {
    const rule = expected(graph);
    t.same(
      steps.map(({ status }) => status),
      rule.map(({ status }) => status),
    );
    const hasFailed = rule.some(({ status, isWell }) => status === 'failed' && !isWell);
    t.equal(plan.status, hasFailed ? 'failed' : 'completed');
  } else t.match(plan.status, /^(cancelled|failed|completed)$/);
  await world.engine.close();
}

t.test('random graphs with failures, cancels and kills keep to the rule', async (t) => {
  await fc.assert(
    fc.asyncProperty(drawn, (graph) => runDrawn(t, graph)),
    {
      numRuns: rounds(4),
    },
  );
});
