import t, { type Test } from 'tap';
import { type Caller, LOCAL_CALLER } from '../../src/domain/spec/access.ts';
import type { AccountEvent } from '../../src/domain/credits/account.ts';
import { RefusedError } from '../../src/domain/errors.ts';
import type { Execution } from '../../src/domain/execution/execution.ts';
import { NO_OPERATIONS } from '../../src/domain/operations/operation.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import { type Store, StoreError } from '../../src/domain/ports/store.ts';
import type { Group } from '../../src/domain/ports/group.ts';
import { creditsFileSchema } from '../../src/domain/credits/price-schema.ts';
import type { Spec } from '../../src/domain/spec/spec.ts';
import { creditSource } from '../../src/engine/credits/credit-source.ts';
import { engineWorld, type EngineWorld, type WorldOptions } from '../helpers/engine-world.ts';
import { heard } from '../helpers/heard.ts';
import { EXIT_0 } from '../helpers/records.ts';
import { tempDir } from '../helpers/temp.ts';

const CACHED = { cache: {} } satisfies Partial<Spec>;
const FAILED = { ...EXIT_0, exitCode: 7 } as Outcome;
const ANN: Caller = { ...LOCAL_CALLER, userId: 'ann', scopes: new Set(['submit', 'read', 'cancel']) };
const PRICES = { prices: { exec: { per_run: 10, hit: 2, joined: 3 } } };

interface CreditWorld extends EngineWorld {
  events: AccountEvent[];
  grant(amount: number): Promise<void>;
  balance(): Promise<{ balance: number; reserved: number }>;
  /** Waits until nothing is due. */
  allCharged(): Promise<void>;
  /** Ends the oldest live attempt. */
  end(outcome?: Outcome): void;
  /** How the ledger speaks of executions, oldest first. */
  charges(): Promise<[string, number][]>;
}

async function creditWorld(t: Test, file: object = PRICES, options: WorldOptions = {}): Promise<CreditWorld> {
  const prices = creditsFileSchema.parse(file);
  const credits = creditSource(NO_OPERATIONS, () => prices);
  const world = await engineWorld(t, { ...options, deps: { credits, ...options.deps } });
  const events: AccountEvent[] = [];
  world.engine.listenToAccounts((event) => void events.push(event));
  return {
    ...world,
    events,
    async grant(amount) {
      await world.engine.accounts.grant(LOCAL_CALLER, {
        userId: 'local',
        amount,
        note: null,
        idempotency: null,
      });
    },
    async balance() {
      const { balance, reserved } = await world.engine.accounts.get(LOCAL_CALLER, 'local');
      return { balance, reserved };
    },
    allCharged: () => heard('all is charged', async () => (await world.store.creditTotals()).due === 0),
    end(outcome = EXIT_0) {
      world.runner.live[0]?.begin();
      world.runner.live[0]?.end(outcome);
    },
    async charges() {
      const entries = await world.engine.accounts.entries(LOCAL_CALLER, 'local', 1000, null);
      return entries
        .filter(({ kind }) => kind !== 'grant')
        .map(({ kind, amount }): [string, number] => [kind, amount])
        .reverse();
    },
  };
}

async function ended(world: EngineWorld, id: string): Promise<Execution> {
  await heard('it has ended', async () => (await world.store.get(null, id))?.phase === 'done');
  return world.get(id);
}

async function refusalOf(work: Promise<unknown>): Promise<RefusedError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof RefusedError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

t.test('without a credits file everything is free, and there are no accounts', async (t) => {
  const world = await engineWorld(t);
  t.equal((await world.submit()).cost, null);
  const off = await refusalOf(world.engine.accounts.get(LOCAL_CALLER, 'local'));
  t.equal(off.type, 'account_not_found');
});

t.test('an execution reserves its price, and is charged in the background when it has ended', async (t) => {
  const world = await creditWorld(t);
  t.match(await refusalOf(world.submit()), {
    type: 'insufficient_credits',
    message: /^The request reserves 10 credits; 0 are available\./,
  });
  await world.grant(25);
  const { id, cost } = await world.submit();
  t.match(cost, { reserved: 10, charged: null, balanceAfter: null });
  t.same(await world.balance(), { balance: 25, reserved: 10 });
  world.end();
  await ended(world, id);
  await heard('it is announced', () => world.events.length === 2);
  t.match((await world.get(id)).cost, { reserved: 10, charged: 10, balanceAfter: 15 });
  t.same(await world.balance(), { balance: 15, reserved: 0 });
  t.same(
    world.events.map(({ type }) => type),
    ['granted', 'charged'],
  );
});

