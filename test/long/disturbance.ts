// What one user notices of another: how long a GET, a submission and a webhook of `bob` take while `alice` does what would
// take all of something that is shared. Shows the 99th percentiles beside those of a quiet server; what is refused, reset or
// lost of bob's is a failure.
//
//   npm run test:disturbance [SCENARIO…]
//   DISTURBANCE_DIR=…       a checkout, built, whose server is to be measured in place of this one
//   DISTURBANCE_SECONDS=…   of each scenario, 10 by default
//
// For root: names are resolved by a name server of its own, in a network and a mount namespace of their own.
import { execa } from 'execa';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type ClientRequest, request as httpRequest } from 'node:http';
import { connect, createServer } from 'node:net';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { nameServer } from '../helpers/name-server.ts';
import { until } from '../helpers/processes.ts';
import { check, finish, scratch } from './support.ts';

const PORT = 7000;
const SILENT_PORT = 7001;
const HOOK_PORT = 7002;
const SECONDS = Number(process.env.DISTURBANCE_SECONDS ?? 10);
const GIVE_UP_MS = 60_000;
const dir = resolve(process.env.DISTURBANCE_DIR ?? '.');
const root = scratch();
const sleep = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

if (process.env.DISTURBANCE_INSIDE === undefined) {
  if (process.getuid?.() !== 0) console.log('not run: it needs root, for namespaces of its own');
  else {
    const resolv = join(root, 'resolv.conf');
    writeFileSync(resolv, 'nameserver 127.0.0.1\noptions timeout:5 attempts:2\n');
    const inside = 'ip link set lo up && mount --bind "$1" /etc/resolv.conf && shift && exec "$@"';
    const self = [process.execPath, ...process.argv.slice(1)];
    const { exitCode } = await execa('unshare', ['-n', '-m', 'sh', '-c', inside, 'sh', resolv, ...self], {
      ...{ stdio: 'inherit', reject: false, env: { DISTURBANCE_INSIDE: '1' } },
    });
    process.exit(exitCode ?? 1);
  }
  finish();
  process.exit();
}

// ------------------------------------------------------------------------------------------ a server and its users

const token = (user: string) => `ek_${user}_${'s'.repeat(40)}`;
const keyOf = (user: string) => ({
  ...{ id: user, user, sha256: createHash('sha256').update(token(user)).digest('hex') },
  ...{ scopes: ['submit', 'read', 'cancel'], may_run: 'any' },
});

interface Answer {
  status: number;
  text: string;
}

/** On a connection of its own, so that each request meets what a new client meets. */
function ask(user: string, method: string, path: string, body?: object): Promise<Answer> {
  return new Promise((done, fail) => {
    const asking = open(user, method, path, body);
    asking
      .on('response', (response) => {
        let text = '';
        response
          .setEncoding('utf8')
          .on('data', (piece: string) => (text += piece))
          .on('end', () => done({ status: response.statusCode ?? 0, text }))
          .on('error', fail);
      })
      .on('timeout', () => asking.destroy(new Error('timeout')))
      .on('error', fail);
  });
}

function open(user: string, method: string, path: string, body?: object): ClientRequest {
  const json = body === undefined ? {} : { 'content-type': 'application/json' };
  const headers = { authorization: `Bearer ${token(user)}`, ...json };
  const asking = httpRequest({
    ...{ host: '127.0.0.1', port: PORT, agent: false, timeout: GIVE_UP_MS, method, path, headers },
  });
  return asking.end(body === undefined ? undefined : JSON.stringify(body));
}

async function start(env: Record<string, string>): Promise<{ stop(): Promise<void> }> {
  const data = mkdtempSync(join(root, 'data-'));
  const keys = join(data, 'keys.json');
  writeFileSync(keys, JSON.stringify({ keys: ['alice', 'bob'].map(keyOf) }), { mode: 0o600 });
  const main = ['dist/bin/server.js', 'dist/main.js'].find((one) => existsSync(join(dir, one))) ?? '';
  const child = execa(process.execPath, [main], {
    ...{ cwd: dir, stdio: 'ignore', reject: false, extendEnv: false, killSignal: 'SIGKILL' },
    env: {
      PATH: process.env.PATH,
      ...{ EXECUTION_PORT: String(PORT), EXECUTION_DATA_DIR: data, EXECUTION_API_KEYS_FILE: keys },
      ...{ EXECUTION_ALLOW_ROOT: 'true', EXECUTION_EGRESS_ALLOW: '127.0.0.1', EXECUTION_LOG_LEVEL: 'error' },
      ...{ EXECUTION_MAX_CONCURRENT: '8', EXECUTION_USER_MAX_RUNNING: '4', ...env },
    },
  });
  let ended: string | null = null;
  void child.then(({ exitCode, signal }) => (ended = `${exitCode ?? signal}`));
  await until('the server answers', () => isReady(ended), 120_000);
  return {
    async stop() {
      child.kill();
      await child;
      rmSync(data, { recursive: true, force: true });
    },
  };
}

