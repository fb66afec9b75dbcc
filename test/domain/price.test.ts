import fc from 'fast-check';
import t from 'tap';
import { type Cost, MAX_CREDITS, type Rates } from '../../src/domain/cost.ts';
import type { Attempt } from '../../src/domain/execution/execution.ts';
import { NO_OUTPUT } from '../../src/domain/execution/execution.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import { amountDue, type Bounds, quote, reservation } from '../../src/domain/credits/price.ts';
import { creditsFileSchema, MAX_PRICE, priceSchema } from '../../src/domain/credits/price-schema.ts';
import { EXIT_0 } from '../helpers/records.ts';
import { rounds } from '../helpers/rounds.ts';

const FREE: Rates = { base: 0, perSecond: 0, perMb: 0, joined: 0 };
const BOUNDS: Bounds = {
  timeouts: { queueMs: null, attemptMs: 10_000, totalMs: null, idleMs: null },
  outputPolicy: { maxBytes: 2_000_000, oversized: 'truncate', parse: null },
  retry: null,
};
const tries = (attempts: number): Bounds['retry'] => ({
  ...{ attempts, multiplier: 1, minMs: 0, maxMs: 0, jitter: 0, retryOn: null },
});
const costOf = (rates: Partial<Rates>, reserved = MAX_CREDITS): Cost => ({
  ...{ rates: { ...FREE, ...rates }, reserved, charged: null, balanceAfter: null },
});
type Tried = Pick<Attempt, 'startedAt' | 'endedAt' | 'outcome' | 'output'>;
const tried = (ms: number, bytes = 0, outcome: Outcome | null = EXIT_0): Tried => ({
  ...{ startedAt: 1000, endedAt: 1000 + ms, outcome },
  output: { ...NO_OUTPUT, stdoutKeptBytes: bytes },
});
const EXIT_1: Outcome = { ...EXIT_0, cause: 'exited', exitCode: 1 } as Outcome;
const LOST: Outcome = { cause: 'lost', detail: 'server_crash' };
const CANCELLED: Outcome = { cause: 'cancelled', reason: null, process: null };
const due = (rates: Partial<Rates>, attempts: Tried[], outcome: Outcome = EXIT_0) =>
  amountDue(costOf(rates), 'run', outcome, attempts, 10_000);

t.test('what is reserved is the most that a run can cost', async (t) => {
  t.equal(reservation({ ...FREE, base: 7 }, BOUNDS), 7);
  t.equal(reservation({ ...FREE, perSecond: 3 }, BOUNDS), 30);
  t.equal(reservation({ ...FREE, perMb: 5 }, BOUNDS), 10);
  t.equal(
    reservation({ base: 7, perSecond: 3, perMb: 5, joined: 0 }, { ...BOUNDS, retry: tries(3) }),
    7 + 90 + 30,
  );
  const timeouts = { ...BOUNDS.timeouts, totalMs: 12_000 };
  t.equal(
    reservation({ ...FREE, perSecond: 3 }, { ...BOUNDS, timeouts, retry: tries(3) }),
    36,
    'all tries end with it',
  );
});

t.test('each part is rounded up once, over all attempts', async (t) => {
  t.equal(due({ perSecond: 10 }, [tried(1)]), 1);
  t.equal(due({ perSecond: 10 }, [tried(100)]), 1);
  t.equal(due({ perSecond: 10 }, [tried(101)]), 2);
  t.equal(due({ perSecond: 10 }, [tried(50), tried(50)]), 1);
  t.equal(due({ perMb: 1 }, [tried(0, 1)]), 1);
  t.equal(due({ perMb: 1 }, [tried(0, 1_000_000)]), 1);
  t.equal(due({ perMb: 1 }, [tried(0, 1_000_001)]), 2);
  t.equal(due({ base: 2, perSecond: 10, perMb: 1 }, [tried(1000, 1), tried(1000, 1)]), 2 + 20 + 1);
});

t.test('retries are one execution: its base is charged once, its time for every try', async (t) => {
  t.equal(
    due({ base: 5, perSecond: 1 }, [tried(1000, 0, EXIT_1), tried(2000, 0, EXIT_1), tried(3000)]),
    5 + 6,
  );
});

