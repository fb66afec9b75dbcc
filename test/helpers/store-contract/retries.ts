// Attempts that failed, and those after them.
import type { Test } from 'tap';
import type { Outcome } from '../../../src/domain/outcome.ts';
import type { PoolKey } from '../../../src/domain/pools.ts';
import type { Spec, Work } from '../../../src/domain/spec/spec.ts';
import { END, EXIT_0, newExecution } from '../records.ts';
import { type MakeWorld, CLAIM, applied, one, given, claim, givenRunning, get, cancel } from './given.ts';

export function retries(t: Test, makeWorld: MakeWorld): void {
  const failed: Outcome = { ...EXIT_0, cause: 'exited', exitCode: 3 } as Outcome;
  const retry = (executionId: string, attempt: number, waitMs = 6000) =>
    ({ type: 'retry', executionId, attempt, outcome: failed, end: END, waitMs }) as const;
  const due = (executionId: string, attempt: number) => ({ type: 'due', executionId, attempt }) as const;

  t.test('a failed attempt is kept, waits for its backoff and is claimed anew', async (t) => {
    const { store, clock } = await makeWorld(t);
    const id = await givenRunning(store);
    clock.now = 3000;
    const [waiting] = applied(await one(store, [retry(id, 1)]));
    t.match(waiting, { status: 'pending', phase: 'scheduled_retry', retryAt: 9000 });
    t.match(waiting?.attempts, [{ number: 1, outcome: failed, endedAt: END.endedAt }]);
    t.match(await store.counts(), { pending: 1, scheduledRetry: 1, running: 0 });
    t.same(store.stats().queued, { process: 0, http: 0 });
    t.same(await claim(store), [], 'it is not in the queue');
    t.equal(await store.queuePosition(id), null);
    t.match(await get(store, id), waiting);
    t.same(
      (await store.pendingToFollow()).map((execution) => execution.id),
      [id],
    );
    clock.now = 9000;
    t.match(applied(await one(store, [due(id, 1)])), [{ phase: 'queued', queuedAt: 9000 }]);
    t.match(await claim(store), [
      { id, phase: 'starting', attempts: [{ number: 1 }, { number: 2, outcome: null }] },
    ]);
    t.same(
      (await store.events(null, id, 0)).map(({ type }) => type),
      ['accepted', 'started', 'retry_scheduled', 'queued', 'started'],
    );
  });

  t.test('a retry that comes late changes nothing', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenRunning(store);
    t.equal((await one(store, [retry(id, 2)])).status, 'stale');
    applied(await one(store, [retry(id, 1)]));
    t.equal((await one(store, [due(id, 0)])).status, 'stale');
    applied(await one(store, [due(id, 1)]));
    t.match(await one(store, [due(id, 1)]), { status: 'refused', reason: 'illegal' });
    t.equal((await one(store, [due('01900000-0000-7000-8000-000000000000', 1)])).status, 'stale');
  });

  t.test(
    'who is being cancelled is not made again; who waits for a backoff is cancelled at once',
    async (t) => {
      const { store } = await makeWorld(t);
      const id = await givenRunning(store);
      applied(await one(store, [cancel(id)]));
      t.match(await one(store, [retry(id, 1)]), { status: 'refused', reason: 'illegal' });
      const other = await givenRunning(store);
      applied(await one(store, [retry(other, 1)]));
      t.match(applied(await one(store, [cancel(other)])), [{ status: 'cancelled', phase: 'done' }]);
      t.equal((await one(store, [due(other, 1)])).status, 'stale');
      t.match(await store.counts(), { scheduledRetry: 0, pending: 0 });
    },
  );

  t.test('what waits for a pool is claimed for that pool only, and counted apart', async (t) => {
    const { store, reopen } = await makeWorld(t);
    const of = (pool: string | undefined) =>
      newExecution({ spec: { kind: 'exec', program: 'true', pool } as Spec });
    const ids = await given(store, of('gpu'), of(undefined), of('gpu'), of('arm'));
    t.same(store.stats().queued, { process: 1, http: 0, 'process:gpu': 2, 'process:arm': 1 });
    t.match(await store.counts(), { pending: 4 });
    t.equal(await store.queuePosition(ids[2] as string), 1, 'behind the other one of its pool only');
    t.match(await claim(store, 9), [{ id: ids[1] }]);
    t.same(await claim(store, 9), [], 'others wait for other pools');
    const from = (...pools: PoolKey[]) => one(store, [{ type: 'claim_next', pools, limit: 1, claim: CLAIM }]);
    t.match(applied(await from('process:gpu')), [{ id: ids[0], attempts: [{ number: 1 }] }]);
    t.match(applied(await one(store, [cancel(ids[3] as string)])), [{ phase: 'done' }]);
    t.same(store.stats().queued, { process: 0, http: 0, 'process:gpu': 1 });
    t.match(await store.replicas(), [{ running: { process: { count: 2, runs: [ids[0], ids[1]] } } }]);
    const again = await reopen();
    t.match(again.stats().queued, { 'process:gpu': 1 }, 'counted again after a restart');
    const part = { type: 'claim_next', pools: ['process', 'process:gpu'], limit: 2, claim: CLAIM } as const;
    t.match(applied(await one(again, [part])), [{ id: ids[2] }]);
  });

  t.test('each slot kind has a queue of its own', async (t) => {
    const { store } = await makeWorld(t);
    const call: Spec = { kind: 'http', url: 'http://example.com/' };
    const [command, request] = (await given(store, newExecution(), newExecution({ spec: call }))) as [
      string,
      string,
    ];
    t.same(store.stats().queued, { process: 1, http: 1 });
    t.equal(await store.queuePosition(request), 0);
    const http = { type: 'claim_next', pools: ['http'], limit: 5, claim: CLAIM } as const;
    t.match(applied(await one(store, [http])), [{ id: request }]);
    t.match(await claim(store, 5), [{ id: command }]);
  });

  t.test(
    'an execution keeps the work that its operation made of it, and is listed by its name',
    async (t) => {
      const { store } = await makeWorld(t);
      const spec: Spec = { kind: 'operation', name: 'resize', params: { width: 5 } };
      const work: Work = { kind: 'exec', program: 'convert', args: ['5'] };
      const policy = { attempts: 5, multiplier: 2, minMs: 0, maxMs: 9, jitter: 0, retryOn: null };
      const [id] = await given(
        store,
        newExecution({ spec, work, retry: policy, retrySafe: true }),
        newExecution({ spec: { ...spec, name: 'other' }, work }),
      );
      t.match(await get(store, id ?? ''), { spec, work, retry: policy, retrySafe: true });
      const { executions: listed } = await store.list({ userId: 'ann', operation: 'resize' }, 10, null);
      t.same(
        listed.map((execution) => execution.id),
        [id],
      );
    },
  );
}
