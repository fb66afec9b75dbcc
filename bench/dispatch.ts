// What a durable job that does nothing costs: an execution of execd's engine whose command takes no time, beside a job of pg-boss
// on the same PostgreSQL and one of BullMQ on a Redis that syncs each write (where redis-server is installed). Each job is accepted
// durably, started, ended, and kept with its facts. All run in this process, without HTTP, with the same number of jobs at a time.
// Processor time and bytes written count: they are much the same on a busy machine.
import { join } from 'node:path';
import { engineOf, type Queue } from './queues/engine.ts';
import { bullmqOf, hasRedis } from './queues/bullmq.ts';
import { pgBossOf } from './queues/pg-boss.ts';
import { cpuOfTree } from './cpu.ts';
import { startDurable } from './durable.ts';
import { ROUNDS, SECONDS } from './figures.ts';
import { Database } from '../src/store/postgres/database.ts';
import { createClock } from '../src/app/clock.ts';
import { PostgresStore } from '../src/store/postgres/store.ts';
import { SqliteStore } from '../src/store/sqlite/store.ts';
import { scratch } from '../test/long/support.ts';

/** Jobs at a time. */
const CALLERS = [16, 256];

interface Round {
  perSecond: number;
  /** Milliseconds of processor time of each job: of this process, and of the store. */
  own: number;
  store: number;
  /** Bytes that the store has written to its log for each job. */
  bytes: number;
}

export async function measureDispatch(): Promise<void> {
  const { cluster, stop } = await startDurable();
  const queues: Queue[] = [];
  try {
    const clock = createClock();
    const url = await cluster.database();
    const database = new Database({ url, connections: 4, name: 'execd' });
    const common = { clock, maxInMemory: 1000, maxDeliveries: 1000 };
    const replica = { name: 'bench', leaseMs: 30_000 };
    const postgres = { pid: cluster.pid(), wal: async () => (await cluster.written()).bytes };
    const slots = Math.max(...CALLERS);
    const engine = (
      store: PostgresStore | SqliteStore,
      about: Omit<Parameters<typeof engineOf>[0], 'store'>,
    ) => engineOf({ store, ...about });
    queues.push(
      await engine(new PostgresStore({ database, ...common }), {
        ...{ name: 'execd on PostgreSQL', dir: scratch(), clock, slots, replica, disk: postgres },
      }),
      await pgBossOf(await cluster.database(), postgres),
    );
    const dir = scratch();
    queues.push(
      await engine(new SqliteStore({ ...common, dir, owner: '', now: () => clock.now() }), {
        ...{ name: 'execd on SQLite', dir, clock, slots, disk: { pid: null, wal: null } },
      }),
    );
    if (hasRedis()) queues.push(await bullmqOf(join(scratch(), 'redis')));
    else console.log('BullMQ is left out: there is no redis-server.');
    for (const callers of CALLERS) await inTurns(queues, callers);
  } finally {
    for (const queue of queues) await queue.stop();
    await stop();
  }
}

/** The rounds of all, one after the other; the medians are said. */
async function inTurns(queues: readonly Queue[], callers: number): Promise<void> {
  const rounds = new Map<Queue, Round[]>(queues.map((queue) => [queue, []]));
  for (const queue of queues) await round(queue, callers);
  for (let i = 0; i < ROUNDS; i++)
    for (const queue of queues) rounds.get(queue)?.push(await round(queue, callers));
  console.log(`${callers} at a time`);
  for (const [queue, all] of rounds) {
    const of = (key: keyof Round) => median(all.map((one) => one[key]));
    const cpu = `${of('own').toFixed(2)} ms own, ${of('store').toFixed(2)} ms of the store's process`;
    const bytes = Number.isNaN(of('bytes')) ? '' : `, ${(of('bytes') / 1000).toFixed(1)} kB written`;
    console.log(`  ${queue.name.padEnd(28)} ${of('perSecond').toFixed(0).padStart(6)}/s  ${cpu}${bytes}`);
  }
  const rate = (name: string) => [...rounds].find(([queue]) => queue.name === name)?.[1] ?? [];
  for (const [ours, other] of RATIOS) {
    const ratios = rate(ours).map(({ perSecond }, i) => perSecond / (rate(other)[i]?.perSecond ?? NaN));
    if (ratios.length > 0 && rate(other).length > 0)
      console.log(
        `  ${ours} beside ${other}: ${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`,
      );
  }
}

const RATIOS = [
  ['execd on PostgreSQL', 'pg-boss'],
  ['execd on PostgreSQL', 'BullMQ'],
  ['execd on SQLite', 'BullMQ'],
] as const;

async function round(queue: Queue, callers: number): Promise<Round> {
  const { pid, wal } = queue.disk;
  const own = process.cpuUsage();
  const [cpu, bytes] = [pid === null ? 0 : cpuOfTree(pid), (await wal?.()) ?? NaN];
  const began = performance.now();
  let jobs = 0;
  const caller = async () => {
    while (performance.now() - began < SECONDS * 1000) {
      await queue.run();
      jobs += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const lastedS = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(own);
  return {
    perSecond: jobs / lastedS,
    own: (user + system) / 1000 / jobs,
    store: pid === null ? 0 : (cpuOfTree(pid) - cpu) / jobs,
    bytes: (((await wal?.()) ?? NaN) - bytes) / jobs,
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
}
