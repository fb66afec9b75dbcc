import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { ExecutionWire } from '../../src/http/schemas.ts';
import { isAlive, until, withEnvironment } from '../helpers/processes.ts';
import { server, start } from '../helpers/server-process.ts';
import { tempDir } from '../helpers/temp.ts';

const shell = (command: string, more: object = {}) => ({ kind: 'shell', command, ...more });
const data = (dir: string, more: Record<string, string> = {}) => ({
  EXECUTION_DATA_DIR: join(dir, 'data'),
  ...more,
});

t.test(
  'SIGTERM drains: no new work, reads go on, what runs may end, what is queued stays, exit 0',
  async (t) => {
    const dir = tempDir(t);
    const go = join(dir, 'go');
    const first = await server(t, data(dir, { EXECUTION_MAX_CONCURRENT: '1', EXECUTION_DRAIN_SECS: '60' }));
    const running = await first.submit(
      shell(`echo begun; until [ -e ${go} ]; do sleep 0.02; done; echo ended`),
    );
    const queued = await first.submit(shell('echo later'));
    await until(
      'it runs',
      async () => (await first.get(`/v1/executions/${running.id}`)).output.stdout_bytes > 0,
    );
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
    const second = await server(t, data(dir));
    t.match(await second.finished(queued.id), { status: 'completed', attempts: [{ number: 1 }] });
    t.match(await second.get(`/v1/executions/${running.id}`), { status: 'completed' });
  },
);

t.test('what does not end within the drain time is stopped as lost by the shutdown', async (t) => {
  const dir = tempDir(t);
  const first = await server(t, data(dir, { EXECUTION_DRAIN_SECS: '0' }));
  const polite = await first.submit(
    shell('trap "echo bye; exit 0" TERM; echo begun; while :; do sleep 0.02; done'),
  );
  const stubborn = await first.submit(shell('trap "" TERM; echo begun; while :; do sleep 0.02; done'));
  for (const { id } of [polite, stubborn]) {
    await until('it runs', async () => (await first.get(`/v1/executions/${id}`)).output.stdout_bytes > 0);
  }
  const following = fetch(`${first.url}/v1/executions/${polite.id}/logs?follow=true`).then((response) =>
    response.text(),
  );
  first.signal('SIGTERM');
  t.same(await first.ended(), { code: 0, signal: null });
  t.match(await following, /^begun\n/, 'a follower is let go');
  t.same(withEnvironment(`${dir}/data/`), []);
  const second = await server(t, data(dir));
  for (const { id } of [polite, stubborn]) {
    t.match(await second.get(`/v1/executions/${id}`), {
      status: 'failed',
      outcome: { cause: 'lost', detail: 'shutdown' },
      output: { stdout_bytes: /^\d+$/ },
    });
  }
});

t.test('a second signal ends at once; the next start makes good what that interrupts', async (t) => {
  const dir = tempDir(t);
  const first = await server(t, data(dir, { EXECUTION_DRAIN_SECS: '600' }));
  const { id } = await first.submit(shell('echo begun; sleep 600'));
  await until('it runs', async () => (await first.get(`/v1/executions/${id}`)).output.stdout_bytes > 0);
  first.signal('SIGINT');
  await until('it drains', () => first.output().includes('Draining'));
  t.match(first.output(), /a second signal stops execd at once/);
  first.signal('SIGTERM');
  t.same(await first.ended(), { code: 143, signal: null });
  t.match(first.output(), /Stopping at once after a second signal/);
  const second = await server(t, data(dir));
  t.match(await second.get(`/v1/executions/${id}`), { outcome: { cause: 'lost', detail: 'server_stopped' } });
  t.same(withEnvironment(`${dir}/data/work/1`), []);
  // The same holds for a supervisor that does not wait for the end of the drain.
  const { id: next } = await second.submit(shell('echo begun; sleep 600'));
  await until('it runs', async () => (await second.get(`/v1/executions/${next}`)).output.stdout_bytes > 0);
  second.signal('SIGTERM');
  await until('it has noted that it stops', () => second.output().includes('Draining'));
  second.signal('SIGKILL');
  await second.ended();
  const third = await server(t, data(dir));
  t.match(await third.get(`/v1/executions/${next}`), {
    outcome: { cause: 'lost', detail: 'server_stopped' },
  });
});

