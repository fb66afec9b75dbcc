import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Socket } from 'node:net';
import t from 'tap';
import { journalPath } from '../../src/journal/reader.ts';
import {
  bodyArrived,
  closedPort,
  fact,
  failureOf,
  httpServer,
  httpsServer,
  httpWorld,
  rawServer,
  TLS,
} from '../helpers/http-world.ts';
import { smallDisk, tempDir } from '../helpers/temp.ts';

const NEVER = new Promise<never>(() => undefined);

// --------------------------------------------------------------------------------------- no connection

t.test('a name that does not resolve, or to nothing, is a DNS failure', async (t) => {
  const error = Object.assign(new Error('getaddrinfo ENOTFOUND no.test'), { code: 'ENOTFOUND' });
  const { get, clock } = httpWorld(t, {
    lookup: (host) => (host === 'no.test' ? Promise.reject(error) : Promise.resolve([])),
  });
  const failed = await get('http://no.test:81/');
  t.match(failureOf(failed), {
    reason: 'dns_failed',
    message: 'no.test:81 could not be resolved: the name does not exist (ENOTFOUND).',
  });
  t.equal(failed.response, null);
  t.match(failureOf(await get('http://empty.test/')), { reason: 'dns_failed', message: 'no address' });
  t.equal(clock.waiting, 0);
});

t.test('the resolver of the system is asked', async (t) => {
  const { get } = httpWorld(t);
  const origin = await httpServer(t, (_request, response) => response.end('ok'));
  t.match(await get(origin.replace('127.0.0.1', 'localhost')), { tails: { stdout: 'ok' } });
  t.equal(failureOf(await get('http://no-such-name.invalid/')).reason, 'dns_failed');
});

t.test('a closed port is a failure to connect', async (t) => {
  const port = await closedPort();
  const { get } = httpWorld(t, { lookup: async () => ['127.0.0.1', '127.0.0.1'] });
  const refused = 'the connection was refused (ECONNREFUSED).';
  t.match(failureOf(await get(`http://127.0.0.1:${port}/`)), {
    reason: 'connect_failed',
    message: `127.0.0.1:${port} could not be reached: ${refused}`,
  });
  t.match(failureOf(await get(`http://localhost:${port}/`)), {
    reason: 'connect_failed',
    message: `localhost:${port} could not be reached: 127.0.0.1: ${refused}`,
  });
});

t.test('what takes too long to resolve, to connect or to shake hands is given up', async (t) => {
  const asked = fact();
  const silent = await rawServer(t, () => undefined);
  const { ask, clock } = httpWorld(t, {
    lookup: () => {
      asked.come();
      return NEVER;
    },
  });
  const first = ask('http://slow.test/');
  await asked.seen;
  await clock.advance(10_000);
  t.match(failureOf(await first.report), { reason: 'dns_failed', message: 'longer than 10 s' });
  const second = ask(silent.replace('http:', 'https:'));
  await clock.advance(10_000);
  t.match(failureOf(await second.report), { message: 'longer than 10 s' });
  t.equal(clock.waiting, 0);
});

// ----------------------------------------------------------------------------------------------- guard

t.test('addresses that are not public are refused, in the URL and behind a name', async (t) => {
  const port = await closedPort();
  const { get } = httpWorld(t, {
    egressAllow: [`127.0.0.1:${port + 1}`],
    lookup: async (host) => (host === 'mixed.test' ? ['93.184.216.34', '127.0.0.1'] : ['10.0.0.1']),
  });
  for (const host of ['127.0.0.1', '127.1', '2130706433', '[::1]', '[::ffff:127.0.0.1]', 'localhost']) {
    const report = await get(`http://${host}:${port}/`);
    t.match(failureOf(report), { reason: 'egress_denied' }, host);
    t.match(report.end, { output: { stdoutBytes: 0 }, logComplete: true });
  }
  t.match(failureOf(await get(`http://mixed.test:${port}/`)), {
    reason: 'egress_denied',
    message: `The address 127.0.0.1 of mixed.test (port ${port}) is not allowed: it is loopback.`,
  });
});

