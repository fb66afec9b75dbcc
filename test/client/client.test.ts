// The client against a real server, some of it through a proxy that cuts connections.
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import {
  connect,
  ConnectionError,
  type ConnectOptions,
  dataOf,
  type Execd,
  ExecutionFailedError,
  InvalidRequestError,
  LimitError,
  type LogChunk,
  LogMismatchError,
  NotFoundError,
  PlanFailedError,
  verifyWebhook,
  WebhookSignatureError,
} from '../../src/client/index.ts';
import { sharedService, shell as anyShell } from '../helpers/build.ts';
import { cuttingProxy, noWaits } from '../helpers/cutting-proxy.ts';
import { closedPort, httpServer } from '../helpers/http-world.ts';
import { until } from '../helpers/processes.ts';

const shell = (command: string, more: object = {}) => ({
  ...anyShell(command, more),
  kind: 'shell' as const,
  command,
});

async function client(t: Test, options: ConnectOptions = {}): Promise<Execd> {
  return connect({ url: (await sharedService(t)).url, ...options });
}

async function collect(log: AsyncIterable<LogChunk>): Promise<{ stdout: string; stderr: string }> {
  const pieces = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  for await (const { stream, bytes } of log) pieces[stream].push(bytes);
  const text = (list: Uint8Array[]) => Buffer.concat(list).toString('latin1');
  return { stdout: text(pieces.stdout), stderr: text(pieces.stderr) };
}

t.test('run answers what has completed, and throws what has not, with its cause', async (t) => {
  const execd = await client(t);
  const done = await execd.run(shell('echo hi'));
  t.match(done, { status: 'completed', result: { stdout: 'hi\n' } });
  const failed = await execd.run(shell('echo no >&2; exit 3')).catch((error: unknown) => error);
  t.ok(failed instanceof ExecutionFailedError);
  t.match(failed, { outcome: { cause: 'exited', exit_code: 3 }, execution: { status: 'failed' } });
  t.match((failed as Error).message, 'code 3');
  const wrong = await execd
    .submit({ ...shell('x'), timeouts: { attempt_ms: -1 } })
    .catch((error: unknown) => error);
  t.ok(wrong instanceof InvalidRequestError);
  t.match(wrong, {
    status: 400,
    type: 'validation',
    problem: { errors: [{ field: '/timeouts/attempt_ms' }] },
  });
  t.match((wrong as Error).message, '/timeouts/attempt_ms: ');
  const missing = await execd.get('01900000-0000-7000-8000-000000000000').catch((error: unknown) => error);
  t.ok(missing instanceof NotFoundError);
  t.ok((await dataOf(execd.api.GET('/v1/stats'))).total >= 2, 'each path has its types');
});

t.test('an abort stops the wait, and cancels what runs unless it is to be left', async (t) => {
  const execd = await client(t);
  for (const cancelOnAbort of [true, false]) {
    const task_id = `abort-${cancelOnAbort}`;
    const abort = new AbortController();
    const running = execd.run({ ...shell('sleep 60'), task_id }, { signal: abort.signal, cancelOnAbort });
    const [one] = await firstOf(execd, task_id);
    abort.abort(new Error('enough'));
    await t.rejects(running, { message: 'enough' });
    const { cancel, phase } = await execd.get(one);
    t.equal(cancel !== null || phase === 'done', cancelOnAbort);
    await execd.cancel(one, { grace_ms: 0 });
    t.equal((await execd.wait(one)).status, 'cancelled');
  }
});

async function firstOf(execd: Execd, task_id: string): Promise<[id: string]> {
  let id: string | undefined;
  await until('it runs', async () => {
    for await (const one of execd.list({ task_id, phase: ['running'] })) id = one.id;
    return id !== undefined;
  });
  return [id as string];
}

t.test('a log comes byte for byte, by stream, from a place on, and with its totals', async (t) => {
  const execd = await client(t);
  const { id } = await execd.run(shell("printf 'a\\303'; printf '\\251\\377\\0b\\n'; echo err >&2"));
  const log = execd.follow(id);
  t.same(await collect(log), { stdout: 'a\u00c3\u00a9\u00ff\u0000b\n', stderr: 'err\n' });
  t.match(log.end, { complete: true, stdout_kept_bytes: 7, stderr_kept_bytes: 4 });
  t.same(await collect(execd.logs(id, { stream: 'stderr' })), { stdout: '', stderr: 'err\n' });
  t.equal((await collect(execd.logs(id, { cursor: '1.4', stream: 'stdout' }))).stdout, '\u0000b\n');
  t.equal((await collect(execd.logs(id, { limit_bytes: 2, follow: true }))).stdout.length, 2);
});

