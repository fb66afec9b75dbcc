// Servers that start, stop and die, one after the other on the same data: each test begins with the server that the one before
// it has left.
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { service } from '../helpers/build.ts';
import { isAlive, until, withEnvironment } from '../helpers/processes.ts';
import { ofFile } from '../helpers/scope.ts';
import { server, type ServerProcess, start } from '../helpers/server-process.ts';
import { tempDir } from '../helpers/temp.ts';

const shell = (command: string, more: object = {}) => ({ kind: 'shell', command, ...more });

let dataDir = '';
let running: { it: ServerProcess; settings: string } | null = null;

/** Starts a server on the data; the one before it must have ended. */
async function next(settings: Record<string, string> = {}): Promise<ServerProcess> {
  if (dataDir === '') dataDir = join(tempDir(ofFile()), 'data');
  const it = await server(ofFile(), { EXECUTION_DATA_DIR: dataDir, ...settings });
  running = { it, settings: JSON.stringify(settings) };
  return it;
}

/** The server that is left, when it has these settings; else one that takes its place. */
async function left(settings: Record<string, string> = {}): Promise<ServerProcess> {
  const isAsWanted = running?.settings === JSON.stringify(settings) && isAlive(running.it.pid);
  if (isAsWanted) return (running as NonNullable<typeof running>).it;
  running?.it.signal('SIGKILL');
  await running?.it.ended();
  return next(settings);
}

const BRISK = { EXECUTION_DRAIN_SECS: '0' };
const PATIENT = { EXECUTION_DRAIN_SECS: '600' };
const EIGHT_SLOTS = { EXECUTION_MAX_CONCURRENT: '8' };
const TALKATIVE = { EXECUTION_LOG_LEVEL: 'debug' };

async function begins(it: ServerProcess, ...ids: string[]): Promise<void> {
  for (const id of ids)
    await until('it runs', async () => (await it.get(`/v1/executions/${id}`)).output.stdout_bytes > 0);
}

/** A port that another program listens on. */
async function busyPort(t: Test): Promise<string> {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.teardown(() => other.close());
  return String((other.address() as AddressInfo).port);
}

t.test(
  'SIGTERM drains: no new work, reads go on, what runs may end, what is queued stays, exit 0',
  async (t) => {
    const go = join(tempDir(t), 'go');
    const first = await next({ EXECUTION_MAX_CONCURRENT: '1', EXECUTION_DRAIN_SECS: '60' });
    const { runner_host: host } = await first.get<{ runner_host: { pid: number } }>('/v1/stats');
    const running = await first.submit(
      shell(`echo begun; until [ -e ${go} ]; do sleep 0.02; done; echo ended`),
    );
    const queued = await first.submit(shell('echo later'));
    await begins(first, running.id);
    first.signal('SIGTERM');
    await until('it is not ready any more', async () => (await fetch(`${first.url}/readyz`)).status === 503);
    const refused = await first.post('/v1/executions', shell('true'));
    t.equal(refused.status, 503);
    t.ok(Number(refused.headers.get('retry-after')) > 0);
    t.match(await refused.json(), { type: 'urn:execd:error:shutting_down', code: 'E003' });
    await until('it is logged', () => first.output().includes('A request was refused'));
    t.notMatch(first.output(), /"level":50|"stack"/, 'a refusal that is expected is no failure');
    t.match(await first.get(`/v1/executions/${queued.id}`), {
      status: 'pending',
      queue: { reason: 'shutting_down' },
    });
    t.equal((await fetch(`${first.url}/livez`)).status, 200);
    const polling = first.get(`/v1/executions/${running.id}?wait=30`);
    writeFileSync(go, '');
    t.match(await polling, { status: 'completed', result: { stdout: 'begun\nended\n' } });
    t.same(await first.ended(), { code: 0, signal: null });
    t.notOk(isAlive(host.pid), 'its host has ended, too');
    const second = await next(BRISK);
    t.match(await second.finished(queued.id), { status: 'completed', attempts: [{ number: 1 }] });
    t.match(await second.get(`/v1/executions/${running.id}`), { status: 'completed' });
  },
);

