import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { SECURITY_HEADERS } from '../../src/http/edge/gate.ts';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { rawRequest, service, sharedService, shell } from '../helpers/build.ts';
import { bearer, keysFile, sha256, sharedKeys, token } from '../helpers/keys.ts';
import { tempDir } from '../helpers/temp.ts';

/** Of one service for all tests with keys: each asks with those that it needs. */
const KEYS = {
  ann: {},
  bob: {},
  late: { expires_at: '2020-01-01T00:00:00Z' },
  soon: { expires_at: '2999-01-01T00:00:00Z' },
  reader: { user: 'ann', scopes: ['read'] },
  submitter: {
    user: 'ann',
    scopes: ['submit', 'read'],
    may_run: [{ program: '/bin/echo', env: ['LANG'] }],
  },
  canceller: { user: 'ann', scopes: ['cancel'] },
  carl: { may_run: [] },
  dora: { scopes: ['read'] },
  eve: {},
  fay: {},
  admin: { user: 'ann' },
  plain: { user: 'ann', scopes: ['submit', 'read'] },
};
const SHARED = { EXECUTION_ALLOWED_HOSTS: 'ci.internal, Proxy.Local', EXECUTION_METRICS_PORT: '0' };
const withKeys = (t: Test) => sharedService(t, sharedKeys(KEYS));

t.test('on loopback, only names of the loopback are answered', async (t) => {
  const { url } = await sharedService(t, SHARED);
  const { port } = new URL(url);
  const status = async (host: string) =>
    (await rawRequest(url, { path: '/v1/executions', headers: { host } })).status;
  for (const host of [
    `127.0.0.1:${port}`,
    'localhost',
    'LOCALHOST:1',
    '[::1]:80',
    '127.9.9.9',
    'ci.internal:5',
  ]) {
    t.equal(await status(host), 200, host);
  }
  for (const host of [
    'evil.test',
    `evil.test:${port}`,
    '127.0.0.1.evil.test',
    'localhost.evil.test',
    '10.0.0.1',
  ]) {
    t.equal(await status(host), 403, host);
  }
  const { body } = await rawRequest(url, { path: '/livez', headers: { host: 'evil.test' } });
  t.match(JSON.parse(body.toString()), {
    type: 'urn:execd:error:host_not_allowed',
    detail: 'The host "evil.test" is not a name of this server. Add it to EXECUTION_ALLOWED_HOSTS.',
  });
});

t.test('a target in absolute form names the host that counts', async (t) => {
  const { url } = await sharedService(t, SHARED);
  const ask = (target: string, host = 'localhost') => sent(url, [`GET ${target} HTTP/1.1`, `Host: ${host}`]);
  t.match(await ask('http://localhost:1/v1/stats'), /^HTTP\/1\.1 200 /);
  for (const target of [
    'http://evil.test/v1/stats',
    'https://evil.test/',
    'http://localhost@evil.test/v1/stats',
  ]) {
    t.match(await ask(target), /^HTTP\/1\.1 403 [^]*host_not_allowed/, target);
  }
  t.match(await ask('http://localhost/v1/stats', 'evil.test'), /^HTTP\/1\.1 403 /);
  const ownPage = ['Host: localhost', 'Origin: http://evil.test'];
  t.match(await sent(url, ['GET http://localhost/v1/stats HTTP/1.1', ...ownPage]), /origin_not_allowed/);
});

t.test('a header that a request has once is not read from one of two', async (t) => {
  const { url } = await sharedService(t, SHARED);
  const names = [
    'Host',
    'authorization',
    'Content-Type',
    'Idempotency-Key',
    'Execution-User',
    'Origin',
    'If-Modified-Since',
  ];
  for (const name of names) {
    const answer = await sent(url, [
      'GET /v1/stats HTTP/1.1',
      `${name}: localhost`,
      'Host: localhost',
      `${name}: b`,
    ]);
    t.match(answer, /^HTTP\/1\.1 400 [^]*malformed_request/, name);
    if (name !== 'Host') t.match(answer, new RegExp(`more than one ${name} header`));
  }
  t.match(
    await sent(url, ['GET /livez HTTP/1.1', 'Host: localhost', 'Accept: a', 'Accept: b']),
    /^HTTP\/1\.1 200 /,
  );
});

