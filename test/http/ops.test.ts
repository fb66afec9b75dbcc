import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createClock } from '../../src/app/clock.ts';
import { VERSION } from '../../src/app/version.ts';
import { CHECK_NAMES, checksOf } from '../../src/http/ops/health-summary.ts';
import { fakeClock } from '../helpers/clock.ts';
import { rawRequest, service, sharedService, shell } from '../helpers/build.ts';
import { until } from '../helpers/processes.ts';
import { isOnPostgres } from '../helpers/store-of.ts';

const SHARED = { EXECUTION_METRICS_PORT: '0' };

t.test('probes and health tell what they are for', async (t) => {
  // A lease names a time of the host.
  const hostClock = fakeClock(Date.now(), createClock().monotonic());
  const { call, app } = await service(t, {}, { hostClock });
  t.match(await call('GET', '/livez'), { status: 200, body: { status: 'ok', reason: null } });
  t.match(await call('GET', '/readyz'), { status: 200, body: { status: 'ok' } });
  const health = await call('GET', '/health');
  t.match(health, {
    status: 200,
    body: {
      status: 'healthy',
      version: VERSION,
      error: null,
      components: {
        store: { status: 'healthy' },
        runner_host: { status: 'healthy', name: /^(native|node)$/ },
        intake: { status: 'healthy' },
        logs: { status: 'healthy' },
        data: { status: 'healthy', detail: null, bytes: Number, max_bytes: 21_474_836_480 },
        work_directories: { status: 'healthy' },
      },
    },
  });
  const { pid } = (await app.engine.stats()).runner;
  process.kill(pid ?? 0, 'SIGSTOP');
  for (let beat = 0; beat < 5; beat++) await hostClock.advance(5000);
  const reason = /^the runner host has not responded for \d+ s$/;
  t.match(await call('GET', '/readyz'), { status: 503, body: { reason } });
  t.match(await call('GET', '/health'), {
    status: 503,
    body: { status: 'unhealthy', error: reason, components: { runner_host: { detail: reason } } },
  });
  t.match(await call('GET', '/livez'), { status: 200 });
  process.kill(pid ?? 0, 'SIGCONT');
  await until('it answers again', async () => (await call('GET', '/readyz')).status === 200);
});

t.test(
  'a figure beyond its threshold is not ok, one at it is, and one that there is not is no matter',
  async (t) => {
    const none = Object.fromEntries(CHECK_NAMES.map((name) => [name, null])) as Parameters<
      typeof checksOf
    >[0];
    t.ok(Object.values(checksOf(none)).every(({ ok }) => ok));
    const table = [
      ...[['cache_hit_ratio', 0.8, true] as const, ['cache_hit_ratio', 0.79, false] as const],
      ...[['timeout_ratio', 0.05, true] as const, ['timeout_ratio', 0.06, false] as const],
      ...[['memory_ratio', 0.95, false] as const, ['pauses', 1, false] as const],
    ];
    for (const [name, value, ok] of table)
      t.equal(checksOf({ ...none, [name]: value })[name].ok, ok, `${name} ${value}`);
  },
);

t.test('statistics count what is there', async (t) => {
  const { call, run, submit, inPhase } = await service(t, { EXECUTION_MAX_CONCURRENT: '2' });
  await run(shell('true'));
  await run(shell('exit 1'));
  const [a, b] = [await submit(shell('sleep 60')), await submit(shell('sleep 60'))];
  await submit(shell('true'));
  await inPhase(a.id, 'running');
  await inPhase(b.id, 'running');
  t.match((await call('GET', '/v1/health/summary')).body, {
    status: 'healthy',
    version: VERSION,
    components: { store: { status: 'healthy' } },
    checks: {
      cache_hit_ratio: { value: null, threshold: 0.8, bound: 'least', ok: true },
      timeout_ratio: { value: 0, threshold: 0.05, bound: 'most', ok: true },
      open_circuits: { value: 0, ok: true },
    },
    ...{ failed: [], running: 2, queued: 1 },
  });
  const { body } = await call('GET', '/v1/stats');
  t.match(body, {
    executions: { pending: 1, running: 2, completed: 1, failed: 1, cancelled: 0, timed_out: 0 },
    total: 5,
    ratios: { cache_hit: null, timeout: 0, retry: 0, memory: null },
    concurrency: { max: 2, running: 2, pending: 1, available: 0 },
    queue: { depth: 1 },
    runner_host: { name: /^(native|node)$/, restarts: 0, ready: true },
  });
  const runs = [a.id, b.id].toSorted();
  t.match(await call('GET', '/v1/runners'), {
    body: {
      items: [
        {
          ...{ self: true, role: 'all', version: VERSION, host: /./, drain: null },
          ...(isOnPostgres ? { name: /./, lease_until: /Z$/ } : { name: 'only', lease_until: null }),
          slots: {
            process: { max: 2, running: 2, executions: runs },
            http: { running: 0, executions: { length: 0 } },
          },
        },
      ],
    },
  });
  t.match(await call('GET', '/v1/executions?phase=running'), {
    body: { items: [{ id: b.id }, { id: a.id }] },
  });
});

