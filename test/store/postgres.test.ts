import { writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import t, { type Test } from 'tap';
import { mintKey } from '../../src/access/mint.ts';
import { createClock } from '../../src/app/clock.ts';
import type { KeyRequest } from '../../src/domain/access/api-key-schema.ts';
import type { ReplicaFacts } from '../../src/domain/ports/replica.ts';
import { OWN_COLUMNS, TABLES } from '../../src/domain/ports/transfer.ts';
import { openKeyTable } from '../../src/store/postgres/key-table.ts';
import { type Connection, Database, type Value } from '../../src/store/postgres/database.ts';
import { heads } from '../../src/store/postgres/waiting.ts';
import { migrate } from '../../src/store/postgres/migrate.ts';
import { FITS_SINCE, MIGRATIONS as STEPS } from '../../src/store/postgres/schema.ts';
import { MIGRATIONS } from '../../src/store/sqlite/migrations.ts';
import { PostgresStore, type PostgresStoreOptions } from '../../src/store/postgres/store.ts';
import { fillStore } from '../../src/store/postgres/transfer.ts';
import { service } from '../helpers/build.ts';
import { KeptDatabase, proxied, startCluster } from '../helpers/postgres.ts';
import { until } from '../helpers/processes.ts';
import { accept, newExecution, settle } from '../helpers/records.ts';
import { ofFile } from '../helpers/scope.ts';
import { BEGINNING, storeContract } from '../helpers/store-contract.ts';

const cluster = await startCluster(ofFile());

const options = (url: string): PostgresStoreOptions => ({
  ...{ clock: createClock(), maxInMemory: 50, maxDeliveries: 1000 },
  database: new Database({ url, connections: 1, name: 'execd pid 1' }),
});

async function openStore(
  t: Test,
  url: string,
  more: Partial<PostgresStoreOptions> = {},
): Promise<PostgresStore> {
  const store = new PostgresStore({ ...options(url), ...more });
  t.teardown(() => store.close());
  await store.open();
  return store;
}

async function openedAgain(t: Test, store: PostgresStore): Promise<PostgresStore> {
  await store.close();
  return openStore(t, contractUrl);
}

/** Until a database that is starting takes it. */
const untilWorks = (act: () => Promise<unknown>): Promise<void> =>
  until('it works', () =>
    act().then(
      () => true,
      () => false,
    ),
  );

const contractUrl = await cluster.database();

const kept = new KeptDatabase(ofFile(), contractUrl);

async function makeWorld(t: Test) {
  const url = contractUrl;
  await cluster.empty(new URL(url).pathname.slice(1));
  const clock = { now: BEGINNING };
  const system = createClock();
  const store = { ...system, now: () => clock.now, follow: () => clock.now };
  const open = () => openStore(t, url, { clock: store, database: kept });
  const first = await open();
  return {
    ...{ store: first, clock },
    async reopen() {
      await first.close();
      return open();
    },
  };
}

storeContract(t, makeWorld);

const database = (url: string): string => new URL(url).pathname.slice(1);

t.test('what cannot be used is refused, and says why', async (t) => {
  const url = await cluster.database();
  const name = database(url);
  await cluster.run(`CREATE ROLE locked LOGIN PASSWORD 'right'; CREATE ROLE guest LOGIN`);
  await cluster.run(`CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0`);
  const refused = async (given: string, message: RegExp) => {
    const store = new PostgresStore(options(given));
    await t.rejects(store.open(), { name: 'StoreError', message });
  };
  t.throws(() => options('mysql://root:secret@x'), {
    message: /^EXECUTION_DATABASE_URL is not a URL of a PostgreSQL database(?!.*secret)/,
  });
  await refused('postgres://x@127.0.0.1:1/x', /nothing listens at 127.0.0.1:1/);
  await refused(cluster.url(name, 'locked:wrong'), /rejects the password of the user/);
  await refused(cluster.url('nowhere'), /no database of this name/);
  await refused(cluster.url('ascii'), /has the encoding SQL_ASCII; execd needs UTF8/);
  await refused(cluster.url(name, 'guest'), /GRANT CREATE ON DATABASE "test\d+" TO "guest"/);
  await cluster.run('CREATE SCHEMA execd; CREATE TABLE execd.others (x int)', name);
  await refused(url, /belongs to another program/);
  await cluster.run('DROP SCHEMA execd CASCADE', name);
  await (await openStore(t, url)).close();
  await refused(cluster.url(name, 'guest'), /no rights on the schema "execd"/);
  await cluster.run('INSERT INTO execd.migrations VALUES (1000)', name);
  await refused(url, /half migrated: step \d+/);
  await cluster.run('DELETE FROM execd.migrations WHERE step = 1000; DROP TABLE execd.cache', name);
  await refused(url, /lacks the tables cache: it was restored only in part/);
  await cluster.run('INSERT INTO execd.migrations SELECT max(step) + 1 FROM execd.migrations', name);
  await cluster.run(`UPDATE execd.meta SET value = '1000' WHERE name = 'fits_since'`, name);
  await refused(url, /has schema \d+ of execd, but this program supports only \d+\. Use a newer execd/);
  await cluster.run(`UPDATE execd.meta SET value = 'other' WHERE name = 'program'`, name);
  await refused(url, /was not made by execd/);
});

/** A version of execd with two steps more, of which the first one only adds. */
const NEWER = ['CREATE TABLE execd.later (x bigint)', 'ALTER TABLE execd.cache RENAME TO results'];

t.test('a schema that only adds comes while older servers run, and they start again on it', async (t) => {
  const url = await cluster.database();
  const replica = (name: string) => ({
    name,
    leaseMs: 30_000,
    about: { role: 'all', host: name } as ReplicaFacts,
  });
  const old = new PostgresStore(options(url));
  t.teardown(() => old.close());
  await old.open(replica('old'));
  const { length: known } = STEPS;
  const to = async (steps: readonly string[], fitsSince: number, name: string | null = null) => {
    const connection = await new Database({ url, connections: 1, name: 'newer' }).connect();
    try {
      const migrations = [...STEPS, ...steps];
      await migrate(connection, { migrations, fitsSince, replica: name, isServed: true });
    } finally {
      await connection.close();
    }
  };
  await to(NEWER.slice(0, 1), known);
  t.ok(await old.counts(), 'the old one works');
  const again = new PostgresStore(options(url));
  t.teardown(() => again.close());
  await again.open(replica('again'));
  t.ok(await again.counts(), 'another old one starts');
  await t.rejects(to(NEWER, known + 2), {
    name: 'StoreError',
    message: /^Servers of an older version use the database \(old, again\), .*\. Stop them first$/,
  });
  await cluster.run(`UPDATE execd.epochs SET until = 0 WHERE replica = 'again'`, database(url));
  await to(NEWER, known + 2, 'old');
  await old.close();
  await t.rejects(new PostgresStore(options(url)).open(replica('late')), {
    message: /has schema \d+ of execd, but this program supports only \d+\. Use a newer execd/,
  });
});

t.test('steps that servers of the version before live with take nothing away', async (t) => {
  for (const step of STEPS.slice(FITS_SINCE)) {
    t.notMatch(step, /\b(DROP|RENAME|DELETE FROM|TRUNCATE)\b|ALTER COLUMN \w+ (TYPE|SET NOT NULL)/i);
    for (const [column] of step.matchAll(/ADD COLUMN[^,;]*NOT NULL[^,;]*/gi)) t.match(column, /DEFAULT/i);
  }
});

interface Column {
  table: string;
  name: string;
}

t.test(
  'every table is moved to another store, or derived again there, and has the same columns in both',
  async (t) => {
    const embedded = new DatabaseSync(':memory:');
    for (const step of MIGRATIONS) embedded.exec(step);
    const columns = new Map<string, { embedded: string[]; postgres: string[] }>();
    const of = (table: string) => {
      const one = columns.get(table) ?? { embedded: [], postgres: [] };
      columns.set(table, one);
      return one;
    };
    const ofEmbedded = `SELECT m.name AS "table", c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'`;
    const ofPostgres = `SELECT table_name::text AS table, column_name::text AS name FROM information_schema.columns
    WHERE table_schema = 'execd'`;
    const connection = await kept.connect();
    for (const { table, name } of embedded.prepare(ofEmbedded).all() as unknown as Column[])
      of(table).embedded.push(name);
    for (const { table, name } of await connection.query<Column>(ofPostgres)) of(table).postgres.push(name);
    await connection.close();
    embedded.close();
    // A row of an execution has these with it; the others are counted, or made by triggers.
    const derived = [
      'execution_specs',
      'execution_results',
      'execution_costs',
      'blobs',
      'user_blobs',
      'file_use',
    ];
    derived.push(
      'delivery_lanes',
      'sqlite_sequence',
      'batches',
      'counters',
      'usages',
      'migrations',
      'usage_sums',
      'queue_changes',
      'log_pieces',
      'asks',
      'answers',
      'blob_bodies',
      'blob_pieces',
    );
    t.same(
      [...columns.keys()].toSorted(),
      [...TABLES, ...derived].toSorted(),
      'a new table belongs to one of the two',
    );
    for (const table of TABLES.filter((name) => name !== 'executions')) {
      const { embedded: one, postgres: other } = of(table);
      t.same(one.toSorted(), other.filter((name) => name !== OWN_COLUMNS[table]).toSorted(), table);
    }
  },
);

t.test('a claim reads nothing of what waits for other pools, however much that is', async (t) => {
  await cluster.empty(database(contractUrl));
  const store = await openStore(t, contractUrl);
  const spec = { kind: 'exec', program: 'true', pool: 'gpu' } as const;
  await store.commit([[accept(newExecution({ spec }))], [accept(newExecution())]]);
  const connection = await new Database({ url: contractUrl, connections: 1, name: 'a look' }).connect();
  t.teardown(() => connection.close());
  const columns = await connection.query<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns WHERE table_schema = 'execd' AND table_name = 'executions'
      AND column_name NOT IN ('seq', 'id', 'run_id')`,
  );
  const names = columns.map(({ name }) => name).join(', ');
  await connection.send(
    `INSERT INTO execd.executions (seq, id, run_id, ${names}) SELECT 1000 + i, 'crowd' || i, 'crowd' || i, ${names}
      FROM execd.executions, generate_series(1, 10000) i WHERE pool = 'process:gpu'`,
  );
  await connection.send('ANALYZE execd.executions');
  const read = new Map<string, number>();
  const count = (node: Looked): void => {
    const rows = node['Actual Loops'] * (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0));
    if (node['Relation Name'] === 'executions')
      read.set(node['Node Type'], (read.get(node['Node Type']) ?? 0) + rows);
    for (const inner of node.Plans ?? []) count(inner);
  };
  const looking = {
    async query(text: string, values: readonly Value[]) {
      const [{ 'QUERY PLAN': plan }] = (await connection.query(
        `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
        values,
      )) as [{ 'QUERY PLAN': string | [{ Plan: Looked }] }];
      count((typeof plan === 'string' ? (JSON.parse(plan) as [{ Plan: Looked }]) : plan)[0].Plan);
      return [];
    },
  } as unknown as Connection;
  const place = { pool: 'process', priority: 0, userId: 'ann', key: null } as const;
  await heads(looking, [{ place, afterSeq: 0, limit: 20 }]);
  const rows = [...read.values()].reduce((a, b) => a + b, 0);
  t.ok(rows > 0 && rows < 10, `${rows} rows of executions were read: ${JSON.stringify([...read])}`);
});

