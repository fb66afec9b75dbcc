// Policies as a client meets them: HTTP calls and their failures, retries, circuits, the cache, operations.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { service, sharedService, type Service, type SharedService, shell } from '../helpers/build.ts';
import { bearer, keysFile } from '../helpers/keys.ts';
import { until } from '../helpers/processes.ts';
import { type Lifetime, ofFile } from '../helpers/scope.ts';
import { tempDir } from '../helpers/temp.ts';

interface Target {
  url: string;
  port: number;
  requests: IncomingMessage[];
}

/** A server that answers the n-th request, from 1, as it is told. */
async function target(
  t: Test,
  answer: (n: number, request: IncomingMessage, response: ServerResponse) => void,
): Promise<Target> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answer(requests.length, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, requests };
}

const ALLOW = { EXECUTION_EGRESS_ALLOW: '127.0.0.1' };
const SMALL_RESULTS = { ...ALLOW, EXECUTION_RESULT_BYTES: '5000' };
const LITTLE_ROOM = { ...ALLOW, EXECUTION_MAX_OUTPUT_BYTES: '3000', EXECUTION_CACHE_MAX_BYTES: '20000' };
const FAST = { attempts: 3, min_ms: 1, max_ms: 2 };
const call = (url: string, more: object = {}) => ({ kind: 'http', url, ...more });

/** What a counter says now; 0 when it is not there yet. */
async function counted(s: SharedService, name: string): Promise<number> {
  const lines = (await s.call('GET', '/metrics')).text.split('\n');
  return Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length) ?? 0);
}

t.test('an HTTP call answers with status, headers and body, and its body is in the log', async (t) => {
  const { url, requests } = await target(t, (_n, request, response) => {
    response
      .writeHead(201, { 'content-type': 'text/plain', 'x-made': 'yes' })
      .end(`you sent ${request.method}`);
  });
  const s = await sharedService(t, SMALL_RESULTS);
  const spec = call(`${url}/a?b=1`, { method: 'PUT', query: { c: ['2', '3'] }, body: { json: { d: null } } });
  const done = await s.run(spec);
  t.match(done, {
    status: 'completed',
    outcome: { cause: 'http_response', status: 201, expected: true },
    result: { status: 201, headers: { 'x-made': 'yes' }, body: { text: 'you sent PUT', truncated: false } },
    attempts: [{ number: 1, runner: /./ }],
  });
  const { text } = await s.call('GET', `/v1/executions/${done.id}/logs`);
  t.equal(text, 'you sent PUT');
  t.match(requests[0], {
    url: '/a?b=1&c=2&c=3',
    headers: { 'execution-id': done.id, 'execution-attempt': '1' },
  });
});

