// What every store must do with money: see store-contract.ts, which this is a part of.
import type { Test } from 'tap';
import fc from 'fast-check';
import type { GrantPart } from '../../src/domain/credits/account.ts';
import type { Cost } from '../../src/domain/cost.ts';
import type { CacheUse } from '../../src/domain/cache.ts';
import { isFinished, type Execution } from '../../src/domain/execution/execution.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { Store } from '../../src/domain/ports/store.ts';
import type { Group, GroupResult, IdempotencyPart } from '../../src/domain/ports/group.ts';
import { accept, END, EXIT_0, newExecution, settle } from './records.ts';
import type { StoreWorld } from './store-contract.ts';
import { rounds } from './rounds.ts';

type MakeWorld = (t: Test) => Promise<StoreWorld>;

const CLAIM = { runner: 'test' };
const LOST: Outcome = { cause: 'lost', detail: 'server_crash' };
const CANCELLED: Outcome = { cause: 'cancelled', reason: null, process: null };
const CACHE: CacheUse = {
  ...{ mode: 'read_write', key: 'k', scope: 'user', ttlMs: null, status: 'joined', storedAt: null },
};

/** A price of so much for a run, whatever it takes. */
export function flat(reserved: number, joined = 0): Cost {
  const rates = { base: reserved, perSecond: 0, perMb: 0, joined };
  return { rates, reserved, charged: null, balanceAfter: null };
}

export const grant = (amount: number, more: Partial<GrantPart> = {}): GrantPart => ({
  ...{ type: 'grant', grantId: newExecution().id, userId: 'ann', amount, note: null, by: 'root' },
  ...{ lowBalance: null, ...more },
});
export const charge = (executionId: string, lowBalance: number | null = null) =>
  ({ type: 'charge', executionId, lowBalance }) as const;

async function one(store: Store, ...group: Group): Promise<GroupResult> {
  const [result] = await store.commit([group]);
  return result as GroupResult;
}

async function done(store: Store, ...group: Group): Promise<Execution[]> {
  const result = await one(store, ...group);
  if (result.status !== 'applied')
    throw new Error(`expected an applied group, got ${JSON.stringify(result)}`);
  return result.executions;
}

async function entriesOf(store: Store, userId = 'ann') {
  return (await store.entries(userId, 1000, null)).map(({ kind, amount, balanceAfter }) => [
    ...[kind, amount, balanceAfter],
  ]);
}

/** Charges all that is due; answers how many. */
async function chargeAll(store: Store, lowBalance: number | null = null): Promise<number> {
  const ids = await store.dueCharges(0, 1, 1000);
  await store.commit(ids.map((id) => [charge(id, lowBalance)]));
  return ids.length;
}

export function creditsContract(t: Test, makeWorld: MakeWorld): void {
  ledger(t, makeWorld);
  reservations(t, makeWorld);
  ends(t, makeWorld);
  shared(t, makeWorld);
  windows(t, makeWorld);
  anyOrderOfMoney(t, makeWorld);
}

