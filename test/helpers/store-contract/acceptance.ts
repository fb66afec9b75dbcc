// What is accepted, once for each idempotency key.
import type { Test } from 'tap';
import { accept, newExecution } from '../records.ts';
import {
  type MakeWorld,
  CLAIM,
  BEGINNING,
  applied,
  one,
  given,
  claim,
  get,
  cancel,
  remove,
  key,
} from './given.ts';

export function acceptance(t: Test, makeWorld: MakeWorld): void {
  t.test('what is accepted is read back as it was given', async (t) => {
    const { store } = await makeWorld(t);
    const execution = newExecution({
      spec: {
        kind: 'shell',
        command: 'printf "\\u00e9 🎉"',
        env: { A: 'ü', B: '' },
        stdin: 'a\0b',
        priority: 3,
      },
      labels: { team: 'infra', 'a/b.c': '' },
      taskId: 'build-42',
      priority: 3,
      timeouts: { queueMs: 1, attemptMs: 2, totalMs: 3, idleMs: 4 },
      rerunOf: newExecution().id,
      network: ['pypi.org', '*.a.org:8443'],
    });
    await given(store, execution);
    const read = await get(store, execution.id);
    t.match(read, execution);
    t.match(read, { revision: 1, eventSequence: 2, attempts: [] });
    for (const network of [true, false]) {
      const other = newExecution({ network });
      await given(store, other);
      t.match(await get(store, other.id), { network });
    }
  });

  t.test('an execution that takes a slot is claimed in the group of its acceptance', async (t) => {
    const { store } = await makeWorld(t);
    const execution = newExecution();
    const [accepted] = applied(await one(store, [accept(execution, { claim: CLAIM })]));
    t.match(accepted, { status: 'running', phase: 'starting', revision: 1 });
    t.match(accepted?.attempts, [{ number: 1, claimedAt: BEGINNING, runner: 'test', outcome: null }]);
    t.same(await claim(store, 10), [], 'it is not in the queue');
  });

  t.test('a full queue refuses what would have to wait, and only that', async (t) => {
    const { store } = await makeWorld(t);
    await given(store, newExecution(), newExecution());
    const waits = await one(store, [accept(newExecution(), { maxQueued: 2 })]);
    t.match(waits, { status: 'refused', reason: 'queue_full' });
    applied(await one(store, [accept(newExecution(), { maxQueued: 2, claim: CLAIM })]));
    await claim(store);
    applied(await one(store, [accept(newExecution(), { maxQueued: 2 })]));
  });

  t.test('1,000 concurrent acceptances take at most 50 commits', async (t) => {
    const { store } = await makeWorld(t);
    const before = store.stats();
    const ids = Array.from({ length: 1000 }, () => newExecution());
    const results = await Promise.all(ids.map((execution) => store.commit([[accept(execution)]])));
    const after = store.stats();
    t.ok(results.every(([result]) => result?.status === 'applied'));
    t.equal(after.groups - before.groups, 1000);
    t.ok(after.commits - before.commits <= 50, `${after.commits - before.commits} commits`);
    t.equal((await store.counts()).pending, 1000);
  });

  t.test('a refused group leaves its neighbours in the same commit as they are', async (t) => {
    const { store } = await makeWorld(t);
    const [a, b, c] = [newExecution(), newExecution(), newExecution()];
    const results = await store.commit([
      [accept(a)],
      [key(b.id, { key: 'x' }), accept(b, { maxQueued: 0 })],
      [accept(c)],
      [cancel(a.id, 'somebody else')],
    ]);
    t.same(
      results.map((result) => result.status),
      ['applied', 'refused', 'applied', 'refused'],
    );
    t.equal(await store.get('ann', b.id), null);
    const found = await store.getMany([c.id, b.id, a.id]);
    t.same(found.map(({ id }) => id).sort(), [a.id, c.id].sort(), 'read at once');
    t.equal((await store.counts()).pending, 2);
    const again = await one(store, [key(b.id, { key: 'x' }), accept(b)]);
    t.equal(again.status, 'applied', 'the refused group has left no key');
  });
}

export function keys(t: Test, makeWorld: MakeWorld): void {
  t.test('one key, one execution, however many come with it at once', async (t) => {
    const { store } = await makeWorld(t);
    const tries = Array.from({ length: 20 }, () => newExecution());
    const results = await Promise.all(
      tries.map((execution) => one(store, [key(execution.id), accept(execution)])),
    );
    const first = tries[results.findIndex(({ status }) => status === 'applied')];
    t.equal(results.filter(({ status }) => status === 'applied').length, 1);
    const rest = results.filter(({ status }) => status !== 'applied');
    t.ok(rest.every((result) => result.status === 'refused' && result.reason === 'key_replayed'));
    t.match(rest[0], { executionId: first?.id });
    t.equal((await store.counts()).pending, 1);
  });

  t.test('a key with another body is refused; of another user it is another key', async (t) => {
    const { store } = await makeWorld(t);
    const [a, b, c] = [newExecution(), newExecution(), newExecution({ userId: 'bob' })];
    applied(await one(store, [key(a.id), accept(a)]));
    t.same(await one(store, [key(b.id, { bodyHash: 'other' }), accept(b)]), {
      status: 'refused',
      reason: 'key_reused',
    });
    applied(await one(store, [key(c.id, { userId: 'bob' }), accept(c)]));
  });

  t.test('a key ends with its time, and outlives its execution until then', async (t) => {
    const { store, clock } = await makeWorld(t);
    const [a, b] = [newExecution(), newExecution()];
    applied(await one(store, [key(a.id), accept(a)]));
    applied(await one(store, [cancel(a.id)]));
    applied(await one(store, [remove(a.id)]));
    clock.now = 4999;
    t.same(await one(store, [key(b.id), accept(b)]), {
      status: 'refused',
      reason: 'key_gone',
      executionId: a.id,
    });
    clock.now = 5000;
    applied(await one(store, [key(b.id), accept(b)]));
    t.equal(await store.expireKeys(8999), 0);
    t.equal(await store.expireKeys(9000), 1);
  });
}
