import { isIP } from 'node:net';
import t from 'tap';
import { bare, EgressGuard } from '../../src/runners/requests/egress-guard.ts';
import { OwnAddresses } from '../../src/runners/requests/own-addresses.ts';
import { fakeClock } from '../helpers/clock.ts';

/** A machine that has no addresses. */
const NOTHING = { has: () => false };

/** Whether a URL whose host is an address may be reached. */
function isAllowed(url: string, allow: readonly string[] = []): boolean {
  const { hostname, port } = new URL(url);
  const host = bare(hostname);
  if (isIP(host) === 0) throw new Error(`${url} is no literal`);
  return reaches(allow, { host, port: port === '' ? 80 : Number(port) }, host);
}

function reaches(allow: readonly string[], peer: { host: string; port: number }, address: string): boolean {
  try {
    new EgressGuard(allow, NOTHING).check(peer, address);
    return true;
  } catch (error) {
    if ((error as { reason?: string }).reason === 'egress_denied') return false;
    throw error;
  }
}

const DENIED = {
  loopback: [
    ...['127.0.0.1', '127.1', '127.255.255.254', '0x7f.1', '0177.0.0.1', '2130706433', '0x7f000001'],
    ...['１２７.0.0.1', '①②⑦.0.0.1', '127。0。0。1', '[::1]', '[0:0:0:0:0:0:0:1]'],
  ],
  unspecified: ['0', '0.0.0.0', '0.1.2.3', '[::]'],
  private: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '[fc00::1]', '[fd00::1]', '[fec0::1]'],
  'link-local and metadata': [
    ...['169.254.169.254', '169.254.1.1', '[fe80::1]', '[fd00:ec2::254]', '168.63.129.16'],
    ...['100.100.100.200', '[::ffff:169.254.169.254]'],
  ],
  'of a carrier': ['100.64.0.1', '100.127.255.255'],
  multicast: ['224.0.0.1', '239.255.255.255', '[ff02::1]'],
  'IPv4 written as IPv6': [
    ...['[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[::ffff:0:127.0.0.1]', '[::8.8.8.8]'],
    ...['[64:ff9b::7f00:1]', '[64:ff9b::10.0.0.1]', '[64:ff9b:1::7f00:1]', '[::ffff:10.0.0.1]'],
  ],
  'the end of a tunnel': ['[2002:7f00:1::]', '[2002:a00:1::1]', '[2001::1]', '[2001:0:7f00:1::]'],
  'reserved, for documentation, for benchmarks': [
    ...['192.0.0.1', '192.0.2.1', '198.51.100.1', '203.0.113.1', '198.18.0.1', '240.0.0.1'],
    ...['255.255.255.255', '[2001:db8::1]', '[3fff::1]', '[100::1]', '[4000::1]', '[5f00::1]', '[1::1]'],
  ],
};

const PUBLIC = [
  ...['8.8.8.8', '1.1.1.1', '93.184.216.34', '172.15.255.255', '172.32.0.1', '100.63.255.255', '100.128.0.1'],
  ...['169.253.0.1', '223.255.255.255', '[2606:4700:4700::1111]', '[2a00:1450::1]', '[::ffff:8.8.8.8]'],
];

for (const [name, hosts] of Object.entries(DENIED)) {
  t.test(`an address that is ${name} is not allowed, however it is written`, async (t) => {
    for (const host of hosts) t.equal(isAllowed(`http://${host}/`), false, host);
  });
}

t.test(
  'an address of this machine is not allowed, nor one that a connection begins and ends at',
  async (t) => {
    const own = { has: (address: string) => address === '8.8.4.4' };
    const peer = { host: 'a.test', port: 80 };
    const denied = { reason: 'egress_denied', message: 'it is an address of this machine' };
    const guard = new EgressGuard([], own);
    t.throws(() => guard.check(peer, '8.8.4.4'), denied);
    guard.check(peer, '8.8.8.8');
    guard.checkConnection(peer, { localAddress: '10.0.0.1', remoteAddress: '8.8.8.8' });
    // It is known of no interface: translated, or new.
    t.throws(
      () => guard.checkConnection(peer, { localAddress: '8.8.8.8', remoteAddress: '8.8.8.8' }),
      denied,
    );
    const allowing = new EgressGuard(['8.8.4.4', 'a.test:80'], own);
    allowing.check({ host: 'b.test', port: 80 }, '8.8.4.4');
    allowing.checkConnection(peer, { localAddress: '8.8.8.8', remoteAddress: '8.8.8.8' });
    let addresses = ['8.8.4.4'];
    const clock = fakeClock();
    const all = new OwnAddresses(clock, () => addresses);
    t.same([all.has('8.8.4.4'), all.has('8.8.8.8')], [true, false]);
    addresses = ['8.8.8.8', 'fe80::1%eth0'];
    await clock.advance(10_000);
    t.same([all.has('8.8.4.4'), all.has('8.8.8.8'), all.has('fe80::1')], [false, true, true]);
  },
);

