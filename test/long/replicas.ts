// Several servers on one PostgreSQL: work is submitted at one, followed and cancelled at others, while servers are killed, frozen
// longer than their lease, and started again. What clients were told is the record; side effects are the proof of what has run.
//
//   npm run test:replicas                 300 executions, 3 servers, 4 faults
//   npm run test:replicas -- 20000 40 7   so many executions and faults, with this seed
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { startCluster } from '../helpers/postgres.ts';
import { until } from '../helpers/processes.ts';
import { check, finish, freePort, inFlight, scratch, type Server, startServer } from './support.ts';

const EXECUTIONS = Number(process.argv[2] ?? 300);
const FAULTS = Number(process.argv[3] ?? 4);
const SEED = Number(process.argv[4] ?? Date.now() % 1_000_000);
interface RunnerList {
  items: { name: string; slots: { process: { executions: string[] } } }[];
}

const SERVERS = 3;
const LEASE_S = 10;

/** Numbers that a seed repeats. */
let state = SEED;
function random(most: number): number {
  state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
  return Math.floor((state / 2_147_483_648) * most);
}

const dir = scratch();
const side = join(dir, 'side');
mkdirSync(dir, { recursive: true });
appendFileSync(side, '');
const ending: (() => unknown)[] = [];
const cluster = await startCluster({ teardown: (end) => void ending.unshift(end) });
const database = await cluster.database();

const ports = await Promise.all(Array.from({ length: SERVERS }, freePort));

const envOf = (i: number) => ({
  EXECUTION_PORT: ports[i] as string,
  EXECUTION_DATABASE_URL: database,
  EXECUTION_DATA_DIR: join(dir, `replica-${i}`),
  EXECUTION_REPLICA_NAME: `replica-${i}`,
  EXECUTION_LEASE_SECS: String(LEASE_S),
  EXECUTION_KILL_GRACE_MS: '200',
  EXECUTION_DATABASE_CONNECTIONS: '2',
  EXECUTION_MAX_CONCURRENT: '4',
});
const servers: (Server | null)[] = await Promise.all(
  Array.from({ length: SERVERS }, (_, i) => startServer(envOf(i))),
);
ending.unshift(() => Promise.all(servers.map(async (server) => server?.kill())));

