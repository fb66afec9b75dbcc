import t from 'tap';
import { type Caller, LOCAL_CALLER } from '../../src/domain/spec/access.ts';
import { RefusedError } from '../../src/domain/errors.ts';
import type { Execution } from '../../src/domain/execution/execution.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { Spec } from '../../src/domain/spec/spec.ts';
import { NO_OPERATIONS } from '../../src/domain/operations/operation.ts';
import { type Store, StoreError } from '../../src/domain/ports/store.ts';
import type { Group } from '../../src/domain/ports/group.ts';
import type { Submitted } from '../../src/engine/engine.ts';
import { resolveSpec } from '../../src/engine/policies/operations.ts';
import { fakeClock } from '../helpers/clock.ts';
import { engineWorld, type EngineWorld } from '../helpers/engine-world.ts';
import { tempDir } from '../helpers/temp.ts';
import { heard } from '../helpers/heard.ts';
import { EXIT_0 } from '../helpers/records.ts';

const CACHED = { cache: {} } satisfies Partial<Spec>;
const FAILED = { ...EXIT_0, exitCode: 7 } as Outcome;

const statusOf = (execution: Execution) => execution.cache?.status;

/** Ends the live attempt, and waits until all of these have ended. */
async function endRun(world: EngineWorld, ids: string[], outcome: Outcome = EXIT_0): Promise<void> {
  world.runner.live[0]?.begin();
  world.runner.live[0]?.end(outcome);
  const open = [...ids];
  await heard('all have ended', async () => {
    while (open[0] !== undefined && (await world.store.get(null, open[0]))?.phase === 'done') open.shift();
    return open.length === 0;
  });
}

async function asUser(world: EngineWorld, userId: string, spec: Partial<Spec>): Promise<Execution> {
  const caller: Caller = { ...LOCAL_CALLER, userId };
  const whole = { kind: 'exec', program: 'true', ...spec } as Spec;
  const submission = { spec: whole, trace: null, idempotency: null, rerunOf: null };
  return (await world.engine.submit(caller, submission)).execution;
}

t.test('a thousand identical requests at once are one run, and end together', async (t) => {
  const world = await engineWorld(t);
  const all = await Promise.all(Array.from({ length: 1000 }, () => world.submit(CACHED)));
  t.equal(world.runner.live.length, 1);
  t.equal(all.filter((one) => statusOf(one) === 'miss').length, 1);
  t.equal(all.filter((one) => statusOf(one) === 'joined').length, 999);
  t.equal(new Set(all.map(({ runId }) => runId)).size, 1);
  t.match((await world.engine.stats()).concurrency.process, { running: 1, pending: 0 }, 'they hold no slot');
  await endRun(
    world,
    all.map(({ id }) => id),
  );
  for (const { id } of all) {
    const one = await world.get(id);
    t.match(one, { status: 'completed', attempts: [{ number: 1 }] });
  }
  t.equal(world.engine.cacheStats().joined, 999);
  const later = await world.submit(CACHED);
  t.match(later, { status: 'completed', phase: 'done', cache: { status: 'hit' }, attempts: [] });
  t.equal(world.runner.live.length, 0);
});

t.test('without a cache block each request is a run of its own', async (t) => {
  const world = await engineWorld(t, { slots: 1000 });
  await Promise.all(Array.from({ length: 1000 }, () => world.submit()));
  t.equal(world.runner.live.length, 1000);
});

t.test('cancel ends one of those that share a run, and the last to leave ends the run', async (t) => {
  const world = await engineWorld(t);
  const all = await Promise.all(Array.from({ length: 1000 }, () => world.submit(CACHED)));
  const last = all.at(-1)?.id ?? '';
  // The one that began the run is among those that leave first.
  for (const { id } of all.slice(0, 999)) {
    await world.engine.cancel(LOCAL_CALLER, id, null);
    t.match(await world.get(id), { status: 'cancelled' });
  }
  t.same(world.runner.live[0]?.stops, [], 'the run goes on');
  t.match(await world.get(last), { status: 'running', phase: 'starting', attempts: [{ number: 1 }] });
  await world.engine.cancel(LOCAL_CALLER, last, 'enough');
  t.match(world.runner.live[0]?.stops, [{ cause: 'cancelled' }]);
  await endRun(world, [last], { cause: 'cancelled', reason: 'enough', process: null });
  t.match(await world.get(last), { status: 'cancelled', outcome: { reason: 'enough' } });
  const next = await world.submit(CACHED);
  t.equal(statusOf(next), 'miss', 'a cancelled run leaves nothing');
  await endRun(world, [next.id]);
});

