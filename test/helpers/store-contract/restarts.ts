// What is there after a restart, and who holds what.
import type { Test } from 'tap';
import type { Execution } from '../../../src/domain/execution/execution.ts';
import type { Group } from '../../../src/domain/ports/group.ts';
import { accept, newExecution, settle } from '../records.ts';
import {
  type MakeWorld,
  CLAIM,
  applied,
  one,
  given,
  claim,
  givenRunning,
  get,
  cancel,
  progress,
} from './given.ts';

export function restarts(t: Test, makeWorld: MakeWorld): void {
  t.test(
    'everything is there after a restart, and every restart is an epoch of the same store',
    async (t) => {
      const { store, reopen } = await makeWorld(t);
      const [queued] = (await given(store, newExecution({ priority: 2 }))) as [string];
      const running = await givenRunning(store);
      const done = await givenRunning(store);
      applied(await one(store, [settle(done, 1)]));
      applied(await one(store, [progress(running, 1, 42)]));
      const before = await Promise.all([queued, done].map((id) => get(store, id)));
      const again = await reopen();
      t.same(await Promise.all([queued, done].map((id) => get(again, id))), before);
      t.match((await get(again, running)).attempts, [{ startedAt: 2050, output: { stdoutBytes: 42 } }]);
      t.match(await again.counts(), { pending: 1, running: 1, finished: { completed: 1 } });
      t.equal(await again.queuePosition(queued), 0);
    },
  );

  t.test(
    'claims of earlier epochs without an end are found as interrupted, those of this one are not',
    async (t) => {
      const { store, reopen } = await makeWorld(t);
      const running = await givenRunning(store);
      const canceling = await givenRunning(store);
      applied(await one(store, [cancel(canceling)]));
      await given(store, newExecution());
      t.same(await store.interrupted(), []);
      const again = await reopen();
      await claim(again);
      const interrupted = await again.interrupted();
      t.same(
        interrupted.map(({ execution, attempt, isOtherBoot, wasStopped }) => [
          ...[execution.id, attempt.number, isOtherBoot, wasStopped],
        ]),
        [
          [running, 1, false, false],
          [canceling, 1, false, false],
        ],
      );
      applied(await one(again, [{ type: 'stop_asked' }]));
      await again.close();
      const last = await reopen();
      const ofTheStopped = (await last.interrupted()).filter(({ wasStopped }) => wasStopped);
      t.equal(ofTheStopped.length, 1, 'only what the server that was asked to stop had claimed');
    },
  );
}

export function leases(t: Test, makeWorld: MakeWorld): void {
  t.test('what a replica holds is its own until its lease is over, and what it drives, too', async (t) => {
    const { store, clock } = await makeWorld(t);
    const { epoch: first } = await store.open({ name: 'a', leaseMs: 1000 });
    const { epoch: second, mark } = await store.open({ name: 'b', leaseMs: 1000 });
    t.match(mark, /\.b$/);
    const [mine] = await store.commit([[accept(newExecution(), { claim: CLAIM })]], first);
    const { id, attempts } = applied(mine)[0] as Execution;
    t.equal(attempts[0]?.epoch, first);
    const plan = newExecution({ spec: { kind: 'plan' } as never, work: { kind: 'plan' } as never });
    await store.commit([[accept(plan)]], first);
    const drive: Group = [{ type: 'drive', planId: plan.id }];
    const beat: Group = [{ type: 'beat', leaseMs: 1000 }];
    const seen = async (by: number) => [
      (await store.interrupted(by)).map(({ execution, isOwn }) => [execution.id, isOwn]),
      (await store.livePlans(by)).map((one) => one.id),
    ];
    clock.now += 900;
    t.match(await store.commit([beat], first), [{ status: 'applied' }]);
    clock.now += 900;
    t.same(await seen(second), [[], []]);
    t.match(await store.commit([drive], second), [{ status: 'stale' }]);
    t.match(await store.commit([beat], second), [{ status: 'stale' }], 'it has been silent for too long');
    const named = (await store.replicas()).filter(({ name }) => name !== 'only');
    const none = { count: 0, runs: [] };
    t.match(named, [
      { name: 'a', epoch: first, until: Number, running: { process: { count: 1, runs: [id] }, http: none } },
    ]);
    t.equal(named.length, 1, 'the one whose lease is over is not there');
    const { epoch: third } = await store.open({ name: 'b', leaseMs: 1000 });
    t.same(
      [await store.leads(first), await store.leads(third)],
      [false, false],
      'the one without a lease does',
    );
    clock.now += 100;
    t.same(await seen(third), [[[id, false]], [plan.id]]);
    t.match(await store.commit([drive, drive], third), [{ status: 'applied' }, { status: 'applied' }]);
    t.same(await seen(first), [[], []], 'what is own, and what another one drives, is not taken over');
    const { epoch: again } = await store.open({ name: 'a', leaseMs: 1000 });
    t.same(await seen(again), [[[id, true]], []], 'after its restart it knows its own');
    applied(await one(store, [settle(id, 1)]));
    t.same(await seen(again), [[], []]);
  });
}