t.test(
  'what asks for a pool that nobody serves waits with its reason, and holds up nothing else',
  async (t) => {
    const { call, run, submit, lines } = await service(t, {
      ...{ EXECUTION_POOL: 'default, arm', EXECUTION_MAX_CONCURRENT: '1' },
      EXECUTION_METRICS_PORT: '0',
    });
    const gpu = shell('echo gpu', { pool: 'gpu' });
    const { id } = await submit(gpu);
    t.match(await run(shell('echo here', { pool: 'arm', on_limit: 'reject' })), { status: 'completed' });
    t.match(await run(shell('echo there', { on_limit: 'reject' })), { status: 'completed' });
    t.match(await call('GET', `/v1/executions/${id}`), {
      body: { status: 'pending', phase: 'queued', queue: { position: 0, reason: 'no_runner' } },
    });
    const explained = await call('GET', `/v1/executions/${id}/explain`);
    t.match(explained.body, {
      waiting: {
        ...{ reason: 'no_runner', pool: { name: 'gpu', servers: [] }, estimate_ms: null },
        words: /^No server serves its pool "gpu"\. Start one with EXECUTION_POOL=gpu, or cancel/,
      },
    });
    await until('the log tells of it', () =>
      lines.some(({ msg }) => msg.includes('the pool "gpu", which no server serves')),
    );
    t.match(await call('POST', '/v1/executions', { ...gpu, on_limit: 'reject' }), {
      status: 429,
      body: { type: 'urn:execd:error:limit_reached' },
    });
    t.match(await call('POST', '/v1/executions', { ...gpu, pool: 'GPU 1' }), {
      status: 400,
      body: {
        errors: [{ field: '/pool', message: /^is "GPU 1"; the name of a pool must be 1 to 63 of a-z/ }],
      },
    });
    const own = { process: 1, http: 0 };
    t.match(await call('GET', '/v1/runners'), {
      body: {
        items: [{ pools: ['default', 'arm'] }],
        pools: [
          { name: 'arm', queued: { process: 0 }, slots: { process: 1 }, servers: { length: 1 } },
          { name: 'default', slots: { process: 1 }, servers: { length: 1 } },
          { name: 'gpu', queued: own, slots: { process: 0, http: 0 }, servers: { length: 0 } },
        ],
      },
    });
    const plan = {
      strategy: { type: 'dependency_graph' },
      steps: [
        { name: 'a', ...shell('echo a', { pool: 'tpu' }) },
        { name: 'b', ...shell('echo b') },
      ],
    };
    const made = await call<{ id: string }>('POST', '/v1/plans', plan);
    t.equal(made.status, 202, made.text);
    await until('its step without a pool ends', async () =>
      /"b"[^}]*completed/.test((await call('GET', `/v1/plans/${made.body.id}`)).text),
    );
    for (let i = 0; i < 62; i++) await submit(shell('true', { pool: `p${i}` }));
    t.match(await call('POST', '/v1/executions', { ...gpu, pool: 'one-more' }), {
      status: 400,
      body: {
        errors: [
          { field: '/pool', message: /is "one-more"; executions wait for 64 other pools, .* at most 64/ },
        ],
      },
    });
    t.equal((await call('POST', '/v1/executions', gpu)).status, 202, 'one of those may still be named');
  },
);

