// The pods of k8s/overlays/ha beside a PostgreSQL: all of them are replaced under load, a backup is taken meanwhile and restored into
// another database. Clients, who know only what they were told, find that each accepted execution has ended once. For root on
// Debian; podman is installed if it is missing.
//
//   npm run test:ha              300 executions
//   npm run test:ha -- 2000      so many
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, buildStandIn, installMissing } from '../../scripts/image/build.ts';
import { makeContainers } from '../../scripts/image/containers.ts';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { Manifests, type Workload } from '../helpers/manifests.ts';
import { startCluster } from '../helpers/postgres.ts';
import { until } from '../helpers/processes.ts';
import { Pods } from './ha/pods.ts';
import { check, finish, inFlight } from './support.ts';

const EXECUTIONS = Number(process.argv[2] ?? 300);
const FOLLOWED = 4;
const LINES = 40;
const CALLERS = 32;
const STEADY = 4;
const IMAGE = 'execd:ha';
const USER = 10_001;
const WAIT_MS = 200;
const MOST_TRIES = 1500;
const BACKLOG_MS = 60_000;
const PG = '/run/postgresql';

const say = (what: string): void => console.log(`-- ${what}`);
const ending: (() => unknown)[] = [];
const lifetime = { teardown: (end: () => unknown) => void ending.unshift(end) };

if (process.getuid?.() !== 0) throw new Error('Only root can make containers.');
await installMissing(say);
const containers = await makeContainers();
lifetime.teardown(() => containers.remove());
for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const])
  process.once(signal, () => void containers.remove().finally(() => process.exit(code)));

// ------------------------------------------------------------------------------------------ surroundings

say('builds the image');
await buildStandIn(containers);
await build(containers, IMAGE);

const cluster = await startCluster(lifetime, ['max_connections=100']);
// The user of the image comes to its socket.
chmodSync(cluster.socket, 0o755);
const inPod = (url: string) => url.replace(/host=[^&]*/, `host=${PG}`);
const side = join(containers.dir, 'side');
mkdirSync(side);
chownSync(side, USER, USER);
const key = `ek_ha_${randomBytes(32).toString('hex')}`;
const keys = join(containers.dir, 'keys.json');
const scopes = ['submit', 'read', 'cancel', 'admin'];
const sha256 = createHash('sha256').update(key).digest('hex');
writeFileSync(keys, JSON.stringify({ keys: [{ id: 'ha', sha256, user: 'ha', scopes, may_run: 'any' }] }), {
  mode: 0o400,
});
chownSync(keys, USER, USER);

const manifests = new Manifests('ha');
const [api, runner] = ['execd-api', 'execd-runner'].map((name) =>
  manifests.one<Workload>('Deployment', name),
) as [Workload, Workload];
const migration = new Manifests('ha-migrate');
const job = migration.one<Workload>('Job', 'execd-migrate');

/** Pods on a database: those of the servers, and of programs that run to their end. */
function on(url: string) {
  const surroundings = {
    ...{ containers, image: IMAGE, secrets: { 'execd-database/url': inPod(url) } },
    files: { 'execd-keys': { from: keys, name: 'keys.json' } },
    shared: { [cluster.socket]: PG, [side]: '/side' },
  };
  const [pods, jobs] = [new Pods(manifests, surroundings), new Pods(migration, surroundings)];
  const store = (...args: string[]) => jobs.run(job, ['node', 'dist/bin/transfer.js', ...args]);
  return { pods, store };
}

let [refused, cut] = [0, 0];

