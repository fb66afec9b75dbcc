// What starts later, and what is done to others with the same concurrency key.
import type { Test } from 'tap';
import type { Outcome } from '../../../src/domain/outcome.ts';
import type { Spec } from '../../../src/domain/spec/spec.ts';
import { accept, newExecution, settle } from '../records.ts';
import { type MakeWorld, CLAIM, applied, one, given, claim, cancel } from './given.ts';

export function delays(t: Test, makeWorld: MakeWorld): void {
  const due = (executionId: string) => ({ type: 'due', executionId, attempt: 0, at: 9000 }) as const;

  t.test(
    'what is to start later waits outside of the queue until it is due, also over a restart',
    async (t) => {
      const world = await makeWorld(t);
      const [later, sooner] = [newExecution({ startAt: 9000 }), newExecution({ startAt: 8000 })];
      const [accepted] = applied(await one(world.store, [accept(later, { claim: CLAIM })]));
      t.match(accepted, { status: 'pending', phase: 'scheduled', startAt: 9000, attempts: [] });
      await given(world.store, sooner, newExecution({ userId: 'bob', startAt: 9500 }));
      const store = await world.reopen();
      t.match(await store.counts(), { pending: 3, delayed: 3, running: 0 });
      t.match(store.queueUse('ann').waiting, { own: 2, total: 3, users: 2 });
      t.same(await claim(store), []);
      t.equal(await store.nextStart(), 8000);
      const [first, second, ...none] = await store.dueStarts(9000, null, 10);
      t.same([first?.id, second?.id, none], [sooner.id, later.id, []], 'the earliest first');
      t.same(await store.dueStarts(9000, first ?? null, 1), [second]);
      t.match(applied(await one(store, [due(later.id)])), [{ phase: 'queued', startAt: 9000 }]);
      t.match(await one(store, [due(later.id)]), { status: 'refused', reason: 'illegal' }, 'only once');
      t.match(await claim(store), [{ id: later.id, phase: 'starting', startAt: 9000 }]);
      t.match(applied(await one(store, [cancel(sooner.id)])), [{ status: 'cancelled', startAt: 8000 }]);
      t.equal(await store.nextStart(), 9500);
      const types = (await store.events(null, later.id, 0)).map(({ type }) => type);
      t.same(types, ['accepted', 'queued', 'started']);
    },
  );

  t.test('a plan that is to start later counts as waiting until it begins, or is cancelled', async (t) => {
    const { store } = await makeWorld(t);
    const spec = { kind: 'plan', strategy: { type: 'serial' }, steps: [] } as unknown as Spec;
    const [plan, other] = [newExecution({ spec, startAt: 9000 }), newExecution({ spec, startAt: 9000 })];
    await given(store, plan, other);
    t.equal(store.queueUse('ann').waiting.own, 2);
    t.same(await store.livePlans(), []);
    t.match(applied(await one(store, [cancel(other.id)])), [{ status: 'cancelled', phase: 'done' }]);
    t.match(applied(await one(store, [due(plan.id)])), [{ status: 'running', phase: 'starting' }]);
    t.equal(store.queueUse('ann').waiting.own, 0);
    t.same(
      (await store.livePlans()).map(({ id }) => id),
      [plan.id],
    );
  });
}

export function conflicts(t: Test, makeWorld: MakeWorld): void {
  const concurrency = { key: 'user:ann:deploy', limit: 1 };
  const keyed = (more: Parameters<typeof newExecution>[0] = {}) => newExecution({ concurrency, ...more });

  t.test('with a concurrency key, others are refused, cancelled or replaced, as is asked for', async (t) => {
    const world = await makeWorld(t);
    const [running, waiting, later] = [keyed(), keyed(), keyed({ startAt: 9e12 })];
    applied(await one(world.store, [accept(running, { claim: CLAIM })]));
    await given(world.store, waiting, later);
    const store = await world.reopen();
    t.match(await one(store, [accept(keyed(), { conflict: 'reject' })]), {
      status: 'refused',
      reason: 'key_busy',
    });
    const other = keyed({ userId: 'bob', concurrency: { key: 'user:bob:deploy', limit: 1 } });
    applied(await one(store, [accept(other, { conflict: 'reject' })]));
    const debounced = keyed({ startAt: 9e12 });
    t.match(
      applied(await one(store, [accept(debounced, { conflict: 'debounce' })])).map(({ id, phase }) => [
        id,
        phase,
      ]),
      [
        [later.id, 'done'],
        [debounced.id, 'scheduled'],
      ],
    );
    const newest = keyed();
    const replaced = applied(await one(store, [accept(newest, { conflict: 'replace_queued' })]));
    t.same(
      replaced.map(({ id, status }) => [id, status]),
      [
        [waiting.id, 'cancelled'],
        [debounced.id, 'cancelled'],
        [newest.id, 'pending'],
      ],
    );
    const urgent = keyed();
    const stopped = applied(await one(store, [accept(urgent, { conflict: 'cancel_running' })]));
    t.same(
      stopped.map(({ id, phase }) => [id, phase]),
      [
        [running.id, 'canceling'],
        [urgent.id, 'queued'],
      ],
    );
    const cancelled: Outcome = { cause: 'cancelled', reason: null, process: null };
    applied(await one(store, [settle(running.id, 1, { outcome: cancelled })]));
    t.same(
      (await claim(store, 5)).map(({ id }) => id),
      [newest.id, other.id],
      'one with each key',
    );
  });
}
