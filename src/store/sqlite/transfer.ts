// All that the embedded store keeps, to be moved to another store, or from one.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { StoreError } from '../../domain/ports/store.ts';
import {
  copied,
  IN_A_NEW_STORE,
  type ImportMark,
  type LastNumbers,
  OWN_META,
  type Row,
  type StoreFilling,
  type StoreReading,
  type Table,
  TABLES,
  TRANSFERRED,
} from '../../domain/ports/transfer.ts';
import { EXECUTION_ROWS, SPEC_COLUMNS, STATE_COLUMNS } from './columns.ts';
import { importMark } from './import-mark.ts';
import { takeLock } from './lock.ts';
import { LAST } from './memory.ts';
import { migrate, MIGRATIONS } from './migrations.ts';
import { openPrivately } from './private-database.ts';
import { Statements } from './statements.ts';

const FILE = 'execd.db';
const BUSY_MS = 10_000;
/** Rows that are read at once. */
const PIECE = 500;
const NOT_OWN = `name NOT IN (${OWN_META.map((name) => `'${name}'`).join(', ')})`;
const PUT_MARK = `INSERT INTO meta (name, value) VALUES ('import', ?)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value`;
/** An older export has the leases as they were in its store. */
const END_LEASES = 'UPDATE epochs SET until = 0 WHERE until IS NOT 0';
const DIGESTS = `SELECT digest FROM blobs WHERE refs > 0 AND digest > ? ORDER BY digest LIMIT ${PIECE}`;
const SET_LAST = 'INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)';

/** @throws StoreError when there is no store, or one of another version that a server uses */
export function readStore(dataDir: string): StoreReading {
  const dir = resolve(dataDir);
  if (!existsSync(join(dir, FILE)))
    throw new StoreError(`There is no store in ${dir}. Check EXECUTION_DATA_DIR`);
  const release = lockUnlessServed(dir);
  const db = openPrivately(join(dir, FILE), BUSY_MS);
  try {
    db.exec('PRAGMA journal_mode = WAL');
    if (release !== null) migrate(db, join(dir, FILE));
    checkVersion(db);
    // What it reads stays as it is now, whatever a server writes meanwhile.
    db.exec('BEGIN');
    const lastNumbers = lastOf(db);
    return {
      ...{ kind: 'sqlite', lastNumbers },
      rows: (table) => copied(table, rowsOf(db, table)),
      digests: () => digestsOf(db),
      close: async () => close(db, release),
    };
  } catch (error) {
    close(db, release);
    throw error;
  }
}

/** @throws StoreError when a server uses the store, or it is of a newer version */
export function fillStore(dataDir: string): StoreFilling {
  const dir = resolve(dataDir);
  const release = takeLock(join(dir, 'lock'), 'execd import store');
  const db = openPrivately(join(dir, FILE), BUSY_MS);
  try {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    migrate(db, join(dir, FILE));
    return new Filling(db, release);
  } catch (error) {
    close(db, release);
    throw error;
  }
}

/** Brings the store to the schema of this program. @throws StoreError when a server uses it, or it is newer */
export function prepare(dataDir: string): { from: number; to: number } {
  const dir = resolve(dataDir);
  const release = takeLock(join(dir, 'lock'), 'execd migrate');
  const db = openPrivately(join(dir, FILE), BUSY_MS);
  try {
    const from = versionOf(db);
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    migrate(db, join(dir, FILE));
    return { from, to: versionOf(db) };
  } finally {
    close(db, release);
  }
}

class Filling implements StoreFilling {
  readonly #db: DatabaseSync;
  readonly #statements: Statements;
  readonly #release: () => void;

  constructor(db: DatabaseSync, release: () => void) {
    this.#db = db;
    this.#statements = new Statements(db);
    this.#release = release;
  }