t.test('what the service breaks off is not charged', async (t) => {
  const rates = { base: 5, perSecond: 1 };
  t.equal(due(rates, [tried(9000, 0, LOST)], LOST), 0);
  t.equal(
    due(rates, [tried(9000, 0, LOST), tried(1000)]),
    6,
    'the try that was lost is not, the other one is',
  );
  const dns: Outcome = { cause: 'request_failed', reason: 'dns_failed', message: '' };
  t.equal(due(rates, [tried(1000, 0, dns)], dns), 0);
  const exhausted: Outcome = { ...dns, exhausted: { attempts: 2, by: 'attempts' } };
  t.equal(due(rates, [tried(1, 0, dns), tried(1, 0, dns)], exhausted), 0);
});

t.test('an HTTP call whose target answered is charged, whatever the answer was', async (t) => {
  const rates = { base: 5, perMb: 1 };
  for (const status of [200, 404, 408, 429, 500, 503]) {
    const isExpected = status === 200;
    const answer: Outcome = {
      ...{ cause: 'http_response', status, isExpected, retryAfterMs: null, resultError: null },
    };
    t.equal(due(rates, [tried(1, 2_000_000, answer)], answer), 7, String(status));
    t.equal(due(rates, [tried(1, 1, answer), tried(1, 1_000_000, answer)], answer), 7, 'every attempt');
  }
  for (const reason of ['connection_lost', 'invalid_response'] as const) {
    const broken: Outcome = { cause: 'request_failed', reason, message: '' };
    t.equal(due(rates, [tried(1, 2_000_000, broken)], broken), 7, 'what came of an answer');
    t.equal(due(rates, [tried(1, 0, broken)], broken), 0);
  }
});

t.test('what never started is not charged, what was cancelled later is', async (t) => {
  const rates = { base: 5, perSecond: 1 };
  const unstarted = { ...tried(0), startedAt: null, outcome: null };
  t.equal(due(rates, [], CANCELLED), 0);
  t.equal(due(rates, [unstarted], CANCELLED), 0);
  t.equal(due(rates, [unstarted, tried(2000, 0, CANCELLED)], CANCELLED), 7);
  t.equal(due(rates, [tried(1000, 0, EXIT_1)], CANCELLED), 6, 'during the wait for the next try');
  const notFound: Outcome = { cause: 'spawn_failed', reason: 'program_not_found', message: '' };
  t.equal(due(rates, [{ ...unstarted, outcome: notFound }], notFound), 0);
});

t.test('a failure that is the fault of the command is charged', async (t) => {
  t.equal(due({ base: 5 }, [tried(0, 0, EXIT_1)], EXIT_1), 5);
  const late: Outcome = { cause: 'attempt_timeout', limitMs: 10_000, process: null };
  t.equal(
    due({ perSecond: 1 }, [tried(15_000, 0, late)], late),
    10,
    'the time that it took to end it is not',
  );
});

t.test(
  'who joined a run pays for joining, who left it pays nothing, and a hit has its own price',
  async (t) => {
    const cost = costOf({ base: 100, perSecond: 10, joined: 3 });
    t.equal(amountDue(cost, 'joined', EXIT_0, [tried(5000)], 10_000), 3);
    t.equal(amountDue(cost, 'joined', LOST, [tried(5000, 0, LOST)], 10_000), 0);
    t.equal(amountDue(cost, 'left', CANCELLED, [tried(5000)], 10_000), 0);
    t.equal(amountDue(costOf({ base: 2 }), 'hit', EXIT_0, [], 10_000), 2);
  },
);

t.test('a price makes rates, for each way to begin', async (t) => {
  const price = priceSchema.parse({ per_run: 100, per_second: 1, hit: 2, joined: 3 });
  t.match(quote(price, null, 'run', BOUNDS, 'kind:exec'), {
    cost: { reserved: 110, charged: null },
    windows: [],
  });
  t.match(quote(price, null, 'hit', BOUNDS, 'kind:exec'), {
    cost: { reserved: 2, rates: { base: 2, perSecond: 0 } },
  });
  t.match(quote(price, null, 'joined', BOUNDS, 'kind:exec'), {
    cost: { reserved: 110, rates: { base: 100, joined: 3 } },
  });
  t.equal(quote(priceSchema.parse({ per_run: 1 }), null, 'hit', BOUNDS, 'kind:exec'), null, 'a free hit');
  t.equal(quote(null, null, 'run', BOUNDS, 'kind:exec'), null);
});

