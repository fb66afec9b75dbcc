// What is kept of plans, by whatever they were, and what another one takes over.
import type { Test } from 'tap';
import type { Outcome } from '../../../src/domain/outcome.ts';
import { accept, EXIT_0, newExecution, NO_AGE, settle } from '../records.ts';
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

export function keptPlans(t: Test, makeWorld: MakeWorld): void {
  t.test('a plan is kept as its worst step is, also of a plan in it', async (t) => {
    const { store, clock } = await makeWorld(t);
    const plans: string[] = [];
    const given = async (begin: (id: string) => Promise<unknown>, outcome: Outcome = DONE) => {
      clock.now = 1000;
      const id = await givenPlan(store);
      await begin(id);
      clock.now = 5000 + plans.length;
      await applied(store, settle(id, 0, { outcome, result: null }));
      plans.push(id);
    };
    const failing = async (planId: string) => {
      const record = stepRecord(planId, 'a');
      await applied(store, accept(record, { claim: CLAIM }));
      await applied(
        store,
        settle(record.id, 1, { outcome: { ...EXIT_0, exitCode: 1 } as Outcome, result: null }),
      );
    };
    await given((id) => givenDone(store, id, 'a'));
    await given(failing);
    await given(async (id) => {
      const inner = planRecord({ plan: { id, step: 'inner' } });
      await applied(store, accept(inner));
      await failing(inner.id);
      await applied(store, ended(inner.id));
    });
    const refused = { step: 's', status: 'failed', reason: null, outcome: TOO_LONG } as const;
    await given((id) => applied(store, mark(id, refused)));
    await given((id) => applied(store, mark(id, skipped('s'))));
    await given(async () => undefined, { ...DONE, failed: 1, steps: ['a'] } as Outcome);
    const expired = async (failedBefore: number, limit = 10) =>
      (await store.expired({ finishedBefore: 9000, failedBefore }, 100, limit)).map(({ id }) =>
        plans.indexOf(id),
      );
    t.same(await expired(5000), [0, 4], 'those in which nothing failed');
    t.same(await expired(5000, 1), [0]);
    t.same(await expired(5003), [0, 1, 2, 4]);
    t.same(
      (await expired(5006)).toSorted((a, b) => a - b),
      [0, 1, 2, 3, 4, 5],
    );
  });

  t.test(
    'only whole plans expire and are counted, and with one all that belongs to it is gone',
    async (t) => {
      const { store, clock } = await makeWorld(t);
      const id = await givenPlan(store, { labels: { of: 'plan' } });
      const inner = planRecord({ plan: { id, step: 'inner' } });
      await applied(store, accept(inner));
      const leaf = await givenDone(store, inner.id, 'leaf', { labels: { of: 'leaf' } });
      await applied(store, mark(inner.id, skipped('s')));
      t.match(await one(store, [{ type: 'remove', userId: null, executionId: leaf }]), {
        reason: 'step_of_plan',
      });
      t.same(
        await store.expired({ finishedBefore: 1e15, failedBefore: 1e15 }, 0, 10),
        [],
        'the step has finished, the plan has not',
      );
      await applied(store, ended(inner.id));
      t.match(await one(store, [{ type: 'remove', userId: 'ann', executionId: id }]), { reason: 'illegal' });
      await applied(store, ended(id));
      const alone = newExecution();
      clock.now = 9000;
      await applied(store, accept(alone, { claim: CLAIM }), settle(alone.id, 1));
      t.match(await store.counts(), { finished: { completed: 4 }, finishedSteps: 2 });
      t.same(await store.expired(NO_AGE, 1, 10), [{ id, kind: 'plan' }], 'two are kept, and one may be');
      t.same(await store.expired(NO_AGE, 2, 10), []);
      t.match(await one(store, [{ type: 'remove', userId: 'bob', executionId: id }]), {
        reason: 'not_found',
      });
      const gone = await applied(store, { type: 'remove', userId: 'ann', executionId: id });
      t.same(new Set(gone.map((one) => one.id)), new Set([id, inner.id, leaf]), 'its logs are to follow');
      for (const one of [id, inner.id, leaf]) {
        t.equal(await store.get(null, one), null);
        t.same(await store.steps(one), []);
        t.same(await store.events(null, one, 0), []);
      }
      t.same(await store.missing([leaf]), [leaf]);
      t.same(
        (await store.list({ userId: null, label: [{ name: 'of', value: 'leaf' }] }, 10, null)).executions,
        [],
      );
      t.match(await store.counts(), { finished: { completed: 1 }, finishedSteps: 0, running: 0 });
    },
  );

  t.test(
    'a plan takes over finished steps with all that belongs to them, and they outlive their source',
    async (t) => {
      const { store, reopen } = await makeWorld(t);
      const first = await givenPlan(store);
      const a = await givenDone(store, first, 'a', { labels: { x: 'y' } });
      const inner = planRecord({ plan: { id: first, step: 'inner' } });
      await applied(store, accept(inner));
      const leaf = await givenDone(store, inner.id, 'leaf');
      await applied(store, mark(inner.id, skipped('s')));
      await applied(store, ended(inner.id));
      const live = stepRecord(first, 'live');
      await applied(store, accept(live));
      const second = planRecord({ redriveOf: first });
      const [copyOfA, copyOfInner, copyOfLeaf] = [newExecution().id, newExecution().id, newExecution().id];
      const [aside, third] = [newExecution().id, planRecord({ redriveOf: first })];
      const copies = [
        { source: a, id: copyOfA, planId: second.id, step: null },
        { source: inner.id, id: copyOfInner, planId: second.id, step: null },
        { source: leaf, id: copyOfLeaf, planId: copyOfInner, step: null },
      ];
      const keep = { type: 'keep_steps', of: first, copies } as const;
      for (const gone of [newExecution().id, live.id]) {
        const none = { source: gone, id: newExecution().id, planId: second.id, step: null };
        const refused = await one(store, [accept(second), { ...keep, copies: [...copies, none] }]);
        t.match(refused, { reason: 'not_found' }, 'what is gone, or lives, is taken over by nobody');
      }
      t.match(await one(store, [accept(second), { ...keep, of: newExecution().id, copies: [] }]), {
        reason: 'not_found',
      });
      await applied(store, accept(second), keep);
      t.same(await statuses(store, second.id), { a: 'completed', inner: 'completed' });
      const setAside = { source: inner.id, id: aside, planId: third.id, step: 'inner~kept' };
      const leafAside = { source: leaf, id: newExecution().id, planId: aside, step: null };
      await applied(store, accept(third), { ...keep, copies: [setAside, leafAside] });
      t.same(await statuses(store, third.id), {}, 'what is set aside is no step');
      t.same(await store.stepCounts(third.id), {});
      t.equal(await store.stepId(third.id, 'inner~kept'), aside);
      t.equal(await store.stepId(third.id, 'inner'), null);
      const goesOn = planRecord({ plan: { id: third.id, step: 'inner' }, redriveOf: aside });
      const move = { source: leafAside.id, id: leafAside.id, planId: goesOn.id, step: null };
      await applied(store, accept(goesOn), { ...keep, of: aside, copies: [move] });
      t.same(await statuses(store, goesOn.id), { leaf: 'completed' }, 'it is given on');
      t.same(await statuses(store, aside), { s: 'skipped' });
      t.match(await store.get('ann', leafAside.id), { plan: { id: goesOn.id }, keptFrom: leaf });
      for (const id of [goesOn.id, third.id]) await applied(store, ended(id));
      await applied(store, { type: 'remove', userId: null, executionId: third.id });
      for (const id of [aside, leafAside.id, goesOn.id]) t.equal(await store.get(null, id), null);
      t.same(await statuses(store, copyOfInner), { leaf: 'completed', s: 'skipped' });
      t.match(await store.steps(second.id), [
        { step: 'a', executionId: copyOfA, keptFrom: a, attempts: 1 },
        {},
      ]);
      t.match(await one(store, [accept(stepRecord(second.id, 'a'))]), { reason: 'step_exists' });
      t.match(await store.counts(), { finished: { completed: 6 }, finishedSteps: 6 });
      await applied(store, stop(first));
      await applied(store, ended(first));
      await applied(store, { type: 'remove', userId: null, executionId: first });
      const again = await reopen();
      t.match(await again.get('ann', copyOfA), {
        status: 'completed',
        keptFrom: a,
        attempts: [{ number: 1 }],
        labels: { x: 'y' },
      });
      t.same(await again.missing([a]), [], 'its log stays with it');
      t.match(
        (await again.list({ userId: 'ann', label: [{ name: 'x', value: 'y' }] }, 10, null)).executions,
        [{ id: copyOfA }],
      );
      await applied(again, ended(second.id));
      await applied(again, { type: 'remove', userId: null, executionId: second.id });
      t.same(await again.missing([a]), [a]);
      t.match(await again.counts(), { finished: { completed: 0, cancelled: 0 }, finishedSteps: 0 });
    },
  );

  t.test('a step can be cancelled and changed alone; a plan can be given more time', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenPlan(store);
    const waiting = stepRecord(id, 'a');
    await applied(store, accept(waiting));
    const patch = { type: 'patch', userId: 'ann', revision: 1 } as const;
    const timeouts = { queueMs: null, attemptMs: 1, totalMs: 99, idleMs: null };
    await applied(store, { ...patch, executionId: waiting.id, priority: 7, timeouts: null });
    await applied(store, { ...patch, executionId: id, priority: null, timeouts });
    t.match(await store.get(null, id), { timeouts: { totalMs: 99 }, spec: SPEC });
    await applied(store, { type: 'cancel', userId: 'ann', executionId: waiting.id, reason: 'no' });
    t.same(await statuses(store, id), { a: 'cancelled' });
    t.match(await store.get(null, id), { phase: 'starting' }, 'which is none of the plan');
  });
}