/** A step of a plan of PostgreSQL, as far as it says what it has read. */
interface Looked {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: Looked[];
}

t.test('a server that is too old, or cannot be written to, is refused', async (t) => {
  const server = { version: 130_004, name: '13.4', encoding: 'UTF8', standby: false, database: 'x' };
  const checked = (more: object) => {
    const connection = { query: () => Promise.resolve([{ ...server, ...more }]) };
    return migrate(connection as unknown as Parameters<typeof migrate>[0]);
  };
  await t.rejects(checked({}), {
    message: 'The server is PostgreSQL 13.4; execd needs PostgreSQL 14 or newer',
  });
  await t.rejects(checked({ version: 180_000, standby: true }), { message: /is a standby/ });
});

t.test('a second server is refused, by the name of the first; keys can be made beside it', async (t) => {
  await cluster.empty(database(contractUrl));
  const first = await openStore(t, contractUrl);
  const second = new PostgresStore({
    ...options(contractUrl),
    clock: { ...createClock(), sleep: () => Promise.resolve() },
  });
  await t.rejects(second.open(), { message: /in use by another execd \(execd pid 1, backend \d+\)/ });
  const keys = await openKeyTable(contractUrl, () => 5);
  const made = mintKey(
    { user: 'ann', scopes: ['read'], id: 'one', may_run: 'any' } as unknown as KeyRequest,
    {
      now: 5,
      createdBy: null,
    },
  );
  t.equal(await keys.change({ type: 'api_keys', add: [made.key] }), null);
  t.equal(await keys.change({ type: 'api_keys', add: [made.key] }), 'key_exists');
  t.match(await keys.all(), [{ id: 'one' }]);
  t.match(await first.apiKeys(-1), { version: 1, keys: [{ id: 'one', userId: 'ann' }] });
  await keys.close();
});