t.test('connections that break cost no byte and double none, of logs, events and waits', async (t) => {
  const { url } = await sharedService(t);
  const cut = await cuttingProxy(t, url, { cuts: 60 });
  const clock = noWaits();
  const execd = connect({ url: cut.url, clock });
  const spec = shell('for i in $(seq 300); do echo line $i; echo err $i >&2; done');
  const execution = await execd.submit(spec);
  const log = execd.follow(execution.id);
  const { stdout, stderr } = await collect(log);
  const lines = (word: string) => Array.from({ length: 300 }, (_, i) => `${word} ${i + 1}\n`).join('');
  t.equal(stdout, lines('line'));
  t.equal(stderr, lines('err'));
  t.equal(log.end?.complete, true);
  t.ok(cut.made() > 10, `${cut.made()} connections`);
  t.ok(clock.slept.length > 5);
  const types: string[] = [];
  let output = '';
  for await (const { type, data } of execd.executionEvents(execution.id, { output: true })) {
    if (type === 'output' && 'stream' in data) output += data.stream === 'stdout' ? (data.text ?? '') : '';
    else types.push(type);
  }
  t.equal(output, lines('line'));
  t.same([types[0], types.at(-1)], ['accepted', 'completed']);
  t.equal(new Set(types).size, types.length);
  const plan = await connect({ url }).plan({
    strategy: { type: 'parallel' },
    steps: ['a', 'b'].map((name) => ({ ...shell(`for i in $(seq 50); do echo ${name} $i; done`), name })),
  });
  const again = connect({ url: (await cuttingProxy(t, url, { cuts: 8 })).url, clock });
  const seen: Record<string, string> = { a: '', b: '' };
  for await (const { step, text } of again.plans.logs(plan.id, { follow: true })) seen[step] += text ?? '';
  for (const name of ['a', 'b'])
    t.equal(seen[name], Array.from({ length: 50 }, (_, i) => `${name} ${i + 1}\n`).join(''));
});

t.test('a stream of all events goes on where it was cut, also before its first event', async (t) => {
  const { url } = await sharedService(t);
  const clock = noWaits();
  const cut = await cuttingProxy(t, url, { cuts: 1 });
  const direct = connect({ url });
  const execd = connect({ url: cut.url, clock });
  const abort = new AbortController();
  const stream = execd.events({ after: 'now', type: ['completed'] }, { signal: abort.signal });
  const first = stream.next();
  await until('it is connected', () => cut.made() >= 1);
  const ids: string[] = [];
  const seen: string[] = [];
  // When the stream begins is the server's matter: what it has told of once, it goes on from without a gap.
  const running = (async () => {
    while (seen.length < 3) ids.push((await direct.run(shell('true'))).id);
  })();
  for (let next = await first; next.done !== true; next = await stream.next()) {
    seen.push(next.value.data.execution_id);
    if (seen.length === 3) abort.abort(new Error('enough'));
    if (seen.length === 3) break;
  }
  await running;
  const from = ids.indexOf(seen[0] ?? '');
  t.same(seen, ids.slice(from, from + 3));
});

t.test('a plan is run, validated and read; one that fails is thrown', async (t) => {
  const execd = await client(t);
  const step = (name: string, command: string) => ({ name, ...shell(command) });
  const body = { strategy: { type: 'serial' as const }, steps: [step('a', 'exit 4')] };
  t.match(await execd.plans.validate(body), { valid: true, levels: [['a']] });
  const failed = await execd.plan(body).catch((error: unknown) => error);
  t.ok(failed instanceof PlanFailedError);
  const { id } = (failed as PlanFailedError).plan;
  const types: string[] = [];
  for await (const { data } of execd.plans.events(id)) types.push(`${data.step ?? 'plan'} ${data.type}`);
  t.equal(types.at(-1), 'plan failed');
});

t.test('a list is read page by page', async (t) => {
  const execd = await client(t);
  const task_id = 'pages';
  for (let i = 0; i < 3; i++) await execd.run({ ...shell('true'), task_id });
  const ids: string[] = [];
  for await (const { id } of execd.list({ task_id, limit: 1 })) ids.push(id);
  t.equal(new Set(ids).size, 3);
});

