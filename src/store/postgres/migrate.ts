// Brings a database to the schema of this program, or says why it cannot be used. All of it is one transaction, so that a
// failure leaves the database as it was.
import { StoreError } from '../../domain/ports/store.ts';
import type { Connection } from './database.ts';
import { FITS_SINCE, MIGRATIONS } from './schema.ts';
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

const FITS = `SELECT value FROM execd.meta WHERE name = 'fits_since'`;
const PUT_FITS = `INSERT INTO execd.meta (name, value) VALUES ('fits_since', $1)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value`;
/** Servers with a lease, and, if $2, one that has the database for itself. The first schema has no column for what they say. */
const SERVERS = `SELECT replica, to_jsonb(e)->>'about' AS about FROM execd.epochs e WHERE replica IS DISTINCT FROM $1
  AND (until > (extract(epoch FROM clock_timestamp()) * 1000)::bigint OR ($2::bigint = 1 AND until IS NULL)) ORDER BY epoch`;

interface Migration {
  migrations?: readonly string[];
  /** The oldest schema whose programs work with the newest one. */
  fitsSince?: number;
  /** Name of the server that starts; its own earlier start does not count. */
  replica?: string | null;
  /** A server has the database for itself, or may have. */
  isServed?: boolean;
}

/**
 * Brings the database to the schema of this program. One that is newer stays as it is, if this program works with it.
 *
 * @throws StoreError when the database cannot be used as it is, or servers use it that could not work with the new schema; any
 *   other error of the database
 */
export async function migrate(connection: Connection, options: Migration = {}): Promise<void> {
  const { migrations = MIGRATIONS, fitsSince = FITS_SINCE } = options;
  await checkServer(connection);
  await connection.send('BEGIN');
  try {
    await connection.send(LOCK);
    const [state] = (await connection.query<State>(STATE)) as [State];
    const known = await stepsOf(connection, state);
    if (known > migrations.length) await checkFits(connection, known, migrations.length);
    if (known > 0) await checkTables(connection, migrations.slice(0, known));
    if (known > 0 && known < migrations.length)
      await checkServers(connection, known, { ...options, fitsSince });
    if (!state.schema || !state.meta) await connection.send(BEGINNING);
    for (let step = known; step < migrations.length; step++) {
      await connection.send(migrations[step] as string);
      await connection.query('INSERT INTO execd.migrations (step) VALUES ($1)', [step + 1]);
    }
    if (known < migrations.length) await connection.query(PUT_FITS, [String(fitsSince)]);
    await connection.send('COMMIT');
  } catch (error) {
    await connection.send('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** @throws StoreError when a program that knows `own` steps cannot work with a database that has `known` */
async function checkFits(connection: Connection, known: number, own: number): Promise<void> {
  const [fits] = await connection.query<{ value: string }>(FITS);
  if (Number(fits?.value ?? known) <= own) return;
  throw new StoreError(
    `The database has schema ${known} of execd, but this program supports only ${own}. Use a newer execd`,
  );
}

/** @throws StoreError when other servers run whose schema is too old for the new one */
async function checkServers(
  connection: Connection,
  known: number,
  { fitsSince = FITS_SINCE, replica = null, isServed = false }: Migration,
): Promise<void> {
  const servers = await connection.query<{ replica: string; about: string | null }>(SERVERS, [
    replica,
    isServed ? 1 : 0,
  ]);
  const old = servers.filter(({ about }) => {
    const { schema = known } = JSON.parse(about ?? '{}') as { schema?: number };
    return schema < fitsSince;
  });
  if (old.length === 0) return;
  const names = old.map((one) => one.replica).join(', ');
  throw new StoreError(
    `Servers of an older version use the database (${names}), and cannot work with the schema of this one. Stop them first`,
  );
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