  async mark(): Promise<ImportMark | null> {
    return importMark(this.#db);
  }

  async inUse(): Promise<Table | null> {
    const others = TABLES.filter((table) => !IN_A_NEW_STORE.includes(table));
    return (
      others.find((table) => this.#statements.one(`SELECT 1 FROM ${table} LIMIT 1`) !== undefined) ?? null
    );
  }

  async begin(id: string): Promise<void> {
    if (importMark(this.#db)?.id === id) return;
    transaction(this.#db, () => {
      for (const table of IN_A_NEW_STORE)
        this.#statements.run(`DELETE FROM ${table} WHERE ${table === 'meta' ? NOT_OWN : 'TRUE'}`);
      this.#statements.run(PUT_MARK, JSON.stringify({ id, isDone: false } satisfies ImportMark));
    });
  }

  async put(table: Table, rows: readonly Row[]): Promise<void> {
    transaction(this.#db, () => {
      for (const row of rows) {
        if (table === 'executions') this.#putExecution(row);
        else this.#insert(table, row);
      }
    });
  }

  rows(table: Table): AsyncIterable<readonly Row[]> {
    return rowsOf(this.#db, table);
  }

  digests(): AsyncIterable<readonly string[]> {
    return digestsOf(this.#db);
  }

  async finish(last: LastNumbers): Promise<void> {
    transaction(this.#db, () => {
      for (const [name, n] of [
        ['events', last.event],
        ['ledger', last.entry],
        ['deliveries', last.delivery],
      ] as const) {
        this.#statements.run('DELETE FROM sqlite_sequence WHERE name = ?', name);
        this.#statements.run(SET_LAST, name, n);
      }
      this.#statements.run(END_LEASES);
      const { id } = importMark(this.#db) as ImportMark;
      this.#statements.run(PUT_MARK, JSON.stringify({ id, isDone: true } satisfies ImportMark));
    });
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA optimize');
  }

  async close(): Promise<void> {
    close(this.#db, this.#release);
  }

  #putExecution(row: Row): void {
    const seq = { execution_seq: row.seq as number };
    const of = (names: readonly string[]) =>
      Object.fromEntries(names.map((name) => [name, row[name] ?? null]));
    this.#insert('executions', of(STATE_COLUMNS));
    this.#insert('execution_specs', { ...seq, ...of(SPEC_COLUMNS) });
    for (const [table, name] of [
      ['execution_results', 'result'],
      ['execution_costs', 'cost'],
    ] as const)
      if (row[name] != null) this.#insert(table, { ...seq, ...of([name]) });
  }

  #insert(table: string, row: Row): void {
    const names = Object.keys(row);
    // They become part of a statement.
    const wrong = names.find((name) => !/^[a-z0-9_]+$/.test(name));
    if (wrong !== undefined) throw new StoreError(`${JSON.stringify(wrong)} is not the name of a column`);
    const text = `INSERT INTO ${table} (${names.map((name) => `"${name}"`).join(', ')})
      VALUES (${names.map(() => '?').join(', ')}) ON CONFLICT DO NOTHING`;
    this.#statements.run(text, ...(Object.values(row) as SQLInputValue[]));
  }
}

async function* rowsOf(db: DatabaseSync, table: Table): AsyncGenerator<readonly Row[]> {
  const where = table === 'meta' ? `WHERE ${NOT_OWN}` : '';
  const order = TRANSFERRED[table].join(', ');
  const from = table === 'executions' ? EXECUTION_ROWS : `SELECT * FROM ${table}`;
  let rows: Row[] = [];
  for (const row of db.prepare(`${from} ${where} ORDER BY ${order}`).iterate()) {
    rows.push(row as Row);
    if (rows.length < PIECE) continue;
    yield rows;
    rows = [];
  }
  if (rows.length > 0) yield rows;
}

async function* digestsOf(db: DatabaseSync): AsyncGenerator<readonly string[]> {
  const page = db.prepare(DIGESTS);
  for (let after = ''; ;) {
    const digests = page.all(after).map(({ digest }) => digest as string);
    if (digests.length === 0) return;
    yield digests;
    after = digests.at(-1) as string;
  }
}

function lastOf(db: DatabaseSync): LastNumbers {
  const numbers = Object.entries(LAST).map(([what, text]) => {
    const { n } = (db.prepare(text).get() ?? { n: 0 }) as { n: number | null };
    return [what, n ?? 0];
  });
  return Object.fromEntries(numbers) as LastNumbers;
}

const versionOf = (db: DatabaseSync): number =>
  (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;

function checkVersion(db: DatabaseSync): void {
  if (versionOf(db) !== MIGRATIONS.length)
    throw new StoreError(
      'The server that uses the store is of another version. Use the command of that version',
    );
}

/** Keeps a server from starting meanwhile; null when one runs. */
function lockUnlessServed(dir: string): (() => void) | null {
  try {
    return takeLock(join(dir, 'lock'), 'execd export');
  } catch (error) {
    if (error instanceof StoreError) return null;
    throw error;
  }
}

function transaction(db: DatabaseSync, work: () => void): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    work();
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function close(db: DatabaseSync, release: (() => void) | null): void {
  db.close();
  release?.();
}
