// All that the store in PostgreSQL keeps, to be moved to another store, or from one.
import type { BlobPieces } from '../../domain/ports/blob-pieces.ts';
import { StoreError } from '../../domain/ports/store.ts';
import {
  copied,
  IN_A_NEW_STORE,
  type ImportMark,
  type LastNumbers,
  OWN_COLUMNS,
  OWN_META,
  type Row,
  type StoreFilling,
  type StoreReading,
  type Table,
  TABLES,
  TRANSFERRED,
} from '../../domain/ports/transfer.ts';
import type { ExecutionRow } from '../rows.ts';
import { PostgresBlobs } from './blobs.ts';
import { executionStatements } from './changes.ts';
import { EXECUTION_ROWS } from './columns.ts';
import { type Connection, Database, type Value } from './database.ts';
import { refuseServed } from './entering.ts';
import { importMark } from './import-mark.ts';
import { migrate } from './migrate.ts';
import { MIGRATIONS } from './schema.ts';
import { recount } from './recount.ts';
import { storeError } from './trouble.ts';
import { LOCK } from './writer.ts';

/** Rows that are read at once. */
const PIECE = 500;
const DIGESTS = `SELECT digest FROM execd.blobs WHERE refs > 0 AND digest > $1 ORDER BY digest LIMIT ${PIECE}`;
/** The first one is 1. */
const NO_EPOCH = 0;
const NOT_OWN = `name NOT IN (${OWN_META.map((name) => `'${name}'`).join(', ')})`;
const STEPS = 'SELECT max(step) AS known FROM execd.migrations';
const PUT_MARK = `INSERT INTO execd.meta (name, value) VALUES ('import', $1)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value`;
const COLUMN_TYPES = `SELECT a.attname::text AS name, format_type(a.atttypid, NULL) AS type FROM pg_attribute a
  WHERE a.attrelid = to_regclass('execd.' || $1) AND a.attnum > 0 AND NOT a.attisdropped`;
const LAST = `SELECT name, n FROM execd.counters WHERE kind = 'last'`;
const PUT_LAST = `INSERT INTO execd.counters (kind, name, n) VALUES ('last', $1, $2)
  ON CONFLICT (kind, name) DO UPDATE SET n = excluded.n`;
/** An older export has the leases as they were in its store. */
const END_LEASES = 'UPDATE execd.epochs SET until = 0 WHERE until IS DISTINCT FROM 0';
const LANES = `DELETE FROM execd.delivery_lanes;
  INSERT INTO execd.delivery_lanes (lane, user_id, next_at)
    SELECT DISTINCT ON (lane) lane, user_id, next_at FROM execd.deliveries
    WHERE state = 'pending' ORDER BY lane, next_at, id`;
/** Numbers that PostgreSQL gives out itself. */
const SEQUENCES = `SELECT setval(pg_get_serial_sequence('execd.epochs', 'epoch'), greatest(max(epoch), 1), max(epoch) IS NOT NULL)
    FROM execd.epochs;
  SELECT setval(pg_get_serial_sequence('execd.reservations', 'seq'), greatest(max(seq), 1), max(seq) IS NOT NULL)
    FROM execd.reservations`;