t.test('a group that the database itself refuses fails alone, and texts may hold zero bytes', async (t) => {
  await cluster.empty(database(contractUrl));
  const store = await openStore(t, contractUrl);
  const twice = newExecution();
  await store.commit([[accept(twice)]]);
  const good = newExecution({ taskId: 'a\0b' });
  const [bad, ok] = await Promise.allSettled([
    store.commit([[accept(twice)]]),
    store.commit([[accept(good)]]),
  ]);
  t.equal(bad.status, 'rejected');
  t.equal(ok.status, 'fulfilled');
  const again = await openedAgain(t, store);
  t.match(await again.get(null, good.id), { taskId: 'a\0b' });
  const { executions } = await again.list({ userId: null, taskId: 'a\0b' }, 10, null);
  t.equal(executions.length, 1);
  t.match(await again.counts(), { pending: 2 });
});

t.test('how a commit has ended whose connection was lost is found out, never guessed', async (t) => {
  await cluster.empty(database(contractUrl));
  const way = await proxied(t, cluster.socket);
  const store = await openStore(t, `postgres://postgres@localhost/${database(contractUrl)}?host=${way.dir}`);
  for (const lost of ['answer', 'request'] as const) {
    const execution = newExecution();
    way.loseNext(lost);
    const [result] = await store.commit([[accept(execution)]]);
    t.equal(result?.status, 'applied', lost);
    t.equal(way.losses, lost === 'answer' ? 1 : 2);
    t.match(await store.events(null, execution.id, 0), [{ type: 'accepted' }, { type: 'queued' }], 'once');
  }
  t.match(await store.counts(), { pending: 2 });
  const { executions } = await store.list({ userId: null }, 10, null);
  t.equal(executions.length, 2);
});

