// Rounds of kill -9 at a random moment under load: of the server, of its runner host, or of a server that is just starting.
// After each round all guarantees of docs/concepts/guarantees.md that a crash could break are checked; side effects are the proof of
// what has run. The report says what there was.
//
//   npm run test:kill-loop -- 20           so many rounds (50), each of them a second or two
//   npm run test:kill-loop -- 500 native   on this runner host (native where it is built)
import { execa } from 'execa';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { eventsIn, historyProblem } from '../helpers/history.ts';
import { environments, until, withArgument, withEnvironment } from '../helpers/processes.ts';
import {
  check,
  finish,
  freePort,
  memoryOf,
  scratch,
  type Server,
  startServer,
  zombiesOf,
} from './support.ts';

const ROUNDS = Number(process.argv[2] ?? 50);
const HOST = process.argv[3] ?? (existsSync('build/runner-host') ? 'native' : 'node');
/** Of a round, after its load has been sent. */
const MOST_MS = 400;
const SLOTS = 8;
const [IN_BATCH, KEYED, CANCELLED] = [24, 12, 4];
const GRANT = 1_000_000_000;
const NUMBERS = 2000;

const dir = scratch();
mkdirSync(join(dir, 'side'));
const prices = join(dir, 'credits.json');
writeFileSync(prices, JSON.stringify({ prices: { shell: { per_run: 1 } } }));
const env = {
  EXECUTION_DATA_DIR: join(dir, 'data'),
  EXECUTION_PORT: await freePort(),
  EXECUTION_RUNNER_HOST: HOST,
  EXECUTION_CREDITS_FILE: prices,
  EXECUTION_MAX_CONCURRENT: String(SLOTS),
  EXECUTION_KILL_GRACE_MS: '500',
  EXECUTION_RETENTION_SECS: '360000',
  EXECUTION_MAX_RETAINED: '1000000',
};
const work = `${env.EXECUTION_DATA_DIR}/work/`;
/** An argument of what has neither environment nor parents. */
const token = `.${String(Math.random()).slice(2, 12)}`;

// ------------------------------------------------------------------------------------------------- load

type Kind = 'plain' | 'again' | 'printer' | 'cancelled';

/** Writes down each beginning and each end, with its attempt, and leaves a process behind that only the host can find. */
function spec(kind: Kind, round: number): object {
  const side = join(dir, 'side', String(round));
  const note = (word: string) => `echo "$EXECUTION_ID ${word} $EXECUTION_ATTEMPT" >> ${side}`;
  const daemon = HOST === 'native' ? `(setsid env -i sleep 60${token} &);` : 'setsid sleep 60 &';
  const work = kind === 'printer' ? `seq ${NUMBERS}` : 'sleep 0.0$((RANDOM % 8))';
  const again = { retry: { attempts: 100, min_ms: 0, multiplier: 0, retry_on: { causes: ['lost'] } } };
  return {
    kind: 'shell',
    command: `${note('began')}; ${kind === 'plain' ? daemon : ''} ${work}; ${note('ended')}`,
    labels: { round: String(round), kind },
    ...(kind === 'again' ? { ...again, retry_safe: true } : {}),
    ...(kind === 'cancelled' ? { priority: -1 } : {}),
  };
}
const KINDS: readonly Kind[] = ['plain', 'again', 'printer'];
const kindOf = (i: number): Kind => KINDS[i % KINDS.length] as Kind;

/** What clients were told of in a round. */
interface Told {
  accepted: Set<string>;
  /** Keys whose execution is known. */
  keys: Map<string, string>;
  /** Status of the answer to a cancel, and whether the execution waited then. */
  cancels: Map<string, number>;
}

