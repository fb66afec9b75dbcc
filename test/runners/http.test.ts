import { existsSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import { journalPath } from '../../src/journal/reader.ts';
import { redirectOf } from '../../src/runners/requests/request-message.ts';
import {
  bodyArrived,
  fact,
  failureOf,
  httpServer,
  httpsServer,
  httpWorld,
  rawServer,
  TLS,
} from '../helpers/http-world.ts';

t.test('an answer is an outcome with a head, and its body is the log', async (t) => {
  const origin = await httpServer(t, (_request, response) => {
    response.writeHead(200, [
      ...['Content-Type', 'text/plain', 'X-Many', 'a', 'x-many', 'b', 'Set-Cookie', 'one=1'],
      ...['set-cookie', 'two=2', '__proto__', 'x', 'Content-Length', '5'],
    ]);
    response.end('hello');
  });
  const world = httpWorld(t);
  const request = world.ask(`${origin}/path?a=1`);
  const report = await request.report;
  t.same(report.outcome, {
    cause: 'http_response',
    status: 200,
    isExpected: true,
    retryAfterMs: null,
    resultError: null,
  });
  t.equal(report.response?.status, 200);
  t.equal(report.response?.url, `${origin}/path?a=1`);
  const headers = report.response?.headers ?? {};
  t.match(headers, { 'content-type': 'text/plain', 'x-many': 'a, b', 'content-length': '5' });
  t.same(headers['set-cookie'], ['one=1', 'two=2']);
  t.ok(Object.hasOwn(headers, '__proto__'));
  t.same(report.end.output, {
    stdoutBytes: 5,
    stderrBytes: 0,
    stdoutKeptBytes: 5,
    stderrKeptBytes: 0,
    records: 1,
    truncated: false,
  });
  t.match(report, { tails: { stdout: 'hello', stderr: '' }, end: { logComplete: true, resources: null } });
  t.same(request.told.started, [report.end.startedAt]);
  t.equal((await world.log(request.start))?.toString(), 'hello');
  t.equal(world.clock.waiting, 0, 'no timer is left');
});

interface Received {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingMessage['headers'];
  rawHeaders: string[];
  body: string;
}

/** A server that tells what it was sent. */
const mirror = (t: Parameters<typeof httpServer>[0], received: Received[]) =>
  httpServer(t, (request, response) => {
    void buffer(request).then((body) => {
      const { method, url, headers, rawHeaders } = request;
      received.push({ method, url, headers, rawHeaders, body: body.toString('latin1') });
      response.end();
    });
  });

t.test('a request says who asks, and a client can say most of it otherwise', async (t) => {
  const received: Received[] = [];
  const origin = await mirror(t, received);
  const { ask, get } = httpWorld(t);
  const { start, report } = ask(origin, { attempt: 3 });
  await report;
  const headers = { 'User-Agent': 'mine', 'Accept-Encoding': 'gzip', Traceparent: 'mine', 'X-Own': 'ü' };
  await get(origin, { headers });
  const [first, second] = received as [Received, Received];
  t.same(first.headers, {
    host: new URL(origin).host,
    connection: 'keep-alive',
    'user-agent': 'execd',
    'accept-encoding': 'identity',
    traceparent: start.traceparent,
    'execution-id': start.executionId,
    'execution-attempt': '3',
  });
  t.match(second.headers, { 'user-agent': 'mine', 'accept-encoding': 'gzip', 'x-own': 'ü' });
  t.equal(second.headers.traceparent, start.traceparent);
  t.equal(second.rawHeaders.filter((name) => name.toLowerCase() === 'traceparent').length, 1);
});

t.test('bodies are sent with their type and their length, whatever the method', async (t) => {
  const received: Received[] = [];
  const origin = await mirror(t, received);
  const { get } = httpWorld(t);
  await get(origin, { method: 'POST', body: { json: { a: ['ü'] } } });
  await get(origin, { method: 'PUT', body: { text: 'ü' } });
  await get(origin, { method: 'PATCH', body: { base64: 'AP8=' }, headers: { 'content-type': 'x/y' } });
  await get(origin, { method: 'DELETE', body: { json: null } });
  await get(origin, { method: 'POST' });
  await get(origin, { method: 'POST', body: { text: '' } });
  await get(origin, { method: 'PUT', body: { text: 'x'.repeat(500_000) } });
  await get(origin, { method: 'DELETE' });
  t.match(received, [
    { headers: { 'content-type': 'application/json', 'content-length': '12' } },
    { headers: { 'content-type': 'text/plain; charset=utf-8', 'content-length': '2' } },
    { headers: { 'content-type': 'x/y', 'content-length': '2' }, body: '\0\xff' },
    { headers: { 'content-length': '4' }, body: 'null', method: 'DELETE' },
    { headers: { 'content-length': '0', 'content-type': undefined } },
    { headers: { 'content-length': '0', 'content-type': 'text/plain; charset=utf-8' } },
    { headers: { 'content-length': '500000' }, body: 'x'.repeat(500_000) },
    { headers: { 'content-length': undefined, 'transfer-encoding': undefined } },
  ]);
});

t.test('query parameters come behind those of the URL, which stay as they are', async (t) => {
  const received: Received[] = [];
  const origin = await mirror(t, received);
  const { get } = httpWorld(t);
  await get(`${origin}/p?x=%20y&flag`, { query: { a: ['1', '2'], 'b&': 'ü =' } });
  await get(`${origin}/p`, { query: { a: '1' } });
  t.same(
    received.map(({ url }) => url),
    ['/p?x=%20y&flag&a=1&a=2&b%26=%C3%BC+%3D', '/p?a=1'],
  );
});

t.test('a binary body is logged byte for byte', async (t) => {
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
  const origin = await httpServer(t, (_request, response) => {
    for (let at = 0; at < bytes.length; at += 10_007) response.write(bytes.subarray(at, at + 10_007));
    response.end();
  });
  const world = httpWorld(t);
  const { start, report } = world.ask(origin);
  t.match(await report, { outcome: { status: 200 }, end: { output: { stdoutBytes: 300_000 } } });
  t.ok((await world.log(start))?.equals(bytes));
});

t.test('text is recorded in whole characters, and its tail begins with one', async (t) => {
  const text = '€'.repeat(3000);
  const next = fact();
  const origin = await httpServer(t, (_request, response) => {
    const bytes = Buffer.from(text);
    response.write(bytes.subarray(0, 1000));
    void next.seen.then(() => response.end(bytes.subarray(1000)));
  });
  const world = httpWorld(t);
  const { start, report, told } = world.ask(origin);
  await bodyArrived(world.clock);
  await world.clock.advance(50);
  t.same(told.growth, [1000], 'growth is told once per 50 ms');
  next.come();
  const { tails } = await report;
  t.equal(tails.stdout, '€'.repeat(1365));
  t.equal((await world.log(start))?.toString(), text);
});

t.test('HEAD, 204 and 304 have no body', async (t) => {
  const origin = await httpServer(t, (request, response) => {
    response.writeHead(Number(request.url?.slice(1)), { 'content-length': '10' });
    response.end();
  });
  const { get } = httpWorld(t);
  const none = { end: { output: { stdoutBytes: 0, records: 0 }, logComplete: true } };
  const head = await get(`${origin}/200`, { method: 'HEAD' });
  t.match(head, { ...none, outcome: { cause: 'http_response', status: 200 } });
  t.equal(head.response?.headers['content-length'], '10');
  t.match(await get(`${origin}/204`), { ...none, outcome: { status: 204, isExpected: true } });
  t.match(await get(`${origin}/304`), { ...none, outcome: { status: 304, isExpected: false } });
});

t.test('interim answers are passed over, also those that nobody asked for', async (t) => {
  const origin = await rawServer(t, (socket) => {
    socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n');
    socket.write('HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok');
  });
  const { outcome, response, tails } = await httpWorld(t).get(origin);
  t.match(outcome, { cause: 'http_response', status: 201 });
  t.notOk(response?.headers.link);
  t.equal(tails.stdout, 'ok');
});

t.test('statuses and classes of them can be expected', async (t) => {
  const origin = await httpServer(t, (request, response) => {
    response.writeHead(Number(request.url?.slice(1))).end();
  });
  const { get } = httpWorld(t);
  const isExpected = async (status: number, statuses?: (number | string)[]) => {
    const { outcome } = await get(
      `${origin}/${status}`,
      statuses === undefined ? {} : { expect: { statuses } },
    );
    return outcome.cause === 'http_response' && outcome.isExpected;
  };
  t.equal(await isExpected(200), true);
  t.equal(await isExpected(299), true);
  t.equal(await isExpected(404), false);
  t.equal(await isExpected(404, [404]), true);
  t.equal(await isExpected(404, ['4xx']), true);
  t.equal(await isExpected(200, ['4xx', 500]), false);
  t.equal(await isExpected(503, ['2xx', '5xx']), true);
});

t.test('Retry-After is read in both forms, within a week', async (t) => {
  let value = '';
  const origin = await httpServer(t, (_request, response) => {
    response.writeHead(503, value === '' ? {} : { 'retry-after': value }).end();
  });
  const { get, clock } = httpWorld(t);
  const retryAfter = async (text: string) => {
    value = text;
    const { outcome } = await get(origin);
    return outcome.cause === 'http_response' ? outcome.retryAfterMs : outcome;
  };
  const soon = new Date(Math.ceil(clock.now() / 1000) * 1000 + 60_000);
  t.equal(await retryAfter(''), null);
  t.equal(await retryAfter('120'), 120_000);
  t.equal(await retryAfter('0'), 0);
  t.equal(await retryAfter(soon.toUTCString()), soon.getTime() - clock.now());
  t.equal(await retryAfter('Sun, 06 Nov 1994 08:49:37 GMT'), 0);
  t.equal(await retryAfter('Sun Nov  6 08:49:37 1994'), 0);
  t.equal(await retryAfter('99999999999999999999'), 7 * 24 * 3_600_000);
  for (const bad of ['-1', '1.5', 'soon', '06 Nov 1994', '120, 120', 'Sun, 99 Nov 1994 08:49:37 GMT']) {
    t.equal(await retryAfter(bad), null, bad);
  }
});

// ------------------------------------------------------------------------------------------ redirects

t.test('redirects are followed as browsers do, and the answer is that of the last', async (t) => {
  const received: Received[] = [];
  const origin = await httpServer(t, (request, response) => {
    void buffer(request).then((body) => {
      const { method, url, headers, rawHeaders } = request;
      received.push({ method, url, headers, rawHeaders, body: body.toString() });
      const status = Number(url?.slice(1));
      if (status > 0) response.writeHead(status, { location: '../end?x#fragment' });
      response.end(`at ${url}`);
    });
  });
  const { get } = httpWorld(t);
  const becomes = async (status: number, method: 'GET' | 'HEAD' | 'POST' | 'PUT') => {
    received.length = 0;
    const withBody = method === 'POST' || method === 'PUT';
    const report = await get(`${origin}/${status}`, {
      method,
      headers: { authorization: 'secret' },
      ...(withBody ? { body: { text: 'b' } } : {}),
    });
    t.equal(report.response?.url, `${origin}/end?x`);
    const last = received.at(-1);
    t.equal(last?.headers.authorization, 'secret', 'the origin is the same');
    t.equal(last?.headers['content-type'] !== undefined, last?.body !== '');
    return `${received.length} ${last?.method} ${last?.body}`;
  };
  t.equal(await becomes(301, 'GET'), '2 GET ');
  t.equal(await becomes(301, 'POST'), '2 GET ');
  t.equal(await becomes(302, 'POST'), '2 GET ');
  t.equal(await becomes(302, 'PUT'), '2 PUT b');
  t.equal(await becomes(303, 'PUT'), '2 GET ');
  t.equal(await becomes(303, 'HEAD'), '2 HEAD ');
  t.equal(await becomes(307, 'POST'), '2 POST b');
  t.equal(await becomes(308, 'PUT'), '2 PUT b');
});

t.test('what a redirect says besides is not in the log', async (t) => {
  const origin = await httpServer(t, (request, response) => {
    if (request.url === '/') response.writeHead(302, { location: '/end' }).end('moved');
    else response.end('here');
  });
  const world = httpWorld(t);
  const { start, report } = world.ask(origin);
  t.match(await report, { end: { output: { stdoutBytes: 4 } }, tails: { stdout: 'here' } });
  t.equal((await world.log(start))?.toString(), 'here');
});

t.test(
  'a redirect is the answer when it is expected, or none is to be followed, or it leads nowhere',
  async (t) => {
    const origin = await httpServer(t, (request, response) => {
      response.writeHead(302, request.url === '/nowhere' ? {} : { location: '/' }).end('moved');
    });
    const { get } = httpWorld(t);
    const answer = { cause: 'http_response', status: 302 };
    t.match(await get(origin, { max_redirects: 0 }), { outcome: { ...answer, isExpected: false } });
    t.match(await get(origin, { expect: { statuses: [302] } }), { outcome: { ...answer, isExpected: true } });
    t.match(await get(origin, { expect: { statuses: ['3xx'] } }), { tails: { stdout: 'moved' } });
    t.match(await get(`${origin}/nowhere`), { outcome: answer });
  },
);

t.test('a loop ends after as many redirects as are allowed', async (t) => {
  let asked = 0;
  const origin = await httpServer(t, (_request, response) => {
    asked += 1;
    response.writeHead(302, { location: '/' }).end();
  });
  const { get } = httpWorld(t);
  t.match(failureOf(await get(origin)), { reason: 'too_many_redirects', message: 'after 5 redirects' });
  t.equal(asked, 6);
  asked = 0;
  t.equal(failureOf(await get(origin, { max_redirects: 1 })).reason, 'too_many_redirects');
  t.equal(asked, 2);
});

t.test('credentials do not follow to another origin', async (t) => {
  const received: Received[] = [];
  const target = await mirror(t, received);
  const origin = await httpServer(t, (_request, response) => {
    response.writeHead(307, { location: target.replace('//', '//user:password@') }).end();
  });
  const headers = {
    Authorization: 'secret',
    Cookie: 'secret',
    'X-Own': 'mine',
    'X-Key': 'secret',
    Accept: 'a/b',
  };
  const { get } = httpWorld(t);
  const more = { method: 'POST', headers, body: { text: 'b' }, secretHeaders: ['x-key'] } as const;
  const { message, ...failure } = failureOf(await get(origin, more));
  t.same(failure, { cause: 'request_failed', reason: 'egress_denied' });
  t.match(message, /status 307\. execd does not send the body to it; list 127\.0\.0\.1 in redirect_hosts/);
  t.same(received, []);
  const listed = await get(origin, { ...more, redirect_hosts: ['127.0.0.1'] });
  t.equal(listed.response?.url, `${target}/`);
  await get(origin, { headers, secretHeaders: ['x-key'] });
  const [post, plain] = received as [Received, Received];
  for (const { headers } of [post, plain])
    t.notOk(headers.authorization ?? headers.cookie ?? headers['x-key']);
  t.match(post, { headers: { 'x-own': 'mine', 'content-type': 'text/plain; charset=utf-8' }, body: 'b' });
  t.match(plain, { headers: { 'x-own': undefined, accept: 'a/b', 'user-agent': 'execd', traceparent: /./ } });
});

t.test('a redirect leads only to hosts that the call may reach', async (t) => {
  const received: Received[] = [];
  const target = await mirror(t, received);
  let location = '';
  const origin = await httpServer(t, (request, response) => {
    if (request.url === '/end') response.end('end');
    else response.writeHead(302, { location }).end();
  });
  const { get } = httpWorld(t, {
    egressAllow: ['127.0.0.1', 'b.test', 'c.test'],
    lookup: async () => ['127.0.0.1'],
  });
  const redirectHosts = ['127.0.0.1', 'b.test'];
  const ask = (to: string) => {
    location = to.replace('TARGET', new URL(target).port);
    return get(origin, { redirectHosts });
  };
  for (const to of ['/end', 'http://b.test:TARGET/', 'http://B.test.:TARGET/'])
    t.match(await ask(to), { outcome: { cause: 'http_response', status: 200 } }, to);
  const refused =
    /which this call may not reach; it may reach 127\.0\.0\.1, b\.test\. Add the host to redirect_hosts/;
  for (const to of ['http://c.test:TARGET/', 'http://a.b.test:TARGET/', 'http://localhost:TARGET/'])
    t.match(failureOf(await ask(to)), { reason: 'egress_denied', message: refused }, to);
  t.equal(received.length, 2);
});

t.test('the same host over TLS is no other server', async (t) => {
  const work = { kind: 'http', url: 'http://a.test/' } as const;
  const head = (location: string) => ({ status: 308, headers: { location } });
  const message = {
    ...{
      method: 'PUT',
      url: new URL(work.url),
      body: Buffer.from('b'),
      tls: undefined,
      secretHeaders: ['x-key'],
    },
    ...{ user: 'ann', headers: { authorization: 'a', 'x-key': 'b' } },
  };
  const options = { start: { work, redirectHosts: null }, followed: 0 };
  const next = redirectOf(message, head('https://a.test/x'), options);
  t.match(next, { method: 'PUT', headers: { authorization: 'a', 'x-key': 'b' }, body: message.body });
  for (const other of ['https://a.test:8443/', 'https://b.test/', 'http://a.test:81/', 'https://www.a.test/'])
    t.throws(() => redirectOf(message, head(other), options), /execd does not send the body/, other);
});

t.test('a redirect is guarded as the first request is', async (t) => {
  let location = '';
  const origin = await httpServer(t, (_request, response) => {
    response.writeHead(302, { location }).end();
  });
  const secure = await httpsServer(t, TLS.good, (_request, response) => {
    response.writeHead(302, { location: origin }).end();
  });
  const { get } = httpWorld(t, {
    lookup: async (host) => (host === 'private.test' ? ['10.0.0.1'] : ['127.0.0.1']),
  });
  const refused = async (url: string, to: string) => {
    location = to;
    return failureOf(await get(url, { tls: { ca: TLS.ca } }));
  };
  for (const to of [
    'http://169.254.169.254/',
    'http://[::1]/',
    'http://2130706434/',
    'http://private.test/',
  ]) {
    t.match(await refused(origin, to), { reason: 'egress_denied' }, to);
  }
  t.match(await refused(origin, 'file:///etc/passwd'), { reason: 'egress_denied', message: 'file:' });
  t.match(await refused(secure, ''), { reason: 'egress_denied', message: 'from https to http' });
  t.match(await refused(origin, 'http://['), { reason: 'invalid_response' });
});

// ---------------------------------------------------------------------------------------------- many

t.test('a thousand requests run at the same time', async (t) => {
  const waiting: (() => void)[] = [];
  const all = fact();
  const origin = await httpServer(t, (request, response) => {
    waiting.push(() => response.end(request.url));
    if (waiting.length === 1000) all.come();
  });
  const world = httpWorld(t);
  const requests = Array.from({ length: 1000 }, (_, i) => world.ask(`${origin}/${i}`));
  await all.seen;
  for (const answer of waiting) answer();
  const reports = await Promise.all(requests.map(({ report }) => report));
  t.ok(reports.every(({ tails }, i) => tails.stdout === `/${i}`));
  t.equal(world.clock.waiting, 0);
});

t.test('a connection is used again for safe methods only', async (t) => {
  const ports: (number | undefined)[] = [];
  const origin = await httpServer(t, (request, response) => {
    ports.push(request.socket.remotePort);
    request.resume();
    response.end('ok');
  });
  const { get } = httpWorld(t);
  await get(origin);
  await get(origin);
  await get(origin, { method: 'POST' });
  t.equal(ports[0], ports[1]);
  t.not(ports[1], ports[2]);
});

t.test('a safe request that meets a connection just closed is sent again', async (t) => {
  let asked = 0;
  const origin = await rawServer(t, (socket) => {
    asked += 1;
    if (asked === 2) socket.destroy();
    else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
  });
  const { get } = httpWorld(t);
  await get(origin);
  t.match(await get(origin), { outcome: { cause: 'http_response' }, tails: { stdout: 'ok' } });
  t.equal(asked, 3);
});

t.test('the log is there before anything is sent', async (t) => {
  const world = httpWorld(t);
  const origin = await httpServer(t, (request, response) => {
    const runId = String(request.headers['execution-id']);
    response.end(String(existsSync(`${journalPath(world.dir, { runId, attempt: 1 })}.log`)));
  });
  t.match(await world.get(origin), { tails: { stdout: 'true' } });
});