t.test('what does not end within the drain time is stopped as lost by the shutdown', async (t) => {
  const first = await left(BRISK);
  const polite = await first.submit(
    shell('trap "echo bye; exit 0" TERM; echo begun; while :; do sleep 0.02; done'),
  );
  const stubborn = await first.submit(shell('trap "" TERM; echo begun; while :; do sleep 0.02; done'));
  await begins(first, polite.id, stubborn.id);
  const following = fetch(`${first.url}/v1/executions/${polite.id}/logs?follow=true`).then((response) =>
    response.text(),
  );
  first.signal('SIGTERM');
  t.same(await first.ended(), { code: 0, signal: null });
  t.match(await following, /^begun\n/, 'a follower is let go');
  t.same(withEnvironment(`${dataDir}/work/`), []);
  const second = await next(PATIENT);
  for (const { id } of [polite, stubborn]) {
    t.match(await second.get(`/v1/executions/${id}`), {
      status: 'failed',
      outcome: { cause: 'lost', detail: 'shutdown' },
      output: { stdout_bytes: /^\d+$/ },
    });
  }
});

t.test('a second signal ends at once; the next start makes good what that interrupts', async (t) => {
  const first = await left(PATIENT);
  const { id } = await first.submit(shell('echo begun; sleep 600'));
  await begins(first, id);
  first.signal('SIGINT');
  await until('it drains', () => first.output().includes('Draining'));
  t.match(first.output(), /a second signal stops execd at once/);
  first.signal('SIGTERM');
  t.same(await first.ended(), { code: 143, signal: null });
  t.match(first.output(), /Stopping at once after a second signal/);
  const second = await next(PATIENT);
  t.match(await second.get(`/v1/executions/${id}`), { outcome: { cause: 'lost', detail: 'server_stopped' } });
  t.same(withEnvironment(`${dataDir}/work/`), []);
  // The same holds for a supervisor that does not wait for the end of the drain.
  const { id: stopped } = await second.submit(shell('echo begun; sleep 600'));
  await begins(second, stopped);
  second.signal('SIGTERM');
  await until('it has noted that it stops', () => second.output().includes('Draining'));
  second.signal('SIGKILL');
  await second.ended();
  const third = await next(EIGHT_SLOTS);
  t.match(await third.get(`/v1/executions/${stopped}`), {
    outcome: { cause: 'lost', detail: 'server_stopped' },
  });
});

t.test(
  'kill -9 under load: every accepted execution ends once, what was queued runs exactly once, no orphan survives',
  async (t) => {
    const dir = tempDir(t);
    /** Answered: there may be others, whose answer was lost with the server. */
    const accepted = new Set<string>();
    for (let round = 0; round < 2; round++) {
      const killed = await left(EIGHT_SLOTS);
      const before = accepted.size;
      const submitting = Array.from({ length: 40 }, async () => {
        const { id } = await killed.submit(
          shell(
            `echo $EXECUTION_ID >> ${dir}/runs; setsid sleep 0.${round} & sleep 0.0$((RANDOM % 9)); echo $EXECUTION_ID >> ${dir}/ends`,
            { labels: { load: 'yes' } },
          ),
        );
        accepted.add(id);
      });
      // At another point of their lives in each round.
      await until('enough are accepted', () => accepted.size >= before + 10 + round * 20);
      killed.signal('SIGKILL');
      await Promise.allSettled(submitting);
      await killed.ended();
    }
    const last = await next(EIGHT_SLOTS);
    const count = (file: string) => {
      const path = join(dir, file);
      const counts = new Map<string, number>();
      for (const id of existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [])
        counts.set(id, (counts.get(id) ?? 0) + 1);
      return counts;
    };
    const { items: all } = await last.get<{ items: ExecutionWire[] }>(
      '/v1/executions?label=load=yes&limit=1000',
    );
    const ends: ExecutionWire[] = [];
    for (const { id } of all) ends.push(await last.finished(id));
    t.same(
      [...accepted].filter((id) => !all.some((one) => one.id === id)),
      [],
      'none of the accepted is gone',
    );
    const [runs, completions] = [count('runs'), count('ends')];
    for (const { id, status, outcome } of ends) {
      if (status === 'completed') t.equal(completions.get(id), 1, `${id} ran once`);
      else t.match(outcome, { cause: 'lost' });
      t.ok((runs.get(id) ?? 0) <= 1, `${id} never ran twice`);
    }
    t.same(withEnvironment(`${dataDir}/work/`), []);
    await until(
      'nothing is left of the epochs before',
      () => readdirSync(join(dataDir, 'work')).length === 1,
    );
  },
);

