// The list of faults, as far as it is about what comes in over HTTP and about whose it is: each test is named as its case.
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { isKey, mintKey } from '../../src/access/mint.ts';
import { rawRequest, service, sharedService, shell } from '../helpers/build.ts';
import { fakeClock } from '../helpers/clock.ts';
import { bearer, keysFile, token, sharedKeys } from '../helpers/keys.ts';
import { until } from '../helpers/processes.ts';

interface Problem {
  type: string;
  detail: string;
  errors?: { field: string; message: string }[];
}
const EXEC = { kind: 'exec', program: 'true' };
const exec = (more: object) => ({ ...EXEC, ...more });

/** Whether all of an answer is there that names its length. */
function isWhole(answer: string): boolean {
  const [, head = '', length] = /^(.*?\r\ncontent-length: (\d+)\r\n.*?\r\n\r\n)/is.exec(answer) ?? [];
  return length !== undefined && answer.length >= head.length + Number(length);
}

/** Sends bytes as they are; answers what comes until the connection ends. A server that still listens then need not. */
async function speak(url: string, ...pieces: string[]): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.setEncoding('latin1').on('data', (piece: string) => {
    answer += piece;
    if (isWhole(answer)) socket.end();
  });
  socket.on('error', () => undefined);
  for (const piece of pieces) socket.write(piece);
  await once(socket, 'close');
  return answer;
}
const HEAD =
  'POST /v1/executions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n';