t.test(
  'every answer has the security headers, also streams, the metrics port and what is not HTTP',
  async (t) => {
    const { url, app, run } = await sharedService(t, SHARED);
    const { id } = await run(shell('true'));
    const metrics = app.metricsAddress() ?? '';
    const paths = [
      '/v1/events',
      `/v1/executions/${id}/events`,
      `/v1/executions/${id}/logs?format=sse`,
      '/nowhere',
      '/',
    ];
    const answers = paths.map((path) => sent(url, [`HEAD ${path} HTTP/1.1`, 'Host: localhost']));
    answers.push(
      sent(metrics, ['GET /livez HTTP/1.1', 'Host: localhost']),
      sent(url, ['nonsense']),
      sent(metrics, ['nonsense']),
    );
    for (const answer of await Promise.all(answers)) {
      for (const [name, value] of Object.entries(SECURITY_HEADERS))
        t.ok(answer.toLowerCase().includes(`${name}: ${value}`), `${name} in ${answer}`);
    }
  },
);

t.test('a refusal is heard by clients that send all of a body before they read', async (t) => {
  const { url } = await withKeys(t);
  const json = 'Content-Type: application/json';
  const ann = `Authorization: ${bearer('ann').authorization}`;
  const cases: [number, string, string[]][] = [
    [413, '/v1/executions', [json, ann]],
    [401, '/v1/executions', [json]],
    [403, '/v1/executions', [json, ann, 'Origin: http://evil.test']],
    [415, '/v1/executions', ['Content-Type: text/plain', ann]],
    [415, '/v1/executions', [json, ann, 'Content-Encoding: gzip']],
    [404, '/v1/nowhere', [json, ann]],
    [405, '/v1/stats', [json, ann]],
  ];
  const size = 4 * 1024 * 1024;
  for (const [status, path, headers] of cases) {
    for (const connection of ['close', 'keep-alive']) {
      const head = [`POST ${path} HTTP/1.1`, 'Host: localhost', `Connection: ${connection}`, ...headers];
      const answer = await sentWhole(url, [...head, `Content-Length: ${size}`], Buffer.alloc(size, ' '));
      t.match(answer, new RegExp(`^HTTP/1.1 ${status} [^]*urn:execd:error:`), `${status} ${connection}`);
      if (status === 413)
        t.match(answer, `The body has ${size} bytes; this route accepts at most 1048576 bytes.`);
    }
  }
});

/** Sends the head of a request; all that comes back until its end. */
function sent(url: string, lines: string[]): Promise<string> {
  return sentWhole(url, [...lines, ...(lines.length > 1 ? ['Connection: close'] : [])], Buffer.alloc(0));
}

/** Reads only when all is sent. Rejects when the connection is reset. */
function sentWhole(url: string, lines: string[], body: Buffer): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let answer = '';
    socket.on('error', reject);
    socket.setEncoding('latin1').on('end', () => resolve(answer));
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    socket.write(body, () => {
      socket.on('data', (text: string) => {
        answer += text;
        // One that stays open is closed by its client.
        if (/connection: keep-alive/i.test(answer) && answer.endsWith('}')) socket.end();
      });
    });
  });
}

t.test('a web page of another origin cannot make it run anything', async (t) => {
  const { url, call } = await sharedService(t, SHARED);
  const { host } = new URL(url);
  const post = (origin: string) =>
    rawRequest(url, {
      method: 'POST',
      path: '/v1/executions',
      headers: { host, origin, 'content-type': 'application/json' },
      body: JSON.stringify(shell('true')),
    });
  const counts = async () => (await call('GET', '/v1/stats')).body.executions;
  const before = await counts();
  for (const origin of ['https://evil.test', 'null', 'http://localhost:1', 'not an origin']) {
    const { status, body, headers } = await post(origin);
    t.equal(status, 403, origin);
    t.match(JSON.parse(body.toString()), { type: 'urn:execd:error:origin_not_allowed' });
    t.notOk('access-control-allow-origin' in headers);
  }
  t.same(await counts(), before);
  t.equal((await post(`http://${host}`)).status, 202, 'its own pages may');
  const form = await rawRequest(url, {
    method: 'POST',
    path: '/v1/executions',
    headers: { host, 'content-type': 'text/plain' },
    body: JSON.stringify(shell('true')),
  });
  t.equal(form.status, 415, 'nor can a form');
});