t.test('a start that cannot be is refused with every reason, and exit code 78', async (t) => {
  const dir = join(tempDir(t), 'data');
  const port = await busyPort(t);
  /** Each at another point of the start; the process ends in the same way after all others. */
  const ofProcess: [string, Record<string, string>, RegExp][] = [
    [
      'several settings at once',
      {
        ...{ EXECUTION_PORT: 'x', EXECUTION_LOG_LEVEL: 'loud' },
        ...{ EXECUTION_MAX_CONCURENT: '5', EXECUTION_COLOUR: 'red' },
      },
      /^(?=[^]*EXECUTION_PORT)(?=[^]*EXECUTION_LOG_LEVEL)(?=[^]*EXECUTION_MAX_CONCURENT: there is no such setting)[^]*EXECUTION_COLOUR/,
    ],
    [
      'a log file that cannot be opened',
      { EXECUTION_LOG_FILE: '/proc/nope/x' },
      /EXECUTION_LOG_FILE: .*no such file/,
    ],
    [
      'a port in use',
      { EXECUTION_PORT: port },
      /EXECUTION_PORT: another program listens on port \d+ of 127\.0\.0\.1/,
    ],
  ];
  for (const [what, env, message] of ofProcess) {
    const started = start(t, { EXECUTION_DATA_DIR: dir, ...env });
    await until('it ends', () => started.exit !== null);
    t.match(started, { exit: { code: 78 }, said: { err: message } }, what);
    t.notMatch(started.said.err, / {4}at /, 'no stack trace');
    t.notMatch(started.said.out, /Draining|Stopped/, 'what has not begun does not end');
  }
  const others: [string, Record<string, string>, RegExp][] = [
    [
      'a data directory that cannot be made',
      { EXECUTION_DATA_DIR: '/proc/nope' },
      /EXECUTION_DATA_DIR: .*\/proc\/nope/,
    ],
    [
      'a data directory in a file',
      { EXECUTION_DATA_DIR: '/etc/passwd/data' },
      /EXECUTION_DATA_DIR: .*not a directory/,
    ],
    ['a log directory that takes nothing', { EXECUTION_LOG_DIR: '/proc' }, /EXECUTION_LOG_DIR: .*\/proc/],
    [
      'a metrics port in use',
      { EXECUTION_METRICS_PORT: port },
      /EXECUTION_METRICS_PORT: another program listens on port \d+ /,
    ],
    [
      'an address of another machine',
      { EXECUTION_HOST: '127.0.0.999' },
      /EXECUTION_HOST: execd cannot listen on 127\.0\.0\.999/,
    ],
    [
      'defaults over their maximum',
      {
        ...{ EXECUTION_DEFAULT_TIMEOUT: '99', EXECUTION_MAX_TIMEOUT: '9' },
        ...{ EXECUTION_KILL_GRACE_MS: '2', EXECUTION_MAX_KILL_GRACE_MS: '1' },
      },
      /_DEFAULT_TIMEOUT: must not be greater[^]*_KILL_GRACE_MS: must not be greater/,
    ],
  ];
  for (const [what, env, message] of others)
    await t.rejects(service(t, env), { name: 'ConfigError', message }, what);
});

t.test('a start that fails at a busy port runs nothing; the next one runs each once', async (t) => {
  const ran = join(tempDir(t), 'ran');
  const first = await left(EIGHT_SLOTS);
  for (let i = 0; i < 8; i++) await first.submit(shell('sleep 600'));
  const queued = [];
  for (let i = 0; i < 3; i++) queued.push(await first.submit(shell(`echo ${i} >> ${ran}`)));
  first.signal('SIGKILL');
  await first.ended();
  const failed = start(t, { EXECUTION_DATA_DIR: dataDir, EXECUTION_PORT: await busyPort(t) });
  await until('it ends', () => failed.exit !== null);
  t.match(failed.said.err, /another program listens/);
  t.notOk(existsSync(ran));
  const last = await next(TALKATIVE);
  for (const { id } of queued) {
    t.match(await last.finished(id), { status: 'completed', attempts: [{ number: 1 }] });
    t.equal((await last.get(`/v1/executions/${id}`)).attempts.length, 1);
  }
  t.same(readFileSync(ran, 'utf8').trim().split('\n').sort(), ['0', '1', '2']);
});

