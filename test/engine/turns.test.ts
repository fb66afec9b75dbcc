import t from 'tap';
import type { Execution } from '../../src/domain/execution.ts';
import type { LifecycleEvent } from '../../src/domain/events.ts';
import type { Group, GroupResult } from '../../src/domain/ports.ts';
import { celConditions } from '../../src/conditions.ts';
import { planChecker } from '../../src/domain/plan-check.ts';
import { Committer } from '../../src/engine/committer.ts';
import { inTurns } from '../../src/engine/turns.ts';
import { fakeClock } from '../helpers/clock.ts';

t.test('long work is cut where its turn is over, and goes on after everybody else', async (t) => {
  const clock = fakeClock();
  let elapsed = 0;
  const slow = { ...clock, monotonic: () => elapsed };
  const done: number[] = [];
  function* work(): Generator<undefined, string> {
    for (let i = 1; i <= 4; i++) {
      done.push(i);
      elapsed += 10;
      yield;
    }
    return 'whole';
  }
  const result = inTurns(work(), slow);
  t.same(done, [1, 2]);
  await clock.advance(0);
  t.same(done, [1, 2, 3, 4]);
  await clock.advance(0);
  t.equal(await result, 'whole');
});

t.test('a plan of many steps is checked in as many pieces', async (t) => {
  const limits = { maxAttemptMs: 1000, maxOutputBytes: 1000, spoolMaxBytes: 1000 };
  const check = planChecker(limits, celConditions());
  const steps = Array.from({ length: 1000 }, (_, i) => ({ name: `s${i}`, kind: 'exec', program: 'true' }));
  const pieces = [...check({ strategy: { type: 'serial' }, steps })];
  t.ok(pieces.length >= 2000);
});

t.test('what a commit has to tell is told in the order of the commits, also when it is much', async (t) => {
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
  t.equal(told.indexOf('few'), 1200, 'nothing is told before what was stored before it');
  await committer.commit([result('later', 1) as unknown as Group]);
  t.equal(told.at(-1), 'later');
});