t.test('when the one that began a run has left it, its end is that of the others', async (t) => {
  const world = await engineWorld(t);
  const [first, second, third] = await Promise.all([
    world.submit(CACHED),
    world.submit(CACHED),
    world.submit(CACHED),
  ]);
  await world.engine.cancel(LOCAL_CALLER, first.id, null);
  const late = await world.submit(CACHED);
  t.equal(statusOf(late), 'joined', 'and it can still be joined');
  await endRun(
    world,
    [second, third, late].map((one) => one.id),
  );
  t.match(await world.get(second.id), { status: 'completed', attempts: [{ number: 1 }] });
  t.match(await world.get(first.id), { status: 'cancelled' });
  t.equal(statusOf(await world.submit(CACHED)), 'hit');
});

t.test('a total limit ends the one whose it is, and the run only when nobody shares it', async (t) => {
  const world = await engineWorld(t);
  const spec = { ...CACHED, timeouts: { total_ms: 1000 } };
  const first = await world.submit(spec);
  await world.clock.advance(500);
  const second = await world.submit(spec);
  t.equal(statusOf(second), 'joined');
  await world.clock.advance(500);
  await heard('the first has ended', async () => (await world.get(first.id)).phase === 'done');
  t.match(await world.get(first.id), { status: 'timed_out', outcome: { cause: 'total_timeout' } });
  t.same(world.runner.live[0]?.stops, []);
  await world.clock.advance(500);
  t.match(world.runner.live[0]?.stops, [{ cause: 'total_timeout', limitMs: 1000 }]);
  await endRun(world, [second.id], { cause: 'total_timeout', limitMs: 1000, process: null });
});

t.test('those that joined a run that is lost run again, as one', async (t) => {
  const world = await engineWorld(t, { slots: 5 });
  const all = await Promise.all(Array.from({ length: 5 }, () => world.submit(CACHED)));
  const [first, ...others] = all.map(({ id }) => id) as [string, ...string[]];
  world.runner.live[0]?.begin();
  world.runner.live[0]?.interrupt(true);
  await heard('the first is lost', async () => (await world.get(first)).phase === 'done');
  t.match(await world.get(first), { status: 'failed', outcome: { cause: 'lost' } });
  await heard('another run has begun', () => world.runner.live.length === 1);
  const late = await world.submit(CACHED);
  t.equal(statusOf(late), 'joined');
  await endRun(world, [...others, late.id]);
  for (const id of others) t.match(await world.get(id), { status: 'completed', attempts: { length: 1 } });
});

t.test('after a restart the same work joins what is left of before, whatever it waits for', async (t) => {
  const dir = tempDir(t);
  const clock = fakeClock();
  const before = await engineWorld(t, { dir, clock, slots: 2 });
  const backoff = { ...CACHED, retry: { attempts: 2, min_ms: 60_000, jitter: 0 } };
  const begun = { ...CACHED, args: ['begun'] };
  const queued = { ...CACHED, args: ['queued'] };
  const specs = [backoff, begun, queued];
  const waits = await before.submit(backoff);
  before.runner.live[0]?.begin();
  before.runner.live[0]?.end(FAILED);
  await heard('it waits', async () => (await before.get(waits.id)).phase === 'scheduled_retry');
  const first = await before.submit(begun);
  await before.submit({ program: 'sleep' });
  await heard('both run', () => before.runner.live.length === 2);
  await before.submit(begun);
  const runs = [waits.id, first.id, (await before.submit(queued)).id];
  await before.engine.close();
  const world = await engineWorld(t, { dir, clock, slots: 2, isOpen: false });
  world.engine.open();
  for (const [i, spec] of specs.entries())
    t.match(await world.submit(spec), { runId: runs[i], phase: 'joined', cache: { status: 'joined' } });
});