t.test('a page of many that wait reads their places together, not one after the other', async (t) => {
  await cluster.empty(database(contractUrl));
  const given = options(contractUrl);
  const read = given.database.read.bind(given.database);
  let reads = 0;
  // The store reads on its own, too: what is new, and what stands in the queue.
  const isOfPage = (text: string) =>
    /DISTINCT pool, priority|kind = 'keys'|UNION ALL SELECT plan_id/.test(text);
  given.database.read = (text, values) => {
    if (isOfPage(text)) reads += 1;
    return read(text, values);
  };
  const store = await openStore(t, contractUrl, given);
  const executions = Array.from({ length: 300 }, (_, i) => ({ ...newExecution(), priority: i % 3 }));
  await store.commit(executions.map((execution) => [accept(execution)]));
  reads = 0;
  const places = await Promise.all(executions.map(({ id }) => store.queuePosition(id)));
  t.ok(reads >= 1 && reads <= 2, `${reads} reads of places`);
  const expected = executions.map(({ priority }, i) => (2 - priority) * 100 + Math.floor(i / 3));
  t.same(places, expected);
  t.equal(await store.queuePosition(newExecution().id), null, 'there is none such');
  reads = 0;
  const keys = Array.from({ length: 100 }, (_, i) => `key-${i}`);
  t.same(new Set(await Promise.all(keys.map((key) => store.keyUse(key)))), new Set([0]));
  await Promise.all(executions.map(({ id }) => store.stepCounts(id)));
  t.ok(reads >= 2 && reads <= 4, `${reads} reads of keys and steps`);
});

