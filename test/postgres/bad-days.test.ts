// What the database does to a server on bad days. Triggers fail as PostgreSQL does: what they raise has its codes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createClock } from '../../src/app/clock.ts';
import { Database } from '../../src/store/postgres/database.ts';
import { PostgresStore } from '../../src/store/postgres/store.ts';
import { service, shell } from '../helpers/build.ts';
import { startCluster } from '../helpers/postgres.ts';
import { until } from '../helpers/processes.ts';
import { accept, newExecution, settle } from '../helpers/records.ts';
import { ofFile } from '../helpers/scope.ts';
import { server, start } from '../helpers/server-process.ts';
import { tempDir } from '../helpers/temp.ts';

const cluster = await startCluster(ofFile());
const nameOf = (url: string): string => new URL(url).pathname.slice(1);

async function openStore(t: Test, url: string): Promise<PostgresStore> {
  const database = new Database({ url, connections: 1, name: 'execd of a test' });
  const store = new PostgresStore({ clock: createClock(), maxInMemory: 1, maxDeliveries: 10, database });
  t.teardown(() => store.close());
  await store.open();
  return store;
}

/** Runs this before each new event; `times` it has happened are counted beside the transaction, so that they stay. */
function trap(url: string, body: string): Promise<void> {
  return cluster.run(
    `DROP SEQUENCE IF EXISTS public.times; CREATE SEQUENCE public.times; GRANT ALL ON SEQUENCE public.times TO PUBLIC;
     CREATE OR REPLACE FUNCTION public.trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body}; RETURN NEW; END $$;
     CREATE OR REPLACE TRIGGER trap BEFORE INSERT ON execd.events FOR EACH ROW EXECUTE FUNCTION public.trap()`,
    nameOf(url),
  );
}
const release = (url: string): Promise<void> => cluster.run('DROP TRIGGER trap ON execd.events', nameOf(url));
const raise = (code: string): string => `RAISE EXCEPTION 'on purpose' USING ERRCODE = '${code}'`;

t.test(
  'a transaction that PostgreSQL undoes for want of luck is carried out again, five times at most',
  async (t) => {
    const url = await cluster.database();
    const store = await openStore(t, url);
    for (const code of ['40P01', '40001', '55P03']) {
      await trap(url, `IF nextval('public.times') < 5 THEN ${raise(code)}; END IF`);
      const execution = newExecution();
      const [result] = await store.commit([[accept(execution)]]);
      t.equal(result?.status, 'applied', code);
      t.match(await store.events(null, execution.id, 0), [{ type: 'accepted' }, { type: 'queued' }], 'once');
      await trap(url, raise(code));
      await t.rejects(store.commit([[accept(newExecution())]]), {
        name: 'StoreError',
        message: /^Cannot write/,
      });
      await release(url);
    }
    await store.commit([[accept(newExecution())]]);
    t.match(await store.counts(), { pending: 4 }, 'and nothing of what failed is counted');
  },
);

t.test(
  'a full disk, a time limit and a database that has become read-only refuse a write, and nothing else',
  async (t) => {
    const url = await cluster.database();
    const store = await openStore(t, url);
    const first = newExecution();
    await store.commit([[accept(first, { claim: { runner: 'test' } })]]);
    for (const [body, message] of [
      [raise('53100'), /the disk of PostgreSQL is full. Make room/],
      [raise('53200'), /on purpose/],
      [raise('57014'), /on purpose/],
      [raise('25006'), /PostgreSQL is read-only. Connect to the primary server/],
    ] as const) {
      await trap(url, body);
      await t.rejects(store.commit([[settle(first.id, 1)]]), { name: 'StoreError', message });
      t.match(await store.get(null, first.id), { status: 'running' });
      t.match(await store.counts(), { running: 1 });
    }
    await release(url);
    await store.commit([[settle(first.id, 1)]]);
    t.match(await store.counts(), { running: 0, finished: { completed: 1 } });
  },
);

