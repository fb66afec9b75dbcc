// Executions per second of a server with its store in PostgreSQL, beside one with the embedded store. Both are durable: what is
// answered is on the disk.
import { startDurable } from './durable.ts';
import { measure, runsPerSecond, start } from './figures.ts';

/** Callers at a time; each waits for the end of its execution. */
const CALLERS = [1, 16, 64, 256];

export async function measurePostgres(): Promise<void> {
  const { cluster, stop } = await startDurable();
  try {
    const remote = await start({ EXECUTION_DATABASE_URL: await cluster.database() });
    const embedded = await start({});
    for (const callers of CALLERS)
      await measure({
        name: `executions of ${callers} callers, store in PostgreSQL, beside SQLite`,
        expected: null,
        ours: () => runsPerSecond(remote.url, callers),
        yardstick: () => runsPerSecond(embedded.url, callers),
      });
    await remote.stop();
    await embedded.stop();
  } finally {
    await stop();
  }
}