function ledger(t: Test, makeWorld: MakeWorld): void {
  t.test('a grant is in the ledger, and in the balance', async (t) => {
    const { store, reopen } = await makeWorld(t);
    t.equal(await store.account('ann'), null);
    const given = grant(100, { note: 'welcome' });
    const result = await one(store, given);
    t.match(result, {
      status: 'applied',
      executions: [],
      entries: [{ kind: 'grant', amount: 100, balanceAfter: 100 }],
    });
    await done(store, grant(50));
    await done(store, grant(-30));
    await done(store, grant(1, { userId: 'bob' }));
    t.same(await entriesOf(store), [
      ['grant', -30, 120],
      ['grant', 50, 150],
      ['grant', 100, 100],
    ]);
    const again = await reopen();
    t.same(await again.account('ann'), { userId: 'ann', balance: 120, reserved: 0 });
    t.match(await again.grant(given.grantId), {
      note: 'welcome',
      by: 'root',
      subjectId: given.grantId,
      at: 1000,
    });
    t.equal(await again.grant(newExecution().id), null);
  });

  t.test('entries are read in pages, newest first', async (t) => {
    const { store } = await makeWorld(t);
    await store.commit([1, 2, 3, 4, 5].map((amount) => [grant(amount)]));
    const first = await store.entries('ann', 2, null);
    t.same(
      first.map(({ amount }) => amount),
      [5, 4],
    );
    const next = await store.entries('ann', 10, first.at(-1)?.position ?? null);
    t.same(
      next.map(({ amount }) => amount),
      [3, 2, 1],
    );
    t.same(await store.entries('bob', 10, null), []);
  });

  t.test('no more is taken back than is available, and no balance grows beyond measure', async (t) => {
    const { store } = await makeWorld(t);
    t.match(await one(store, grant(-1)), { status: 'refused', reason: 'no_credit', needed: 1, available: 0 });
    await done(store, grant(100));
    await done(store, accept(newExecution({ cost: flat(60) })));
    t.match(await one(store, grant(-41)), { reason: 'no_credit', needed: 41, available: 40 });
    await done(store, grant(-40));
    await done(store, grant(8_999_999_999_999_900));
    t.match(await one(store, grant(100)), { status: 'refused', reason: 'balance_limit' });
    t.match(await store.account('ann'), { balance: 8_999_999_999_999_960, reserved: 60 });
  });

  t.test('a key grants once', async (t) => {
    const { store } = await makeWorld(t);
    const guarded = (part: GrantPart, bodyHash = 'h'): Group => {
      const key: IdempotencyPart = {
        ...{ type: 'idempotency', userId: 'root', key: 'k', bodyHash, lifetimeMs: 9000 },
        executionId: part.grantId,
      };
      return [key, part];
    };
    const first = grant(100);
    await done(store, ...guarded(first));
    t.match(await one(store, ...guarded(grant(100))), { status: 'refused', executionId: first.grantId });
    t.match(await one(store, ...guarded(grant(100), 'other')), { status: 'refused', reason: 'key_reused' });
    t.match(await store.account('ann'), { balance: 100 });
  });

  t.test('a balance is low once for each time that it falls below the threshold', async (t) => {
    const { store } = await makeWorld(t);
    const crossed = async (amount: number, lowBalance = 50) => {
      const result = await one(store, grant(amount, { lowBalance }));
      return result.status === 'applied' ? result.entries?.map((entry) => entry.crossed) : null;
    };
    t.same(await crossed(40), [null], 'it has never been above');
    t.same(await crossed(60), [null]);
    t.same(await crossed(-50), [null], 'not below yet');
    t.same(await crossed(-1), [50]);
    t.same(await crossed(-9), [null], 'it is low already');
    t.same(await crossed(10), [null]);
    t.same(await crossed(-1), [50], 'once more');
    t.equal((await store.entries('ann', 1, null))[0]?.crossed, 50, 'the ledger knows it');
  });
}

