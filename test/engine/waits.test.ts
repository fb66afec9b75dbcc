import t, { type Test } from 'tap';
import { type Caller, LOCAL_CALLER } from '../../src/domain/spec/access.ts';
import { type Execution, isFinished, resultValue } from '../../src/domain/execution/execution.ts';
import { endOfWait, type Signal } from '../../src/domain/plans/waits.ts';
import type { PlanDraft } from '../../src/domain/spec/plan.ts';
import { payloadProblem, schemaProblem } from '../../src/expressions/payload-schemas.ts';
import { engineWorld, type EngineWorld } from '../helpers/engine-world.ts';
import { heard } from '../helpers/heard.ts';

const HOUR = 3_600_000;
const refusal = (type: string) => ({ type }) as unknown as Error;
const as = (userId: string): Caller => ({ ...LOCAL_CALLER, userId, scopes: new Set(['submit', 'read']) });
const ann = as('ann');
const wait = (name: string, spec: object) => ({ name, kind: 'wait', ...spec });

async function submit(world: EngineWorld, steps: unknown[], type = 'serial'): Promise<string> {
  const plan = { strategy: { type }, steps, outputs: {} } as unknown as PlanDraft;
  const { execution } = await world.engine.plans.submit(ann, plan, { trace: null, idempotency: null });
  return execution.id;
}

async function stepOf(world: EngineWorld, planId: string, step: string): Promise<Execution> {
  let found: Execution | null = null;
  await heard(`${step} is there`, async () => {
    const id = await world.store.stepId(planId, step);
    found = id === null ? null : await world.store.get(null, id);
    return found !== null;
  });
  return found as unknown as Execution;
}

async function ended(world: EngineWorld, id: string): Promise<Execution> {
  await heard('it has ended', async () => {
    const execution = await world.store.get(null, id);
    return execution !== null && isFinished(execution);
  });
  return (await world.store.get(null, id)) as Execution;
}

const valueOf = (execution: Execution) => (isFinished(execution) ? resultValue(execution.result) : undefined);
const send = (world: EngineWorld, id: string, name: string, value: unknown = null, key = name) =>
  world.engine.waits.signal(ann, id, { name, value, id: key });

t.test('when a wait ends, and with what', async (t) => {
  const at = (name: string, by: string, value: unknown = null): Signal => ({
    ...{ subjectId: 'p', id: by, name, value, by, at: 5, takenBy: null },
  });
  const approval = (more: object = {}) => ({ approval: { users: ['bob', 'eve'], ...more } });
  const cases: [string, object, Signal[], number, object | null][] = [
    ['a time that has not come', { until: '1970-01-01T00:00:01Z' }, [], 999, null],
    ['a time', { until: '1970-01-01T00:00:01Z' }, [], 1000, { outcome: { by: 'time' } }],
    ['a delay', { delay_ms: 50 }, [], 150, { outcome: { cause: 'awaited' } }],
    ['no signal', { signal: { name: 'go' } }, [at('stop', 'x')], 1e9, null],
    ['a signal', { signal: { name: 'go' } }, [at('go', 'x', 7)], 0, { value: 7, takes: { id: 'x' } }],
    ['one that was taken', { signal: { name: 'go' } }, [{ ...at('go', 'x'), takenBy: 'y' }], 0, null],
    [
      'a signal too late',
      { signal: { name: 'go', expires_ms: 9 } },
      [],
      109,
      { outcome: { cause: 'wait_expired' } },
    ],
    ['a default', { signal: { name: 'go', expires_ms: 9, default: 3 } }, [], 109, { value: 3 }],
    ['an approval', approval(), [at('approve', 'bob')], 0, { value: { approved: true, expired: false } }],
    ['one of two', approval({ required: 2 }), [at('approve', 'bob')], 0, null],
    [
      'two',
      approval({ required: 2 }),
      [at('approve', 'bob'), at('approve', 'eve')],
      0,
      { outcome: { by: 'approval' } },
    ],
    [
      'a rejection',
      approval({ required: 2 }),
      [at('approve', 'bob'), at('reject', 'eve', 'no')],
      0,
      { outcome: { cause: 'rejected', by: 'eve', comment: 'no' } },
    ],
    [
      'a rejection that comes too late',
      approval(),
      [at('approve', 'bob'), at('reject', 'eve')],
      0,
      { value: { approved: true } },
    ],
    [
      'nobody',
      approval({ expires_ms: 9 }),
      [],
      109,
      { outcome: { cause: 'rejected', by: null }, value: { expired: true } },
    ],
    [
      'nobody, where that approves',
      approval({ expires_ms: 9, on_expiry: 'approve' }),
      [],
      109,
      { outcome: { by: 'default' } },
    ],
  ];
  for (const [what, spec, signals, now, end] of cases) {
    const found = endOfWait({ spec: { kind: 'wait', ...spec }, createdAt: 100 }, signals, now);
    if (end === null) t.equal(found, null, what);
    else t.match(found, end, what);
  }
});