t.test('while the database is away nothing is written, and when it is back everything goes on', async (t) => {
  await cluster.empty(database(contractUrl));
  const store = await openStore(t, contractUrl);
  const [first, second] = [newExecution(), newExecution()];
  await store.commit([[accept(first, { claim: { runner: 'test' } })]]);
  await cluster.kill();
  await t.rejects(store.commit([[accept(second)]]), { name: 'StoreError', message: /^Cannot write/ });
  await t.rejects(store.finished('ann', first.id), { name: 'StoreError', message: /^Cannot read/ });
  await cluster.start();
  await untilWorks(() => store.commit([[settle(first.id, 1)]]));
  await store.commit([[accept(second)]]);
  t.match(await store.finished('ann', first.id), { status: 'completed' });
  t.match(await store.counts(), { pending: 1, running: 0, finished: { completed: 1 } });
  t.equal(await store.queuePosition(second.id), 0);
});

t.test(
  'a server runs on it, answers 503 while it is away, and stores then what has run meanwhile',
  async (t) => {
    await cluster.empty(database(contractUrl));
    const s = await service(t, { EXECUTION_DATABASE_URL: contractUrl });
    const go = `${s.dataDir}/go`;
    const { id } = await s.submit({
      kind: 'shell',
      command: `while [ ! -e ${go} ]; do sleep 0.05; done; echo done`,
    });
    await s.inPhase(id, 'running');
    await cluster.kill();
    const refused = await s.call('POST', '/v1/executions', { kind: 'shell', command: 'true' });
    t.match(refused, { status: 503, body: { type: 'urn:execd:error:store_unavailable' } });
    t.ok(refused.headers.get('retry-after'));
    writeFileSync(go, '');
    await cluster.start();
    await until('it is ready again', async () => (await s.call('GET', '/readyz')).status === 200);
    t.match(await s.finished(id), { status: 'completed', attempts: { length: 1 } });
  },
);

t.test('one server takes in and runs nothing, another one runs and takes in nothing', async (t) => {
  await cluster.empty(database(contractUrl));
  const as = (role: 'api' | 'runner') =>
    service(t, {
      ...{ EXECUTION_DATABASE_URL: contractUrl, EXECUTION_ROLE: role, EXECUTION_REPLICA_NAME: role },
      EXECUTION_MAX_CONCURRENT: '2',
    });
  const api = await as('api');
  const first = await api.submit({ kind: 'shell', command: 'echo hello', on_limit: 'reject' });
  t.match(first, { phase: 'queued', queue: { reason: 'no_runner' } }, 'nobody is there to run it');
  const rejected = { kind: 'exec', program: 'true', on_limit: 'reject' };
  t.match(await api.call('POST', '/v1/executions', rejected), { status: 429 }, 'something waits already');
  const runner = await as('runner');
  t.match(await api.finished(first.id), { status: 'completed' });
  t.equal((await api.call('GET', `/v1/executions/${first.id}/logs?format=raw`)).text, 'hello\n');
  t.match(await api.run({ kind: 'exec', program: 'true', on_limit: 'reject' }), { status: 'completed' });
  const held = await api.submit({ kind: 'exec', program: 'sleep', args: ['60'] });
  await api.inPhase(held.id, 'running');
  const { items } = (await api.call<{ items: object[] }>('GET', '/v1/runners')).body;
  t.match(items, [
    { name: 'api', role: 'api', self: true, lease_until: /Z$/, slots: { process: { max: 0, running: 0 } } },
    {
      ...{ name: 'runner', role: 'runner', self: false },
      slots: { process: { max: 2, running: 1, executions: [held.id] }, http: { running: 0 } },
    },
  ]);
  const status = async (path: string) => (await fetch(runner.url + path)).status;
  t.same(await Promise.all(['/readyz', '/health', '/metrics'].map(status)), [200, 200, 200]);
  t.same(await Promise.all(['/v1/executions', '/v1/runners', '/docs'].map(status)), [404, 404, 404]);
  await api.call('POST', `/v1/executions/${held.id}/cancel`);
  t.match(await api.finished(held.id), { status: 'cancelled' });
});

