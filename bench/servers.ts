// Several servers on one PostgreSQL: how long an execution waits from its acceptance to the start of its process, what it costs,
// what servers cost that have nothing to do, how soon a cancel through another server has ended everything, and how soon another
// server begins again what a killed one ran. Each server is a process of its own, as it is shipped.
import { join } from 'node:path';
import type { ExecutionWire } from '../src/http/executions/schemas.ts';
import type { Cluster } from '../test/helpers/postgres.ts';
import { until } from '../test/helpers/processes.ts';
import { freePort, scratch, type Server, startServer } from '../test/long/support.ts';
import { cpuOfTree } from './cpu.ts';
import { startDurable } from './durable.ts';
import { SECONDS, TRUE } from './figures.ts';
import { quantile } from './quantile.ts';

/** What the servers do, in each case. */
const CASES: readonly (readonly ('all' | 'api' | 'runner')[])[] = [
  ['all'],
  ['all', 'all'],
  ['all', 'all', 'all', 'all'],
  ['api', 'runner'],
];
/** Callers at a time, each of which waits for the end of its execution, at one server after the other. */
const CALLERS = 8;
const SLOTS = '8';
/** Executions that are cancelled; all of them run at the same time. */
const CANCELS = 7;
const LEASES_S = [15, 30];

export async function measureServers(): Promise<void> {
  for (const roles of CASES) {
    const { cluster, stop } = await startDurable();
    const servers: Server[] = [];
    try {
      const url = await cluster.database();
      for (const [i, role] of roles.entries()) servers.push(await startAt(url, `server-${i}`, role));
      const asked = servers.filter((_, i) => roles[i] !== 'runner');
      await load(asked, 1);
      const name = roles.join(' ');
      const idle = await costs(cluster, servers, () => rest(SECONDS * 1000));
      console.log(
        `${name}, idle: each second ${per(idle, SECONDS)} and ${(idle.transactions / SECONDS).toFixed(1)} transactions`,
      );
      const starts: number[] = [];
      const busy = await costs(
        cluster,
        servers,
        async () => void starts.push(...(await load(asked, SECONDS))),
      );
      const [p50, p99] = [quantile(starts, 0.5), quantile(starts, 0.99)];
      console.log(
        `${name}, busy: ${starts.length} executions, accepted to started p50 ${p50} ms, p99 ${p99} ms; each ${per(busy, starts.length)} and ${(busy.transactions / starts.length).toFixed(1)} transactions`,
      );
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
      await stop();
    }
  }
}

/** What runs at one server, cancelled through the other one, and begun again there after its server is killed. */
export async function measureTakeover(): Promise<void> {
  const { cluster, stop } = await startDurable();
  const long = {
    kind: 'shell',
    command: 'sleep 600 & sleep 600',
    retry_safe: true,
    retry: { attempts: 2, min_ms: 0 },
  };
  try {
    for (const leaseS of LEASES_S) {
      const more = { EXECUTION_LEASE_SECS: `${leaseS}` };
      const url = await cluster.database();
      const first = await startAt(url, 'first', 'all', more);
      const running = async () => {
        const { id } = await first.submit(long);
        await until('it runs', async () => (await shownAt(first, id)).phase === 'running');
        return id;
      };
      const ids = [];
      for (let i = 0; i < CANCELS; i++) ids.push(await running());
      const left = await running();
      const second = await startAt(url, 'second', 'all', more);
      const cancels: number[] = [];
      for (const id of ids) {
        const begun = performance.now();
        await second.call('POST', `/v1/executions/${id}/cancel`, {});
        await second.call('GET', `/v1/executions/${id}?wait=30`);
        cancels.push(performance.now() - begun);
      }
      const [p50, p99] = [quantile(cancels, 0.5), quantile(cancels, 0.99)];
      console.log(
        `cancelled through another server: all processes gone after p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`,
      );
      await first.kill();
      const begun = performance.now();
      await until('it runs again', async () => (await shownAt(second, left)).attempts.length === 2, 120_000);
      const took = (performance.now() - begun) / 1000;
      console.log(
        `a lease of ${leaseS} s: the second attempt began ${took.toFixed(1)} s after the kill (${(took / leaseS).toFixed(2)} leases)`,
      );
      await second.call('POST', `/v1/executions/${left}/cancel`, {});
      await second.stop();
    }
  } finally {
    await stop();
  }
}

const shownAt = ({ call }: Server, id: string) => call<ExecutionWire>('GET', `/v1/executions/${id}`);

const startAt = async (
  url: string,
  name: string,
  role: string,
  more: Record<string, string> = {},
): Promise<Server> =>
  startServer({
    ...more,
    ...{ EXECUTION_DATABASE_URL: url, EXECUTION_REPLICA_NAME: name, EXECUTION_PORT: await freePort() },
    ...{ EXECUTION_DATA_DIR: join(scratch(), name), EXECUTION_MAX_CONCURRENT: SLOTS, EXECUTION_ROLE: role },
  });

/** Runs executions for a while; answers how long each waited for its start, milliseconds. */
async function load(servers: readonly Server[], seconds: number): Promise<number[]> {
  const until = performance.now() + seconds * 1000;
  const waits: number[] = [];
  let next = 0;
  const caller = async () => {
    while (performance.now() < until) {
      const server = servers[next++ % servers.length] as Server;
      const done = await server.call<ExecutionWire>('POST', '/v1/executions', TRUE, { prefer: 'wait=60' });
      const { created, started } = done.timestamps;
      if (started === null) throw new Error(`${done.id} has not been started`);
      waits.push(Date.parse(started) - Date.parse(created));
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return waits;
}

interface Costs {
  /** Milliseconds of processor time. */
  postgres: number;
  servers: number;
  bytes: number;
  transactions: number;
}

async function costs(cluster: Cluster, servers: readonly Server[], act: () => Promise<void>): Promise<Costs> {
  const now = async (): Promise<Costs> => ({
    postgres: cpuOfTree(cluster.pid()),
    servers: servers.reduce((sum, { pid }) => sum + cpuOfTree(pid), 0),
    ...(await cluster.written()),
  });
  const before = await now();
  await act();
  const after = await now();
  return {
    postgres: after.postgres - before.postgres,
    servers: after.servers - before.servers,
    bytes: after.bytes - before.bytes,
    transactions: after.transactions - before.transactions,
  };
}

const per = ({ postgres, servers, bytes }: Costs, n: number): string =>
  `${(postgres / n).toFixed(2)} ms of PostgreSQL, ${(servers / n).toFixed(2)} ms of the servers, ${(bytes / n / 1000).toFixed(1)} kB written`;

const rest = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
