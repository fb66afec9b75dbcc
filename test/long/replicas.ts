// Several servers on one PostgreSQL: work is submitted at one, polled, followed and cancelled at others, while servers and runner
// hosts are killed, frozen (also longer than their lease) and restarted one after the other, and PostgreSQL is stopped and
// killed. A checker that shares no code with the servers judges the record: what clients were told, and what the work wrote down.
//
//   npm run test:replicas                       300 jobs and 6 faults of each layout
//   npm run test:replicas -- 20000 200 7        so many jobs and faults, with this seed, of each layout
//   npm run test:replicas -- 20000 200 7 roles  of one layout: `all` (three servers) or `roles` (two api, three runner)
//
// The seed sets every job, every server that is asked first and every fault; how the processes interleave it cannot set.
import { existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until, withArgument, withEnvironment } from '../helpers/processes.ts';
import { type Entry, type History, problemsOf, type Shown, type Tick } from './replicas/checker.ts';
import { Faults } from './replicas/faults.ts';
import { frozenLongerThanItsLease, withoutFaults } from './replicas/first.ts';
import { Load } from './replicas/load.ts';
import { GRANT, LAYOUTS, randomOf, World } from './replicas/world.ts';
import { check, finish, inFlight, scratch } from './support.ts';

const JOBS = Number(process.argv[2] ?? 300);
const FAULTS = Number(process.argv[3] ?? 6);
const SEED = Number(process.argv[4] ?? Date.now() % 1_000_000);
const CHOSEN = process.argv[5] === undefined ? Object.keys(LAYOUTS) : [process.argv[5]];

const AT_A_TIME = 32;
const TICKS = [1000, 3000] as const;
const AGAIN = {
  retry_safe: true,
  retry: { attempts: 100, min_ms: 0, multiplier: 0, retry_on: { causes: ['lost'] } },
};
const SHOWN_PROBLEMS = 40;

interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/** All pages of a list. */
async function list<T>(world: World, path: string): Promise<T[]> {
  const found: T[] = [];
  const random = randomOf(SEED, path);
  for (let cursor: string | null = ''; cursor !== null;) {
    const more: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const { body } = await world.call<Page<T>>('GET', `${path}?limit=1000${more}`, random);
    found.push(...body.items);
    cursor = body.next_cursor;
  }
  return found;
}

/** Jobs and faults together: no job is more than a round ahead of the faults, and no fault ahead of its round. */
async function withFaults(load: Load, faults: Faults): Promise<void> {
  const perRound = Math.max(1, Math.floor(JOBS / FAULTS));
  let struck = 0;
  let isOver = false;
  const jobs = inFlight(
    AT_A_TIME,
    Array.from({ length: JOBS }, (_, i) => async () => {
      await until('its round has come', () => isOver || struck >= Math.floor(i / perRound) - 1, 600_000);
      await load.run(i);
    }),
  ).finally(() => (isOver = true));
  const rounds = (async () => {
    for (; struck < FAULTS; struck++) {
      const first = struck * perRound + randomOf(SEED, `round ${struck}`)(Math.ceil(perRound / 2));
      await until('work of the round is there', () => isOver || load.accepted >= first, 600_000);
      await faults.strike(struck);
    }
    await faults.over();
  })();
  await Promise.all([jobs, rounds]);
}

async function putTicks(world: World, load: Load): Promise<void> {
  for (const [i, everyMs] of TICKS.entries()) {
    const execution = { kind: 'shell', command: load.command(`tick-${i}`, 'echo tick', 10), ...AGAIN };
    const body = { every_ms: everyMs, overlap: 'allow', misfire: 'catch_up', max_catch_up: 100, execution };
    await world.call('PUT', `/v1/schedules/tick-${i}`, randomOf(SEED, `tick ${i}`), body);
  }
}

type Known = Shown & { schedule: { name: string; due: string } | null };