t.test('where the file says so, the end that readers see has its charge and the balance', async (t) => {
  const world = await creditWorld(t, { ...PRICES, low_balance: 20, charge: 'at_end' });
  await world.grant(25);
  const first = await world.submit();
  const second = await world.submit();
  t.match(first.cost, { held: { balance: 25, available: 15 } });
  t.match(second.cost, { held: { balance: 25, available: 5 } });
  world.end();
  const ofEnd = await ended(world, first.id);
  t.match(ofEnd, { status: 'completed', cost: { reserved: 10, charged: 10, balanceAfter: 15 } });
  t.match(await world.store.get(null, first.id), { revision: ofEnd.revision });
  t.equal((await world.store.creditTotals()).due, 0);
  await world.engine.cancel(LOCAL_CALLER, second.id, null, null);
  world.end({ cause: 'cancelled', reason: null, process: null });
  t.match((await ended(world, second.id)).cost, { charged: 10, balanceAfter: 5 });
  t.same(await world.balance(), { balance: 5, reserved: 0 });
  t.same(
    world.events.map(({ type }) => type),
    ['granted', 'charged', 'low_balance', 'charged'],
  );
});

t.test('retries are one execution, and one charge', async (t) => {
  const world = await creditWorld(t);
  await world.grant(100);
  const { id, cost } = await world.submit({ retry: { attempts: 3, min_ms: 1000, jitter: 0 } });
  t.equal(cost?.reserved, 10);
  for (const outcome of [FAILED, FAILED, EXIT_0]) {
    await heard('it runs', () => world.runner.live.length === 1);
    world.end(outcome);
    await heard('the try is stored', async () => (await world.store.get(null, id))?.phase !== 'starting');
    await world.clock.advance(10_000);
  }
  t.match(await ended(world, id), { status: 'completed', attempts: { length: 3 } });
  await world.allCharged();
  t.same(await world.charges(), [['charge', -10]]);
});

t.test(
  'a hit and a joined execution have their own price, and a paid hit is stored before it is answered',
  async (t) => {
    const world = await creditWorld(t);
    await world.grant(100);
    const [first, second] = await Promise.all([world.submit(CACHED), world.submit(CACHED)]);
    t.match([first.cache?.status, second.cache?.status], ['miss', 'joined']);
    t.same(await world.balance(), { balance: 100, reserved: 20 }, 'who joins may have to run');
    world.end();
    await ended(world, second.id);
    await world.allCharged();
    const amounts = (await world.charges()).map(([, amount]) => amount);
    t.same(new Set(amounts), new Set([-10, -3]));
    t.equal(amounts.length, 2);
    const hit = await world.submit(CACHED);
    t.match(hit, {
      status: 'completed',
      cache: { status: 'hit' },
      cost: { reserved: 2, charged: 2, balanceAfter: 85 },
    });
    t.match(await world.store.get(null, hit.id), { cost: { charged: 2 } }, 'it is in the store');
    t.same(await world.balance(), { balance: 85, reserved: 0 });
    await world.grant(-84);
    t.equal((await refusalOf(world.submit(CACHED))).type, 'insufficient_credits');
  },
);

t.test('what the service runs by itself is free', async (t) => {
  const world = await creditWorld(t);
  const spec: Spec = { kind: 'exec', program: 'true' };
  const submission = { spec, trace: null, idempotency: null, rerunOf: null, isFree: true };
  const { execution } = await world.engine.submit(LOCAL_CALLER, submission);
  t.equal(execution.cost, null);
});

t.test('a replay is the same execution, and reserves nothing', async (t) => {
  const world = await creditWorld(t);
  await world.grant(10);
  const spec: Spec = { kind: 'exec', program: 'true' };
  const submission = { spec, trace: null, idempotency: { key: 'k', bodyHash: 'h' }, rerunOf: null };
  const first = await world.engine.submit(LOCAL_CALLER, submission);
  const again = await world.engine.submit(LOCAL_CALLER, submission);
  t.match(again, { isReplay: true, execution: { id: first.execution.id } });
  t.same(await world.balance(), { balance: 10, reserved: 10 });
});

t.test('the items of a batch reserve one after the other, as far as the credits go', async (t) => {
  const world = await creditWorld(t);
  await world.grant(25);
  const spec: Spec = { kind: 'exec', program: 'true' };
  const submission = { spec, trace: null, idempotency: null, rerunOf: null };
  const answers = await world.engine.submitAll(
    LOCAL_CALLER,
    Array.from({ length: 4 }, () => submission),
  );
  t.same(
    answers.map((answer) => (answer instanceof RefusedError ? answer.type : 'accepted')),
    ['accepted', 'accepted', 'insufficient_credits', 'insufficient_credits'],
  );
  t.match((await world.engine.stats()).concurrency.process, { running: 2 }, 'their slots are free again');
});

