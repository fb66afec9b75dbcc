import t from 'tap';
import type { Outcome } from '../../../src/domain/outcome.ts';
import {
  callEnd,
  Circuit,
  Circuits,
  type CallEnd,
  type CircuitSettings,
  type Ticket,
} from '../../../src/engine/policies/circuits.ts';
import { EXIT_0 } from '../../helpers/records.ts';

const SETTINGS: CircuitSettings = {
  trip: { type: 'consecutive', failures: 3 },
  openMs: 1000,
  probes: 2,
  countUserFaults: false,
};

function world(settings: Partial<CircuitSettings> = {}) {
  const time = { now: 0 };
  const circuit = new Circuit('c', { ...SETTINGS, ...settings }, () => time.now);
  const admitted = (): Ticket => {
    const ticket = circuit.admit();
    if ('waitMs' in ticket) throw new Error('not let through');
    return ticket;
  };
  const calls = (...ends: CallEnd[]) => ends.forEach((end) => circuit.record(admitted(), end));
  return { time, circuit, admitted, calls };
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
  circuits.keep(new Set(['b']));
  t.same(
    circuits.all().map(({ name }) => name),
    ['b'],
  );
  t.equal(circuits.find('a'), null);
});