t.test(
  'kill -9 under load: every accepted execution ends once, what was queued runs exactly once, no orphan survives',
  async (t) => {
    const dir = tempDir(t);
    /** Answered: there may be others, whose answer was lost with the server. */
    const accepted = new Set<string>();
    for (let round = 0; round < 3; round++) {
      const killed = await server(t, data(dir, { EXECUTION_MAX_CONCURRENT: '8' }));
      const before = accepted.size;
      const submitting = Array.from({ length: 40 }, async () => {
        const { id } = await killed.submit(
          shell(
            `echo $EXECUTION_ID >> ${dir}/runs; setsid sleep 0.${round} & sleep 0.0$((RANDOM % 9)); echo $EXECUTION_ID >> ${dir}/ends`,
          ),
        );
        accepted.add(id);
      });
      // At another point of their lives in each round.
      await until('enough are accepted', () => accepted.size >= before + 10 + round * 10);
      killed.signal('SIGKILL');
      await Promise.allSettled(submitting);
      await killed.ended();
    }
    const last = await server(t, data(dir));
    const count = (file: string) => {
      const path = join(dir, file);
      const counts = new Map<string, number>();
      for (const id of existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [])
        counts.set(id, (counts.get(id) ?? 0) + 1);
      return counts;
    };
    const { items: all } = await last.get<{ items: ExecutionWire[] }>('/v1/executions?limit=1000');
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
    t.same(withEnvironment(`${dir}/data/`), []);
    t.same(readdirSync(join(dir, 'data/work')), ['4'], 'nothing is left of the epochs before');
  },
);

t.test(
  'a runner host that dies is replaced: what ran is lost and dead, what had not started runs',
  async (t) => {
    const dir = tempDir(t);
    const it = await server(t, data(dir));
    const victims = [];
    for (let i = 0; i < 3; i++)
      victims.push(await it.submit(shell('trap "" TERM; setsid sleep 600 & echo begun; sleep 600')));
    for (const { id } of victims) {
      await until('it runs', async () => (await it.get(`/v1/executions/${id}`)).output.stdout_bytes > 0);
    }
    const { runner_host: before } = await it.get<{ runner_host: { pid: number } }>('/v1/stats');
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
      runner_host: { restarts: 1, ready: true },
      concurrency: { running: 0 },
    });
    t.equal((await fetch(`${it.url}/readyz`)).status, 200);
    await until('its private directories are gone', () => readdirSync(join(dir, 'data/work/1')).length === 0);
  },
);

t.test('a stopped host is ended in the end, whatever it does', async (t) => {
  const it = await server(t, data(tempDir(t)));
  const { runner_host: host } = await it.get<{ runner_host: { pid: number } }>('/v1/stats');
  it.signal('SIGTERM');
  t.same(await it.ended(), { code: 0, signal: null });
  t.notOk(isAlive(host.pid));
});

