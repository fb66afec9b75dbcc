import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleAll, SamplingBreaker } from 'cockatiel';
import t from 'tap';
import type { Outcome } from '../../src/domain/outcome.ts';
import { callEnd } from '../../src/engine/policies/call-end.ts';
import { Circuits, MAX_CIRCUITS } from '../../src/resilience/circuits.ts';
import {
  type CallEnd,
  Circuit,
  type CircuitSettings,
  type KeptCircuit,
  type Ticket,
} from '../../src/resilience/circuit.ts';
import { circuitOfLane, laneOf, ownerOfCircuit } from '../../src/domain/webhooks/webhooks.ts';
import { EXIT_0 } from '../helpers/records.ts';

const SETTINGS: CircuitSettings = {
  trip: { type: 'consecutive', failures: 3 },
  openMs: 1000,
  maxOpenMs: 1000,
  probes: 2,
  countUserFaults: false,
};

function world(settings: Partial<CircuitSettings> = {}) {
  const time = { now: 0 };
  const changes: string[] = [];
  const circuit = new Circuit(
    'c',
    { ...SETTINGS, ...settings },
    { nowMs: () => time.now, changed: (one) => void changes.push(one.view().state) },
  );
  const admitted = (): Ticket => {
    const ticket = circuit.admit();
    if ('waitMs' in ticket) throw new Error('not let through');
    return ticket;
  };
  const calls = (...ends: CallEnd[]) => ends.forEach((end) => circuit.record(admitted(), end));
  return { time, circuit, admitted, calls, changes };
}

t.test('it opens after so many failures in a row, and refuses until the time is over', async (t) => {
  const { circuit, calls, time } = world();
  calls('failure', 'failure', 'success', 'failure', 'failure', 'ignored');
  t.match(circuit.view(), { state: 'closed', failures: 2, opened: 0, nextProbeMs: null });
  calls('failure');
  t.match(circuit.view(), { state: 'open', opened: 1, nextProbeMs: 1000 });
  time.now = 400;
  t.same(circuit.admit(), { waitMs: 600 });
  t.match(circuit.view(), { rejected: 1, nextProbeMs: 600 });
});

t.test('as many probes as are asked for are let through, and all must succeed', async (t) => {
  const { circuit, calls, time, admitted } = world();
  calls('failure', 'failure', 'failure');
  time.now = 1000;
  t.match(circuit.view(), { state: 'half_open', nextProbeMs: null });
  const [first, second] = [admitted(), admitted()];
  t.ok('waitMs' in circuit.admit(), 'a third one is not');
  circuit.record(first, 'success');
  t.match(circuit.view(), { state: 'half_open' });
  t.ok('waitMs' in circuit.admit());
  circuit.record(second, 'success');
  t.match(circuit.view(), { state: 'closed' });
});

t.test('a probe that fails opens it again; one that says nothing makes room for another', async (t) => {
  const { circuit, calls, time, admitted } = world({ probes: 1 });
  calls('failure', 'failure', 'failure');
  time.now = 1000;
  circuit.record(admitted(), 'ignored');
  circuit.record(admitted(), 'failure');
  t.match(circuit.view(), { state: 'open', opened: 2, nextProbeMs: 1000 });
});

t.test('what was begun in another state says nothing about this one', async (t) => {
  const { circuit, calls, time, admitted } = world({ probes: 1 });
  const early = admitted();
  calls('failure', 'failure', 'failure');
  time.now = 1000;
  const probe = admitted();
  circuit.record(early, 'failure');
  t.match(circuit.view(), { state: 'half_open' });
  circuit.record(probe, 'success');
  t.match(circuit.view(), { state: 'closed', failures: 0 });
});

t.test(
  'by sampling it opens at a ratio of failures, once enough calls were seen in the window',
  async (t) => {
    const trip = { type: 'sampling', ratio: 0.5, minCalls: 4, windowMs: 1000 } as const;
    const { circuit, calls, time } = world({ trip });
    calls('failure', 'failure', 'failure');
    t.match(circuit.view(), { state: 'closed', calls: 3 }, 'too few');
    time.now = 2000;
    t.match(circuit.view(), { calls: 0, failures: 0 }, 'they are out of the window');
    calls('success', 'success', 'failure');
    time.now = 2500;
    calls('failure');
    t.match(circuit.view(), { state: 'open' });
  },
);

