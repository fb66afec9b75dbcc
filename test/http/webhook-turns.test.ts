// Who is served when many deliveries wait: the dispatcher alone, with a store and receivers that a test makes up.
import { Circuits } from '../../src/resilience/circuits.ts';
import t from 'tap';
import {
  type DueDelivery,
  type DueLanes,
  type DueLanesQuery,
  laneOf,
  userOfLane,
  type WebhookAnswer,
} from '../../src/domain/webhooks/webhooks.ts';
import { Dispatcher, type DispatcherDeps } from '../../src/webhooks/dispatcher.ts';
import { fakeClock } from '../helpers/clock.ts';

const OK: WebhookAnswer = { status: 200, retryAfterMs: null, error: null };

/** A dispatcher; `put` makes a delivery due. Receivers named `silent…` answer never. */
function world(maxConcurrent: number) {
  const clock = fakeClock();
  const due = new Map<number, DueDelivery>();
  const begun: string[] = [];
  const laneOfOne = (one: DueDelivery) => laneOf(one.webhook);
  const deps = {
    clock,
    circuits: new Circuits(() => clock.monotonic()),
    maxConcurrent,
    store: {
      get: () => Promise.resolve(null),
      feed: { isShared: false, whyLate: null },
      stats: () => ({ deliveries: { pending: due.size } }),
      dueLanes: async ({ after, users, lanes: most }: DueLanesQuery): Promise<DueLanes> => {
        const byUser = Map.groupBy(new Set([...due.values()].map(laneOfOne)), userOfLane);
        const all = [...byUser]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .filter(([user]) => after === null || user > after);
        const some = all.slice(0, users);
        const lanes = some.flatMap(([, of]) => of.slice(0, most));
        return { lanes, after: some.length < all.length ? (some.at(-1)?.[0] ?? null) : null, nextAt: null };
      },
      dueDeliveries: async (lane: string, _now: number, limit: number) => {
        return [...due.values()].filter((one) => laneOfOne(one) === lane).slice(0, limit);
      },
    },
    tracing: null,
    commit: async (groups: { id: number }[][]) => {
      for (const { id } of groups.flat()) due.delete(id);
      return [];
    },
    sender: {
      waitMs: () => 0,
      send: ({ url }: { url: string }) => {
        begun.push(url);
        return url.includes('silent') ? new Promise<never>(() => undefined) : Promise.resolve(OK);
      },
    },
    notifier: {},
    log: { warn: () => undefined, debug: () => undefined },
    random: () => 0,
    leads: () => Promise.resolve(true),
    toData: () => ({}),
    source: () => 'urn:test',
  } as unknown as DispatcherDeps;
  const dispatcher = new Dispatcher(deps);
  const put = (userId: string, url: string) => {
    const id = due.size + begun.length + 1;
    const record = { type: 'completed', executionId: `e${id}`, sequence: 1, at: 0 };
    const webhook = { id: `w ${userId} ${url}`, userId, url, secrets: [], notification: null };
    due.set(id, { id, record, webhook, tries: [] } as unknown as DueDelivery);
  };
  const to = (part: string) => begun.filter((url) => url.includes(part)).length;
  dispatcher.start();
  /** Lets it look until nothing more begins. */
  const settle = async () => {
    dispatcher.wake();
    for (let i = 0; i < 50; i++) await clock.advance(10);
  };
  return { dispatcher, put, settle, to };
}

t.test('a lane names its user', async (t) => {
  t.equal(userOfLane(laneOf({ userId: 'ann', url: 'https://a.test/x' })), 'ann');
  t.equal(userOfLane(laneOf({ userId: '', url: 'https://a.test/x' })), '');
});

t.test('silent receivers of a user hold up nobody else, however many there are', async (t) => {
  const { put, settle, to } = world(64);
  for (let i = 0; i < 300; i++) put('ann', `http://silent${i}.ann.test/`);
  await settle();
  t.equal(to('.ann.test'), 32, 'half of the places');
  for (let i = 0; i < 100; i++) put('bob', 'http://bob.test/');
  await settle();
  t.equal(to('bob.test'), 100);
  // Others do the same; there is a place for one more.
  for (const user of ['u1', 'u2', 'u3', 'u4']) {
    for (let i = 0; i < 300; i++) put(user, `http://silent${i}.${user}.test/`);
    await settle();
    put('bob', `http://after-${user}.test/`);
    await settle();
    t.equal(to(`after-${user}.test`), 1, user);
  }
});

t.test('of many users all are served, a part of them in each look', async (t) => {
  const { put, settle, to } = world(4);
  for (let i = 0; i < 100; i++) put(`u${i}`, `http://u${i}.test/`);
  await settle();
  t.equal(to('.test'), 100);
});

t.test('users take turns, whatever number of receivers each of them has', async (t) => {
  const { put, settle, to } = world(9);
  for (let i = 0; i < 100; i++) put('ann', `http://silent${i}.ann.test/`);
  for (let i = 0; i < 100; i++) put('bob', 'http://silent.bob.test/');
  put('zoe', 'http://zoe.test/');
  await settle();
  t.equal(to('zoe.test'), 1);
  t.ok(to('bob.test') >= 2, 'one receiver is served as many are');
  const alone = world(1);
  alone.put('ann', 'http://ann.test/');
  await alone.settle();
  t.equal(alone.to('ann.test'), 1, 'a single place can be had');
});
