import t from 'tap';
import { cronProblem, timesOf } from '../../src/expressions/cron.ts';

/** The due times after a time, each as its minute in UTC. */
function after(cron: string, timezone: string, from: string, many: number): string[] {
  const { next } = timesOf({ cron, timezone }, 0);
  const found: string[] = [];
  for (let at = next(Date.parse(from)); at !== null && found.length < many; at = next(at))
    found.push(new Date(at).toISOString().slice(5, 16));
  return found;
}

const ROWS: [why: string, cron: string, zone: string, from: string, due: string][] = [
  [
    'a time that is skipped comes as much later',
    '30 2 * * *',
    'Europe/Berlin',
    '2026-03-28T00:00Z',
    '03-28T01:30 03-29T01:30 03-30T00:30',
  ],
  [
    'a time that is repeated comes once',
    '30 2 * * *',
    'Europe/Berlin',
    '2026-10-24T00:00Z',
    '10-24T00:30 10-25T00:30 10-26T01:30',
  ],
  [
    'every hour is every hour',
    '0 * * * *',
    'Europe/Berlin',
    '2026-10-24T23:30Z',
    '10-25T00:00 10-25T01:00 10-25T02:00',
  ],
  [
    'every half hour too',
    '*/30 * * * *',
    'Europe/Berlin',
    '2026-10-25T00:10Z',
    '10-25T00:30 10-25T01:00 10-25T01:30 10-25T02:00',
  ],
  [
    'and in the gap',
    '*/30 * * * *',
    'Europe/Berlin',
    '2026-03-29T00:10Z',
    '03-29T00:30 03-29T01:00 03-29T01:30 03-29T02:00',
  ],
  ['skipped', '30 2 * * *', 'America/New_York', '2026-03-07T12:00Z', '03-08T07:30 03-09T06:30'],
  ['repeated', '30 1 * * *', 'America/New_York', '2026-10-31T12:00Z', '11-01T05:30 11-02T06:30'],
  [
    'every hour',
    '15 * * * *',
    'America/New_York',
    '2026-11-01T05:00Z',
    '11-01T05:15 11-01T06:15 11-01T07:15',
  ],
  [
    'half an hour is skipped',
    '15 2 * * *',
    'Australia/Lord_Howe',
    '2026-10-03T00:00Z',
    '10-03T15:45 10-04T15:15',
  ],
  [
    'half an hour is repeated',
    '45 1 * * *',
    'Australia/Lord_Howe',
    '2026-04-03T20:00Z',
    '04-04T15:15 04-05T15:15',
  ],
  ['midnight is skipped', '30 0 * * *', 'America/Santiago', '2026-09-05T12:00Z', '09-06T04:30 09-07T03:30'],
  [
    'the last hour of a day is repeated',
    '30 23 * * *',
    'America/Santiago',
    '2026-04-03T12:00Z',
    '04-04T02:30 04-05T02:30 04-06T03:30',
  ],
  [
    'no change of the clock',
    '0 9 * * MON-FRI',
    'Asia/Kolkata',
    '2026-01-02T12:00Z',
    '01-05T03:30 01-06T03:30',
  ],
];

for (const [why, cron, zone, from, due] of ROWS) {
  t.test(`${cron} in ${zone}, around ${from}: ${why}`, async (t) => {
    const expected = due.split(' ');
    t.same(after(cron, zone, from, expected.length), expected);
  });
}

t.test('the time before is found without a look at all since the first', async (t) => {
  const at = (text: string) => Date.parse(text);
  const weekly = timesOf({ cron: '* * * * * MON' }, 0);
  const last = at('2026-11-23T23:59:59Z');
  t.equal(weekly.previous(at('2026-11-29T12:00:00Z'), at('2020-01-01T00:00:00Z')), last);
  t.equal(weekly.previous(last, 0), last - 1000);
  t.equal(weekly.previous(at('2026-11-29T12:00:00Z'), last), last, 'from is within');
  t.equal(weekly.previous(at('2026-11-29T12:00:00Z'), last + 1), null);
  const every = timesOf({ every_ms: 1000 }, 500);
  t.equal(every.next(500), 1500);
  t.equal(every.next(1499), 1500);
  t.equal(every.next(1500), 2500);
  t.equal(every.previous(1_000_000_501, 0), 1_000_000_500);
  t.equal(every.previous(1500, 0), null);
  const once = timesOf({ at: '2030-01-01T00:00:00Z' }, 0);
  t.same([once.next(at('2029-01-01')), once.next(at('2030-01-01'))], [at('2030-01-01'), null]);
});

t.test('an expression that is none, or that never comes, is refused with the reason', async (t) => {
  t.equal(cronProblem({ cron: '*/5 * * * *' }, 0), null);
  t.equal(cronProblem({ cron: '0 0 29 2 *', timezone: 'Asia/Tokyo' }, 0), null);
  t.match(cronProblem({ cron: '0 0 30 2 *' }, 0), /never comes/);
  t.match(cronProblem({ cron: '61 * * * *' }, 0), /is not a cron expression: Invalid value for minute: 61/);
  t.match(cronProblem({ cron: '* * * * * * *' }, 0), /is not a cron expression/);
});
