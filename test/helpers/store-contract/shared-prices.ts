// Who pays for a shared run, and what costs more now and then.
import type { Test } from 'tap';
import type { Outcome } from '../../../src/domain/outcome.ts';
import type { Store } from '../../../src/domain/ports/store.ts';
import { accept, newExecution, settle } from '../records.ts';
import { type MakeWorld, CLAIM } from './given.ts';
import { flat, grant, LOST, CACHE, one, done, chargeAll } from './money.ts';

export function shared(t: Test, makeWorld: MakeWorld): void {
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
    await done(store, { type: 'claim_next', pools: ['process'], limit: 1, claim: CLAIM });
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

export function windows(t: Test, makeWorld: MakeWorld): void {
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