t.test('a reset closes it at once', async (t) => {
  const { circuit, calls } = world();
  calls('failure', 'failure', 'failure');
  circuit.reset();
  t.match(circuit.view(), { state: 'closed', failures: 0, opened: 1 });
  t.notOk('waitMs' in circuit.admit());
});

t.test('what counts as a failure of the target', async (t) => {
  const http = (status: number): Outcome => ({
    ...{ cause: 'http_response', status, isExpected: status < 300, retryAfterMs: null, resultError: null },
  });
  const ends: [Outcome, CallEnd, CallEnd][] = [
    [EXIT_0, 'success', 'success'],
    [{ ...EXIT_0, exitCode: 1 } as Outcome, 'ignored', 'failure'],
    [{ cause: 'cancelled', reason: null, process: null }, 'ignored', 'ignored'],
    [{ cause: 'total_timeout', limitMs: 1, process: null }, 'ignored', 'ignored'],
    [{ cause: 'lost', detail: 'shutdown' }, 'ignored', 'ignored'],
    [{ cause: 'attempt_timeout', limitMs: 1, process: null }, 'failure', 'failure'],
    [{ cause: 'request_failed', reason: 'connect_failed', message: '' }, 'failure', 'failure'],
    [{ cause: 'request_failed', reason: 'egress_denied', message: '' }, 'ignored', 'failure'],
    [http(200), 'success', 'success'],
    [http(404), 'success', 'failure'],
    [http(503), 'failure', 'failure'],
  ];
  for (const [outcome, plain, counting] of ends) {
    t.equal(callEnd(outcome, SETTINGS), plain, JSON.stringify(outcome));
    t.equal(callEnd(outcome, { ...SETTINGS, countUserFaults: true }), counting, JSON.stringify(outcome));
  }
});

t.test('a circuit is kept while its settings stay', async (t) => {
  const circuits = new Circuits(() => 0);
  const one = circuits.get('a', SETTINGS);
  t.equal(circuits.get('a', { ...SETTINGS }), one);
  t.not(circuits.get('a', { ...SETTINGS, openMs: 5 }), one);
  circuits.get('b', SETTINGS);
  circuits.forget('a');
  t.same(
    circuits.all().map(({ name }) => name),
    ['b'],
  );
  t.equal(circuits.find('a'), null);
});

t.test('held open by hand it lets nothing through, however long, until it is reset', async (t) => {
  const { circuit, time, admitted, changes } = world();
  const early = admitted();
  circuit.isolate();
  time.now = 1_000_000;
  t.same(circuit.admit(), { waitMs: 1000 });
  circuit.record(early, 'success');
  t.match(circuit.view(), { state: 'isolated', rejected: 1, nextProbeMs: null });
  circuit.reset();
  t.notOk('waitMs' in circuit.admit());
  t.same(changes, ['isolated', 'closed']);
});

t.test('each probe that fails doubles the time that it stays open, up to its most', async (t) => {
  const { circuit, calls, time } = world({ maxOpenMs: 3000, probes: 1 });
  calls('failure', 'failure', 'failure');
  for (const waitMs of [1000, 2000, 3000, 3000]) {
    t.equal(circuit.waitMs, waitMs);
    time.now += waitMs;
    calls('failure');
  }
  time.now += 3000;
  calls('success', 'failure', 'failure', 'failure');
  t.equal(circuit.waitMs, 1000, 'after it was closed it begins with the shortest');
});

t.test('it opens at a ratio of failures among the last calls', async (t) => {
  const trip = { type: 'count', ratio: 0.5, size: 4, minCalls: 2 } as const;
  const { circuit, calls } = world({ trip });
  calls('failure', 'success', 'success', 'success', 'success', 'failure');
  t.match(circuit.view(), { state: 'closed', calls: 4, failures: 1 });
  calls('failure');
  t.match(circuit.view(), { state: 'open' });
  const all = world({ trip: { type: 'count', ratio: 1, size: 2, minCalls: 2 } });
  all.calls('failure', 'failure');
  t.equal(all.circuit.view().state, 'open');
});