t.test('a longer limit reserves more, and is refused when there is no more', async (t) => {
  const world = await creditWorld(t, { prices: { exec: { per_second: 1 } } });
  await world.grant(100);
  const { id, cost } = await world.submit({ timeouts: { attempt_ms: 60_000 } });
  t.equal(cost?.reserved, 60);
  const extend = (attempt_ms: number) =>
    world.engine.patch(LOCAL_CALLER, id, { priority: null, timeouts: { attempt_ms } });
  t.equal((await refusalOf(extend(101_000))).type, 'insufficient_credits');
  t.equal(world.runner.live[0]?.extensions.at(-1)?.[0], 60_000, 'the limit from before is in force again');
  await extend(100_000);
  t.match(await world.get(id), { timeouts: { attemptMs: 100_000 }, cost: { reserved: 100 } });
  t.same(await world.balance(), { balance: 100, reserved: 100 });
  await world.engine.patch(LOCAL_CALLER, id, { priority: 3, timeouts: null });
  t.same(await world.balance(), { balance: 100, reserved: 100 });
});

/** A store that refuses groups with certain parts while it is told to. */
function refusing(): { wrap: (store: Store) => Store; isRefused: (group: Group) => boolean } {
  const state = { isRefused: (_group: Group): boolean => false };
  const wrap = (store: Store): Store =>
    new Proxy(store, {
      get(target, name) {
        const value = Reflect.get(target, name) as unknown;
        if (name !== 'commit') return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        return async (groups: readonly Group[], by?: number) => {
          if (groups.some((group) => state.isRefused(group))) throw new StoreError('the disk is full');
          return target.commit(groups, by);
        };
      },
    });
  return Object.assign(state, { wrap });
}

t.test('a charge that cannot be stored is tried again until it is', async (t) => {
  const flaky = refusing();
  const world = await creditWorld(t, PRICES, { wrap: flaky.wrap });
  await world.grant(100);
  flaky.isRefused = (group) => group[0]?.type === 'charge';
  const { id } = await world.submit();
  world.end();
  await ended(world, id);
  for (const waitMs of [100, 500, 2000, 5000, 5000]) {
    await heard(`it waits ${waitMs} ms`, () => world.clock.hasTimer(waitMs));
    t.same(await world.balance(), { balance: 100, reserved: 10 });
    await world.clock.advance(waitMs);
  }
  flaky.isRefused = () => false;
  await heard('it waits', () => world.clock.hasTimer(5000));
  await world.clock.advance(5000);
  await world.allCharged();
  t.same(await world.balance(), { balance: 90, reserved: 0 });
  t.match(await world.engine.stats(), { charges: { failures: 6, due: 0, reserved: 0 } });
});

t.test('one charge that cannot be stored does not hold up the others', async (t) => {
  const flaky = refusing();
  const world = await creditWorld(t, PRICES, { wrap: flaky.wrap, slots: 10, deps: { chargeWorkers: 1 } });
  await world.grant(100);
  const all = await Promise.all(Array.from({ length: 5 }, () => world.submit()));
  const [bad] = all;
  flaky.isRefused = ([part]) => part?.type === 'charge' && part.executionId === bad?.id;
  for (const { id } of all) {
    world.end();
    await ended(world, id);
  }
  await heard('the others are charged', async () => {
    if (world.clock.hasTimer(100)) await world.clock.advance(100);
    return (await world.store.creditTotals()).due === 1;
  });
  t.same(await world.balance(), { balance: 60, reserved: 10 });
});

t.test('what was not charged before the end is charged after the next start', async (t) => {
  const dir = tempDir(t);
  const flaky = refusing();
  const before = await creditWorld(t, PRICES, { wrap: flaky.wrap, dir });
  await before.grant(100);
  flaky.isRefused = (group) => group[0]?.type === 'charge';
  const { id } = await before.submit();
  before.end();
  await ended(before, id);
  await before.engine.drain();
  t.ok(
    before.log.some(
      ({ message }) =>
        message === 'Cannot charge all executions; execd charges the rest after its next start',
    ),
  );
  t.ok(before.log.some(({ message }) => message === 'Charge manager shutdown'));
  await before.engine.close();
  const after = await creditWorld(t, PRICES, { dir });
  await after.allCharged();
  t.same(await after.balance(), { balance: 90, reserved: 0 });
  t.match((await after.get(id)).cost, { charged: 10, balanceAfter: 90 });
});