t.test('a failed run ends all that share it, and leaves nothing behind', async (t) => {
  const world = await engineWorld(t);
  const [first, second] = await Promise.all([world.submit(CACHED), world.submit(CACHED)]);
  await endRun(world, [first.id, second.id], FAILED);
  t.match(await world.get(second.id), { status: 'failed', outcome: { exitCode: 7 } });
  t.equal(statusOf(await world.submit(CACHED)), 'miss');
});

t.test('retries of a shared run are shared too', async (t) => {
  const world = await engineWorld(t);
  const spec = { ...CACHED, retry: { attempts: 2, jitter: 0 } };
  const [first, second] = await Promise.all([world.submit(spec), world.submit(spec)]);
  const ids: [string, string] = [first.id, second.id];
  world.runner.live[0]?.begin();
  world.runner.live[0]?.end(FAILED);
  await heard('it waits', async () => (await world.get(ids[0])).phase === 'scheduled_retry');
  await world.engine.cancel(LOCAL_CALLER, ids[0], null);
  t.match(await world.get(ids[1]), { phase: 'scheduled_retry' }, 'the other one has taken its place');
  await world.clock.advance(1000);
  await heard('it is tried again', () => world.runner.live.length === 1);
  await endRun(world, ids);
  t.match(await world.get(ids[1]), { status: 'completed', attempts: { length: 2 } });
});

t.test('never the result of another user, task, work, limit or salt', async (t) => {
  const world = await engineWorld(t, { slots: 50 });
  const base = { program: 'echo', args: ['1'], cache: {} } as Partial<Spec>;
  const others: [string, Partial<Spec>][] = [
    ['ann', base],
    ['bob', base],
    ['ann', { ...base, args: ['2'] }],
    ['ann', { ...base, env: { A: '1' } }],
    ['ann', { ...base, task_id: 't1' }],
    ['ann', { ...base, task_id: 't2' }],
    ['ann', { ...base, cache: { salt: 'x' } }],
    ['ann', { ...base, timeouts: { attempt_ms: 5 } }],
    ['ann', { ...base, output: { max_bytes: 5 } }],
  ];
  const keys = new Set<string | undefined>();
  for (const [user, spec] of others) {
    const one = await asUser(world, user, spec);
    t.equal(statusOf(one), 'miss', JSON.stringify([user, spec]));
    keys.add(one.cache?.key);
  }
  t.equal(keys.size, others.length);
  const same = await asUser(world, 'ann', { ...base, labels: { a: 'b' }, priority: 5 });
  t.equal(statusOf(same), 'joined', 'what does not change the result does not matter');
  const task = await asUser(world, 'ann', { ...base, task_id: 't3', cache: { scope: 'user' } });
  t.equal(statusOf(task), 'joined', 'nor does the task, when the scope is the user');
});

t.test('fields that are excluded do not tell results apart', async (t) => {
  const world = await engineWorld(t);
  const spec = (id: string) => ({
    env: { BUILD_ID: id, CC: 'gcc' },
    cache: { key_exclude: ['env.BUILD_ID'] },
  });
  const first = await world.submit(spec('1'));
  t.equal(statusOf(await world.submit(spec('2'))), 'joined');
  t.equal(first.cache?.key.length, 64);
});

t.test('a global result is shared when it has finished, a global run is not', async (t) => {
  const world = await engineWorld(t, { slots: 5 });
  const spec = { cache: { scope: 'global' } } satisfies Partial<Spec>;
  const first = await asUser(world, 'ann', spec);
  t.equal(statusOf(await asUser(world, 'ann', spec)), 'joined');
  const other = await asUser(world, 'bob', spec);
  t.equal(statusOf(other), 'miss');
  t.equal(first.cache?.key, other.cache?.key);
  await endRun(world, [first.id]);
  t.equal(statusOf(await asUser(world, 'carl', spec)), 'hit');
  const caller: Caller = { ...LOCAL_CALLER, scopes: new Set(['submit', 'read']) };
  const submission = {
    spec: { kind: 'exec', program: 'true', ...spec } as Spec,
    trace: null,
    idempotency: null,
    rerunOf: null,
  };
  await t.rejects(world.engine.submit(caller, submission), RefusedError);
});