// ------------------------------------------------------------------------------------------ keys

t.test('only a right key is accepted', async (t) => {
  const { call } = await withKeys(t);
  const list = (headers: Record<string, string>) => call('GET', '/v1/executions', undefined, headers);
  t.equal((await list(bearer('ann'))).status, 200);
  t.equal((await list(bearer('soon'))).status, 200);
  t.equal((await list({ authorization: `bearer ${token('ann')}` })).status, 200, 'the scheme has no case');
  const bad: [string, Record<string, string>][] = [
    ['none', {}],
    ['empty', { authorization: '' }],
    ['without a scheme', { authorization: token('ann') }],
    ['another scheme', { authorization: `Basic ${Buffer.from(token('ann')).toString('base64')}` }],
    ['a wrong secret', { authorization: `Bearer ${token('ann').slice(0, -1)}x` }],
    ['a longer secret', { authorization: `Bearer ${token('ann')}s` }],
    ['an unknown id', bearer('nobody')],
    ['an expired key', bearer('late')],
    ['the hash instead of the key', { authorization: `Bearer ek_ann_${sha256(token('ann'))}` }],
  ];
  for (const [what, headers] of bad) {
    const answer = await list(headers);
    t.match(answer, { status: 401, body: { type: 'urn:execd:error:unauthorized' } }, what);
    t.equal(answer.headers.get('www-authenticate'), 'Bearer');
  }
  t.equal(
    (await call('GET', `/v1/executions?access_token=${token('ann')}`)).status,
    401,
    'a key in the URL is none',
  );
});

t.test('a key can do what its scopes say, and run what it may', async (t) => {
  const { call } = await withKeys(t);
  const status = async (method: string, path: string, id: string, body?: unknown) =>
    (await call(method, path, body, bearer(id))).status;
  t.equal(await status('GET', '/v1/executions', 'reader'), 200);
  t.equal(await status('GET', '/metrics', 'reader'), 200);
  t.equal(await status('POST', '/v1/executions', 'reader', shell('true')), 403);
  t.equal(await status('GET', '/v1/executions', 'canceller'), 403);
  t.equal(await status('POST', '/v1/executions/cancel', 'canceller', { all: true }), 202);
  t.equal(await status('POST', '/v1/admin/cleanup', 'submitter'), 403);
  const allowed = { kind: 'exec', program: '/bin/echo', args: ['hi'], env: { LANG: 'C' } };
  t.equal(await status('POST', '/v1/executions', 'submitter', allowed), 202);
  for (const body of [
    shell('true'),
    { ...allowed, program: '/bin/sh' },
    { ...allowed, env: { LD_PRELOAD: '/x' } },
  ]) {
    const answer = await call('POST', '/v1/executions', body, bearer('submitter'));
    t.match(answer, { status: 403, body: { type: 'urn:execd:error:command_not_allowed' } });
  }
  const batch = await call<{ items: { status: number }[] }>(
    'POST',
    '/v1/executions/batch',
    { executions: [allowed, shell('true')] },
    bearer('submitter'),
  );
  t.same(
    batch.body.items.map(({ status }) => status),
    [202, 403],
  );
});