function reservations(t: Test, makeWorld: MakeWorld): void {
  t.test('what may be spent is reserved with the acceptance, or nothing is accepted', async (t) => {
    const { store } = await makeWorld(t);
    t.match(await one(store, accept(newExecution({ cost: flat(1) }))), {
      ...{ status: 'refused', reason: 'no_credit', needed: 1, available: 0 },
    });
    await done(store, grant(100));
    const [execution] = await done(store, accept(newExecution({ cost: flat(60) })));
    t.match(execution?.cost, { reserved: 60, charged: null, balanceAfter: null });
    t.match(await store.account('ann'), { balance: 100, reserved: 60 });
    const short = newExecution({ cost: flat(41) });
    t.match(await one(store, accept(short, { claim: CLAIM })), {
      reason: 'no_credit',
      needed: 41,
      available: 40,
    });
    t.equal(await store.get('ann', short.id), null);
    t.match(await store.counts(), { pending: 1, running: 0 });
    await done(store, accept(newExecution({ cost: flat(40) }), { claim: CLAIM }));
    await done(store, accept(newExecution()), accept(newExecution()));
    t.match(await store.account('ann'), { balance: 100, reserved: 100 });
    t.same(await entriesOf(store), [['grant', 100, 100]], 'what is reserved has not moved');
  });

  t.test('a hundred at once with credit for ten: ten are accepted', async (t) => {
    const { store } = await makeWorld(t);
    await done(store, grant(109));
    const groups = Array.from({ length: 100 }, (): Group => [accept(newExecution({ cost: flat(10) }))]);
    const results = await Promise.all(groups.map((group) => store.commit([group])));
    t.equal(results.filter(([result]) => result?.status === 'applied').length, 10);
    t.match(await store.account('ann'), { balance: 109, reserved: 100 });
    t.match(await store.counts(), { pending: 10 });
  });

  t.test('a replay reserves nothing, and neither does what is refused for another reason', async (t) => {
    const { store } = await makeWorld(t);
    await done(store, grant(100));
    const first = newExecution({ cost: flat(10) });
    const key: IdempotencyPart = {
      ...{ type: 'idempotency', userId: 'ann', key: 'k', bodyHash: 'h', lifetimeMs: 9000 },
      executionId: first.id,
    };
    await done(store, key, accept(first));
    t.match(await one(store, key, accept(newExecution({ cost: flat(10) }))), { reason: 'key_replayed' });
    t.match(await one(store, accept(newExecution({ cost: flat(10) }), { maxQueued: 1 })), {
      reason: 'queue_full',
    });
    const joiner = newExecution({ cost: flat(10), runId: newExecution().id });
    t.match(await one(store, accept(joiner, { joins: true })), { reason: 'run_gone' });
    t.match(await store.account('ann'), { balance: 100, reserved: 10 });
  });

  t.test('who may run longer reserves more, or keeps its limits', async (t) => {
    const { store } = await makeWorld(t);
    await done(store, grant(100));
    const { id } = newExecution();
    await done(store, accept(newExecution({ id, cost: flat(10) })));
    const of = { type: 'patch', userId: 'ann', executionId: id, priority: null } as const;
    const timeouts = { queueMs: null, attemptMs: 1, totalMs: null, idleMs: null };
    t.match(await one(store, { ...of, revision: 1, timeouts, reserved: 101 }), {
      reason: 'no_credit',
      needed: 91,
    });
    t.match(await store.get('ann', id), {
      revision: 1,
      timeouts: { attemptMs: 300_000 },
      cost: { reserved: 10 },
    });
    const [patched] = await done(store, { ...of, revision: 1, timeouts, reserved: 100 });
    t.match(patched, { revision: 2, timeouts: { attemptMs: 1 }, cost: { reserved: 100 } });
    t.match(await store.account('ann'), { balance: 100, reserved: 100 });
    await done(store, { ...of, revision: 2, timeouts, reserved: 5 });
    t.match(await store.account('ann'), { reserved: 100 }, 'it never becomes less');
  });
}