t.test('metrics have the names of the source and ours, and count', async (t) => {
  const { call, run, submit, inPhase, finished } = await service(t, { EXECUTION_MAX_CONCURRENT: '4' });
  await run(shell('echo hello; echo err >&2'));
  await run(shell('exit 3'));
  await run(shell('sleep 60', { timeouts: { attempt_ms: 100 } }));
  await run({ kind: 'exec', program: 'nope' });
  const { id } = await submit(shell('sleep 60'));
  await inPhase(id, 'running');
  await call('POST', `/v1/executions/${id}/cancel`);
  await finished(id);
  await call('POST', '/v1/executions', { kind: 'nope' });
  const { text, headers } = await call('GET', '/metrics');
  t.match(headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  for (const line of [
    'operation_duration_seconds_count{operation_type="shell"} 4',
    'timeout_errors_total{operation_type="shell"} 1',
    'execution_manager_active_runs 0',
    'execution_manager_pool_size 4',
    'execution_manager_utilization_ratio 0',
    'execd_executions_accepted_total{kind="shell"} 4',
    'execd_executions_finished_total{kind="shell",status="completed",cause="exited",fault="none"} 1',
    'execd_executions_finished_total{kind="shell",status="failed",cause="exited",fault="user"} 1',
    'execd_executions_finished_total{kind="shell",status="cancelled",cause="cancelled",fault="user"} 1',
    'execd_executions_finished_total{kind="exec",status="failed",cause="spawn_failed",fault="user"} 1',
    'execd_requests_refused_total{type="validation"} 1',
    'execd_output_bytes_total{stream="stdout"} 6',
    'execd_output_bytes_total{stream="stderr"} 4',
    'execd_executions{status="completed"} 1',
    'execd_ready 1',
    'execd_runner_host_restarts_total 0',
    `execd_build_info{version="${VERSION}"} 1`,
  ]) {
    t.ok(text.split('\n').includes(line), line);
  }
  t.match(
    text,
    /^execd_http_request_duration_seconds_count\{method="POST",route="\/v1\/executions",code="202"\} 5$/m,
  );
  t.notMatch(text, new RegExp(id), 'no id is ever a label');
});

t.test('a report counts what ended in a window', async (t) => {
  const { run, call } = await sharedService(t);
  await run(shell('exit 3'));
  const { body } = await call<{ operations: object[] }>('GET', '/v1/reports/operations');
  t.match(body, {
    complete: true,
    operations: [{ type: 'shell', errors: [{ code: 'E003', cause: 'exited' }] }],
  });
  const none = await call('GET', '/v1/reports/operations?to=2020-01-01T00:00:00Z');
  t.match(none.body, { count: 0, operations: [], from: '2019-12-31T00:00:00.000Z' });
  const bad = '/v1/reports/operations?from=2021-01-01T00:00:00Z&to=2020-01-01T00:00:00Z';
  t.match(await call('GET', bad), { status: 400, body: { errors: [{ field: '?from' }] } });
});

t.test('the metrics do not grow with what strangers ask for', async (t) => {
  const { call } = await sharedService(t, SHARED);
  const series = async () =>
    (await call('GET', '/metrics')).text.split('\n').filter((line) => line.includes('_http_')).length;
  await call('GET', '/no/such/0');
  await call('GET', '/v1/executions/x0');
  await series();
  const before = await series();
  for (let i = 1; i < 50; i++)
    await Promise.all([call('GET', `/no/such/${i}`), call('GET', `/v1/executions/x${i}`)]);
  t.equal(await series(), before);
});

t.test('every metric has a help text, and a name by the rules of Prometheus', async (t) => {
  const { call, run } = await sharedService(t, SHARED);
  await run(shell('true'));
  const { text } = await call('GET', '/metrics');
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => ({
    name: name ?? '',
    type: type ?? '',
  }));
  t.ok(types.length > 30);
  for (const { name, type } of types) {
    t.match(text, new RegExp(`^# HELP ${name} \\S`, 'm'));
    if (name.startsWith('nodejs_') || name.startsWith('process_')) continue;
    t.equal(type === 'counter', name.endsWith('_total'), `${name} is a ${type}`);
    t.notMatch(name, /(_ms|_milliseconds|_kb)(_|$)/, 'base units only');
  }
});

