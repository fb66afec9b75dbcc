// Connections to PostgreSQL: a few that read, and one that writes. Statements are prepared once for each connection.
import { hash } from 'node:crypto';
import pg from 'pg';
import { StoreError } from '../../domain/ports/store.ts';
import { isAborted, isOfPooler, storeError } from './trouble.ts';

export interface DatabaseOptions {
  url: string;
  /** Where notifications are heard: past a pooler that gives connections to others. Left out: the same. */
  listenUrl?: string;
  /** Connections that read. */
  connections: number;
  /** Shown by PostgreSQL in its list of connections, and told to another server that tries to open the database. */
  name: string;
}

type Row = pg.QueryResultRow;
export type Value = string | number | null | Uint8Array | readonly (string | number | null)[];

const INT8 = 20;
const TEXT = 25;
const NUMERIC = 1700;
/** PostgreSQL keeps no zero byte in a text: this code point, which stands for nothing, takes its place. */
const NUL = '\u{10FFFE}';

const fromText = (text: string): string => (text.includes(NUL) ? text.replaceAll(NUL, '\0') : text);
const toText = (text: string): string => (text.includes('\0') ? text.replaceAll('\0', NUL) : text);

const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  [INT8]: Number,
  [NUMERIC]: Number,
  [TEXT]: fromText,
};
const parserOf: pg.CustomTypesConfig['getTypeParser'] = (oid, format): ((text: string) => unknown) =>
  PARSERS[oid as number] ?? (pg.types.getTypeParser(oid, format) as (text: string) => unknown);
const TYPES: pg.CustomTypesConfig = { getTypeParser: parserOf };

const CONNECT_MS = 5000;
/** Of the name of a statement: enough for no two to be the same. */
const NAME_DIGITS = 24;
/** How long a read may take. */
const READ_MS = 60_000;

/** One connection that takes statements without waiting for the answers to those before. */
export class Connection {
  readonly #client: pg.Client;
  readonly #names: Names;
  /** Why it is of no use any more; null while it is. */
  lost: Error | null = null;
  /** Why the transaction is aborted: what was sent after it fails too, but says nothing. */
  #failed: unknown = null;

  constructor(client: pg.Client, names: Names) {
    this.#client = client;
    this.#names = names;
    // Without a listener the process would end.
    client.on('error', (error) => (this.lost ??= error));
    client.on('end', () => (this.lost ??= new Error('the connection has ended')));
  }

  async query<T>(text: string, values: readonly Value[] = []): Promise<T[]> {
    return (await this.send(text, values)).rows as T[];
  }

  /** The same with the command that was carried out. */
  async send(text: string, values: readonly Value[] = []): Promise<pg.QueryResult<Row>> {
    if (text.startsWith('BEGIN')) this.#failed = null;
    try {
      return await this.#client.query(this.#names.statement(text, values));
    } catch (error) {
      if (isOfPooler(error)) this.#names.stop();
      if (!isAborted(error)) this.#failed ??= error;
      throw isAborted(error) && this.#failed !== null ? this.#failed : error;
    }
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }
}

/**
 * Statements have names, by which a connection knows those that it has prepared. The same name is always the same text, whoever
 * prepares it: a pooler may give connections of one server to another. Where that loses statements, they get no names any more.
 */
class Names {
  readonly #names = new Map<string, string>();
  #isOver = false;

  stop(): void {
    this.#isOver = true;
  }

  statement(text: string, values: readonly Value[]): pg.QueryConfig {
    if (values.length === 0) return { text };
    if (this.#isOver) return { text, values: values.map(encoded) };
    let name = this.#names.get(text);
    if (name === undefined)
      this.#names.set(text, (name = `execd_${hash('sha256', text).slice(0, NAME_DIGITS)}`));
    return { name, text, values: values.map(encoded) };
  }
}

function encoded(value: Value): unknown {
  if (typeof value === 'string') return toText(value);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return value.map((one) => (typeof one === 'string' ? toText(one) : one));
}

export class Database {
  /** Host and port, for messages. */
  readonly where: string;
  readonly #config: pg.ClientConfig;
  readonly #names = new Names();
  readonly #pool: pg.Pool;
  readonly #listenUrl: string;

  /** @throws StoreError for what is no URL of a database */
  constructor({ url, listenUrl = url, connections, name }: DatabaseOptions) {
    this.where = placeOf(url);
    this.#listenUrl = listenUrl;
    this.#config = {
      ...{ connectionString: url, application_name: name, types: TYPES, keepAlive: true },
      ...{ connectionTimeoutMillis: CONNECT_MS },
    };
    this.#pool = new pg.Pool({
      ...this.#config,
      ...{ max: connections, statement_timeout: READ_MS, allowExitOnIdle: true },
    });
    // A connection that is lost while nobody uses it leaves the pool by itself.
    this.#pool.on('error', () => undefined);
  }

  /** @throws StoreError */
  async read<T>(text: string, values: readonly Value[] = []): Promise<T[]> {
    try {
      const { rows } = await this.#pool.query(this.#names.statement(text, values));
      return rows as T[];
    } catch (error) {
      if (isOfPooler(error)) {
        // It was not carried out.
        this.#names.stop();
        return this.read(text, values);
      }
      throw storeError('Cannot read from the database', error, this.where);
    }
  }

  /** A connection that writes. */
  async connect(): Promise<Connection> {
    const client = new pg.Client({ ...this.#config, pipeline: true });
    const connection = new Connection(client, this.#names);
    try {
      await client.connect();
    } catch (error) {
      await connection.close();
      throw error;
    }
    return connection;
  }

  /** A connection that hears what is said on channels. */
  listen(channels: Readonly<Record<string, (said: string) => void>>): Promise<Heard> {
    const connectionString = this.#listenUrl;
    return listen(new pg.Client({ ...this.#config, connectionString }), channels);
  }

  async close(): Promise<void> {
    if (!this.#pool.ended) await this.#pool.end();
  }
}

/** A connection that hears notifications. */
export interface Heard {
  readonly isLost: boolean;
  /** Resolves when it is of no use any more. */
  lost: Promise<void>;
  close(): Promise<void>;
}

async function listen(
  client: pg.Client,
  channels: Readonly<Record<string, (said: string) => void>>,
): Promise<Heard> {
  let isLost = false;
  const lost = new Promise<void>((resolve) => {
    const lose = () => {
      isLost = true;
      resolve();
    };
    client.on('error', lose);
    client.on('end', lose);
  });
  client.on('notification', ({ channel, payload }) => channels[channel]?.(payload ?? ''));
  const close = () => client.end().catch(() => undefined);
  try {
    await client.connect();
    await client.query(
      Object.keys(channels)
        .map((channel) => `LISTEN ${channel}`)
        .join('; '),
    );
  } catch (error) {
    await close();
    throw error;
  }
  return {
    get isLost() {
      return isLost;
    },
    ...{ lost, close },
  };
}

function placeOf(url: string): string {
  try {
    const { protocol, hostname, port, searchParams } = new URL(url);
    if (!/^postgres(ql)?:$/.test(protocol)) throw new TypeError(protocol);
    return `${searchParams.get('host') ?? (hostname || 'localhost')}:${port || '5432'}`;
  } catch (error) {
    // The error of the URL would show it, with its password.
    throw new StoreError(
      'EXECUTION_DATABASE_URL is not a URL of a PostgreSQL database; it looks like postgres://user:password@host:5432/database',
      { cause: (error as Error).name },
    );
  }
}