function ends(t: Test, makeWorld: MakeWorld): void {
  t.test('what has ended owes its price, is charged once, and says so', async (t) => {
    const { store } = await makeWorld(t);
    await done(store, grant(100));
    const cost: Cost = { ...flat(50), rates: { base: 10, perSecond: 3, perMb: 0, joined: 0 } };
    const [execution] = await done(store, accept(newExecution({ cost }), { claim: CLAIM }));
    const id = execution?.id ?? '';
    t.same(await store.dueCharges(0, 1, 10), []);
    t.same(await one(store, charge(id)), { status: 'stale' }, 'not before its end');
    const [ended] = await done(store, settle(id, 1));
    // It ran for 800 ms.
    t.match(ended, { status: 'completed', revision: 2, cost: { reserved: 50, charged: null } });
    t.same(await store.dueCharges(0, 1, 10), [id]);
    t.same(await store.creditTotals(), { reserved: 50, due: 1 });
    t.match(await one(store, charge(id)), {
      entries: [{ kind: 'charge', amount: -13, reserved: 50, balanceAfter: 87, subjectId: id }],
    });
    t.same(await one(store, charge(id)), { status: 'stale' });
    t.match(await store.get('ann', id), {
      revision: 3,
      cost: { reserved: 50, charged: 13, balanceAfter: 87 },
    });
    t.match(await store.account('ann'), { balance: 87, reserved: 0 });
    t.same(await store.creditTotals(), { reserved: 0, due: 0 });
    t.same(await entriesOf(store), [
      ['charge', -13, 87],
      ['grant', 100, 100],
    ]);
  });

  t.test('what never started, or was interrupted, is given back', async (t) => {
    const { store } = await makeWorld(t);
    await done(store, grant(100));
    const queued = newExecution({ cost: flat(10) });
    await done(store, accept(queued));
    await done(store, { type: 'cancel', userId: 'ann', executionId: queued.id, reason: null });
    const lost = newExecution({ cost: flat(10) });
    await done(store, accept(lost, { claim: CLAIM }));
    await done(store, settle(lost.id, 1, { outcome: LOST, result: null }));
    const late = newExecution({ cost: flat(10) });
    await done(store, accept(late));
    await done(store, {
      type: 'expire',
      executionId: late.id,
      outcome: { cause: 'queue_timeout', limitMs: 1 },
    });
    t.equal(await chargeAll(store), 3);
    t.match(await store.account('ann'), { balance: 100, reserved: 0 });
    t.same((await entriesOf(store)).slice(0, 3), [
      ['refund', 0, 100],
      ['refund', 0, 100],
      ['refund', 0, 100],
    ]);
    t.match(await store.get('ann', lost.id), { cost: { reserved: 10, charged: 0, balanceAfter: 100 } });
  });

  t.test('a claim that is given back, and a try that is made again, owe nothing yet', async (t) => {
    const { store } = await makeWorld(t);
    await done(store, grant(100));
    const { id } = newExecution();
    await done(store, accept(newExecution({ id, cost: flat(10) }), { claim: CLAIM }));
    await done(store, { type: 'requeue', executionId: id, attempt: 1 });
    await done(store, { type: 'claim_next', pool: 'process', limit: 1, claim: CLAIM });
    await done(store, {
      type: 'retry',
      executionId: id,
      attempt: 2,
      outcome: EXIT_0,
      end: END,
      waitMs: 6,
    });
    t.same(await store.dueCharges(0, 1, 10), []);
    t.match(await store.account('ann'), { balance: 100, reserved: 10 });
    await done(store, { type: 'cancel', userId: 'ann', executionId: id, reason: null });
    await chargeAll(store);
    t.match(
      await store.account('ann'),
      { balance: 90, reserved: 0 },
      'cancelled after its first try: not before its start',
    );
  });

  t.test('what ends with its acceptance is charged with it', async (t) => {
    const { store, reopen } = await makeWorld(t);
    await done(store, grant(100));
    const hit = newExecution({ cost: flat(7) });
    const end = { outcome: EXIT_0, result: null };
    const pricing = { windows: [], lowBalance: 95 };
    const result = await one(store, accept(hit, { end, pricing }));
    t.match(result, {
      executions: [{ status: 'completed', revision: 1, cost: { reserved: 7, charged: 7, balanceAfter: 93 } }],
      entries: [{ kind: 'charge', amount: -7, crossed: 95 }],
    });
    const open = newExecution({ cost: flat(7) });
    const outcome: Outcome = { cause: 'circuit_open', circuit: 'x', retryAfterMs: 1 };
    await done(store, accept(open, { end: { outcome, result: null } }));
    t.match(await store.account('ann'), { balance: 93, reserved: 0 });
    t.same(await store.dueCharges(0, 1, 10), []);
    const again = await reopen();
    t.match(await again.get('ann', hit.id), { revision: 1, cost: { charged: 7, balanceAfter: 93 } });
    t.match(await again.get('ann', open.id), { cost: { reserved: 7, charged: 0 } });
    t.match(await one(again, accept(newExecution({ cost: flat(94) }), { end })), { reason: 'no_credit' });
  });

  t.test('what is due outlives the execution, and a restart', async (t) => {
    const { store, reopen } = await makeWorld(t);
    await done(store, grant(100));
    const kept = newExecution({ cost: flat(1) });
    const gone = newExecution({ cost: flat(2) });
    for (const execution of [kept, gone]) {
      await done(store, accept(execution, { claim: CLAIM }));
      await done(store, settle(execution.id, 1));
    }
    await done(store, { type: 'remove', userId: 'ann', executionId: gone.id });
    const again = await reopen();
    t.equal(await chargeAll(again), 2);
    t.match(await again.account('ann'), { balance: 97, reserved: 0 });
    t.match(await again.get('ann', kept.id), { cost: { charged: 1 } });
    t.equal(await again.get('ann', gone.id), null);
  });

  t.test('those who charge at the same time take different ones', async (t) => {
    const { store } = await makeWorld(t);
    await done(store, grant(1000));
    for (let i = 0; i < 10; i++) {
      const execution = newExecution({ cost: flat(1) });
      await done(store, accept(execution));
      await done(store, { type: 'cancel', userId: 'ann', executionId: execution.id, reason: null });
    }
    const [first, second, all] = await Promise.all([
      ...[store.dueCharges(0, 2, 100), store.dueCharges(1, 2, 100), store.dueCharges(0, 1, 100)],
    ]);
    t.equal((first?.length ?? 0) + (second?.length ?? 0), 10);
    t.same([...(first ?? []), ...(second ?? [])].sort(), [...(all ?? [])].sort());
    t.equal((await store.dueCharges(0, 1, 3)).length, 3);
  });
}

