// Two engines on one store, as two replicas would be: what one does is heard by the other. One takes work in and has no slots, the
// other one runs it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import t, { type Test } from 'tap';
import { LOCAL_CALLER } from '../../src/domain/spec/access.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { Execution } from '../../src/domain/execution/execution.ts';
import type { FeedListener } from '../../src/domain/ports/feed.ts';
import type { Group } from '../../src/domain/ports/group.ts';
import { type Store, StoreError } from '../../src/domain/ports/store.ts';
import type { EngineDeps } from '../../src/engine/engine.ts';
import { FileJournal } from '../../src/journal/reader.ts';
import type { Spec } from '../../src/domain/spec/spec.ts';
import { SqliteStore } from '../../src/store/sqlite/store.ts';
import { fakeClock } from '../helpers/clock.ts';
import { engineWorld, type EngineWorld, NO_POLICIES } from '../helpers/engine-world.ts';
import { heard } from '../helpers/heard.ts';
import { until } from '../helpers/processes.ts';
import { EXIT_0 } from '../helpers/records.ts';
import type { FakeAttempt } from '../helpers/fake-runner.ts';
import { tempDir } from '../helpers/temp.ts';

const NEVER = new AbortController().signal;
const CACHED = { cache: {} } satisfies Partial<Spec>;

interface Pair {
  front: EngineWorld;
  worker: EngineWorld;
}

async function pair(
  t: Test,
  {
    wrap = (store) => store,
    leaseMs = null,
    deps = {},
  }: { wrap?: (store: Store) => Store; leaseMs?: number | null; deps?: Partial<EngineDeps> } = {},
): Promise<Pair> {
  const [dir, clock] = [tempDir(t), fakeClock()];
  const options = { dir, now: () => clock.now(), maxInMemory: 100, owner: '', maxDeliveries: 1000 };
  const store = new SqliteStore(options);
  const beside = { store, dir, clock };
  const replica = (name: string) => ({ deps: { ...deps, replica: { name, leaseMs } } });
  const worker = await engineWorld(t, { slots: 2, beside, ...replica('worker') });
  // Its logs lie on a disk of its own.
  const own = { journal: new FileJournal(`${tempDir(t)}/logs`) };
  const { deps: ofFront } = replica('front');
  const front = await engineWorld(t, { slots: 0, beside, wrap, deps: { ...own, ...ofFront } });
  t.teardown(() => store.close());
  return { front, worker };
}

/** The attempt of an execution, once the worker has it. */
async function attemptOf({ worker }: Pair, { runId }: Execution): Promise<FakeAttempt> {
  const find = () => worker.runner.live.find(({ start }) => start.runId === runId);
  await heard('the worker runs it', () => find() !== undefined);
  return find() as FakeAttempt;
}

async function end(on: Pair, execution: Execution): Promise<void> {
  const attempt = await attemptOf(on, execution);
  attempt.begin();
  attempt.end();
}

const waitFor = ({ engine }: EngineWorld, id: string) =>
  engine.wait(LOCAL_CALLER, id, { until: 'finished' }, 60_000, NEVER);

