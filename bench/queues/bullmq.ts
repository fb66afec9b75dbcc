// Jobs of BullMQ on a Redis of its own that syncs its file with each write.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Queue as BullQueue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { until } from '../../test/helpers/processes.ts';
import type { Queue } from './engine.ts';

const NAME = 'jobs';
const SLOTS = 256;

export const hasRedis = (): boolean => spawnSync('redis-server', ['--version']).status === 0;

export async function bullmqOf(dir: string): Promise<Queue> {
  mkdirSync(dir, { recursive: true });
  const socket = join(dir, 'socket');
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
  const server = spawn('redis-server', ['--port', '0', '--unixsocket', socket, '--dir', dir, ...durable], {
    stdio: 'ignore',
  });
  const connection = { path: socket, maxRetriesPerRequest: null };
  const probe = new Redis({ ...connection, lazyConnect: true, retryStrategy: () => 100 });
  probe.on('error', () => undefined);
  void probe.connect().catch(() => undefined);
  await until('Redis is ready', () => probe.status === 'ready');
  probe.disconnect();
  const queue = new BullQueue(NAME, { connection });
  const worker = new Worker(NAME, () => Promise.resolve({ exit_code: 0 }), {
    connection,
    concurrency: SLOTS,
  });
  // Which comes first, the answer to its sender or its end, nobody knows.
  const waiting = new Map<string, () => void>();
  worker.on('completed', ({ id = '' }) => {
    waiting.get(id)?.();
    waiting.delete(id);
  });
  await worker.waitUntilReady();
  return {
    name: 'BullMQ',
    disk: { pid: server.pid ?? null, wal: () => Promise.resolve(bytesIn(join(dir, 'appendonlydir'))) },
    async run() {
      const jobId = crypto.randomUUID();
      const done = new Promise<void>((resolve) => waiting.set(jobId, resolve));
      await queue.add('true', { program: 'true' }, { jobId });
      await done;
    },
    async stop() {
      await worker.close(true);
      await queue.close();
      server.kill('SIGKILL');
      await once(server, 'exit');
    },
  };
}

const bytesIn = (dir: string): number =>
  readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);
