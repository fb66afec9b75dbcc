// What a request may ask for of its isolation: never less than the policy, root directories by name, and the file of these.
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { accessRules, NO_QUOTAS } from '../../src/domain/access/access-rules.ts';
import type { Network } from '../../src/domain/network.ts';
import type { IsolationTier } from '../../src/domain/isolation.ts';
import { parsePolicy } from '../../src/operator-files/policy-file.ts';
import { liveRoots, readRootsFile } from '../../src/operator-files/roots-file.ts';
import { engineWorld } from '../helpers/engine-world.ts';
import { tempDir } from '../helpers/temp.ts';

const POLICY = `
templates:
  open: { program: /bin/open, args: any, isolation: supervised }
  boxed: { program: /bin/boxed, isolation: sandbox, network: false }
  listed: { program: /bin/listed, isolation: sandbox, network: { allow: [pypi.org, '*.example.com:8443'] } }
  rooted: { program: /bin/python, args: any, roots: [python], isolation: sandbox, network: true }
users:
  local: { may_run: [{ template: open }, { template: boxed }, { template: listed }, { template: rooted }, { program: /bin/plain }] }
`;

t.test('a request may ask for more isolation than the policy does, and for no less', async (t) => {
  const w = await engineWorld(t, {
    deps: {
      roots: {
        find: (name, { userId }) =>
          name !== 'other' && userId === 'local' ? { path: `/roots/${name}`, writableBytes: null } : null,
      },
      rules: () => {
        const read = parsePolicy(POLICY, ['supervised', 'sandbox']);
        if ('problems' in read) throw new Error(JSON.stringify(read.problems));
        return accessRules(read, NO_QUOTAS);
      },
    },
  });
  const status = w.runner.status;
  const offer = (...tiers: IsolationTier[]) => (w.runner.status = () => ({ ...status(), tiers }));
  offer('supervised', 'sandbox');
  const exec = (program: string, more = {}) => w.submit({ kind: 'exec', program, ...more } as never);
  const LISTED = ['pypi.org', '*.example.com:8443'];
  const taken: [string, object, IsolationTier, Network][] = [
    ['/bin/open', {}, 'supervised', false],
    ['/bin/open', { isolation: 'none' }, 'supervised', false],
    ['/bin/open', { isolation: 'sandbox' }, 'sandbox', false],
    ['/bin/boxed', { isolation: 'none' }, 'sandbox', false],
    ['/bin/python', { root: 'python' }, 'sandbox', true],
    ['/bin/python', { root: 'python', network: true }, 'sandbox', true],
    ['/bin/python', { root: 'python', network: false }, 'sandbox', false],
    ['/bin/python', { root: 'python', network: { allow: ['a.org'] } }, 'sandbox', ['a.org']],
    ['/bin/listed', {}, 'sandbox', LISTED],
    ['/bin/listed', { network: false }, 'sandbox', false],
    [
      '/bin/listed',
      { network: { allow: ['pypi.org:443', 'x.example.com:8443'] } },
      'sandbox',
      ['pypi.org:443', 'x.example.com:8443'],
    ],
  ];
  for (const [program, more, isolation, network] of taken)
    t.match(await exec(program, more), { isolation, network }, `${program} ${JSON.stringify(more)}`);
  const refused: [string, object, RegExp][] = [
    ['/bin/boxed', { network: true }, /\/network: is true; the policy/],
    [
      '/bin/boxed',
      { network: { allow: ['a.org'] } },
      /\/network\/allow\/0: is a\.org; the policy, .* allows no network/,
    ],
    [
      '/bin/listed',
      { network: true },
      /\/network: is true; the policy, .* allows pypi\.org, \*\.example\.com:8443/,
    ],
    [
      '/bin/listed',
      { network: { allow: ['pypi.org', 'evil.org'] } },
      /\/network\/allow\/1: is evil\.org; the policy/,
    ],
    ['/bin/listed', { network: { allow: ['x.example.com'] } }, /\/network\/allow\/0: is x\.example\.com/],
    ['/bin/open', { network: { allow: ['a.org'] } }, /\/network: requires isolation: sandbox/],
    ['/bin/open', { network: false }, /\/network: requires isolation: sandbox/],
    ['/bin/open', { root: 'python' }, /the root directory "python" is not allowed/],
    ['/bin/python', {}, /root is missing; it must be python/],
    ['/bin/python', { root: 'other' }, /the root directory "other" is not allowed/],
    ['/bin/plain', { root: 'python' }, /\/bin\/plain only without root/],
  ];
  for (const [program, more, message] of refused)
    await t.rejects(exec(program, more), { message }, `${program} ${JSON.stringify(more)}`);
  offer('supervised');
  await t.rejects(exec('/bin/open', { isolation: 'uid' }), {
    ...{ type: 'validation', message: '/isolation: is uid; this server offers supervised' },
  });
});

t.test(
  'the roots file names directories that show nothing of the server, for those who may use them',
  (t) => {
    const dir = tempDir(t);
    chmodSync(dir, 0o755);
    const place = (name: string, mode = 0o755) => {
      mkdirSync(join(dir, name));
      chmodSync(join(dir, name), mode);
      return join(dir, name);
    };
    const good = place('good');
    place('data');
    symlinkSync(good, join(dir, 'link'));
    writeFileSync(join(dir, 'file'), '');
    const file = join(dir, 'roots.json');
    const problemsOf = (roots: object, closed = [join(dir, 'data')]) => {
      writeFileSync(file, JSON.stringify({ roots }));
      const read = readRootsFile(file, closed);
      return 'problems' in read ? read.problems.map(({ path, message }) => `${path}: ${message}`) : [];
    };
    const wrong: [object, RegExp][] = [
      [{ path: join(dir, 'none') }, /roots.r.path: .*cannot be read: ENOENT/],
      [{ path: join(dir, 'file') }, /is not a directory/],
      [{ path: '/' }, /is the root directory of this machine/],
      [{ path: dir }, /contains .*data of execd/],
      [{ path: place('open', 0o777) }, /every user of this machine can change/],
      [{ path: place('closed', 0o700) }, /commands cannot read/],
      [{ path: 'relative' }, /must be an absolute path/],
      [{ path: good, more: 1 }, /more/],
      [{ path: good, writable_bytes: 1000 }, /writable_bytes: .*1048576/],
    ];
    for (const [root, message] of wrong) t.match(problemsOf({ r: root }).join(), message);
    t.match(problemsOf({ 'A b': { path: good } }).join(), /must be 1 to 100/);
    const roots = {
      all: { path: join(dir, 'link'), users: 'any' },
      some: { path: good, users: ['ann'], operations: ['op'], writable_bytes: 2_000_000 },
      none: { path: good },
    };
    t.strictSame(problemsOf(roots), []);
    const live = liveRoots({ path: file, closed: () => [] });
    const apply = live.file.prepare();
    t.type(apply, 'function');
    (apply as () => void)();
    const pathOf = (name: string, userId: string, operation: string | null = null) =>
      live.find(name, { userId, operation })?.path ?? null;
    t.strictSame(
      [pathOf('all', 'bob'), pathOf('some', 'ann'), pathOf('some', 'bob'), pathOf('some', 'bob', 'op')],
      [good, good, null, good],
      'links are followed once',
    );
    t.strictSame(
      ['all', 'some'].map((name) => live.find(name, { userId: 'ann', operation: null })?.writableBytes),
      [null, 2_000_000],
    );
    t.strictSame([pathOf('none', 'ann'), pathOf('gone', 'ann')], [null, null]);
    t.end();
  },
);