function shared(t: Test, makeWorld: MakeWorld): void {
  /** A claimed run, and those that have joined it. */
  async function given(store: Store, joiners: number) {
    await done(store, grant(10_000));
    const first = newExecution({ cost: flat(100, 3), cache: { ...CACHE, status: 'miss' } });
    await done(store, accept(first, { claim: CLAIM }));
    const others: string[] = [];
    for (let i = 0; i < joiners; i++) {
      const joiner = newExecution({ cost: flat(100, 3), cache: CACHE, runId: first.id });
      await done(store, accept(joiner, { joins: true }));
      others.push(joiner.id);
    }
    return { first: first.id, others };
  }
  const cancel = (executionId: string) =>
    ({ type: 'cancel', userId: 'ann', executionId, reason: null }) as const;
  const charged = async (store: Store, ids: readonly string[]) =>
    Promise.all(ids.map(async (id) => (await store.get('ann', id))?.cost?.charged));

  t.test('a run is paid by the one that stands for it, and joining by the others', async (t) => {
    const { store } = await makeWorld(t);
    const { first, others } = await given(store, 2);
    await done(store, settle(first, 1));
    await chargeAll(store);
    t.same(await charged(store, [first, ...others]), [100, 3, 3]);
    t.match(await store.account('ann'), { balance: 9894, reserved: 0 });
  });

  t.test('who leaves a run pays nothing, and who takes its place pays all of it', async (t) => {
    const { store } = await makeWorld(t);
    const { first, others } = await given(store, 2);
    const [second = '', third = ''] = others;
    await done(store, cancel(first));
    await done(store, cancel(third));
    await done(store, settle(second, 1));
    await chargeAll(store);
    t.same(await charged(store, [first, second, third]), [0, 100, 0]);
  });

  t.test('a run that is lost is paid by nobody, and the one that follows it by one', async (t) => {
    const { store } = await makeWorld(t);
    const { first, others } = await given(store, 2);
    await done(store, settle(first, 1, { outcome: LOST, result: null }));
    await chargeAll(store);
    t.same(await charged(store, [first, ...others]), [0, null, null]);
    await done(store, { type: 'claim_next', pool: 'process', limit: 1, claim: CLAIM });
    await done(store, settle(others[0] ?? '', 1));
    await chargeAll(store);
    t.same(await charged(store, others), [100, 3]);
    t.match(await store.account('ann'), { balance: 9897, reserved: 0 });
  });

  t.test('a run that ends by its own limit is paid by the one that it was', async (t) => {
    const { store } = await makeWorld(t);
    const { first, others } = await given(store, 1);
    const outcome: Outcome = { cause: 'total_timeout', limitMs: 1, process: null };
    await done(store, settle(first, 1, { outcome, result: null }));
    await chargeAll(store);
    t.same(await charged(store, [first, ...others]), [100, null]);
  });
}

