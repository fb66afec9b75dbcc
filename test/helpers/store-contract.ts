// What every store must do, whatever it is made of. A new implementation passes this suite before anything is built on
// it; a new rule is written here first.
import type { Test } from 'tap';
import fc from 'fast-check';
import type { ApiKey } from '../../src/domain/access/api-key.ts';
import type { CacheUse } from '../../src/domain/cache.ts';
import type { Execution, Timeouts } from '../../src/domain/execution/execution.ts';
import {
  alike,
  endedAtOnce,
  isFinished,
  lastAttemptNumber,
  NO_OUTPUT,
} from '../../src/domain/execution/execution.ts';
import type { Store } from '../../src/domain/ports/store.ts';
import type {
  AcceptPart,
  CacheEntry,
  Group,
  GroupResult,
  IdempotencyPart,
} from '../../src/domain/ports/group.ts';
import { dataBytesOf, KEPT, type Kept, type KeptBounds, type KeptUse } from '../../src/domain/kept.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { Schedule, ScheduleRun } from '../../src/domain/schedules/schedule.ts';
import type { Spec, Work } from '../../src/domain/spec/spec.ts';
import { creditsContract } from './credits-contract.ts';
import { plans } from './plan-contract.ts';
import { accept, END, EXIT_0, newExecution, NO_AGE, settle } from './records.ts';
import { streamsContract } from './store-streams-contract.ts';
import { rounds } from './rounds.ts';

export interface StoreWorld {
  store: Store;
  /** The clock of the store, which the test sets. */
  clock: { now: number };
  /** Closes the store, and opens the same one again as a server of its own would. */
  reopen(): Promise<Store>;
}

type MakeWorld = (t: Test) => Promise<StoreWorld>;

const CLAIM = { runner: 'test' };
/** What the clock of the store begins at. */
export const BEGINNING = 1000;

function applied(result: GroupResult | undefined): Execution[] {
  if (result?.status !== 'applied')
    throw new Error(`expected an applied group, got ${JSON.stringify(result)}`);
  return result.executions;
}

async function one(store: Store, group: Group): Promise<GroupResult> {
  const [result] = await store.commit([group]);
  return result as GroupResult;
}

/** Accepts executions; answers their ids. */
async function given(store: Store, ...executions: ReturnType<typeof newExecution>[]): Promise<string[]> {
  const results = await store.commit(executions.map((execution) => [accept(execution)]));
  return results.map((result) => (applied(result)[0] as Execution).id);
}

async function claim(store: Store, limit = 1): Promise<Execution[]> {
  return applied(await one(store, [{ type: 'claim_next', pool: 'process', limit, claim: CLAIM }]));
}

async function givenRunning(store: Store, more: Parameters<typeof newExecution>[0] = {}): Promise<string> {
  const execution = newExecution(more);
  applied(await one(store, [accept(execution, { claim: CLAIM })]));
  return execution.id;
}

function limitsPatch(executionId: string, timeouts: Timeouts) {
  const of = { userId: 'ann', executionId, revision: 1 };
  return { type: 'patch', ...of, priority: null, timeouts } as const;
}

async function get(store: Store, id: string, user: string | null = 'ann'): Promise<Execution> {
  const execution = await store.get(user, id);
  if (execution === null) throw new Error(`there is no ${id}`);
  return execution;
}

const cancel = (executionId: string, userId = 'ann') =>
  ({ type: 'cancel', userId, executionId, reason: 'because' }) as const;
const requeue = (executionId: string, attempt: number) =>
  ({ type: 'requeue', executionId, attempt }) as const;
const remove = (executionId: string, userId: string | null = 'ann') =>
  ({ type: 'remove', userId, executionId }) as const;
const progress = (executionId: string, attempt: number, stdoutBytes: number) =>
  ({
    type: 'progress',
    executionId,
    attempt,
    startedAt: 2050,
    output: { ...END.output, stdoutBytes },
  }) as const;

function key(executionId: string, more: Partial<IdempotencyPart> = {}): IdempotencyPart {
  const base = {
    type: 'idempotency',
    userId: 'ann',
    key: 'k',
    bodyHash: 'h',
    lifetimeMs: 4000,
  } as const;
  return { ...base, executionId, ...more };
}

export function storeContract(t: Test, makeWorld: MakeWorld): void {
  acceptance(t, makeWorld);
  claims(t, makeWorld);
  fences(t, makeWorld);
  cancels(t, makeWorld);
  keys(t, makeWorld);
  listing(t, makeWorld);
  retries(t, makeWorld);
  delays(t, makeWorld);
  schedules(t, makeWorld);
  conflicts(t, makeWorld);
  joins(t, makeWorld);
  concurrency(t, makeWorld);
  turns(t, makeWorld);
  quotas(t, makeWorld);
  apiKeys(t, makeWorld);
  keptResults(t, makeWorld);
  history(t, makeWorld);
  retention(t, makeWorld);
  plans(t, makeWorld);
  restarts(t, makeWorld);
  leases(t, makeWorld);
  creditsContract(t, makeWorld);
  streamsContract(t, makeWorld);
  anyOrder(t, makeWorld);
}

function acceptance(t: Test, makeWorld: MakeWorld): void {
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
    });
    await given(store, execution);
    const read = await get(store, execution.id);
    t.match(read, execution);
    t.match(read, { revision: 1, eventSequence: 2, attempts: [] });
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
    t.equal((await store.counts()).pending, 2);
    const again = await one(store, [key(b.id, { key: 'x' }), accept(b)]);
    t.equal(again.status, 'applied', 'the refused group has left no key');
  });
}