t.test('who takes a shared result has no say in how it is made and kept', async (t) => {
  const shared = { scope: 'global' } as const;
  const world = await engineWorld(t, {
    slots: 9,
    deps: {
      // As of an operation whose results are shared.
      resolve: (spec) => {
        const settings = { ...spec, cache: { ...shared, ...spec.cache } };
        return { ...resolveSpec(NO_OPERATIONS, spec), settings };
      },
    },
  });
  const caller: Caller = { ...LOCAL_CALLER, scopes: new Set(['submit', 'read']) };
  const submit = (cache: Spec['cache']) => {
    const spec = { kind: 'exec', program: 'true', ...(cache === undefined ? {} : { cache }) } as Spec;
    return world.engine.submit(caller, { spec, trace: null, idempotency: null, rerunOf: null });
  };
  for (const cache of [
    { key_exclude: ['args'] },
    { ttl_s: 0 },
    { mode: 'refresh' },
    { mode: 'write' },
    { salt: 'x' },
  ] as const) {
    await t.rejects(submit(cache as Spec['cache']), RefusedError, JSON.stringify(cache));
  }
  for (const cache of [undefined, {}, { mode: 'read' }, { mode: 'read_write' }] as const) {
    t.ok((await submit(cache)).execution.cache);
  }
});

t.test('large results in answers that are not stored yet are bounded', async (t) => {
  const world = await engineWorld(t);
  const value = 'x'.repeat(1_000_000);
  const first = await world.submit(CACHED);
  world.runner.live[0]?.begin();
  world.runner.live[0]?.end();
  await heard('it has ended', async () => (await world.get(first.id)).phase === 'done');
  const entry = world.engine.cacheEntry(LOCAL_CALLER, first.cache?.key ?? '');
  if (entry === null) throw new Error('nothing is kept');
  entry.result = { type: 'json', value };
  const hits = await Promise.all(Array.from({ length: 40 }, () => world.submit(CACHED)));
  t.ok(hits.every((hit) => statusOf(hit) === 'hit'));
  const unstored = await Promise.all(hits.map(({ id }) => world.store.get(null, id)));
  t.ok(unstored.filter((one) => one === null).length <= 17, 'the others have waited for the store');
  const { views: listed } = await world.engine.list({ userId: 'local' }, 100, null);
  t.equal(listed.length, 41, 'and a listing has them all');
});

t.test(
  'what is left out of a key is part of it, so that nobody makes the result of another request',
  async (t) => {
    const world = await engineWorld(t, { slots: 5 });
    const evil = await world.submit({ env: { NAME: 'evil' }, cache: { key_exclude: ['env.NAME'] } });
    const plain = await world.submit({ env: {}, cache: {} });
    t.not(evil.cache?.key, plain.cache?.key);
  },
);

t.test('each gets the tries that it has asked for', async (t) => {
  const world = await engineWorld(t, { slots: 5 });
  const first = await world.submit(CACHED);
  const second = await world.submit({ ...CACHED, retry: { attempts: 3 } });
  t.same([statusOf(first), statusOf(second)], ['miss', 'miss']);
  t.equal(first.cache?.key, second.cache?.key, 'a result is a result');
  t.equal(statusOf(await world.submit({ ...CACHED, retry: { attempts: 3 } })), 'joined');
});

t.test('a run takes so many, and the next one the others', async (t) => {
  const world = await engineWorld(t, { slots: 5 });
  const spec = { cache: {}, output: { parse: 'json' } } satisfies Partial<Spec>;
  const all = await Promise.all(Array.from({ length: 100 }, () => world.submit(spec)));
  t.equal(all.filter((one) => statusOf(one) === 'miss').length, 2);
  t.equal(world.runner.live.length, 2);
});

t.test('who joins a run needs no slot, so that there is nothing to reject', async (t) => {
  const world = await engineWorld(t, { slots: 1 });
  const spec = { ...CACHED, on_limit: 'reject' } satisfies Partial<Spec>;
  t.equal(statusOf(await world.submit(spec)), 'miss');
  t.equal(statusOf(await world.submit(spec)), 'joined');
  await t.rejects(world.submit({ ...spec, cache: { salt: 'other' } }), /EXECUTION_MAX_CONCURRENT/);
});