const ended = (body: string) => `${HEAD}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

// ------------------------------------------------------------------------------------------ HTTP input

t.test('JSON 100k levels deep; recursive plan 5k deep', async (t) => {
  const { call } = await sharedService(t);
  for (const [open, close] of [
    ['[', ']'],
    ['{"steps":[', ']}'],
  ] as const) {
    for (const depth of [5000, 50_000]) {
      const answer = await call<Problem>('POST', '/v1/executions', open.repeat(depth) + close.repeat(depth));
      t.match(answer, { status: 400, body: { type: 'urn:execd:error:too_deep' } });
    }
  }
});

t.test('duplicate JSON keys', async (t) => {
  const { call, run } = await sharedService(t);
  const cases: [string, string][] = [
    ['{"kind":"exec","program":"ls","program":"rm"}', '/program'],
    ['{"kind":"exec","program":"ls","env":{"A":"1","B":"2","A":"3"}}', '/env/A'],
    ['{"kind":"exec","program":"ls","\\u0070rogram":"rm"}', '/program'],
    ['{"kind":"exec","program":"ls","labels":{"a":"1"},"labels":{}}', '/labels'],
  ];
  for (const [body, field] of cases) {
    const answer = await call<Problem>('POST', '/v1/executions', body);
    t.match(answer, { status: 400, body: { errors: [{ field, message: 'is a duplicate key' }] } }, body);
  }
  const batch = await call<Problem>(
    'POST',
    '/v1/executions/batch',
    '{"executions":[{"kind":"exec","program":"true"},{"kind":"exec","program":"a","program":"b"}]}',
  );
  t.match(batch.body.errors, [{ field: '/executions/1/program' }]);
  t.match(await run({ kind: 'shell', command: 'echo "{\\"a\\":1,\\"a\\":2}: [{"' }), { status: 'completed' });
});

t.test('unknown fields (uid, gid, tenant, sandbox)', async (t) => {
  const { call } = await sharedService(t);
  for (const field of ['uid', 'gid', 'tenant', 'sandbox']) {
    const answer = await call<Problem>('POST', '/v1/executions', exec({ [field]: 0 }));
    t.match(answer, { status: 400, body: { errors: [{ field: `/${field}`, message: 'unknown field' }] } });
  }
});

t.test('type coercion: command:["ls"], null, 5, true, timeout:"10"', async (t) => {
  const { call } = await sharedService(t);
  for (const command of [['ls'], null, 5, true, { toString: 'ls' }]) {
    t.equal((await call('POST', '/v1/executions', { kind: 'shell', command })).status, 400);
  }
  t.equal((await call('POST', '/v1/executions', exec({ timeouts: { attempt_ms: '10' } }))).status, 400);
  t.equal((await call('POST', '/v1/executions', exec({ retry_safe: 'true' }))).status, 400);
});

t.test('1e400, -0, 2^53+1, NaN strings, negative and zero limits', async (t) => {
  const { call } = await sharedService(t);
  for (const value of ['1e400', '-1', '0', '9007199254740993', '"NaN"', '1.5', '-1e-400', 'NaN']) {
    const body = `{"kind":"exec","program":"true","timeouts":{"attempt_ms":${value}}}`;
    t.equal((await call('POST', '/v1/executions', body)).status, 400, value);
  }
  t.match(await call('POST', '/v1/executions', '{"kind":"exec","program":"true","priority":-0}'), {
    status: 202,
    body: { priority: 0 },
  });
});

t.test('body 10 GB chunked, body larger than limit, slow body 1 B/s', async (t) => {
  const { call, url, app } = await sharedService(t);
  const declared = await speak(url, `${HEAD}Content-Length: 10000000000\r\n\r\n`);
  t.match(declared, /^HTTP\/1\.1 413 /, 'it is not read to be refused');
  const chunk = `${(65_536).toString(16)}\r\n${' '.repeat(65_536)}\r\n`;
  const endless = await speak(
    url,
    `${HEAD}Transfer-Encoding: chunked\r\n\r\n`,
    ...Array<string>(64).fill(chunk),
  );
  t.match(endless, /^(HTTP\/1\.1 413 |$)/);
  t.equal((await call('POST', '/v1/executions', `"${'x'.repeat(1_100_000)}"`)).status, 413);
  t.equal(app.server.server.requestTimeout, 0, 'bodies are watched by execd itself, but those of uploads');
  t.equal(app.server.server.headersTimeout, 15_000);
});

t.test('a body, and headers, that trickle in are given up; an upload may take long', async (t) => {
  const clock = fakeClock();
  const { app, url, call, dataDir } = await service(t, {}, { clock });
  // The very mechanism of Node, with less patience.
  Object.assign(app.server.server, { headersTimeout: 100 });
  const head = speak(url, 'POST /v1/executions HTTP/1.1\r\nHost: lo');
  t.match(await head, /^HTTP\/1\.1 408 /);
  Object.assign(app.server.server, { headersTimeout: 15_000 });
  const late = async (text: string) => {
    const slow = speak(url, text);
    await until('its body is awaited', () => clock.hasTimer(30_000));
    await clock.advance(30_000);
    return slow;
  };
  const late408 = /^HTTP\/1\.1 408 [^]*urn:execd:error:request_timeout/;
  t.match(await late(`${HEAD}Content-Length: 100\r\n\r\n{`), late408);
  const { hostname, port } = new URL(url);
  const upload = request({
    ...{ hostname, port, method: 'POST', path: '/v1/uploads' },
    headers: { 'content-type': 'application/octet-stream', 'content-length': 10 },
  });
  upload.write('begun');
  const accepted = once(upload, 'response') as Promise<[IncomingMessage]>;
  await until('it is taken in', () => readdirSync(join(dataDir, 'files/new')).length > 0);
  await clock.advance(120_000);
  upload.end('ended');
  const [response] = await accepted;
  t.equal(response.statusCode, 201);
  response.resume();
  t.equal((await call('GET', '/livez')).status, 200);
});

t.test(
  'who has connected and asks nothing, or only half of it, does not hold up the end of the server',
  async (t) => {
    const { url, stop, call } = await service(t);
    const { hostname, port } = new URL(url);
    const silent = connect(Number(port), hostname);
    const half = connect(Number(port), hostname);
    for (const socket of [silent, half]) socket.on('error', () => undefined).resume();
    half.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /livez HTTP/1.1\r\nHost: lo');
    await once(half, 'data');
    await call('GET', '/livez');
    await Promise.all([stop(), once(silent, 'close'), once(half, 'close')]);
  },
);

t.test('a flood of headers is refused, and ends its own connection only', async (t) => {
  const { url, call } = await sharedService(t);
  const many = Array.from({ length: 5000 }, (_, i) => `X-${i}: ${i}\r\n`).join('');
  t.match(
    await speak(url, `GET /v1/executions HTTP/1.1\r\nHost: localhost\r\n${many}\r\n`),
    /^HTTP\/1\.1 431 /,
  );
  t.equal((await call('GET', '/livez')).status, 200);
});

t.test('gzip request body, zip bomb', async (t) => {
  const { call } = await sharedService(t);
  for (const encoding of ['gzip', 'deflate', 'br', 'gzip, gzip', 'x']) {
    const answer = await call<Problem>('POST', '/v1/executions', '{}', { 'content-encoding': encoding });
    t.match(answer, { status: 415, body: { type: 'urn:execd:error:unsupported_encoding' } }, encoding);
  }
});

t.test(
  'content-type oddities: charset=utf-16, leading space, trailing garbage, none, text/plain',
  async (t) => {
    const { url } = await sharedService(t);
    const body = JSON.stringify(exec({ uid: 0 }));
    for (const type of [
      ...['application/json; charset=utf-16', 'application/json garbage', 'text/plain', 'application/jsonx'],
      ...['application/json\t; charset=x', 'application/x-www-form-urlencoded', 'application/json;;', ''],
    ]) {
      const { status } = await rawRequest(url, {
        method: 'POST',
        path: '/v1/executions',
        headers: { 'content-type': type },
        body,
      });
      t.ok([400, 415].includes(status), `${JSON.stringify(type)}: ${status}`);
    }
    t.match(await speak(url, ended(body).replace('Type: app', 'Type:   app')), /^HTTP\/1\.1 400 [^]*\/uid/);
  },
);

t.test('invalid UTF-8 body, BOM, lone surrogate escapes', async (t) => {
  const { call } = await sharedService(t);
  const bytes = (...parts: (string | number[])[]) =>
    Buffer.concat(parts.map((one) => Buffer.from(one as string)));
  const send = (body: Uint8Array) => call<Problem>('POST', '/v1/executions', body);
  const broken = bytes('{"kind":"exec","program":"', [0xff, 0xfe], '"}');
  t.match(await send(broken), { status: 400, body: { type: 'urn:execd:error:invalid_utf8' } });
  const withMark = await send(bytes([0xef, 0xbb, 0xbf], JSON.stringify(EXEC)));
  t.equal(withMark.status, 202, 'a byte order mark is passed over (RFC 8259 §8.1)');
  t.equal((await send(bytes('{"kind":"exec","program":"\\ud800"}'))).status, 400);
});

t.test('prototype pollution changes no object, and is refused by its name', async (t) => {
  const { call } = await sharedService(t);
  for (const body of [
    '{"kind":"exec","program":"true","__proto__":{"polluted":1}}',
    '{"kind":"exec","program":"true","env":{"__proto__":"x"}}',
    '{"kind":"exec","program":"true","labels":{"constructor":{"prototype":{"polluted":1}}}}',
  ]) {
    t.equal((await call('POST', '/v1/executions', body)).status, 400, body);
  }
  t.equal(({} as { polluted?: unknown }).polluted, undefined);
  for (const path of ['/v1/operations/__proto__', '/v1/operations/constructor', '/v1/cache/__proto__'])
    t.equal((await call('GET', path)).status, 404, path);
  t.equal((await call('POST', '/v1/circuits/__proto__/reset')).status, 404);
});

t.test('two Host headers are refused, whatever they say', async (t) => {
  const { url } = await sharedService(t);
  for (const second of ['Host: localhost', 'HOST: evil.test', 'host:']) {
    const answer = await speak(
      url,
      `GET /v1/executions HTTP/1.1\r\nHost: localhost\r\n${second}\r\nConnection: close\r\n\r\n`,
    );
    t.match(answer, /^HTTP\/1\.1 400 [^]*urn:execd:error:malformed_request/, second);
  }
});

t.test('unknown HTTP methods, 1000 distinct paths', async (t) => {
  const { call, url } = await sharedService(t);
  await Promise.all(Array.from({ length: 1000 }, (_, i) => call('GET', `/v1/${i.toString(36)}/x`)));
  for (const method of ['PUT', 'OPTIONS', 'PROPFIND'])
    t.ok([404, 405].includes((await rawRequest(url, { method, path: '/v1/executions' })).status), method);
  t.match(await speak(url, 'BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n'), /^HTTP\/1\.1 400 /);
  const { text } = await call('GET', '/metrics');
  const routes = new Set([...text.matchAll(/route="([^"]*)"/g)].map(([, route]) => route));
  t.ok(routes.size < 40, [...routes].join(' '));
});

t.test(
  'auth: none, empty, wrong scheme, right prefix wrong secret, revoked, expired, key in query string',
  async (t) => {
    // Over every route: access-matrix.test.ts.
    const { call } = await service(t, { EXECUTION_API_KEYS_FILE: keysFile(t, { ann: {} }) });
    for (const authorization of [
      '',
      'Bearer',
      'Bearer ',
      'Bearer nothing',
      `Token ${token('ann')}`,
      'Bearer ek_ann_',
    ]) {
      const answer = await call('GET', '/v1/executions', undefined, { authorization });
      t.equal(answer.status, 401, authorization);
      t.equal(answer.headers.get('www-authenticate'), 'Bearer');
    }
    t.equal((await call('GET', `/v1/executions?authorization=Bearer%20${token('ann')}`)).status, 401);
  },
);

t.test('timing of wrong key', async (t) => {
  // No timing in a test: what it rests on. Every answer takes a hash of the whole token and one comparison of 32 bytes.
  const { key, secret } = mintKey(
    { user: 'ann', scopes: ['read'], may_run: 'any' },
    { now: 0, createdBy: null },
  );
  t.ok(isKey(secret, key));
  t.notOk(isKey(`${secret.slice(0, -1)}_`, key));
  t.notOk(isKey(secret, undefined), 'one that is not there is compared as well');
  t.notOk(isKey('', undefined));
  t.equal(key.sha256.length, 64);
  t.ok(secret.length - `ek_${key.id}_`.length >= 43, '256 bits');
});

t.test('webhook/UI CSRF and DNS-rebinding to loopback', async (t) => {
  const { url } = await sharedService(t);
  const post = (headers: Record<string, string>) =>
    rawRequest(url, { method: 'POST', path: '/v1/executions', headers, body: JSON.stringify(EXEC) });
  const json = { 'content-type': 'application/json' };
  t.equal((await post({ ...json, host: 'evil.test' })).status, 403);
  t.equal((await post({ ...json, origin: 'https://evil.test' })).status, 403);
  t.equal((await post({ 'content-type': 'text/plain', origin: url })).status, 415);
  const answer = await post(json);
  t.equal(answer.status, 202);
  t.notOk('set-cookie' in answer.headers);
  t.notOk('access-control-allow-origin' in answer.headers);
});

t.test('paths that lead elsewhere, in ids and in names, lead nowhere', async (t) => {
  const { call, url } = await sharedService(t);
  const up = [
    '..',
    '../../etc/passwd',
    '..%2f..%2f..%2fetc%2fpasswd',
    '%2e%2e',
    '....//',
    '%00',
    '..\\..\\x',
    '%c0%ae',
  ];
  for (const path of up) {
    for (const route of [
      '/v1/executions/ID',
      '/v1/executions/ID/logs',
      '/v1/executions/ID/result',
      '/v1/cache/ID',
      '/v1/operations/ID',
    ]) {
      const { status, body } = await rawRequest(url, { path: route.replace('ID', path) });
      t.ok([400, 404].includes(status), `${route.replace('ID', path)}: ${status}`);
      t.notMatch(body.toString(), /root:|at .*\.ts/);
    }
  }
  const traversal = {
    ...EXEC,
    task_id: '../../x',
    labels: { 'a/../..': '../..' },
    cache: { salt: '../../x' },
  };
  const answer = await call<{ id: string }>('POST', '/v1/executions', traversal, { prefer: 'wait=9' });
  t.match(answer, { status: 200, body: { status: 'completed', task_id: '../../x' } });
});

t.test('answers say nothing of the program, forbid sniffing and framing, and name no server', async (t) => {
  const { url } = await sharedService(t);
  for (const path of ['/v1/executions', '/v1/executions/x', '/nothing', '/livez']) {
    const { headers, body } = await rawRequest(url, { path });
    t.match(headers, {
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
    t.notOk('server' in headers || 'x-powered-by' in headers);
    t.notMatch(body.toString(), /node_modules|\.ts:|stack/);
  }
});

// --------------------------------------------------------------------- tenancy, idempotency, cache

const twoUsers = (t: Test) =>
  sharedService(
    t,
    sharedKeys({
      ...{ ann: {}, bob: {}, ann2: { user: 'ann' } },
      plain: { user: 'ann', scopes: ['submit', 'read'] },
    }),
  );

t.test('body/headers claim another tenant', async (t) => {
  const { call } = await twoUsers(t);
  for (const field of ['tenantId', 'user_id', 'user', 'submitted_by']) {
    const answer = await call<Problem>('POST', '/v1/executions', exec({ [field]: 'bob' }), bearer('ann'));
    t.match(answer, { status: 400, body: { errors: [{ field: `/${field}` }] } });
  }
  for (const name of ['x-user', 'x-tenant-id', 'x-user-id', 'x-forwarded-user', 'remote-user']) {
    t.match(await call('POST', '/v1/executions', EXEC, { ...bearer('plain'), [name]: 'bob' }), {
      body: { user_id: 'ann' },
    });
  }
  t.equal(
    (await call('POST', '/v1/executions', EXEC, { ...bearer('plain'), 'execution-user': 'bob' })).status,
    403,
  );
});

t.test('same Idempotency-Key, same body, 50 parallel', async (t) => {
  const { call } = await sharedService(t);
  const answers = await Promise.all(
    Array.from({ length: 50 }, () =>
      call<{ id: string }>('POST', '/v1/executions', EXEC, { 'idempotency-key': 'one' }),
    ),
  );
  t.equal(new Set(answers.map(({ body }) => body.id)).size, 1);
  t.equal(answers.filter(({ headers }) => headers.get('idempotency-replayed') === 'true').length, 49);
});

t.test('same key, different body', async (t) => {
  const { call } = await sharedService(t);
  const send = (body: object) => call('POST', '/v1/executions', body, { 'idempotency-key': 'two' });
  t.equal((await send(EXEC)).status, 202);
  t.match(await send(exec({ args: ['x'] })), {
    status: 422,
    body: { type: 'urn:execd:error:idempotency_key_reused' },
  });
});

t.test('same key from another tenant / another key of same tenant', async (t) => {
  const { call } = await twoUsers(t);
  const send = async (who: string) =>
    (await call<{ id: string }>('POST', '/v1/executions', EXEC, { ...bearer(who), 'idempotency-key': 'one' }))
      .body.id;
  const [ann, bob, again] = [await send('ann'), await send('bob'), await send('ann2')];
  t.not(ann, bob);
  t.equal(again, ann, 'shared by the keys of a user');
});

t.test('key reuse after TTL, after failure, after 5xx', async (t) => {
  const clock = fakeClock();
  const { call } = await service(t, {}, { clock });
  const send = (body: object = EXEC) =>
    call<{ id: string }>('POST', '/v1/executions', body, { 'idempotency-key': 'one' });
  t.equal((await send({ ...EXEC, uid: 0 })).status, 400);
  const first = await send();
  t.equal(first.status, 202, 'a refusal leaves no key');
  t.equal((await send()).body.id, first.body.id);
  await clock.advance(24 * 3600 * 1000 + 1);
  t.not((await send()).body.id, first.body.id, 'after a day it is another request');
});

t.test('cache: same command, other tenant', async (t) => {
  const { call } = await twoUsers(t);
  const cached = shell('date +%N', { cache: {} });
  const send = async (who: string) =>
    (
      await call<{ cache: { status: string } }>('POST', '/v1/executions', cached, {
        ...bearer(who),
        prefer: 'wait=9',
      })
    ).body.cache.status;
  t.same(
    [await send('ann'), await send('bob'), await send('ann2'), await send('bob')],
    ['stored', 'stored', 'hit', 'hit'],
  );
});

t.test('cache poison: failed, truncated, timed-out, cancelled, non-zero result', async (t) => {
  const s = await sharedService(t);
  const specs = [
    shell('exit 1', { cache: {} }),
    shell('echo too much', { cache: {}, output: { max_bytes: 3 } }),
    shell('sleep 60', { cache: {}, timeouts: { attempt_ms: 50 } }),
    shell('kill -9 $$', { cache: {} }),
    { kind: 'exec', program: '/nowhere', cache: {} },
  ];
  for (const spec of specs) {
    for (let i = 0; i < 2; i++)
      t.match(await s.run(spec), { cache: { status: 'miss' } }, JSON.stringify(spec));
  }
  const long = shell('sleep 60', { cache: {} });
  const { id } = await s.submit(long);
  await s.call('POST', `/v1/executions/${id}/cancel`);
  t.match(await s.finished(id), { cache: { status: 'miss' } });
});

t.test('per-tenant concurrency limit under 20 tenants, one greedy', async (t) => {
  const users = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`u${i}`, {}]));
  const { call, app } = await service(t, {
    EXECUTION_API_KEYS_FILE: keysFile(t, users),
    EXECUTION_MAX_CONCURRENT: '4',
    EXECUTION_USER_MAX_RUNNING: '2',
  });
  const greedy = { executions: Array.from({ length: 500 }, () => shell('sleep 0.02')) };
  await call('POST', '/v1/executions/batch', greedy, bearer('u0'));
  let most = 0;
  app.engine.listen((_event, execution) => {
    if (execution.userId === 'u0') most = Math.max(most, execution.status === 'running' ? 1 : 0);
  });
  const others = await Promise.all(
    Object.keys(users)
      .slice(1)
      .map((user) => call('POST', '/v1/executions', shell('true'), { ...bearer(user), prefer: 'wait=30' })),
  );
  t.ok(
    others.every(({ status }) => status === 200),
    'each of the others has finished',
  );
  const { views: left } = await app.engine.list({ userId: 'u0', status: ['pending'] }, 1000, null);
  t.ok(left.length > 100, `while ${left.length} of the greedy one still wait`);
  t.equal(most, 1);
});

// --------------------------------------------------------------------------------------- operations

t.test('audit log', async (t) => {
  const s = await service(t);
  const { id } = await s.submit(shell('echo audited'));
  const file = join(s.dataDir, 'audit', `${new Date().toISOString().slice(0, 10)}.jsonl`);
  // On its way to the disk before the answer was: nothing is waited for.
  const line = JSON.parse(readFileSync(file, 'utf8').trim()) as object;
  t.match(line, { user: 'local', status: 202, execution_id: id, what: 'shell "echo audited"' });
  await until('it has ended', async () => (await s.finished(id)).phase === 'done');
});
