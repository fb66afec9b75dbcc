// A plan and its steps, from its acceptance to its end.
import type { Test } from 'tap';
import type { Outcome } from '../../../src/domain/outcome.ts';
import type { StepMark } from '../../../src/domain/ports/group.ts';
import { accept, newExecution } from '../records.ts';
import { type MakeWorld, CLAIM, one } from './given.ts';
import {
  SPEC,
  DONE,
  TOO_LONG,
  planRecord,
  stepRecord,
  stop,
  mark,
  skipped,
  ended,
  applied,
  givenPlan,
  givenDone,
  statuses,
} from './given-plans.ts';

export function plans(t: Test, makeWorld: MakeWorld): void {
  t.test('a plan lives from its acceptance, in no queue, and is found live until it has ended', async (t) => {
    const { store, reopen } = await makeWorld(t);
    const id = await givenPlan(store);
    t.match(await store.get('ann', id), {
      status: 'running',
      phase: 'starting',
      attempts: [],
      decided: null,
    });
    t.equal(await store.queuePosition(id), null);
    t.same(await store.interrupted(), [], 'and is no attempt that could be interrupted');
    t.same(
      (await store.livePlans()).map((plan) => plan.id),
      [id],
    );
    const again = await reopen();
    t.match(await again.livePlans(), [{ id, spec: SPEC }]);
    t.same(await again.interrupted(), []);
    await applied(again, ended(id));
    t.same(await again.livePlans(), []);
    t.match(await again.get('ann', id), { status: 'completed', outcome: DONE });
    t.same(await one(again, [ended(id)]), { status: 'stale' }, 'once');
  });

  t.test('a live plan takes each step once, one that ends or has ended takes none', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenPlan(store);
    await applied(store, accept(stepRecord(id, 'a'), { claim: CLAIM }));
    const refused = async (planId: string, step: string, reason: string) =>
      t.match(await one(store, [accept(stepRecord(planId, step))]), { status: 'refused', reason });
    await refused(id, 'a', 'step_exists');
    await refused(newExecution().id, 'a', 'plan_closed');
    const other = await givenPlan(store);
    await applied(store, accept(stepRecord(other, 'a')));
    await applied(store, stop(id));
    await refused(id, 'b', 'plan_closed');
    await applied(store, ended(other));
    await refused(other, 'b', 'plan_closed');
    t.match(await store.counts(), { running: 2 }, 'what was refused is not counted');
  });

  t.test(
    'stopping a plan decides its end, ends what waits and marks what runs, also in plans in it',
    async (t) => {
      const { store, reopen } = await makeWorld(t);
      const id = await givenPlan(store);
      const inner = planRecord({ plan: { id, step: 'inner' } });
      await applied(store, accept(inner));
      const [running, waiting] = [stepRecord(id, 'runs'), stepRecord(inner.id, 'waits')];
      await applied(store, accept(running, { claim: CLAIM }));
      await applied(store, accept(waiting));
      const done = await givenDone(store, id, 'done');
      const touched = await applied(store, stop(id));
      t.same(new Set(touched.map((one) => one.id)), new Set([id, inner.id, running.id, waiting.id]));
      t.match(await store.get(null, id), {
        phase: 'canceling',
        status: 'running',
        decided: TOO_LONG,
        cancel: null,
      });
      t.match(await store.get(null, inner.id), { phase: 'canceling', decided: { cause: 'cancelled' } });
      t.match(await store.get(null, running.id), { phase: 'canceling' });
      t.match(await store.get(null, waiting.id), { phase: 'done', status: 'cancelled' });
      t.match(await store.get(null, done), { status: 'completed' });
      t.match(await one(store, [stop(id)]), { status: 'refused', reason: 'illegal' }, 'the first decides');
      t.same(await one(store, [stop(newExecution().id)]), { status: 'stale' });
      const again = await reopen();
      t.match(await again.livePlans(), [
        { id, decided: TOO_LONG },
        { id: inner.id, decided: { cause: 'cancelled' } },
      ]);
    },
  );

  t.test('steps that end without an execution are marked once, while the plan lives', async (t) => {
    const { store, reopen } = await makeWorld(t);
    const id = await givenPlan(store);
    const outcome: Outcome = { cause: 'step_refused', message: 'no' };
    const failed: StepMark = { step: 'f', status: 'failed', reason: null, outcome };
    const [plan] = await applied(store, mark(id, skipped('s'), failed));
    await applied(store, mark(id, { step: 's', status: 'skipped', reason: 'stopped', outcome: null }));
    const steps = [
      { step: 'f', executionId: null, kind: null, phase: 'done', status: 'failed', outcome, attempts: 0 },
      { step: 's', status: 'skipped', skipReason: 'dependency_failed', outcome: null, finishedAt: 1000 },
    ];
    t.match(
      (await store.steps(id)).sort((a, b) => (a.step < b.step ? -1 : 1)),
      steps,
    );
    const events = await store.events(null, id, 0);
    t.match(
      events.filter(({ step }) => step !== null).slice(0, 2),
      [
        { type: 'skipped', step: 's' },
        { type: 'status_changed', step: 'f' },
      ],
      'and the plan tells of them',
    );
    t.equal(plan?.revision, 2);
    await applied(store, stop(id));
    await applied(store, mark(id, skipped('t')));
    await applied(store, ended(id));
    t.same(await one(store, [mark(id, skipped('late'))]), { status: 'stale' });
    t.same(await statuses(await reopen(), id), { f: 'failed', s: 'skipped', t: 'skipped' });
  });

  t.test('steps are told in the order of their beginning, with how they stand, and counted', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenPlan(store);
    const done = await givenDone(store, id, 'z');
    const running = stepRecord(id, 'a');
    await applied(store, accept(running, { claim: CLAIM }));
    await applied(store, accept(planRecord({ plan: { id, step: 'inner' } })));
    await applied(store, accept(stepRecord(id, 'toString')));
    await applied(store, mark(id, skipped('m'), skipped('__proto__')));
    t.match(await store.steps(id), [
      {
        step: 'z',
        executionId: done,
        kind: 'exec',
        status: 'completed',
        attempts: 1,
        startedAt: 2100,
        finishedAt: 1000,
      },
      {
        step: 'a',
        executionId: running.id,
        status: 'running',
        phase: 'starting',
        outcome: null,
        finishedAt: null,
      },
      { step: 'inner', kind: 'plan', status: 'running', attempts: 0 },
      { step: 'toString', status: 'pending', phase: 'queued' },
      { status: 'skipped' },
      { status: 'skipped' },
    ]);
    t.same(await store.stepCounts(id), { completed: 1, running: 2, pending: 1, skipped: 2 });
    t.same(await store.stepCounts(running.id), {}, 'what is no plan has none');
    t.same(await store.steps(newExecution().id), []);
  });

  t.test('lists can be of the steps of one plan, of one name, or of what is no step', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenPlan(store);
    const a = await givenDone(store, id, 'a');
    const b = await givenDone(store, id, 'b');
    const inner = planRecord({ plan: { id, step: 'inner' } });
    await applied(store, accept(inner));
    const alone = newExecution();
    await applied(store, accept(alone));
    const ids = async (filter: object) =>
      new Set((await store.list({ userId: 'ann', ...filter }, 10, null)).executions.map((one) => one.id));
    t.same(await ids({ planId: id }), new Set([a, b, inner.id]));
    t.same(await ids({ planId: id, step: 'b' }), new Set([b]));
    t.same(await ids({ isRoot: true }), new Set([id, alone.id]));
    t.same(await ids({ isRoot: true, kind: ['plan'] }), new Set([id]));
    t.same(await ids({ kind: ['plan'] }), new Set([id, inner.id]));
    t.same((await store.list({ userId: 'bob', planId: id }, 10, null)).executions, []);
  });
}
