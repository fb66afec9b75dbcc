// Several servers on one PostgreSQL, each started again whenever it ends, as a service manager does.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cluster, startCluster } from '../../helpers/postgres.ts';
import { until } from '../../helpers/processes.ts';
import { freePort, type Server, startServer } from '../support.ts';

export const LEASE_S = 10;
export const GRANT = 1_000_000_000;
/** For a client that gives up a server that does not respond. */
const PATIENCE_MS = 10_000;
const PAUSE_MS = 200;

export type Role = 'all' | 'api' | 'runner';
export const LAYOUTS: Readonly<Record<string, readonly Role[]>> = {
  all: ['all', 'all', 'all'],
  roles: ['api', 'api', 'runner', 'runner', 'runner'],
};

/** Numbers that a seed and a name repeat, whatever others draw meanwhile. */
export function randomOf(seed: number, name: string): (below: number) => number {
  let state = seed >>> 0;
  for (const char of name) state = Math.imul(state ^ char.charCodeAt(0), 0x9e37_79b1) >>> 0;
  // Mulberry32.
  return (below) => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export interface Replica {
  name: string;
  role: Role;
  url: string;
  /** Null: it has ended, and comes back by itself. */
  server: Server | null;
  isFrozen: boolean;
  /** Set while a fault ends it: then it has not ended by itself. */
  isHit: boolean;
}

/** The answer of whichever server was there. */
export interface Answer<T> {
  code: number;
  body: T;
  at: string;
}

export class World {
  readonly replicas: Replica[] = [];
  readonly dir: string;
  /** How often a server ended by itself, by exit code: 75 is a lease that was lost. */
  readonly ownEnds: Record<string, number> = {};
  cluster!: Cluster;
  readonly #ending: (() => unknown)[] = [];
  #isOpen = true;
  readonly #lives: Promise<void>[] = [];

  constructor(dir: string) {
    this.dir = dir;
  }

  async open(roles: readonly Role[]): Promise<void> {
    mkdirSync(this.dir, { recursive: true });
    this.cluster = await startCluster({ teardown: (end) => void this.#ending.unshift(end) }, [
      'max_connections=60',
      'shared_buffers=64MB',
      'autovacuum=on',
    ]);
    const database = await this.cluster.database();
    const prices = join(this.dir, 'credits.json');
    writeFileSync(prices, JSON.stringify({ prices: { shell: { per_run: 1 } } }));
    for (const [i, role] of roles.entries()) {
      const port = await freePort();
      const name = `${role}-${i}`;
      const env = {
        EXECUTION_ROLE: role,
        EXECUTION_PORT: port,
        EXECUTION_DATABASE_URL: database,
        EXECUTION_DATABASE_CONNECTIONS: '2',
        EXECUTION_DATA_DIR: join(this.dir, name),
        EXECUTION_REPLICA_NAME: name,
        EXECUTION_LEASE_SECS: String(LEASE_S),
        EXECUTION_KILL_GRACE_MS: '200',
        EXECUTION_DRAIN_SECS: '5',
        EXECUTION_CREDITS_FILE: prices,
        EXECUTION_MAX_CONCURRENT: '4',
        EXECUTION_RETENTION_SECS: '360000',
        EXECUTION_MAX_RETAINED: '1000000',
        EXECUTION_LOG_LEVEL: 'silent',
      };
      const replica: Replica = {
        ...{ name, role, server: null, isFrozen: false, isHit: false },
        url: `http://127.0.0.1:${port}`,
      };
      this.replicas.push(replica);
      this.#lives.push(this.#live(replica, env));
    }
    await until('all servers are ready', () => this.replicas.every(({ server }) => server !== null));
    await this.call('POST', `/v1/accounts/local/grants`, randomOf(0, 'grant'), { amount: GRANT });
  }

  /** Starts a server again and again. One that cannot start now, without its database or before its lease is over, is tried again. */
  async #live(replica: Replica, env: Record<string, string>): Promise<void> {
    const isOpen = () => this.#isOpen;
    const wasHit = () => replica.isHit;
    while (isOpen()) {
      const server = await startServer(env).catch(() => null);
      if (server === null) {
        await pause(PAUSE_MS);
        continue;
      }
      replica.isHit = false;
      replica.server = server;
      // All was ended while this one was starting.
      if (!isOpen()) await server.stop();
      const code = await server.ended;
      replica.server = null;
      if (!wasHit() && isOpen()) this.ownEnds[`${code}`] = (this.ownEnds[`${code}`] ?? 0) + 1;
    }
  }

  /** Whether it would answer. */
  isUp(replica: Replica): boolean {
    return replica.server !== null && !replica.isFrozen;
  }

  /** Asks any server, and another one until one has answered with anything but 5xx. */
  async call<T>(
    method: string,
    path: string,
    random: (below: number) => number,
    body?: unknown,
    key?: string,
  ): Promise<Answer<T>> {
    const { code, text, at } = await this.text(method, path, random, body, key);
    return { code, body: JSON.parse(text) as T, at };
  }

  async text(
    method: string,
    path: string,
    random: (below: number) => number,
    body?: unknown,
    key?: string,
  ): Promise<{ code: number; text: string; at: string }> {
    const headers = {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    };
    const doors = this.replicas.filter(({ role }) => role !== 'runner');
    let problem: unknown = null;
    for (let turn = random(doors.length), tries = 0; tries < 1500; turn++, tries++) {
      const { url, name } = doors[turn % doors.length] as Replica;
      try {
        const response = await fetch(url + path, {
          ...{ method, headers, signal: AbortSignal.timeout(PATIENCE_MS) },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        if (response.status < 500) {
          if (response.status >= 400) throw new Refused(`${method} ${path}: ${response.status} ${text}`);
          return { code: response.status, text, at: name };
        }
        problem = text;
      } catch (error) {
        if (error instanceof Refused) throw error;
        problem = error;
      }
      await pause(PAUSE_MS);
    }
    throw new Error(`${method} ${path} was never answered`, { cause: problem });
  }

  /** Reads a stream at one server, line by line, as far as it comes. @throws Refused */
  async stream(
    path: string,
    random: (below: number) => number,
    onLine: (line: string) => void,
    patienceMs: number,
  ): Promise<void> {
    const doors = this.replicas.filter(({ role }) => role !== 'runner');
    const { url } = doors[random(doors.length)] as Replica;
    try {
      const response = await fetch(url + path, { signal: AbortSignal.timeout(patienceMs) });
      if (response.status >= 400 && response.status < 500)
        throw new Refused(`GET ${path}: ${response.status} ${await response.text()}`);
      if (response.status !== 200 || response.body === null) return await response.body?.cancel();
      const decoder = new TextDecoder();
      let rest = '';
      for await (const piece of response.body as AsyncIterable<Uint8Array>) {
        const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) onLine(line);
      }
    } catch (error) {
      if (error instanceof Refused) throw error;
    }
  }

  /** Ends all; what is alive afterwards should not be. */
  async close(): Promise<void> {
    this.#isOpen = false;
    await Promise.all(this.replicas.map(async ({ server }) => server?.stop()));
    await Promise.all(this.#lives);
    for (const end of this.#ending) await end();
  }
}

/** A client's own mistake: no other server would say anything else. */
export class Refused extends Error {}

/** Children of a process: of a server, its runner host. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((one) => {
      const file = `/proc/${one}/stat`;
      if (!Number.isInteger(one) || !existsSync(file)) return false;
      try {
        return (
          Number(
            readFileSync(file, 'latin1')
              .replace(/^.*\) /s, '')
              .split(' ')[1],
          ) === pid
        );
      } catch {
        return false;
      }
    });
}