t.test('what one engine does, the other one hears', async (t) => {
  const on = await pair(t);
  const { front, worker } = on;

  await t.test('whoever waits is woken, and streams tell everything once, in order', async (t) => {
    const events = await front.engine.streams.ofAll({ userId: LOCAL_CALLER.userId }, 'now', NEVER);
    const told: string[] = [];
    const following = (async () => {
      for await (const { records } of events) {
        told.push(...records.map(({ type }) => type));
        if (told.includes('completed')) return;
      }
    })();
    const accepted = await front.submit();
    t.equal(accepted.status, 'pending');
    const waiting = waitFor(front, accepted.id);
    await end(on, accepted);
    t.match(await waiting, { execution: { status: 'completed' } });
    await following;
    t.same(told, ['accepted', 'queued', 'started', 'completed']);
    const own = await worker.engine.streams.ofExecution(LOCAL_CALLER, accepted.id, {
      ...{ cursor: { sequence: 0, log: { attempt: 1, offset: 0 } }, output: null, signal: NEVER },
    });
    const types = [];
    for await (const items of own ?? []) for (const item of items) types.push(item.cursor.sequence);
    t.same(types, [1, 2, 3, 4]);
  });

  await t.test('a cancel reaches whoever runs it, with its grace, and a change of limits, too', async (t) => {
    const accepted = await front.submit();
    const attempt = await attemptOf(on, accepted);
    attempt.begin();
    await front.engine.patch(LOCAL_CALLER, accepted.id, {
      priority: null,
      timeouts: { attempt_ms: 900_000 },
    });
    await heard('the limits have come', () => attempt.extensions.length > 0);
    t.match(attempt.extensions, [[900_000, null]]);
    await front.engine.cancel(LOCAL_CALLER, accepted.id, 'enough', 100);
    // What is stored says that it is to stop; how soon, the signal says.
    await heard('it is being stopped', () => attempt.stops.some((stop) => 'graceMs' in stop));
    t.match(attempt.stops.at(-1), { cause: 'cancelled', reason: 'enough', graceMs: 100 });
    attempt.end({ cause: 'cancelled', reason: 'enough', process: null });
    t.match(await waitFor(front, accepted.id), { execution: { status: 'cancelled' } });
    t.equal(front.engine.health().store, null);
  });

  await t.test('a run is joined from both sides, and its result is kept on both', async (t) => {
    const first = await worker.submit(CACHED);
    await heard('it is heard of', async () => (await front.submit(CACHED)).runId === first.runId);
    await end(on, first);
    t.match(await waitFor(front, first.id), { execution: { status: 'completed' } });
    await heard('it is kept', () => front.engine.cacheStats().entries > 0);
    const hit = await front.submit(CACHED);
    t.match(hit, { status: 'completed', cache: { status: 'hit' } });
    t.ok(
      await worker.store.get(null, hit.id),
      'what is answered is stored: the other one may be asked for it',
    );
  });

  await t.test('identical work that is sent to both at the same time runs once', async (t) => {
    const work = { ...CACHED, args: ['at once'] };
    const both = await Promise.all([front.submit(work), worker.submit(work), front.submit(work)]);
    t.equal(new Set(both.map(({ runId }) => runId)).size, 1);
    t.equal(both.filter(({ phase }) => phase === 'joined').length, 2);
    await end(on, both[0]);
    for (const { id } of both) t.match(await waitFor(front, id), { execution: { status: 'completed' } });
  });

  await t.test('a plan goes on when its steps end elsewhere', async (t) => {
    const steps = ['a', 'b'].map((name) => ({ name, kind: 'exec', program: 'true' }));
    const options = { trace: null, idempotency: null };
    const draft = { strategy: { type: 'serial' }, steps } as const;
    const { execution: plan } = await front.engine.plans.submit(LOCAL_CALLER, draft, options);
    const waiting = waitFor(front, plan.id);
    for (const name of ['a', 'b']) {
      await heard(`${name} runs`, () => worker.runner.live.length === 1);
      const [attempt] = worker.runner.live;
      attempt?.begin();
      attempt?.end();
      await heard(`${name} has ended`, () => !worker.runner.live.includes(attempt as FakeAttempt));
    }
    t.match(await waiting, { execution: { status: 'completed', outcome: { cause: 'steps_ended' } } });
  });

  await t.test(
    'one that is drained by another one leaves what comes to others, and takes it again later',
    async (t) => {
      const held = await front.submit();
      const attempt = await attemptOf(on, held);
      attempt.begin();
      await front.engine.runners.drain('worker', 'root', null);
      const drains = async ({ engine }: EngineWorld) =>
        (await engine.runners.list()).map(({ name, drain }) => [name, drain?.by ?? null]);
      await heard('it is told', async () => (await drains(worker)).some(([, by]) => by === 'root'));
      t.same(await drains(front), await drains(worker));
      const waits = await front.submit();
      const beside = { store: worker.store, dir: worker.dir, clock: worker.clock };
      const other = await engineWorld(t, {
        slots: 1,
        beside,
        deps: { replica: { name: 'other', leaseMs: null } },
      });
      await heard('the other one runs it', () => other.runner.live[0]?.start.runId === waits.runId);
      const next = await front.submit();
      attempt.end();
      t.match(await waitFor(front, held.id), { execution: { status: 'completed' } }, 'what ran goes on');
      t.equal(worker.runner.live.length, 0);
      await front.engine.runners.resume('worker');
      await attemptOf(on, next);
      await end(on, next);
      other.runner.live[0]?.begin();
      other.runner.live[0]?.end();
      t.match(await waitFor(front, waits.id), { execution: { status: 'completed' } });
      await other.engine.close();
    },
  );

  await t.test('a limit is kept when the one that set it is gone', async (t) => {
    const busy = [await front.submit(), await front.submit()];
    for (const one of busy) await attemptOf(on, one);
    const limited = await front.submit({ timeouts: { queue_ms: 5000 } });
    const waiting = waitFor(worker, limited.id);
    await front.engine.close();
    await heard('the other one has heard of it', () => worker.clock.hasTimer(5000));
    await worker.clock.advance(5000);
    t.match(await waiting, { execution: { status: 'timed_out', outcome: { cause: 'queue_timeout' } } });
    for (const one of busy) await end(on, one);
  });
});

