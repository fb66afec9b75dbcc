import { connect } from 'node:net';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { type Answer, rawRequest, sharedService, shell, service } from '../helpers/build.ts';
import { bodiesOf } from '../helpers/body-shapes.ts';
import { until } from '../helpers/processes.ts';

interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  errors?: { field: string; message: string }[];
}

/** That an answer is a problem of this type, and a whole one. */
function isProblem(t: Test, answer: Answer<Problem>, status: number, type: string): void {
  t.equal(answer.status, status, answer.text);
  t.match(answer.headers.get('content-type'), /^application\/problem\+json/);
  t.match(answer.body, { type: `urn:execd:error:${type}`, status, code: /^E00\d$/ });
  t.ok(answer.body.title.length > 0 && answer.body.detail.length > 0);
  t.notMatch(answer.text, /node_modules|\.ts:|at [A-Z]/, 'nothing of the inside gets out');
}

const exec = (more: object) => ({ kind: 'exec', program: 'true', ...more });

const BODIES: [string, unknown, number, string, string | null][] = [
  ['an unknown field', exec({ uid: 0 }), 400, 'validation', '/uid'],
  ['an unknown field in depth', exec({ timeouts: { wall_ms: 1 } }), 400, 'validation', '/timeouts/wall_ms'],
  ['another kind than there is', { kind: 'fortran' }, 400, 'validation', '/kind'],
  ['no kind', {}, 400, 'validation', '/kind'],
  ['a wrong type', exec({ args: 'x' }), 400, 'validation', '/args'],
  [
    'more members than can be looked at in good time',
    exec({ env: Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`a${i}`, 1])) }),
    400,
    'too_many_members',
    null,
  ],
  [
    'too many environment names',
    exec({ env: Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`a${i}`, ''])) }),
    400,
    'validation',
    '/env',
  ],
  ['NUL in an argument', exec({ args: ['a\0b'] }), 400, 'validation', '/args/0'],
  ['NUL in the environment', exec({ env: { A: '\0' } }), 400, 'validation', '/env/A'],
  ['= in an environment name', exec({ env: { 'A=B': '' } }), 400, 'validation', '/env/A=B'],
  ['/ and ~ in a name', exec({ env: { 'a/b~c': 5 } }), 400, 'validation', '/env/a~1b~0c'],
  ['an argument that is too long', exec({ args: ['x'.repeat(131_072)] }), 400, 'validation', '/args/0'],
  [
    'a limit over the maximum',
    exec({ timeouts: { attempt_ms: 3_600_001 } }),
    400,
    'validation',
    '/timeouts/attempt_ms',
  ],
  ['stdin of a wrong form', exec({ stdin: { text: 'x' } }), 400, 'validation', '/stdin/base64'],
  ['a list for the whole', [], 400, 'validation', ''],
  ['text for the whole', '"true"', 400, 'validation', ''],
  ['null for the whole', 'null', 400, 'validation', ''],
  ['half a document', '{"kind": ', 400, 'malformed_json', null],
  ['two documents', '{} {}', 400, 'malformed_json', null],
  ['no document', '', 400, 'validation', ''],
  [
    'a poisoned prototype',
    '{"kind":"exec","program":"true","env":{"__proto__":{"a":"b"}}}',
    400,
    'validation',
    '/env/__proto__',
  ],
  [
    'a poisoned constructor',
    '{"kind":"exec","program":"true","env":{"constructor":{"prototype":"b"}}}',
    400,
    'validation',
    '/env/constructor',
  ],
  [
    'a number that is none',
    '{"kind":"exec","program":"true","priority":1e400}',
    400,
    'validation',
    '/priority',
  ],
  ['invalid UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 400, 'invalid_utf8', null],
  ['a hundred thousand lists', '['.repeat(100_000), 400, 'too_deep', null],
  ['a deep object', `${'{"a":'.repeat(33)}1${'}'.repeat(33)}`, 400, 'too_deep', null],
  ['too much', exec({ stdin: 'x'.repeat(1_100_000) }), 413, 'body_too_large', null],
];