t.test('those who join are counted among those who wait', async (t) => {
  const world = await engineWorld(t, { slots: 1, maxQueued: 2 });
  await world.submit(CACHED);
  await world.submit(CACHED);
  await world.submit(CACHED);
  await t.rejects(world.submit(CACHED), /EXECUTION_MAX_QUEUED/);
});

t.test('each mode does what it says', async (t) => {
  const world = await engineWorld(t, { slots: 20 });
  const submit = (mode: 'read_write' | 'read' | 'write' | 'refresh' | 'bypass') =>
    world.submit({ cache: { mode } });
  const read = await submit('read');
  await endRun(world, [read.id]);
  t.equal(world.engine.cacheStats().entries, 0, 'read stores nothing');
  const write = await submit('write');
  const another = await submit('write');
  t.same([statusOf(write), statusOf(another)], ['miss', 'miss'], 'write neither looks up nor joins');
  await endRun(world, [write.id]);
  await endRun(world, [another.id]);
  t.equal(statusOf(await submit('read')), 'hit');
  t.equal(statusOf(await submit('read_write')), 'hit');
  const refresh = await submit('refresh');
  t.equal(statusOf(refresh), 'miss');
  t.equal(world.engine.cacheStats().entries, 0, 'nobody reads the old one while the new one is made');
  t.equal(statusOf(await submit('read_write')), 'joined');
  const bypass = await submit('bypass');
  t.equal(bypass.cache, null);
  await endRun(world, [refresh.id]);
  t.equal(statusOf(await submit('read_write')), 'hit');
});

t.test('a result expires after its time, and never with 0', async (t) => {
  const world = await engineWorld(t);
  const short = { cache: { ttl_s: 10 } } satisfies Partial<Spec>;
  const first = await world.submit(short);
  await endRun(world, [first.id]);
  await world.clock.advance(9999);
  t.equal(statusOf(await world.submit(short)), 'hit');
  await world.clock.advance(1);
  const again = await world.submit({ cache: { ttl_s: 0 } });
  t.equal(statusOf(again), 'miss');
  await endRun(world, [again.id]);
  await world.clock.advance(3_000_000_000);
  t.equal(statusOf(await world.submit(short)), 'hit', 'the new entry has its own time');
  t.equal(world.engine.cacheStats().expirations, 1);
});

t.test('what has expired leaves the memory by itself, also where executions are not removed', async (t) => {
  const world = await engineWorld(t);
  const one = await world.submit({ cache: { ttl_s: 1 } });
  await endRun(world, [one.id]);
  t.match(world.engine.cacheStats(), { entries: 1, expiring: 1, expirations: 0 });
  await world.clock.advance(300_000);
  await heard('it is swept', () => world.engine.cacheStats().expirations === 1);
  t.match(world.engine.cacheStats(), { entries: 0, expiring: 0 });
  t.match(await world.get(one.id), { status: 'completed' }, 'the execution stays');
});

t.test('a hit can be read before it is stored, and is stored', async (t) => {
  const world = await engineWorld(t);
  const first = await world.submit(CACHED);
  await endRun(world, [first.id]);
  const hit = await world.submit(CACHED);
  t.match(await world.get(hit.id), { id: hit.id, status: 'completed', cache: { status: 'hit' } });
  await heard('it is stored', async () => (await world.store.get(null, hit.id)) !== null);
  const { queueSequence: _, ...stored } = { queueSequence: 0, ...(await world.store.get(null, hit.id)) };
  t.same(stored, hit, 'as it was answered');
  t.same(
    (await world.store.events(null, hit.id, 0)).map(({ type }) => type),
    ['accepted', 'completed'],
  );
});

t.test('a hit can be removed, and not be cancelled, from the first moment', async (t) => {
  const world = await engineWorld(t);
  const first = await world.submit(CACHED);
  await endRun(world, [first.id]);
  const [one, other] = [await world.submit(CACHED), await world.submit(CACHED)];
  await t.rejects(world.engine.cancel(LOCAL_CALLER, one.id, null), /is completed/);
  await world.engine.remove(LOCAL_CALLER, other.id);
  await t.rejects(world.get(other.id), /There is no execution/);
});