/** @throws StoreError when the database is not one of this version of execd */
export async function readStore(url: string): Promise<StoreReading> {
  return opened(url, 'execd export', async (connection, close) => {
    const [steps] = await connection.query<{ known: number }>(STEPS).catch(() => []);
    if (steps?.known !== MIGRATIONS.length)
      throw new StoreError(
        'The database is not of this version of execd. Run `execd migrate`, or the execd of its version',
      );
    // What it reads stays as it is now, whatever a server writes meanwhile.
    await connection.send('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const found = await connection.query<{ name: keyof LastNumbers; n: number }>(LAST);
    const lastNumbers: LastNumbers = { execution: 0, event: 0, entry: 0, delivery: 0 };
    for (const { name, n } of found) lastNumbers[name] = n;
    return {
      kind: 'postgres',
      lastNumbers,
      rows: (table) => copied(table, rowsOf(connection, table)),
      digests: () => digestsOf(connection),
      pieces: piecesOf(connection),
      close,
    };
  });
}

/** @throws StoreError when a server uses the database, or it cannot be used */
export async function fillStore(url: string): Promise<StoreFilling> {
  return opened(url, 'execd import store', async (connection, close) => {
    await refuseServed(connection);
    await migrate(connection);
    return new Filling(connection, close);
  });
}

/** Uses a connection; it is closed when that fails. */
export async function opened<T>(
  url: string,
  name: string,
  use: (connection: Connection, close: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const database = new Database({ url, connections: 1, name });
  let connection: Connection | null = null;
  const close = async () => {
    await connection?.close();
    await database.close();
  };
  try {
    connection = await database.connect();
    return await use(connection, close);
  } catch (error) {
    await close();
    throw storeError('Cannot open the database', error, database.where);
  }
}

class Filling implements StoreFilling {
  readonly #connection: Connection;
  readonly #types = new Map<Table, Map<string, string>>();
  readonly pieces: BlobPieces;
  readonly close: () => Promise<void>;

  constructor(connection: Connection, close: () => Promise<void>) {
    this.#connection = connection;
    this.pieces = piecesOf(connection);
    this.close = close;
  }

  mark(): Promise<ImportMark | null> {
    return importMark(this.#connection);
  }

  async inUse(): Promise<Table | null> {
    for (const table of TABLES) {
      if (IN_A_NEW_STORE.includes(table)) continue;
      const rows = await this.#connection.query(`SELECT 1 FROM execd.${table} LIMIT 1`);
      if (rows.length > 0) return table;
    }
    return null;
  }

  async begin(id: string): Promise<void> {
    if ((await this.mark())?.id === id) return;
    await this.#transaction(async () => {
      for (const table of IN_A_NEW_STORE)
        await this.#connection.send(
          `DELETE FROM execd.${table} WHERE ${table === 'meta' ? NOT_OWN : 'TRUE'}`,
        );
      await this.#connection.query(PUT_MARK, [JSON.stringify({ id, isDone: false } satisfies ImportMark)]);
    });
  }

  async put(table: Table, rows: readonly Row[]): Promise<void> {
    const statements =
      table === 'executions'
        ? executionStatements(rows as unknown as ExecutionRow[])
        : [await this.#insert(table, rows)];
    await this.#transaction(async () => {
      for (const { text, values } of statements) await this.#connection.query(text, values);
    });
  }

  rows(table: Table): AsyncIterable<readonly Row[]> {
    return inTransaction(this.#connection, rowsOf(this.#connection, table));
  }

  digests(): AsyncIterable<readonly string[]> {
    return digestsOf(this.#connection);
  }

  async finish(last: LastNumbers): Promise<void> {
    const { id } = (await this.mark()) as ImportMark;
    await this.#transaction(async () => {
      await recount(this.#connection);
      for (const [name, n] of Object.entries(last)) await this.#connection.query(PUT_LAST, [name, n]);
      await this.#connection.send(LANES);
      await this.#connection.send(END_LEASES);
      await this.#connection.send(SEQUENCES);
      await this.#connection.query(PUT_MARK, [JSON.stringify({ id, isDone: true } satisfies ImportMark)]);
    });
    await this.#connection.send('ANALYZE');
  }

  async #insert(table: Table, rows: readonly Row[]): Promise<{ text: string; values: Value[] }> {
    const types = await this.#typesOf(table);
    const names = Object.keys(rows[0] ?? {});
    const typeOf = (name: string): string => {
      const type = types.get(name);
      if (type === undefined)
        throw new StoreError(`The table ${table} has no column ${JSON.stringify(name)}`);
      return type;
    };
    const columns = names.map((name) => `"${name}"`).join(', ');
    const arrays = names.map((name, i) => `$${i + 1}::${typeOf(name)}[]`).join(', ');
    const text = `INSERT INTO execd.${table} (${columns}) OVERRIDING SYSTEM VALUE
      SELECT * FROM unnest(${arrays}) ON CONFLICT DO NOTHING`;
    return { text, values: names.map((name) => rows.map((row) => row[name] ?? null)) };
  }

  async #typesOf(table: Table): Promise<Map<string, string>> {
    const known = this.#types.get(table);
    if (known !== undefined) return known;
    const rows = await this.#connection.query<{ name: string; type: string }>(COLUMN_TYPES, [table]);
    const types = new Map(rows.map(({ name, type }) => [name, type]));
    this.#types.set(table, types);
    return types;
  }

  async #transaction(work: () => Promise<void>): Promise<void> {
    await this.#connection.send('BEGIN');
    try {
      await this.#connection.send(LOCK);
      await work();
      await this.#connection.send('COMMIT');
    } catch (error) {
      await this.#connection.send('ROLLBACK').catch(() => undefined);
      throw storeError('Cannot write to the database', error);
    }
  }
}

/** The bytes of files as this connection sees them; no server holds them. */
const piecesOf = (connection: Connection): BlobPieces =>
  new PostgresBlobs({ read: (text, values) => connection.query(text, values) }, () => NO_EPOCH);

async function* digestsOf(connection: Connection): AsyncGenerator<readonly string[]> {
  for (let after = ''; ;) {
    const rows = await connection.query<{ digest: string }>(DIGESTS, [after]);
    if (rows.length === 0) return;
    yield rows.map(({ digest }) => digest);
    after = rows.at(-1)?.digest ?? '';
  }
}

function withoutOwn(table: Table, row: Row): Row {
  const own = OWN_COLUMNS[table];
  return own === undefined ? row : Object.fromEntries(Object.entries(row).filter(([name]) => name !== own));
}

/** A cursor needs a transaction. */
async function* inTransaction<T>(connection: Connection, pieces: AsyncIterable<T>): AsyncGenerator<T> {
  await connection.send('BEGIN');
  try {
    yield* pieces;
  } finally {
    await connection.send('ROLLBACK');
  }
}

async function* rowsOf(connection: Connection, table: Table): AsyncGenerator<readonly Row[]> {
  const where = table === 'meta' ? `WHERE ${NOT_OWN}` : '';
  const order = TRANSFERRED[table].map((name) => (table === 'executions' ? `e.${name}` : name)).join(', ');
  const from = table === 'executions' ? EXECUTION_ROWS : `SELECT * FROM execd.${table}`;
  await connection.send(`DECLARE moved NO SCROLL CURSOR FOR ${from} ${where} ORDER BY ${order}`);
  for (;;) {
    const rows = await connection.query<Row>(`FETCH ${PIECE} FROM moved`);
    if (rows.length === 0) break;
    yield rows.map((row) => withoutOwn(table, row));
  }
  await connection.send('CLOSE moved');
}
