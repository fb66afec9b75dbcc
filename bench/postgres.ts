// Executions per second of a server with its store in PostgreSQL, beside one with the embedded store. Both are durable: what is
// answered is on the disk.
import { startCluster } from '../test/helpers/postgres.ts';
import { measure, runsPerSecond, start } from './figures.ts';

/** As PostgreSQL is set up for real; the tests do without. */
const DURABLE = [
  ...['fsync=on', 'full_page_writes=on', 'wal_level=replica', 'max_wal_size=2GB'],
  ...['shared_buffers=128MB', 'autovacuum=on'],
];
/** Callers at a time; each waits for the end of its execution. */
const CALLERS = [1, 16, 64, 256];

export async function measurePostgres(): Promise<void> {
  const undo: (() => unknown)[] = [];
  const cluster = await startCluster({ teardown: (one) => void undo.unshift(one) }, DURABLE);
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
    for (const one of undo) await one();
  }
}