t.test('a wrong body gets its own clear refusal, and the server lives', async (t) => {
  const { call } = await service(t);
  for (const [what, body, status, type, field] of BODIES) {
    await t.test(what, async (t) => {
      const answer = await call<Problem>('POST', '/v1/executions', body);
      isProblem(t, answer, status, type);
      if (field !== null)
        t.ok(
          answer.body.errors?.some((one) => one.field === field),
          `${answer.text} names ${field}`,
        );
    });
  }
  const several = await call<Problem>(
    'POST',
    '/v1/executions',
    exec({ args: [1], env: { A: 2 }, priority: 'x', colour: 1 }),
  );
  t.same(several.body.errors?.map(({ field }) => field).sort(), [
    '/args/0',
    '/colour',
    '/env/A',
    '/priority',
  ]);
  t.match(
    (await call('GET', '/v1/stats')).body,
    { executions: { pending: 0, running: 0, completed: 0 } },
    'nothing was accepted',
  );
  t.equal((await call('POST', '/v1/executions', shell('true'), { prefer: 'wait=9' })).status, 200);

  await t.test(
    'no body is an error of the server, whatever it has in place of what the document asks for',
    async (t) => {
      const { paths, components } = (await call<ApiDocument>('GET', '/openapi.json')).body;
      for (const [path, methods] of Object.entries(paths)) {
        for (const [method, { requestBody }] of Object.entries(methods)) {
          const schema = requestBody?.content?.['application/json']?.schema;
          if (schema === undefined) continue;
          const url = path.replaceAll(/\{[^}]+\}/g, 'x');
          for (const body of fc.sample(bodiesOf(schema, components.schemas), 40)) {
            const { status, text } = await call(method.toUpperCase(), url, JSON.stringify(body));
            t.ok(status < 500, `${method} ${url} ${JSON.stringify(body)}: ${text}`);
          }
        }
      }
    },
  );
});

t.test('no name in a path is an error of the server', async (t) => {
  const { call } = await sharedService(t);
  const { paths } = (await call<ApiDocument>('GET', '/openapi.json')).body;
  for (const [path, methods] of Object.entries(paths).filter(([path]) => path.includes('{')))
    for (const method of Object.keys(methods))
      for (const name of ['{name}', '%00', '..%2f..', '%F0%9F%92%A9', 'x'.repeat(2000)]) {
        const url = path.replaceAll(/\{[^}]+\}/g, name);
        const { status, text } = await call(method.toUpperCase(), url, method === 'get' ? undefined : '{}');
        t.ok(status < 500, `${method} ${url}: ${text}`);
      }
});

interface ApiDocument {
  paths: Record<
    string,
    Record<string, { requestBody?: { content?: { 'application/json'?: { schema: object } } } }>
  >;
  components: { schemas: Record<string, object> };
}