function windows(t: Test, makeWorld: MakeWorld): void {
  t.test('one in so many costs more, counted for each user, and anew after the window', async (t) => {
    const { store, clock, reopen } = await makeWorld(t);
    const window = { name: 'all', executions: 3, windowMs: 1000, credits: 5 };
    const pricing = { windows: [window], lowBalance: null };
    for (const userId of ['ann', 'bob']) await done(store, grant(100, { userId }));
    const next = async (at: number, userId = 'ann', on = store) => {
      const foretold = await on.windowCredits(userId, [window], at);
      clock.now = at;
      const execution = newExecution({ userId, cost: flat(0) });
      const [accepted] = await done(on, accept(execution, { pricing }));
      const reserved = accepted?.cost?.reserved ?? 0;
      if (reserved !== foretold) throw new Error(`${foretold} was foretold, ${reserved} is reserved`);
      return reserved;
    };
    t.same([await next(1000), await next(1500), await next(1999)], [0, 0, 5]);
    t.equal(await next(1999), 0);
    t.equal(await next(1999, 'bob'), 0);
    t.same([await next(2000), await next(2001), await next(2999)], [0, 0, 5], 'a new window');
    t.same([await next(2999), await next(2999)], [0, 0]);
    const again = await reopen();
    t.equal(await next(2999, 'ann', again), 5, 'the count outlives a restart');
    t.match(await again.account('ann'), { balance: 100, reserved: 15 });
  });

  t.test('who cannot pay for the one that costs more is refused, and is not counted', async (t) => {
    const { store } = await makeWorld(t);
    const pricing = {
      windows: [{ name: 'all', executions: 2, windowMs: 1000, credits: 5 }],
      lowBalance: null,
    };
    const next = () => one(store, accept(newExecution({ cost: flat(0) }), { pricing }));
    t.match(await next(), { executions: [{ cost: null }] }, 'the first one is free');
    t.match(await next(), { reason: 'no_credit', needed: 5, available: 0 });
    await done(store, grant(5));
    t.match(await next(), { executions: [{ cost: { reserved: 5 } }] });
  });
}

interface Step {
  what: string;
  which: number;
  amount: number;
  wrong: number;
}

