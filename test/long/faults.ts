// The cases of the list of faults that take long. Each check is named as its case.
//
//   npm run test:faults
import { execa } from 'execa';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { MIGRATIONS, migrate } from '../../src/store/sqlite/migrations.ts';
import { isAlive, until, withEnvironment } from '../helpers/processes.ts';
import {
  check,
  finish,
  freePort,
  megabytes,
  memoryOf,
  scratch,
  type Server,
  startServer,
} from './support.ts';

const MORE_MEMORY_BYTES = 100e6;
const dir = scratch();

async function serve(name: string, more: Record<string, string> = {}): Promise<Server> {
  const dataDir = join(dir, name);
  return startServer({ EXECUTION_DATA_DIR: dataDir, EXECUTION_PORT: await freePort(), ...more });
}
const shell = (command: string, more: object = {}) => ({ kind: 'shell', command, ...more });
const run = async (server: Server, spec: object) => server.finished((await server.submit(spec)).id);

/** The delay of the event loop, 99th percentile, milliseconds. */
async function lagOf(server: Server): Promise<number> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  const [, seconds = 'NaN'] = /^\S*eventloop_lag_p99_seconds (\S+)$/m.exec(metrics) ?? [];
  return Math.round(Number(seconds) * 1000);
}

// ------------------------------------------------------------------------------------------- output

for (const [name, command, total] of [
  ['1 GB stdout', 'head -c 1000000000 /dev/zero', 1e9],
  ['1 GB on one line (no newline)', "head -c 1000000000 /dev/zero | tr '\\0' x", 1e9],
  ['10 M tiny lines', 'yes | head -n 10000000', 2e7],
] as const) {
  const server = await serve(name);
  await run(server, shell('true'));
  const before = memoryOf(server.pid);
  const { id } = await server.submit(shell(command));
  const following = fetch(`${server.url}/v1/executions/${id}/logs?format=sse&follow=true`);
  // Read to its end, and not kept.
  let followed = 0;
  for await (const piece of (await following).body ?? []) followed += (piece as Uint8Array).length;
  const { output, status } = await server.finished(id);
  const grown = memoryOf(server.pid) - before;
  check(status === 'completed' && output.stdout_bytes === total, `${name}: all ${total} bytes are counted`);
  check(output.truncated && output.stdout_kept_bytes === 10_485_760, `${name}: the log keeps 10 MiB`);
  check(followed > 10e6, `${name}: a follower has had it all`);
  check(grown < MORE_MEMORY_BYTES, `${name}: the memory has grown by ${megabytes(grown)}`);
  console.log(`      event loop, p99: ${await lagOf(server)} ms`);
  await server.stop();
}

// ---------------------------------------------------------------------------------------- durability

{
  const name = 'kill -9 during migration / compaction / snapshot';
  const [rounds, rows] = [20, 20_000];
  let [interrupted, whole] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    const data = join(dir, `migration-${round}`);
    mkdirSync(data);
    const file = join(data, 'execd.db');
    const old = new DatabaseSync(file);
    migrate(old, file, MIGRATIONS.slice(0, 1));
    const insert = old.prepare('INSERT INTO meta (name, value) VALUES (?, ?)');
    old.exec('BEGIN');
    for (let i = 0; i < rows; i++) insert.run(`row-${i}`, 'x'.repeat(500));
    old.exec('COMMIT');
    old.close();
    const env = { EXECUTION_DATA_DIR: data, EXECUTION_PORT: await freePort() };
    const child = execa(process.execPath, ['dist/bin/server.js'], {
      ...{ extendEnv: false, env: { PATH: process.env.PATH, ...env }, stdio: 'ignore', reject: false },
    });
    // From the copy of the old store on, which is the first thing that is made.
    await until('it migrates', () => readdirSync(data).some((one) => one.endsWith('.backup')));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
    child.kill('SIGKILL');
    await child;
    const db = new DatabaseSync(file);
    const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
    if (version < MIGRATIONS.length) interrupted += 1;
    db.close();
    const next = await startServer(env);
    const isWell = (await run(next, shell('true'))).status === 'completed';
    await next.stop();
    const after = new DatabaseSync(file);
    const { n } = after.prepare(`SELECT count(*) AS n FROM meta WHERE name LIKE 'row-%'`).get() as {
      n: number;
    };
    const { user_version: last } = after.prepare('PRAGMA user_version').get() as { user_version: number };
    after.close();
    if (isWell && n === rows && last === MIGRATIONS.length) whole += 1;
  }
  check(whole === rounds, `${name}: ${whole} of ${rounds} stores are whole`);
  check(interrupted > 0, `${name}: ${interrupted} were interrupted on the way`);
}