t.test('the metrics port needs no key and has nothing else', async (t) => {
  const { app } = await sharedService(t, SHARED);
  const address = app.metricsAddress();
  const get = (path: string) => rawRequest(address ?? '', { path });
  t.equal((await get('/metrics')).status, 200);
  t.equal((await get('/livez')).status, 200);
  t.equal((await get('/readyz')).status, 200);
  t.match(JSON.parse((await get('/')).body.toString()), { name: 'execd', metrics: '/metrics' });
  const unknown = await get('/v1/executions');
  t.match(unknown.headers['content-type'], /^application\/problem\+json/);
  t.match(JSON.parse(unknown.body.toString()), { status: 404, type: 'urn:execd:error:route_not_found' });
});

t.test('retention removes by age since the end and by count, with logs and never what lives', async (t) => {
  const clock = fakeClock();
  const s = await service(
    t,
    {
      ...{ EXECUTION_RETENTION_SECS: '100', EXECUTION_FAILED_RETENTION_SECS: '150' },
      ...{ EXECUTION_MAX_RETAINED: '3', EXECUTION_AUTO_CLEANUP: 'false' },
      EXECUTION_LOG_RETENTION_SECS: '60',
    },
    { clock },
  );
  const cleanup = async () => (await s.call('POST', '/v1/admin/cleanup')).body;
  const old = await s.run(shell('echo old'));
  const failed = await s.run(shell('exit 3'));
  const live = await s.submit(shell('sleep 60'));
  await s.inPhase(live.id, 'running');
  await clock.advance(99_000);
  const young = await s.run(shell('echo young'));
  t.same(await cleanup(), { removed: 0 });
  t.notOk(existsSync(old.output.log_path ?? ''), 'its log goes earlier, that of a failure does not');
  t.ok(existsSync(failed.output.log_path ?? ''));
  t.match(await s.call('GET', `/v1/executions/${old.id}/logs`), {
    ...{ status: 410, body: { detail: /removed the log of attempt 1 .*EXECUTION_LOG_RETENTION_SECS/ } },
  });
  const after = await s.call('GET', `/v1/executions/${old.id}`);
  t.match(after.body, { result: { stdout: 'old\n' } });
  t.notMatch(after.body, { output: { log_path: String } });
  await clock.advance(2000);
  t.same(await cleanup(), { removed: 1 });
  t.equal((await s.call('GET', `/v1/executions/${old.id}`)).status, 404);
  t.notOk(existsSync(old.output.log_path ?? ''));
  await clock.advance(48_000);
  t.same(await cleanup(), { removed: 0 }, 'what failed is kept longer');
  await clock.advance(2000);
  t.same(await cleanup(), { removed: 1 });
  t.equal((await s.call('GET', `/v1/executions/${failed.id}`)).status, 404);
  t.ok(existsSync(young.output.log_path ?? ''));
  const more = [];
  for (let i = 0; i < 4; i++) more.push(await s.run(shell('true')));
  t.same(await cleanup(), { removed: 2 });
  t.equal((await s.call('GET', `/v1/executions/${young.id}`)).status, 404, 'the oldest ends go first');
  t.equal((await s.call('GET', `/v1/executions/${more[1]?.id}`)).status, 200);
  t.match((await s.call('GET', `/v1/executions/${live.id}`)).body, { status: 'running' });
  t.ok(s.lines.some(({ msg }) => msg === 'Cleanup removed 2 executions'));
});

t.test('the cleanup runs by itself, and removes logs that nobody knows', async (t) => {
  const clock = fakeClock();
  const s = await service(
    t,
    // No other timer has this length: that of the cache would be taken for it.
    { EXECUTION_RETENTION_SECS: '10', EXECUTION_CLEANUP_INTERVAL: '299' },
    { clock },
  );
  const { id } = await s.run(shell('true'));
  await until('the cleanup sleeps', () => clock.hasTimer(299_000));
  await clock.advance(299_000);
  await until('it is gone', async () => (await s.call('GET', `/v1/executions/${id}`)).status === 404);
  await s.stop();
  const stray = join(s.dataDir, 'logs', 'ab', '01900000-0000-7000-8000-0000000000ab.1.log');
  mkdirSync(join(stray, '..'), { recursive: true });
  writeFileSync(stray, 'x');
  await service(t, { EXECUTION_DATA_DIR: s.dataDir });
  await until('the stray log is gone', () => !existsSync(stray));
});

