// The checker of `npm run test:replicas` finds what it is there to find: each of these histories is a good one with one thing wrong.
import t from 'tap';
import { type Followed, type History, PRINTED, problemsOf, type Shown } from '../long/replicas/checker.ts';

const ATTEMPT = { started_at: '2026-01-01T00:00:00Z', ended_at: '2026-01-01T00:00:01Z' };

function shown(id: string, more: Partial<Shown> = {}): Shown {
  return {
    ...{ id, run_id: id, phase: 'done', status: 'completed', labels: {}, outcome: { cause: 'exited' } },
    ...{ error: null, attempts: [{ number: 1, ...ATTEMPT }], cache: null, cost: { charged: 1 } },
    ...more,
  };
}

/** Events of these types, with the phases that come with them. */
const events = (...types: string[]) =>
  types.map((type, i) => {
    const phase = type === 'status_changed' ? 'canceling' : i === types.length - 1 ? 'done' : 'queued';
    return { sequence: i + 1, type, phase, attempt: 1 };
  });

function followed(kind: Followed['kind'], end: Shown, more: Partial<Followed> = {}): Followed {
  return {
    ...{ kind, ids: [end.id], writes: 'out\n', cancel: null, end, log: 'out\n', output: null },
    events: events('accepted', 'queued', 'started', end.status),
    ...more,
  };
}

/** A history in which every promise was kept. */
function good() {
  const retried = shown('b', { attempts: [1, 2].map((number) => ({ number, ...ATTEMPT })) });
  const cancelled = shown('c', { status: 'cancelled', outcome: { cause: 'cancelled' } });
  const pair = { labels: { kind: 'joined', pair: '1' }, run_id: 'd' };
  const joined = [shown('d', pair), shown('e', { ...pair, cost: { charged: 0 } })];
  const steps = [shown('s1'), shown('s2')];
  const known = [shown('a'), retried, cancelled, ...joined, ...steps];
  const { cost: _cost, ...plan } = shown('p', { attempts: [] });
  const ledger = known.map(({ id, cost }) => ({
    kind: 'charge',
    amount: -(cost?.charged ?? 0),
    execution_id: id,
  }));
  return {
    executions: [
      followed('printer', shown('a'), { writes: PRINTED, log: PRINTED, output: PRINTED }),
      followed('again', retried, {
        events: events('accepted', 'queued', 'started', 'lost', 'queued', 'started', 'completed'),
      }),
      followed('cancelled', cancelled, {
        cancel: { code: 202, shown: shown('c', { phase: 'canceling', status: 'running', outcome: null }) },
        events: events('accepted', 'queued', 'started', 'status_changed', 'cancelled'),
        log: null,
      }),
      ...joined.map((end) => followed('joined', end, { log: null })),
    ],
    plans: [
      {
        ...{ id: 'p', status: 'completed', after: { again1: [], again2: ['again1'] } },
        steps: [
          { name: 'again1', status: 'completed', execution_id: 's1' },
          { name: 'again2', status: 'completed', execution_id: 's2' },
        ],
      },
    ],
    ticks: [
      {
        schedule: 'tick',
        everyMs: 1000,
        due: ['2026-01-01T00:00:01Z', '2026-01-01T00:00:02Z', '2026-01-01T00:00:03Z'],
      },
    ],
    known: [...known, { ...plan, cost: null }],
    lines: [
      ...[
        'a began 1',
        'a ended 1',
        'b began 1',
        'b began 2',
        'b ended 2',
        'c began 1',
        'd began 1',
        'd ended 1',
      ],
      ...['s1 began 1', 's1 ended 1', 's2 began 1', 's2 ended 1'],
    ],
    ledger: {
      ...{ granted: 100, reserved: 0, balance: 94 },
      entries: [{ kind: 'grant', amount: 100, execution_id: null }, ...ledger],
    },
    processesLeft: [],
  } satisfies History;
}
type Good = ReturnType<typeof good>;

/** Changes one execution in a history, as its client was told of it and as the servers know it. */
function change(history: Good, id: string, more: Partial<Shown>): History {
  const changed = (one: Shown) => (one.id === id ? { ...one, ...more } : one);
  const executions = history.executions.map((one) => ({ ...one, end: changed(one.end) }));
  return { ...history, executions, known: history.known.map(changed) };
}
const of = (history: Good, id: string, more: Partial<Followed>): History => ({
  ...history,
  executions: history.executions.map((one) => (one.end.id === id ? { ...one, ...more } : one)),
});
const without = (history: Good, line: string) => ({
  ...history,
  lines: history.lines.filter((one) => one !== line),
});
const charges = (history: Good, map: (entries: Good['ledger']['entries']) => Good['ledger']['entries']) => ({
  ...history,
  ledger: { ...history.ledger, entries: map(history.ledger.entries) },
});