const REQUESTS: [string, string, string, number, string, unknown?][] = [
  ['an unknown id', 'GET', '/v1/executions/01900000-0000-7000-8000-000000000000', 404, 'not_found'],
  ['an id that is none', 'GET', '/v1/executions/..%2F..%2Fetc%2Fpasswd', 404, 'not_found'],
  ['a very long id', 'GET', `/v1/executions/${'x'.repeat(3000)}`, 404, 'not_found'],
  [
    'a name that no schedule may have',
    ...(['PUT', '/v1/schedules/%7Bname%7D', 400, 'validation'] as const),
    { every_ms: 5000, execution: shell('true') },
  ],
  ['the log of an unknown id', 'GET', '/v1/executions/nope/logs', 404, 'not_found'],
  ['the result of an unknown id', 'GET', '/v1/executions/nope/result', 404, 'not_found'],
  ['cancel of an unknown id', 'POST', '/v1/executions/nope/cancel', 404, 'not_found'],
  ['rerun of an unknown id', 'POST', '/v1/executions/nope/rerun', 404, 'not_found'],
  ['removal of an unknown id', 'DELETE', '/v1/executions/nope', 404, 'not_found'],
  ['an unknown route', 'GET', '/v1/nothing', 404, 'route_not_found'],
  ['a slash at the end', 'POST', '/v1/executions/', 404, 'route_not_found'],
  ['a parameter where there are none', 'POST', '/v1/executions?wait=10', 400, 'validation'],
  ['a parameter of maintenance', 'POST', '/v1/admin/flush?now=1', 400, 'validation'],
  ['a parameter of the statistics', 'GET', '/v1/stats?x=1', 400, 'validation'],
  ['another method', 'PUT', '/v1/executions', 405, 'method_not_allowed'],
  ['another method of one', 'POST', '/v1/executions/nope', 405, 'method_not_allowed'],
  ['a path that cannot be decoded', 'GET', '/v1/executions/%ff', 400, 'malformed_request'],
  ['a cursor that is none', 'GET', '/v1/executions?cursor=abc', 400, 'invalid_cursor'],
  [
    'a cursor of another shape',
    'GET',
    `/v1/executions?cursor=${Buffer.from('[1,2,3]').toString('base64url')}`,
    400,
    'invalid_cursor',
  ],
  ['an unknown filter', 'GET', '/v1/executions?user=bob', 400, 'validation'],
  ['an unknown status', 'GET', '/v1/executions?status=done', 400, 'validation'],
  ['a limit of 0', 'GET', '/v1/executions?limit=0', 400, 'validation'],
  ['a limit that is no number', 'GET', '/v1/executions?limit=many', 400, 'validation'],
  ['a time that is none', 'GET', '/v1/executions?created_after=yesterday', 400, 'validation'],
  ['a label without a value', 'GET', '/v1/executions?label=team', 400, 'validation'],
  ['a wait that is too long', 'GET', '/v1/executions/nope?wait=61', 400, 'validation'],
  ['a revision without a wait', 'GET', '/v1/executions/nope?after_revision=1', 400, 'validation'],
  ['a negative wait', 'GET', '/v1/executions/nope?wait=-1', 400, 'validation'],
  ['an unknown format', 'GET', '/v1/executions/nope/logs?format=html', 400, 'validation'],
  ['a log cursor that is none', 'GET', '/v1/executions/nope/logs?cursor=abc', 400, 'validation'],
  ['a log cursor and a tail', 'GET', '/v1/executions/nope/logs?cursor=1.0&tail=5', 400, 'validation'],
  [
    'a log cursor of another attempt',
    'GET',
    '/v1/executions/nope/logs?cursor=1.0&attempt=2',
    400,
    'invalid_cursor',
  ],
];

t.test('a wrong request gets its own clear refusal', async (t) => {
  const { call } = await sharedService(t);
  for (const [what, method, path, status, type, body] of REQUESTS) {
    await t.test(what, async (t) => isProblem(t, await call<Problem>(method, path, body), status, type));
  }
  const put = await call('PUT', '/v1/executions');
  t.equal(put.headers.get('allow'), 'GET, HEAD, POST');
});