t.test(
  'counters of running executions can be flushed, and are at the latest after the interval',
  async (t) => {
    const clock = fakeClock();
    const s = await service(t, { EXECUTION_SYNC_INTERVAL_MS: '5000' }, { clock });
    const commits = async () =>
      (await s.call<{ store: { commits: number } }>('GET', '/v1/stats')).body.store.commits;
    const before = await commits();
    const { id } = await s.submit(shell('for i in $(seq 100); do echo $i; done; sleep 60'));
    await until('it has written', async () => {
      const { body } = await s.call<{ output: { stdout_bytes: number } }>('GET', `/v1/executions/${id}`);
      return body.output.stdout_bytes === 292;
    });
    t.match(await s.call('GET', '/v1/stats'), { body: { write_behind: { waiting: 1 } } });
    t.match(await s.call('POST', '/v1/admin/flush'), { body: { flushed: 1 } });
    t.match(await s.call('GET', '/v1/stats'), {
      body: { write_behind: { waiting: 0, lag_ms: 0, failures: 0 } },
    });
    t.ok((await commits()) - before <= 4, 'a hundred writes of output are not a hundred of the store');
    t.ok(s.lines.some(({ msg }) => msg === 'Synced 1 outputs and 1 statuses'));
    t.ok(s.lines.some(({ msg }) => msg === 'Sync manager started'));
    await s.call('POST', `/v1/executions/${id}/cancel`);
    await s.stop();
    t.ok(s.lines.some(({ msg }) => msg === 'Sync manager stopped'));
  },
);

t.test('nothing is left of what has run', async (t) => {
  const s = await sharedService(t, SHARED);
  await Promise.all(
    Array.from({ length: 20 }, (_, i) => s.run(shell(i % 2 === 0 ? 'true' : 'touch file; mkdir -p a/b/c'))),
  );
  await until('no private directory is left', () => readdirSync(join(s.dataDir, 'work/1')).length === 0);
  t.pass();
});

t.test('the documents are served', async (t) => {
  const { call, url } = await sharedService(t, SHARED);
  const { body } = await call('GET', '/openapi.json');
  t.match(body, { openapi: '3.1.0', info: { title: 'execd', version: VERSION } });
  const docs = await call('GET', '/docs');
  t.match(await (await fetch(`${url}/docs`)).text(), /<title>execd API<\/title>[^]*theme\/favicon\.svg/);
  for (const path of ['/docs/static/../index.js', '/docs/../../etc/passwd', '/docs/static/%2e%2e/index.js'])
    t.equal((await rawRequest(url, { path })).status, 404, path);
  const icon = await fetch(`${url}/docs/static/theme/favicon.svg`);
  t.match([icon.status, icon.headers.get('content-type')], [200, /^image\/svg/]);
  t.match(await (await fetch(`${url}/docs/static/swagger-initializer.js`)).text(), /"?href"?[^]*\/docs/);
  t.match((await call('GET', '/')).body, { name: 'execd', docs: '/docs', api: '/v1' });
  const console = await call('GET', '/', undefined, { accept: 'text/html,*/*;q=0.8' });
  t.match(console.headers.get('content-type'), /text\/html/);
  t.match(console.headers.get('x-content-type-options'), 'nosniff');
  t.equal(docs.status, 200);
  t.match(docs.headers.get('content-type'), /text\/html/);
  t.match(docs.text, /swagger-ui/);
  t.match(docs.headers.get('content-security-policy'), /default-src 'self'/);
  t.notMatch(
    docs.headers.get('content-security-policy'),
    /upgrade-insecure-requests/,
    'it is served by plain HTTP',
  );
});

t.test('what ends in _total is a counter, and everything says what it is', async (t) => {
  const s = await sharedService(t, SHARED);
  await s.run(shell('true'));
  const { text } = await s.call('GET', '/metrics');
  const types = new Map(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type]) => [name, type]),
  );
  const helps = new Set([...text.matchAll(/^# HELP (\S+) \S/gm)].map(([, name = '']) => name));
  for (const [name, type] of types) {
    t.equal(name.endsWith('_total'), type === 'counter', name);
    t.ok(helps.has(name), name);
  }
});
