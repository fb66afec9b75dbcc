// Who is next, without a database.
import t from 'tap';
import type { PoolKey } from '../../../src/domain/pools.ts';
import { claimNeeds, claimNext, type Heads } from '../../../src/store/rules/picking.ts';
import { type Place, Queue } from '../../../src/store/rules/queue.ts';
import type { ExecutionRow } from '../../../src/store/rows.ts';
import { setOf, row } from './memory-set.ts';

type Waits = [userId: string, changes?: Partial<ExecutionRow>];

/** A queue of executions that came in this order. */
function world(waiting: Waits[], terms: Parameters<typeof setOf>[1] = {}) {
  const set = setOf({}, terms);
  const queue = new Queue();
  const rows: ExecutionRow[] = [];
  const placeOf = (one: ExecutionRow): Place => ({
    ...{ pool: one.pool as PoolKey, priority: one.priority, userId: one.user_id, key: one.concurrency_key },
  });
  const add = (...more: Waits[]) => {
    for (const [userId, changes = {}] of more) {
      const one = row({ user_id: userId, ...changes });
      rows.push(one);
      queue.change(placeOf(one), 1);
    }
  };
  add(...waiting);
  let looks = 0;
  const heads: Heads = (place, afterSeq, limit) => {
    looks += 1;
    const waits = rows.filter((one) => isAt(one, place) && one.seq > afterSeq);
    return waits.slice(0, limit);
  };
  const gone = new Set<string>();
  const isAt = (one: ExecutionRow, { pool, priority, userId, key }: Place) =>
    !gone.has(one.id) &&
    one.pool === pool &&
    one.priority === priority &&
    one.user_id === userId &&
    one.concurrency_key === key;
  const claim = (limit: number, pools: PoolKey[] = ['process']): string => {
    const part = { type: 'claim_next', pools, limit, claim: { runner: 'x', epoch: 7 } } as const;
    const { touched } = claimNext({ set, queue, heads }, part);
    for (const { row: taken } of touched) gone.add(taken.id);
    return touched.map(({ row: { user_id: userId } }) => userId).join('');
  };
  return { set, queue, add, claim, looks: () => looks };
}

const many = (userId: string, n: number, changes: Partial<ExecutionRow> = {}): Waits[] =>
  Array.from({ length: n }, () => [userId, changes]);
const shares = (running: number | null, users = {}) => ({ shares: { weight: 1, running, users } });

t.test('a higher priority comes first; within one, users take turns', async (t) => {
  const { claim } = world([...many('a', 9), ...many('b', 2), ['c'], ['c', { priority: 1 }]]);
  t.equal(claim(9), 'cabcabaaa');
});

t.test('shares follow the weights, however the claims come', async (t) => {
  const users = { b: { weight: 3, running: null } };
  for (const size of [1, 2, 7, 40]) {
    const { claim } = world([...many('a', 100), ...many('b', 100)], shares(null, users));
    let claimed = '';
    while (claimed.length < 40) claimed += claim(Math.min(size, 40 - claimed.length));
    t.equal(claimed.replaceAll('a', '').length, 30, `claims of ${size}`);
  }
});

t.test('an idle user saves nothing up, and one who went away owes what they have had', async (t) => {
  const { claim, add } = world(many('a', 20));
  t.equal(claim(8), 'aaaaaaaa');
  add(...many('b', 6));
  t.equal(claim(6), 'bababa', 'not eight turns in a row');
  const other = world(
    [...many('a', 9), ...many('b', 1)],
    shares(null, { b: { weight: 0.5, running: null } }),
  );
  t.equal(other.claim(2), 'ab');
  other.add(['b']);
  t.equal(other.claim(3), 'aab', 'b had two turns at once');
});

t.test('the turns of a user whose slots are full are closed until one is free', async (t) => {
  const { claim, queue, set } = world([...many('a', 5), ...many('b', 1)], shares(2));
  t.equal(claim(5), 'aba');
  t.equal(claim(5), '');
  set.put('users', 'a', { ...set.get('users', 'a'), running: 1 });
  queue.open('a');
  t.equal(claim(5), 'a');
});

