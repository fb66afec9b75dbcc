// Chooses the store. That of PostgreSQL is loaded where it is used only: a server with the embedded store starts without it.
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import type { Config } from '../config/load.ts';
import type { Clock } from '../domain/ports/clock.ts';
import type { Store } from '../domain/ports/store.ts';
import type { FileVersions, Replica, ReplicaFacts } from '../domain/ports/replica.ts';
import { slotsOf } from './from-config.ts';
import { takeLock } from '../store/sqlite/lock.ts';
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
    const listenUrl = config.EXECUTION_DATABASE_LISTEN_URL ?? url;
    const database = new Database({ url, listenUrl, connections, name: `execd ${owner}` });
    const home = homeOf(dir ?? resolve(config.EXECUTION_DATA_DIR), owner);
    return new PostgresStore({ database, clock, maxInMemory, maxDeliveries, home });
  }
  return new SqliteStore({
    ...{ owner, maxInMemory, maxDeliveries, dir: dir ?? resolve(config.EXECUTION_DATA_DIR) },
    now: () => clock.now(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  });
}

/** The server among those that share a database; undefined where it is alone on its store. */
export function replicaOf(config: Config, facts: () => ReplicaFacts): Replica | undefined {
  if (config.EXECUTION_DATABASE_URL === undefined) return undefined;
  const host = hostname();
  const name = config.EXECUTION_REPLICA_NAME ?? (host.replaceAll(/[^A-Za-z0-9._-]+|^[._-]+/g, '') || 'execd');
  return {
    ...{ name, leaseMs: config.EXECUTION_LEASE_SECS * 1000 },
    // The files have been read when the store is opened, not before.
    get about() {
      return facts();
    },
  };
}

/** What others may know of this server. */
export function factsOf(config: Config, version: string, versions: FileVersions): ReplicaFacts {
  const { process, http } = slotsOf(config);
  const { EXECUTION_ROLE: role, EXECUTION_POOL: pools } = config;
  return { role, host: hostname(), version, slots: { process, http }, pools, versions };
}

/** The data directory: one server has it at a time, and knows it again by its id. */
function homeOf(dir: string, owner: string) {
  let release: (() => void) | null = null;
  return {
    take(): string {
      release ??= takeLock(join(dir, 'lock'), owner);
      const file = join(dir, 'replica-id');
      try {
        writeFileSync(file, crypto.randomUUID(), { flag: 'wx', mode: 0o600 });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      return readFileSync(file, 'utf8');
    },
    leave(): void {
      release?.();
      release = null;
    },
  };
}