const SENTENCES: [string, unknown, string | RegExp][] = [
  ['a field that is missing', { kind: 'shell' }, '/command: is required'],
  ['no kind', {}, '/kind: is required; it must be one of "exec", "shell", "script", "aws_cli"'],
  [
    'another kind',
    { kind: 'fortran' },
    '/kind: must be one of "exec", "shell", "script", "aws_cli", "http", "operation"',
  ],
  ['a list for an object', exec({ env: [] }), '/env: must be an object, not a list'],
  ['a number for a string', exec({ program: 5 }), '/program: must be a string, not a number'],
  ['a fraction', exec({ priority: 1.5 }), '/priority: must be a whole number'],
  [
    'too large a number',
    '{"kind":"exec","program":"true","priority":1e400}',
    '/priority: is too large for a number',
  ],
  ['too much', exec({ priority: 1001 }), '/priority: must be at most 1000'],
  ['too little', exec({ priority: -1001 }), '/priority: must be at least -1000'],
  ['another word', exec({ on_limit: 'drop' }), '/on_limit: must be one of "queue", "reject"'],
  [
    'a limit over the maximum',
    exec({ timeouts: { attempt_ms: 3_600_001 } }),
    '/timeouts/attempt_ms: must be at most 3600000 (EXECUTION_MAX_TIMEOUT)',
  ],
  ['a key in the body', exec({ idempotency_key: 'k' }), /^\/idempotency_key: .* header Idempotency-Key$/],
  ['a list for the whole', [], 'the body: must be an object, not a list'],
  ['nothing', '', 'the body: is required'],
  [
    'a script from two places',
    { kind: 'script', path: '/x', source: 'echo' },
    '/source: exactly one of path and source must be given',
  ],
  [
    'single quotes',
    "{'kind': 'exec'}",
    'The body is not JSON: a name in double quotes was expected, not "\'" (line 1, column 2).',
  ],
  [
    'a comma too much',
    '{\n  "kind": "exec",\n}',
    'The body is not JSON: a trailing comma before "}" (line 2, column 17).',
  ],
];

t.test('a refusal says what is wrong in words of its own', async (t) => {
  const { call, lines } = await service(t);
  for (const [what, body, detail] of SENTENCES) {
    const answer = await call<Problem>('POST', '/v1/executions', body);
    t.match(answer.body, { detail }, what);
  }
  const long = await call<Problem>('POST', '/v1/executions', `{"kind": ${'x'.repeat(50_000)}`);
  t.ok(long.text.length < 500, 'what was sent is not repeated');
  const patched = await call<Problem>('PATCH', '/v1/executions/nope', { command: 'x' });
  t.equal(patched.body.detail, '/command: unknown field');
  const empty = await call<Problem>('PATCH', '/v1/executions/nope', {});
  t.equal(empty.body.detail, 'the body: must have at least one of priority and timeouts');
  const status = await call<Problem>('GET', '/v1/executions?status=done');
  t.match(status.body.errors, [{ field: '?status', message: /^must be one of "pending"/ }]);
  for (const path of ['/executions', '/v2', `/v1/${'x'.repeat(5000)}`]) {
    const { text, body } = await call<Problem>('GET', path);
    t.match(body.detail, /^There is no route GET .*; the API is under \/v1, and \/docs lists all routes\.$/);
    t.ok(text.length < 500);
  }
  t.match((await call<Problem>('GET', '/v1/executions/')).body.detail, /leave out the slash at the end/);
  const refused = lines.filter(({ msg }) => msg.startsWith('Validation error'));
  t.match(refused[0], { msg: /^Validation error in POST \/v1\/executions: \S/, type: 'validation' });
});

t.test('what a route would ignore is refused by its name', async (t) => {
  const { call, run } = await sharedService(t);
  const { id } = await run(shell('true'));
  const cases: [string, string, unknown, string][] = [
    ['POST', `/v1/executions/${id}/rerun`, { args: ['x'] }, '/args'],
    ['POST', '/v1/admin/cleanup', { older_than: 5 }, '/older_than'],
    ['POST', '/v1/admin/flush', [], ''],
    ['DELETE', `/v1/executions/${id}`, { force: true }, '/force'],
    ['POST', `/v1/executions/${id}/cancel?force=1`, undefined, '?force'],
    ['POST', '/v1/executions?wait=5', shell('true'), '?wait'],
    ['DELETE', `/v1/executions/${id}?x=1`, undefined, '?x'],
    ['GET', `/v1/executions/${id}/result?x=1`, undefined, '?x'],
  ];
  for (const [method, path, body, field] of cases) {
    const answer = await call<Problem>(method, path, body);
    isProblem(t, answer, 400, 'validation');
    t.match(answer.body.errors, [{ field }], `${method} ${path}`);
  }
  for (const path of ['/livez?x=1', '/readyz?x=1', '/health?x=1', '/metrics?x=1', '/openapi.json?x=1']) {
    t.equal((await call('GET', path)).status, 200, path);
  }
});

