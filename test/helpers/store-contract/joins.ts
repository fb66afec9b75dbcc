// Executions that take part in the run of another one.
import type { Test } from 'tap';
import type { CacheUse } from '../../../src/domain/cache.ts';
import { type Execution, alike, endedAtOnce, NO_OUTPUT } from '../../../src/domain/execution/execution.ts';
import type { NewExecution } from '../../../src/domain/ports/group.ts';
import type { Store } from '../../../src/domain/ports/store.ts';
import type { Outcome } from '../../../src/domain/outcome.ts';
import { accept, EXIT_0, newExecution, settle } from '../records.ts';
import { type MakeWorld, applied, one, claim, givenRunning, get, cancel } from './given.ts';

export function joins(t: Test, makeWorld: MakeWorld): void {
  const use: CacheUse = {
    mode: 'read_write',
    key: 'k',
    scope: 'user',
    ttlMs: null,
    status: 'joined',
    storedAt: null,
  };
  const joining = (runId: string) => accept(newExecution({ runId, cache: use }), { joins: true });
  const expire = (executionId: string) =>
    ({
      type: 'expire',
      executionId,
      outcome: { cause: 'total_timeout', limitMs: 5, process: null },
    }) as const;

  async function joined(store: Store, runId: string): Promise<string> {
    return (applied(await one(store, [joining(runId)]))[0] as Execution).id;
  }

  t.test('who joins a run ends with it, and has its attempts then', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenRunning(store);
    const other = await joined(store, id);
    t.match(await get(store, other), { status: 'pending', phase: 'joined', runId: id, attempts: [] });
    t.match(await store.counts(), { pending: 1, joined: 1, running: 1 });
    t.same(await claim(store), [], 'it is in no queue');
    t.same(
      applied(await one(store, [settle(id, 1)])).map((one) => one.id),
      [id, other],
    );
    t.match(await get(store, other), {
      status: 'completed',
      attempts: [{ number: 1 }],
      result: { stdout: 'hi\n' },
    });
    t.match(await store.counts(), { pending: 0, joined: 0, running: 0, finished: { completed: 2 } });
  });

  t.test('a run that has ended, is being stopped or is not there cannot be joined', async (t) => {
    const { store } = await makeWorld(t);
    const ended = await givenRunning(store);
    applied(await one(store, [settle(ended, 1)]));
    const stopped = await givenRunning(store);
    applied(await one(store, [cancel(stopped)]));
    for (const id of [ended, stopped, newExecution().id]) {
      t.match(await one(store, [joining(id)]), { status: 'refused', reason: 'run_gone' }, id);
    }
  });

  t.test(
    'who leaves a shared run ends alone; the next one stands for it, and any of them names it',
    async (t) => {
      const { store } = await makeWorld(t);
      const id = await givenRunning(store);
      const [second, third] = [await joined(store, id), await joined(store, id)];
      t.match(applied(await one(store, [cancel(id)])), [
        { id, status: 'cancelled' },
        { id: second, status: 'running', phase: 'starting', runId: id, attempts: [{ number: 1 }] },
      ]);
      t.match(applied(await one(store, [expire(third)])), [{ id: third, status: 'timed_out' }]);
      t.match(
        await one(store, [expire(second)]),
        { status: 'refused', reason: 'illegal' },
        'the last one is stopped',
      );
      const progress = {
        type: 'progress',
        executionId: id,
        attempt: 1,
        startedAt: 5,
        output: NO_OUTPUT,
      } as const;
      t.match(applied(await one(store, [progress])), [{ id: second }]);
      t.match(applied(await one(store, [settle(id, 1)])), [{ id: second, status: 'completed' }]);
      t.equal((await one(store, [settle(id, 1)])).status, 'stale');
      t.match(await get(store, id), { status: 'cancelled' });
    },
  );

  t.test('those who joined a run that is lost begin another one together', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenRunning(store);
    const [second, third] = [await joined(store, id), await joined(store, id)];
    const lost: Outcome = { cause: 'lost', detail: 'server_crash' };
    applied(await one(store, [settle(id, 1, { outcome: lost, result: null })]));
    t.match(await get(store, id), { status: 'failed' });
    t.match(await get(store, second), { phase: 'queued', runId: second, attempts: [] });
    t.match(await get(store, third), { phase: 'joined', runId: second });
    t.match(await claim(store), [{ id: second, attempts: [{ number: 1 }] }]);
    t.match(applied(await one(store, [settle(second, 1)])), [
      { id: second },
      { id: third, status: 'completed' },
    ]);
  });

  t.test('identical work begins no second run while another one is under way', async (t) => {
    const { store } = await makeWorld(t);
    const shared = { cache: { ...use, status: 'miss' } } as const;
    const work = (more: { userId?: string; retrySafe?: boolean } = {}) =>
      newExecution({ ...shared, ...more });
    const alone = (execution: NewExecution, besides: string | null = null) => accept(execution, { besides });
    const first = work();
    const [second, other] = [work(), work({ retrySafe: true })];
    const results = await store.commit([[alone(first)], [alone(second)], [alone(other)]]);
    t.match(results, [
      { status: 'applied' },
      { status: 'refused', reason: 'run_open', executionId: first.id },
      { status: 'applied' },
    ]);
    applied(await one(store, [alone(work({ userId: 'bob' }))]));
    applied(await one(store, [accept(work())]));
    const newest = work();
    applied(await one(store, [accept(newest)]));
    t.match(await one(store, [alone(work())]), { reason: 'run_open', executionId: newest.id });
    t.match(await one(store, [alone(work(), first.id)]), { reason: 'run_open', executionId: newest.id });
    const full = work();
    applied(await one(store, [alone(full, newest.id)]));
    const member = await joined(store, full.id);
    applied(await one(store, [cancel(full.id)]));
    const { phase, runId } = await get(store, member);
    t.equal(phase, 'queued', 'it stands for the run now');
    t.match(await one(store, [alone(work())]), { reason: 'run_open', executionId: runId });
    const mine = (await store.pendingToFollow()).filter(({ userId }) => userId !== 'bob');
    for (const { id } of mine) applied(await one(store, [cancel(id)]));
    applied(await one(store, [alone(work())]));
  });

  t.test('the attempts of a shared run stay until the last of those who shared it is removed', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenRunning(store);
    const other = await joined(store, id);
    applied(await one(store, [settle(id, 1)]));
    applied(await one(store, [{ type: 'remove', userId: null, executionId: id }]));
    t.match(await get(store, other), { attempts: [{ number: 1 }] });
    t.same(await store.missing([id]), []);
    applied(await one(store, [{ type: 'remove', userId: null, executionId: other }]));
    t.same(await store.missing([id]), [id]);
  });

  t.test('an execution that ends with its acceptance is whole from the first moment', async (t) => {
    const { store } = await makeWorld(t);
    const end = { outcome: EXIT_0, result: { type: 'json', value: [1] } } as const;
    const execution = newExecution({ cache: { ...use, status: 'hit', storedAt: 5 } });
    const [done] = applied(await one(store, [accept(execution, { end, maxQueued: 0 })]));
    t.match(done, { status: 'completed', phase: 'done', revision: 1, attempts: [], result: end.result });
    t.match(await store.counts(), { pending: 0, finished: { completed: 1 } });
    t.same(
      (await store.events(null, execution.id, 0)).map(({ type }) => type),
      ['accepted', 'completed'],
    );
  });

  t.test('executions that ended alike are whole, each with what is its own', async (t) => {
    const { store, reopen } = await makeWorld(t);
    const record = newExecution({ labels: { team: 'infra' }, cache: { ...use, status: 'hit', storedAt: 5 } });
    const like = endedAtOnce(record, { outcome: EXIT_0, result: { type: 'json', value: ['ü'] } }, 1000);
    const own = [3000, 3001].map((at) => {
      const { id, trace } = newExecution();
      return { id, trace, at };
    });
    const each = [{ id: like.id, trace: like.trace, at: like.createdAt }, ...own];
    const answers = { type: 'answers', like, each } as const;
    const [result] = await store.commit([[answers]]);
    const wanted = each.map((one) => alike(like, one));
    t.same(applied(result), wanted);
    t.match(await store.counts(), { pending: 0, finished: { completed: 3 } });
    const events = result?.status === 'applied' ? result.events : [];
    for (const { id } of each) {
      t.match(
        await store.events('ann', id, 0),
        events.filter(({ executionId }) => executionId === id),
        'they are told as they are stored',
      );
    }
    t.same(
      events.slice(0, 2).map(({ type, sequence }) => [type, sequence]),
      [
        ['accepted', 1],
        ['completed', 2],
      ],
    );
    const labelled = { userId: 'ann', label: [{ name: 'team', value: 'infra' }] };
    t.equal((await store.list(labelled, 10, null)).executions.length, 3);
    const [again] = await store.commit([[answers]]);
    t.same(again, result, 'written again they stay as they are');
    t.match(await store.counts(), { finished: { completed: 3 } });
    const after = await reopen();
    t.same(await Promise.all(each.map(({ id }) => after.get('ann', id))), wanted);
    t.match(await after.counts(), { finished: { completed: 3 } });
  });
}
