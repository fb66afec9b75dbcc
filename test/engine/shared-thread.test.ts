import t from 'tap';
import type { Execution } from '../../src/domain/execution/execution.ts';
import type { LifecycleEvent } from '../../src/domain/execution/events.ts';
import type { Group, GroupResult } from '../../src/domain/ports/group.ts';
import { planChecker } from '../../src/domain/plans/plan-check.ts';
import { Committer } from '../../src/engine/feed/committer.ts';
import { SharedThread } from '../../src/engine/shared-thread.ts';
import { conditionsHere } from '../helpers/conditions.ts';
import { fakeClock } from '../helpers/clock.ts';

/** A clock on which nothing but work takes time. */
function workClock() {
  let elapsed = 0;
  const clock = { ...fakeClock(), monotonic: () => elapsed };
  return { clock, work: (ms: number) => (elapsed += ms) };
}

t.test('long work is cut where its turn is over, and goes on after everybody else', async (t) => {
  const { clock, work } = workClock();
  const done: number[] = [];
  function* long(): Generator<undefined, string> {
    for (let i = 1; i <= 4; i++) {
      done.push(i);
      work(4);
      yield;
    }
    return 'whole';
  }
  const seen: number[] = [];
  const others = () => {
    seen.push(done.length);
    if (done.length < 4) setImmediate(others);
  };
  setImmediate(others);
  t.equal(await new SharedThread(clock).all('ann', long()), 'whole');
  t.match(seen, [2, 4], 'somebody else has a turn after two pieces');
});

t.test('all the work together has one bound, and users take turns in it', async (t) => {
  const { clock, work } = workClock();
  const thread = new SharedThread(clock);
  const done: string[] = [];
  const piece = (name: string) => () => {
    done.push(name);
    work(5);
    return name;
  };
  const results = [
    ...['a1', 'a2', 'a3', 'a4'].map((name) => thread.run('ann', piece(name))),
    thread.run('bob', piece('b1')),
    thread.run('cat', piece('c1')),
  ];
  t.same(done, ['a1', 'a2'], 'however many there are, a turn is over when its time is');
  await clock.advance(0);
  t.same(await Promise.all(results), ['a1', 'a2', 'a3', 'a4', 'b1', 'c1']);
  t.same(done, ['a1', 'a2', 'a3', 'b1', 'c1', 'a4']);
  await t.rejects(
    thread.run('ann', () => {
      throw new Error('no');
    }),
    /no/,
  );
});

t.test('a plan of many steps is checked in as many pieces', async (t) => {
  const limits = { maxAttemptMs: 1000, maxOutputBytes: 1000, spoolMaxBytes: 1000 };
  const check = planChecker(limits, conditionsHere(), () => null);
  const steps = Array.from({ length: 1000 }, (_, i) => ({ name: `s${i}`, kind: 'exec', program: 'true' }));
  const pieces = [...check({ strategy: { type: 'serial' }, steps })];
  t.ok(pieces.length >= 2000);
});

t.test('events go out in the order of the commits, also when there are many', async (t) => {
  const clock = fakeClock();
  const told: string[] = [];
  const result = (name: string, count: number): GroupResult => ({
    status: 'applied',
    executions: [{ id: name } as Execution],
    events: Array.from({ length: count }, () => ({ executionId: name }) as LifecycleEvent),
  });
  const commit = ([group]: readonly Group[]) => Promise.resolve([group as unknown as GroupResult]);
  const committer = new Committer({
    store: { commit, probe: () => Promise.resolve() },
    epoch: () => 1,
    signal: new AbortController().signal,
    clock,
    log: { debug: () => 0, info: () => 0, warn: () => 0, error: () => 0 },
    publish: ({ executionId }) => void told.push(executionId),
    publishAccount: () => undefined,
  });
  const commits = [result('many', 1200), result('few', 1)].map((one) =>
    committer.commit([one as unknown as Group]),
  );
  await clock.advance(0);
  t.same(await Promise.all(commits).then((all) => all.length), 2);
  t.equal(told.length, 1201);
  t.equal(told.indexOf('few'), 1200, 'nothing goes out before what was stored before it');
  await committer.commit([result('later', 1) as unknown as Group]);
  t.equal(told.at(-1), 'later');
});
