// Fifty rounds of kill -9 while executions are accepted, run, cancelled and charged. After each one the books are checked
// as they lie on the disk; at the end every execution has been charged exactly once, for what it came to be.
//
//   npm run test:credits -- 10    so many rounds (50)
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { until } from '../helpers/processes.ts';
import { check, finish, scratch, type Server, startServer } from './support.ts';

const ROUNDS = Number(process.argv[2] ?? 50);
const [PER_RUN, HIT, JOINED, EVERY, EXTRA] = [5, 2, 1, 10, 3];
const GRANT = 1000;

const dir = scratch();
const prices = join(dir, 'credits.json');
const price = { per_run: PER_RUN, hit: HIT, joined: JOINED };
writeFileSync(
  prices,
  JSON.stringify({
    prices: { shell: price },
    every: { executions: EVERY, credits: EXTRA },
    low_balance: 500,
  }),
);
const env = {
  EXECUTION_DATA_DIR: join(dir, 'data'),
  EXECUTION_CREDITS_FILE: prices,
  EXECUTION_MAX_CONCURRENT: '8',
  EXECUTION_KILL_GRACE_MS: '500',
  EXECUTION_LOG_LEVEL: 'info',
};
const shell = (command: string, more: object = {}) => ({ kind: 'shell', command, ...more });

/** Executions that a client was told of, and grants. */
const accepted = new Set<string>();
let granted = 0;

/** Keeps the server busy until it is gone. */
async function play(server: Server, round: number): Promise<void> {
  const submit = async (spec: object) => {
    const { id } = await server.submit(spec);
    accepted.add(id);
    return id;
  };
  const work = [
    async () => submit(shell('true')),
    async () => submit(shell('exit 3', { retry: { attempts: 2, min_ms: 1, max_ms: 2 } })),
    async () => submit(shell('true', { cache: { salt: String(round) } })),
    async () => submit(shell('sleep 0.2', { cache: { salt: `slow ${round}` } })),
    async () => server.call('POST', `/v1/executions/${await submit(shell('sleep 0.3'))}/cancel`),
    async () => submit(shell('true', { cwd: '/no/such/dir' })),
  ];
  const player = async (turn: number) => {
    for (let i = turn; ; i++) {
      try {
        await (work[i % work.length] as () => Promise<unknown>)();
      } catch (error) {
        // Short of credits there is more to be had; a server that is gone ends the round.
        if (!/: 4\d\d /.test((error as Error).message)) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, turn) => player(turn)));
}

interface Books {
  balance: number;
  due: number;
  charged: number;
}

/** Checks the books of a store that nobody has open. */
function audit(round: number): Books {
  const db = new DatabaseSync(join(dir, 'data', 'execd.db'));
  const one = (text: string) => Number(Object.values(db.prepare(text).get() ?? {})[0] ?? 0);
  const balance = one('SELECT balance FROM accounts');
  const wrong = {
    'the balance is not the sum of its entries': balance - one('SELECT coalesce(sum(amount), 0) FROM ledger'),
    'reserved is not the sum of the reservations':
      one('SELECT reserved FROM accounts') - one('SELECT coalesce(sum(amount), 0) FROM reservations'),
    'an execution is in the ledger twice': one('SELECT count(*) - count(DISTINCT subject_id) FROM ledger'),
    'an end owes nothing': one(`SELECT count(*) FROM executions e JOIN execution_costs ON execution_seq = seq
      WHERE phase = 'done' AND cost ->> 'charged' IS NULL AND NOT EXISTS (SELECT 1 FROM reservations r WHERE r.execution_id = e.id AND due IS NOT NULL)`),
    'what is charged has a reservation': one(`SELECT count(*) FROM reservations r JOIN ledger l
      ON l.subject_id = r.execution_id`),
    'what lives owes something':
      one(`SELECT count(*) FROM reservations r JOIN executions e ON e.id = r.execution_id
      WHERE e.phase <> 'done' AND r.due IS NOT NULL`),
    'an execution and the ledger differ':
      one(`SELECT count(*) FROM executions e JOIN execution_costs ON execution_seq = seq
      LEFT JOIN ledger l ON l.subject_id = e.id WHERE (cost ->> 'charged') IS NOT -l.amount`),
    'a grant was lost': granted > one(`SELECT sum(amount) FROM ledger WHERE kind = 'grant'`) ? 1 : 0,
  };
  for (const [what, count] of Object.entries(wrong))
    if (count !== 0) check(false, `round ${round}: ${what} (${count})`);
  const books = {
    balance,
    due: one('SELECT count(*) FROM reservations WHERE due IS NOT NULL'),
    charged: one(`SELECT count(*) FROM ledger WHERE kind <> 'grant'`),
  };
  db.close();
  return books;
}