t.test('servers whose clocks are two minutes apart go by the time of the database', async (t) => {
  await cluster.empty(database(contractUrl));
  const LEASE_S = 30;
  const at = (name: string, offsetMs: number, role: 'api' | 'all') =>
    service(
      t,
      {
        ...{ EXECUTION_DATABASE_URL: contractUrl, EXECUTION_ROLE: role, EXECUTION_REPLICA_NAME: name },
        EXECUTION_LEASE_SECS: String(LEASE_S),
      },
      { clock: createClock(() => Date.now() + offsetMs) },
    );
  const before = Date.now();
  const [fast, slow] = [await at('fast', 60_000, 'api'), await at('slow', -60_000, 'all')];
  for (const s of [fast, slow]) {
    const { items } = (
      await s.call<{ items: { since: string; lease_until: string }[] }>('GET', '/v1/runners')
    ).body;
    t.equal(items.length, 2, 'to neither is the lease of the other one over');
    for (const { since, lease_until } of items) {
      t.ok(before - 5000 < Date.parse(since) && Date.parse(since) < Date.now() + 5000, since);
      t.ok(Date.parse(lease_until) < Date.now() + LEASE_S * 1000 + 5000, lease_until);
    }
  }
  for (const s of [fast, slow]) {
    const { id } = await s.submit({
      kind: 'shell',
      command: 'echo ran',
      delay_ms: 200,
      timeouts: { queue_ms: 30_000 },
    });
    const end = await fast.finished(id);
    t.match(end, { status: 'completed', attempts: { length: 1 } });
    const { created, start_at, started, finished } = end.timestamps;
    const times = [created, start_at, started, finished].map((time) => Date.parse(time ?? ''));
    t.same(
      times,
      times.toSorted((a, b) => a - b),
      'in their order',
    );
    t.ok(
      before - 5000 < (times[0] ?? 0) && (times[3] ?? 0) < Date.now() + 5000,
      'and in the time of the database',
    );
  }
  for (const s of [fast, slow]) t.equal((await s.call('GET', '/readyz')).status, 200);
});

t.test('a second server under a name that is in use is refused, until the first one has gone', async (t) => {
  await cluster.empty(database(contractUrl));
  const env = { EXECUTION_DATABASE_URL: contractUrl, EXECUTION_REPLICA_NAME: 'one' };
  const first = await service(t, env);
  await t.rejects(service(t, env), {
    message:
      /The replica name "one" is in use by another execd on \S+, whose lease lasts for \d+ s more\. Give this one another name/,
  });
  const { id } = await first.submit({ kind: 'exec', program: 'true' });
  t.match(await first.finished(id), { status: 'completed' }, 'the first one goes on');
  await t.rejects(fillStore(contractUrl), {
    message:
      /in use by other execd servers: "one" on \S+ \(its lease lasts for \d+ s more\)\. Stop them first/,
  });
  await first.stop();
  await (await fillStore(contractUrl)).close();
  const second = await service(t, env);
  t.match(await second.finished(id), { status: 'completed' }, 'its lease was given back');
});
