// The keys of a store from outside of its server: what the command opens that makes keys. It works whether a server runs
// or not; SQLite lets one of them write at a time.
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../../domain/ports/store.ts';
import type { ApiKeysPart } from '../../domain/ports/group.ts';
import { type ApiKeyRow, toApiKey } from '../key-rows.ts';
import type { KeyTable } from '../key-table.ts';
import { applyGroup } from '../rules/groups.ts';
import type { Source } from '../rules/facts.ts';
import { WorkingSet } from '../rules/working-set.ts';
import { EQUAL_SHARES } from '../shares.ts';
import { ALL_API_KEYS } from './api-keys.ts';
import { ChangeWriter } from './changes.ts';
import { takeLock } from './lock.ts';
import { migrate, MIGRATIONS } from './migrations.ts';
import { NOTHING_COUNTED } from '../memory.ts';
import { openPrivately } from './private-database.ts';
import { sqliteSource } from './source.ts';
import { Statements } from './statements.ts';

const BUSY_MS = 10_000;

/**
 * Opens the keys of a data directory, which is made when it is not there.
 *
 * @param now wall clock, ms since the epoch
 * @throws StoreError when the store has another schema and a server uses it
 */
export function openKeyTable(dataDir: string, now: () => number): KeyTable {
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
    const statements = new Statements(db);
    const table = new Changer(statements);
    return {
      all: async () => (statements.all(ALL_API_KEYS) as ApiKeyRow[]).map(toApiKey),
      change: async (part) => transaction(db, () => table.apply(part, now())),
      close: async () => close(),
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Carries out changes of keys, which count nothing else. */
class Changer {
  readonly #source: Source;
  readonly #writer: ChangeWriter;

  constructor(db: Statements) {
    this.#source = sqliteSource(db, NOTHING_COUNTED);
    this.#writer = new ChangeWriter(db);
  }

  apply(part: ApiKeysPart, now: number): 'key_exists' | 'too_many_keys' | null {
    const set = new WorkingSet({ now, maxDeliveries: 0, shares: EQUAL_SHARES }, this.#source);
    const reply = applyGroup(set, [part]);
    if (reply.status !== 'applied') return (reply as { reason: 'key_exists' | 'too_many_keys' }).reason;
    this.#writer.write(set.changes(), now);
    return null;
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