// ---------------------------------------------------------------------------------------- exhaustion

{
  const name = 'work-dir growth: 1M files, 10 GB, deep 4k-level tree, undeletable (chattr +i)';
  const server = await serve('growth');
  const command =
    'mkdir many; cd many; seq 100000 | xargs touch; cd ..; perl -e "for (1..4000) { mkdir q(d); chdir q(d) or die }"';
  const end = await run(server, shell(command));
  check(end.status === 'completed', `${name}: 100,000 files and 4,000 levels were made`);
  const other = await run(server, shell('echo other'));
  check(other.status === 'completed', `${name}: others run while they are removed`);
  const work = join(dir, 'growth', 'work');
  // Not what is in it: that goes while it is looked at.
  const isEmpty = () =>
    !readdirSync(work).some((part) => readdirSync(join(work, part)).some((one) => one.includes(end.id)));
  await until('they are removed', isEmpty, 120_000);
  console.log(`      event loop, p99: ${await lagOf(server)} ms`);
  await server.stop();
}

{
  const name = '100k finished executions';
  const more = { EXECUTION_MAX_RETAINED: '1000000', EXECUTION_RETENTION_SECS: '36000' };
  const server = await serve('many', more);
  const spec = { kind: 'exec', program: 'true', cache: {} };
  await run(server, spec);
  const executions = Array<object>(1000).fill(spec);
  for (let i = 0; i < 100; i++) await server.call('POST', '/v1/executions/batch', { executions });
  const before = memoryOf(server.pid);
  let [seen, cursor] = [0, ''];
  do {
    const page: { items: ExecutionWire[]; next_cursor: string | null } = await server.call(
      'GET',
      `/v1/executions?limit=1000${cursor === '' ? '' : `&cursor=${cursor}`}`,
    );
    seen += page.items.length;
    cursor = page.next_cursor ?? '';
  } while (cursor !== '');
  check(seen === 100_001, `${name}: the pages of a list have all ${seen}`);
  const grown = memoryOf(server.pid) - before;
  check(grown < MORE_MEMORY_BYTES, `${name}: reading them takes ${megabytes(grown)}`);
  await server.stop();
  const startedAt = performance.now();
  const next = await serve('many', { ...more, EXECUTION_MAX_RETAINED: '10' });
  console.log(`      the next start takes ${Math.round(performance.now() - startedAt)} ms`);
  await next.call('POST', '/v1/admin/cleanup');
  const { executions: left } = await next.call<{ executions: Record<string, number> }>('GET', '/v1/stats');
  console.log(`      after a cleanup: ${JSON.stringify(left)}; event loop, p99: ${await lagOf(next)} ms`);
  const { items } = await next.call<{ items: object[] }>('GET', '/v1/executions?limit=1000');
  check(items.length === 10, `${name}: a cleanup leaves as many as it may (${items.length})`);
  await next.stop();
}

{
  const name = 'heap near limit';
  const data = { EXECUTION_DATA_DIR: join(dir, 'heap'), EXECUTION_PORT: await freePort() };
  const server = await startServer(data, ['--max-old-space-size=128']);
  const executions = Array<object>(1000).fill({ kind: 'exec', program: 'true' });
  const sent = Array.from({ length: 20 }, async () => {
    try {
      return (
        await server.call<{ items: { execution?: ExecutionWire }[] }>('POST', '/v1/executions/batch', {
          executions,
        })
      ).items;
    } catch {
      return [];
    }
  });
  const ids = (await Promise.all(sent))
    .flat()
    .flatMap(({ execution }) => (execution === undefined ? [] : [execution.id]));
  let ended = 0;
  for (const id of ids) if ((await server.finished(id)).status === 'completed') ended += 1;
  check(ended === ids.length && ended > 0, `${name}: all ${ended} that were accepted have run`);
  check(isAlive(server.pid), `${name}: in the same process`);
  await server.stop();
}

check(withEnvironment(`${dir}/`).length === 0, 'no process is left');
finish();
