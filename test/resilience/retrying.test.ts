import { ConstantBackoff, handleAll, retry } from 'cockatiel';
import t from 'tap';
import { EACH_SECOND, GROWING, untilDone, waitAfter, Waits } from '../../src/resilience/retrying.ts';
import { fakeClock } from '../helpers/clock.ts';

function world() {
  const clock = fakeClock();
  const abort = new AbortController();
  const waits: number[] = [];
  const failed = (_error: unknown, waitMs: number) => void waits.push(waitMs);
  const how = { clock, signal: abort.signal, failed, backoff: GROWING };
  let calls = 0;
  const failing = (times: number) => async () => {
    calls += 1;
    if (calls <= times) throw new Error('not yet');
    return calls;
  };
  return { clock, abort, waits, how, failing, calls: () => calls };
}

t.test('what fails is tried again until it works, after waits that grow', async (t) => {
  const { clock, how, failing, waits } = world();
  const done = untilDone(failing(6), how);
  await clock.advance(100 + 500 + 2000 + 5000 + 5000 + 5000);
  t.same(await done, { value: 7 });
  t.same(waits, [100, 500, 2000, 5000, 5000, 5000]);
  t.equal(clock.waiting, 0);
});

t.test('an abort ends the wait at once, and nothing is called after it', async (t) => {
  const { clock, abort, how, failing, calls } = world();
  const done = untilDone(failing(9), how);
  await clock.advance(50);
  abort.abort();
  t.equal(await done, null);
  t.equal(calls(), 1);
  t.equal(clock.waiting, 0, 'no timer is left');
  t.equal(await untilDone(failing(9), how), null, 'with an abort before it nothing is called');
  t.equal(calls(), 1);
  t.equal(await untilDone(failing(9), { ...how, triesOnce: true }), null);
  t.equal(calls(), 2, 'but what has to be tried once is');
});

t.test("cockatiel's own retry does neither, which is why it is not used", async (t) => {
  const abort = new AbortController();
  let calls = 0;
  const backoff = new ConstantBackoff(20);
  const policy = retry(handleAll, { maxAttempts: 5, backoff });
  const fails = () => {
    calls += 1;
    setImmediate(() => abort.abort());
    throw new Error('not yet');
  };
  await t.rejects(policy.execute(fails, abort.signal));
  t.equal(calls, 2, 'it waits to the end of the wait, and calls once more after the abort');
  await t.rejects(policy.execute(fails, abort.signal));
  t.equal(calls, 3, 'it calls although the signal is aborted');
});

t.test('waits begin again after a success, and a list of them has an end', async (t) => {
  const waits = new Waits(GROWING);
  t.same([waits.nextMs(), waits.nextMs()], [100, 500]);
  waits.reset();
  t.equal(waits.nextMs(), 100);
  t.same(
    [1, 2, 3].map((failures) => waitAfter(failures, [5, 300])),
    [5, 300, null],
  );
  const { clock, how, failing } = world();
  const later = untilDone(failing(0), { ...how, backoff: EACH_SECOND, isLater: true });
  await clock.advance(999);
  t.equal(clock.waiting, 1);
  await clock.advance(1);
  t.same(await later, { value: 1 });
});
