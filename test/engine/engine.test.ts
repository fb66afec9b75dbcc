import t from 'tap';
import { LOCAL_CALLER } from '../../src/domain/spec/access.ts';
import { RefusedError } from '../../src/domain/errors.ts';
import { type Store, StoreError } from '../../src/domain/ports/store.ts';
import type { Group, GroupResult } from '../../src/domain/ports/group.ts';
import type { AttemptName } from '../../src/domain/ports/runner.ts';
import { engineWorld } from '../helpers/engine-world.ts';
import type { FakeAttempt } from '../helpers/fake-runner.ts';
import { heard } from '../helpers/heard.ts';
import { accept, newExecution } from '../helpers/records.ts';

/** A store that fails while it is told to, for the groups that it is told to. */
function flaky(): {
  wrap: (store: Store) => Store;
  failing: { on: boolean; only: (group: Group) => boolean };
  failures: number;
} {
  const state = { failing: { on: false, only: (_group: Group) => true }, failures: 0 };
  const wrap = (store: Store): Store =>
    new Proxy(store, {
      get(target, name) {
        const value = Reflect.get(target, name) as unknown;
        if (name === 'commit') {
          return async (groups: readonly Group[], by?: number): Promise<GroupResult[]> => {
            if (state.failing.on && groups.some(state.failing.only)) {
              state.failures += 1;
              throw new StoreError('no space left');
            }
            return target.commit(groups, by);
          };
        }
        if (name === 'probe')
          return async () => (state.failing.on ? Promise.reject(new StoreError('still none')) : undefined);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  return Object.assign(state, { wrap });
}

t.test(
  'a burst of ten times the slots all runs, and never more at a time than there are slots',
  async (t) => {
    const { runner, submit, store } = await engineWorld(t, { slots: 4 });
    const together: FakeAttempt[] = [];
    // All slots are taken before any attempt ends.
    runner.onRun = (attempt) => {
      if (together.push(attempt) < 4) return;
      for (const one of together.splice(0)) setImmediate(() => one.end());
    };
    await Promise.all(Array.from({ length: 40 }, () => submit()));
    await heard('all have ended', async () => (await store.counts()).finished.completed === 40);
    t.equal(runner.most, 4);
    t.equal((await store.counts()).running, 0);
  },
);

t.test('a slot that becomes free is taken in the transaction that frees it', async (t) => {
  const { runner, submit, store } = await engineWorld(t, { slots: 1 });
  await submit();
  await submit();
  await submit();
  const before = store.stats().commits;
  runner.live[0]?.end();
  await heard('the next runs', () => runner.live.length === 1);
  t.equal(store.stats().commits - before, 1);
});

t.test(
  'an end that cannot be stored is stored as soon as it can be, and the slot is held until then',
  async (t) => {
    const { wrap, failing } = flaky();
    const world = await engineWorld(t, { wrap, slots: 1 });
    const { engine, runner, clock, submit, get } = world;
    const { id } = await submit();
    const next = await submit();
    failing.on = true;
    runner.live[0]?.end();
    await heard('it has failed once', () =>
      world.log.some(({ message }) => message === 'Cannot store the end of an attempt; execd retries'),
    );
    t.match(await get(id), { status: 'running' });
    t.equal(runner.live.length, 0);
    t.equal((await engine.stats()).concurrency.process.running, 1);
    t.equal(engine.whyNotReady(), 'no space left');
    const refused = await submit().catch((error: unknown) => error);
    t.match(refused, { type: 'store_unavailable', retryAfterS: 5 });
    await clock.advance(500);
    failing.on = false;
    await clock.advance(10_000);
    await heard('it is stored', async () => (await get(id)).status === 'completed');
    await heard('the next runs', () => runner.live.length === 1);
    t.match(await get(next.id), { status: 'running' });
    t.equal(engine.whyNotReady(), null);
  },
);

t.test('a store that works again is found out without anybody writing', async (t) => {
  const { wrap, failing } = flaky();
  const { engine, clock, submit } = await engineWorld(t, { wrap });
  failing.on = true;
  await t.rejects(submit(), RefusedError);
  t.equal(engine.health().store, 'no space left');
  await clock.advance(5000);
  t.equal(engine.health().store, 'no space left');
  failing.on = false;
  await clock.advance(1000);
  t.equal(engine.health().store, null);
});

t.test('claims that cannot be stored are tried again', async (t) => {
  const { wrap, failing } = flaky();
  const { runner, clock, submit, store } = await engineWorld(t, { wrap, slots: 1 });
  await submit();
  await submit();
  failing.only = (group) => group[0]?.type === 'claim_next';
  failing.on = true;
  runner.live[0]?.end();
  await heard('the end is tried alone', async () => clock.hasTimer(100));
  failing.on = false;
  await clock.advance(2000);
  await heard('the next runs', () => runner.live.length === 1);
  t.equal((await store.counts()).finished.completed, 1);
});

t.test('a refused acceptance gives its slot back', async (t) => {
  const { wrap, failing } = flaky();
  const { engine, submit } = await engineWorld(t, { wrap, slots: 1 });
  failing.on = true;
  await t.rejects(submit(), RefusedError);
  t.equal((await engine.stats()).concurrency.process.available, 1);
});

t.test(
  'the limit of the whole execution counts from its submission, in the queue and in the run',
  async (t) => {
    const { runner, clock, submit, get } = await engineWorld(t, { slots: 1 });
    const first = await submit({ timeouts: { total_ms: 10_000 } });
    const second = await submit({ timeouts: { total_ms: 6000, queue_ms: 60_000 } });
    const third = await submit({ timeouts: { total_ms: 60_000, queue_ms: 5000 } });
    await clock.advance(5000);
    await heard('the third has waited too long', async () => (await get(third.id)).status === 'timed_out');
    t.match(await get(third.id), { outcome: { cause: 'queue_timeout', limitMs: 5000 } });
    await clock.advance(1000);
    await heard('so has the second', async () => (await get(second.id)).status === 'timed_out');
    t.match(await get(second.id), { outcome: { cause: 'total_timeout', limitMs: 6000, process: null } });
    t.same(runner.live[0]?.stops, []);
    await clock.advance(4000);
    t.same(runner.live[0]?.stops, [{ cause: 'total_timeout', limitMs: 10_000 }]);
    t.match(await get(first.id), { status: 'running' }, 'it ends when its processes have');
  },
);

t.test('an extension moves the clocks of what runs', async (t) => {
  const { engine, runner, clock, submit } = await engineWorld(t);
  const { id } = await submit({ timeouts: { total_ms: 5000, idle_ms: 1000 } });
  const timeouts = { total_ms: 20_000, attempt_ms: 600_000, idle_ms: 2000 };
  await engine.patch(LOCAL_CALLER, id, { priority: null, timeouts });
  t.same(runner.live[0]?.extensions, [[600_000, 2000]]);
  await clock.advance(19_000);
  t.same(runner.live[0]?.stops, []);
  await clock.advance(1000);
  t.match(runner.live[0]?.stops, [{ cause: 'total_timeout', limitMs: 20_000 }]);
});

t.test('an extension that is answered is in force, however late it comes', async (t) => {
  const { engine, runner, clock, submit, get } = await engineWorld(t, { slots: 3 });
  const patch = (id: string, timeouts: object) =>
    engine.patch(LOCAL_CALLER, id, { priority: null, timeouts });
  const late = { type: 'execution_finished' } as unknown as Error;
  const over = await submit({ timeouts: { attempt_ms: 1000 } });
  const [first] = runner.live;
  (first as FakeAttempt).extends = false;
  await t.rejects(patch(over.id, { attempt_ms: 60_000 }), late, 'its limit has ended it already');
  t.match(await get(over.id), { timeouts: { attemptMs: 1000 } });
  const total = await submit({ timeouts: { total_ms: 1000 } });
  let answer: (isInForce: boolean) => void = () => undefined;
  (runner.live[1] as FakeAttempt).extends = new Promise((resolve) => (answer = resolve));
  const patched = patch(total.id, { total_ms: 60_000 });
  await heard('the runner is asked', () => runner.live[1]?.extensions.length === 1);
  await clock.advance(1000);
  answer(true);
  await patched;
  t.match(await get(total.id), { timeouts: { totalMs: 60_000 } });
  await clock.advance(0);
  t.same(runner.live[1]?.stops, [], 'the limit that was over meanwhile does not count');
  await clock.advance(59_000);
  t.match(runner.live[1]?.stops, [{ cause: 'total_timeout', limitMs: 60_000 }]);
  await t.rejects(patch(total.id, { total_ms: 90_000 }), late);
  t.match(await get(total.id), { timeouts: { totalMs: 60_000 } });
});

t.test('the limits of what is queued outlive a restart', async (t) => {
  const first = await engineWorld(t, { slots: 1 });
  await first.submit();
  const over = await first.submit({ timeouts: { queue_ms: 60_000 } });
  const soon = await first.submit({ timeouts: { queue_ms: 90_000 } });
  await first.engine.close();
  const { dir, clock } = first;
  await clock.advance(61_000);
  const second = await engineWorld(t, { slots: 1, dir, clock });
  await clock.advance(0);
  await heard('what was over meanwhile ends', async () => (await second.get(over.id)).status === 'timed_out');
  t.match(await second.get(soon.id), { status: 'pending' });
  await clock.advance(29_000);
  await heard(
    'so does the other in its time',
    async () => (await second.get(soon.id)).status === 'timed_out',
  );
  t.match(await second.get(soon.id), { outcome: { cause: 'queue_timeout' }, finishedAt: clock.now() });
});

t.test('a cancel of a live execution stops it with its reason, once', async (t) => {
  const { engine, runner, submit, get } = await engineWorld(t);
  const { id } = await submit();
  const reasons = ['first', 'second'];
  for (const reason of reasons) await engine.cancel(LOCAL_CALLER, id, reason);
  t.match(runner.live[0]?.stops[0], { cause: 'cancelled', reason: 'first', graceMs: null });
  await engine.cancel(LOCAL_CALLER, id, null, 100);
  t.match(
    runner.live[0]?.stops.at(-1),
    { cause: 'cancelled', graceMs: 100 },
    'its grace can be made shorter',
  );
  runner.live[0]?.end({ cause: 'cancelled', reason: 'first', process: null });
  await heard('it has ended', async () => (await get(id)).status === 'cancelled');
});

t.test(
  'a host that dies before it has started anything gives the execution back, unless it was cancelled',
  async (t) => {
    const { engine, runner, submit, get } = await engineWorld(t, { slots: 2 });
    const [kept, cancelled] = [await submit(), await submit()];
    await engine.cancel(LOCAL_CALLER, cancelled.id, null);
    const [a, b] = runner.live as [FakeAttempt, FakeAttempt];
    a.interrupt(false);
    b.interrupt(false);
    await heard('the one runs again', () => runner.live.length === 1);
    t.match(runner.live[0]?.start, { runId: kept.id, attempt: 2 });
    await heard('the other one is over', async () => (await get(cancelled.id)).status === 'cancelled');
  },
);

t.test('what had started when the host died is lost', async (t) => {
  const { runner, submit, get } = await engineWorld(t);
  const { id } = await submit();
  runner.live[0]?.begin(7);
  runner.live[0]?.interrupt(true);
  await heard('it is lost', async () => (await get(id)).status === 'failed');
  t.match(await get(id), {
    outcome: { cause: 'lost', detail: 'runner_host_died' },
    attempts: [{ startedAt: 7 }],
  });
});

t.test('after a restart of the machine nothing is taken for unstarted', async (t) => {
  const first = await engineWorld(t);
  const { id } = await first.submit();
  await first.engine.close();
  const interrupted = (store: Store): Store =>
    new Proxy(store, {
      get(target, name) {
        const value = Reflect.get(target, name) as unknown;
        if (name === 'interrupted')
          return async () => (await target.interrupted()).map((one) => ({ ...one, isOtherBoot: true }));
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  const { dir, clock } = first;
  const second = await engineWorld(t, { dir, clock, wrap: interrupted });
  t.match(await second.get(id), { outcome: { cause: 'lost', detail: 'reboot' } });
  t.same(second.runner.swept, [{ runId: id, attempt: 1 }], 'its processes were looked for first');
});

t.test(
  'what an attempt has written that ended with its server is read everywhere before it is over',
  async (t) => {
    const first = await engineWorld(t);
    const { id } = await first.submit();
    await first.engine.close();
    const order: string[] = [];
    const noting = (store: Store): Store =>
      new Proxy(store, {
        get(target, name) {
          const value = Reflect.get(target, name) as unknown;
          if (name !== 'commit') return typeof value === 'function' ? (value.bind(target) as unknown) : value;
          return (groups: readonly Group[], by?: number) => {
            order.push(...groups.flat().map(({ type }) => type));
            return target.commit(groups, by);
          };
        },
      });
    const { dir, clock, journal } = first;
    const shipRest = async ({ runId, attempt }: AttemptName) => void order.push(`${runId} ${attempt}`);
    const shared = new Proxy(journal, {
      get(target, name) {
        if (name === 'shipRest') return shipRest;
        // It has begun to write.
        if (name === 'exists') return async () => true;
        const value = Reflect.get(target, name) as unknown;
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    const second = await engineWorld(t, { dir, clock, wrap: noting, deps: { journal: shared } });
    t.match(await second.get(id), { outcome: { cause: 'lost', detail: 'server_crash' } });
    t.same(order.slice(0, 2), [`${id} 1`, 'settle']);
  },
);

t.test('a listener that throws breaks nothing', async (t) => {
  const { engine, runner, submit, get, log } = await engineWorld(t);
  const told: string[] = [];
  engine.listen(() => {
    throw new Error('a bad listener');
  });
  engine.listen((event, execution) => {
    told.push(`${event.type} ${execution.status}`);
  });
  const { id } = await submit();
  runner.live[0]?.end();
  await heard('it has ended', async () => (await get(id)).status === 'completed');
  t.same(told, ['accepted running', 'started running', 'completed completed']);
  t.ok(log.some(({ message }) => message === 'An event listener failed'));
});

t.test('a reader never sees an event before the state that it speaks of', async (t) => {
  const { engine, runner, submit, store } = await engineWorld(t);
  const seen: Promise<boolean>[] = [];
  engine.listen((event, { id, revision }) => {
    seen.push(
      store
        .get(null, id)
        .then(
          (stored) =>
            stored !== null && stored.revision >= revision && event.sequence <= stored.eventSequence,
        ),
    );
  });
  await submit();
  runner.live[0]?.end();
  await heard('three events', () => seen.length === 3);
  t.same(await Promise.all(seen), [true, true, true]);
});

t.test(
  'counters of what runs are shown at once, stored by and by, and kept when storing fails',
  async (t) => {
    const { wrap, failing } = flaky();
    const { engine, runner, clock, submit, store } = await engineWorld(t, { wrap });
    const { id } = await submit();
    runner.live[0]?.begin();
    runner.live[0]?.grow(10);
    t.match(await engine.get(LOCAL_CALLER, id), { phase: 'running', live: { stdoutBytes: 10 } });
    failing.on = true;
    failing.only = (group) => group[0]?.type === 'progress';
    await clock.advance(5000);
    runner.live[0]?.grow(20);
    t.match((await engine.stats()).writeBehind, { waiting: 1, failures: 1 });
    failing.on = false;
    await clock.advance(5000);
    await heard(
      'it is stored',
      async () => (await store.get(null, id))?.attempts[0]?.output.stdoutBytes === 20,
    );
    t.match((await engine.stats()).writeBehind, { waiting: 0, lagMs: 0, failures: 1 });
  },
);

t.test('a client is told to come back when there may be room', async (t) => {
  const { runner, clock, submit, store } = await engineWorld(t, { slots: 1, maxQueued: 1 });
  const attempts = async (ms: number) => {
    await submit();
    await clock.advance(ms);
    runner.live[0]?.end();
    await heard('it has ended', async () => (await store.counts()).running === 0);
  };
  for (let i = 0; i < 60; i++) await attempts(10_000);
  await submit();
  await submit();
  const refused = await submit().catch((error: unknown) => error);
  t.match(refused, { type: 'queue_full', message: /^1 executions wait .*EXECUTION_MAX_QUEUED/ });
  const { retryAfterS } = refused as RefusedError;
  t.ok(retryAfterS !== undefined && retryAfterS > 10 && retryAfterS <= 60, `${retryAfterS} s`);
});

/** A store whose commits of such groups are made, and answered when the test says so. */
function held(type: Group[0]['type']): {
  wrap: (store: Store) => Store;
  isOn: boolean;
  waiting: (() => void)[];
} {
  const state = { isOn: false, waiting: [] as (() => void)[] };
  const wrap = (store: Store): Store =>
    new Proxy(store, {
      get(target, name) {
        const value = Reflect.get(target, name) as unknown;
        if (name === 'commit') {
          return async (groups: readonly Group[], by?: number): Promise<GroupResult[]> => {
            const results = await target.commit(groups, by);
            if (state.isOn && groups.some((group) => group.some((part) => part.type === type))) {
              await new Promise<void>((resolve) => state.waiting.push(resolve));
            }
            return results;
          };
        }
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  return Object.assign(state, { wrap });
}

t.test('before it is opened nothing is accepted, and nothing that is queued is claimed', async (t) => {
  const first = await engineWorld(t, { slots: 1 });
  await first.submit();
  const queued = await first.submit();
  await first.engine.close();
  const { dir, clock } = first;
  const second = await engineWorld(t, { dir, clock, isOpen: false });
  t.match(await second.submit().catch((error: unknown) => error), { type: 'shutting_down', retryAfterS: 5 });
  t.equal(second.engine.whyNotReady(), 'the server is starting');
  await second.engine.drain();
  t.same(second.runner.live, []);
  await second.engine.close();
  const third = await engineWorld(t, { dir, clock });
  await heard('it runs', () => third.runner.live.some(({ start }) => start.runId === queued.id));
  t.match(await third.get(queued.id), { attempts: [{ number: 1 }] }, 'it had not been claimed before');
});

for (const [what, type] of [
  ['a claim', 'claim_next'],
  ['an end that claims the next', 'settle'],
  ['an acceptance', 'accept'],
] as const) {
  t.test(`${what} that is under way when the drain begins gives back what it claims`, async (t) => {
    const commits = held(type);
    const world = await engineWorld(t, { slots: 1, wrap: commits.wrap, isOpen: type !== 'claim_next' });
    const { engine, runner, store, submit } = world;
    let answered: Promise<unknown> = Promise.resolve();
    if (type === 'settle') {
      await submit();
      await submit();
    } else if (type === 'claim_next') {
      const queued = { ...newExecution(), timeouts: { ...newExecution().timeouts, queueMs: 60_000 } };
      await store.commit([[accept(queued)]]);
    }
    commits.isOn = true;
    if (type === 'settle') runner.live[0]?.end();
    else if (type === 'claim_next') engine.open();
    else answered = submit();
    await heard('it is under way', () => commits.waiting.length === 1);
    t.match(await store.counts(), { running: 1 });
    const draining = engine.drain();
    commits.isOn = false;
    commits.waiting.forEach((go) => go());
    await Promise.all([draining, answered]);
    t.same(runner.live, [], 'nothing was started');
    t.match(await store.counts(), { pending: 1, running: 0 });
  });
}

t.test('a drain waits as long as the grace of what it stops', async (t) => {
  const { engine, runner, clock, submit, get } = await engineWorld(t);
  const { id } = await submit({ stop: { grace_ms: 200_000, signal: 'SIGINT' } });
  await heard('it runs', () => runner.live.length === 1);
  t.match(runner.live[0]?.start, { stop: { signal: 'SIGINT', graceMs: 200_000, scope: 'all' } });
  const draining = engine.drain();
  await clock.advance(30_000);
  t.match(runner.live[0]?.stops, [{ cause: 'lost' }]);
  await clock.advance(220_000);
  runner.live[0]?.end({ cause: 'lost', detail: 'shutdown' });
  await draining;
  t.match(await get(id), { status: 'failed', outcome: { detail: 'shutdown' } });
});

t.test('a drain waits for what runs, then stops it as lost', async (t) => {
  const { engine, runner, clock, submit, get } = await engineWorld(t, { slots: 2 });
  const [quick, slow] = [await submit(), await submit()];
  const queued = await submit();
  const draining = engine.drain();
  t.match(await submit().catch((error: unknown) => error), { type: 'shutting_down' });
  await clock.advance(10_000);
  const [one, other] = runner.live as [FakeAttempt, FakeAttempt];
  one.end();
  await heard('it has ended', async () => (await get(quick.id)).status === 'completed');
  t.same(other.stops, []);
  await clock.advance(20_000);
  t.same(other.stops, [{ cause: 'lost', detail: 'shutdown' }]);
  other.end({ cause: 'lost', detail: 'shutdown' });
  await draining;
  t.match(await get(slow.id), { status: 'failed', outcome: { detail: 'shutdown' } });
  t.match(await get(queued.id), { status: 'pending' });
  t.equal(runner.live.length, 0, 'nothing was started any more');
});

t.test(
  'a drain ends although the store stays broken; the next start makes good what that left',
  async (t) => {
    const { wrap, failing } = flaky();
    const world = await engineWorld(t, { wrap });
    const { id } = await world.submit();
    failing.on = true;
    const drained = world.engine.drain();
    await heard('it waits', () => world.clock.hasTimer(30_000));
    await world.clock.advance(30_000);
    await heard('the attempt is stopped', () => world.runner.live[0]?.stops.length === 1);
    world.runner.live[0]?.end({ cause: 'lost', detail: 'shutdown' });
    await heard('its end cannot be stored', () => failing.on && world.clock.hasTimer(35_000));
    await world.clock.advance(60_000);
    await drained;
    t.ok(world.log.some(({ message }) => message.startsWith('Cannot store ends')));
    failing.on = false;
    await world.engine.close();
    const next = await engineWorld(t, { dir: world.dir, clock: world.clock });
    await heard('it runs again, having left no log', () => next.runner.live.length === 1);
    t.match(await next.get(id), {
      status: 'running',
      attempts: [{ number: 1, outcome: null }, { number: 2 }],
    });
  },
);
