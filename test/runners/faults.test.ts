// The list of faults, as far as it is about the calls that go out: each test is named as its case.
import t from 'tap';
import { specSchema } from '../../src/domain/spec/spec.ts';
import { EgressGuard } from '../../src/runners/requests/egress-guard.ts';
import { failureOf, httpServer, httpsServer, httpWorld, TLS } from '../helpers/http-world.ts';

t.test(
  'SSRF literals: 127.1, 0x7f.1, 2130706433, 0, [::], [::1], [::ffff:127.0.0.1], [::127.0.0.1], [64:ff9b::7f00:1], ' +
    'fullwidth digits, 169.254.169.254, fd00:ec2::254, 100.64/10',
  async (t) => {
    const { get } = httpWorld(t, { egressAllow: [] });
    for (const host of [
      ...['127.1', '0x7f.1', '2130706433', '0', '[::]', '[::1]', '[::ffff:127.0.0.1]', '[::127.0.0.1]'],
      ...[
        '[64:ff9b::7f00:1]',
        '１２７.０.０.１',
        '169.254.169.254',
        '[fd00:ec2::254]',
        '100.64.0.1',
        '100.127.255.254',
      ],
    ]) {
      t.equal(failureOf(await get(`http://${host}:9/`)).reason, 'egress_denied', host);
    }
  },
);

t.test('DNS rebinding: first answer public, second private; mixed answers; TTL 0', async (t) => {
  const answers = [['8.8.8.8'], ['127.0.0.1']];
  const asked: string[] = [];
  const guard = new EgressGuard([], { has: () => false });
  t.throws(() => guard.checkAll({ host: 'mixed.test', port: 80 }, ['8.8.8.8', '127.0.0.1']), {
    message: 'The address 127.0.0.1 of mixed.test',
  });
  const { get } = httpWorld(t, {
    egressAllow: [],
    lookup: async (host) => {
      asked.push(host);
      return host === 'mixed.test' ? ['8.8.8.8', '10.0.0.1'] : (answers[1] as string[]);
    },
  });
  t.equal(failureOf(await get('http://mixed.test/')).reason, 'egress_denied');
  t.equal(
    failureOf(await get('http://rebound.test/')).reason,
    'egress_denied',
    'each call asks and checks anew',
  );
  t.same(asked, ['mixed.test', 'rebound.test'], 'once each: what was checked is what is connected to');
});

t.test('TLS: expired, wrong host, self-signed, downgrade', async (t) => {
  const { get } = httpWorld(t);
  const reasonOf = async (cert: string, more = {}) => {
    const origin = await httpsServer(t, cert, (_request, response) => response.end('no'));
    return failureOf(await get(origin, { tls: { ca: TLS.ca }, ...more })).reason;
  };
  t.equal(await reasonOf(TLS.expired), 'tls_failed');
  t.equal(await reasonOf(TLS.selfSigned), 'tls_failed');
  t.equal(await reasonOf(TLS.good, { tls: { ca: TLS.ca, server_name: 'other.test' } }), 'tls_failed');
  const plain = await httpServer(t, (_request, response) => response.end('plain'));
  const origin = await httpsServer(t, TLS.good, (_request, response) =>
    response.writeHead(302, { location: plain }).end(),
  );
  t.equal(
    failureOf(await get(origin, { tls: { ca: TLS.ca } })).reason,
    'egress_denied',
    'no way down from https',
  );
  t.equal(process.env.NODE_TLS_REJECT_UNAUTHORIZED, undefined);
});

t.test('header injection CR/LF in url, header, method; userinfo in url', async (t) => {
  const schema = specSchema({ maxAttemptMs: 1000, maxOutputBytes: 1000, spoolMaxBytes: 1000 });
  const fits = (more: object) => schema.safeParse({ kind: 'http', url: 'http://a.test/', ...more }).success;
  t.ok(fits({ headers: { 'X-A': 'b' } }));
  for (const bad of [
    { url: 'http://a.test/\r\nX: y' },
    { url: 'http://user:pass@a.test/' },
    { url: 'http://a.test\\@b.test/' },
    { headers: { 'X-A': 'b\r\nX-B: c' } },
    { headers: { 'X-A\r\nX-B': 'c' } },
    { headers: { 'X-A': { secret: 'x', prefix: 'a\r\nb' } } },
    { headers: { 'X A': 'b' } },
    { headers: { Host: 'b.test' } },
    { headers: { 'Transfer-Encoding': 'chunked' } },
    { method: 'GET / HTTP/1.1\r\nX: y' },
    { method: 'get' },
  ])
    t.notOk(fits(bad), JSON.stringify(bad));
});

t.test('Host/proxy env: HTTP_PROXY in server env', async (t) => {
  const names = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY'];
  const proxied: string[] = [];
  const proxy = await httpServer(t, (request, response) => {
    proxied.push(request.url ?? '');
    response.end('proxy');
  });
  for (const name of names) process.env[name] = proxy;
  t.teardown(() => names.forEach((name) => Reflect.deleteProperty(process.env, name)));
  const { get } = httpWorld(t);
  const origin = await httpServer(t, (_request, response) => response.end('straight'));
  t.match(await get(origin), { tails: { stdout: 'straight' } });
  t.same(proxied, []);
});
