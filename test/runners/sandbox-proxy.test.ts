// The proxy of sandboxes without a sandbox: what it lets through, what it refuses and says, and what it holds at most.
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { createClock } from '../../src/app/clock.ts';
import { guardedConnector, SandboxProxy } from '../../src/runners/requests/sandbox-proxy.ts';
import { until } from '../helpers/processes.ts';
import { tempDir } from '../helpers/temp.ts';

async function listening(t: Test, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

interface World {
  hosts?: (port: number) => string[];
  /** By which names are resolved, in turns. */
  addresses?: Record<string, string[][]>;
  egressAllow?: string[];
  mostBytes?: number;
}

/** A target that repeats what tunnels bring, and tells what requests say; and a proxy on the way to it. */
async function world(
  t: Test,
  { hosts, addresses = {}, egressAllow = ['127.0.0.1'], mostBytes = 1e9 }: World = {},
) {
  const seen: IncomingMessage[] = [];
  const target = createHttpServer((request, response) => {
    seen.push(request);
    void text(request).then((body) => {
      response.setHeader('Connection', 'close, x-hop').setHeader('X-Hop', '1').setHeader('X-End', '1');
      response.end(`${request.method} ${request.url} ${body}`);
    });
  });
  const echo = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  const [port, echoPort] = [await listening(t, target), await listening(t, echo)];
  const looked: string[] = [];
  const connector = guardedConnector(egressAllow, createClock(), (name) => {
    looked.push(name);
    const answers = addresses[name] ?? [['127.0.0.1']];
    return Promise.resolve((answers.length > 1 ? answers.shift() : answers[0]) as string[]);
  });
  const proxy = new SandboxProxy({ connector, mostBytes });
  const path = join(tempDir(t), 'socket');
  const list = hosts ?? (() => [`a.test:${port}`, `a.test:${echoPort}`, `*.b.test:${echoPort}`]);
  const open = proxy.open({ path, userId: 'ann', hosts: list(port).concat(list(echoPort)) });
  t.teardown(() => open.close());
  const say = async (bytes: string): Promise<string> => {
    const socket = connect({ path });
    socket.write(bytes);
    return text(socket);
  };
  const tunnel = async (to: string): Promise<{ socket: Socket; head: string }> => {
    const socket = connect({ path });
    socket.on('error', () => undefined).write(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\n`);
    const [head] = (await once(socket, 'data')) as [Buffer];
    return { socket, head: head.toString() };
  };
  return { port, echoPort, echo, seen, looked, path, proxy, open, say, tunnel };
}

t.test('a listed name is reached by a tunnel, and resolved once for it', async (t) => {
  const w = await world(t, { addresses: { 'a.test': [['127.0.0.1'], ['169.254.169.254']] } });
  t.equal(statSync(w.path).mode & 0o666, 0o666, 'for whoever is handed it');
  const { socket, head } = await w.tunnel(`A.test.:${w.echoPort}`);
  t.equal(head, 'HTTP/1.1 200 Connection established\r\n\r\n');
  socket.end('there and back');
  t.equal(await text(socket), 'there and back');
  t.same(w.looked, ['a.test']);
  t.match(
    (await w.tunnel(`a.test:${w.echoPort}`)).head,
    /403 Forbidden[^]*169\.254\.169\.254 of a\.test[^]*link-local/,
    'another time, another answer',
  );
  t.equal((await w.tunnel(`x.y.b.test:${w.echoPort}`)).head.slice(9, 12), '200');
  const end = w.open.close();
  t.match(end, { connections: 2, sent_bytes: 14, received_bytes: 14 });
  t.same(end.refused, {
    reasons: { not_public: 1 },
    hosts: [{ host: `a.test:${w.echoPort}`, reason: 'not_public' }],
  });
  t.notOk(existsSync(w.path), 'the socket has gone');
});

t.test('a request goes through without what is for the proxy alone', async (t) => {
  const w = await world(t);
  const answer = await w.say(
    `POST http://a.test:${w.port}/p?q=1 HTTP/1.1\r\nHost: other.test\r\nProxy-Authorization: x\r\nConnection: close, x-mine\r\nX-Mine: 1\r\nX-Kept: 1\r\nContent-Length: 4\r\n\r\nbody`,
  );
  t.match(answer, /^HTTP\/1\.1 200 OK\r\n[^]*X-End: 1[^]*POST \/p\?q=1 body/i);
  t.notMatch(answer, /x-hop/i);
  t.match(w.seen[0]?.headers, { host: `a.test:${w.port}`, 'x-kept': '1' });
  for (const name of ['proxy-authorization', 'x-mine']) t.notOk(name in (w.seen[0]?.headers ?? {}), name);
});

t.test('it refuses what is not listed, and addresses, and names it in the end', async (t) => {
  const w = await world(t);
  const refused: [string, RegExp][] = [
    ['c.test:443', /c\.test:443 is not allowed: the network of this sandbox allows a\.test:/],
    ['b.test:443', /not allowed/],
    ['xa.test:443', /not allowed/],
    [`a.test:${w.port + 1 === w.echoPort ? w.port + 2 : w.port + 1}`, /not allowed/],
    [`127.0.0.1:${w.echoPort}`, /it is an address; use a name/],
    ['0x7f.1:80', /127\.0\.0\.1:80 is not allowed: it is an address/],
    ['2130706433:80', /it is an address/],
    ['[::1]:80', /\[::1\]:80 is not allowed: it is an address/],
    ['[::ffff:169.254.169.254]:80', /it is an address/],
  ];
  for (const [to, message] of refused) {
    const answer = await w.say(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\n`);
    t.match(answer, /^HTTP\/1\.1 403 Forbidden\r\n/, to);
    t.match(answer, message, to);
    t.match(
      await w.say(`GET http://${to}/ HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`),
      message,
      to,
    );
  }
  for (const line of [
    'CONNECT a.test',
    'CONNECT a.test:0',
    'CONNECT a.test:99999',
    'CONNECT u@a.test:80',
    'GET /',
    'GET https://a.test/',
  ])
    t.match(
      await w.say(`${line} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`),
      /^HTTP\/1\.1 400 /,
      line,
    );
  t.same(w.looked, [], 'none of them was looked up');
  const { refused: told, connections } = w.open.close();
  t.equal(connections, 0);
  t.same(told.reasons, { not_listed: 8, address: 10 });
  t.equal(told.hosts.length, 8);
  t.match(told.hosts[0], { host: 'c.test:443', reason: 'not_listed' });
});

t.test('an address that is not public stays out of reach, whatever name leads to it', async (t) => {
  const addresses = {
    'loop.test': [['127.0.0.1']],
    'mixed.test': [['93.184.215.14', '10.0.0.1']],
    'meta.test': [['169.254.169.254']],
    'six.test': [['::ffff:127.0.0.1']],
  };
  const w = await world(t, { addresses, egressAllow: [], hosts: () => Object.keys(addresses) });
  for (const name of Object.keys(addresses))
    t.match(
      await w.say(`CONNECT ${name}:443 HTTP/1.1\r\nHost: x\r\n\r\n`),
      /403 Forbidden[^]*EXECUTION_EGRESS_ALLOW/,
      name,
    );
  t.same(w.open.close().refused.reasons, { not_public: 4 });
});

t.test('a host that does not answer is a bad gateway', async (t) => {
  const w = await world(t, {
    hosts: (port) => [`a.test:${port}`, 'gone.test:1'],
    addresses: { 'gone.test': [[]] },
  });
  t.match(
    await w.say('CONNECT gone.test:1 HTTP/1.1\r\nHost: x\r\n\r\n'),
    /502 Bad Gateway[^]*could not be resolved/,
  );
  t.match(
    await w.say(`GET http://a.test:${w.echoPort}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    /502 Bad Gateway[^]*did not answer as HTTP/,
  );
});

t.test('at the byte limit, connections end and no more are made', async (t) => {
  const w = await world(t, { mostBytes: 100_000 });
  const { socket } = await w.tunnel(`a.test:${w.echoPort}`);
  socket.write(Buffer.alloc(60_000));
  socket.resume();
  await once(socket, 'close');
  t.match(
    await w.say(`CONNECT a.test:${w.echoPort} HTTP/1.1\r\nHost: x\r\n\r\n`),
    /403[^]*100000 bytes, which is the limit/,
  );
  const end = w.open.close();
  t.ok(end.sent_bytes + end.received_bytes >= 100_000, 'counted');
  t.ok(end.sent_bytes + end.received_bytes < 300_000, 'and bounded');
  t.same(end.refused.reasons, { byte_limit: 1 });
});

t.test('a slow reader holds up itself, not others, and little of its bytes is in memory', async (t) => {
  const w = await world(t);
  const { socket: slow } = await w.tunnel(`a.test:${w.echoPort}`);
  slow.pause();
  const piece = Buffer.alloc(1 << 20);
  let isHeld = false;
  // Until nothing more is taken: all buffers on the way are full.
  for (let i = 0; i < 64 && !isHeld; i++)
    isHeld = !slow.write(piece) && !(await Promise.race([once(slow, 'drain').then(() => true), others(w)]));
  t.ok(isHeld, 'it is held');
  t.ok(slow.writableLength > 0);
  const taken = w.open.close().sent_bytes;
  t.ok(taken < 40 << 20, `${taken} bytes were taken`);
});

/** A whole exchange of another connection, ten times; false. */
async function others(w: Awaited<ReturnType<typeof world>>): Promise<false> {
  for (let i = 0; i < 10; i++) {
    const { socket } = await w.tunnel(`a.test:${w.echoPort}`);
    socket.end('x');
    if ((await text(socket)) !== 'x') throw new Error('another connection was held up');
  }
  return false;
}

t.test('the end of the attempt ends all connections, also those that wait', async (t) => {
  const w = await world(t);
  const ends: Promise<unknown>[] = [];
  let open = 0;
  w.echo.on('connection', (socket: Socket) => {
    open += 1;
    socket.on('close', () => (open -= 1));
  });
  for (let i = 0; i < 5; i++) {
    const { socket } = await w.tunnel(`a.test:${w.echoPort}`);
    ends.push(once(socket, 'close'));
  }
  const idle = connect({ path: w.path });
  await once(idle, 'connect');
  ends.push(once(idle, 'close'));
  t.equal(open, 5);
  w.open.close();
  await Promise.all(ends);
  await until('the target sees it', () => open === 0);
});

t.test('a proxy that cannot listen says so', async (t) => {
  const w = await world(t);
  t.throws(() => w.proxy.open({ path: '/no/such/socket', userId: 'ann', hosts: [] }), /nothing can listen/);
});
