// Chooses the store. That of PostgreSQL is loaded where it is used only: a server with the embedded store starts without it.
import { resolve } from 'node:path';
import type { Config } from '../config/load.ts';
import type { Clock } from '../domain/ports/clock.ts';
import type { Store } from '../domain/ports/store.ts';
import { SqliteStore } from '../store/sqlite/store.ts';

export interface StoreOptions {
  clock: Clock;
  /** Told to another server that tries to open the same store. */
  owner: string;
  /** Executions kept in memory for reading. */
  maxInMemory: number;
  /** Of the embedded store; left out: that of the settings. */
  dir?: string;
}

/** The store of the settings, not open yet. */
export async function storeOf(config: Config, options: StoreOptions): Promise<Store> {
  const { clock, dir, owner, maxInMemory } = options;
  const { EXECUTION_DATABASE_URL: url, EXECUTION_WEBHOOK_MAX_PENDING: maxDeliveries } = config;
  if (url !== undefined) {
    const [{ Database }, { PostgresStore }] = await Promise.all([
      import('../store/postgres/database.ts'),
      import('../store/postgres/store.ts'),
    ]);
    const connections = config.EXECUTION_DATABASE_CONNECTIONS;
    const database = new Database({ url, connections, name: `execd ${owner}` });
    return new PostgresStore({ database, clock, maxInMemory, maxDeliveries });
  }
  return new SqliteStore({
    ...{ owner, maxInMemory, maxDeliveries, dir: dir ?? resolve(config.EXECUTION_DATA_DIR) },
    now: () => clock.now(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  });
}
