import { readdirSync, readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { ConditionError } from '../../src/domain/plans/conditions.ts';
import { ConditionThread } from '../../src/expressions/condition-thread.ts';
import { celConditions } from '../../src/expressions/conditions.ts';
import { type FakeClock, fakeClock } from '../helpers/clock.ts';

const ROOTS = ['plan'];
const LIST = Array.from({ length: 300 }, (_, i) => i);
/** More rounds than fit into the time of a condition. */
const ENDLESS = 'plan.params.l.all(a, plan.params.l.all(b, plan.params.l.all(c, c >= 0.0)))';
const scope = { plan: { params: { l: LIST, s: 'x' } } };

function world(t: Test, clock: FakeClock = fakeClock()) {
  const thread = new ConditionThread(clock);
  t.teardown(() => thread.close());
  const conditions = celConditions((...evaluation) => thread.evaluate(...evaluation));
  const evaluate = (source: string, userId = 'ann') =>
    conditions.compile(source, ROOTS).evaluate(scope, userId);
  return { thread, conditions, evaluate };
}

/** Threads of this process that leave the processor to others: the 19th field of proc_pid_stat(5). */
const niceThreads = () =>
  readdirSync('/proc/self/task').filter((tid) => {
    const stat = readFileSync(`/proc/self/task/${tid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16] === '5';
  }).length;

t.test('conditions that take time are evaluated while this thread does something else', async (t) => {
  const { evaluate } = world(t);
  const niceBefore = niceThreads();
  t.equal(await evaluate('plan.params.l.exists(a, a == 7)'), true);
  t.equal(niceThreads(), niceBefore + 1, 'it leaves the processor to others first');
  let settled = 0;
  const slow = Array.from({ length: 8 }, () =>
    evaluate(ENDLESS)
      .catch((error: unknown) => error)
      .finally(() => settled++),
  );
  await new Promise((resolve) => setImmediate(resolve));
  t.ok(settled < slow.length, 'the event loop has gone round before they are through');
  const errors = await Promise.all(slow);
  t.ok(
    errors.every(
      (error) => error instanceof ConditionError && error.message.includes('takes longer than 100 ms'),
    ),
  );
  t.equal(await evaluate('plan.params.l.all(a, a >= 0.0)'), true, 'and the thread goes on');
});

t.test('users take turns, however many conditions one of them has', async (t) => {
  const { evaluate } = world(t);
  const order: string[] = [];
  const note = (name: string, userId: string) =>
    evaluate('plan.params.l.all(a, a >= 0.0)', userId).then(() => void order.push(name));
  await Promise.all([
    ...['a1', 'a2', 'a3', 'a4'].map((name) => note(name, 'ann')),
    note('b1', 'bob'),
    note('c1', 'cat'),
  ]);
  t.same(order, ['a1', 'b1', 'c1', 'a2', 'a3', 'a4']);
});

t.test('what is wrong with a condition, or with what it reads, is told as it is here', async (t) => {
  const { evaluate } = world(t);
  await t.rejects(evaluate('plan.params.nope == 1'), /plan.params.nope is not there/);
  await t.rejects(evaluate('plan.params.l[5000] == 1'), /is not there/);
  await t.rejects(evaluate('plan.params.l.all(a, true) ? plan.params.s : true'), /a text, not true or false/);
});

t.test('a condition reads so much and no more', async (t) => {
  const { conditions } = world(t);
  const large = { plan: { params: { l: [], t: 'x'.repeat(5_000_000) } } };
  const evaluate = (source: string) => conditions.compile(source, ROOTS).evaluate(large, 'ann');
  await t.rejects(evaluate('plan.params.l.all(a, true)'), /reads more than 4194304 bytes/);
  t.equal(await evaluate('plan.params.t != "y"'), true, 'what is compared at once is not handed over');
});

t.test('a thread that does not answer is replaced, and only what it was at is lost', async (t) => {
  const clock = fakeClock();
  const { evaluate } = world(t, clock);
  t.equal(await evaluate('plan.params.l.all(a, a >= 0.0)'), true);
  const stuck = evaluate(ENDLESS);
  const next = evaluate('plan.params.l.exists(a, a == 7)');
  await Promise.all([t.rejects(stuck, /takes longer than 100 ms/), clock.advance(60_000)]);
  t.equal(await next, true);
});

t.test('what waits when the thread is closed never ends, so that its step is due again', async (t) => {
  const { thread, evaluate } = world(t);
  const never = evaluate(ENDLESS);
  await thread.close();
  const later = evaluate('plan.params.l.all(a, true)');
  const settled = await Promise.race([
    never,
    later,
    new Promise((resolve) => setImmediate(() => resolve('open'))),
  ]);
  t.equal(settled, 'open');
});