t.test('what may be repeated is repeated, as late as the server asks for; the rest is not', async (t) => {
  const seen: string[] = [];
  const url = await httpServer(t, (request, response) => {
    const key = String(request.headers['idempotency-key'] ?? '');
    seen.push(`${request.method} ${request.url} ${key}`);
    const isLast = seen.filter((one) => one === seen.at(-1)).length === 3;
    response.writeHead(isLast ? 200 : 503, { 'content-type': 'application/json', 'retry-after': '2' });
    response.end(JSON.stringify(isLast ? { id: 'x', phase: 'done' } : PROBLEM));
  });
  const clock = noWaits();
  const retries: number[] = [];
  const execd = connect({ url, clock, onRetry: ({ tries }) => retries.push(tries) });
  t.equal((await execd.get('x')).id, 'x');
  t.same(
    [clock.slept, retries],
    [
      [2000, 2000],
      [1, 2],
    ],
  );
  t.equal((await execd.submit(shell('true'), { idempotencyKey: 'k' })).id, 'x');
  t.equal(seen.filter((one) => one.endsWith(' k')).length, 3, 'one key for all tries');
  t.equal((await execd.api.POST('/v1/admin/keys', { body: KEY })).response.status, 503);
  t.equal(seen.filter((one) => one.startsWith('POST /v1/admin/keys')).length, 1);
  const limited = await httpServer(t, (_request, response) => {
    response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '3600' });
    response.end(JSON.stringify({ ...PROBLEM, status: 429 }));
  });
  const error = await connect({ url: limited, clock })
    .get('x')
    .catch((one: unknown) => one);
  t.ok(error instanceof LimitError);
  t.equal((error as LimitError).retryAfterMs, 3_600_000, 'too long to wait for');
});

const KEY = { user: 'ann', scopes: ['read' as const], may_run: 'any' as const };
const PROBLEM = {
  ...{ type: 'urn:execd:error:store_unavailable', title: 'No', status: 503, code: 'E006', class: 'system' },
  ...{ fault: 'system', detail: 'No.', retryable: true },
};

t.test(
  'a server that is not there is named, with the reason; an answer of another program is shown',
  async (t) => {
    const url = `http://127.0.0.1:${await closedPort()}`;
    const error = await connect({ url, retryMs: 0 })
      .get('x')
      .catch((one: unknown) => one);
    t.ok(error instanceof ConnectionError);
    t.match((error as Error).message, new RegExp(`^Cannot reach execd at ${url}: .*ECONNREFUSED`));
    const other = await httpServer(t, (_request, response) => response.writeHead(418).end('<h1>teapot</h1>'));
    await t.rejects(connect({ url: other }).get('x'), { message: /returned 418.*teapot/, status: 418 });
    const abort = new AbortController();
    const silent = await httpServer(t, () => abort.abort(new Error('gone')));
    await t.rejects(connect({ url: silent }).get('x', { signal: abort.signal }), { message: 'gone' });
  },
);

t.test('a log that is not the one that the server has is noticed', async (t) => {
  const record = (offset: number, text: string) => ({
    seq: 1,
    attempt: 1,
    stream: 'stdout',
    time: '',
    text,
    cursor: `1.${offset}`,
  });
  const end = { end: true, complete: true, stdout_kept_bytes: 3, stderr_kept_bytes: 0, cursor: '1.3' };
  const logs: [string, object[]][] = [
    ['continues at byte 2, not at byte 1', [record(1, 'a'), record(3, 'c'), end]],
    ['has 3 bytes of stdout; 2 came', [record(1, 'a'), record(2, 'b'), end]],
  ];
  for (const [message, lines] of logs) {
    const server = createHttpServer((_request, response) =>
      response.end(lines.map((one) => `${JSON.stringify(one)}\n`).join('')),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const error = await collect(connect({ url }).logs('x')).catch((one: unknown) => one);
    t.ok(error instanceof LogMismatchError);
    t.match((error as Error).message, message);
  }
});

t.test('a webhook is taken with its signature only', async (t) => {
  const { Webhook } = await import('standardwebhooks');
  const secret = `whsec_${Buffer.from('a secret of the test').toString('base64')}`;
  const body = JSON.stringify({ type: 'execd.test' });
  const now = new Date();
  const headers = {
    'Webhook-Id': 'msg_1',
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign('msg_1', now, body),
  };
  t.match(verifyWebhook(body, headers, secret), { type: 'execd.test' });
  t.match(verifyWebhook(Buffer.from(body), new Headers(headers), ['whsec_b3RoZXI=', secret]), {
    type: 'execd.test',
  });
  t.throws(() => verifyWebhook(`${body} `, headers, secret), WebhookSignatureError);
  t.throws(() => verifyWebhook(body, {}, secret), WebhookSignatureError);
});

t.test('an answer without content is taken as a browser gives it: with an empty stream', async (t) => {
  let calls = 0;
  const execd = connect({
    async fetch() {
      calls += 1;
      const { body } = new Response('');
      return Object.defineProperty(new Response(null, { status: 204 }), 'body', { value: body });
    },
  });
  await execd.remove('01a1fc37-169a-7000-b5d6-b0eaa1bf6012');
  t.equal(calls, 1);
});