/** Sends a round's load; resolves when every request was answered or has failed. */
async function load(server: Server, round: number, told: Told): Promise<void> {
  const batch = async () => {
    const { items } = await server.call<{ items: { execution: ExecutionWire }[] }>(
      'POST',
      '/v1/executions/batch',
      { executions: Array.from({ length: IN_BATCH }, (_, i) => spec(kindOf(i), round)) },
    );
    for (const { execution } of items) told.accepted.add(execution.id);
  };
  const cancelled = async () => {
    const { id } = await server.submit(spec('cancelled', round));
    told.accepted.add(id);
    const answer = await fetch(`${server.url}/v1/executions/${id}/cancel`, { method: 'POST' });
    told.cancels.set(id, answer.status);
  };
  await Promise.allSettled([
    batch(),
    ...Array.from({ length: KEYED }, (_, i) => keyed(server, round, i, told)),
    ...Array.from({ length: CANCELLED }, cancelled),
  ]);
}

async function keyed(server: Server, round: number, i: number, told: Told): Promise<void> {
  const key = `${round}-${i}`;
  const headers = { 'idempotency-key': key };
  const { id } = await server.call<ExecutionWire>('POST', '/v1/executions', spec(kindOf(i), round), headers);
  const known = told.keys.get(key);
  if (known !== undefined && known !== id) wrong('G2', `the key ${key} was ${known}, and is ${id}`);
  told.keys.set(key, id);
  told.accepted.add(id);
}

// ---------------------------------------------------------------------------------------------- verdicts

const GUARANTEES = ['G1', 'G2', 'G3', 'G4', 'G5', 'G6', 'G7', 'G8'] as const;
const problems = new Map<string, string[]>(GUARANTEES.map((name) => [name, []]));

function wrong(guarantee: (typeof GUARANTEES)[number], what: string): void {
  problems.get(guarantee)?.push(what);
  console.log(`  ${guarantee} broken: ${what}`);
}

/** What an execution came to; never to change. */
const endOf = ({ status, outcome, attempts }: ExecutionWire): string =>
  JSON.stringify([status, outcome, attempts.map(({ number }) => number)]);
const ends = new Map<string, string>();
const tally: Record<string, number> = {};
const count = (what: string): void => void (tally[what] = (tally[what] ?? 0) + 1);

async function list(server: Server, filter = ''): Promise<ExecutionWire[]> {
  const found: ExecutionWire[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: { items: ExecutionWire[]; next_cursor: string | null } = await server.call(
      'GET',
      `/v1/executions?limit=1000${filter}${cursor === '' ? '' : `&cursor=${cursor}`}`,
    );
    found.push(...page.items);
    cursor = page.next_cursor;
  }
  return found;
}

/** What the executions of a round have written down. */
function sideEffects(round: number): Map<string, string[]> {
  const file = join(dir, 'side', String(round));
  appendFileSync(file, '');
  const lines = new Map<string, string[]>();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [id = '', ...rest] = line.split(' ');
    if (id !== '') lines.set(id, [...(lines.get(id) ?? []), rest.join(' ')]);
  }
  return lines;
}

/** Waits until all of a round has ended, and judges it. */
async function judge(server: Server, round: number, told: Told): Promise<void> {
  const filter = `&label=round=${round}`;
  for (const { id, phase } of await list(server, filter)) if (phase !== 'done') await server.finished(id);
  const all = await list(server, filter);
  const ids = new Set(all.map(({ id }) => id));
  for (const id of told.accepted) if (!ids.has(id)) wrong('G1', `${id} was accepted, and is not there`);
  const lines = sideEffects(round);
  for (const id of lines.keys()) if (!ids.has(id)) wrong('G1', `${id} has run, and is not there`);
  for (const execution of all) await judgeOne(server, execution, lines.get(execution.id) ?? [], told);
  const lost = all.filter(({ outcome }) => outcome?.cause === 'lost').length;
  if (lost > SLOTS) wrong('G6', `round ${round}: ${lost} are lost, and there are ${SLOTS} slots`);
  const alive = [...withEnvironment(work), ...withArgument(`60${token}`)];
  if (alive.length > 0) wrong('G4', `round ${round}: ${alive.length} processes are alive when all has ended`);
}