t.test(
  'a runner host that dies is replaced: what ran is lost and dead, what had not started runs',
  async (t) => {
    const it = await left(TALKATIVE);
    const victims = [];
    for (let i = 0; i < 3; i++)
      victims.push(await it.submit(shell('trap "" TERM; setsid sleep 600 & echo begun; sleep 600')));
    await begins(it, ...victims.map(({ id }) => id));
    const { runner_host: before } = await it.get<{ runner_host: { pid: number; restarts: number } }>(
      '/v1/stats',
    );
    process.kill(before.pid, 'SIGKILL');
    const next = await it.submit(shell('echo alive'));
    for (const { id } of victims) {
      t.match(await it.finished(id), {
        status: 'failed',
        outcome: { cause: 'lost', detail: 'runner_host_died' },
        error: { fault: 'system' },
        output: { stdout_bytes: 6 },
      });
    }
    t.match(await it.finished(next.id), { status: 'completed' });
    t.same(
      victims.flatMap(({ id }) => withEnvironment(id)),
      [],
    );
    t.match(await it.get('/v1/stats'), {
      runner_host: { restarts: before.restarts + 1, ready: true },
      concurrency: { running: 0 },
    });
    t.equal((await fetch(`${it.url}/readyz`)).status, 200);
    const [epoch = ''] = readdirSync(join(dataDir, 'work'));
    await until(
      'its private directories are gone',
      () => readdirSync(join(dataDir, 'work', epoch)).length === 0,
    );
  },
);

t.test('two servers cannot share a data directory', async (t) => {
  const first = await left(TALKATIVE);
  const second = start(t, { EXECUTION_DATA_DIR: dataDir, EXECUTION_PORT: '0' });
  await until('it ends', () => second.exit !== null);
  t.match(second, {
    exit: { code: 70 },
    said: { err: new RegExp(`in use by another execd \\(pid ${first.pid}\\)`) },
  });
  t.match(await first.submit(shell('true')), { status: /running|completed/ }, 'the first one does not mind');
});

t.test('it runs inside itself', async (t) => {
  const dir = tempDir(t);
  const outer = await left(TALKATIVE);
  const inner = join(dir, 'inner');
  mkdirSync(inner);
  const { id } = await outer.submit(
    shell(`exec ${process.execPath} dist/bin/server.js`, {
      cwd: process.cwd(),
      env: { EXECUTION_DATA_DIR: inner, EXECUTION_PORT: '0' },
    }),
  );
  const log = async () => (await fetch(`${outer.url}/v1/executions/${id}/logs`)).text();
  await until('the inner one listens', async () => (await log()).includes('Listening on'));
  const url = /"address":"([^"]+)"/.exec(await log())?.[1];
  const response = await fetch(`${url}/v1/executions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'wait=20' },
    body: JSON.stringify(shell('echo from within; sleep 600 & true')),
  });
  t.match(await response.json(), { status: 'completed', result: { stdout: 'from within\n' } });
  await outer.post(`/v1/executions/${id}/cancel`);
  t.match(await outer.finished(id), {
    status: 'cancelled',
    outcome: { process: { exit_code: 0, survivors: 0 } },
  });
  t.same(withEnvironment(inner), []);
});

t.test('a log that nobody takes any more neither stops the server nor ends it', async (t) => {
  // What it says of each execution fills what may wait for a reader.
  const it = await left(TALKATIVE);
  it.readOutput(false);
  const dropped = async () =>
    Number(
      /^execd_log_lines_dropped_total (\d+)/m.exec(await (await fetch(`${it.url}/metrics`)).text())?.[1],
    );
  // Each is refused by the guard of HTTP calls, and logged.
  const executions = Array.from({ length: 1000 }, () => ({ kind: 'http', url: 'http://10.0.0.1/' }));
  for (let i = 0; i < 20 && (await dropped()) === 0; i++)
    await it.post('/v1/executions/batch', { executions });
  t.ok((await dropped()) > 0, 'it counts the lines that it has dropped');
  t.equal((await fetch(`${it.url}/livez`)).status, 200);
  it.readOutput(true);
  await until('the log says so', () => it.output().includes('The log was not read for a while'));
  it.closeOutput();
  for (let i = 0; i < 3; i++) await it.finished((await it.submit(shell('true'))).id);
  it.signal('SIGHUP');
  const execution = await it.submit(shell('true'));
  t.match(await it.finished(execution.id), { status: 'completed' } satisfies Partial<ExecutionWire>);
});
