// Lists of hosts for sandboxes: their form, what two of them allow together, and what one of them lets through.
import t from 'tap';
import { firstOutside, isListed, network, networkInBoth, networkSetting } from '../../src/domain/network.ts';

t.test('entries are names with an optional star and port', async (t) => {
  for (const one of ['pypi.org', '*.pypi.org', 'db:5432', '*.a.b:65535', 'xn--bcher-kva.example', 'a_b.c'])
    t.ok(network.safeParse({ allow: [one] }).success, one);
  const bad = [
    '',
    'A.org',
    '*',
    '*.',
    'a.*.org',
    'a..b',
    'a.org.',
    'a.org:0',
    'a.org:65536',
    'a.org:x',
    'a.org/x',
  ];
  bad.push(
    'http://a.org',
    '10.0.0.1',
    '127.1',
    '2130706433',
    'a.0x7f',
    '[::1]',
    '::1',
    '-a.org',
    ' a.org',
    'ü.org',
  );
  for (const one of bad) t.notOk(network.safeParse({ allow: [one] }).success, one);
  for (const other of [
    { allow: [] },
    { allow: Array.from({ length: 101 }, (_, i) => `a${i}`) },
    {},
    'true',
    null,
  ])
    t.notOk(network.safeParse(other).success, JSON.stringify(other));
});

t.test('a setting is true, false or hosts', async (t) => {
  t.equal(networkSetting.parse('true'), true);
  t.equal(networkSetting.parse('false'), false);
  t.same(networkSetting.parse('pypi.org, *.x.org:8443'), ['pypi.org', '*.x.org:8443']);
  for (const bad of ['', 'yes', 'TRUE', '1', '10.0.0.0/8', 'a.org,,b.org'])
    t.match(networkSetting.safeParse(bad).error?.issues[0]?.message, /^must be true, false or hosts/, bad);
});

t.test('two networks allow together what each of them does', async (t) => {
  const cases = [
    [true, false, false],
    [true, true, true],
    [true, ['a.org'], ['a.org']],
    [false, ['a.org'], false],
    [['a.org'], ['b.org'], []],
    [['a.org'], ['a.org'], ['a.org']],
    [['*.a.org'], ['x.a.org', 'a.org', 'xa.org'], ['x.a.org']],
    [['*.a.org'], ['*.b.a.org'], ['*.b.a.org']],
    [['a.org'], ['a.org:443'], ['a.org:443']],
    [['a.org:80'], ['a.org:443'], []],
    [['*.org:8080'], ['a.org:8080', 'a.org'], ['a.org:8080']],
    [['a.org', '*.org'], ['a.org'], ['a.org']],
  ] as const;
  for (const [a, b, both] of cases) {
    t.same(networkInBoth(a, b), both, JSON.stringify([a, b]));
    t.same(networkInBoth(b, a), both, JSON.stringify([b, a]));
  }
});

t.test('what is asked for beyond a list is told by its place', async (t) => {
  t.equal(firstOutside(['a.org'], true), null);
  t.equal(firstOutside(['a.org'], false), 0);
  t.equal(firstOutside(['x.a.org:443', 'a.org'], ['*.a.org']), 1);
  t.equal(firstOutside(['a.org'], ['a.org:443']), 0, 'port 80 is not allowed');
  t.equal(firstOutside(['a.org'], ['a.org:443', 'a.org:80']), null);
});

t.test('a star stands for one label or more, and not for none', async (t) => {
  const at = (host: string, port = 443) => isListed(['*.a.org', 'b.org:8080'], { host, port });
  for (const host of ['x.a.org', 'x.y.a.org']) t.ok(at(host), host);
  for (const host of ['a.org', 'xa.org', 'x.a.org.evil.com', 'b.org']) t.notOk(at(host), host);
  t.ok(at('x.a.org', 80));
  t.notOk(at('x.a.org', 22));
  t.ok(at('b.org', 8080));
});
