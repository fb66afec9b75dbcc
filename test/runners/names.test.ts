// Names as they are resolved: files of the system, name servers, and the shares of users.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Lookups } from '../../src/runners/requests/lookups.ts';
import { candidatesOf, parseHosts, parseResolvConf } from '../../src/runners/requests/name-files.ts';
import { SystemNames } from '../../src/runners/requests/system-names.ts';
import { fakeClock } from '../helpers/clock.ts';
import { failureOf, fact, httpServer, httpWorld } from '../helpers/http-world.ts';
import { type NameAnswer, nameServer } from '../helpers/name-server.ts';
import { until } from '../helpers/processes.ts';
import { tempDir } from '../helpers/temp.ts';

t.test('hosts files are read as hosts(5) has them', async (t) => {
  const hosts = parseHosts(
    [
      '127.0.0.1 localhost # comment two.test',
      '::1\tlocalhost ip6-localhost',
      '10.0.0.1 One.Test one',
      '10.0.0.2 one.test.',
      '10.0.0.1 one.test',
      'not-an-address bad.test',
      '#10.0.0.9 gone.test',
    ].join('\n'),
  );
  t.same(Object.fromEntries(hosts), {
    localhost: ['127.0.0.1', '::1'],
    'ip6-localhost': ['::1'],
    'one.test': ['10.0.0.1', '10.0.0.2'],
    one: ['10.0.0.1'],
  });
});

t.test('the search list and ndots of resolv.conf say which names are asked for', async (t) => {
  const k8s = 'search a.svc svc.test\nnameserver 10.0.0.10\noptions ndots:2 timeout:1\n';
  const cases: [conf: string, host: string, asked: string[]][] = [
    ['', 'db', ['db']],
    ['', 'db.test', ['db.test']],
    ['search one.test', 'db', ['db.one.test', 'db']],
    ['search one.test', 'db.x', ['db.x', 'db.x.one.test']],
    ['search one.test\ndomain two.test', 'db', ['db.two.test', 'db']],
    ['domain two.test\nsearch one.test.', 'db', ['db.one.test', 'db']],
    [k8s, 'db.ns', ['db.ns.a.svc', 'db.ns.svc.test', 'db.ns']],
    [k8s, 'db.ns.svc', ['db.ns.svc', 'db.ns.svc.a.svc', 'db.ns.svc.svc.test']],
    [k8s, 'db.ns.', ['db.ns']],
    ['options ndots:99', 'a.b', ['a.b']],
  ];
  for (const [conf, host, asked] of cases)
    t.same(candidatesOf(host, parseResolvConf(conf)), asked, `${conf} ${host}`);
});

/** Names that are resolved by files of a test's own and a name server that says what the test says. */
async function names(
  t: Test,
  answer: (name: string, type: string) => NameAnswer,
  { hosts = '', resolvConf = '' } = {},
) {
  const dir = tempDir(t);
  const [hostsPath, resolvConfPath] = [join(dir, 'hosts'), join(dir, 'resolv.conf')];
  writeFileSync(hostsPath, hosts);
  writeFileSync(resolvConfPath, resolvConf);
  const server = await nameServer(t, answer);
  const clock = fakeClock();
  const system = new SystemNames({ clock, hostsPath, resolvConfPath, servers: [server.address] });
  const find = (host: string, signal = new AbortController().signal) => system.lookup(host, signal);
  return { find, clock, server, hostsPath, lookup: system.lookup };
}

t.test('a name is looked for in the hosts file, then at the name server', async (t) => {
  const records: Record<string, NameAnswer> = {
    'both.test A': ['10.0.0.1', '10.0.0.2'],
    'both.test AAAA': ['2001:db8::1'],
    'four.test A': ['10.0.0.4'],
    'four.test AAAA': [],
    'broken.test AAAA': 2,
    'broken.test A': ['10.0.0.5'],
    'empty.test A': [],
    'empty.test AAAA': [],
    'failing.test A': 2,
    'failing.test AAAA': 2,
    'short.search.test A': ['10.0.0.6'],
  };
  const { find, server, hostsPath } = await names(t, (name, type) => records[`${name} ${type}`] ?? 3, {
    hosts: '10.9.9.9 listed.test',
    resolvConf: 'search search.test',
  });
  t.same(await find('listed.test'), ['10.9.9.9']);
  t.same(await find('localhost'), ['127.0.0.1', '::1']);
  t.same(await find('any.localhost.'), ['127.0.0.1', '::1']);
  t.same(server.asked, [], 'none of them is asked for');
  t.same(await find('both.test'), ['2001:db8::1', '10.0.0.1', '10.0.0.2']);
  t.same(await find('four.test.'), ['10.0.0.4']);
  t.same(await find('broken.test'), ['10.0.0.5']);
  t.same(await find('short'), ['10.0.0.6']);
  await t.rejects(find('none.test'), { message: 'the name does not exist (ENOTFOUND)' });
  await t.rejects(find('empty.test'), { message: 'the name has no address (ENODATA)' });
  await t.rejects(find('failing.test'), { message: 'the name server failed (ESERVFAIL)' });
  writeFileSync(hostsPath, '10.9.9.9 listed.test\n10.8.8.8 none.test\n');
  t.same(await find('none.test'), ['10.8.8.8'], 'a file that has changed is read again');
});