t.test('a name is resolved once: what it resolves to later is never connected to', async (t) => {
  const origin = await httpServer(t, (request, response) => response.end(request.headers.host));
  const port = new URL(origin).port;
  const asked: string[] = [];
  const { get } = httpWorld(t, {
    lookup: async (host) => {
      asked.push(host);
      // The checked address is the server; a second look would lead to a private one, and fail.
      return asked.length === 1 ? ['127.0.0.1'] : ['10.0.0.1'];
    },
  });
  t.match(await get(`http://rebind.test:${port}/`, { method: 'POST' }), {
    tails: { stdout: `rebind.test:${port}` },
  });
  t.same(asked, ['rebind.test']);
  t.match(failureOf(await get(`http://rebind.test:${port}/`, { method: 'POST' })), {
    reason: 'egress_denied',
    message: '10.0.0.1',
  });
});

t.test('a name on the allow-list permits what it resolves to', async (t) => {
  const origin = await httpServer(t, (_request, response) => response.end('ok'));
  const { port } = new URL(origin);
  const { get } = httpWorld(t, { egressAllow: ['in.test'], lookup: async () => ['127.0.0.1'] });
  t.match(await get(`http://in.test:${port}/`), { tails: { stdout: 'ok' } });
  t.equal(failureOf(await get(`http://out.test:${port}/`)).reason, 'egress_denied');
  t.equal(failureOf(await get(origin)).reason, 'egress_denied');
});

t.test('requests to one name at the same time ask for it once', async (t) => {
  const origin = await httpServer(t, (_request, response) => response.end('ok'));
  const { port } = new URL(origin);
  let lookups = 0;
  const answer = fact<string[]>();
  const { get, clock } = httpWorld(t, {
    lookup: () => {
      lookups += 1;
      return answer.seen;
    },
  });
  const reports = Array.from({ length: 10 }, () => get(`http://many.test:${port}/`));
  await clock.advance(0);
  answer.come(['127.0.0.1']);
  t.ok((await Promise.all(reports)).every(({ tails }) => tails.stdout === 'ok'));
  t.equal(lookups, 1);
});

t.test('a proxy of the environment is not used', async (t) => {
  const origin = await httpServer(t, (_request, response) => response.end('direct'));
  const proxy = `http://127.0.0.1:${await closedPort()}`;
  const names = ['http_proxy', 'HTTP_PROXY', 'NODE_USE_ENV_PROXY'];
  for (const name of names) process.env[name] = name.endsWith('USE_ENV_PROXY') ? '1' : proxy;
  t.teardown(() => {
    for (const name of names) Reflect.deleteProperty(process.env, name);
  });
  t.match(await httpWorld(t).get(origin), { tails: { stdout: 'direct' } });
});

// ------------------------------------------------------------------------------------------------- TLS

t.test('a certificate must be trusted, valid and for the name that was asked', async (t) => {
  const serve = (cert: string) => httpsServer(t, cert, (_request, response) => response.end('ok'));
  const [good, expired, selfSigned] = await Promise.all([
    serve(TLS.good),
    serve(TLS.expired),
    serve(TLS.selfSigned),
  ]);
  const { get } = httpWorld(t, { lookup: async () => ['127.0.0.1'] });
  const ok = { outcome: { cause: 'http_response', status: 200 }, tails: { stdout: 'ok' } };
  const named = (origin: string, name: string) => origin.replace('127.0.0.1', name);
  const ca = { ca: TLS.ca };

  t.match(failureOf(await get(good)), { reason: 'tls_failed' });
  t.match(await get(good, { tls: ca }), ok);
  t.match(await get(named(good, 'good.test'), { tls: ca }), ok);
  t.match(failureOf(await get(named(good, 'other.test'), { tls: ca })), {
    reason: 'tls_failed',
    message: 'its certificate is for another name',
  });
  t.match(await get(named(good, 'other.test'), { tls: { ...ca, server_name: 'good.test' } }), ok);
  t.match(failureOf(await get(good, { tls: { ...ca, server_name: '127.0.0.2' } })), { reason: 'tls_failed' });
  t.match(await get(named(good, 'other.test'), { tls: { verify: false } }), ok);

  t.match(failureOf(await get(expired, { tls: ca })), {
    reason: 'tls_failed',
    message: 'its certificate has expired',
  });
  t.match(failureOf(await get(selfSigned)), { reason: 'tls_failed', message: 'self-signed' });
  t.match(await get(selfSigned, { tls: { verify: false } }), ok);
  t.match(await get(selfSigned, { tls: { ca: TLS.selfSigned } }), ok);
  t.match(failureOf(await get(selfSigned)), { reason: 'tls_failed' }, 'what others trust is theirs alone');
});