t.test('a schema of a stranger is bounded', async (t) => {
  t.equal(
    schemaProblem({ type: 'object', required: ['v'], properties: { v: { pattern: '^(a+)+$' } } }),
    null,
  );
  t.match(schemaProblem({ $ref: '#' }), /\$ref/);
  t.match(schemaProblem({ items: { uniqueItems: true } }), /uniqueItems/);
  t.match(schemaProblem({ type: 'no' }), /JSON Schema/);
  t.match(schemaProblem({ pattern: '(?=a)' }), /JSON Schema/);
  t.match(schemaProblem({ description: 'x'.repeat(9000) }), /8192 bytes/);
  t.equal(
    payloadProblem({ pattern: '^(a+)+$' }, 'a'.repeat(30_000) + 'b'),
    'the payload must match pattern "^(a+)+$"',
  );
  t.match(payloadProblem({ properties: { v: { type: 'integer' } } }, { v: 'x' }), /^\/v must be integer/);
});

t.test('signals: kept until a step waits, taken once, for all that wait then', async (t) => {
  const world = await engineWorld(t, { slots: 1 });
  const steps = [
    wait('first', { signal: { name: 'go', schema: { type: 'integer' } } }),
    wait('second', { signal: { name: 'go' } }),
    wait('third', { delay_ms: '${steps.second.value * 1000}' }),
  ];
  const id = await submit(world, steps);
  await stepOf(world, id, 'first');
  t.match(await world.engine.explain(ann, (await stepOf(world, id, 'first')).id), {
    waiting: { reason: 'signal', words: /POST \/v1\/plans\/\{id\}\/signals\/go/ },
  });
  await t.rejects(send(world, id, 'no'), refusal('signal_not_awaited'));
  await t.rejects(send(world, id, 'go', 'x'), refusal('validation'));
  await t.rejects(
    world.engine.waits.signal(as('bob'), id, { name: 'go', value: 1, id: 'x' }),
    refusal('not_found'),
  );
  t.equal((await send(world, id, 'go', 1, 'a')).isReplay, false);
  t.equal((await send(world, id, 'go', 1, 'a')).isReplay, true, 'the same key is the same signal');
  await t.rejects(send(world, id, 'go', 2, 'a'), refusal('idempotency_key_reused'));
  t.equal(valueOf(await ended(world, (await stepOf(world, id, 'first')).id)), 1);
  await send(world, id, 'go', 2, 'b');
  await ended(world, (await stepOf(world, id, 'second')).id);
  t.equal(world.runner.live.length, 0, 'a wait holds no slot');
  const third = await stepOf(world, id, 'third');
  t.match(third, { status: 'pending', phase: 'awaiting', spec: { delay_ms: 2000 } });
  await heard('it is counted', async () => (await world.store.counts()).awaiting === 1);
  await world.clock.advance(2000);
  t.match(await ended(world, id), { status: 'completed' });
  await t.rejects(send(world, id, 'go', 1, 'late'), refusal('execution_finished'));
  await heard('nothing is counted', async () => (await world.store.counts()).awaiting === 0);
  const both = await submit(
    world,
    [
      wait('one', { signal: { name: 'go' } }),
      {
        name: 'inner',
        kind: 'plan',
        strategy: { type: 'serial' },
        steps: [wait('two', { signal: { name: 'go' } })],
      },
    ],
    'parallel',
  );
  const inner = await stepOf(world, both, 'inner');
  await stepOf(world, both, 'one');
  await stepOf(world, inner.id, 'two');
  await send(world, inner.id, 'go', 5);
  t.match(await ended(world, both), { status: 'completed' }, 'one signal is enough for all that wait');
});