t.test('a plan has a price of its own, and does not count as an execution of all', async (t) => {
  const price = { per_run: 4, every: { executions: 2, window_s: 60, credits: 5 } };
  const every = { executions: 100, window_s: 60, credits: 1 };
  const plan = quote(price, every, 'plan', BOUNDS, 'kind:plan');
  t.match(plan, { cost: { reserved: 4 }, windows: { length: 1, 0: { name: 'kind:plan' } } });
  const cost = costOf({ base: 4 });
  const ended: Outcome = { cause: 'steps_ended', failed: 1, steps: ['a'] };
  t.equal(amountDue(cost, 'plan', ended, [], 0), 4, 'it has run, though nothing of its own');
  t.equal(amountDue(cost, 'plan', LOST, [], 0), 0);
});

t.test('only runs count in windows: those of the price, and those of all executions', async (t) => {
  const every = { executions: 100, window_s: 60, credits: 1 };
  const price = priceSchema.parse({ every: { executions: 2, credits: 5 } });
  t.match(quote(price, every, 'run', BOUNDS, 'kind:exec')?.windows, [
    { name: 'all', executions: 100, windowMs: 60_000, credits: 1 },
    { name: 'kind:exec', executions: 2, windowMs: 86_400_000, credits: 5 },
  ]);
  t.equal(quote(price, every, 'hit', BOUNDS, 'kind:exec'), null);
  t.equal(quote(price, every, 'joined', BOUNDS, 'kind:exec'), null);
});

// They are refused by name; nothing may cost nothing.
t.test('negative, zero, huge, fractional prices', async (t) => {
  t.ok(creditsFileSchema.safeParse({ prices: { exec: { per_run: 0 } } }).success);
  for (const wrong of [-1, 0.5, MAX_PRICE + 1, 1e300, Number.NaN, '1', null]) {
    const parsed = creditsFileSchema.safeParse({ prices: { exec: { per_run: wrong } } });
    t.same(parsed.error?.issues[0]?.path, ['prices', 'exec', 'per_run'], String(wrong));
  }
  t.notOk(priceSchema.safeParse({ per_hour: 1 }).success);
  t.notOk(
    creditsFileSchema.safeParse({ prices: { plan: { per_second: 1 } } }).success,
    'a plan runs nothing',
  );
  t.notOk(
    creditsFileSchema.safeParse({ prices: { operation: { per_run: 1 } } }).success,
    'it has that of its kind',
  );
});

t.test('whatever happens, a charge is a whole number from 0 to what was reserved', async (t) => {
  const amount = fc.integer({ min: 0, max: MAX_PRICE });
  const rates = fc.record({ base: amount, perSecond: amount, perMb: amount, joined: amount });
  const bounds = fc.record({
    attemptMs: fc.integer({ min: 1, max: 604_800_000 }),
    totalMs: fc.option(fc.integer({ min: 1, max: 604_800_000 })),
    maxBytes: fc.integer({ min: 0, max: 2 ** 40 }),
    attempts: fc.integer({ min: 1, max: 100 }),
  });
  const attempt = fc.record({
    ms: fc.integer({ min: -10, max: 700_000_000 }),
    bytes: fc.integer({ min: 0, max: 2 ** 40 }),
    outcome: fc.constantFrom(EXIT_0, EXIT_1, LOST, CANCELLED, null),
  });
  const ends = fc.constantFrom(EXIT_0, EXIT_1, LOST, CANCELLED);
  const roles = fc.constantFrom('run', 'joined', 'hit', 'left');
  fc.assert(
    fc.property(
      rates,
      bounds,
      fc.array(attempt, { maxLength: 5 }),
      ends,
      roles,
      (rates, limits, attempts, end, as) => {
        const { attemptMs, totalMs, maxBytes } = limits;
        const reserved = reservation(rates, {
          timeouts: { queueMs: null, attemptMs, totalMs, idleMs: null },
          outputPolicy: { maxBytes, oversized: 'truncate', parse: null },
          retry: tries(limits.attempts),
        });
        if (!Number.isSafeInteger(reserved) || reserved < 0) throw new Error(`${reserved} is reserved`);
        const all = attempts.map(({ ms, bytes, outcome }) => tried(ms, bytes, outcome));
        const charged = amountDue(costOf(rates, reserved), as, end, all, attemptMs);
        if (!Number.isSafeInteger(charged) || charged < 0 || charged > reserved)
          throw new Error(`${charged} of ${reserved} is charged`);
      },
    ),
    { numRuns: rounds(300) },
  );
  t.pass();
});