t.test('a body is parsed where that was asked for, and one that is not there is null', async (t) => {
  const answers: Record<string, (response: ServerResponse) => void> = {
    '/json': (response) => response.end('{"a": [null]}'),
    '/text': (response) => response.end('no'),
    '/204': (response) => response.writeHead(204).end(),
    '/205': (response) => response.writeHead(205, { 'content-length': 0 }).end(),
    '/304': (response) => response.writeHead(304).end(),
    '/length-0': (response) => response.writeHead(200, { 'content-type': 'application/json' }).end(),
    '/chunks': (response) => {
      response.writeHead(200).flushHeaders();
      response.end();
    },
    '/head': (response) => response.writeHead(200, { 'content-length': '10' }).end(),
    '/html': (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
    '/blank': (response) => response.writeHead(200).end(' '),
  };
  const { url } = await target(t, (_n, request, response) => answers[request.url ?? '']?.(response));
  const s = await sharedService(t, SMALL_RESULTS);
  const more = { output: { parse: 'json' }, expect: { statuses: ['2xx', 304] } };
  const ask = (path: string, method = 'DELETE') => s.run({ ...call(`${url}${path}`, more), method });
  t.match(await ask('/json'), {
    status: 'completed',
    result: { status: 200, body: { json: { a: [null] } } },
  });
  const none = { status: 'completed', error: null, result: { body: { json: null } } };
  for (const path of ['/204', '/205', '/304', '/length-0', '/chunks']) t.match(await ask(path), none, path);
  t.match(await ask('/head', 'HEAD'), none);
  const failed = (message: RegExp) => ({
    status: 'failed',
    error: { code: 'E003', type: 'output_not_json', message },
  });
  t.match(await ask('/text'), failed(/status 200.*has no content-type/));
  t.match(await ask('/html'), failed(/content-type: text\/html/));
  t.match(await ask('/blank'), failed(/./));
});

t.test('a target that fails twice and then works is asked three times', async (t) => {
  const { url, requests } = await target(t, (n, _request, response) => {
    response.writeHead(n < 3 ? 503 : 200).end(`answer ${n}`);
  });
  const s = await service(t, ALLOW);
  const done = await s.run(call(url, { retry: FAST }));
  t.match(done, {
    status: 'completed',
    retry: { attempts: 3, used: 3, next_at: null },
    attempts: [
      { number: 1, outcome: { cause: 'http_response', status: 503 } },
      { number: 2, outcome: { status: 503 } },
      { number: 3, outcome: { status: 200 } },
    ],
  });
  t.equal(requests.length, 3);
  t.same(
    requests.map(({ headers }) => headers['execution-attempt']),
    ['1', '2', '3'],
  );
  const first = await s.call('GET', `/v1/executions/${done.id}/logs?attempt=1`);
  t.equal(first.text, 'answer 1', 'each attempt has its log');
  const { text } = await s.call('GET', '/metrics');
  t.match(text, /retry_attempts_total\{operation_type="http"\} 2/);
  t.match((await s.call('GET', '/v1/stats')).body, { ratios: { timeout: 0, retry: 2 / 3 } });
  const retries = s.lines.filter(({ msg }) => msg.startsWith('Retry '));
  t.match(retries[0]?.msg, /^Retry 1\/3 for http after [\d.]+s: .*503/);
  t.match(retries, [
    { level: 40, attempts: 1, max_attempts: 3, cause: 'http_response', http_status: 503, error_code: 'E003' },
    { level: 40, attempts: 2, wait_ms: Number, message: /503/ },
  ]);
});

t.test('attempts that are used up are E005 and keep the last cause', async (t) => {
  const { url } = await target(t, (_n, _request, response) => response.writeHead(500).end());
  const s = await sharedService(t, SMALL_RESULTS);
  t.match(await s.run(call(url, { retry: FAST })), {
    status: 'failed',
    outcome: { cause: 'http_response', status: 500, exhausted: { attempts: 3, by: 'attempts' } },
    error: { code: 'E005', class: 'system', type: 'retry_exhausted', details: { status: 500 } },
  });
  const exceeded = s.lines.find(({ msg }) => msg === 'Retry count exceeded: http');
  t.match(exceeded, { level: 40, attempts: 3, http_status: 500, message: /500/ });
});

t.test('a status that another try does not help is not tried again', async (t) => {
  const { url, requests } = await target(t, (_n, _request, response) => response.writeHead(404).end());
  const s = await sharedService(t, SMALL_RESULTS);
  t.match(await s.run(call(url, { retry: FAST })), {
    status: 'failed',
    error: { code: 'E003', type: 'http_status' },
  });
  t.equal(requests.length, 1);
  t.match(await s.run(call(url, { expect: { statuses: ['4xx'] } })), { status: 'completed' });
});

t.test('how a target can fail, and what each failure is called', async (t) => {
  const s = await sharedService(t, LITTLE_ROOM);
  const hangs = await target(t, () => undefined);
  t.match(await s.run(call(hangs.url, { timeouts: { attempt_ms: 50 } })), {
    status: 'timed_out',
    outcome: { cause: 'attempt_timeout' },
  });
  const resets = await target(t, (_n, _request, response) => response.socket?.destroy());
  t.match(await s.run(call(resets.url)), { outcome: { cause: 'request_failed', reason: 'connection_lost' } });
  const endless = await target(t, (_n, _request, response) => {
    const more = () => response.write('x'.repeat(10_000)) && setImmediate(more);
    response.on('drain', more);
    more();
  });
  t.match(await s.run(call(endless.url, { output: { oversized: 'fail' } })), {
    status: 'failed',
    outcome: { cause: 'output_limit' },
    output: { stdout_kept_bytes: 3000 },
  });
  const inward = await target(t, (_n, _request, response) => {
    response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' }).end();
  });
  t.match(await s.run(call(inward.url, { retry: FAST })), {
    outcome: { cause: 'request_failed', reason: 'egress_denied' },
    attempts: { length: 1 },
  });
  t.match(await s.run(call('http://127.0.0.1:1/')), { outcome: { reason: 'connect_failed' } });
  t.match(await s.run(call('http://[::1]/')), { outcome: { reason: 'egress_denied' } });
});

t.test('nothing but public addresses is reached unless it is allowed', async (t) => {
  const { url, requests } = await target(t, (_n, _request, response) => response.end());
  const s = await sharedService(t);
  t.match(await s.run(call(url)), { outcome: { cause: 'request_failed', reason: 'egress_denied' } });
  t.equal(requests.length, 0);
});

t.test('each attempt has its own limit, and all of them together have one', async (t) => {
  const s = await sharedService(t, SMALL_RESULTS);
  const timeouts = () => counted(s, 'timeout_errors_total{operation_type="shell"}');
  const before = await timeouts();
  const slow = shell('sleep 30 & sleep 30', { timeouts: { attempt_ms: 100 }, retry: FAST });
  const done = await s.run(slow);
  t.match(done, {
    status: 'timed_out',
    outcome: { cause: 'attempt_timeout', limit_ms: 100, process: { survivors: 0 } },
    error: { code: 'E005', details: { exhausted: { attempts: 3, by: 'attempts' } } },
    attempts: { length: 3 },
  });
  const hasty = { ...slow, retry: { ...FAST, attempts: 100 }, timeouts: { attempt_ms: 100, total_ms: 350 } };
  const cut = await s.run(hasty);
  t.match(cut, { status: 'timed_out', outcome: { cause: 'total_timeout', limit_ms: 350 } });
  t.ok(cut.attempts.length < 5, `${cut.attempts.length} attempts`);
  t.equal((await timeouts()) - before, 2);
});

t.test('a call that waits for its answer is cancelled at once', async (t) => {
  const { url, requests } = await target(t, () => undefined);
  const s = await sharedService(t, SMALL_RESULTS);
  const { id } = await s.submit(call(url));
  await until('it was asked', () => requests.length === 1);
  await s.call('POST', `/v1/executions/${id}/cancel`);
  t.match(await s.finished(id), { status: 'cancelled', outcome: { cause: 'cancelled', process: null } });
});

// ----------------------------------------------------------------------------------------- operations

async function withOperations(t: Test, operations: object): Promise<[Service, string]> {
  const file = operationsFile(t, operations);
  return [await service(t, { ...ALLOW, EXECUTION_OPERATIONS_FILE: file }), file];
}

function operationsFile(t: Lifetime, operations: object): string {
  const file = join(tempDir(t), 'operations.json');
  writeFileSync(file, JSON.stringify(operations), { mode: 0o600 });
  return file;
}

const files = new WeakMap<Lifetime, string>();

/** A service that tests share, whose file now has these operations. What earlier ones of the same names did is remembered. */
async function givenOperations(t: Test, operations: object): Promise<[SharedService, string]> {
  const ofTests = ofFile();
  const file = files.get(ofTests) ?? operationsFile(ofTests, { operations: {} });
  files.set(ofTests, file);
  const s = await sharedService(t, { ...ALLOW, EXECUTION_OPERATIONS_FILE: file });
  writeFileSync(file, JSON.stringify(operations));
  const { status, text } = await s.call('POST', '/v1/admin/reload');
  if (status !== 200) throw new Error(text);
  return [s, file];
}

const GREET = {
  description: 'Greets',
  params: {
    properties: { name: { type: 'string' }, times: { type: 'integer', default: 1 } },
    required: ['name'],
  },
  run: { kind: 'exec', program: 'echo', args: ['hello {{name}}', '{{times}}'] },
};

t.test('an operation runs by its name, with its parameters', async (t) => {
  const [s] = await givenOperations(t, { operations: { greet: GREET } });
  const done = await s.run({ kind: 'operation', name: 'greet', params: { name: '$(id); ann' } });
  t.match(done, {
    status: 'completed',
    kind: 'operation',
    operation: 'greet',
    result: { stdout: 'hello $(id); ann 1\n' },
  });
  const wrong = await s.call('POST', '/v1/executions', {
    kind: 'operation',
    name: 'greet',
    params: { nam: 1 },
  });
  t.equal(wrong.status, 400);
  t.match(JSON.stringify(wrong.body), /\/params/);
  const unknown = await s.call('POST', '/v1/executions', { kind: 'operation', name: 'none' });
  t.match(unknown, { status: 400, body: { type: 'urn:execd:error:unknown_operation' } });
  const { body } = await s.call<{ items: { name: string; params: object }[] }>('GET', '/v1/operations');
  t.match(body.items, [{ name: 'greet', description: 'Greets', params: { type: 'object' } }]);
  const listed = await s.call<{ items: ExecutionWire[] }>('GET', '/v1/executions?operation=greet');
  t.same(
    listed.body.items.map(({ id }) => id),
    [done.id],
  );
  const result = await s.call('GET', `/v1/executions/${done.id}/result`);
  t.match(result.body, { step: 'greet', completed: true });
});

t.test('operations are read again on demand, whole or not at all', async (t) => {
  const [s, file] = await givenOperations(t, { operations: { greet: GREET } });
  writeFileSync(file, JSON.stringify({ operations: { greet: GREET, other: { run: { kind: 'exec' } } } }));
  const bad = await s.call('POST', '/v1/admin/reload');
  t.match(bad, { status: 422, body: { type: 'urn:execd:error:invalid_operations_file' } });
  t.equal((await s.call('GET', '/v1/operations/other')).status, 404);
  t.equal((await s.call('GET', '/v1/operations/greet')).status, 200);
  writeFileSync(file, JSON.stringify({ operations: { other: GREET } }));
  t.match(await s.call('POST', '/v1/admin/reload'), { status: 200, body: { operations: 1 } });
  t.equal((await s.call('GET', '/v1/operations/greet')).status, 404);
  t.match(await s.run({ kind: 'operation', name: 'other', params: { name: 'bob' } }), {
    status: 'completed',
  });
});

t.test(
  'a dead target opens the circuit, retries stay within the budget, and it recovers by itself',
  async (t) => {
    let isDead = true;
    const { url, requests } = await target(t, (_n, _request, response) => {
      response.writeHead(isDead ? 503 : 200).end('ok');
    });
    const operation = {
      run: { kind: 'http', url },
      retry: { attempts: 5, min_ms: 1, max_ms: 2 },
      retry_budget: { ratio: 0, per_second: 0, burst: 10 },
      circuit: { type: 'consecutive', failures: 150, open_ms: 300 },
    };
    const [s] = await givenOperations(t, { operations: { ask: operation } });
    const ask = { kind: 'operation', name: 'ask' };
    const { body: batch } = await s.call<{ items: { execution: { id: string } }[] }>(
      ...(['POST', '/v1/executions/batch', { executions: Array<object>(200).fill(ask) }] as const),
    );
    const ends = [];
    for (const { execution } of batch.items) ends.push(await s.finished(execution.id));
    t.ok(ends.every(({ status }) => status === 'failed'));
    t.ok(requests.length <= 210, `${requests.length} requests for 200 callers`);
    t.ok(ends.some(({ outcome }) => outcome?.exhausted?.by === 'budget'));
    const { body } = await s.call<{ items: { opened: number }[] }>('GET', '/v1/circuits');
    // On a slow machine it may have tried the target again already.
    t.match(body.items, [{ name: 'operation:ask', state: /open/ }]);
    t.ok((body.items[0]?.opened ?? 0) >= 1);
    const refused = await s.run({ kind: 'operation', name: 'ask' });
    if (refused.outcome?.cause === 'circuit_open') {
      t.match(refused, {
        status: 'failed',
        attempts: [],
        error: { code: 'E003', type: 'circuit_open', retryable: true },
      });
    }
    isDead = false;
    await until('it works again', async () => {
      const one = await s.run({ kind: 'operation', name: 'ask' });
      return one.status === 'completed';
    });
    t.match(
      (await s.call('GET', '/metrics')).text,
      /execd_circuit_opened_total\{circuit="operation:ask"\} [1-9]/,
    );
    const after = await s.call<{ items: object[] }>('GET', '/v1/circuits');
    t.match(after.body.items, [{ state: 'closed' }]);
  },
);

t.test('a circuit can be closed and held open by hand, by those who may', async (t) => {
  const { url } = await target(t, (_n, _request, response) => response.writeHead(500).end());
  const operation = { run: { kind: 'http', url }, circuit: { failures: 1, open_ms: 3_600_000 } };
  const [s] = await givenOperations(t, { operations: { closed: operation } });
  await s.run({ kind: 'operation', name: 'closed' });
  const open = await s.call<ExecutionWire>('POST', '/v1/executions', { kind: 'operation', name: 'closed' });
  t.equal(open.status, 200, 'it has ended already');
  t.match(open.body, {
    status: 'failed',
    attempts: [],
    outcome: { cause: 'circuit_open', circuit: 'operation:closed' },
  });
  t.match(await s.call('POST', '/v1/circuits/operation:closed/reset'), {
    status: 200,
    body: { state: 'closed' },
  });
  t.match(await s.run({ kind: 'operation', name: 'closed' }), { outcome: { cause: 'http_response' } });
  t.match(await s.call('POST', '/v1/circuits/none/reset'), { status: 404 });
  await s.call('POST', '/v1/circuits/operation:closed/reset');
  t.match(await s.call('POST', '/v1/circuits/operation:closed/isolate'), {
    status: 200,
    body: { state: 'isolated', next_probe_ms: null },
  });
  t.match(await s.run({ kind: 'operation', name: 'closed' }), {
    outcome: { cause: 'circuit_open', retry_after_ms: 3_600_000 },
  });
  await s.call('POST', '/v1/circuits/operation:closed/reset');
});

t.test('the limit of an operation follows what was observed', async (t) => {
  const operation = {
    run: { kind: 'exec', program: 'true' },
    adaptive_timeout: { factor: 2, min_ms: 5000, max_ms: 9000, min_samples: 2 },
  };
  const [s] = await givenOperations(t, { operations: { quick: operation } });
  const run = (more: object = {}) => s.run({ kind: 'operation', name: 'quick', ...more });
  t.match(await run(), { timeouts: { attempt_ms: 300_000 } });
  await run();
  t.match((await s.call('GET', '/v1/operations/quick')).body, {
    policy: { adaptive_timeout: { current_ms: 5000 } },
  });
  t.match(await run(), { timeouts: { attempt_ms: 5000 } });
  t.match(await run({ timeouts: { attempt_ms: 7000 } }), { timeouts: { attempt_ms: 7000 } });
});

// ---------------------------------------------------------------------------------------------- cache

t.test('a hit answers at once, with its age, and says where it comes from', async (t) => {
  const s = await sharedService(t);
  const spec = shell('date +%N; echo counted >> count', { cwd: tempDir(t), cache: {} });
  const first = await s.run(spec);
  t.match(first.cache, { mode: 'read_write', status: 'stored', scope: 'user', ttl_s: 3600, stored_at: null });
  const hit = await s.call<ExecutionWire>('POST', '/v1/executions', spec);
  t.equal(hit.status, 200);
  const [age, storedAt] = [Number(hit.headers.get('age')), Date.parse(hit.body.cache?.stored_at ?? '')];
  t.ok(age >= 0 && age * 1000 <= Date.now() - storedAt, `${age} s`);
  t.match(hit.body, { status: 'completed', cache: { status: 'hit', key: first.cache?.key ?? '' } });
  t.same(hit.body.result, first.result);
  const again = await s.call<ExecutionWire>('GET', `/v1/executions/${hit.body.id}`);
  t.same(again.body, hit.body);
  const keyed = await s.call<ExecutionWire>('POST', '/v1/executions', spec, { 'idempotency-key': 'k' });
  t.match(keyed, { status: 200, body: { cache: { status: 'hit' } } });
  const cached = s.lines.filter(({ msg }) => msg.startsWith('Cache '));
  t.same(
    cached.map(({ msg }) => msg),
    ['Cache miss: shell', 'Cache stored: shell', 'Cache hit: shell', 'Cache hit: shell'],
  );
  t.match(cached[2], {
    level: 20,
    cache_key: first.cache?.key,
    cache_scope: 'user',
    execution_id: hit.body.id,
  });
  const metrics = await s.call('GET', '/metrics');
  t.match(metrics.text, /cache_misses_total\{operation_type="shell"\} 1/);
  t.match(metrics.text, /cache_size 1/);
  t.match((await s.call('GET', '/health')).body, { cache_size: 1 });
  t.match((await s.call('GET', '/v1/stats')).body, { cache: { hits: 2, misses: 1, entries: 1 } });
});

t.test(
  'a hit is what the run made: its result, its totals and its log, for as long as that is there',
  async (t) => {
    const { url, requests } = await target(t, (_n, _request, response) => response.end('é'.repeat(50_000)));
    const s = await sharedService(t, SMALL_RESULTS);
    const long = shell('seq 5000; echo error >&2', { cache: {} });
    const short = shell('echo short', { cache: {} });
    const logs = (id: string, query = '') => s.call('GET', `/v1/executions/${id}/logs${query}`);
    const read = async (id: string) => [
      (await logs(id)).text,
      (await logs(id, '?tail=2&stream=stdout')).text,
    ];
    const runs: ExecutionWire[] = [];
    for (const spec of [long, short, call(url, { cache: {} })]) {
      const first = await s.run(spec);
      runs.push(first);
      const hit = await s.run(spec);
      t.match(hit, { cache: { status: 'hit', run_id: first.id, reason: null }, attempts: [] });
      const { log_path: _, ...output } = first.output;
      t.same([hit.result, hit.output], [first.result, output]);
      t.same(await read(hit.id), await read(first.id), 'the log is that of the run');
      const { body } = await s.call('GET', `/v1/cache/${first.cache?.key ?? ''}`);
      t.match(body, { run_id: first.id, result: first.result, user_id: 'local' });
      t.match(body.output, {
        stdout_bytes: first.output.stdout_bytes,
        stderr_kept_bytes: first.output.stderr_kept_bytes,
      });
    }
    t.match(runs[0]?.result, { stdout_bytes: 23_893, stdout_truncated: true, stderr_truncated: false });
    t.match(runs[2]?.result, { body: { text: 'é'.repeat(2500), truncated: true, bytes: 100_000 } });
    t.equal(requests.length, 1, 'a body that is larger than its result is kept too');
    const step = { ...long, name: 'a' };
    const plan = await s.call<{ id: string }>(
      'POST',
      '/v1/plans',
      { strategy: { type: 'serial' }, steps: [step], outputs: { all: '${steps.a.stdout}' } },
      { prefer: 'wait=30' },
    );
    t.match(
      plan.body,
      { status: 'completed', result: { all: /^1\n2\n[^]*\n5000\n$/ } },
      'a plan has all that the run wrote',
    );

    const again = await Promise.all([long, short].map((spec) => s.run(spec)));
    for (const { id } of runs) t.equal((await s.call('DELETE', `/v1/executions/${id}`)).status, 204);
    for (const { id, result } of again) {
      t.match(await logs(id), {
        status: 410,
        body: { type: 'urn:execd:error:log_read_failed', detail: /comes from the cache/ },
      });
      t.same((await s.call('GET', `/v1/executions/${id}`)).body.result, result, 'its result stays');
    }
    t.match((await s.run(short)).cache, { status: 'hit' }, 'what is whole needs no log');
    t.match((await s.run(long)).cache, { status: 'stored' }, 'what is an end is made again with its log');
  },
);

t.test('a request that keeps coming is answered like the first time, however often', async (t) => {
  const s = await sharedService(t, SMALL_RESULTS);
  const counts = async () => [
    await counted(s, 'cache_hits_total{operation_type="shell"}'),
    await counted(s, 'execd_executions_accepted_total{kind="shell"}'),
  ];
  const [hits = 0, accepted = 0] = await counts();
  const spec = shell('echo "é ✓"', { labels: { team: '"id":' }, task_id: '"trace_id":', cache: {} });
  await s.run(spec);
  const answers = [];
  for (let n = 0; n < 6; n++) answers.push(await s.call<ExecutionWire>('POST', '/v1/executions', spec));
  const [first] = answers;
  const names = (value: object) => Object.keys(value).join();
  for (const { status, headers, body } of answers) {
    t.match({ status, age: headers.get('age') }, { status: 200, age: /^\d+$/ });
    t.equal(headers.get('location'), `/v1/executions/${body.id}`);
    t.equal(names(body), names(first?.body ?? {}), 'the fields are in their order');
    const read = await s.call<ExecutionWire>('GET', `/v1/executions/${body.id}`);
    t.same(read.body, body);
    t.equal(read.headers.get('etag'), headers.get('etag'));
  }
  t.equal(new Set(answers.map(({ body }) => body.id)).size, 6);
  t.equal(new Set(answers.map(({ body }) => body.trace_id)).size, 6);
  const waited = await s.call('POST', '/v1/executions', spec, { prefer: 'wait=5' });
  t.equal(waited.headers.get('preference-applied'), 'wait=5');
  const traced = await s.call('POST', '/v1/executions', spec, {
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  });
  t.match(traced.body, { trace_id: '0af7651916cd43dd8448eb211c80319c' });
  const keyed = await Promise.all(
    [1, 2].map(() => s.call<ExecutionWire>('POST', '/v1/executions', spec, { 'idempotency-key': 'k' })),
  );
  t.equal(keyed[0]?.body.id, keyed[1]?.body.id, 'with a key it is one execution');
  t.match(await s.call('POST', '/v1/executions/batch', spec), { status: 400 }, 'only where it was known');
  t.match(await s.call('POST', '/v1/executions?x=1', spec), { status: 400 });
  await s.call('GET', '/v1/executions');
  t.same(await counts(), [hits + 9, accepted + 10], 'when they are stored');
});

t.test('an operation that has changed is not answered from what was known of it', async (t) => {
  const operation = (word: string) => ({
    run: { kind: 'exec', program: 'echo', args: [word] },
    cacheable: true,
  });
  const [s, file] = await givenOperations(t, { operations: { say: operation('old') } });
  const spec = { kind: 'operation', name: 'say', cache: {} };
  await s.run(spec);
  for (let n = 0; n < 4; n++) {
    t.match(await s.submit(spec), { cache: { status: 'hit' }, result: { stdout: 'old\n' } });
  }
  writeFileSync(file, JSON.stringify({ operations: { say: operation('new') } }));
  await s.call('POST', '/v1/admin/reload');
  t.match(await s.run(spec), { cache: { status: 'stored' }, result: { stdout: 'new\n' } });
  t.match(await s.submit(spec), { cache: { status: 'hit' }, result: { stdout: 'new\n' } });
  writeFileSync(file, JSON.stringify({ operations: {} }));
  await s.call('POST', '/v1/admin/reload');
  t.equal((await s.call('POST', '/v1/executions', spec)).status, 400);
});

t.test('the cache can be looked at, filled and emptied', async (t) => {
  const [s] = await withOperations(t, {
    operations: {
      cached: {
        params: { properties: { n: { type: 'integer' } } },
        run: { kind: 'exec', program: 'echo', args: ['{{n?}}'] },
        cache: { ttl_s: 0 },
      },
      plain: { run: { kind: 'exec', program: 'true' } },
    },
  });
  const operation = (n: number) => ({ kind: 'operation', name: 'cached', params: { n } });
  const warmed = await s.call<{ items: { status: number; execution?: ExecutionWire }[] }>(
    'POST',
    '/v1/cache/warm',
    {
      executions: [
        operation(1),
        shell('echo x', { cache: {} }),
        shell('echo y'),
        { kind: 'operation', name: 'plain' },
      ],
    },
  );
  t.same(
    warmed.body.items.map(({ status }) => status),
    [202, 202, 400, 400],
  );
  for (const { execution } of warmed.body.items) if (execution !== undefined) await s.finished(execution.id);
  const hit = await s.call<ExecutionWire>('POST', '/v1/executions', operation(1));
  t.match(hit, { status: 200, body: { cache: { status: 'hit', ttl_s: null } } });
  const key = hit.body.cache?.key ?? '';
  t.match((await s.call('GET', `/v1/cache/${key}`)).body, {
    key,
    operation: 'cached',
    result: { stdout: '1\n' },
    ttl_s: null,
  });
  t.match(await s.call('GET', '/v1/cache/none'), { status: 404 });
  t.match((await s.call('GET', '/v1/cache')).body, { entries: 2, hits: 1, misses: 2 });
  t.same((await s.call('DELETE', '/v1/cache?operation=cached')).body, { removed: 1 });
  t.same((await s.call('DELETE', `/v1/cache?key=${key}`)).body, { removed: 0 });
  t.same((await s.call('DELETE', '/v1/cache?all=true')).body, { removed: 1 });
  t.match((await s.run(operation(1))).cache, { status: 'stored' });

  const warm = (executions: object[], headers = {}) =>
    s.call<{ items: { status: number; execution: ExecutionWire }[] }>(
      'POST',
      '/v1/cache/warm',
      { executions },
      { prefer: 'wait=60', ...headers },
    );
  const fails = shell('exit 3', { cache: {} });
  const waited = await warm([operation(1), operation(2), fails]);
  t.equal(waited.headers.get('preference-applied'), 'wait=60');
  t.match(
    waited.body.items.map(({ status, execution }) => [status, execution.status, execution.cache?.status]),
    [
      [200, 'completed', 'hit'],
      [200, 'completed', 'stored'],
      [200, 'failed', 'miss'],
    ],
    'what is warm is not run again, and the answer waits',
  );
  await until('it is in the log', () => s.lines.some(({ msg }) => msg === 'Warm-up operation failed'));
  t.match(
    s.lines.filter(({ msg }) => msg === 'Warm-up operation failed'),
    [{ execution_id: waited.body.items[2]?.execution.id, cause: 'exited', level: 40 }],
  );
  const fresh = await warm([{ ...operation(1), cache: { mode: 'refresh' } }]);
  t.match(fresh.body.items, [{ execution: { cache: { status: 'stored' } } }]);
});

t.test('a value can be put into the cache, and what is there is listed, by those who may', async (t) => {
  const s = await service(t, {
    EXECUTION_API_KEYS_FILE: keysFile(t, {
      ann: { scopes: ['submit', 'read'] },
      bob: { scopes: ['submit', 'read'] },
      root: {},
      eve: {},
    }),
    EXECUTION_CACHE_MAX_BYTES: '100000',
  });
  const as = (user: string, spec: object) =>
    s.call<ExecutionWire>('POST', '/v1/executions', spec, { ...bearer(user), prefer: 'wait=60' });
  const keyOf = async (user: string, spec: object) =>
    (await s.call<{ cache: { key: string } }>('POST', '/v1/executions/dry-run', spec, bearer(user))).body
      .cache.key;
  const put = (user: string, key: string, body: object) =>
    s.call('PUT', `/v1/cache/${key}`, body, bearer(user));
  const spec = shell('exit 1', { cache: {} });
  const key = await keyOf('ann', spec);
  t.match(
    await put('ann', key, {
      value: { n: 12345678901234567890n.toString() },
      ttl_s: 60,
      operation: 'made.up',
    }),
    {
      status: 201,
      body: {
        key,
        user_id: 'ann',
        run_id: null,
        operation: 'made.up',
        result: { n: '12345678901234567890' },
        ttl_s: Number,
        output: null,
      },
    },
  );
  t.match(await as('ann', spec), {
    status: 200,
    body: {
      status: 'completed',
      outcome: { cause: 'provided' },
      result: { n: '12345678901234567890' },
      cache: { status: 'hit', run_id: null },
    },
  });
  t.match(await put('ann', key, { value: null, ttl_s: 0 }), {
    status: 200,
    body: { result: null, ttl_s: null },
  });
  t.match((await as('ann', spec)).body, { result: null, cache: { status: 'hit' } }, 'null is a result');

  t.equal(
    (await put('bob', key, { value: 'poison' })).status,
    201,
    'the same key of another user is another entry',
  );
  t.match((await as('ann', spec)).body, { result: null });
  t.match((await as('bob', spec)).body, { status: 'failed', cache: { status: 'miss' } });
  const shared = shell('echo all', { cache: { scope: 'global' } });
  const common = await keyOf('root', shared);
  t.match(await put('ann', common, { value: 1, scope: 'global' }), {
    status: 403,
    body: { errors: [{ field: '/scope' }] },
  });
  t.equal((await put('root', common, { value: 'common', scope: 'global' })).status, 201);
  t.match((await as('root', shared)).body, { result: 'common', cache: { status: 'hit' } });

  const made = shell('echo made', { cache: { scope: 'global' } });
  const { body: first } = await as('root', made);
  const { body: hit } = await as('eve', made);
  t.match(hit, { user_id: 'eve', cache: { status: 'hit', run_id: first.id } });
  const log = (id: string, user: string) =>
    s.call('GET', `/v1/executions/${id}/logs?format=ndjson`, undefined, bearer(user));
  t.equal(
    (await log(hit.id, 'eve')).text,
    (await log(first.id, 'root')).text,
    'the log goes with a shared result',
  );
  t.equal((await log(hit.id, 'ann')).status, 404);
  await s.call('DELETE', `/v1/cache?key=${first.cache?.key}&all=true`, undefined, bearer('root'));

  const rows: [body: object, key: string, status: number, more: object][] = [
    [{ value: 'x'.repeat(20_000) }, key, 413, { type: 'urn:execd:error:cache_value_too_large' }],
    [{}, key, 400, { errors: [{ field: '/value' }] }],
    [{ value: 1, ttl_s: -1 }, key, 400, { errors: [{ field: '/ttl_s' }] }],
    [{ value: 1 }, 'k', 400, { errors: [{ field: 'key' }] }],
  ];
  for (const [body, at, status, more] of rows)
    t.match(await put('bob', at, body), { status, body: more }, JSON.stringify(body).slice(0, 50));
  t.equal(
    (await s.call('GET', `/v1/cache/${key}`, undefined, bearer('bob'))).status,
    404,
    'what it replaced is gone too',
  );

  for (let n = 0; n < 5; n++) await put('ann', String(n).repeat(64), { value: n, ttl_s: 60 });
  const list = async (user: string, query = '') => {
    const answer = await s.call<{
      items: { key: string; user_id: string | null }[];
      next_cursor: string | null;
    }>('GET', `/v1/cache/entries${query}`, undefined, bearer(user));
    if (answer.status !== 200) return answer.status;
    return answer.body;
  };
  const all: unknown[] = [];
  for (let cursor = ''; ;) {
    const page = await list('ann', `?limit=3${cursor}`);
    if (typeof page === 'number') throw new Error(`${page}`);
    all.push(...page.items);
    if (page.next_cursor === null) break;
    cursor = `&cursor=${page.next_cursor}`;
  }
  t.equal(all.length, 7, 'six of their own and a shared one');
  t.match(await list('bob'), { items: [{ key: common, user_id: null, bytes: Number }] });
  t.match(await list('root', '?user=ann&operation=made.up'), { items: [] });
  t.equal(await list('bob', '?user=ann'), 403);
  const everybody = await list('root', '?all=true');
  t.equal((everybody as { items: unknown[] }).items.length, 7);
  const stats = (await s.call('GET', '/v1/cache', undefined, bearer('ann'))).body;
  t.match(stats, { entries: 7, expiring: 6, refused: 1, max_bytes: 100_000 });
  const health = await s.call('GET', '/health');
  t.match(health.body, { components: { cache: { status: 'healthy', detail: null } } });
  t.same(
    (await s.call('GET', '/v1/cache', undefined, bearer('ann'))).body,
    stats,
    'the check leaves entries and counts alone',
  );
});

t.test('two operations with equal parameters never share a result', async (t) => {
  const same = {
    params: { properties: { text: { type: 'string' } }, required: ['text'] },
    run: { kind: 'exec', program: 'printenv', args: ['EXECUTION_ID'], env: { TEXT: '{{text}}' } },
    cache: {},
  };
  const [s] = await givenOperations(t, { operations: { one: same, other: same } });
  const run = (name: string, more: object = {}) =>
    s.run({ kind: 'operation', name, params: { text: 'a' }, ...more });
  const one = await run('one');
  const other = await run('other');
  const ofTask = await run('one', { task_id: 't' });
  t.same(
    [one, other, ofTask].map(({ cache }) => cache?.status),
    ['stored', 'stored', 'stored'],
  );
  t.equal(new Set([one, other, ofTask].map(({ result }) => JSON.stringify(result))).size, 3);
  t.match(await run('one'), { cache: { status: 'hit' }, result: one.result });
});

t.test('what fails or does not fit is not kept', async (t) => {
  const s = await sharedService(t, LITTLE_ROOM);
  const reasons = {
    ...{ 'exit 1': 'not_completed', 'kill $$': 'not_completed' },
    ...{ 'seq 1000': 'output_truncated', 'seq 500': 'too_large' },
  };
  for (const [command, reason] of Object.entries(reasons)) {
    const spec = shell(command, { cache: {} });
    const first = await s.run(spec);
    const second = await s.run(spec);
    t.same([first.cache?.status, second.cache?.status], ['miss', 'miss'], command);
    t.match(first.cache, { reason, run_id: null }, 'and it says why');
  }
  t.match((await s.run(shell('true', { cache: { mode: 'read' } }))).cache, {
    status: 'miss',
    reason: 'mode',
  });
  const { text } = await s.call('GET', '/metrics');
  t.match(text, /execd_cache_not_stored_total\{operation_type="shell",reason="not_completed"\} 4/);
  t.match(text, /execd_cache_not_stored_total\{operation_type="shell",reason="output_truncated"\} 2/);
  t.match(text, /execd_cache_not_stored_total\{operation_type="shell",reason="too_large"\} 2/);
  t.match((await s.run(shell('seq 5', { cache: {} }))).cache, { status: 'stored', reason: null });
});

t.test('a limit that moves does not make other results', async (t) => {
  const operation = {
    run: { kind: 'exec', program: 'true' },
    adaptive_timeout: { min_ms: 5000, max_ms: 9000, min_samples: 1 },
    cache: {},
  };
  const [s] = await givenOperations(t, { operations: { both: operation } });
  const run = (more: object = {}) => s.run({ kind: 'operation', name: 'both', ...more });
  await run({ cache: { mode: 'write' } });
  await run({ cache: { mode: 'write' } });
  t.match(await run(), { cache: { status: 'hit' } });
});

t.test('no more of an operation run than may, and what waits says why', async (t) => {
  const [s] = await givenOperations(t, {
    operations: { one: { run: { kind: 'exec', program: 'sleep', args: ['60'] }, concurrency: 1 } },
  });
  const first = await s.submit({ kind: 'operation', name: 'one' });
  const second = await s.submit({ kind: 'operation', name: 'one' });
  t.match(await s.inPhase(second.id, 'queued'), { queue: { position: 0, reason: 'concurrency_limit' } });
  t.match(await s.run(shell('true')), { status: 'completed' }, 'others are not held up');
  const refused = await s.call('POST', '/v1/executions', {
    kind: 'operation',
    name: 'one',
    on_limit: 'reject',
  });
  t.match(refused, { status: 429, body: { type: 'urn:execd:error:limit_reached' } });
  const idle = await s.call<{ store: { commits: number } }>('GET', '/v1/stats');
  await s.run(shell('true'));
  const later = await s.call<{ store: { commits: number } }>('GET', '/v1/stats');
  t.ok(later.body.store.commits - idle.body.store.commits < 20, 'nobody asks for it again and again');
  await s.call('POST', `/v1/executions/${first.id}/cancel`);
  await s.inPhase(second.id, 'running');
});

t.test('what the operations file names is warm soon after the start, also after a restart', async (t) => {
  const file = join(tempDir(t), 'operations.json');
  const count = join(tempDir(t), 'count');
  const script = `#!/bin/sh\necho "$1"\necho ran >> ${count}\n`;
  const operation = {
    params: { properties: { n: { type: 'integer' } } },
    run: { kind: 'script', source: script, args: ['{{n?}}'] },
    cache: {},
    warm: [{ params: { n: 7 } }, { params: { n: 'seven' } }],
  };
  writeFileSync(file, JSON.stringify({ operations: { count: operation } }), { mode: 0o600 });
  const env = {
    EXECUTION_OPERATIONS_FILE: file,
    EXECUTION_DATA_DIR: tempDir(t),
    EXECUTION_CACHE_PERSIST: 'true',
  };
  const warm = async (s: Service) => {
    const spec = { kind: 'operation', name: 'count', params: { n: 7 } };
    await until(
      'it is kept',
      async () => (await s.call<{ entries: number }>('GET', '/v1/cache')).body.entries === 1,
    );
    t.match((await s.call('POST', '/v1/executions', spec)).body, {
      cache: { status: 'hit' },
      result: { stdout: '7\n' },
    });
  };
  const first = await service(t, env);
  await warm(first);
  await until('the other is told of', () =>
    first.lines.some(({ msg }) => msg === 'Warm-up operation failed'),
  );
  await first.stop();
  await warm(await service(t, env));
  t.equal(readFileSync(count, 'utf8'), 'ran\n', 'it ran once');
});
