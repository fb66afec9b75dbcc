// Hosts of several addresses: which is tried when, which one wins, and what is said when none does.
import {
  createServer as createTcpServer,
  type AddressInfo,
  connect,
  type Server,
  type Socket,
} from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { alternating } from '../../src/runners/requests/connect-race.ts';
import { TlsContexts } from '../../src/runners/requests/tls-contexts.ts';
import { fakeClock } from '../helpers/clock.ts';
import { fact, failureOf, httpWorld, TLS } from '../helpers/http-world.ts';

const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok';

async function listen(t: Test, server: Server, host: string, port = 0): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const answering = () => createTcpServer((socket) => socket.once('data', () => socket.end(ANSWER)));
const secure = (cert: string) =>
  createTlsServer({ key: TLS.key, cert }, (socket) => socket.once('data', () => socket.end(ANSWER))).on(
    'tlsClientError',
    () => undefined,
  );

/** Takes no connection before `hear`: its queue is full, so that the kernel drops what comes. */
async function deaf(t: Test, host: string, port = 0): Promise<{ port: number; hear: () => void }> {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(
    `const { parentPort, workerData: { gate, host, port, answer } } = require('node:worker_threads');
     const server = require('node:net').createServer((socket) =>
       socket.on('error', () => {}).once('data', () => socket.end(answer)));
     server.listen({ host, port, backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       setImmediate(() => Atomics.wait(gate, 0, 0));
     });`,
    { eval: true, workerData: { gate, host, port, answer: ANSWER } },
  );
  const found = await new Promise<number>((resolve) => worker.once('message', resolve));
  // Two fit into the queue of one; the third is dropped, and comes again after a second.
  const fill = await Promise.all(
    [0, 1].map(
      () =>
        new Promise<Socket>((resolve) => {
          const socket = connect(found, host, () => resolve(socket)).on('error', () => undefined);
        }),
    ),
  );
  const hear = () => {
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
    for (const socket of fill) socket.destroy();
  };
  t.teardown(async () => {
    hear();
    await worker.terminate();
  });
  return { port: found, hear };
}

const to = (...addresses: string[]) => ({
  egressAllow: ['127.0.0.0/8', '::1'],
  lookup: async () => addresses,
});

t.test('families take turns, each address once', async (t) => {
  t.same(alternating(['10.0.0.1']), ['10.0.0.1']);
  t.same(alternating(['::2', '::3', '::2', '10.0.0.1']), ['::2', '10.0.0.1', '::3']);
  t.same(alternating(['10.0.0.1', '10.0.0.2', '::2']), ['10.0.0.1', '::2', '10.0.0.2']);
});

t.test('an address that has not answered yet is waited for while the others fail', async (t) => {
  const { port, hear } = await deaf(t, '127.0.0.2');
  const { ask, clock } = httpWorld(t, to('127.0.0.2', '127.0.0.3'));
  const { report } = ask(`http://two.test:${port}/`);
  while (!clock.hasTimer(250)) await clock.advance(0);
  await clock.advance(250);
  // The second one is refused meanwhile; nothing tells when.
  await clock.advance(5000);
  hear();
  t.match(await report, { outcome: { status: 200 }, tails: { stdout: 'ok' } });
  t.equal(clock.waiting, 0);
});

t.test(
  'the next address is tried beside one that does not answer, and the first that does is used',
  async (t) => {
    const { port } = await deaf(t, '127.0.0.2');
    await listen(t, answering(), '127.0.0.4', port);
    const { ask, clock } = httpWorld(t, to('127.0.0.2', '127.0.0.3', '127.0.0.4'));
    const { report } = ask(`http://three.test:${port}/`);
    while (!clock.hasTimer(250)) await clock.advance(0);
    await clock.advance(250);
    t.match(await report, { tails: { stdout: 'ok' } }, 'the one that is refused is left out at once');
    t.equal(clock.waiting, 0);
  },
);

t.test('when none answers, each address is named with what it has said', async (t) => {
  const { port } = await deaf(t, '127.0.0.2');
  const { ask, clock } = httpWorld(t, to('127.0.0.2', '127.0.0.3', '127.0.0.2', '127.0.0.4'));
  const { report } = ask(`http://none.test:${port}/`);
  while (!clock.hasTimer(250)) await clock.advance(0);
  await clock.advance(250);
  while (!clock.hasTimer(10_000)) await clock.advance(0);
  await clock.advance(9750);
  const refused = 'the connection was refused (ECONNREFUSED)';
  t.same(failureOf(await report), {
    cause: 'request_failed',
    reason: 'connect_failed',
    message: `none.test:${port} could not be reached: 127.0.0.2: it took longer than 10 s; 127.0.0.3: ${refused}; 127.0.0.4: ${refused}.`,
  });
  t.equal(clock.waiting, 0);
});