t.test('what is owed is charged also when credits have been turned off since', async (t) => {
  const dir = tempDir(t);
  const before = await creditWorld(t, PRICES, { dir });
  await before.grant(100);
  const { id } = await before.submit();
  await before.engine.close();
  const off = await engineWorld(t, { dir });
  await heard('it is settled', async () => (await off.store.get(null, id))?.phase !== 'starting');
  await heard('it runs again', () => off.runner.live.length === 1);
  t.equal((await off.submit()).cost, null);
  off.runner.live[0]?.begin();
  off.runner.live[0]?.end();
  await heard('it is charged', async () => (await off.store.account('local'))?.reserved === 0);
  t.match(await off.store.account('local'), { balance: 90 });
});

t.test('what is due at the end is charged before the store is closed', async (t) => {
  const dir = tempDir(t);
  const world = await creditWorld(t, PRICES, { dir });
  await world.grant(100);
  await world.submit();
  const drained = world.engine.drain();
  world.end();
  await drained;
  t.same(await world.balance(), { balance: 90, reserved: 0 });
  t.match(world.log.at(-1), { level: 'info', message: 'Charge manager shutdown' });
});

t.test('a low balance is announced once for each time that it falls', async (t) => {
  const world = await creditWorld(t, { ...PRICES, low_balance: 80 });
  const low = () => world.events.filter(({ type }) => type === 'low_balance').length;
  const runOne = async () => {
    const { id } = await world.submit();
    world.end();
    await heard('it is announced', () => world.events.some(({ entry }) => entry.subjectId === id));
  };
  await world.grant(100);
  for (const expected of [0, 0, 1, 1]) {
    await runOne();
    t.equal(low(), expected);
  }
  t.match(world.events.find(({ type }) => type === 'low_balance')?.entry, {
    ...{ userId: 'local', kind: 'charge', balanceAfter: 70, crossed: 80 },
  });
  await world.grant(20);
  await runOne();
  t.equal(low(), 2, 'again');
});

t.test('one in a hundred executions costs a credit', async (t) => {
  const world = await creditWorld(t, { every: { executions: 100, window_s: 86_400, credits: 1 } });
  t.match((await world.submit()).cost, null);
  await world.grant(1);
  for (let i = 2; i < 100; i++) await world.submit();
  t.match((await world.submit()).cost, { reserved: 1 });
  t.equal((await world.submit()).cost, null);
});

t.test('a dry run says what would become of it, and changes nothing', async (t) => {
  const world = await creditWorld(t, PRICES, { slots: 1, maxQueued: 1 });
  const dry = (more: Partial<Spec> = {}) => {
    const spec = { kind: 'exec', program: 'true', ...more } as Spec;
    return world.engine.dryRun(LOCAL_CALLER, { spec, trace: null, idempotency: null, rerunOf: null });
  };
  t.match(await dry(), {
    refusal: { type: 'insufficient_credits' },
    begins: null,
    cost: { reserved: 10, available: 0 },
  });
  await world.grant(30);
  t.match(await dry(), { refusal: null, begins: 'running', cost: { reserved: 10, available: 30 } });
  t.match((await dry(CACHED)).execution?.cache, { status: 'miss' });
  t.same(await world.balance(), { balance: 30, reserved: 0 });
  t.same((await world.engine.list({ userId: null }, 10, null)).views, []);
  const { id } = await world.submit(CACHED);
  t.match(await dry(CACHED), { begins: 'joined', cost: { reserved: 10, available: 20 } });
  t.match(await dry(), { begins: 'queued' });
  t.match(await dry({ on_limit: 'reject' }), { refusal: { type: 'limit_reached' }, begins: null });
  world.end();
  await ended(world, id);
  const { hits, misses, joined } = world.engine.cacheStats();
  t.match(await dry(CACHED), {
    begins: 'hit',
    cost: { reserved: 2 },
    execution: { cache: { status: 'hit' } },
  });
  t.match(await dry({ cache: { mode: 'refresh' } }), { begins: 'running' });
  t.match(await dry(CACHED), { begins: 'hit' }, 'and nothing was refreshed');
  t.match(world.engine.cacheStats(), { hits, misses, joined });
  await world.submit();
  await world.submit();
  await world.allCharged();
  await world.grant(1000);
  t.match(await dry(), { refusal: { type: 'queue_full' }, begins: null });
  const forbidden = await world.engine.dryRun(
    { ...ANN, mayRun: [] },
    { spec: { kind: 'exec', program: 'true' }, trace: null, idempotency: null, rerunOf: null },
  );
  t.match(forbidden, { refusal: { type: 'command_not_allowed' }, begins: null, execution: null, cost: null });
});