function claims(t: Test, makeWorld: MakeWorld): void {
  t.test('the highest priority is claimed first, and within it the oldest', async (t) => {
    const { store } = await makeWorld(t);
    const low = newExecution({ priority: -1 });
    const [first, second] = [newExecution(), newExecution()];
    const high = newExecution({ priority: 10 });
    await given(store, low, first, second, high);
    const order = [high.id, first.id, second.id, low.id];
    t.same(await Promise.all(order.map((id) => store.queuePosition(id))), [0, 1, 2, 3]);
    const claimed = [...(await claim(store)), ...(await claim(store, 2)), ...(await claim(store, 5))];
    t.same(
      claimed.map(({ id }) => id),
      order,
    );
    t.equal(await store.queuePosition(low.id), null);
  });

  t.test('no execution is claimed twice, however many claim at once', async (t) => {
    const { store } = await makeWorld(t);
    await given(store, ...Array.from({ length: 50 }, () => newExecution()));
    const claimed = (await Promise.all(Array.from({ length: 30 }, () => claim(store, 3)))).flat();
    t.equal(claimed.length, 50);
    t.equal(new Set(claimed.map(({ id }) => id)).size, 50);
    t.ok(claimed.every((execution) => lastAttemptNumber(execution) === 1));
  });

  t.test('what was given back keeps its place, and its next claim has the next number', async (t) => {
    const { store, clock } = await makeWorld(t);
    const [a, b] = await given(store, newExecution(), newExecution());
    await claim(store);
    clock.now = 2600;
    applied(await one(store, [requeue(a as string, 1)]));
    t.match(await get(store, a as string), {
      status: 'pending',
      queuedAt: 2600,
      attempts: [{ number: 1, endedAt: 2600 }],
    });
    const [first, second] = await claim(store, 2);
    t.same([first?.id, second?.id], [a, b]);
    t.same(
      first?.attempts.map(({ number }) => number),
      [1, 2],
    );
  });

  t.test('a changed priority changes the place in the queue', async (t) => {
    const { store } = await makeWorld(t);
    const [a, b] = await given(store, newExecution(), newExecution());
    const patch = { type: 'patch', userId: 'ann', executionId: b as string, timeouts: null } as const;
    t.equal(
      (await one(store, [{ ...patch, revision: 7, priority: 5 }])).status,
      'stale',
      'decided on another state',
    );
    applied(await one(store, [{ ...patch, revision: 1, priority: 5 }]));
    t.equal(await store.queuePosition(a as string), 1);
    t.equal((await claim(store))[0]?.id, b);
  });

  t.test('new limits are stored', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenRunning(store);
    const timeouts = { queueMs: null, attemptMs: 999, totalMs: 5, idleMs: null };
    const patch = limitsPatch(id, timeouts);
    applied(await one(store, [patch]));
    t.match(await get(store, id), { timeouts, revision: 2, priority: 0 });
  });
}

function fences(t: Test, makeWorld: MakeWorld): void {
  t.test('an execution is settled once; the second end is stale', async (t) => {
    const { store, clock } = await makeWorld(t);
    const id = await givenRunning(store);
    clock.now = 3000;
    applied(await one(store, [settle(id, 1)]));
    const late = settle(id, 1, { outcome: { cause: 'lost', detail: 'server_crash' } });
    t.same(await one(store, [late]), { status: 'stale' });
    t.match(await get(store, id), {
      status: 'completed',
      outcome: { cause: 'exited' },
      finishedAt: 3000,
      revision: 2,
    });
    t.match((await get(store, id)).attempts, [
      { startedAt: 2100, endedAt: 2900, output: END.output, logComplete: true },
    ]);
  });

  t.test('two ends at the same time: one is applied', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenRunning(store);
    const results = await Promise.all([1, 2, 3].map(() => one(store, [settle(id, 1)])));
    t.same(results.map(({ status }) => status).sort(), ['applied', 'stale', 'stale']);
  });

  t.test('what speaks for another attempt than the current one changes nothing', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenRunning(store);
    applied(await one(store, [requeue(id, 1)]));
    await claim(store);
    const before = await get(store, id);
    for (const part of [settle(id, 1), settle(id, 3), settle(id, 0), requeue(id, 1), progress(id, 1, 77)]) {
      t.same(await one(store, [part]), { status: 'stale' }, part.type);
    }
    t.same(await get(store, id), before);
    applied(await one(store, [settle(id, 2)]));
  });

  t.test('a queued execution can end unclaimed, unless it was claimed meanwhile', async (t) => {
    const { store } = await makeWorld(t);
    const [a, b] = await given(store, newExecution(), newExecution());
    const outcome = { cause: 'queue_timeout', limitMs: 5 } as const;
    await claim(store);
    const end = { outcome, result: null, end: null };
    t.same(await one(store, [settle(a as string, 0, end)]), { status: 'stale' });
    applied(await one(store, [settle(b as string, 0, end)]));
    t.match(await get(store, b as string), { status: 'timed_out', outcome, attempts: [] });
    t.equal(await store.queuePosition(b as string), null);
  });

  t.test('counters are kept, do not count as a revision, and never outlive the end', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenRunning(store);
    applied(await one(store, [progress(id, 1, 1)]));
    applied(await one(store, [progress(id, 1, 42)]));
    t.match(await get(store, id), {
      revision: 1,
      attempts: [{ startedAt: 2050, output: { stdoutBytes: 42 } }],
    });
    applied(await one(store, [settle(id, 1)]));
    t.same(await one(store, [progress(id, 1, 99)]), { status: 'stale' });
    t.match((await get(store, id)).attempts, [{ output: END.output }]);
  });
}

function cancels(t: Test, makeWorld: MakeWorld): void {
  t.test('a queued execution ends by its cancel', async (t) => {
    const { store } = await makeWorld(t);
    const [id] = (await given(store, newExecution())) as [string];
    const [cancelled] = applied(await one(store, [cancel(id)]));
    t.match(cancelled, {
      status: 'cancelled',
      outcome: { cause: 'cancelled', reason: 'because', process: null },
    });
    t.same(await claim(store), [], 'it cannot be claimed any more');
    const again = await one(store, [cancel(id)]);
    t.match(again, { status: 'refused', reason: 'illegal', execution: { status: 'cancelled' } });
  });

  t.test('a live execution is marked, once, and keeps the first reason', async (t) => {
    const { store, clock } = await makeWorld(t);
    const id = await givenRunning(store);
    clock.now = 2500;
    const [marked] = applied(await one(store, [cancel(id)]));
    t.match(marked, {
      status: 'running',
      phase: 'canceling',
      revision: 2,
      cancel: { at: 2500, reason: 'because' },
    });
    clock.now = 2700;
    const [again] = applied(await one(store, [{ ...cancel(id), reason: 'other' }]));
    t.same(again, marked);
    t.match(await one(store, [requeue(id, 1)]), { status: 'refused', reason: 'illegal' });
    applied(
      await one(store, [
        settle(id, 1, { outcome: { cause: 'cancelled', reason: 'because', process: null } }),
      ]),
    );
    t.match(await get(store, id), { status: 'cancelled', cancel: { reason: 'because' } });
  });

  t.test("nobody can cancel, change, remove or read another user's execution", async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenRunning(store);
    const patch = {
      type: 'patch',
      executionId: id,
      revision: 1,
      priority: 1,
      timeouts: null,
      at: 1,
    } as const;
    for (const part of [cancel(id, 'bob'), remove(id, 'bob'), { ...patch, userId: 'bob' }]) {
      t.same(await one(store, [part]), { status: 'refused', reason: 'not_found' });
    }
    t.equal(await store.get('bob', id), null);
    t.same(await store.events('bob', id, 0), []);
    t.same((await store.list({ userId: 'bob' }, 10, null)).executions, []);
    t.equal((await get(store, id)).revision, 1);
  });
}