/** At any pod of the Service, again where one is gone, draining or full. */
async function call<T>(
  pods: Pods,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<T> {
  let seen = '';
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const serving = pods.of(api);
    const pod = serving[tries % serving.length] ?? pods.running[0];
    try {
      const response = await fetch(pod?.url(path) ?? '', {
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (response.ok) return (path.includes('format=raw') ? text : JSON.parse(text)) as T;
      seen = `${response.status} ${text}`;
      if (response.status !== 503 && response.status !== 429) throw new TypeError(`${path}: ${seen}`);
      refused += 1;
    } catch (error) {
      if (error instanceof TypeError && error.cause === undefined) throw error;
      seen = String(error);
      cut += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  }
  throw new Error(`${path}: ${seen}`);
}

async function ended(pods: Pods, id: string): Promise<ExecutionWire> {
  for (;;) {
    const execution = await call<ExecutionWire>(pods, `/v1/executions/${id}?wait=20`);
    if (execution.phase === 'done') return execution;
  }
}

const { pods, store } = on(await cluster.database());
const listed = async () =>
  (await call<{ items: { name: string }[] }>(pods, '/v1/runners')).items.map(({ name }) => name).sort();
const named = () => pods.running.map(({ name }) => name).sort();

/** The Job, then the pods of both Deployments. */
async function start(): Promise<void> {
  check(
    /has schema \d+ now; it had 0/.test(await store('migrate')),
    'the Job of the migration makes the schema',
  );
  await Promise.all([api, api, runner, runner].map((workload) => pods.start(workload)));
  check(
    pods.running.length === 4,
    `two pods of each are ready: ${pods.running.map(({ name }) => name).join(' ')}`,
  );
  check(/has schema \d+ already/.test(await store('migrate')), 'a second Job beside them has nothing to do');
  check(String(await listed()) === String(named()), 'they are servers by the names of their pods');
}

// ------------------------------------------------------------------------------------- load and a rollout

const whole = `${Array.from({ length: LINES }, (_, i) => i + 1).join('\n')}\n`;
const record = 'echo "$EXECUTION_ID $EXECUTION_ATTEMPT" >> /side/ran';
const submit = (command: string, name: string) =>
  call<ExecutionWire>(pods, '/v1/executions', { kind: 'shell', command }, { 'idempotency-key': name });

/** Replaces all pods under load, and takes a backup; returns what was accepted: the log of each id. */
async function roll(): Promise<Map<string, string>> {
  const followed = await inFlight(
    FOLLOWED,
    Array.from(
      { length: FOLLOWED },
      (_, i) => () =>
        submit(`${record}; for i in $(seq ${LINES}); do echo $i; sleep 1; done`, `followed-${i}`),
    ),
  );
  await until('they run', async () =>
    (await Promise.all(followed.map(({ id }) => call<ExecutionWire>(pods, `/v1/executions/${id}`)))).every(
      ({ phase }) => phase === 'running',
    ),
  );
  const accepted = new Map(followed.map(({ id }) => [id, whole]));
  const add = async (name: string, seconds: number) => {
    const { id } = await submit(`${record}; sleep ${seconds}; echo "out ${name}"`, name);
    accepted.set(id, `out ${name}\n`);
    return id;
  };
  const load = inFlight(
    CALLERS,
    Array.from({ length: EXECUTIONS }, (_, i) => () => add(`load-${i}`, (i % 5) / 2)),
  );
  const queued = 'execd_queued_executions{slots="process",pool="default"}';
  await until(
    'a queue has grown, which every server sees',
    async () =>
      (await Promise.all(pods.running.map((pod) => pod.metric(queued)))).every((depth) => depth > 0),
    BACKLOG_MS,
  );
  check(true, 'every server has the queue of all of them in its metrics, for KEDA');
  const before = named();
  let isRolled = false;
  const steady = Promise.all(
    Array.from({ length: STEADY }, async (_, n) => {
      for (let i = 0; !isRolled; i++) await ended(pods, await add(`steady-${n}-${i}`, 0.2));
    }),
  );
  const [exported, runnerCodes, apiCodes] = await Promise.all([
    store('export', '/side/backup.ndjson'),
    pods.roll(runner),
    pods.roll(api),
  ]);
  isRolled = true;
  check(/Exported \d+ executions/.test(exported), 'a backup is taken meanwhile');
  check(
    [...runnerCodes, ...apiCodes].join() === '0,0,0,0',
    `all old pods end by themselves: ${runnerCodes.join()} ${apiCodes.join()}`,
  );
  await Promise.all([load, steady]);
  check(!named().some((name) => before.includes(name)), 'all pods are new ones');
  check(
    accepted.size > EXECUTIONS + FOLLOWED,
    `${accepted.size} executions were accepted, until the last pod was replaced`,
  );
  say(`${refused} requests were refused and ${cut} cut, and sent again`);
  return accepted;
}

/** What has become of the executions, as clients, commands and logs have it. */
async function examine(accepted: ReadonlyMap<string, string>): Promise<ExecutionWire[]> {
  const ids = [...accepted.keys()];
  const ends = await inFlight(
    CALLERS,
    ids.map((id) => () => ended(pods, id)),
  );
  const statuses = Map.groupBy(ends, ({ status }) => status);
  say([...statuses].map(([status, all]) => `${all.length} ${status}`).join(', '));
  check(
    ends.every(({ status }) => status === 'completed'),
    'all have completed: nothing was lost',
  );
  // A pod that begins to drain puts back what it has claimed and not started.
  check(
    ends.every(({ attempts }) => attempts.slice(0, -1).every(({ started_at }) => started_at === null)),
    'only the last attempt of each has started',
  );
  const ran = readFileSync(join(side, 'ran'), 'utf8').trimEnd().split('\n');
  check(
    ran.length === ids.length && new Set(ran).size === ran.length,
    `each has run once: ${ran.length} have run`,
  );
  check(
    ends.every(({ id, attempts }) => ran.includes(`${id} ${attempts.length}`)),
    'and no other',
  );
  const logOf = (id: string) => call<string>(pods, `/v1/executions/${id}/logs?format=raw`);
  const logs = await inFlight(
    CALLERS,
    ids.map((id) => () => logOf(id)),
  );
  check(
    logs.every((log, i) => log === accepted.get(ids[i] ?? '')),
    'every log is whole, also of those whose pod is gone',
  );
  await until('the leases of the old pods are over', async () => String(await listed()) === String(named()));
  check(true, 'only the new pods are servers');
  return ends;
}

// ---------------------------------------------------------------------------------------- the backups

/** Fills a new database from a backup, and starts a server of each role on it. */
async function restored(file: string) {
  const other = on(await cluster.database());
  check(/^Imported \d+ executions/m.test(await other.store('import', file)), `${file} is restored`);
  await Promise.all([other.pods.start(api), other.pods.start(runner)]);
  return other.pods;
}

/** A backup that was taken when all had ended. */
async function restoreLast(ends: readonly ExecutionWire[]): Promise<void> {
  await store('export', '/side/last.ndjson');
  const there = await restored('/side/last.ndjson');
  const again = await inFlight(
    CALLERS,
    ends.map(
      ({ id }) =>
        () =>
          call<ExecutionWire>(there, `/v1/executions/${id}`),
    ),
  );
  const same = (a: ExecutionWire, b?: ExecutionWire) =>
    JSON.stringify([a.id, a.status, a.outcome]) === JSON.stringify([b?.id, b?.status, b?.outcome]);
  check(
    again.every((one, i) => same(one, ends[i])),
    'the last backup has every execution as it ended',
  );
  for (const pod of [...there.running]) await there.stop(pod);
}

/** The backup that was taken under load. */
async function restoreEarlier(ids: readonly string[]): Promise<void> {
  const there = await restored('/side/backup.ndjson');
  const backup = readFileSync(join(side, 'backup.ndjson'), 'utf8');
  const saved = ids.filter((id) => backup.includes(id));
  const again = await inFlight(
    CALLERS,
    saved.map((id) => () => ended(there, id)),
  );
  const outcomes = Map.groupBy(again, ({ status, outcome }) => `${status} ${outcome?.cause ?? ''}`.trim());
  say(`of ${saved.length}: ${[...outcomes].map(([what, all]) => `${all.length} ${what}`).join(', ')}`);
  check(
    again.every(({ status, outcome }) => status === 'completed' || outcome?.cause === 'lost'),
    'the backup taken under load has what it had: what was queued runs, what ran is lost',
  );
  for (const pod of [...there.running]) await there.stop(pod);
}

try {
  await start();
  const accepted = await roll();
  const ends = await examine(accepted);
  await restoreLast(ends);
  await restoreEarlier([...accepted.keys()]);
  for (const pod of [...pods.running]) check((await pods.stop(pod)) === 0, `${pod.name} stops`);
} finally {
  for (const end of ending) await end();
}
finish();
process.exit();
