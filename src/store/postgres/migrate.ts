// Brings a database to the schema of this program, or says why it cannot be used. All of it is one transaction, so that a
// failure leaves the database as it was.
import { StoreError } from '../../domain/ports/store.ts';
import type { Connection } from './database.ts';
import { MIGRATIONS } from './schema.ts';
import { OLDEST } from './trouble.ts';

/** Of all programs that migrate the same database: one at a time. */
const LOCK = 'SELECT pg_advisory_xact_lock(1702389091, 3)';

const SERVER = `SELECT current_setting('server_version_num')::bigint AS version, current_setting('server_version') AS name,
  current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS standby, current_database() AS database,
  current_user AS user, has_database_privilege(current_database(), 'CREATE') AS creates`;
const HAS = (table: string) =>
  `EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace('execd') AND relname = '${table}')`;
const MAY = (right: string) => `coalesce(has_schema_privilege(to_regnamespace('execd'), '${right}'), TRUE)`;
const STATE = `SELECT to_regnamespace('execd') IS NOT NULL AS schema, ${HAS('meta')} AS meta,
  ${HAS('migrations')} AS migrations, ${MAY('USAGE')} AND ${MAY('CREATE')} AS usable`;
const BEGINNING = `
  CREATE SCHEMA IF NOT EXISTS execd;
  CREATE TABLE execd.meta (name text COLLATE "C" PRIMARY KEY, value text COLLATE "C" NOT NULL);
  CREATE TABLE execd.migrations (step bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
  INSERT INTO execd.meta VALUES ('program', 'execd')`;

interface State {
  schema: boolean;
  meta: boolean;
  migrations: boolean;
  usable: boolean;
}

/**
 * @param isServed a server uses the database, and would not know what is new
 * @throws StoreError when the database cannot be used as it is; any other error of the database
 */
export async function migrate(
  connection: Connection,
  { migrations = MIGRATIONS, isServed = false }: { migrations?: readonly string[]; isServed?: boolean } = {},
): Promise<void> {
  await checkServer(connection);
  await connection.send('BEGIN');
  try {
    await connection.send(LOCK);
    const [state] = (await connection.query<State>(STATE)) as [State];
    const known = await stepsOf(connection, state);
    if (known > migrations.length)
      throw new StoreError(
        `The database has schema ${known} of execd, but this program knows only ${migrations.length}. Use a newer execd`,
      );
    if (isServed && known < migrations.length)
      throw new StoreError(
        'The server that uses the database is of another version. Use the command of that version',
      );
    if (known > 0) await checkTables(connection, migrations.slice(0, known));
    if (!state.schema || !state.meta) await connection.send(BEGINNING);
    for (let step = known; step < migrations.length; step++) {
      await connection.send(migrations[step] as string);
      await connection.query('INSERT INTO execd.migrations (step) VALUES ($1)', [step + 1]);
    }
    await connection.send('COMMIT');
  } catch (error) {
    await connection.send('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function checkServer(connection: Connection): Promise<void> {
  const [server] = (await connection.query(SERVER)) as [
    { version: number; name: string; encoding: string; standby: boolean; database: string },
  ];
  const { version, name, encoding, standby, database } = server;
  if (version < OLDEST.number)
    throw new StoreError(`The server is PostgreSQL ${name}; execd needs PostgreSQL ${OLDEST.name} or newer`);
  if (standby)
    throw new StoreError(
      'The server is a standby, which cannot be written to. Connect to the primary server',
    );
  if (encoding !== 'UTF8')
    throw new StoreError(
      `The database "${database}" has the encoding ${encoding}; execd needs UTF8. Create one with ENCODING 'UTF8' TEMPLATE template0`,
    );
}

/** How many steps of the schema the database has had; 0 for a new one. */
async function stepsOf(connection: Connection, state: State): Promise<number> {
  if (!state.schema) {
    const [{ creates, database, user }] = (await connection.query(SERVER)) as [
      { creates: boolean; database: string; user: string },
    ];
    if (creates) return 0;
    throw new StoreError(
      `The user "${user}" may not create a schema in the database "${database}". Run: GRANT CREATE ON DATABASE "${database}" TO "${user}"`,
    );
  }
  if (!state.usable)
    throw new StoreError(
      'The user has no rights on the schema "execd" of this database. Connect as its owner, or run: GRANT ALL ON SCHEMA execd TO …',
    );
  if (!state.meta || !state.migrations) {
    const tables = await tablesOf(connection);
    // Whoever may not create a schema is given an empty one.
    if (tables.size === 0) return 0;
    throw new StoreError(
      'The schema "execd" of this database belongs to another program. Give execd a database of its own',
    );
  }
  const [program] = await connection.query<{ value: string }>(
    `SELECT value FROM execd.meta WHERE name = 'program'`,
  );
  if (program?.value !== 'execd')
    throw new StoreError(
      'The schema "execd" of this database was not made by execd. Give execd a database of its own',
    );
  const steps = await connection.query<{ step: number }>('SELECT step FROM execd.migrations ORDER BY step');
  const gap = steps.findIndex(({ step }, i) => step !== i + 1);
  if (gap !== -1 || steps.length === 0)
    throw new StoreError(
      `The database is half migrated: step ${gap + 1} of its schema is missing. Restore it from a backup`,
    );
  return steps.length;
}

async function tablesOf(connection: Connection): Promise<Set<string>> {
  const rows = await connection.query<{ name: string }>(
    `SELECT relname::text AS name FROM pg_class WHERE relnamespace = to_regnamespace('execd') AND relkind IN ('r', 'p')`,
  );
  return new Set(rows.map(({ name }) => name));
}

/** A database that was restored in part would fail later, and worse. */
async function checkTables(connection: Connection, steps: readonly string[]): Promise<void> {
  const there = await tablesOf(connection);
  const all = steps.join('\n').matchAll(/CREATE TABLE execd\.(\w+)/g);
  const missing = [...all].map(([, name]) => name as string).filter((name) => !there.has(name));
  if (missing.length > 0)
    throw new StoreError(
      `The schema "execd" lacks the tables ${missing.join(', ')}: it was restored only in part. Restore it from a backup`,
    );
}