async function judgeOne(
  server: Server,
  execution: ExecutionWire,
  lines: string[],
  { cancels }: Told,
): Promise<void> {
  const { id, status, outcome, attempts, labels } = execution;
  const cause = outcome?.cause ?? 'none';
  const what = `${id} (${labels.kind}) is ${status} by ${cause}, and wrote ${lines.join(', ') || 'nothing'}`;
  count(status === 'failed' ? cause : status);
  ends.set(id, endOf(execution));
  const began = lines.filter((line) => line.startsWith('began'));
  if (new Set(lines).size !== lines.length) wrong('G6', `an attempt ran twice: ${what}`);
  if (labels.kind !== 'again' && began.length > 1) wrong('G6', `it ran twice: ${what}`);
  if (labels.kind === 'again' && status !== 'completed') wrong('G6', `it was not tried again: ${what}`);
  if (began.length > 1) count('began again, as they may');
  const last = attempts.at(-1)?.number ?? 0;
  if (status === 'completed' && !lines.includes(`ended ${last}`)) wrong('G6', `it has not run: ${what}`);
  const isCancel = labels.kind === 'cancelled';
  if (status !== 'completed' && cause !== 'lost' && !(isCancel && cause === 'cancelled'))
    wrong('G3', `no end that can be: ${what}: ${endOf(execution)}, ${lastKill}`);
  const answered = cancels.get(id);
  if (answered === 200 && (status !== 'cancelled' || lines.length > 0))
    wrong('G5', `its cancel was answered: ${what}`);
  const history = historyProblem(
    eventsIn(await (await fetch(`${server.url}/v1/executions/${id}/events`)).text()),
  );
  if (history !== null) wrong('G3', `${id}: ${history}`);
  if (labels.kind === 'printer' && attempts.length > 0) await judgeLog(server, execution);
}

const PRINTED = Buffer.from(Array.from({ length: NUMBERS }, (_, i) => `${i + 1}\n`).join(''));

async function judgeLog(server: Server, { id, status, attempts }: ExecutionWire): Promise<void> {
  const last = attempts.at(-1)?.number;
  const answer = await fetch(`${server.url}/v1/executions/${id}/logs?format=raw&attempt=${last}`);
  const log = Buffer.from(await answer.arrayBuffer());
  const isPrefix = log.equals(PRINTED.subarray(0, log.length));
  if (!isPrefix || (status === 'completed' && log.length !== PRINTED.length))
    wrong('G8', `${id} is ${status} with ${log.length} bytes that were not written so`);
  count('logs compared');
}

/** Nothing of the servers before is alive once the next one is ready. */
function judgeOrphans(): void {
  // The running server has the greatest number; what has none is there for a moment, to see that the disk takes it.
  const own = `${work}${Math.max(
    ...readdirSync(work)
      .filter((name) => /^\d+$/.test(name))
      .map(Number),
  )}/`;
  for (const [pid, environment] of environments()) {
    if (!environment.includes(work) || environment.includes(own)) continue;
    wrong('G4', `process ${pid} has outlived its server: ${environment.replaceAll('\0', ' ')}`);
  }
}

// ------------------------------------------------------------------------------------------------ rounds

const kills = { server: 0, host: 0, starting: 0 };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
let peak = 0;
/** For reports. */
let lastKill = '';

async function startAgain(): Promise<Server> {
  // One in four dies before it is ready.
  for (; Math.random() < 0.25; kills.starting++) {
    const child = execa(process.execPath, ['dist/bin/server.js'], {
      ...{ extendEnv: false, stdio: 'ignore', reject: false },
      env: { PATH: process.env.PATH, ...env, EXECUTION_LOG_LEVEL: 'silent' },
    });
    await pause(Math.random() * MOST_MS);
    child.kill('SIGKILL');
    await child;
    lastKill += ', then one that was starting';
  }
  const server = await startServer({ ...env, EXECUTION_LOG_LEVEL: 'error' });
  judgeOrphans();
  return server;
}