const WRONG: Record<string, (history: Good) => History> = {
  'an accepted execution is gone': (h) => ({ ...h, known: h.known.filter(({ id }) => id !== 'a') }),
  'one has not ended': (h) => change(h, 'a', { phase: 'running', status: 'running', outcome: null }),
  'its end has changed': (h) => ({
    ...h,
    known: h.known.map((one) => (one.id === 'a' ? { ...one, status: 'failed' } : one)),
  }),
  'it ended twice': (h) =>
    of(h, 'a', { events: events('accepted', 'queued', 'started', 'completed', 'completed') }),
  'an event is missing': (h) =>
    of(h, 'a', { events: events('accepted', 'queued', 'started', 'completed').slice(1) }),
  'a key made two executions': (h) => of(h, 'a', { ids: ['a', 'x'] }),
  'an attempt ran twice': (h) => ({ ...h, lines: [...h.lines, 'b began 2'] }),
  'an attempt has run that nobody knows': (h) => ({ ...h, lines: [...h.lines, 'b began 3'] }),
  'an execution has run that nobody knows': (h) => ({ ...h, lines: [...h.lines, 'x began 1'] }),
  'it completed and has not run': (h) => without(h, 'b ended 2'),
  'what may be tried again was lost': (h) => change(h, 'b', { status: 'failed', outcome: { cause: 'lost' } }),
  'it failed without a cause': (h) => change(h, 'b', { status: 'failed' }),
  'what may run once began twice': (h) =>
    of({ ...h, lines: [...h.lines, 'b began 3'] }, 'b', { kind: 'once' }),
  'an attempt started after the cancel': (h) =>
    of(h, 'c', {
      events: events('accepted', 'queued', 'started', 'status_changed', 'queued', 'started', 'cancelled'),
    }),
  'there are more attempts than when it was cancelled': (h) =>
    change(h, 'c', { attempts: [1, 2].map((number) => ({ number, ...ATTEMPT })) }),
  'it ran after it was cancelled in the queue': (h) =>
    of(h, 'c', {
      cancel: {
        code: 200,
        shown: shown('c', { attempts: [], status: 'cancelled', outcome: { cause: 'cancelled' } }),
      },
    }),
  'a log lacks its end': (h) => of(h, 'a', { log: PRINTED.slice(0, -1) }),
  'a follower lacks something': (h) => of(h, 'a', { output: PRINTED.slice(10) }),
  'a plan has failed': (h) => ({ ...h, plans: h.plans.map((plan) => ({ ...plan, status: 'failed' })) }),
  'a step of a plan has not run': (h) => without(h, 's2 ended 1'),
  'a step began before the one that it waits for': (h) => ({
    ...h,
    lines: ['s2 began 1', ...without(h, 's2 began 1').lines],
  }),
  'a due time was served twice': (h) => ({
    ...h,
    ticks: h.ticks.map((tick) => ({ ...tick, due: [...tick.due, ...tick.due.slice(0, 1)] })),
  }),
  'a due time was left out': (h) => ({
    ...h,
    ticks: h.ticks.map((tick) => ({ ...tick, due: tick.due.filter((_due, i) => i !== 1) })),
  }),
  'a schedule did nothing': (h) => ({ ...h, ticks: h.ticks.map((tick) => ({ ...tick, due: [] })) }),
  'identical work ran twice at a time': (h) => change(h, 'e', { run_id: 'e' }),
  'an execution was charged twice': (h) => charges(h, (all) => [...all, ...all.slice(1, 2)]),
  'a charge is missing in the ledger': (h) =>
    charges(h, (all) => all.filter(({ execution_id: id }) => id !== 'a')),
  'what ran was not charged': (h) => change(h, 'a', { cost: { charged: null } }),
  'what ran was free': (h) => change(h, 'a', { cost: { charged: 0 } }),
  'the balance is not the sum': (h) => ({ ...h, ledger: { ...h.ledger, balance: 95 } }),
  'credits are reserved for nothing': (h) => ({ ...h, ledger: { ...h.ledger, reserved: 1 } }),
  'a grant is gone': (h) => ({ ...h, ledger: { ...h.ledger, granted: 200 } }),
  'a process is left': (h) => ({ ...h, processesLeft: ['4711'] }),
};

t.test('the checker of several servers finds nothing in a good history', async (t) => {
  t.same(problemsOf(good()), []);
});

t.test('the checker of several servers finds each thing that is wrong', async (t) => {
  for (const [what, spoil] of Object.entries(WRONG)) t.not(problemsOf(spoil(good())).length, 0, what);
});
