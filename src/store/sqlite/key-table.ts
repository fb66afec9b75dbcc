// The keys of a store from outside of its server: what the command opens that makes keys. It works whether a server runs
// or not; SQLite lets one of them write at a time.
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { ApiKey } from '../../domain/access/api-key.ts';
import { StoreError } from '../../domain/ports/store.ts';
import type { ApiKeysPart } from '../../domain/ports/group.ts';
import { ALL_API_KEYS, type ApiKeyRow, ApiKeysTable, toApiKey } from './api-keys.ts';
import { takeLock } from './lock.ts';
import { migrate, MIGRATIONS } from './migrations.ts';
import { openPrivately } from './private-database.ts';

export interface KeyTable {
  all(): ApiKey[];
  /** Makes a change durable, or says what stands against it. */
  change(part: ApiKeysPart): ReturnType<ApiKeysTable['apply']>;
  close(): void;
}

const BUSY_MS = 10_000;

/**
 * Opens the keys of a data directory, which is made when it is not there.
 *
 * @throws StoreError when the store has another schema and a server uses it
 */
export function openKeyTable(dataDir: string): KeyTable {
  const dir = resolve(dataDir);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const release = lockUnlessServed(dir);
  const file = join(dir, 'execd.db');
  const db = openPrivately(file, BUSY_MS);
  const close = () => {
    db.close();
    release?.();
  };
  try {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    if (release !== null) migrate(db, file);
    const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
    if (version !== MIGRATIONS.length) {
      throw new StoreError('the server that runs there is of another version: use its own command');
    }
    const table = new ApiKeysTable(db);
    return {
      all: () => (db.prepare(ALL_API_KEYS).all() as unknown as ApiKeyRow[]).map(toApiKey),
      change: (part) => transaction(db, () => table.apply(part)),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Keeps a server from starting meanwhile; null when one runs. */
function lockUnlessServed(dir: string): (() => void) | null {
  try {
    return takeLock(join(dir, 'lock'), 'npm run keys');
  } catch (error) {
    if (error instanceof StoreError) return null;
    throw error;
  }
}

function transaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}