const startedAt = performance.now();
let server = await startServer({ ...env, EXECUTION_LOG_LEVEL: 'error' });
await server.call('POST', '/v1/accounts/local/grants', { amount: GRANT });
for (let round = 1; round <= ROUNDS; round++) {
  const told: Told = { accepted: new Set(), keys: new Map(), cancels: new Map() };
  const loading = load(server, round, told);
  const hostPid = await server.hostPid();
  await pause(Math.random() * MOST_MS);
  peak = Math.max(peak, memoryOf(server.pid));
  if (Math.random() < 0.5) {
    kills.host += 1;
    lastKill = `the host ${hostPid} was killed`;
    process.kill(hostPid, 'SIGKILL');
    await loading;
    await until('the host is replaced', async () => (await fetch(`${server.url}/readyz`)).status === 200);
  } else {
    kills.server += 1;
    lastKill = 'the server was killed';
    await server.kill();
    await loading;
    server = await startAgain();
  }
  // What was not answered is asked for again; what was answered is the same.
  for (let i = 0; i < KEYED; i++) await keyed(server, round, i, told);
  await judge(server, round, told);
  if (round % 25 === 0) {
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    console.log(`round ${round} after ${seconds} s: ${JSON.stringify(kills)} ${JSON.stringify(tally)}`);
  }
}

// ----------------------------------------------------------------------------------------------- the end

const all = await list(server);
for (const execution of all) {
  const before = ends.get(execution.id);
  if (before !== endOf(execution)) wrong('G3', `${execution.id} was ${before}, and is ${endOf(execution)}`);
}
await until('all is charged', async () => {
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  return metrics.split('\n').includes('execd_charges_due 0');
});
let charged = 0;
for (const { id, error, attempts, cost } of await list(server)) {
  const isStarted = attempts.some(({ started_at: at }) => at !== null);
  const due = isStarted && error?.fault !== 'system' ? 1 : 0;
  // Of one that was stopped as it started nobody may know that it had.
  const mayBe = error?.type === 'cancelled' ? [0, 1] : [due];
  if (!mayBe.includes(cost?.charged ?? -1))
    wrong('G7', `${id} was charged ${cost?.charged} instead of ${due}`);
  charged += cost?.charged ?? 0;
}
const account = await server.call<{ balance: number; reserved: number }>('GET', '/v1/accounts/local');
if (account.reserved !== 0 || account.balance !== GRANT - charged)
  wrong('G7', `${charged} charged of ${GRANT}: ${JSON.stringify(account)}`);
const zombies = [...zombiesOf(server.pid), ...zombiesOf(await server.hostPid())];
await server.stop();
const left = [...withEnvironment(env.EXECUTION_DATA_DIR), ...withArgument(`60${token}`)];
if (left.length > 0) wrong('G4', `${left.length} processes are left`);

const seconds = Math.round((performance.now() - startedAt) / 1000);
console.log(`${ROUNDS} rounds on the ${HOST} host in ${seconds} s`);
console.log(`killed: ${kills.server} servers, ${kills.starting} that were starting, ${kills.host} hosts`);
console.log(`${all.length} executions: ${JSON.stringify(tally)}`);
console.log(`greatest memory of a server: ${Math.round(peak / 1e6)} MB`);
for (const [guarantee, broken] of problems)
  check(
    broken.length === 0,
    `${guarantee}: ${broken.length === 0 ? 'held' : `broken ${broken.length} times`}`,
  );
check(zombies.length === 0, 'no zombie is left');
check(kills.server > 0 && kills.host > 0 && (tally.lost ?? 0) > 0, 'there was something to lose');
finish();
