// Who is next, without a database.
import t from 'tap';
import { claimNext, type Heads } from '../../../src/store/rules/picking.ts';
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
    ...{ pool: 'process', priority: one.priority, userId: one.user_id, key: one.concurrency_key },
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
  const isAt = (one: ExecutionRow, { priority, userId, key }: Place) =>
    !gone.has(one.id) && one.priority === priority && one.user_id === userId && one.concurrency_key === key;
  const claim = (limit: number): string => {
    const part = { type: 'claim_next', pool: 'process', limit, claim: { runner: 'x', epoch: 7 } } as const;
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