t.test('what is known to one of them only in part, the other one learns', async (t) => {
  const settings = {
    trip: { type: 'consecutive', failures: 1 },
    ...{ openMs: 60_000, maxOpenMs: 60_000, probes: 1, countUserFaults: true },
  } as const;
  const circuit = { name: 'program:bad', settings };
  const policies = {
    ...NO_POLICIES,
    circuitOf: ({ work }: Pick<Execution, 'work'>) =>
      work.kind === 'exec' && work.program === 'bad' ? circuit : null,
    circuits: () => new Map([[circuit.name, settings]]),
  };
  const on = await pair(t, { deps: { policies } });
  const { front, worker } = on;

  await t.test('an execution that runs elsewhere has started', async (t) => {
    const accepted = await front.submit();
    const attempt = await attemptOf(on, accepted);
    t.equal((await front.engine.get(LOCAL_CALLER, accepted.id)).phase, 'starting');
    attempt.begin();
    await worker.engine.flush();
    t.equal((await front.engine.get(LOCAL_CALLER, accepted.id)).phase, 'running');
    t.equal((await worker.engine.get(LOCAL_CALLER, accepted.id)).phase, 'running');
    attempt.end();
    await waitFor(front, accepted.id);
  });

  await t.test('a log is removed by whoever has it', async (t) => {
    const accepted = await front.submit();
    await end(on, accepted);
    await waitFor(front, accepted.id);
    const name = { runId: accepted.runId, attempt: 1 };
    const path = worker.journal.path(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
    t.equal(await worker.journal.exists(name), true);
    await front.engine.remove(LOCAL_CALLER, accepted.id);
    await until('it is gone', async () => !(await worker.journal.exists(name)));
  });

  await t.test('a circuit that opens here is open there, and closed when it is reset', async (t) => {
    const failing = await front.submit({ program: 'bad' });
    const attempt = await attemptOf(on, failing);
    attempt.begin();
    attempt.end({ ...EXIT_0, exitCode: 1 } as Outcome);
    const stateAt = ({ engine }: EngineWorld) =>
      engine
        .circuits({ userId: 'local', scopes: new Set(['admin']) })
        .find(({ name }) => name === circuit.name)?.state ?? 'closed';
    await heard('it is open there', () => stateAt(front) === 'open');
    t.match(await front.submit({ program: 'bad' }), { outcome: { cause: 'circuit_open' } });
    await front.engine.changeCircuit(circuit.name, 'isolate');
    await heard('it is held open here', () => stateAt(worker) === 'isolated');
    await worker.engine.changeCircuit(circuit.name, 'reset');
    await heard('it is closed there', () => stateAt(front) === 'closed');
    t.match(await front.submit({ program: 'bad' }), { status: 'pending' });
  });
});

t.test('whoever has missed something reads it again', async (t) => {
  let isLost = false;
  let listener: FeedListener | null = null;
  const lossy = (store: Store): Store =>
    new Proxy(store, {
      get(target, name) {
        if (name !== 'feed') return Reflect.get(target, name) as unknown;
        const { feed } = target;
        const follow = (by: number, real: FeedListener) => {
          listener = { ...bound(real), batch: (batch) => void (isLost || real.batch(batch)) };
          return feed.follow(by, listener);
        };
        return {
          isShared: true,
          follow,
          leave: (by: number) => feed.leave(by),
          signal: feed.signal.bind(feed),
        };
      },
    });
  const on = await pair(t, { wrap: lossy });
  const { front, worker } = on;
  const stop = new AbortController();
  const events = await front.engine.streams.ofAll({ userId: LOCAL_CALLER.userId }, 'now', stop.signal);
  const told: string[] = [];
  const following = (async () => {
    // One that comes while slots are being filled waits for a moment.
    for await (const { records } of events)
      told.push(...records.map(({ type }) => type).filter((type) => type !== 'queued'));
  })();
  await worker.submit();
  await heard('it is told', () => told.length === 2);
  isLost = true;
  const second = await worker.submit();
  const waiting = waitFor(front, second.id);
  await end(on, second);
  await waitFor(worker, second.id);
  t.equal(told.length, 2);
  isLost = false;
  (listener as FeedListener | null)?.gap(1e6);
  t.match(await waiting, { execution: { status: 'completed' } });
  await heard('what was missed is told', () => told.includes('completed'));
  const third = await worker.submit();
  await heard('and what comes then', () => told.includes('accepted', 5));
  t.same(told.slice(0, 6), ['accepted', 'started', 'accepted', 'started', 'completed', 'accepted']);
  await worker.engine.cancel(LOCAL_CALLER, third.id, null);
  stop.abort();
  await following;
});

t.test('what a replica held is taken over when its lease is over, and not before', async (t) => {
  const LEASE_MS = 30_000;
  let isCut = false;
  const cut = (store: Store): Store =>
    new Proxy(store, {
      get(target, name) {
        if (name !== 'commit') return Reflect.get(target, name) as unknown;
        return (groups: readonly Group[], by?: number) =>
          isCut ? Promise.reject(new StoreError('cut off')) : target.commit(groups, by);
      },
    });
  const on = await pair(t, { wrap: cut, leaseMs: LEASE_MS });
  const { front, worker } = on;
  const safe = await front.submit({ retry_safe: true });
  const unsafe = await front.submit();
  const [begun, attempt] = [await attemptOf(on, unsafe), await attemptOf(on, safe)];
  for (const one of [begun, attempt]) one.begin();
  const steps = [{ name: 'a', kind: 'exec', program: 'true' }];
  const draft = { strategy: { type: 'serial' }, steps } as const;
  const { execution: plan } = await front.engine.plans.submit(LOCAL_CALLER, draft, {
    trace: null,
    idempotency: null,
  });
  await heard('its step waits', async () => (await worker.store.steps(plan.id)).length === 1);
  t.same([await worker.engine.leads(), await front.engine.leads()], [true, false]);

  const { clock } = worker;
  await heard(
    'the host has been told how long it may run',
    () => (worker.runner.leased?.until ?? 0) > clock.monotonic(),
  );
  const leasedBefore = front.runner.leased;
  t.ok(
    (leasedBefore?.until ?? Infinity) + (leasedBefore?.graceMs ?? 0) < clock.monotonic() + LEASE_MS,
    'less than the lease',
  );
  isCut = true;
  for (let i = 0; i < 12; i++) {
    await worker.clock.advance(LEASE_MS / 6);
    // Time does not run ahead of what is being stored.
    await worker.store.commit([]);
  }
  t.match(front.engine.health().intake, /shutting down/, 'whoever cannot renew its lease stops');
  t.same(front.runner.leased, leasedBefore, 'nor does its host get more time');
  t.ok((worker.runner.leased?.until ?? 0) > clock.monotonic(), 'that of the other one does');
  begun.end();
  attempt.end();
  await heard('the step runs', () => worker.runner.live.length === 1);
  const [last] = worker.runner.live;
  last?.begin();
  last?.end();
  t.match(
    await waitFor(worker, plan.id),
    { execution: { status: 'completed' } },
    'the other one drives the plan',
  );
});

t.test('an attempt of a replica that is gone is lost, or made again where it may be', async (t) => {
  const LEASE_MS = 30_000;
  const { front, worker } = await pair(t, { leaseMs: LEASE_MS });
  const here = await engineWorld(t, {
    ...{ slots: 2, beside: { store: worker.store, dir: worker.dir, clock: worker.clock } },
    deps: { replica: { name: 'gone', leaseMs: LEASE_MS } },
  });
  await worker.engine.drain();
  const [safe, unsafe] = [await here.submit({ retry_safe: true }), await here.submit()];
  await heard('both run', () => here.runner.live.length === 2);
  for (const attempt of here.runner.live) attempt.begin();
  await here.engine.close();
  await front.clock.advance(LEASE_MS / 3);
  t.match(await waitFor(front, unsafe.id), { execution: { status: 'failed', outcome: { cause: 'lost' } } });
  await heard('it waits for its next attempt', async () => (await front.get(safe.id)).phase !== 'starting');
  t.match(await front.get(safe.id), { attempts: [{ outcome: { cause: 'lost' } }] });
});

const bound = (listener: FeedListener): FeedListener => ({
  batch: (batch) => listener.batch(batch),
  gap: (upTo) => listener.gap(upTo),
  signal: (signal) => listener.signal(signal),
});

t.test('an event of a monitor is added by one of the engines, once, though both wait for it', async (t) => {
  const { front, worker } = await pair(t);
  const told: string[] = [];
  for (const { engine } of [front, worker])
    engine.listen(({ type, executionId }) => {
      if (type === 'late_start' || type === 'late') told.push(`${type} ${executionId}`);
    });
  for (let n = 0; n < 2; n++) await front.submit();
  await heard('the slots are taken', () => worker.runner.live.length === 2);
  const { id } = await front.submit({ monitor: { late_start_ms: 1000, late_ms: 2000 } });
  await worker.submit({ kind: 'exec', program: 'true' });
  await heard('both know of it', async () => (await worker.engine.stats()).counts.pending === 2);
  await front.clock.advance(1000);
  await heard('it is reported', () => told.length > 0);
  await front.clock.advance(1000);
  await heard('it is reported', () => told.length > 1);
  t.same(told, [`late_start ${id}`, `late ${id}`]);
  t.equal((await front.get(id)).eventSequence, 4);
});