async function isReady(ended: string | null): Promise<boolean> {
  if (ended !== null) throw new Error(`the server in ${dir} has ended with ${ended}`);
  return (await ask('bob', 'GET', '/readyz').catch(() => null))?.status === 200;
}

// ------------------------------------------------------------------------------------------ what alice does

const TRUE = { kind: 'exec', program: 'true' };
const sleeping = { kind: 'exec', program: 'sleep', args: ['60'] };
const batch = (n: number, one: (i: number) => object) => ({
  executions: Array.from({ length: n }, (_, i) => one(i)),
});
const steps = (n: number, more: object) =>
  Array.from({ length: n }, (_, i) => ({ name: `s${i}`, kind: 'exec', ...more }));
const when = 'plan.params.l.all(a, plan.params.l.all(b, plan.params.l.all(c, c >= 0.0)))';
const dearPlan = {
  strategy: { type: 'parallel' },
  params: { l: Array.from({ length: 60 }, (_, i) => i) },
  steps: steps(8, { program: 'true', continue_on_error: true, when }),
};
const alice = (method: string, path: string, body?: object) =>
  ask('alice', method, path, body).catch(() => null);

interface Scenario {
  env?: Record<string, string>;
  /** Comes back when the disturbance has begun; what goes on asks `goesOn`. */
  begin(goesOn: () => boolean): Promise<unknown>;
}

const again = async (goesOn: () => boolean, ms: number, once_: () => Promise<unknown>) => {
  while (goesOn()) {
    await once_();
    await sleep(ms);
  }
};

const SCENARIOS: Record<string, Scenario> = {
  quiet: { begin: async () => undefined },
  // Conditions that take the time of the evaluator.
  H1: {
    begin: async (goesOn) =>
      void again(goesOn, 2000, () =>
        Promise.all(Array.from({ length: 40 }, () => alice('POST', '/v1/plans', dearPlan))),
      ),
  },
  // Names that nobody answers for.
  H4: {
    begin: async (goesOn) =>
      void again(goesOn, 3000, () => {
        const name = () => `hang${Math.random().toString(36).slice(2)}.test`;
        const calls = batch(12, () => ({ kind: 'http', url: `http://${name()}/`, retry: { attempts: 1 } }));
        return alice('POST', '/v1/executions/batch', calls);
      }),
  },
  // Receivers of webhooks that say nothing.
  M5: {
    begin: () =>
      alice(
        'POST',
        '/v1/executions/batch',
        batch(300, (i) => ({ ...TRUE, webhook: { url: `http://s${i}.silent.test:${SILENT_PORT}/` } })),
      ),
  },
  // A plan that fills the queue.
  M6: {
    env: { EXECUTION_MAX_QUEUED: '50' },
    begin: () => alice('POST', '/v1/plans', { strategy: { type: 'parallel' }, steps: steps(100, sleeping) }),
  },
  // All streams, long polls and connections.
  M8: {
    env: { EXECUTION_MAX_STREAMS: '20', EXECUTION_MAX_CONNECTIONS: '60' },
    async begin(goesOn) {
      const answer = await alice('POST', '/v1/executions', sleeping);
      const { id } = JSON.parse(answer?.text ?? '{}') as { id: string };
      for (let i = 0; i < 20; i++) open('alice', 'GET', '/v1/events').on('error', () => undefined);
      for (let i = 0; i < 60; i++) {
        void again(goesOn, 200, () => alice('GET', `/v1/executions/${id}?wait=30`));
        void again(goesOn, 200, silentConnection);
      }
    },
  },
};

/** Until the server ends it. */
async function silentConnection(): Promise<void> {
  const socket = connect(PORT, '127.0.0.1').on('error', () => undefined);
  const timer = setTimeout(() => socket.destroy(), 20_000);
  await new Promise<void>((done) => socket.once('close', () => done()));
  clearTimeout(timer);
}

// ------------------------------------------------------------------------------------------ what bob notices

interface Noticed {
  times: number[];
  failed: string[];
}