t.test('a request that is known from one caller is judged anew for another', async (t) => {
  const { call } = await withKeys(t);
  const spec = shell('echo secret', { cache: {} });
  const submit = (name: string) =>
    call<ExecutionWire>('POST', '/v1/executions', spec, { ...bearer(name), prefer: 'wait=30' });
  for (const status of ['stored', 'hit', 'hit', 'hit', 'hit']) {
    t.match((await submit('ann')).body, { user_id: 'ann', cache: { status } });
  }
  for (const status of ['stored', 'hit', 'hit', 'hit', 'hit']) {
    t.match((await submit('bob')).body, { user_id: 'bob', cache: { status } });
  }
  t.equal((await submit('carl')).status, 403);
  t.equal((await submit('dora')).status, 403);
  t.match((await submit('ann')).body, { user_id: 'ann', cache: { status: 'hit' } });
});

t.test("another user's execution is not there, on any route", async (t) => {
  const { call } = await withKeys(t);
  const { body } = await call<{ id: string }>('POST', '/v1/executions', shell('echo secret; sleep 60'), {
    ...bearer('eve'),
    'idempotency-key': 'same',
  });
  const path = `/v1/executions/${body.id}`;
  const asFay: [string, string, unknown?][] = [
    ['GET', path],
    ['GET', `${path}?wait=1`],
    ['GET', `${path}/result`],
    ['GET', `${path}/logs`],
    ['GET', `${path}/logs?follow=true`],
    ['PATCH', path, { priority: 1 }],
    ['POST', `${path}/cancel`],
    ['POST', `${path}/rerun`],
    ['DELETE', path],
  ];
  for (const [method, target, payload] of asFay) {
    const answer = await call(method, target, payload, bearer('fay'));
    t.match(answer, { status: 404, body: { type: 'urn:execd:error:not_found' } }, `${method} ${target}`);
  }
  t.match(await call('GET', '/v1/executions', undefined, bearer('fay')), { body: { items: [] } });
  t.match(await call('POST', '/v1/executions/cancel', { all: true }, bearer('fay')), {
    body: { cancelled: 0, canceling: 0 },
  });
  const own = await call<{ id: string }>('POST', '/v1/executions', shell('true'), {
    ...bearer('fay'),
    'idempotency-key': 'same',
  });
  t.equal(own.status, 202, 'their keys do not meet');
  t.match(await call('GET', path, undefined, bearer('eve')), { body: { status: 'running', user_id: 'eve' } });
});

t.test('only administrators see where a log lies', async (t) => {
  const { call } = await withKeys(t);
  const { body } = await call<{ id: string }>('POST', '/v1/executions', shell('true'), {
    ...bearer('plain'),
    prefer: 'wait=9',
  });
  t.notMatch(JSON.stringify(body), /log_path/);
  const seen = await call('GET', `/v1/executions/${body.id}`, undefined, bearer('admin'));
  t.match(seen.body, { output: { log_path: /\.log$/ } });
  const hidden = await call('GET', `/v1/executions/${body.id}`, undefined, bearer('plain'));
  t.notMatch(hidden.text, /log_path/);
});

t.test('a keys file that is not safe or not right stops the start, with every reason', async (t) => {
  const fails = async (file: string, pattern: RegExp) =>
    t.rejects(service(t, { EXECUTION_API_KEYS_FILE: file }), { name: 'ConfigError', message: pattern });
  await fails(keysFile(t, { ann: {} }, 0o644), /every user of this machine/);
  await fails('/no/such/file', /no such file/);
  await fails(keysFile(t, {}), /at least one key/);
  await fails(keysFile(t, { ann: { scopes: ['root'], may_run: 'everything' } }), /scopes[^]*may_run/);
  await fails(
    keysFile(t, { ann: { may_run: 'all' } }),
    /\/keys\/0\/may_run: must be "any", "policy" or a list of programs/,
  );
  await fails(
    keysFile(t, { ann: { may_run: [{ program: 'make' }] } }),
    /\/may_run\/0\/program: must be an absolute/,
  );
  const file = join(tempDir(t), 'keys.json');
  writeFileSync(file, 'not json', { mode: 0o600 });
  await fails(
    file,
    /EXECUTION_API_KEYS_FILE: .* is not JSON: a value was expected, not "n" \(line 1, column 1\)/,
  );
});