t.test('a start that cannot be is refused with every reason, and exit code 78', async (t) => {
  const dir = tempDir(t);
  const other = await server(t, data(join(dir, 'other')));
  const cases: [string, Record<string, string>, RegExp][] = [
    [
      'beyond loopback without keys',
      { EXECUTION_HOST: '0.0.0.0' },
      /EXECUTION_HOST: 0\.0\.0\.0 is not a loopback address/,
    ],
    [
      'several settings at once',
      {
        ...{ EXECUTION_PORT: 'x', EXECUTION_LOG_LEVEL: 'loud' },
        ...{ EXECUTION_MAX_CONCURENT: '5', EXECUTION_ROLE: 'api' },
      },
      /^(?=[^]*EXECUTION_PORT)(?=[^]*EXECUTION_LOG_LEVEL)(?=[^]*EXECUTION_MAX_CONCURENT: there is no such setting)[^]*EXECUTION_ROLE/,
    ],
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
      'a log file that cannot be opened',
      { EXECUTION_LOG_FILE: '/proc/nope/x' },
      /EXECUTION_LOG_FILE: .*no such file/,
    ],
    [
      'a port in use',
      { EXECUTION_PORT: new URL(other.url).port },
      /EXECUTION_PORT: another program listens on port \d+ of 127\.0\.0\.1/,
    ],
    [
      'a metrics port in use',
      { EXECUTION_METRICS_PORT: new URL(other.url).port },
      /EXECUTION_METRICS_PORT: another program listens on port \d+ /,
    ],
    [
      'an address of another machine',
      { EXECUTION_HOST: '127.0.0.999', EXECUTION_PORT: '0' },
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
  for (const [what, env, message] of cases) {
    const started = start(t, data(dir, env));
    await until('it ends', () => started.exit !== null);
    t.match(started, { exit: { code: 78 }, said: { err: message } }, what);
    t.notMatch(started.said.err, / {4}at /, 'no stack trace');
    t.notMatch(started.said.out, /Draining|Stopped/, 'what has not begun does not end');
  }
});

t.test('a start that fails at a busy port runs nothing; the next one runs each once', async (t) => {
  const dir = tempDir(t);
  const ran = join(dir, 'ran');
  const first = await server(t, data(dir, { EXECUTION_MAX_CONCURRENT: '1' }));
  await first.submit(shell('sleep 600'));
  const queued = [];
  for (let i = 0; i < 3; i++) queued.push(await first.submit(shell(`echo ${i} >> ${ran}`)));
  first.signal('SIGKILL');
  await first.ended();
  const other = await server(t, data(join(dir, 'other')));
  const { port } = new URL(other.url);
  for (let i = 0; i < 3; i++) {
    const failed = start(t, data(dir, { EXECUTION_PORT: port }));
    await until('it ends', () => failed.exit !== null);
    t.match(failed.said.err, /another program listens/);
  }
  t.notOk(existsSync(ran));
  const last = await server(t, data(dir));
  for (const { id } of queued) {
    t.match(await last.finished(id), { status: 'completed', attempts: [{ number: 1 }] });
    t.equal((await last.get(`/v1/executions/${id}`)).attempts.length, 1);
  }
  t.same(readFileSync(ran, 'utf8').trim().split('\n').sort(), ['0', '1', '2']);
});

t.test('two servers cannot share a data directory', async (t) => {
  const dir = tempDir(t);
  const first = await server(t, data(dir));
  const second = start(t, data(dir, { EXECUTION_PORT: '0' }));
  await until('it ends', () => second.exit !== null);
  t.match(second, {
    exit: { code: 70 },
    said: { err: new RegExp(`in use by another execd \\(pid ${first.pid}\\)`) },
  });
  t.match(await first.submit(shell('true')), { status: /running|completed/ }, 'the first one does not mind');
});

t.test('it runs inside itself', async (t) => {
  const dir = tempDir(t);
  const outer = await server(t, data(dir));
  const inner = join(dir, 'inner');
  mkdirSync(inner);
  const { id } = await outer.submit(
    shell(`exec ${process.execPath} dist/main.js`, {
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
  const it = await server(t, data(tempDir(t)));
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
  await until('the log says so', () => it.output().includes('Nobody read the log for a while'));
  it.closeOutput();
  for (let i = 0; i < 3; i++) await it.finished((await it.submit(shell('true'))).id);
  it.signal('SIGHUP');
  const execution = await it.submit(shell('true'));
  t.match(await it.finished(execution.id), { status: 'completed' } satisfies Partial<ExecutionWire>);
});
