// The one connection that writes: one transaction at a time in the whole cluster, under a lock. It never guesses whether a
// transaction was committed: when the connection is lost meanwhile, it asks the next one.
import { Circuit } from '../../resilience/circuit.ts';
import { GROWING, untilDone } from '../../resilience/retrying.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import { StoreError } from '../../domain/ports/store.ts';
import type { Connection, Database } from './database.ts';
import type { QueueChange } from '../rules/queue.ts';
import { isLost, isPassing, storeError } from './trouble.ts';
import type { QueueChanges } from './waiting.ts';

/** Of all locks of execd. */
const LOCKS = 0x65786563;
const BATCH_LOCK = 1;
const SERVER_LOCK = 2;

/** Where others hear that there is a new transaction. */
export const CHANNEL = 'execd';

/** How often a transaction is carried out again that was undone for want of luck. */
const MOST_TRIES = 5;
/** How long it is known of a transaction that it was committed, ms. */
const KNOWN_MS = 3_600_000;
/** Transactions whose changes of the queue are kept for others, at least. */
const QUEUE_CHANGES_KEPT = 1000;
/** How long a server waits for the one before it to be gone. */
const TAKEOVER_TRIES = 20;
const TAKEOVER_MS = 250;

/** For one transaction only: a pooler may give the session to others. */
const BEGIN = `BEGIN; SET LOCAL lock_timeout = '10s'; SET LOCAL idle_in_transaction_session_timeout = '60s'`;
/** One batch at a time, whoever writes. */
export const LOCK = `SELECT pg_advisory_xact_lock(${LOCKS}, ${BATCH_LOCK})`;
const TRY_SERVER_LOCK = `SELECT pg_try_advisory_lock(${LOCKS}, ${SERVER_LOCK}) AS got, pg_backend_pid() AS pid`;
const HOLDER = `SELECT a.application_name AS name, a.client_addr AS address, a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
  WHERE l.locktype = 'advisory' AND l.classid = ${LOCKS} AND l.objid = ${SERVER_LOCK} AND l.granted
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
/** The time of the database, never before that of the last transaction, whoever made it; and whether whoever writes may. */
const STAND = `SELECT coalesce(b.number, 0) + 1 AS number, coalesce(b.at, 0) AS last,
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS time, (SELECT until FROM execd.epochs WHERE epoch = $1) AS until
  FROM (VALUES (1)) AS one LEFT JOIN LATERAL
    (SELECT at, number FROM execd.batches ORDER BY number DESC LIMIT 1) b ON TRUE`;
const QUEUE_CHANGES = 'SELECT number, changes FROM execd.queue_changes WHERE number > $1 ORDER BY number';
const NOTE_QUEUE = 'INSERT INTO execd.queue_changes (number, changes) VALUES ($1, $2)';
const FORGET_QUEUE = 'DELETE FROM execd.queue_changes WHERE number <= $1';
const NOTE =
  'INSERT INTO execd.batches (id, at, number, epoch, up_to, signal) VALUES ($1, $2, $3, $4, $5, $6)';
const NOTIFY = 'SELECT pg_notify($1, $2)';
const FORGET = 'DELETE FROM execd.batches WHERE at < $1';
const IS_KNOWN = 'SELECT 1 AS found FROM execd.batches WHERE id = $1';

/** A replica whose lease is over writes nothing: others may have taken over what it held. */
export class LeaseOver extends StoreError {
  constructor() {
    super(
      'Cannot write to the database: the lease of this replica is over, or its name has been started again elsewhere',
    );
    this.name = 'StoreError';
  }
}

export interface WriterOptions {
  database: Database;
  clock: Pick<Clock, 'now' | 'sleep' | 'monotonic' | 'follow'>;
}

/** A transaction that has begun. */
export interface Begun {
  now: number;
  /** Grows by one with each transaction, whoever makes it. */
  number: number;
  /** What those before it have changed of the queue. */
  queueChanges: readonly QueueChanges[];
}

/** Who makes a transaction, and what it has to know. */
export interface Maker {
  /** The epoch; null while it is not known yet. */
  by: number | null;
  /** The last transaction whose changes of the queue are known; null: they are of no interest. */
  known: number | null;
}

/** What a transaction has come to, and when all of it is sent and answered. */
export interface Work {
  written: Promise<unknown>;
  /** Position of the last event; left out: it has changed nothing that others have to hear of. */
  upTo?: number;
  queueChanges?: readonly QueueChange[];
  /** JSON of what others are asked for. */
  signal?: string;
}

const NOBODY: Maker = { by: null, known: null };

export class Writer {
  readonly #options: WriterOptions;
  readonly #ending = new AbortController();
  readonly #circuit: Circuit;
  #connection: Connection | null = null;
  #pid = 0;
  /** Whether no other server may use the database. */
  #isAlone = false;
  #connectedAt = -Infinity;
  #line: Promise<unknown> = Promise.resolve();
  #forgottenAt = 0;
  /** Why nothing is written any more. */
  #failure: StoreError | null = null;
  /** Whether it is being found out how a transaction has ended. */
  isInDoubt = false;

  constructor(options: WriterOptions) {
    this.#options = options;
    const settings = { openMs: 250, maxOpenMs: 4000, probes: 1, countUserFaults: true };
    this.#circuit = new Circuit(
      'database',
      { ...settings, trip: { type: 'consecutive', failures: 2 } },
      { nowMs: () => options.clock.monotonic(), changed: () => undefined },
    );
  }

  /** Takes the database for this server. @throws StoreError when another one has it */
  async takeOver(connection: Connection): Promise<void> {
    this.#isAlone = true;
    for (let tries = 1; !(await this.#takeServerLock(connection)); tries++) {
      // One that was killed is there until the server of the database has noticed.
      if (tries < TAKEOVER_TRIES) await this.#options.clock.sleep(TAKEOVER_MS);
      else
        throw new StoreError(
          `The database is in use by another execd (${(await holderOf(connection)) ?? 'unknown'})`,
        );
    }
  }

  /** @throws StoreError when a server has the database that shares it with nobody */
  async share(connection: Connection): Promise<void> {
    for (let tries = 1; ; tries++) {
      const holder = await holderOf(connection);
      if (holder === null) return;
      // A command may be making keys.
      if (tries < TAKEOVER_TRIES) await this.#options.clock.sleep(TAKEOVER_MS);
      else
        throw new StoreError(
          `The database is in use by an execd that shares it with no other one (${holder})`,
        );
    }
  }

  /** Begins to write, once the tables are there. */
  begin(connection: Connection): void {
    this.#connection = connection;
    this.#connectedAt = this.#options.clock.monotonic();
  }

  /** For how long the database has been there, as far as this server knows, ms. */
  get steadyMs(): number {
    if (this.#connection?.lost !== null) return 0;
    return this.#options.clock.monotonic() - this.#connectedAt;
  }

  /** One transaction, carried out once, under the lock of all that write. */
  commit<T extends Work>(
    work: (connection: Connection, begun: Begun) => Promise<T>,
    maker = () => NOBODY,
  ): Promise<T> {
    const done = this.#line.then(() => this.#commit(work, maker));
    this.#line = done.catch(() => undefined);
    return done;
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#line;
    await this.#connection?.close();
    this.#failure ??= new StoreError('the store is closed');
  }

  async #commit<T extends Work>(
    work: (connection: Connection, begun: Begun) => Promise<T>,
    maker: () => Maker,
  ): Promise<T> {
    for (let tries = 1; ; tries++) {
      const id = crypto.randomUUID();
      let done: T | null = null;
      try {
        const connection = await this.#ready();
        const made = maker();
        const begun = await this.#begin(connection, made);
        done = await work(connection, begun);
        await this.#end(connection, { id, by: made.by, begun, done });
        return done;
      } catch (error) {
        // What was sent to be committed may be.
        if (done !== null && isLost(error) && (await this.#isCommitted(id))) return done;
        if (tries >= MOST_TRIES || !(await this.#mayTryAgain(error)))
          throw storeError('Cannot write to the database', error, this.#options.database.where);
      }
    }
  }

  /** Begins a transaction. Its time is that of the database, which the clock of the server follows. */
  async #begin(connection: Connection, { by, known }: Maker): Promise<Begun> {
    const [, , [stand], queueChanges] = await Promise.all([
      connection.send(BEGIN),
      connection.send(LOCK),
      connection.query<Stand>(STAND, [by]),
      known === null ? [] : connection.query<QueueChanges>(QUEUE_CHANGES, [known]),
    ]);
    const { number, last, time, until } = stand as Stand;
    const { clock } = this.#options;
    const now = clock.follow?.(Math.max(last, time)) ?? clock.now();
    if (by !== null && until !== null && until <= now) throw new LeaseOver();
    return { now, number, queueChanges };
  }

  async #end(
    connection: Connection,
    { id, by, begun, done }: { id: string; by: number | null; begun: Begun; done: Work },
  ): Promise<void> {
    const { now, number } = begun;
    const { written, upTo = null, queueChanges = [], signal = null } = done;
    const isTime = now - this.#forgottenAt > KNOWN_MS / 6;
    const [, , , , , , { command }] = await Promise.all([
      written,
      connection.query(NOTE, [id, now, number, by ?? 0, upTo, signal]),
      connection.query(NOTE_QUEUE, [number, JSON.stringify(queueChanges)]),
      number % QUEUE_CHANGES_KEPT === 0
        ? connection.query(FORGET_QUEUE, [number - QUEUE_CHANGES_KEPT])
        : null,
      isTime ? connection.query(FORGET, [now - KNOWN_MS]) : null,
      this.#isAlone || (upTo === null && signal === null)
        ? null
        : connection.query(NOTIFY, [CHANNEL, String(number)]),
      connection.send('COMMIT'),
    ]);
    if (command !== 'COMMIT') throw new Error(`PostgreSQL answered ${command} to COMMIT`);
    if (isTime) this.#forgottenAt = now;
  }

  async #mayTryAgain(error: unknown): Promise<boolean> {
    if (error instanceof StoreError) {
      if (error instanceof LeaseOver) await this.#rollback();
      return false;
    }
    if (isLost(error)) {
      const wasConnected = this.#connection !== null;
      await this.#drop();
      return wasConnected;
    }
    await this.#rollback();
    return isPassing(error);
  }

  async #rollback(): Promise<void> {
    await this.#connection?.send('ROLLBACK').catch(() => this.#drop());
  }

  /** Asks until it is known. While the lock is held nobody commits, so that the answer stays true. */
  async #isCommitted(id: string): Promise<boolean> {
    this.isInDoubt = true;
    await this.#drop();
    const ask = async () => {
      const connection = await this.#ready();
      try {
        await this.#begin(connection, NOBODY);
        return (await connection.query(IS_KNOWN, [id])).length > 0;
      } finally {
        await connection.send('ROLLBACK').catch(() => this.#drop());
      }
    };
    const { clock } = this.#options;
    const how = {
      clock,
      backoff: GROWING,
      signal: this.#ending.signal,
      failed: () => undefined,
      triesOnce: true,
    };
    const found = await untilDone(async () => {
      // Nobody will ever know, and nothing more is written here.
      if (this.#failure !== null) return null;
      return ask();
    }, how);
    this.isInDoubt = false;
    if (found?.value == null)
      throw new StoreError(
        'the connection was lost while execd wrote, and it is not known whether it was written',
      );
    return found.value;
  }

  async #ready(): Promise<Connection> {
    if (this.#failure !== null) throw this.#failure;
    if (this.#connection?.lost === null) return this.#connection;
    await this.#drop();
    const ticket = this.#circuit.admit();
    if ('waitMs' in ticket) throw new StoreError('Cannot write to the database: it does not respond');
    try {
      const connection = await this.#reconnect();
      this.#circuit.record(ticket, 'success');
      return connection;
    } catch (error) {
      this.#circuit.record(ticket, 'failure');
      throw storeError('Cannot write to the database', error, this.#options.database.where);
    }
  }

  async #reconnect(): Promise<Connection> {
    const connection = await this.#options.database.connect();
    try {
      if (this.#isAlone && !(await this.#takeServerLock(connection))) {
        // The server of the database may not have noticed yet that the connection before is gone.
        await connection.query(`SELECT pg_terminate_backend($1::bigint::int)`, [this.#pid]);
        throw new StoreError('the lock of the server is held by the connection before, or by another execd');
      }
      this.begin(connection);
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  async #takeServerLock(connection: Connection): Promise<boolean> {
    const pid = await takeServerLock(connection);
    if (pid !== null) this.#pid = pid;
    return pid !== null;
  }

  async #drop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = null;
    await connection?.close();
  }
}

interface Stand {
  number: number;
  last: number;
  time: number;
  until: number | null;
}

/** Takes the lock that says that a server, or what stands in for one, has the database; null when another one has it. */
export async function takeServerLock(connection: Connection): Promise<number | null> {
  const [row] = await connection.query<{ got: boolean; pid: number }>(TRY_SERVER_LOCK);
  return row?.got === true ? row.pid : null;
}

/** Who has that lock. */
export async function holderOf(connection: Connection): Promise<string | null> {
  const [holder] = await connection.query<{ name: string; address: string | null; pid: number }>(HOLDER);
  if (holder === undefined) return null;
  return `${holder.name || 'no name'}${holder.address === null ? '' : ` at ${holder.address}`}, backend ${holder.pid}`;
}