/** Waits until nothing is under way, and asks for all there is. */
async function known(world: World): Promise<Known[]> {
  const random = randomOf(SEED, 'known');
  for (const i of TICKS.keys()) await world.text('POST', `/v1/schedules/tick-${i}/pause`, random);
  let all: Known[] = [];
  const isSettled = ({ phase, cost }: Known) => phase === 'done' && cost?.charged !== null;
  await until('all has ended and is charged', async () =>
    (all = await list<Known>(world, '/v1/executions')).every(isSettled),
  ).catch(() => undefined);
  return all;
}

function ticksOf(all: readonly Known[]): Tick[] {
  return TICKS.map((everyMs, i) => ({
    ...{ schedule: `tick-${i}`, everyMs },
    due: all.flatMap(({ schedule }) => (schedule?.name === `tick-${i}` ? [schedule.due] : [])),
  }));
}

async function layout(name: string): Promise<void> {
  console.log(`${name}: ${JOBS} jobs, ${FAULTS} faults, seed ${SEED}`);
  const began = performance.now();
  const world = new World(join(scratch(), name));
  const token = `60.${String(SEED).padStart(9, '0')}${name.length}`;
  const daemon = existsSync('build/runner-host') ? `(setsid env -i sleep ${token} &); ` : '';
  await world.open(LAYOUTS[name] ?? []);
  await withoutFaults(world);
  await frozenLongerThanItsLease(world);
  const load = new Load(world, SEED, daemon);
  const faults = new Faults(world, SEED);
  await putTicks(world, load);
  await withFaults(load, faults);
  const all = await known(world);
  const entries = await list<Entry>(world, '/v1/accounts/local/entries');
  const account = await world.call<{ balance: number; reserved: number }>(
    'GET',
    '/v1/accounts/local',
    randomOf(SEED, 'account'),
  );
  const alive = () => [...withEnvironment(`${world.dir}/`), ...withArgument(token)].map(String);
  const working = withArgument(token).map((pid) => `${pid} before the servers were stopped`);
  await world.close();
  const history: History = {
    ...{ executions: load.executions, plans: load.plans, ticks: ticksOf(all), known: all },
    ...{ lines: load.lines(), processesLeft: [...working, ...alive()] },
    ledger: { granted: GRANT, ...account.body, entries },
  };
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(`     ${name}: ${seconds} s, faults: ${JSON.stringify(faults.counts)}`);
  console.log(`     servers ended by themselves, by exit code: ${JSON.stringify(world.ownEnds)}`);
  report(name, history, [...faults.problems, ...load.problems]);
}

function report(name: string, history: History, early: readonly string[]): void {
  const { executions, plans, known: all, ticks } = history;
  const statuses: Record<string, number> = {};
  for (const { status, outcome } of all) {
    const end = status === 'failed' ? (outcome?.cause ?? status) : status;
    statuses[end] = (statuses[end] ?? 0) + 1;
  }
  const again = all.filter(({ attempts }) => attempts.length > 1).length;
  const scheduled = ticks.reduce((sum, { due }) => sum + due.length, 0);
  console.log(
    `     ${all.length} executions: ${executions.length} by clients, ${plans.length} plans with their steps, ${scheduled} by schedules`,
  );
  console.log(`     ${JSON.stringify(statuses)}, ${again} have more than one attempt`);
  const problems = [...early, ...problemsOf(history)];
  for (const problem of problems.slice(0, SHOWN_PROBLEMS)) console.log(`     ${problem}`);
  if (problems.length > 0) {
    const file = join(tmpdir(), `execd-replicas-${name}-${SEED}.json`);
    writeFileSync(file, JSON.stringify(history));
    console.log(`     the record is in ${file}`);
  }
  check(executions.length + plans.length >= JOBS, `${name}: every job has ended`);
  check(again > 0, `${name}: there was something to try again`);
  check(problems.length === 0, `${name}: ${problems.length} problems`);
}

for (const name of CHOSEN) await layout(name);
finish();
process.exit();