t.test('users see their own account, administrators all, and only what is there', async (t) => {
  const world = await creditWorld(t);
  const { accounts } = world.engine;
  await world.grant(5);
  t.same(await accounts.get(ANN, 'ann'), { userId: 'ann', balance: 0, reserved: 0 });
  for (const userId of ['local', 'nobody']) {
    t.equal((await refusalOf(accounts.get(ANN, userId))).type, 'account_not_found');
    t.equal((await refusalOf(accounts.entries(ANN, userId, 1, null))).type, 'account_not_found');
  }
  t.equal((await refusalOf(accounts.get(LOCAL_CALLER, 'nobody'))).type, 'account_not_found');
  await accounts.grant(LOCAL_CALLER, { userId: 'ann', amount: 7, note: 'hello', idempotency: null });
  t.match(await accounts.get(LOCAL_CALLER, 'ann'), { balance: 7 });
  t.match(await accounts.entries(ANN, 'ann', 10, null), [{ amount: 7, note: 'hello', by: 'local' }]);
});

const STEP = { kind: 'exec', program: 'true' } as const;

t.test('a plan is free, and each of its steps is an execution that is paid for', async (t) => {
  const world = await creditWorld(t);
  await world.grant(25);
  const steps = ['a', 'b', 'c'].map((name) => ({ ...STEP, name }));
  const plan = { strategy: { type: 'serial' } as const, steps };
  const options = { trace: null, idempotency: null };
  const { execution } = await world.engine.plans.submit(LOCAL_CALLER, plan, options);
  t.equal(execution.cost, null);
  for (let i = 0; i < 2; i++) {
    await heard('a step runs', () => world.runner.live.length === 1);
    world.end();
    await heard('it has ended', () => world.runner.live.length === 0);
    await heard(
      'it is charged',
      () => world.events.filter(({ type }) => type === 'charged').length === i + 1,
    );
  }
  // There are 5 left.
  t.match(await ended(world, execution.id), {
    status: 'failed',
    outcome: { cause: 'steps_ended', steps: ['c'] },
  });
  const { steps: views } = await world.engine.plans.get(LOCAL_CALLER, execution.id);
  t.match(views[2], {
    status: 'failed',
    executionId: null,
    outcome: { cause: 'no_credit', message: /10 credits; 5/ },
  });
  t.same(await world.balance(), { balance: 5, reserved: 0 });
  await world.grant(10);
  const again = await world.engine.plans.redrive(LOCAL_CALLER, execution.id, options);
  await heard('the step runs', () => world.runner.live.length === 1);
  world.end();
  t.match(await ended(world, again.execution.id), { status: 'completed' });
  await heard('it is charged', () => world.events.filter(({ type }) => type === 'charged').length === 3);
  t.same(await world.balance(), { balance: 5, reserved: 0 }, 'what was taken over is not paid for again');
  const { steps: kept } = await world.engine.plans.get(LOCAL_CALLER, again.execution.id);
  t.equal((await world.get(kept[0]?.executionId ?? '')).cost, null);
});

t.test('a plan has a price if it is given one, for itself and apart from that of its steps', async (t) => {
  const world = await creditWorld(t, {
    prices: { plan: { per_run: 4 } },
    every: { executions: 2, credits: 1 },
  });
  await world.grant(100);
  const plan = { strategy: { type: 'serial' } as const, steps: [{ ...STEP, name: 'a' }] };
  const options = { trace: null, idempotency: null };
  const { execution } = await world.engine.plans.submit(LOCAL_CALLER, plan, options);
  t.match(execution.cost, { reserved: 4, charged: null });
  await heard('the step runs', () => world.runner.live.length === 1);
  world.end();
  await ended(world, execution.id);
  const second = await world.engine.plans.submit(LOCAL_CALLER, plan, options);
  await heard('the step runs', () => world.runner.live.length === 1);
  t.same(await world.balance(), { balance: 96, reserved: 5 }, 'the second step is the second execution');
  await world.engine.cancel(LOCAL_CALLER, second.execution.id, null);
  world.end({ cause: 'cancelled', reason: null, process: null });
  t.match(await ended(world, second.execution.id), { status: 'cancelled' });
  await heard('all is charged', () => world.events.filter(({ type }) => type === 'charged').length === 3);
  const amounts = (await world.charges()).map(([, amount]) => amount);
  t.same(
    amounts.sort((a, b) => b - a),
    [-1, -4, -4],
  );
});