const alive = (): Server[] => servers.filter((server) => server !== null);
const any = (): Server => {
  const all = alive();
  return all[random(all.length)] as Server;
};
/** At any server, again at another one where that fails. */
async function somewhere<T>(act: (server: Server) => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await act(any());
    } catch (error) {
      if (tries > 600) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

const specOf = (i: number) => ({
  kind: 'shell',
  command: `echo "$EXECUTION_ID $EXECUTION_ATTEMPT" >> ${side}; sleep 0.0${random(9)}; echo "out ${i}"`,
  retry: { attempts: 50, min_ms: 0, multiplier: 0, retry_on: { causes: ['lost'] } },
  retry_safe: true,
});

console.log(`seed ${SEED}`);
check(
  (await Promise.all(alive().map(({ url }) => fetch(`${url}/readyz`)))).every(({ ok }) => ok),
  'all are ready',
);

// --------------------------------------------------------------------------------------- without faults
{
  const [a, b, c] = servers as [Server, Server, Server];
  const began = Date.now();
  const first = await a.submit({ kind: 'shell', command: 'echo one' });
  check((await b.finished(first.id)).status === 'completed', 'submitted at one, awaited at another one');
  check(
    (await c.call<ExecutionWire>('GET', `/v1/executions/${first.id}`)).status === 'completed',
    'read at a third one',
  );
  console.log(`     took ${Date.now() - began} ms`);
  const slow = await a.submit({ kind: 'shell', command: 'sleep 100' });
  await until(
    'it runs',
    async () => (await b.call<ExecutionWire>('GET', `/v1/executions/${slow.id}`)).phase === 'running',
  );
  const asked = Date.now();
  await c
    .call('DELETE', `/v1/executions/${slow.id}`)
    .catch(() => c.call('POST', `/v1/executions/${slow.id}/cancel`, {}));
  check((await b.finished(slow.id)).status === 'cancelled', 'cancelled at a third one');
  console.log(`     cancel to end: ${Date.now() - asked} ms`);
  const logged = await a.submit({ kind: 'shell', command: 'seq 1000; sleep 1; seq 1000' });
  const logs = await Promise.all(
    alive().map(async ({ url }) =>
      (await fetch(`${url}/v1/executions/${logged.id}/logs?follow=true&format=raw`)).text(),
    ),
  );
  const whole = `${Array.from({ length: 1000 }, (_, i) => i + 1).join('\n')}\n`.repeat(2);
  for (const [i, log] of logs.entries())
    check(log === whole, `its log is followed at ${i}: ${log.length} bytes`);
}

// --------------------------------------------------------------------------- frozen longer than its lease
{
  // The second attempt looks whether the first one, which ignores SIGTERM, lives.
  const proof = join(dir, 'proof');
  const command = `if [ -e ${proof} ]; then
      read pid < ${proof}; kill -0 $pid 2>/dev/null && echo beside it; echo again; exit 0
    fi
    trap '' TERM; sleep 1000 & echo $$ > ${proof}; while :; do sleep 0.1; done`;
  const { id } = await any().submit({ ...specOf(0), kind: 'shell', command });
  await until('it runs', () => existsSync(proof) && readFileSync(proof, 'utf8') !== '');
  const { items } = await any().call<RunnerList>('GET', '/v1/runners');
  const at = items.find(({ slots }) => slots.process.executions.includes(id))?.name ?? '';
  const i = Number(at.replace('replica-', ''));
  const frozen = servers[i] as Server;
  servers[i] = null;
  process.kill(frozen.pid, 'SIGSTOP');
  const end = await any().finished(id);
  check(
    end.status === 'completed' && end.attempts.length === 2,
    `what ran at ${at}, which is frozen, was retried`,
  );
  const log = await (await fetch(`${any().url}/v1/executions/${id}/logs?format=raw`)).text();
  check(log === 'again\n', `its first attempt had ended before the second began: ${JSON.stringify(log)}`);
  process.kill(frozen.pid, 'SIGCONT');
  await until('it ends by itself', () => frozen.hasEnded(), 60_000);
  servers[i] = await startServer(envOf(i));
}

// ------------------------------------------------------------------------------------------ with faults
const accepted: string[] = [];
const load = inFlight(
  24,
  Array.from({ length: EXECUTIONS }, (_, i) => async () => {
    const key = { 'idempotency-key': `key-${i}` };
    const { id } = await somewhere((server) =>
      server.call<ExecutionWire>('POST', '/v1/executions', specOf(i), key),
    );
    accepted.push(id);
  }),
);
const faults = (async () => {
  for (let n = 0; n < FAULTS; n++) {
    await new Promise((resolve) => setTimeout(resolve, 1000 + random(2000)));
    const i = random(SERVERS);
    const server = servers[i];
    if (server === null || server === undefined) continue;
    servers[i] = null;
    const kind = ['kill', 'freeze', 'restart'][random(3)] as string;
    console.log(`     ${kind} ${i}`);
    if (kind === 'kill') await server.kill();
    else if (kind === 'restart') await server.stop();
    else {
      process.kill(server.pid, 'SIGSTOP');
      await new Promise((resolve) => setTimeout(resolve, LEASE_S * 1500));
      process.kill(server.pid, 'SIGCONT');
      await until(
        'it ends by itself',
        () => !existsSync(`/proc/${server.pid}/stat`) || server.hasEnded(),
        60_000,
      );
    }
    servers[i] = await startServer(envOf(i));
  }
})();
await Promise.all([load, faults]);
check(accepted.length === EXECUTIONS, `${accepted.length} were accepted`);
check(new Set(accepted).size === EXECUTIONS, 'each once');
const ends = await inFlight(
  16,
  accepted.map((id) => () => somewhere((server) => server.finished(id))),
);
const statuses = Map.groupBy(ends, ({ status }) => status);
console.log(`     ${[...statuses].map(([status, all]) => `${all.length} ${status}`).join(', ')}`);
check(
  ends.every(({ status }) => status === 'completed'),
  'all have completed: what was lost was retried',
);
const ran = readFileSync(side, 'utf8')
  .split('\n')
  .filter((line) => line !== '');
check(new Set(ran).size === ran.length, 'no attempt has run twice');
const told = new Set(ends.flatMap(({ id, attempts }) => attempts.map(({ number }) => `${id} ${number}`)));
check(
  ran.every((one) => told.has(one)),
  'whatever has run is known as an attempt',
);
for (const end of ending) await end();
finish();
process.exit();