t.test('hits outlive a restart', async (t) => {
  const world = await engineWorld(t);
  const first = await world.submit(CACHED);
  await endRun(world, [first.id]);
  const hits = await Promise.all(Array.from({ length: 50 }, () => world.submit(CACHED)));
  await world.engine.drain();
  const stored = await Promise.all(hits.map(({ id }) => world.store.get(null, id)));
  t.ok(stored.every((one) => one?.status === 'completed'));
});

/** Submits a spec that the caller keeps, as HTTP does for bodies that keep coming. */
async function repeat(world: EngineWorld, spec: Spec, caller: Caller = LOCAL_CALLER): Promise<Submitted> {
  const submission = { spec, trace: null, idempotency: null, rerunOf: null, isRepeated: true };
  return world.engine.submit(caller, submission);
}

const KEPT = { kind: 'exec', program: 'true', cache: {}, labels: { team: 'infra' } } as const satisfies Spec;

t.test('a request that keeps coming is worked out once, and each answer has its own record', async (t) => {
  let worked = 0;
  const resolve = (spec: Spec) => {
    worked += 1;
    return resolveSpec(NO_OPERATIONS, spec);
  };
  const world = await engineWorld(t, { deps: { resolve } });
  const told: string[] = [];
  const { execution: first } = await repeat(world, KEPT);
  await endRun(world, [first.id]);
  world.engine.listen(({ type, executionId }) => told.push(`${executionId} ${type}`));
  const trace = { traceId: 'a'.repeat(32), parentId: 'b'.repeat(16), flags: '00' };
  const one = await repeat(world, KEPT);
  await world.clock.advance(5);
  const other = await world.engine.submit(LOCAL_CALLER, {
    ...{ spec: KEPT, trace, idempotency: null, rerunOf: null, isRepeated: true },
  });
  t.equal(worked, 2);
  t.ok(one.like !== undefined && one.like === other.like);
  const { id } = other.execution;
  const at = world.clock.now();
  const times = { createdAt: at, queuedAt: at, finishedAt: at };
  t.same(other.execution, { ...one.execution, id, runId: id, trace, ...times });
  t.match(await world.get(id), other.execution, 'it can be read at once');
  await t.rejects(
    world.engine.get({ ...LOCAL_CALLER, userId: 'ann' }, id),
    /There is no execution/,
    'by nobody else',
  );
  t.match(world.engine.cacheStats(), { hits: 2, misses: 1 });
  const { views: listed } = await world.engine.list(
    { userId: 'local', label: [{ name: 'team', value: 'infra' }] },
    10,
    null,
  );
  t.same(
    listed.map(({ execution }) => execution),
    [other.execution, one.execution, await world.get(first.id)],
  );
  t.same(told, [
    ...[`${one.execution.id} accepted`, `${one.execution.id} completed`],
    ...[`${id} accepted`, `${id} completed`],
  ]);
});

t.test('what was worked out holds for one caller, one result and one configuration', async (t) => {
  const world = await engineWorld(t);
  const { execution: first } = await repeat(world, KEPT);
  await endRun(world, [first.id]);
  const { like } = await repeat(world, KEPT);
  const ann: Caller = { ...LOCAL_CALLER, userId: 'ann' };
  const { execution: hers } = await repeat(world, KEPT, ann);
  t.match(hers, { userId: 'ann', cache: { status: 'miss' } }, 'another user has nothing of it');
  await endRun(world, [hers.id]);
  t.match((await repeat(world, KEPT, ann)).execution, { userId: 'ann', cache: { status: 'hit' } });
  await t.rejects(repeat(world, KEPT, { ...LOCAL_CALLER, mayRun: [] }), /may not run "true"/);
  world.engine.forgetPolicies();
  const anew = await repeat(world, KEPT);
  t.equal(statusOf(anew.execution), 'hit');
  t.not(anew.like, like, 'a new configuration');
  const refresh = await world.submit({ ...KEPT, cache: { mode: 'refresh' } });
  await endRun(world, [refresh.id]);
  const fresh = await repeat(world, KEPT);
  t.match(await world.get(refresh.id), { finishedAt: fresh.execution.cache?.storedAt });
  t.not(fresh.like, anew.like, 'a new result');
  await world.clock.advance(3_600_000);
  t.equal(statusOf((await repeat(world, KEPT)).execution), 'miss', 'none that has expired');
});

