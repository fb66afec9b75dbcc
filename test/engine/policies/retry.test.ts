import t from 'tap';
import fc from 'fast-check';
import type { RetryPolicy } from '../../../src/domain/execution/execution.ts';
import type { Outcome } from '../../../src/domain/outcome.ts';
import { isRetried, resolveRetry, RetryBudget, retryWaitMs } from '../../../src/engine/policies/retry.ts';
import { EXIT_0 } from '../../helpers/records.ts';

const DEFAULTS = { attempts: 3, multiplier: 1 };
const policyOf = (spec: Parameters<typeof resolveRetry>[0]) => resolveRetry(spec, DEFAULTS) as RetryPolicy;
const http = (status: number): Outcome => ({
  ...{ cause: 'http_response', status, isExpected: status < 300, retryAfterMs: null, resultError: null },
});

t.test('without a block there is one attempt; a block without numbers has the defaults', async (t) => {
  t.equal(resolveRetry(undefined, DEFAULTS), null);
  t.match(policyOf({}), {
    attempts: 3,
    multiplier: 1,
    minMs: 1000,
    maxMs: 10_000,
    jitter: 0.5,
    retryOn: null,
  });
});

t.test('the waits are those of wait_exponential(multiplier, min=1, max=10)', async (t) => {
  // Of tenacity 9.1.4, seconds.
  const expected: Record<number, number[]> = {
    0.5: [1, 1, 2, 4, 8, 10],
    1: [1, 2, 4, 8, 10, 10],
    2: [2, 4, 8, 10, 10, 10],
    3: [3, 6, 10, 10, 10, 10],
  };
  for (const [multiplier, waits] of Object.entries(expected)) {
    const policy = policyOf({ multiplier: Number(multiplier), jitter: 0 });
    t.same(
      waits.map((_, i) => retryWaitMs(policy, i + 1, null, 0.9)),
      waits.map((seconds) => seconds * 1000),
    );
  }
});

t.test('whatever the policy, a wait lies between its floor and its ceiling', async (t) => {
  const anyPolicy = fc.record({
    multiplier: fc.double({ min: 0, max: 3600, noNaN: true }),
    minMs: fc.nat(10_000),
    more: fc.nat(1_000_000),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(
      anyPolicy,
      fc.integer({ min: 1, max: 100 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (any, n, random) => {
        const policy = { ...policyOf({}), ...any, maxMs: any.minMs + any.more };
        const wait = retryWaitMs(policy, n, null, random);
        return wait >= policy.minMs && wait <= policy.maxMs;
      },
    ),
  );
  t.equal(retryWaitMs(policyOf({}), 1, 7000, 0), 7000, 'or longer, when the server says so');
  const range = (n: number) => [1, 0].map((random) => retryWaitMs(policyOf({}), n, null, random));
  t.same([1, 2, 3, 4, 5].map(range), [
    ...[
      [1000, 1500],
      [1000, 2000],
      [2000, 4000],
      [4000, 8000],
      [5000, 10_000],
    ],
  ]);
});

t.test('what is tried again without being named, and what is not', async (t) => {
  const execution = { retry: policyOf({}), retrySafe: false };
  const again: Outcome[] = [
    { ...EXIT_0, exitCode: 1 } as Outcome,
    {
      cause: 'signalled',
      signal: 'SIGKILL',
      process: {
        exitCode: null,
        signal: 'SIGKILL',
        forced: false,
        signals: [],
        processesFound: 0,
        leftoverProcesses: 0,
        outputLost: false,
        survivors: 0,
      },
    },
    { cause: 'attempt_timeout', limitMs: 1, process: null },
    { cause: 'idle_timeout', limitMs: 1, process: null },
    { cause: 'internal', message: '', process: null },
    { cause: 'spawn_failed', reason: 'resources_unavailable', message: '' },
    { cause: 'request_failed', reason: 'connect_failed', message: '' },
    { cause: 'request_failed', reason: 'connection_lost', message: '' },
    { cause: 'request_failed', reason: 'dns_failed', message: '' },
    ...[408, 429, 500, 502, 503, 504].map(http),
  ];
  const never: Outcome[] = [
    EXIT_0,
    { ...EXIT_0, resultError: 'output_not_json' } as Outcome,
    { cause: 'spawn_failed', reason: 'program_not_found', message: '' },
    { cause: 'cancelled', reason: null, process: null },
    { cause: 'queue_timeout', limitMs: 1 },
    { cause: 'total_timeout', limitMs: 1, process: null },
    { cause: 'output_limit', limitBytes: 1, process: null },
    { cause: 'circuit_open', circuit: 'x', retryAfterMs: 1 },
    { cause: 'lost', detail: 'server_crash' },
    { cause: 'request_failed', reason: 'egress_denied', message: '' },
    { cause: 'request_failed', reason: 'tls_failed', message: '' },
    ...[200, 301, 400, 401, 403, 404, 409, 422].map(http),
  ];
  for (const outcome of again) t.ok(isRetried(execution, outcome), JSON.stringify(outcome));
  for (const outcome of never) t.notOk(isRetried(execution, outcome), JSON.stringify(outcome));
  t.ok(isRetried({ ...execution, retrySafe: true }, { cause: 'lost', detail: 'reboot' }));
});

t.test('what is named is tried again, and nothing else', async (t) => {
  const on = (retry_on: NonNullable<Parameters<typeof resolveRetry>[0]>['retry_on']) => ({
    retry: policyOf({ retry_on }),
    retrySafe: false,
  });
  const exit = (exitCode: number) => ({ ...EXIT_0, exitCode }) as Outcome;
  t.ok(isRetried(on({ exit_codes: [75] }), exit(75)));
  t.notOk(isRetried(on({ exit_codes: [75] }), exit(1)));
  t.notOk(isRetried(on({ exit_codes: [75] }), { cause: 'attempt_timeout', limitMs: 1, process: null }));
  t.ok(isRetried(on({ http_statuses: [404] }), http(404)));
  t.notOk(isRetried(on({ http_statuses: [404] }), http(503)));
  t.notOk(isRetried(on({ http_statuses: [200] }), http(200)), 'a success is never tried again');
  t.ok(
    isRetried(on({ causes: ['attempt_timeout'] }), { cause: 'attempt_timeout', limitMs: 1, process: null }),
  );
  t.ok(isRetried(on({ faults: ['system'] }), http(500)));
  t.notOk(isRetried(on({ faults: ['system'] }), exit(1)));
  t.notOk(isRetried(on({ faults: ['user'] }), { cause: 'cancelled', reason: null, process: null }));
});

t.test('a budget allows a share of the executions, a trickle, and a burst', async (t) => {
  let now = 0;
  const budget = new RetryBudget({ ratio: 0.5, perSecond: 1, burst: 2 }, () => now);
  const spent = (tries: number) => Array.from({ length: tries }, () => budget.spend()).filter(Boolean).length;
  t.equal(spent(5), 2, 'the burst');
  for (let i = 0; i < 3; i++) budget.earn();
  t.equal(spent(5), 1, 'a half for each of three executions');
  now = 1500;
  t.equal(spent(5), 2, 'what was left over, and one and a half for the seconds');
  now = 1_000_000;
  t.equal(spent(5), 2, 'never more than the burst');
});

t.test('those that have failed together do not come again together', async (t) => {
  const waits = [0, 0.25, 0.5, 1].map((random) => retryWaitMs(policyOf({}), 2, null, random));
  t.same(waits, [2000, 1750, 1500, 1000]);
});
