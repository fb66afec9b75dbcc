// Servers behind PgBouncer in transaction mode: their connections go to others after each transaction, so that no session is theirs,
// statements that were prepared are lost, and no notification comes.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Service, service, shell } from '../helpers/build.ts';
import { type Cluster, startCluster } from '../helpers/postgres.ts';
import { until } from '../helpers/processes.ts';
import { ofFile } from '../helpers/scope.ts';
import { tempDir } from '../helpers/temp.ts';

const PROGRAM = 'pgbouncer';
const version = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' });
const isThere = version.status === 0;
const cluster = isThere ? await startCluster(ofFile()) : null;
const skip = isThere ? false : 'pgbouncer is not installed: apt-get install pgbouncer';

/** URL of a database by way of a PgBouncer that has two connections for all. */
async function pooled(t: Test, { socket }: Cluster, url: string): Promise<string> {
  const dir = tempDir(t);
  const settings = [
    ...['[databases]', `* = host=${socket}`, '[pgbouncer]', 'listen_addr =', `unix_socket_dir = ${dir}`],
    ...['auth_type = any', 'pool_mode = transaction', 'default_pool_size = 2', 'max_client_conn = 100'],
    ...['listen_port = 5432', 'ignore_startup_parameters = statement_timeout', 'server_lifetime = 3600'],
  ];
  const database = new URL(url).pathname.slice(1);
  settings[1] = `* = host=${socket} user=postgres`;
  const file = join(dir, 'pgbouncer.ini');
  writeFileSync(file, settings.join('\n'));
  // It refuses to run as root.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) for (const path of [dir, file]) chownSync(path, 65_534, 65_534);
  const child = spawn(PROGRAM, [file], {
    stdio: 'ignore',
    ...(isRoot ? { uid: 65_534, gid: 65_534 } : {}),
  });
  t.teardown(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGINT');
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  await until('it listens', () => {
    if (child.exitCode !== null) throw new Error(`pgbouncer ends with ${child.exitCode}`);
    return new Promise<boolean>((resolve) => {
      const socketOf = createConnection(join(dir, '.s.PGSQL.5432'));
      socketOf.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socketOf.once('connect', () => socketOf.end());
    });
  });
  return `postgres://postgres@localhost/${database}?host=${dir}`;
}

const detailOf = async (s: Service): Promise<string | null> =>
  (await s.call<{ components: { feed: { detail: string | null } } }>('GET', '/health')).body.components.feed
    .detail;

for (const isHearing of [false, true]) {
  const title = isHearing ? 'with notifications past it' : 'without notifications';
  t.test(`servers work behind PgBouncer in transaction mode, ${title}`, { skip }, async (t) => {
    const direct = await (cluster as Cluster).database();
    const url = await pooled(t, cluster as Cluster, direct);
    const env = {
      EXECUTION_DATABASE_URL: url,
      EXECUTION_SYNC_INTERVAL_MS: '100',
      ...(isHearing ? { EXECUTION_DATABASE_LISTEN_URL: direct } : {}),
    };
    const front = await service(t, { ...env, EXECUTION_REPLICA_NAME: 'front', EXECUTION_ROLE: 'api' });
    const worker = await service(t, { ...env, EXECUTION_REPLICA_NAME: 'worker' });
    if (isHearing) t.equal(await detailOf(front), null);
    else t.match(await detailOf(front), /set EXECUTION_DATABASE_LISTEN_URL to the database itself/);
    const ids = await Promise.all(
      Array.from(
        { length: 20 },
        async (_, i) => (await [front, worker][i % 2]?.submit(shell(`echo ${i}`)))?.id,
      ),
    );
    const results = await Promise.all(ids.map((id) => front.finished(id as string)));
    for (const [i, one] of results.entries())
      t.match(one, { status: 'completed', result: { stdout: `${i}\n` } });
    const open = await front.submit(shell('read -r a; echo "<$a>"', { stdin: { open: true } }));
    const bytes = { 'content-type': 'application/octet-stream' };
    const sent = await front.call('POST', `/v1/executions/${open.id}/stdin?close=true`, 'typed\n', bytes);
    t.match(sent, { status: 200, body: { offset: 6, open: false } });
    t.match(await front.finished(open.id), { result: { stdout: '<typed>\n' } });
    const upload = await front.call<{ id: string }>('POST', '/v1/uploads', 'some bytes', bytes);
    const files = [{ path: 'in', upload: upload.body.id }];
    t.match(await front.run(shell('cat in', { files })), { result: { stdout: 'some bytes' } });
  });
}