t.test('what is not TLS, and what are no certificates, are TLS failures', async (t) => {
  const plain = await httpServer(t, (_request, response) => response.end());
  const secure = await httpsServer(t, TLS.good, (_request, response) => response.end());
  const { get } = httpWorld(t);
  t.equal(failureOf(await get(plain.replace('http:', 'https:'))).reason, 'tls_failed');
  t.equal(failureOf(await get(secure, { tls: { ca: 'no certificate' } })).reason, 'tls_failed');
});

// ------------------------------------------------------------------------------------- broken answers

t.test(
  'a connection that ends before the answer is complete is lost, and what came is in the log',
  async (t) => {
    const half = fact();
    const answers: Record<string, (socket: Socket) => void> = {
      nothing: (socket) => socket.end(),
      'half a head': (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-'),
      'a short body': (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf'),
      'a short chunk': (socket) =>
        socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhalf'),
      'no last chunk': (socket) =>
        socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n'),
      'a reset without a length': (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhalf');
        void half.seen.then(() => socket.resetAndDestroy());
      },
    };
    for (const [name, answer] of Object.entries(answers)) {
      const origin = await rawServer(t, answer);
      const world = httpWorld(t);
      const { start, report, told } = world.ask(origin);
      if (name.startsWith('a reset')) {
        while (told.growth.length === 0) await world.clock.advance(50);
        half.come();
      }
      const ended = await report;
      t.match(failureOf(ended), { reason: 'connection_lost', message: new URL(origin).host }, name);
      t.equal(ended.end.logComplete, true);
      const hasBody = !['nothing', 'half a head'].includes(name);
      t.equal((await world.log(start))?.toString(), hasBody ? 'half' : '', name);
      t.equal(ended.response?.status, hasBody ? 200 : undefined);
      t.equal(world.clock.waiting, 0);
    }
  },
);

t.test('an answer that is not HTTP, or whose head is too large, is invalid', async (t) => {
  const answers = {
    'no HTTP': 'SSH-2.0-OpenSSH\r\n\r\n',
    'a bad header': 'HTTP/1.1 200 OK\r\nbad header\r\n\r\n',
    'two lengths': 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab',
    'a bad chunk': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n',
    'another protocol': 'HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
    'endless headers': `HTTP/1.1 200 OK\r\n${`a: ${'b'.repeat(1000)}\r\n`.repeat(70)}\r\n`,
  };
  for (const [name, answer] of Object.entries(answers)) {
    const origin = await rawServer(t, (socket) => socket.write(answer));
    const { get, clock } = httpWorld(t);
    const failure = failureOf(await get(origin));
    t.match(failure, { reason: 'invalid_response', message: new URL(origin).host }, name);
    t.notMatch(failure.message, '\n');
    t.equal(clock.waiting, 0);
  }
});

// -------------------------------------------------------------------------------------------- too much

/** A body without end, at the pace of who reads it. */
const endless = (t: Parameters<typeof rawServer>[0], closed: () => void) =>
  rawServer(t, (socket) => {
    socket.once('close', closed);
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    const write = () => {
      while (socket.writable && socket.write('x'.repeat(10_000)));
    };
    socket.on('drain', write);
    write();
  });

t.test('a body over its limit is cut, or ends the attempt', async (t) => {
  const closed = fact();
  const origin = await endless(t, closed.come);
  const world = httpWorld(t);
  const { start, report } = world.ask(origin, { keepBytes: 12_345, failOnLimit: true });
  t.match(await report, {
    outcome: { cause: 'output_limit', limitBytes: 12_345, process: null },
    end: { output: { stdoutKeptBytes: 12_345, truncated: true }, logComplete: true },
    response: { status: 200 },
  });
  await closed.seen;
  t.equal((await world.log(start))?.length, 12_345);

  const finite = await httpServer(t, (_request, response) => response.end('0123456789'));
  const cut = world.ask(finite, { keepBytes: 4 });
  t.match(await cut.report, {
    outcome: { cause: 'http_response' },
    end: { output: { stdoutBytes: 10, stdoutKeptBytes: 4, truncated: true }, logComplete: true },
    tails: { stdout: '0123456789' },
  });
  t.equal((await world.log(cut.start))?.toString(), '0123');
  t.match(await world.get(finite, { keepBytes: 0 }), {
    end: { output: { stdoutKeptBytes: 0, stdoutBytes: 10 } },
  });
  t.match(await world.get(finite, { keepBytes: 10, failOnLimit: true }), {
    outcome: { cause: 'http_response' },
  });
});

t.test('an endless body is read until the attempt is over', async (t) => {
  const closed = fact();
  const origin = await endless(t, closed.come);
  const { ask, clock } = httpWorld(t);
  const { report, told } = ask(origin, { keepBytes: 1000, attemptMs: 10_000 });
  while ((told.growth.at(-1) ?? 0) < 300_000) {
    await bodyArrived(clock);
    await clock.advance(50);
  }
  await clock.advance(10_000);
  t.match(await report, {
    outcome: { cause: 'attempt_timeout', limitMs: 10_000, process: null },
    end: { output: { stdoutKeptBytes: 1000, truncated: true } },
  });
  await closed.seen;
  t.equal(clock.waiting, 0);
});

// --------------------------------------------------------------------------------------------- clocks

t.test('a server that says nothing runs into the clocks, and its connection is closed', async (t) => {
  const requests: (() => void)[] = [];
  const closes: Promise<void>[] = [];
  const origin = await rawServer(t, (socket) => {
    closes.push(new Promise((resolve) => socket.once('close', () => resolve())));
    requests.shift()?.();
  });
  const { ask, clock } = httpWorld(t);
  const asked = () => new Promise<void>((resolve) => requests.push(resolve));

  let seen = asked();
  const first = ask(origin, { attemptMs: 1000, idleMs: null });
  await seen;
  await clock.advance(1000);
  t.match((await first.report).outcome, { cause: 'attempt_timeout', limitMs: 1000, process: null });

  seen = asked();
  const second = ask(origin, { attemptMs: 5000, idleMs: 700 });
  await seen;
  await clock.advance(700);
  t.match((await second.report).outcome, { cause: 'idle_timeout', limitMs: 700, process: null });

  seen = asked();
  const third = ask(origin, { attemptMs: 1000, idleMs: 700 });
  await seen;
  void third.extend(3000, 2000);
  await clock.advance(1999);
  t.ok(clock.waiting > 0);
  void third.extend(3000, null);
  await clock.advance(1000);
  t.ok(clock.waiting > 0);
  await clock.advance(1);
  t.match((await third.report).outcome, { cause: 'attempt_timeout', limitMs: 3000 });

  await Promise.all(closes);
  t.equal(clock.waiting, 0);
});

t.test('bytes that come keep the idle clock from going off', async (t) => {
  const step = { write: (): void => undefined };
  const origin = await rawServer(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    step.write = () => socket.write('x');
    step.write();
  });
  const { ask, clock } = httpWorld(t);
  const { report } = ask(origin, { idleMs: 1000 });
  for (let i = 0; i < 5; i += 1) {
    await bodyArrived(clock);
    await clock.advance(600);
    step.write();
  }
  await bodyArrived(clock);
  await clock.advance(1000);
  t.match(await report, { outcome: { cause: 'idle_timeout' }, end: { output: { stdoutBytes: 6 } } });
});

t.test('all redirects together have one attempt limit', async (t) => {
  const arrived: (() => void)[] = [];
  const answers: (() => void)[] = [];
  const origin = await httpServer(t, (_request, response) => {
    answers.push(() => response.writeHead(302, { location: '/' }).end());
    arrived.shift()?.();
  });
  const next = () => new Promise<void>((resolve) => arrived.push(resolve));
  const { ask, clock } = httpWorld(t);
  let arrival = next();
  const { report } = ask(origin, { attemptMs: 1000 });
  await arrival;
  await clock.advance(600);
  arrival = next();
  answers.shift()?.();
  await arrival;
  await clock.advance(400);
  t.match((await report).outcome, { cause: 'attempt_timeout' });
});

// ------------------------------------------------------------------------------------------------ stop

t.test('what is stopped before it has begun leaves no log and sends nothing', async (t) => {
  let asked = 0;
  const origin = await httpServer(t, (_request, response) => {
    asked += 1;
    response.end();
  });
  const world = httpWorld(t);
  const { start, stop, report, told } = world.ask(origin);
  stop({ cause: 'cancelled', reason: 'why' });
  stop({ cause: 'lost', detail: 'shutdown' });
  t.match(await report, {
    outcome: { cause: 'cancelled', reason: 'why', process: null },
    end: { startedAt: null, logComplete: true },
    response: null,
  });
  await world.get(origin);
  t.equal(asked, 1);
  t.same(told.started, []);
  t.equal(existsSync(`${journalPath(world.dir, start)}.log`), false);
});

t.test('a stop ends the attempt while it resolves, while it waits and within the body', async (t) => {
  const closed: Promise<void>[] = [];
  const arrived = fact();
  const origin = await rawServer(t, (socket, head) => {
    closed.push(new Promise((resolve) => socket.once('close', () => resolve())));
    if (head.startsWith('GET /body')) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf');
    else arrived.come();
  });
  const resolving = fact();
  const world = httpWorld(t, {
    lookup: () => {
      resolving.come();
      return NEVER;
    },
  });
  const first = world.ask('http://slow.test');
  await resolving.seen;
  first.stop({ cause: 'lost', detail: 'shutdown' });
  t.same((await first.report).outcome, { cause: 'lost', detail: 'shutdown' });

  const second = world.ask(`${origin}/wait`);
  await arrived.seen;
  second.stop({ cause: 'total_timeout', limitMs: 5 });
  second.stop({ cause: 'cancelled', reason: null });
  t.same((await second.report).outcome, { cause: 'total_timeout', limitMs: 5, process: null });

  const third = world.ask(`${origin}/body`);
  await bodyArrived(world.clock);
  third.stop({ cause: 'cancelled', reason: null });
  const { outcome, response, end } = await third.report;
  t.same(outcome, { cause: 'cancelled', reason: null, process: null });
  t.match({ response, end }, { response: { status: 200 }, end: { output: { stdoutKeptBytes: 4 } } });
  t.equal((await world.log(third.start))?.toString(), 'half');

  await Promise.all(closed);
  t.equal(closed.length, 2, 'no other connection was made');
  t.equal(world.clock.waiting, 0);
});

t.test('a stop after the end changes nothing', async (t) => {
  const origin = await httpServer(t, (_request, response) => response.end());
  const { ask } = httpWorld(t);
  const { report, stop, extend } = ask(origin);
  const before = structuredClone(await report);
  stop({ cause: 'cancelled', reason: null });
  void extend(1, 1);
  t.same(await report, before);
});

// ------------------------------------------------------------------------------------------- the disk

t.test('an attempt whose log cannot be created sends nothing', async (t) => {
  let asked = 0;
  const origin = await httpServer(t, (_request, response) => {
    asked += 1;
    response.end();
  });
  const path = `${tempDir(t)}/no/such/directory`;
  const { ask, get } = httpWorld(t, { journalPath: () => path });
  const { report, told } = ask(origin);
  const failed = await report;
  t.match(failureOf(failed), { reason: 'journal_write_failed', message: 'could not be created' });
  t.match(failed.end, { startedAt: null });
  t.same(told.started, []);
  mkdirSync(dirname(path), { recursive: true });
  t.match(await get(origin), { outcome: { cause: 'http_response' } });
  t.match(failureOf(await get(origin)), { reason: 'journal_write_failed' }, 'a log is never used twice');
  t.equal(asked, 1);
});

t.test('a full disk ends the attempt', async (t) => {
  const disk = smallDisk(t, 200_000);
  if (disk === null) {
    t.pass('this user may not mount a disk');
    return;
  }
  const closed = fact();
  const origin = await endless(t, closed.come);
  const world = httpWorld(t, { journalPath: () => `${disk}/attempt` });
  const report = await world.get(origin, { keepBytes: 1e9 });
  t.match(failureOf(report), { reason: 'journal_write_failed', message: 'ENOSPC' });
  t.equal(report.end.logComplete, false);
  await closed.seen;
  t.equal(world.clock.waiting, 0);
});