t.test('a host of very many addresses is tried at some of them, and the message stays short', async (t) => {
  const { get } = httpWorld(t, to(...Array.from({ length: 40 }, (_, i) => `127.0.1.${i + 1}`)));
  const { message } = failureOf(await get('http://many.test:9/'));
  t.match(message, /127\.0\.1\.8: .*; 8 more addresses failed; execd did not try 24 more addresses\.$/);
});

t.test('where TLS fails at one address the next one is tried', async (t) => {
  const hangUp = createTcpServer((socket) => socket.destroy());
  const port = await listen(t, hangUp, '127.0.0.2');
  await listen(t, secure(TLS.expired), '127.0.0.3', port);
  await listen(t, secure(TLS.good), '127.0.0.4', port);
  const tls = { ca: TLS.ca };
  const all = httpWorld(t, to('127.0.0.2', '127.0.0.3', '127.0.0.4'));
  t.match(await all.get(`https://good.test:${port}/`, { tls }), { tails: { stdout: 'ok' } });
  const bad = httpWorld(t, to('127.0.0.2', '127.0.0.3'));
  const failure = failureOf(await bad.get(`https://good.test:${port}/`, { tls }));
  t.match(failure, {
    reason: 'tls_failed',
    message: /127\.0\.0\.2: .*; 127\.0\.0\.3: its certificate has expired/,
  });
});

t.test(
  'an address that is reached but does not speak TLS has some time before the next one is tried',
  async (t) => {
    const reached = fact();
    const port = await listen(
      t,
      createTcpServer(() => reached.come()),
      '127.0.0.2',
    );
    await listen(t, secure(TLS.good), '127.0.0.3', port);
    const { ask, clock } = httpWorld(t, to('127.0.0.2', '127.0.0.3'));
    const { report } = ask(`https://good.test:${port}/`, { tls: { ca: TLS.ca } });
    await reached.seen;
    while (!clock.hasTimer(2000)) await clock.advance(0);
    await clock.advance(2000);
    t.match(await report, { tails: { stdout: 'ok' } });
    t.equal(clock.waiting, 0);
  },
);

t.test('an address of the machine itself is refused, however public it is', async (t) => {
  const own = { ownAddresses: () => ['8.8.4.4', '2606:4700::1', 'fe80::1%eth0'] };
  const world = httpWorld(t, { ...to('8.8.4.4'), ...own });
  for (const host of ['8.8.4.4', 'name.test', '[2606:4700:0::1]']) {
    const failure = failureOf(await world.get(`http://${host}/`));
    t.match(failure, { reason: 'egress_denied', message: 'it is an address of this machine' }, host);
  }
});

t.test('contexts are made one at a time, users in turn, and kept by their content', async (t) => {
  const clock = fakeClock();
  const contexts = new TlsContexts(clock);
  const { signal } = new AbortController();
  const first = await contexts.get(TLS.ca, 'ann', signal);
  t.equal(await contexts.get(TLS.ca, 'bob', signal), first);
  t.equal(await contexts.get(null, 'ann', signal), await contexts.get(null, 'bob', signal));
  const order: string[] = [];
  const get = (i: number, user: string) =>
    contexts.get(`${TLS.ca}${'\n'.repeat(i + 1)}`, user, signal).then(() => order.push(user));
  const ann = Array.from({ length: 70 }, (_, i) => get(i, 'ann'));
  const bob = get(100, 'bob');
  await bob;
  t.ok(order.length < 4, 'who asks for one waits for a few');
  await Promise.all(ann);
  t.equal(
    await contexts.get(`${TLS.ca}${'\n'.repeat(101)}`, 'ann', signal),
    await contexts.get(`${TLS.ca}${'\n'.repeat(101)}`, 'bob', signal),
  );
  t.not(await contexts.get(TLS.ca, 'ann', signal), first, 'the oldest of who has most is forgotten');
  await t.rejects(contexts.get('no certificate', 'ann', signal), { message: 'tls.ca has no certificate' });
  const gone = new AbortController();
  const waiting = contexts.get(`${TLS.ca}\n `, 'ann', gone.signal);
  gone.abort(new Error('gone'));
  await t.rejects(waiting, { message: 'gone' });
});