t.test('what is to wait waits on after a restart; a plan that is cancelled ends its waits', async (t) => {
  const before = await engineWorld(t);
  const id = await submit(
    before,
    [wait('go', { signal: { name: 'go' } }), wait('later', { delay_ms: HOUR })],
    'parallel',
  );
  const cancelled = await submit(before, [wait('never', { signal: { name: 'go' } })]);
  for (const step of ['go', 'later']) await stepOf(before, id, step);
  const never = await stepOf(before, cancelled, 'never');
  await before.engine.cancel(ann, cancelled, 'enough');
  t.match(await ended(before, cancelled), { status: 'cancelled' });
  t.match(await ended(before, never.id), { status: 'cancelled' });
  await before.clock.advance(HOUR / 2);
  // Stored, and the server ends before anything has come of it.
  const signal = { subjectId: id, id: 's', name: 'go', value: 1, by: 'ann', at: 0, takenBy: null };
  await before.engine.close();
  const closed = await engineWorld(t, { dir: before.dir, clock: before.clock, isOpen: false });
  await closed.store.commit([[{ type: 'signal', signal, most: 10 }]]);
  await closed.engine.close();
  const after = await engineWorld(t, { dir: before.dir, clock: before.clock });
  t.match(await ended(after, (await stepOf(after, id, 'go')).id), { status: 'completed' });
  await after.clock.advance(HOUR / 2);
  t.match(await ended(after, id), { status: 'completed' });
  await after.engine.remove(ann, id);
  t.same(await after.store.signals(id), [], 'signals go with their plan');
});

t.test('approvals: who decides, how often, and what comes of it', async (t: Test) => {
  const world = await engineWorld(t);
  const approval = {
    users: ['ann', 'bob', 'eve'],
    required: 2,
    four_eyes: true,
    message: 'ship ${plan.id}?',
    expires_ms: HOUR,
  };
  const id = await submit(world, [
    wait('ok', { approval }),
    wait('then', { delay_ms: '${size(steps.ok.value.decisions)}' }),
  ]);
  const ok = await stepOf(world, id, 'ok');
  const decide = (user: string, decision: 'approve' | 'reject', step = 'ok') =>
    world.engine.waits.decide(as(user), id, step, { decision, comment: null });
  t.match(await world.engine.waits.approval(as('bob'), id, 'ok'), { approval: { message: `ship ${id}?` } });
  await heard('it is among those that bob can decide', async () =>
    (await world.engine.waits.open(as('bob'))).some(({ wait: { id: one } }) => one === ok.id),
  );
  t.equal((await world.engine.waits.open(ann)).length, 0, 'her own plan is not hers to decide');
  await t.rejects(decide('ann', 'approve'), refusal('not_an_approver'));
  await t.rejects(decide('mallory', 'approve'), refusal('approval_not_found'));
  await t.rejects(decide('bob', 'approve', 'then'), refusal('approval_not_found'));
  await decide('bob', 'approve');
  await decide('bob', 'approve');
  await t.rejects(decide('bob', 'reject'), refusal('already_decided'));
  t.equal((await world.store.get(null, ok.id))?.phase, 'awaiting', 'one is not enough');
  t.equal((await world.engine.waits.open(as('bob'))).length, 0);
  await decide('eve', 'approve');
  t.match(valueOf(await ended(world, ok.id)), {
    approved: true,
    decisions: [{ user: 'bob' }, { user: 'eve' }],
  });
  await world.clock.advance(2);
  t.match(await ended(world, id), { status: 'completed' });
  await t.rejects(
    world.engine.waits.decide({ ...as('root'), scopes: new Set(['admin']) }, id, 'ok', {
      decision: 'reject',
      comment: null,
    }),
    refusal('wait_over'),
  );
  const late = await submit(world, [wait('ok', { approval: { expires_ms: 1000 } })]);
  const waits = await stepOf(world, late, 'ok');
  await world.clock.advance(1000);
  t.match(await ended(world, waits.id), { status: 'failed', outcome: { cause: 'rejected', by: null } });
  t.match(await ended(world, late), { status: 'failed', outcome: { cause: 'steps_ended' } });
});