t.test(
  'what is kept goes on after a restart: open, held open, counting, and how often it has opened',
  async (t) => {
    const restarted = (kept: KeptCircuit, afterMs: number) => {
      const circuits = new Circuits(() => 0);
      circuits.restore(new Map([['c', JSON.parse(JSON.stringify(kept)) as KeptCircuit]]), 5000 + afterMs);
      return circuits;
    };
    const one = world({ probes: 1, maxOpenMs: 4000 });
    one.calls('failure', 'failure', 'failure');
    one.time.now = 400;
    const open = restarted(one.circuit.keep(5000), 100).get('c', one.circuit.settings);
    t.match(open.view(), { state: 'open', opened: 1, nextProbeMs: 500 });
    t.equal(restarted(one.circuit.keep(5000), 600).find('c')?.view().state, 'half_open');
    t.equal(
      restarted(one.circuit.keep(5000), -9000).find('c')?.waitMs,
      600,
      'a wall clock that was set back',
    );
    const again = restarted(one.circuit.keep(5000), 700).get('c', one.circuit.settings);
    again.record(again.admit() as Ticket, 'failure');
    t.equal(again.waitMs, 2000, 'its time goes on growing');

    const counting = world({ trip: { type: 'sampling', ratio: 0.5, minCalls: 3, windowMs: 1000 } });
    counting.calls('failure', 'failure');
    const counts = restarted(counting.circuit.keep(5000), 0).get('c', counting.circuit.settings);
    t.match(counts.view(), { state: 'closed', calls: 2, failures: 2 });
    one.circuit.isolate();
    const held = restarted(one.circuit.keep(5000), 1e9);
    t.equal(held.find('c')?.view().state, 'isolated');
    t.equal(held.get('c', SETTINGS).view().state, 'closed', 'other settings begin from the beginning');
  },
);

t.test('why the policy and the window of cockatiel are not used around its breakers', async (t) => {
  const policy = circuitBreaker(handleAll, { halfOpenAfter: 0, breaker: new ConsecutiveBreaker(1) });
  await t.rejects(policy.execute(() => Promise.reject(new Error('down'))));
  let endProbe: (value: string) => void = () => undefined;
  const probe = policy.execute(() => new Promise<string>((resolve) => (endProbe = resolve)));
  let hasAnswer = false;
  const second = policy.execute(() => 'second').finally(() => (hasAnswer = true));
  await new Promise(setImmediate);
  t.notOk(hasAnswer, 'a caller waits for the end of the probe; ours is refused at once');
  endProbe('up');
  await Promise.all([probe, second]);

  const cancelled = circuitBreaker(handleAll, { halfOpenAfter: 1000, breaker: new ConsecutiveBreaker(1) });
  const abort = new AbortController();
  abort.abort();
  await t.rejects(cancelled.execute(({ signal }) => signal.throwIfAborted(), abort.signal));
  t.equal(
    cancelled.state,
    CircuitState.Open,
    'a cancel of the caller counts as a failure; ours says nothing',
  );

  const now = Date.now();
  t.intercept(Date, 'now', { value: () => now - 3_600_000 });
  await t.rejects(
    cancelled.execute(() => 'good'),
    /open/,
    'a wall clock that is set back holds it open',
  );
  t.intercept(Date, 'now', { value: () => now + 60_000 });
  const window = new SamplingBreaker({ threshold: 0.5, duration: 1000, minimumRps: 1 });
  window.failure(CircuitState.Closed);
  t.intercept(Date, 'now', { value: () => now + 120_000 });
  window.success(CircuitState.Closed);
  t.match(window.state, { currentFailures: 1 }, 'a call is counted long after its window');
});

t.test(
  'a user with very many receivers pushes out their own circuits, and none that is held open',
  async (t) => {
    const circuits = new Circuits(() => 0, ownerOfCircuit);
    const of = (userId: string, i: number) =>
      circuitOfLane(laneOf({ userId, url: `http://h${i}.example/x` }));
    circuits.get('host:db.example', SETTINGS);
    circuits.get(of('bob', 0), SETTINGS);
    circuits.get(of('eve', 0), SETTINGS).isolate();
    const forgotten: string[] = [];
    circuits.onChange(({ name }) => void (circuits.find(name) === null && forgotten.push(name)));
    for (let i = 1; i <= MAX_CIRCUITS; i++) circuits.get(of('eve', i), SETTINGS);
    for (const name of ['host:db.example', of('bob', 0), of('eve', 0), of('eve', MAX_CIRCUITS)])
      t.ok(circuits.find(name), name);
    t.equal(circuits.find(of('eve', 1)), null);
    t.ok(circuits.all().length <= MAX_CIRCUITS);
    t.ok(forgotten.includes(of('eve', 1)), 'what is kept of it is dropped, too');
    t.equal(ownerOfCircuit(of('a b', 1)), 'receiver:a b');
  },
);