function anyOrderOfMoney(t: Test, makeWorld: MakeWorld): void {
  t.test('whatever is done in whatever order, a balance is the sum of its entries', async (t) => {
    const { store, clock } = await makeWorld(t);
    const ids: string[] = [];
    const pricing = { windows: [{ name: 'all', executions: 3, windowMs: 10, credits: 2 }], lowBalance: 200 };
    const outcomes: Outcome[] = [EXIT_0, LOST, CANCELLED];
    const step: fc.Arbitrary<Step> = fc.record({
      what: fc.constantFrom(
        ...[
          'grant',
          'grant',
          'take',
          'accept',
          'claimed',
          'claimed',
          'join',
          'hit',
          'claim',
          'cancel',
          'settle',
          'settle',
        ],
        ...['retry', 'due', 'requeue', 'patch', 'remove', 'charge', 'charge', 'expire'],
      ),
      which: fc.nat(30),
      amount: fc.nat(30),
      wrong: fc.integer({ min: 0, max: 3 }),
    });
    const groupOf = async ({ what, which, amount, wrong }: Step): Promise<Group> => {
      const id = ids[Math.max(0, ids.length - 1 - (which % 8))] ?? newExecution().id;
      const now = await store.get(null, id);
      // Mostly the attempt that is the last one.
      const attempt = which % 5 === 0 ? wrong : (now?.attempts.at(-1)?.number ?? 0);
      const outcome = outcomes[which % 3] as Outcome;
      clock.now = 2000 + which;
      const fresh = (more: Partial<Parameters<typeof newExecution>[0]> = {}) => {
        const cost: Cost = { ...flat(amount, 1), rates: { base: amount, perSecond: 1, perMb: 0, joined: 1 } };
        const execution = newExecution({ cost, ...more });
        ids.push(execution.id);
        return execution;
      };
      switch (what) {
        case 'grant':
          return [grant(amount * 10 + 1, { lowBalance: 200 })];
        case 'take':
          return [grant(-amount * 9 - 1, { lowBalance: 200 })];
        case 'accept':
          return [accept(fresh(), { pricing })];
        case 'claimed':
          return [accept(fresh(), { claim: CLAIM, pricing })];
        case 'join':
          return [
            accept(fresh({ runId: id, cache: CACHE }), { joins: true, pricing: { ...pricing, windows: [] } }),
          ];
        case 'hit':
          return [accept(fresh(), { end: { outcome: EXIT_0, result: null }, pricing })];
        case 'claim':
          return [{ type: 'claim_next', pool: 'process', limit: 2, claim: CLAIM }];
        case 'cancel':
          return [{ type: 'cancel', userId: 'ann', executionId: id, reason: null }];
        case 'settle':
          return [settle(id, attempt, { outcome })];
        case 'retry':
          return [{ type: 'retry', executionId: id, attempt, outcome, end: END, waitMs: 0 }];
        case 'due':
          return [{ type: 'due', executionId: id, attempt }];
        case 'requeue':
          return [{ type: 'requeue', executionId: id, attempt }];
        case 'patch': {
          const { revision = 1, timeouts = null } = now ?? {};
          const of = { userId: 'ann', executionId: id, revision, priority: null, timeouts };
          return [{ type: 'patch', ...of, reserved: amount }];
        }
        case 'remove':
          return [{ type: 'remove', userId: null, executionId: id }];
        case 'expire':
          return [{ type: 'expire', executionId: id, outcome: { cause: 'queue_timeout', limitMs: 1 } }];
        default:
          return [charge(id, 200)];
      }
    };
    const settled = new Map<string, number>();
    let lastBalance = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40, size: 'max' }), async (steps) => {
        const results: GroupResult[] = [];
        for (const step of steps) results.push(await one(store, ...(await groupOf(step))));
        for (const { entries = [] } of results.filter((result) => result.status === 'applied')) {
          for (const { subjectId, kind, crossed, amount, balanceAfter } of entries) {
            if (settled.has(subjectId)) throw new Error(`${subjectId} is in the ledger twice`);
            settled.set(subjectId, amount);
            if (balanceAfter !== lastBalance + amount)
              throw new Error('a balance does not follow from the one before');
            const falls = lastBalance >= 200 && balanceAfter < 200;
            if ((crossed !== null) !== falls) throw new Error('a crossing is wrong');
            lastBalance = balanceAfter;
            if (kind === 'refund' && amount !== 0) throw new Error('a refund moves nothing');
          }
        }
        const account = (await store.account('ann')) ?? { balance: 0, reserved: 0 };
        const entries = await store.entries('ann', 1_000_000, null);
        const sum = entries.reduce((whole, { amount }) => whole + amount, 0);
        if (account.balance !== sum)
          throw new Error(`the balance is ${account.balance}, the entries are ${sum}`);
        if (account.reserved < 0 || account.reserved > account.balance)
          throw new Error('more is reserved than is there');
        const { executions: stored } = await store.list({ userId: null }, 1_000_000, null);
        const live = stored.filter((one) => !isFinished(one));
        const open = live.reduce((whole, { cost }) => whole + (cost?.reserved ?? 0), 0);
        const due = await store.creditTotals();
        const ended = stored.filter((one) => isFinished(one) && one.cost?.charged === null);
        if (due.due < ended.length) throw new Error('an end owes nothing');
        if (due.reserved !== account.reserved || (due.due === 0 && open !== account.reserved))
          throw new Error(`${account.reserved} is reserved, ${open} by what lives`);
        for (const { id, cost } of stored) {
          const entry = settled.get(id);
          if (cost !== null && (cost.charged === null) !== (entry === undefined))
            throw new Error('a charge is not told');
          if (cost !== null && entry !== undefined && cost.charged !== -entry)
            throw new Error('another charge is told');
        }
      }),
      { numRuns: rounds(12) },
    );
    await chargeAll(store);
    t.ok(settled.size > 30, `${settled.size} entries were seen`);
    const account = await store.account('ann');
    const live = (await store.list({ userId: null }, 1_000_000, null)).executions.filter(
      (one) => !isFinished(one),
    );
    t.equal(
      account?.reserved ?? 0,
      live.reduce((whole, { cost }) => whole + (cost?.reserved ?? 0), 0),
    );
  });
}