t.test('large answers are not remembered', async (t) => {
  const world = await engineWorld(t);
  const spec: Spec = { ...KEPT, env: { LARGE: 'x'.repeat(6000) } };
  const { execution: first } = await repeat(world, spec);
  await endRun(world, [first.id]);
  const answers = [await repeat(world, spec), await repeat(world, spec)];
  t.same(
    answers.map(({ execution, like }) => [statusOf(execution), like]),
    [
      ['hit', undefined],
      ['hit', undefined],
    ],
  );
});

t.test(
  'answers are stored once and told once, also when the store has failed after it wrote them',
  async (t) => {
    let fails = 0;
    const wrap = (store: Store): Store =>
      new Proxy(store, {
        get(target, name) {
          if (name !== 'commit') {
            const value: unknown = Reflect.get(target, name);
            return typeof value === 'function' ? (value.bind(target) as unknown) : value;
          }
          return async (groups: readonly Group[], by?: number) => {
            const results = await target.commit(groups, by);
            const isAnswers = groups.some(([part]) => part?.type === 'answers');
            if (isAnswers && (fails += 1) === 1) throw new StoreError('the power is gone');
            return results;
          };
        },
      });
    const world = await engineWorld(t, { wrap });
    const first = await world.submit(KEPT);
    await endRun(world, [first.id]);
    const told = new Map<string, number[]>();
    world.engine.listen(({ executionId, position }) =>
      told.set(executionId, [...(told.get(executionId) ?? []), position]),
    );
    const hits = [await repeat(world, KEPT), await repeat(world, KEPT), await repeat(world, KEPT)];
    await heard('the retry is due', () => world.clock.hasTimer(1000));
    await world.clock.advance(1000);
    await world.engine.drain();
    t.match(await world.store.counts(), { finished: { completed: 4 } });
    for (const { execution } of hits) {
      const events = await world.store.events(null, execution.id, 0);
      t.same(
        events.map(({ type }) => type),
        ['accepted', 'completed'],
      );
      t.same(
        told.get(execution.id),
        events.map(({ position }) => position),
      );
    }
  },
);

t.test('the logs of a shared run stay until nobody refers to it', async (t) => {
  const world = await engineWorld(t);
  const removed: string[] = [];
  const remove = world.journal.remove.bind(world.journal);
  world.journal.remove = async (name) => {
    removed.push(`${name.runId}.${name.attempt}`);
    await remove(name);
  };
  const [first, second] = await Promise.all([world.submit(CACHED), world.submit(CACHED)]);
  const ids = [first.id, second.id] as const;
  await endRun(world, [...ids]);
  await world.engine.remove(LOCAL_CALLER, ids[0]);
  t.same(removed, []);
  t.match(await world.get(ids[1]), { attempts: [{ number: 1 }] });
  await world.engine.remove(LOCAL_CALLER, ids[1]);
  t.same(removed, [`${ids[0]}.1`]);
});

t.test('entries are forgotten by key, operation and user', async (t) => {
  const world = await engineWorld(t, { slots: 9 });
  for (const user of ['ann', 'bob']) {
    for (const arg of ['1', '2']) {
      const one = await asUser(world, user, { args: [arg], cache: {} });
      world.runner.live[0]?.begin();
      world.runner.live[0]?.end();
      await heard(
        'it is stored',
        async () => world.engine.cacheEntry({ ...LOCAL_CALLER, userId: user }, one.cache?.key ?? '') !== null,
      );
    }
  }
  t.equal(world.engine.cacheStats().entries, 4);
  t.equal(world.engine.forget({ userId: 'ann', operation: 'none' }), 0);
  t.equal(world.engine.forget({ userId: 'ann' }), 2);
  t.equal(world.engine.forget({}), 2);
});

t.test('with the cache off a block is without effect', async (t) => {
  const world = await engineWorld(t, { slots: 5, hasCache: false });
  const both = await Promise.all([world.submit(CACHED), world.submit(CACHED)]);
  t.same(
    both.map(({ cache }) => cache),
    [null, null],
  );
  t.equal(world.runner.live.length, 2);
});