function keys(t: Test, makeWorld: MakeWorld): void {
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

function listing(t: Test, makeWorld: MakeWorld): void {
  t.test('the ends of a user in a window are found, with what a report needs', async (t) => {
    const { store } = await makeWorld(t);
    const [first, other] = await given(store, newExecution(), newExecution({ userId: 'bob' }));
    await claim(store, 2);
    for (const id of [first, other]) applied(await one(store, [settle(id as string, 1)]));
    const window = { userId: 'ann', from: 0, to: Number.MAX_SAFE_INTEGER, operation: null };
    const { ends, isComplete } = await store.ends(window, 10);
    t.match(ends, [{ type: 'exec', status: 'completed', startedAt: 2100, endedAt: 2900, attempts: 1 }]);
    t.match({ isComplete, n: ends.length }, { isComplete: true, n: 1 });
    t.same(await store.ends({ ...window, operation: 'x' }, 10), { ends: [], isComplete: true });
    t.same(await store.ends({ ...window, to: 1 }, 10), { ends: [], isComplete: true });
    t.match(await store.ends(window, 1), { isComplete: false });
  });

  t.test('lists are newest first, a page at a time, and hold only what fits', async (t) => {
    const { store, clock } = await makeWorld(t);
    const all = Array.from({ length: 7 }, (_, i) =>
      newExecution({
        taskId: i % 2 === 0 ? 'even' : null,
        labels: i === 3 ? { team: 'infra', tier: 'a' } : { team: 'web' },
        spec: i === 5 ? { kind: 'shell', command: 'x' } : { kind: 'exec', program: 'true' },
      }),
    );
    const ids: string[] = [];
    for (const [i, execution] of all.entries()) {
      clock.now = 1000 + i;
      ids.push(...(await given(store, execution)));
    }
    await given(store, newExecution({ userId: 'bob' }));
    clock.now = 2500;
    applied(await one(store, [cancel(ids[1] as string)]));
    await claim(store);
    const list = async (filter: object, limit = 100, after: string | null = null) =>
      (await store.list({ userId: 'ann', ...filter }, limit, after)).executions.map(({ id }) =>
        ids.indexOf(id),
      );

    t.same(await list({}), [6, 5, 4, 3, 2, 1, 0]);
    t.same(await list({}, 3), [6, 5, 4]);
    t.same(await list({}, 3, ids[4] ?? ''), [3, 2, 1]);
    t.same(await list({ status: ['cancelled'] }), [1]);
    t.same(await list({ status: ['running', 'cancelled'] }), [1, 0]);
    t.same(await list({ phase: ['starting'] }), [0]);
    t.same(await list({ kind: ['shell'] }), [5]);
    t.same(await list({ taskId: 'even' }), [6, 4, 2, 0]);
    t.same(await list({ label: [{ name: 'team', value: 'web' }] }), [6, 5, 4, 2, 1, 0]);
    t.same(
      await list({
        label: [
          { name: 'team', value: 'infra' },
          { name: 'tier', value: 'a' },
        ],
      }),
      [3],
    );
    t.same(
      await list({
        label: [
          { name: 'team', value: 'web' },
          { name: 'tier', value: 'a' },
        ],
      }),
      [],
    );
    t.same(await list({ createdFrom: 1002, createdTo: 1004 }), [3, 2]);
    t.same(await list({ finishedFrom: 2500, finishedTo: 2501 }), [1]);
    t.equal(
      (await store.list({ userId: null }, 100, null)).executions.length,
      8,
      'the service sees every user',
    );
  });

  t.test('counts and the age of the queue follow what happens', async (t) => {
    const { store, clock } = await makeWorld(t);
    for (const now of [500, 1000, 700]) {
      clock.now = now;
      await given(store, newExecution());
    }
    t.match(await store.counts(), { pending: 3, running: 0, oldestQueuedAt: 500 });
    const [first] = await claim(store);
    t.match(await store.counts(), { pending: 2, running: 1, oldestQueuedAt: 700 });
    t.same(store.stats().queued, { process: 2, http: 0 });
    applied(await one(store, [settle(first?.id ?? '', 1)]));
    const finished = { completed: 1, failed: 0, cancelled: 0, timed_out: 0 };
    t.match(await store.counts(), { pending: 2, running: 0, finished });
  });

  t.test('a limit that has been extended ends nothing any more', async (t) => {
    const { store } = await makeWorld(t);
    const clocks = { queueMs: 5, attemptMs: 1, totalMs: null, idleMs: null };
    const [id = ''] = await given(store, newExecution({ timeouts: clocks }));
    const timeouts = { ...clocks, queueMs: 50 };
    const patch = limitsPatch(id, timeouts);
    applied(await one(store, [patch]));
    const expire = (limitMs: number) =>
      ({ type: 'expire', executionId: id, outcome: { cause: 'queue_timeout', limitMs }, at: 6 }) as const;
    t.match(await one(store, [expire(5)]), { status: 'stale' });
    applied(await one(store, [expire(50)]));
  });

  t.test('queued executions with a limit of their waiting are found', async (t) => {
    const { store } = await makeWorld(t);
    const clocks = { queueMs: null, attemptMs: 1, totalMs: null, idleMs: null };
    const [, queue, total] = await given(
      store,
      newExecution(),
      newExecution({ timeouts: { ...clocks, queueMs: 5 } }),
      newExecution({ timeouts: { ...clocks, totalMs: 5 } }),
    );
    const found = await store.pendingToFollow();
    t.same(new Set(found.map(({ id }) => id)), new Set([queue, total]));
  });
}

function delays(t: Test, makeWorld: MakeWorld): void {
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

function conflicts(t: Test, makeWorld: MakeWorld): void {
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

function schedules(t: Test, makeWorld: MakeWorld): void {
  const plan: Schedule['plan'] = {
    ...{
      name: 'nightly',
      description: null,
      when: { every_ms: 1000 },
      work: { kind: 'exec', program: 'true' },
    },
    ...{ overlap: 'skip', misfire: 'once', maxCatchUp: 10, jitterMs: 0, maxRuns: null, endsAt: null },
  };
  const schedule: Schedule = {
    ...{ id: 's1', userId: 'ann', plan, caller: { scopes: ['submit'], mayRun: 'any' }, keyId: null },
    ...{ submittedBy: null, state: 'active', ended: null, nextAt: 5000, waiting: [], runs: 0, lastId: null },
    ...{ lastAt: null, anchor: 0, revision: 0, createdAt: 1, updatedAt: 1 },
  };
  const put = (one: Schedule, isNew = false) => ({ type: 'schedule', schedule: one, isNew }) as const;
  const run = (dueAt: number, result: ScheduleRun['result'] = 'started') =>
    ({
      type: 'schedule_run',
      run: {
        scheduleId: 's1',
        dueAt,
        at: 1,
        result,
        executionId: null,
        error: null,
        detail: null,
        isManual: false,
      },
    }) as const;

  t.test('a schedule changes by its revision only, and no due time is served twice', async (t) => {
    const world = await makeWorld(t);
    applied(await one(world.store, [put(schedule, true)]));
    t.match(await one(world.store, [put({ ...schedule, id: 's2' }, true)]), { reason: 'schedule_exists' });
    applied(await one(world.store, [put({ ...schedule, id: 's2', userId: 'bob', nextAt: 7000 }, true)]));
    const store = await world.reopen();
    t.same(await store.schedule('ann', 'nightly'), { ...schedule, revision: 1 });
    t.equal(await store.schedule('eve', 'nightly'), null);
    t.equal(await store.nextSchedule(), 5000);
    t.same(
      (await store.dueSchedules(6000, 10)).map(({ id }) => id),
      ['s1'],
    );
    const execution = newExecution({ schedule: { id: 's1', name: 'nightly', dueAt: 5000 } });
    const at1 = { ...schedule, revision: 1, nextAt: 6000, runs: 1, lastId: execution.id, lastAt: 5000 };
    applied(await one(store, [put(at1), run(5000), accept(execution)]));
    t.match(await get(store, execution.id), { schedule: { name: 'nightly', dueAt: 5000 } });
    const again = newExecution();
    t.equal(
      (await one(store, [put(at1), run(6000), accept(again)])).status,
      'stale',
      'of an earlier revision',
    );
    const at2 = { ...at1, revision: 2 };
    t.equal((await one(store, [put(at2), run(5000), accept(again)])).status, 'stale', 'of the same due time');
    t.equal(await store.get(null, again.id), null, 'nothing of it is stored');
    t.match(await store.schedule('ann', 'nightly'), { revision: 2, runs: 1 });
    applied(await one(store, [put({ ...at2, nextAt: null, waiting: [6000] }), run(6000, 'waiting')]));
    t.same(await store.dueSchedules(6500, 10), [], 'it waits for what runs');
    applied(await one(store, [cancel(execution.id)]));
    t.match(await store.dueSchedules(6500, 10), [{ id: 's1', waiting: [6000] }]);
    applied(await one(store, [run(6000)]));
    t.match(await store.scheduleRuns('s1', 10), [
      { dueAt: 6000, result: 'started' },
      { dueAt: 5000, result: 'started' },
    ]);
    t.match(await one(store, [{ type: 'schedule_remove', userId: 'bob', id: 's1' }]), {
      reason: 'not_found',
    });
    applied(await one(store, [{ type: 'schedule_remove', userId: 'ann', id: 's1' }]));
    t.same([await store.schedules('ann'), await store.scheduleRuns('s1', 10)], [[], []]);
  });

  t.test('schedules have a bound for each user, and runs one for each schedule', async (t) => {
    const { store } = await makeWorld(t);
    const of = (i: number): Schedule => ({ ...schedule, id: `t${i}`, plan: { ...plan, name: `n${i}` } });
    const results = await store.commit(Array.from({ length: 101 }, (_, i) => [put(of(i), true)]));
    t.equal(results.filter(({ status }) => status === 'applied').length, 100);
    t.match(results.at(-1), { status: 'refused', reason: 'too_many_schedules' });
    await store.commit(Array.from({ length: 105 }, (_, i) => [run(i + 1)]));
    t.same((await store.scheduleRuns('s1', 1000)).map(({ dueAt }) => dueAt).at(-1), 6, 'the latest stay');
  });
}

function retries(t: Test, makeWorld: MakeWorld): void {
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

  t.test('each pool has a queue of its own', async (t) => {
    const { store } = await makeWorld(t);
    const call: Spec = { kind: 'http', url: 'http://example.com/' };
    const [command, request] = (await given(store, newExecution(), newExecution({ spec: call }))) as [
      string,
      string,
    ];
    t.same(store.stats().queued, { process: 1, http: 1 });
    t.equal(await store.queuePosition(request), 0);
    const http = { type: 'claim_next', pool: 'http', limit: 5, claim: CLAIM } as const;
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

function joins(t: Test, makeWorld: MakeWorld): void {
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

function concurrency(t: Test, makeWorld: MakeWorld): void {
  const keyed = (key: string, limit = 2) => newExecution({ concurrency: { key, limit } });

  t.test(
    'of those with one concurrency key no more run than may, and they hold up nobody else',
    async (t) => {
      const { store } = await makeWorld(t);
      const [a1, a2, a3, b1, free] = (await given(
        store,
        ...[keyed('a'), keyed('a'), keyed('a'), keyed('b', 1), newExecution()],
      )) as [string, string, string, string, string];
      t.same(
        (await claim(store, 10)).map(({ id }) => id),
        [a1, a2, b1, free],
      );
      t.same(await claim(store, 10), []);
      t.same(store.stats().queued, { process: 1, http: 0 });
      applied(await one(store, [cancel(a2)]));
      t.same(await claim(store, 10), [], 'one that is being stopped still runs');
      const next = { type: 'claim_next', pool: 'process', limit: 5, claim: CLAIM } as const;
      const [, claimed] = await store.commit([[settle(a1, 1)], [next]]);
      t.same(
        applied(claimed).map(({ id }) => id),
        [a3],
        'the end of one makes room in the same transaction',
      );
    },
  );

  t.test('a slot does not help where as many run as may', async (t) => {
    const { store } = await makeWorld(t);
    const results = await store.commit([1, 2, 3].map(() => [accept(keyed('a'), { claim: CLAIM })]));
    t.same(
      results.map((result) => applied(result)[0]?.phase),
      ['starting', 'starting', 'queued'],
    );
    const refused = await one(store, [accept(keyed('a'), { claim: CLAIM, maxQueued: 0 })]);
    t.match(refused, { status: 'refused', reason: 'queue_full' });
    t.match((await store.list({ userId: 'ann' }, 1, null)).executions[0], {
      concurrency: { key: 'a', limit: 2 },
    });
  });

  t.test('priority decides among those with keys and those without', async (t) => {
    const { store } = await makeWorld(t);
    const ids = await given(
      store,
      newExecution({ priority: 1 }),
      newExecution({ priority: 3, concurrency: { key: 'a', limit: 1 } }),
      newExecution({ priority: 2 }),
      newExecution({ priority: 4, concurrency: { key: 'a', limit: 1 } }),
    );
    const order = (await claim(store, 2)).map(({ id }) => ids.indexOf(id));
    t.same(order, [3, 2]);
  });
}

const of = (userId: string, n: number, more: Parameters<typeof newExecution>[0] = {}) =>
  Array.from({ length: n }, () => newExecution({ userId, ...more }));
const owners = (executions: Execution[]) => executions.map(({ userId }) => userId).join('');

function turns(t: Test, makeWorld: MakeWorld): void {
  t.test('users take turns within a priority, however many wait of one of them', async (t) => {
    const { store } = await makeWorld(t);
    await given(store, ...of('a', 1000), ...of('b', 3), ...of('c', 1), ...of('b', 1, { priority: 1 }));
    t.equal(owners(await claim(store, 9)), 'babcababa');
    t.equal(owners(await claim(store, 3)), 'aaa');
  });

  t.test('turns go on from one claim to the next, and each user is served oldest first', async (t) => {
    const { store } = await makeWorld(t);
    const ids = await given(store, ...of('a', 3), ...of('b', 3));
    const claimed: Execution[] = [];
    for (let i = 0; i < 6; i++) claimed.push(...(await claim(store)));
    t.equal(owners(claimed), 'ababab');
    t.same(
      claimed.filter(({ userId }) => userId === 'a').map(({ id }) => id),
      ids.slice(0, 3),
    );
  });

  t.test('a user with more weight has as many more turns, from the first round on', async (t) => {
    const { store } = await makeWorld(t);
    store.setShares({ weight: 1, running: null, users: { b: { weight: 3, running: null } } });
    await given(store, ...of('a', 4), ...of('b', 8), ...of('c', 2));
    const claimed: Execution[] = [];
    for (let i = 0; i < 14; i++) claimed.push(...(await claim(store)));
    const share = (some: Execution[]) => owners(some.toSorted((a, b) => (a.userId < b.userId ? -1 : 1)));
    t.same([claimed.slice(0, 5), claimed.slice(5, 10)].map(share), ['abbbc', 'abbbc']);
    t.equal(share(claimed.slice(10)), 'aabb');
  });

  t.test('a place in the queue counts the turns of the others', async (t) => {
    const { store } = await makeWorld(t);
    await given(store, ...of('a', 100));
    const ids = await given(store, ...of('b', 3), ...of('c', 1));
    const places = await Promise.all(ids.map((id) => store.queuePosition(id)));
    t.same(places, [1, 4, 6, 2]);
    t.same(await store.queuePlace(ids[2] as string), { higher: 0, own: 2, others: 4 });
    const claimed = await claim(store, 8);
    t.same(
      ids.map((id) => claimed.findIndex((one) => one.id === id)),
      places,
      'and that is the order in which they are claimed',
    );
  });

  t.test('those with a concurrency key take part in the turns of their users', async (t) => {
    const { store } = await makeWorld(t);
    const keyed = { concurrency: { key: 'op', limit: 2 } };
    await given(store, ...of('a', 5, keyed), ...of('b', 2, keyed), ...of('a', 1), ...of('c', 1));
    const claimed = await claim(store, 10);
    t.equal(owners(claimed), 'abca', 'two of the key, and what needs none');
    await one(store, [settle((claimed[0] as Execution).id, 1)]);
    t.equal(owners(await claim(store, 10)), 'b', 'it is the turn of the next user');
  });

  t.test('no more of a user run than may, and nobody else waits for them', async (t) => {
    const { reopen, store } = await makeWorld(t);
    const shares = {
      weight: 1,
      running: 2,
      users: { b: { weight: 1, running: null }, d: { weight: 1, running: 0 } },
    };
    store.setShares(shares);
    const [first] = await given(store, ...of('a', 5), ...of('b', 4), ...of('d', 2));
    t.equal(owners(await claim(store, 4)), 'abab');
    t.equal(owners(await claim(store, 4)), 'bb');
    t.same(await claim(store, 4), []);
    const more = await one(store, [accept(newExecution({ userId: 'a' }), { claim: CLAIM })]);
    t.match(applied(more), [{ phase: 'queued' }], 'nor does one that brings a slot');
    applied(await one(store, [settle(first as string, 1)]));
    t.equal(owners(await claim(store, 4)), 'a');
    const again = await reopen();
    again.setShares(shares);
    t.same(await claim(again, 4), [], 'also after a restart');
    again.setShares({ ...shares, running: null });
    t.equal(owners(await claim(again, 9)), 'aaa', 'a bound that is gone');
  });
}

function quotas(t: Test, makeWorld: MakeWorld): void {
  const free = { user: null, all: null };
  const kept = { storeBytes: free, logBytes: free, logs: free };
  const quota = { queued: 2, kept };
  t.test('a user has as many in the queue as may, and another is not concerned', async (t) => {
    const { store, reopen } = await makeWorld(t);
    const add = async (store: Store, userId: string, more = {}) =>
      one(store, [accept(newExecution({ userId }), { quota, ...more })]);
    const [id] = applied(await add(store, 'a')).map((one) => one.id);
    applied(await add(store, 'a'));
    t.match(await add(store, 'a'), { status: 'refused', reason: 'user_queue_full' });
    applied(await add(store, 'b'));
    applied(await add(store, 'a', { claim: CLAIM }));
    applied(await one(store, [cancel(id as string, 'a')]));
    applied(await add(store, 'a'));
    const again = await reopen();
    t.match(await add(again, 'a'), { status: 'refused', reason: 'user_queue_full' });
  });

  t.test('when the queue is full, a user with less than an equal part of it still gets in', async (t) => {
    const { store, reopen } = await makeWorld(t);
    const add = async (store: Store, userId: string, more = {}) =>
      one(store, [accept(newExecution({ userId }), { maxQueued: 4, ...more })]);
    for (let i = 0; i < 4; i++) applied(await add(store, 'a'));
    t.match(await add(store, 'a'), { status: 'refused', reason: 'queue_full' });
    t.match(await add(store, 'b', { mayWait: false }), { status: 'refused', reason: 'queue_full' });
    for (let i = 0; i < 2; i++) applied(await add(store, 'b'));
    t.match(await add(store, 'b'), { status: 'refused', reason: 'queue_full' }, 'an equal part is two');
    applied(await add(store, 'c'));
    const none = { own: 0, total: 0 };
    const use = {
      waiting: { own: 4, total: 7, users: 3 },
      retrying: { ...none, users: 3 },
      running: { ...none, users: 1 },
    };
    t.same(store.queueUse('a'), use);
    const again = await reopen();
    t.same(again.queueUse('a'), use);
    applied(await add(again, 'd'));
    for (const userId of ['a', 'c', 'd', 'e']) t.match(await add(again, userId), { reason: 'queue_full' });
    t.equal((await claim(again, 9)).length, 8, 'twice the bound is the limit for everybody');
    t.match(again.queueUse('a').waiting, { own: 0, total: 0, users: 1 });
  });

  t.test('what waits for its next attempt counts like what waits for the first', async (t) => {
    const { store } = await makeWorld(t);
    const outcome = { ...EXIT_0, exitCode: 7 } as Outcome;
    const fail = async (userId: string) => {
      const executionId = await givenRunning(store, { userId });
      const retry = {
        type: 'retry',
        executionId,
        attempt: 1,
        outcome,
        end: END,
        waitMs: 6000,
      } as const;
      applied(await one(store, [retry]));
      return executionId;
    };
    const [first] = [await fail('a'), await fail('a')];
    t.match(store.queueUse('a'), { waiting: { own: 2, total: 2 }, retrying: { own: 2, total: 2 } });
    const add = async (userId: string, more = {}) => one(store, [accept(newExecution({ userId }), more)]);
    t.match(await add('a', { quota }), { status: 'refused', reason: 'user_queue_full' });
    t.match(await add('a', { quota, claim: CLAIM }), { reason: 'user_queue_full' }, 'with a slot, too');
    t.match(await add('a', { maxQueued: 2, claim: CLAIM }), { reason: 'user_queue_full' });
    t.match(await add('a', { maxQueued: 2 }), { reason: 'queue_full' });
    applied(await add('b', { quota, maxQueued: 2, claim: CLAIM }));
    applied(await add('b', { quota, maxQueued: 2 }));
    applied(await one(store, [cancel(first, 'a')]));
    applied(await add('a', { quota, claim: CLAIM }));
    t.match(store.queueUse('a'), { waiting: { own: 1, total: 2 }, retrying: { own: 1, total: 1 } });
  });

  t.test('what a refused group has counted is not counted', async (t) => {
    const { store } = await makeWorld(t);
    const twice = [
      accept(newExecution({ userId: 'a' }), { quota }),
      accept(newExecution(), { maxQueued: 0 }),
    ];
    for (let i = 0; i < 3; i++) t.match(await one(store, twice), { reason: 'queue_full' });
    applied(await one(store, [accept(newExecution({ userId: 'a' }), { quota: { queued: 1, kept } })]));
    t.match(store.keeps('b'), { storeBytes: { own: 0 } });
  });

  t.test('a user who keeps as much as they may adds nothing before something is removed', async (t) => {
    const { store, reopen } = await makeWorld(t);
    const bounds = (what: Kept, bound: KeptBounds[Kept]) => ({
      quota: { queued: null, kept: { ...kept, [what]: bound } },
    });
    const add = async (store: Store, more: Partial<AcceptPart>, userId = 'a') =>
      one(store, [accept(newExecution({ userId, labels: { name: 'ä' } }), { ...more, claim: CLAIM })]);
    const ids: string[] = [];
    for (let i = 0; i < 2; i++) {
      const { id } = applied(await add(store, {}))[0] as Execution;
      ids.push(id);
      // Each keeps five bytes.
      applied(await one(store, [settle(id, 1)]));
    }
    t.match(store.keeps('a'), { logBytes: { own: 10, total: 10 }, logs: { own: 2, total: 2 } });
    const { storeBytes } = store.keeps('a');
    t.ok(storeBytes.own > 2048);
    const over: [Kept, KeptBounds[Kept], object][] = [
      ['logBytes', { user: 10, all: null }, { of: 'user', used: 10, most: 10 }],
      ['logs', { user: 2, all: null }, { of: 'user', used: 2, most: 2 }],
      ['logs', { user: null, all: 2 }, { of: 'all', used: 2, most: 2 }],
      ['storeBytes', { user: storeBytes.own, all: null }, { of: 'user', used: storeBytes.own }],
      ['storeBytes', { user: null, all: storeBytes.own }, { of: 'all', most: storeBytes.own }],
    ];
    const isRefused = async (store: Store) => {
      for (const [what, bound, tooMuch] of over)
        t.match(await add(store, bounds(what, bound)), {
          ...{ status: 'refused', reason: 'quota_exceeded', tooMuch: { what, ...tooMuch } },
        });
    };
    await isRefused(store);
    // Another one has no part of it yet.
    applied(await add(store, bounds('logs', { user: 2, all: 2 }), 'b'));
    const again = await reopen();
    t.same(again.keeps('a').storeBytes.own, storeBytes.own, 'counted alike after a restart');
    await isRefused(again);
    applied(await one(again, [remove(ids[0] as string, 'a')]));
    t.match(again.keeps('a'), { storeBytes: { own: storeBytes.own / 2 }, logs: { own: 1 } });
    applied(await add(again, bounds('storeBytes', { user: storeBytes.own, all: null })));
  });

  t.test('results and answers of the cache are counted by their bytes until they are removed', async (t) => {
    const { store, reopen } = await makeWorld(t);
    const result = { type: 'json', value: '€'.repeat(1000) } as const;
    const work = newExecution({ userId: 'a' });
    applied(await one(store, [accept(work, { claim: CLAIM })]));
    applied(await one(store, [settle(work.id, 1, { result })]));
    const { own: first } = store.keeps('a').storeBytes;
    t.ok(first > 4000);
    const like = endedAtOnce(newExecution({ userId: 'a' }), { outcome: EXIT_0, result }, 1000);
    const each = [0, 1].map((at) => {
      const { id, trace } = newExecution();
      return { id, trace, at };
    });
    await store.commit([[{ type: 'answers', like, each }]]);
    const { own } = store.keeps('a').storeBytes;
    t.ok(own > first + 8000);
    const again = await reopen();
    t.equal(again.keeps('a').storeBytes.own, own);
    for (const { id } of [work, ...each]) applied(await one(again, [remove(id, 'a')]));
    const nothing = { own: 0, total: 0 };
    t.match(again.keeps('a'), { storeBytes: nothing, logBytes: nothing, logs: nothing });
  });
}

function apiKeys(t: Test, makeWorld: MakeWorld): void {
  const apiKey = (id: string, more: Partial<ApiKey> = {}): ApiKey => ({
    ...{ id, sha256: 'ab'.repeat(32), userId: 'ann', scopes: ['read', 'admin'], mayRun: 'any' },
    ...{ description: null, createdAt: 1, createdBy: 'root', replaces: null },
    ...{ expiresAt: null, revokedAt: null, lastUsedAt: null },
    ...more,
  });
  t.test('keys are kept as they were made, and their version tells that there are others', async (t) => {
    const { store, reopen } = await makeWorld(t);
    t.same(await store.apiKeys(-1), { version: 0, keys: [] });
    const keys = [apiKey('one'), apiKey('two', { createdAt: 2, mayRun: [{ program: '/x', env: ['A'] }] })];
    applied(await one(store, [{ type: 'api_keys', add: keys }]));
    const read = await store.apiKeys(0);
    t.same(read?.keys, keys);
    t.equal(await store.apiKeys(read?.version ?? 0), null);
    applied(await one(store, [{ type: 'api_keys', used: [{ id: 'one', at: 7 }] }]));
    t.equal(await store.apiKeys(read?.version ?? 0), null, 'use is no change');
    const again = await reopen();
    t.match(await again.apiKeys(-1), { version: read?.version, keys: [{ id: 'one', lastUsedAt: 7 }, {}] });
  });

  t.test(
    'an end of a key is only brought forward, a revocation stands, and no id is used twice',
    async (t) => {
      const { store, clock } = await makeWorld(t);
      applied(await one(store, [{ type: 'api_keys', add: [apiKey('one')] }]));
      for (const expiresAt of [50, 90, 20, 60])
        applied(await one(store, [{ type: 'api_keys', end: [{ id: 'one', expiresAt }] }]));
      for (const now of [5, 6]) {
        clock.now = now;
        applied(await one(store, [{ type: 'api_keys', revoke: ['one'] }]));
      }
      const again: Group = [{ type: 'api_keys', add: [apiKey('two'), apiKey('one')] }];
      t.match(await one(store, again), { status: 'refused', reason: 'key_exists' });
      t.match(await store.apiKeys(-1), { keys: [{ id: 'one', expiresAt: 20, revokedAt: 5 }] });
      t.equal((await store.apiKeys(-1))?.keys.length, 1);
    },
  );
}

function keptResults(t: Test, makeWorld: MakeWorld): void {
  t.test('kept results outlive the store, the newest first, and no more than asked for', async (t) => {
    const world = await makeWorld(t);
    const entry = (key: string, storedAt: number): CacheEntry => ({
      ...{ key, userId: 'ann', operation: null, runId: 'r', outcome: EXIT_0, result: null },
      ...{ storedAt, expiresAt: null },
    });
    const cache = (more: object) =>
      ({ type: 'cache', put: [], drop: [], keepAtMost: null, ...more }) as const;
    const put = ['a', 'b', 'c', 'd'].map((key, i) => entry(key, i));
    applied(await one(world.store, [cache({ put })]));
    applied(await one(world.store, [cache({ put: [entry('a', 9)], drop: ['d ann', 'none'] })]));
    const store = await world.reopen();
    t.same(
      (await store.cacheEntries(10)).map(({ key, storedAt }) => [key, storedAt]),
      [
        ['a', 9],
        ['c', 2],
        ['b', 1],
      ],
    );
    applied(await one(store, [cache({ keepAtMost: 1 })]));
    t.same(await store.cacheEntries(10), [entry('a', 9)]);
    const circuits = (put: string[], drop: string[] = []) =>
      ({ type: 'circuits', put: put.map((name) => ({ name, state: `"${name}"` })), drop }) as const;
    applied(await one(store, [circuits(['host:a', 'receiver:ann https://b'])]));
    applied(await one(store, [circuits(['host:a'], ['receiver:ann https://b', 'none'])]));
    t.same(await store.circuits(), [{ name: 'host:a', state: '"host:a"' }]);
  });
}

function history(t: Test, makeWorld: MakeWorld): void {
  t.test(
    'each group that touches an execution grows its revision by one and announces itself without a gap',
    async (t) => {
      const { store } = await makeWorld(t);
      const [id] = (await given(store, newExecution())) as [string];
      const seen = [await get(store, id)];
      for (const group of [
        [{ type: 'claim_next', pool: 'process', limit: 1, claim: CLAIM }],
        [requeue(id, 1)],
        [{ type: 'claim_next', pool: 'process', limit: 1, claim: CLAIM }],
        [cancel(id)],
        [settle(id, 2, { outcome: { cause: 'lost', detail: 'server_crash' } })],
      ] satisfies Group[]) {
        seen.push(...applied(await one(store, group)));
      }
      t.same(
        seen.map(({ revision }) => revision),
        [1, 2, 3, 4, 5, 6],
      );
      const events = await store.events('ann', id, 0);
      t.same(
        events.map(({ type }) => type),
        ['accepted', 'queued', 'started', 'queued', 'started', 'status_changed', 'lost', 'failed'],
      );
      t.same(
        events.map(({ sequence }) => sequence),
        [1, 2, 3, 4, 5, 6, 7, 8],
      );
      t.same(
        (await store.events('ann', id, 6)).map(({ type }) => type),
        ['lost', 'failed'],
      );
      t.equal((await get(store, id)).eventSequence, 8);
    },
  );

  t.test(
    'positions grow over all executions in the order of the commits, and are never given out twice',
    async (t) => {
      const { store, reopen } = await makeWorld(t);
      const first = await one(store, [accept(newExecution())]);
      const second = await one(store, [accept(newExecution(), { claim: CLAIM })]);
      const positions = [first, second].flatMap((result) =>
        result.status === 'applied' ? result.events.map(({ position }) => position) : [],
      );
      t.same(
        positions,
        [...positions].sort((a, b) => a - b),
      );
      const id = applied(second)[0]?.id as string;
      applied(await one(store, [settle(id, 1)]));
      applied(await one(store, [remove(id)]));
      const again = await reopen();
      const third = await one(again, [accept(newExecution())]);
      const last = third.status === 'applied' ? (third.events[0]?.position ?? 0) : 0;
      t.ok(last > (positions.at(-1) ?? 0) + 1, 'not even those of what was removed');
    },
  );
}

function retention(t: Test, makeWorld: MakeWorld): void {
  t.test('only what has finished can be removed, and then nothing of it is left', async (t) => {
    const { store } = await makeWorld(t);
    const id = await givenRunning(store, { labels: { a: 'b' } });
    t.match(await one(store, [remove(id)]), {
      status: 'refused',
      reason: 'illegal',
      execution: { status: 'running' },
    });
    applied(await one(store, [settle(id, 1)]));
    t.same(await store.missing([id, newExecution().id]).then((ids) => ids.length), 1);
    const [last] = applied(await one(store, [remove(id)]));
    t.equal(last?.attempts.length, 1, 'the answer says which logs there were');
    t.equal(await store.get(null, id), null);
    t.same(await store.events(null, id, 0), []);
    t.same((await store.list({ userId: null, label: [{ name: 'a', value: 'b' }] }, 10, null)).executions, []);
    t.same(await store.missing([id]), [id]);
    t.same(await one(store, [remove(id)]), { status: 'refused', reason: 'not_found' });
    t.match(await store.counts(), { running: 0, finished: { completed: 0 } });
  });

  t.test(
    'what has expired is what ended too long ago, and the oldest ends above the count, never what lives',
    async (t) => {
      const { store, clock } = await makeWorld(t);
      const ids: string[] = [];
      for (const at of [9000, 3000, 7000, 5000]) {
        clock.now = 1;
        const id = await givenRunning(store);
        clock.now = at;
        applied(await one(store, [settle(id, 1)]));
        ids.push(id);
      }
      clock.now = 1;
      await givenRunning(store);
      await given(store, newExecution());
      const [at9, at3, at7, at5] = ids;
      const expired = async (
        finishedBefore: number,
        keep: number,
        limit: number,
        failedBefore = finishedBefore,
      ) => (await store.expired({ finishedBefore, failedBefore }, keep, limit)).map(({ id }) => id);
      t.same(await expired(3000, 100, 10), []);
      t.same(await expired(5001, 100, 10), [at3, at5], 'counted from the end, not from the beginning');
      t.same(await expired(0, 1, 10), [at3, at5, at7]);
      t.same(await expired(0, 0, 2), [at3, at5], 'no more than asked for');
      t.same(await expired(10_000, 0, 10), [at3, at5, at7, at9]);
      for (const [at, outcome] of [
        [2000, { ...EXIT_0, exitCode: 1 } as Outcome],
        [4000, { cause: 'cancelled', reason: null, process: null } as Outcome],
      ] as const) {
        clock.now = 1;
        const id = await givenRunning(store);
        clock.now = at;
        applied(await one(store, [settle(id, 1, { outcome })]));
        ids.push(id);
      }
      const [failed, cancelled] = ids.slice(-2);
      t.same(await expired(5001, 100, 10, 2000), [at3, cancelled, at5], 'what failed is kept longer');
      t.same(await expired(5001, 100, 10, 2001), [failed, at3, cancelled, at5]);
      t.same(await expired(0, 1, 10), [at3, cancelled, at5, at7, at9], 'and above the count');
      t.same(await expired(0, 0, 10), [at3, cancelled, at5, at7, at9, failed]);
    },
  );

  t.test(
    'what is above the count goes from those who keep most: answers of the cache, successes, then failures, the oldest first',
    async (t) => {
      const { store, clock, reopen } = await makeWorld(t);
      const names = new Map<string, string>();
      const end = async (name: string, userId: string, at: number) => {
        clock.now = 1;
        const id = await givenRunning(store, { userId });
        clock.now = at;
        applied(await one(store, [settle(id, 1)]));
        names.set(id, name);
      };
      const hit = async (name: string, userId: string, at: number) => {
        clock.now = at;
        const execution = newExecution({ userId });
        applied(await one(store, [accept(execution, { end: { outcome: EXIT_0, result: null } })]));
        names.set(execution.id, name);
      };
      await end('bob 1', 'bob', 1000);
      await end('ann 2', 'ann', 2000);
      await hit('ann 3', 'ann', 3000);
      await end('ann 4', 'ann', 4000);
      await hit('ann 5', 'ann', 5000);
      await end('bob 6', 'bob', 6000);
      const expired = async (in_: Store, keep: number, youngAfter?: number) =>
        (await in_.expired(NO_AGE, keep, 100, youngAfter)).map(({ id }) => names.get(id));
      t.same(await expired(store, 6), []);
      t.same(await expired(store, 4), ['ann 3', 'ann 5'], 'not the oldest of all, which is of another user');
      t.same(await expired(store, 3), ['ann 3', 'ann 5', 'ann 2'], 'down to one level');
      t.same(await expired(store, 4, 4000), ['ann 3', 'ann 2'], 'not what is young');
      t.same(await expired(store, 4, 1500), [], 'nor from others instead');
      t.same(await expired(store, 2, 500), ['ann 3', 'ann 5'], 'but more than twice the count never stay');
      const above = async (keepBytes: number, youngAfter = Infinity) =>
        (await store.aboveBytes(keepBytes, 100, youngAfter)).map(({ id }) => names.get(id));
      t.same(await above(1e9), []);
      const all = ['ann 3', 'ann 5', 'ann 2', 'ann 4', 'bob 1', 'bob 6'];
      t.same(await above(0), all, 'by their bytes as well');
      const bytes = dataBytesOf(mapKept(store.keeps('ann')));
      t.same(await above(bytes - 1), ['ann 3'], 'and one above the bound');
      t.same(await above(bytes - 1, 500), [], 'which is young');
      t.same(await expired(await reopen(), 4), ['ann 3', 'ann 5']);
    },
  );
}

function leases(t: Test, makeWorld: MakeWorld): void {
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

function restarts(t: Test, makeWorld: MakeWorld): void {
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

export function anyOrder(t: Test, makeWorld: MakeWorld): void {
  t.test('whatever is done in whatever order, the counts are right and an end is final', async (t) => {
    const { store } = await makeWorld(t);
    const ends = new Map<string, string>();
    const ids: string[] = [];
    const step = fc.record({
      what: fc.constantFrom('accept', 'claimed', 'claim', 'cancel', 'settle', 'requeue', 'remove'),
      which: fc.nat(30),
      attempt: fc.integer({ min: 0, max: 3 }),
    });
    const groupOf = ({ what, which, attempt }: { what: string; which: number; attempt: number }): Group => {
      const id = ids[which % Math.max(1, ids.length)] ?? newExecution().id;
      if (what === 'accept' || what === 'claimed') {
        const execution = newExecution();
        ids.push(execution.id);
        return [accept(execution, { claim: what === 'claimed' ? CLAIM : null })];
      }
      if (what === 'claim') return [{ type: 'claim_next', pool: 'process', limit: 2, claim: CLAIM }];
      if (what === 'cancel') return [cancel(id)];
      if (what === 'settle') return [settle(id, attempt)];
      return what === 'requeue' ? [requeue(id, attempt)] : [remove(id)];
    };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const groups = steps.map(groupOf);
        const results = await store.commit(groups);
        results.forEach((result, i) => {
          if (result.status !== 'applied') return;
          const isRemoval = groups[i]?.[0]?.type === 'remove';
          for (const execution of result.executions) {
            const known = ends.get(execution.id);
            if (known !== undefined && (!isFinished(execution) || execution.status !== known))
              throw new Error('an end changed');
            if (isRemoval) ends.delete(execution.id);
            else if (isFinished(execution)) ends.set(execution.id, execution.status);
          }
        });
        const { executions: stored } = await store.list({ userId: null }, 100_000, null);
        const counts = await store.counts();
        const count = (status: string) => stored.filter((execution) => execution.status === status).length;
        if (count('pending') !== counts.pending || count('running') !== counts.running)
          throw new Error('counts are off');
        if (count('completed') !== counts.finished.completed) throw new Error('counts of ends are off');
        const waiting = stored.filter(({ status }) => status === 'pending');
        const positions = await Promise.all(waiting.map(({ id }) => store.queuePosition(id)));
        positions.sort((a, b) => (a ?? -1) - (b ?? -1));
        if (positions.some((position, i) => position !== i)) throw new Error('positions are off');
      }),
      { numRuns: rounds(12) },
    );
    t.pass();
  });
}

const mapKept = (use: KeptUse) =>
  Object.fromEntries(KEPT.map((what) => [what, use[what].total])) as Record<Kept, number>;