t.test('a family that does not answer is not waited for long once the other one has', async (t) => {
  const { find, clock, server } = await names(t, (_name, type) => (type === 'A' ? ['10.0.0.1'] : null));
  const found = find('half.test');
  await until('one family has answered', () => clock.hasTimer(1000));
  await clock.advance(1000);
  t.same(await found, ['10.0.0.1']);
  t.same([...server.asked].sort(), ['half.test A', 'half.test AAAA']);
});

t.test('a lookup that is given up asks no further', async (t) => {
  const { find } = await names(t, () => null);
  const abort = new AbortController();
  const found = find('silent.test', abort.signal);
  abort.abort(new Error('enough'));
  await t.rejects(found, { message: 'enough' });
});

t.test(
  'names that nobody answers for hold up no other user, and wait for their turn without a limit',
  async (t) => {
    const clock = fakeClock();
    const silent: { host: string; isGivenUp: boolean }[] = [];
    const lookups = new Lookups((host, signal) => {
      if (!host.startsWith('silent')) return Promise.resolve(['10.0.0.1']);
      const one = { host, isGivenUp: false };
      silent.push(one);
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          one.isGivenUp = true;
          reject(signal.reason as Error);
        }),
      );
    }, clock);
    const { signal } = new AbortController();
    const errors: string[] = [];
    const note = (error: Error) => void errors.push(error.message);
    const waiting = Array.from({ length: 300 }, (_, i) =>
      lookups.find(`silent${i}.test`, 'ann', signal).then(() => undefined, note),
    );
    await clock.advance(0);
    t.equal(silent.length, 128, 'a user has half of the places');
    t.same(await lookups.find('fine.test', 'bob', signal), ['10.0.0.1']);
    // However many users do the same, there is a place for one more.
    for (const user of ['u1', 'u2', 'u3']) {
      for (let i = 0; i < 300; i++) void lookups.find(`silent${i}.test`, user, signal).catch(() => undefined);
      await clock.advance(0);
      t.same(await lookups.find('fine.test', 'bob', signal), ['10.0.0.1'], user);
    }
    await clock.advance(10_000);
    t.equal(errors.length, 128, 'those that waited for their turn have their time still');
    await clock.advance(120_000);
    await Promise.all(waiting);
    t.same([...new Set(errors)], ['it took longer than 10 s']);
  },
);

t.test('requests of a user to one name share a lookup, which ends when none of them waits', async (t) => {
  const clock = fakeClock();
  const asked: AbortSignal[] = [];
  const answer = fact<string[]>();
  const lookups = new Lookups((_host, signal) => {
    asked.push(signal);
    return answer.seen;
  }, clock);
  const [one, two] = [new AbortController(), new AbortController()];
  const first = lookups.find('a.test', 'ann', one.signal);
  const second = lookups.find('a.test', 'ann', two.signal);
  await clock.advance(0);
  t.equal(asked.length, 1);
  one.abort(new Error('one'));
  await t.rejects(first, { message: 'one' });
  t.equal(asked[0]?.aborted, false);
  two.abort(new Error('two'));
  await t.rejects(second, { message: 'two' });
  t.equal(asked[0]?.aborted, true);
  const third = lookups.find('a.test', 'ann', new AbortController().signal);
  await clock.advance(0);
  answer.come(['10.0.0.1']);
  t.same(await third, ['10.0.0.1']);
  t.equal(clock.waiting, 0);
});

t.test('a call resolves by the name server, and the message says what that has answered', async (t) => {
  const origin = await httpServer(t, (_request, response) => response.end('ok'));
  const { port } = new URL(origin);
  const { lookup } = await names(t, (name, type) => {
    if (name === 'fine.test') return type === 'A' ? ['127.0.0.1'] : [];
    return name === 'gone.test' ? 3 : 2;
  });
  const { get } = httpWorld(t, { lookup });
  t.match(await get(`http://fine.test:${port}/`), { tails: { stdout: 'ok' } });
  t.same(failureOf(await get('http://gone.test/')), {
    cause: 'request_failed',
    reason: 'dns_failed',
    message: 'gone.test:80 could not be resolved: the name does not exist (ENOTFOUND).',
  });
  t.match(failureOf(await get('http://bad.test/')), { message: 'the name server failed (ESERVFAIL)' });
});