/** One at a time and at most each `everyMs`; one that takes longer than two seconds holds up none of the next. */
async function probe(everyMs: number, endAt: number, one: () => Promise<unknown>): Promise<Noticed> {
  const times: number[] = [];
  const failed: string[] = [];
  const all: Promise<void>[] = [];
  while (performance.now() < endAt) {
    const at = performance.now();
    const asked = one()
      .catch((error: unknown) => failed.push((error as Error).message))
      .then(() => void times.push(performance.now() - at));
    all.push(asked);
    await Promise.race([asked, sleep(2000)]);
    await sleep(Math.max(0, everyMs - (performance.now() - at)));
  }
  await Promise.all(all);
  return { times: times.sort((a, b) => a - b), failed };
}

async function good(asked: Promise<Answer>): Promise<{ id: string }> {
  const { status, text } = await asked;
  if (status >= 300) throw new Error(`${status} ${/error:(\w+)/.exec(text)?.[1] ?? ''}`);
  return JSON.parse(text) as { id: string };
}

const delivered = new Map<string, () => void>();
const isDelivered = new Set<string>();

async function webhookOfBob(): Promise<void> {
  const { id } = await good(
    ask('bob', 'POST', '/v1/executions', { ...TRUE, webhook: { url: `http://hook.test:${HOOK_PORT}/` } }),
  );
  if (isDelivered.has(id)) return;
  await new Promise<void>((done, fail) => {
    const timer = setTimeout(() => fail(new Error('the webhook did not come')), GIVE_UP_MS);
    delivered.set(id, () => {
      clearTimeout(timer);
      done();
    });
  });
}

const PROBES: Record<string, [everyMs: number, one: () => Promise<unknown>]> = {
  GET: [25, () => good(ask('bob', 'GET', '/v1/executions?limit=1'))],
  submit: [100, () => good(ask('bob', 'POST', '/v1/executions', TRUE))],
  webhook: [500, webhookOfBob],
};

const p99 = ({ times }: Noticed): number =>
  times[Math.min(times.length - 1, Math.floor(times.length * 0.99))] ?? NaN;

async function measure({ env = {}, begin }: Scenario): Promise<Record<string, Noticed>> {
  const server = await start(env);
  for (let i = 0; i < 20; i++) await ask('bob', 'POST', '/v1/executions', TRUE);
  let isOn = true;
  await begin(() => isOn);
  await sleep(2000);
  const endAt = performance.now() + SECONDS * 1000;
  const noticed = await Promise.all(
    Object.entries(PROBES).map(async ([name, [everyMs, one]]) => [name, await probe(everyMs, endAt, one)]),
  );
  isOn = false;
  await server.stop();
  return Object.fromEntries(noticed) as Record<string, Noticed>;
}

// ------------------------------------------------------------------------------------------ all of it

const onExit = { teardown: (end: () => void) => process.on('exit', end) };
await nameServer(onExit, (name) => (name.startsWith('hang') ? null : ['127.0.0.1']), 53);
createServer((socket) => socket.on('error', () => undefined)).listen(SILENT_PORT, '127.0.0.1');
createHttpServer((request, response) => {
  let text = '';
  request
    .setEncoding('utf8')
    .on('data', (piece: string) => (text += piece))
    .on('end', () => {
      response.end();
      const id =
        /"subject":"[^"]*?([0-9a-f-]{36})"/.exec(text)?.[1] ?? /"id":"([0-9a-f-]{36})"/.exec(text)?.[1] ?? '';
      isDelivered.add(id);
      delivered.get(id)?.();
    });
}).listen(HOOK_PORT, '127.0.0.1');

const names = process.argv.slice(2);
const chosen = Object.entries(SCENARIOS).filter(
  ([name]) => names.length === 0 || name === 'quiet' || names.includes(name),
);
const load = () => loadavg()[0]?.toFixed(1);
console.log(`${dir}: ${SECONDS} s each, ${cpus().length} cores, load ${load()} before`);
console.log('p99 in ms, and how many times that of a quiet server (number of requests)');
const quiet: Record<string, number> = {};
for (const [name, scenario] of chosen) {
  const noticed = await measure(scenario);
  const cells = Object.entries(noticed).map(([what, one]) => {
    const usual = (quiet[what] ??= p99(one));
    return `${what} ${p99(one).toFixed(0)} (${(p99(one) / usual).toFixed(1)}×, ${one.times.length})`;
  });
  console.log(`${name.padEnd(6)} ${cells.join('   ')}   load ${load()}`);
  for (const [what, { failed }] of Object.entries(noticed))
    check(failed.length === 0, `${name}: no ${what} of another user fails ${failed.slice(0, 3).join('; ')}`);
}
finish();
process.exit();
