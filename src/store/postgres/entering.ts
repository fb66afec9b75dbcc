// How a replica comes to a database: under a name of its own, for one start. What it held in the start before is over then.
import { StoreError } from '../../domain/ports/store.ts';
import type { Replica } from '../../domain/ports/replica.ts';
import type { Connection } from './database.ts';
import { MIGRATIONS } from './schema.ts';
import { importMark } from './import-mark.ts';
import { holderOf, takeServerLock } from './writer.ts';

/** The data directory of a server. */
export interface Home {
  /**
   * Takes it for this server; returns its id.
   *
   * @throws StoreError when another one has it
   */
  take(): string;
  leave(): void;
}

interface Entering {
  replica: Replica;
  /** Id of its data directory; null: there is none. */
  home: string | null;
  bootId: string;
  /** Whether the database belongs to several servers. */
  isShared: boolean;
  now: number;
}

/** What an epoch says of its server, beside what the replica says of itself. */
export interface EpochAbout {
  home: string | null;
  /** The newest schema that its program knows. */
  schema: number;
}

interface LiveRow {
  epoch: number;
  replica: string;
  until: number | null;
  about: string | null;
}

const LIVE = `SELECT epoch, replica, until, about FROM execd.epochs WHERE until IS NULL OR until > $1`;
const END = 'UPDATE execd.epochs SET until = 0 WHERE epoch = ANY($1::bigint[])';
const BEGIN = `INSERT INTO execd.epochs (boot_id, opened_at, replica, until, about)
  VALUES ($1, $2, $3, $4, $5) RETURNING epoch`;

/** @throws StoreError when another server has the name */
export async function enter(
  connection: Connection,
  { replica: { name, leaseMs, about }, home, bootId, isShared, now }: Entering,
): Promise<{ epoch: number; written: Promise<void> }> {
  const live = await connection.query<LiveRow>(LIVE, [now]);
  const namesakes = live.filter(({ replica }) => replica === name);
  for (const { until, about } of namesakes) {
    const other = JSON.parse(about ?? '{}') as Partial<EpochAbout & { host: string }>;
    if (until === null || home === null || other.home === home) continue;
    const left = Math.ceil((until - now) / 1000);
    throw new StoreError(
      `The replica name "${name}" is in use by another execd${other.host === undefined ? '' : ` on ${other.host}`}, whose lease lasts for ${left} s more. Give this one another name (EXECUTION_REPLICA_NAME), or wait until that one is gone`,
    );
  }
  // Whoever has no lease shares the database with nobody, and is gone.
  const over = live.filter((one) => (isShared && one.until === null) || namesakes.includes(one));
  await connection.query(END, [over.map(({ epoch }) => epoch)]);
  const until = leaseMs === null ? null : now + leaseMs;
  const facts = JSON.stringify({ ...about, home, schema: MIGRATIONS.length } satisfies EpochAbout);
  const [row] = await connection.query<{ epoch: number }>(BEGIN, [bootId, now, name, until, facts]);
  return { epoch: row?.epoch as number, written: Promise.resolve() };
}

const IS_NEW = `SELECT to_regnamespace('execd') IS NULL OR NOT EXISTS (SELECT 1 FROM pg_class
  WHERE relnamespace = to_regnamespace('execd') AND relname = 'epochs') AS is_new`;
/** Servers with a lease. The first schema has no column for what they say of themselves. */
const OTHERS = `SELECT replica, to_jsonb(e)->>'about' AS about,
    ceil(until / 1000.0 - extract(epoch FROM clock_timestamp()))::bigint AS left
  FROM execd.epochs e WHERE until > (extract(epoch FROM clock_timestamp()) * 1000)::bigint ORDER BY epoch`;

interface Other {
  replica: string;
  about: string | null;
  /** Of its lease, s. */
  left: number;
}

/** Whether a server uses the database; from now on none may have it for itself, until the connection ends. */
export async function isServed(connection: Connection): Promise<boolean> {
  return (await takeServerLock(connection)) === null || (await othersOf(connection)).length > 0;
}

/**
 * The same for who needs the database without any server.
 *
 * @throws StoreError when servers use it, with their names and how long their leases last
 */
export async function refuseServed(connection: Connection): Promise<void> {
  if ((await takeServerLock(connection)) === null) {
    const holder = (await holderOf(connection)) ?? 'unknown';
    throw new StoreError(`The database is in use by another execd (${holder}). Stop it first`);
  }
  await refuseOthers(connection);
}

/** @throws StoreError when servers have the database that share it */
export async function refuseOthers(connection: Connection): Promise<void> {
  const others = await othersOf(connection);
  // No server starts on a half of an import; leases in it are those of servers on another database.
  if (others.length === 0 || (await importMark(connection))?.isDone === false) return;
  const names = others.map(({ replica, about, left }) => {
    const { host } = JSON.parse(about ?? '{}') as { host?: string };
    return `"${replica}"${host === undefined ? '' : ` on ${host}`} (its lease lasts for ${left} s more)`;
  });
  throw new StoreError(
    `The database is in use by other execd servers: ${names.join(', ')}. Stop them first; if a server was killed, try again when its lease is over`,
  );
}

async function othersOf(connection: Connection): Promise<Other[]> {
  const [row] = await connection.query<{ is_new: boolean }>(IS_NEW);
  return row?.is_new === true ? [] : connection.query<Other>(OTHERS);
}