/** What an execution should have been charged; those that took part in the run of another one may have taken it over. */
function expected({ cache, error, attempts, run_id: runId, id, cost }: ExecutionWire): number[] {
  if (error?.fault === 'system') return [0];
  if (cache?.status === 'hit') return [HIT];
  const isStarted = attempts.some(({ started_at: at }) => at !== null);
  const run = cost?.reserved ?? 0;
  if (runId !== id) return [JOINED, run, 0];
  return isStarted ? (cache === null ? [run] : [run, 0]) : [0];
}

let killedWithDue = 0;
for (let round = 1; round <= ROUNDS; round++) {
  const server = await startServer(env);
  await server.call('POST', '/v1/accounts/local/grants', { amount: GRANT });
  granted += GRANT;
  const playing = play(server, round);
  await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 800));
  await server.kill();
  await playing;
  const { due, balance, charged } = audit(round);
  if (due > 0) killedWithDue += 1;
  if (round % 10 === 0)
    console.log(
      `round ${round}: ${charged} charged so far, ${due} due when it was killed, balance ${balance}`,
    );
}
check(killedWithDue > 0, `killed in the middle of charging in ${killedWithDue} of ${ROUNDS} rounds`);

const last = await startServer(env);
let [ended, wrong, charged] = [0, 0, 0];
const items: ExecutionWire[] = [];
let cursor: string | null = null;
do {
  const path = `/v1/executions?limit=1000${cursor === null ? '' : `&cursor=${cursor}`}`;
  const page: { items: ExecutionWire[]; next_cursor: string | null } = await last.call('GET', path);
  items.push(...page.items);
  cursor = page.next_cursor;
} while (cursor !== null);
for (const { id } of items) await last.finished(id);
await until('all is charged', async () => {
  const metrics = await (await fetch(`${last.url}/metrics`)).text();
  return metrics.split('\n').includes('execd_charges_due 0');
});
for (const { id } of items) {
  const execution = await last.finished(id);
  const { cost } = execution;
  ended += 1;
  charged += cost?.charged ?? 0;
  if (!expected(execution).includes(cost?.charged ?? -1)) {
    wrong += 1;
    if (wrong < 5)
      console.log(`${id}: ${JSON.stringify({ ...execution, spec: undefined, result: undefined })}`);
  }
}
check(
  wrong === 0,
  `each of ${ended} executions was charged once, for what it came to be (${wrong} were not)`,
);
const missing = [...accepted].filter((id) => !items.some((one) => one.id === id));
check(missing.length === 0, `all ${accepted.size} that a client was told of are there`);
const account = await last.call<{ balance: number; reserved: number }>('GET', '/v1/accounts/local');
check(account.reserved === 0, 'nothing is reserved any more');
check(
  account.balance === granted - charged,
  `${granted} granted, ${charged} charged, balance ${account.balance}`,
);
await last.stop();
const books = audit(ROUNDS + 1);
check(books.due === 0, 'nothing is due');
check(books.charged === ended, `one entry for each execution: ${books.charged} of ${ended}`);
finish();