t.test('a body that may be left out may be empty too', async (t) => {
  const { call, submit, finished } = await sharedService(t);
  const { id } = await submit(shell('sleep 60'));
  t.equal((await call('POST', `/v1/executions/${id}/cancel`, '')).status, 202);
  await finished(id);
  for (const body of ['', {}, undefined]) {
    t.equal((await call('POST', `/v1/executions/${id}/rerun`, body)).status, 202);
    t.equal((await call('POST', '/v1/admin/cleanup', body)).status, 200);
  }
});

t.test('another method, and an unknown route, are refused before the body is looked at', async (t) => {
  const { url } = await sharedService(t);
  const send = (method: string, path: string) => rawRequest(url, { method, path, body: 'x' });
  t.equal((await send('PUT', '/v1/executions/x')).status, 405);
  t.equal((await send('POST', '/v1/nothing')).status, 404);
});

t.test('only JSON is taken, uncompressed', async (t) => {
  const { call, url } = await sharedService(t);
  const body = JSON.stringify(shell('true'));
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/json; charset=utf-16',
    'x',
  ]) {
    const answer = await call<Problem>('POST', '/v1/executions', body, { 'content-type': type });
    isProblem(t, answer, 415, 'unsupported_media_type');
  }
  const none = await rawRequest(url, { method: 'POST', path: '/v1/executions', body });
  t.match(none, { status: 415 });
  const packed = await call<Problem>('POST', '/v1/executions', body, { 'content-encoding': 'gzip' });
  isProblem(t, packed, 415, 'unsupported_encoding');
  const utf8 = await call('POST', '/v1/executions', body, {
    'content-type': 'application/json; charset=UTF-8',
    prefer: 'wait=9',
  });
  t.equal(utf8.status, 200);
});

t.test('what is not HTTP is answered, and ends its own connection only', async (t) => {
  const { url, call } = await sharedService(t);
  const head = 'POST /v1/executions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
  const cases: [string, RegExp][] = [
    ['nonsense\r\n\r\n', /^HTTP\/1\.1 400 /],
    [`${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde`, /^HTTP\/1\.1 400 /],
    [`${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, /^HTTP\/1\.1 400 /],
    [`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(40_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
  ];
  for (const [text, expected] of cases) {
    const answer = await speak(url, text);
    t.match(answer, expected);
    t.match(answer, /urn:execd:error:/);
  }
  t.equal((await call('GET', '/livez')).status, 200);
});

/** Sends bytes as they are, and reads until the connection ends. */
function speak(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(text));
    let answer = '';
    socket.setEncoding('latin1').on('data', (piece: string) => (answer += piece));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

t.test('a client that goes away while it waits leaves nothing behind', async (t) => {
  const { url, submit, call } = await sharedService(t);
  const { id } = await submit(shell('sleep 60'));
  const waiting = async () =>
    (await call<{ waiting: { polls: number } }>('GET', '/v1/stats')).body.waiting.polls;
  const controllers = Array.from({ length: 20 }, () => new AbortController());
  const polls = controllers.map(({ signal }) =>
    fetch(`${url}/v1/executions/${id}?wait=60`, { signal }).catch(() => null),
  );
  await until('all wait', async () => (await waiting()) === 20);
  controllers.forEach((controller) => controller.abort());
  await Promise.all(polls);
  await until('none waits', async () => (await waiting()) === 0);
  t.pass('nobody waits any more');
});