t.test(
  'where PostgreSQL has no connection left, reads say so, and work again when there is one',
  async (t) => {
    await cluster.run('CREATE ROLE crowded LOGIN');
    const url = await cluster.database('crowded');
    await cluster.run(`ALTER DATABASE ${nameOf(url)} OWNER TO crowded`);
    const store = await openStore(t, url);
    await cluster.run('ALTER ROLE crowded CONNECTION LIMIT 1');
    const execution = newExecution();
    await store.commit([[accept(execution)]]);
    await cluster.run(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'crowded' AND query NOT LIKE '%COMMIT%'`,
    );
    await t.rejects(store.eventsAfter({ userId: null }, 0, 10), {
      message: /no connection left. Raise max_connections/,
    });
    const late = new PostgresStore({
      ...{ clock: createClock(), maxInMemory: 1, maxDeliveries: 10 },
      database: new Database({ url, connections: 1, name: 'late' }),
    });
    await t.rejects(late.open(), { message: /^Cannot open the database: PostgreSQL has no connection left/ });
    await cluster.run('ALTER ROLE crowded CONNECTION LIMIT -1');
    t.match(await store.events(null, execution.id, 0), [{ type: 'accepted' }, { type: 'queued' }]);
  },
);

t.test(
  'while the disk of the database is full a server answers 503, and stores then what has run meanwhile',
  async (t) => {
    const url = await cluster.database();
    const s = await service(t, { EXECUTION_DATABASE_URL: url });
    const go = join(s.dataDir, 'go');
    const { id } = await s.submit(shell(`while [ ! -e ${go} ]; do sleep 0.05; done; echo done`));
    await s.inPhase(id, 'running');
    await trap(url, raise('53100'));
    const refused = await s.call('POST', '/v1/executions', shell('true'));
    t.match(refused, { status: 503, body: { type: 'urn:execd:error:store_unavailable' } });
    t.ok(refused.headers.get('retry-after'));
    t.match((await s.call('GET', '/v1/executions?limit=5')).body, { items: [{ id }] }, 'reads go on');
    writeFileSync(go, '');
    await until('the end of the run meets the full disk', () =>
      s.lines.some(({ msg }) => /disk of PostgreSQL is full|Cannot write/.test(JSON.stringify(msg))),
    );
    await release(url);
    t.match(await s.finished(id), { status: 'completed', attempts: { length: 1 } });
    t.equal((await s.run(shell('true'))).status, 'completed');
  },
);

t.test('a copy of a database is a store like the first one, and goes on with its numbers', async (t) => {
  const url = await cluster.database();
  const first = await openStore(t, url);
  const execution = newExecution();
  await first.commit([[accept(execution)]]);
  const { last } = await first.eventEnds(null);
  await first.close();
  await cluster.run(`CREATE DATABASE copied TEMPLATE ${nameOf(url)}`);
  const copy = await openStore(t, cluster.url('copied'));
  t.match(await copy.get(null, execution.id), { phase: 'queued' });
  await copy.commit([[accept(newExecution())]]);
  t.equal((await copy.eventEnds(null)).last, last + 2);
});

t.test('the built programs use PostgreSQL: keys, import, server, export and import of a store', async (t) => {
  const [url, other] = [await cluster.database(), await cluster.database()];
  const dir = tempDir(t);
  const env = { EXECUTION_DATA_DIR: tempDir(t), EXECUTION_DATABASE_URL: url };
  const run = async (program: string[], more: Record<string, string> = {}) => {
    const started = start(t, { ...env, ...more }, program);
    await until('it ends', () => started.exit !== null);
    t.equal(started.exit?.code, 0, `${program.join(' ')}: ${started.said.err}`);
    return started.said;
  };
  t.match((await run(['dist/cli/main.js', 'migrate'])).err, /has schema \d+ now; it had 0/);
  t.match((await run(['dist/cli/main.js', 'migrate'])).err, /has schema \d+ already/);
  writeFileSync(
    join(dir, 'old.json'),
    `[{"step": "load", "result": 1, "completed": true, "message": "x", "user_id": "ann"}]`,
  );
  t.match((await run(['dist/bin/import.js', '--as-of-now', join(dir, 'old.json')])).out, /Imported 1;/);
  const made = await run([
    'dist/bin/keys.js',
    'create',
    '--user',
    'ann',
    '--scopes',
    'submit,read',
    '--may-run',
    'any',
  ]);
  const headers = { authorization: `Bearer ${made.out.trim()}`, 'content-type': 'application/json' };
  const first = await server(t, env);
  const submitted = await first.post('/v1/executions', shell('sleep 0.2; echo done'), headers);
  t.equal(submitted.status, 202);
  const { id } = (await submitted.json()) as { id: string };
  first.signal('SIGKILL');
  await first.ended();
  const second = await server(t, env);
  const ended = await fetch(`${second.url}/v1/executions/${id}?wait=30`, { headers });
  t.match(await ended.json(), { id, phase: 'done' });
  const file = join(dir, 'moved.ndjson');
  t.match((await run(['dist/cli/main.js', 'export', file])).err, /^Exported 2 executions/, 'beside a server');
  const moved = { EXECUTION_DATABASE_URL: other };
  t.match((await run(['dist/cli/main.js', 'import', 'store', file], moved)).err, /^Imported 2 executions/);
  t.match((await run(['dist/cli/main.js', 'import', 'store', file], moved)).err, /has this export already/);
});

t.test(
  'a PostgreSQL of the tests ends with the process that has started it, however that ends',
  async (t) => {
    const program = `import { startCluster } from './test/helpers/postgres.ts';
    const { socket } = await startCluster({ teardown: () => undefined });
    console.log(socket);
    setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    t.teardown(() => child.kill('SIGKILL'));
    const [home] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    t.ok(existsSync(join(home, 'data', 'postmaster.pid')));
    child.kill('SIGKILL');
    await until('it is gone, with its data', () => !existsSync(home));
  },
);