t.test('a full key is passed over, and the oldest of a user goes first whatever its key is', async (t) => {
  const keyed = { concurrency_key: 'k', concurrency_limit: 1 };
  const { claim, looks } = world([['a', keyed], ['a'], ...many('b', 50, keyed), ['b']]);
  t.equal(claim(9), 'aba', 'one with the key, and what needs none');
  const before = looks();
  t.equal(claim(9), '');
  t.ok(looks() - before <= 1, 'one look finds out that the key is full');
});

t.test('a count of what is not there does no harm', async (t) => {
  const { claim, queue } = world([['b']]);
  queue.change({ pool: 'process', priority: 0, userId: 'a', key: null }, 3);
  t.equal(claim(4), 'b');
  t.same(queue.bands('process'), []);
});

t.test('turns that nobody waits in are forgotten', async (t) => {
  const users = Array.from({ length: 300 }, (_, i) => `user${String(i).padStart(3, '0')}`);
  const { claim, queue } = world([...users.map((userId): Waits => [userId]), ...many('z', 400)]);
  claim(650);
  t.ok((queue.bands('process')[0]?.turns.size ?? 300) < 300);
  claim(50);
  t.same(queue.bands('process'), []);
});

const GPU = { pool: 'process:gpu' } as const;

t.test('a claim takes from its pools only', async (t) => {
  const { claim } = world([...many('a', 2), ...many('b', 2, GPU), ...many('c', 2, { pool: 'process:arm' })]);
  t.equal(claim(9, ['process:gpu']), 'bb');
  t.equal(claim(9, ['process:none']), '');
  t.equal(claim(9, ['process', 'process:arm']).split('').sort().join(''), 'aacc');
});

t.test(
  'pools of a server share its slots, however the claims come; a higher priority comes first',
  async (t) => {
    for (const size of [1, 2, 7, 40]) {
      const { claim } = world([...many('a', 100), ...many('b', 100, GPU), ['u', { ...GPU, priority: 1 }]]);
      let claimed = '';
      while (claimed.length < 41)
        claimed += claim(Math.min(size, 41 - claimed.length), ['process', 'process:gpu']);
      t.equal(claimed[0], 'u', `claims of ${size}`);
      t.equal(claimed.replaceAll('b', '').length - 1, 20, `claims of ${size}`);
      t.equal(
        claim(300, ['process', 'process:gpu']).length,
        160,
        'what one pool leaves, the other one gets; each once',
      );
    }
  },
);

t.test('a user whose slots are full is passed over in each pool, until one is free', async (t) => {
  const { claim, queue, set } = world([...many('a', 3), ...many('a', 3, GPU), ['b', GPU]], shares(2));
  const pools: PoolKey[] = ['process', 'process:gpu'];
  t.equal(claim(9, pools).split('').sort().join(''), 'aab');
  t.equal(claim(9, pools), '');
  set.put('users', 'a', { ...set.get('users', 'a'), running: 0 });
  queue.open('a');
  t.equal(claim(9, pools), 'aa');
});

t.test('100,000 that wait for pools that nobody serves cost a claim nothing', async (t) => {
  const { claim, queue, looks } = world([...many('a', 3), ['b']], shares(2));
  for (let i = 0; i < 50_000; i++) {
    // Of many pools, and of many users in one pool; a user of them has work that is served, too.
    queue.change({ pool: `process:p${i}`, priority: 0, userId: 'a', key: null }, 1);
    queue.change({ pool: 'process:gpu', priority: i % 9, userId: `user${i}`, key: null }, 1);
  }
  t.equal(queue.pools.length, 50_002);
  const part = {
    type: 'claim_next',
    pools: ['process'],
    limit: 9,
    claim: { runner: 'x', epoch: 7 },
  } as const;
  t.same(claimNeeds(queue, part), { users: ['a', 'b'], keys: [] }, 'only of those who wait for its pools');
  // The claim reads bands of its pools only: any step over others would ask one of these for its turns.
  for (const pool of queue.pools.filter((one) => one !== 'process'))
    for (const band of queue.bands(pool))
      Object.defineProperty(band, 'turns', { get: () => t.fail(`${pool} was looked at`) });
  t.equal(claim(9), 'aba', 'the turn of a is closed here, and not looked for elsewhere');
  queue.open('a');
  t.ok(looks() <= 5, `${looks()} looks`);
});