t.test('public addresses may be reached', async (t) => {
  for (const host of PUBLIC) t.equal(isAllowed(`http://${host}/`), true, host);
});

t.test('what is not an address is refused, and a zone does not hide one', async (t) => {
  const peer = { host: 'name.test', port: 80 };
  t.equal(reaches([], peer, ''), false);
  t.equal(reaches([], peer, 'name.test'), false);
  t.equal(reaches([], peer, 'fe80::1%eth0'), false);
});

t.test('a refusal names the address, the name, the port and the reason', async (t) => {
  const guard = new EgressGuard([], NOTHING);
  t.throws(() => guard.check({ host: 'db.test', port: 5432 }, '10.0.0.5'), {
    reason: 'egress_denied',
    message: 'The address 10.0.0.5 of db.test (port 5432) is not allowed: it is private.',
  });
});

t.test('one denied address among several refuses them all', async (t) => {
  const guard = new EgressGuard([], NOTHING);
  t.throws(() => guard.checkAll({ host: 'mixed.test', port: 80 }, ['8.8.8.8', '10.0.0.1']), {
    message: 'The address 10.0.0.1 of mixed.test',
  });
  t.doesNotThrow(() => guard.checkAll({ host: 'fine.test', port: 80 }, ['8.8.8.8', '1.1.1.1']));
});

t.test('an allowed address is allowed at every port, or at the one that is given', async (t) => {
  t.equal(isAllowed('http://127.0.0.1:9000', ['127.0.0.1']), true);
  t.equal(isAllowed('http://127.0.0.1:9000', ['127.0.0.1:9000']), true);
  t.equal(isAllowed('http://127.0.0.1:9001', ['127.0.0.1:9000']), false);
  t.equal(isAllowed('http://127.0.0.2:9000', ['127.0.0.1:9000']), false);
  t.equal(isAllowed('http://[::1]', ['[::1]:80']), true);
  t.equal(isAllowed('http://[::1]:81', ['[::1]:80']), false);
  t.equal(isAllowed('http://[::1]:81', ['::1']), true);
  t.equal(isAllowed('http://[::1]:81', ['[::1]']), true);
});

t.test('an allowed network is allowed with all its addresses', async (t) => {
  t.equal(isAllowed('http://10.200.0.1', ['10.0.0.0/8']), true);
  t.equal(isAllowed('http://[::ffff:10.200.0.1]', ['10.0.0.0/8']), true);
  t.equal(isAllowed('http://11.0.0.1', ['10.0.0.0/8']), true, 'a public one needs no entry');
  t.equal(isAllowed('http://192.168.0.1', ['10.0.0.0/8']), false);
  t.equal(isAllowed('http://[fd12::1]', ['fd00::/8']), true);
  t.equal(isAllowed('http://[fc12::1]', ['fd00::/8']), false);
  t.equal(isAllowed('http://127.0.0.1', ['0.0.0.0/0']), true);
  t.equal(isAllowed('http://[::1]', ['0.0.0.0/0']), false);
});

t.test('an allowed name permits what it resolves to, and nothing else permits that', async (t) => {
  const db = { host: 'db.internal', port: 5432 };
  t.equal(reaches(['db.internal'], db, '10.0.0.5'), true);
  t.equal(reaches(['DB.Internal.'], db, '10.0.0.5'), true);
  t.equal(reaches(['db.internal:5432'], db, '10.0.0.5'), true);
  t.equal(reaches(['db.internal:5433'], db, '10.0.0.5'), false);
  t.equal(reaches(['db.internal'], { ...db, host: 'evil.db.internal' }, '10.0.0.5'), false);
  t.equal(reaches(['db.internal'], { ...db, host: 'db.internal.' }, '10.0.0.5'), true);
  t.equal(reaches(['db.internal'], { host: '10.0.0.5', port: 5432 }, '10.0.0.5'), false);
  t.equal(reaches(['bücher.test'], { host: 'xn--bcher-kva.test', port: 80 }, '10.0.0.5'), true);
});

t.test('an entry that cannot be understood is named', async (t) => {
  const entries = [
    ...[
      '',
      ' ',
      'a b',
      'http://a.test',
      'a.test/path',
      'user@a.test',
      '*.a.test',
      'a.test:0',
      'a.test:65536',
    ],
    ...[
      'a.test:x',
      'a.test:',
      '10.0.0.0/33',
      '10.0.0.0/x',
      '10.0.0/8',
      'fd00::/129',
      '[::1',
      '::1]',
      '[a]:80',
    ],
    ...['127.1', '0x7f.1', '2130706433:80', 'a.test,b.test', '10.0.0.0/8:80', 'a.test#b', 'a.test?b'],
  ];
  for (const entry of entries) {
    t.throws(
      () => new EgressGuard(['10.0.0.0/8', entry], NOTHING),
      { message: `"${entry}" is not a valid destination` },
      entry,
    );
  }
});
