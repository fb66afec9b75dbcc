// Jobs of pg-boss, as cheap as it can: jobs that are sent at the same time are inserted at once, and fetched and completed so.
import { PgBoss } from 'pg-boss';
import type { Disk, Queue } from './engine.ts';

const QUEUE = 'jobs';
const BATCH = 256;

export async function pgBossOf(url: string, disk: Disk): Promise<Queue> {
  const boss = new PgBoss({ connectionString: url, max: 5 });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  await boss.createQueue(QUEUE);
  const waiting = new Map<string, () => void>();
  const next: { id: string; sent: () => void }[] = [];
  let [isSending, isWorking] = [false, false];

  async function send(): Promise<void> {
    isSending = true;
    while (next.length > 0) {
      const batch = next.splice(0, BATCH);
      await boss.insert(
        QUEUE,
        batch.map(({ id }) => ({ id, data: { program: 'true' } })),
      );
      for (const { sent } of batch) sent();
      if (!isWorking) void work();
    }
    isSending = false;
  }

  async function work(): Promise<void> {
    isWorking = true;
    for (;;) {
      const jobs = await boss.fetch(QUEUE, { batchSize: BATCH });
      if (jobs.length === 0) break;
      await boss.complete(
        QUEUE,
        jobs.map(({ id }) => id),
        { exit_code: 0 },
      );
      for (const { id } of jobs) {
        waiting.get(id)?.();
        waiting.delete(id);
      }
    }
    isWorking = false;
  }

  return {
    ...{ name: 'pg-boss', disk },
    async run() {
      const id = crypto.randomUUID();
      const done = new Promise<void>((resolve) => waiting.set(id, resolve));
      await new Promise<void>((resolve) => {
        next.push({ id, sent: resolve });
        if (!isSending) void send();
      });
      // Looked for once more: what was sent while nothing was found may be left.
      if (!isWorking) void work();
      await done;
    },
    stop: () => boss.stop({ graceful: false }),
  };
}
