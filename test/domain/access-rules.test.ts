import t from 'tap';
import { accessRules, NO_QUOTAS } from '../../src/domain/access/access-rules.ts';
import type { MayRun } from '../../src/domain/spec/access.ts';
import { NOT_CONFINED } from '../../src/domain/isolation.ts';
import type { Spec } from '../../src/domain/spec/spec.ts';
import { parsePolicy } from '../../src/operator-files/policy-file.ts';

function rulesOf(text: string, quotas = NO_QUOTAS) {
  const read = parsePolicy(text, ['none']);
  if ('problems' in read) throw new Error(JSON.stringify(read.problems));
  return accessRules(read, quotas);
}

const problemsOf = (text: string) => {
  const read = parsePolicy(text, ['none']);
  return 'problems' in read
    ? read.problems.map(({ line, path, message }) => `${line} ${path}: ${message}`)
    : [];
};

const BUILD = `
templates:
  build:
    program: /usr/bin/make
    args:
      - { prefix: "-j", integer: { min: 1, max: 8 }, optional: true }
      - "-C"
      - { path: [/srv/src] }
      - { enum: [all, test, clean], repeat: 3, optional: true }
    env: [CC]
    cwd: [/srv/src]
    stdin: false
    limits: { attempt_ms: 600000, output_bytes: 1000 }
  note:
    program: /usr/bin/logger
    args: [{ pattern: "[a-z ]+" }, { text: { max_length: 5 }, optional: true, allow_dash: true }]
users:
  ann: { may_run: any }
  ci: { may_run: [{ template: build }, { template: note }, { operation: deploy }] }
  "*": { may_run: [{ program: /bin/true }] }
`;
const rules = rulesOf(BUILD);

function whyNot(userId: string, spec: Spec, mayRun: MayRun = 'policy'): string | null {
  const decision = rules.decide({ userId, mayRun }, spec);
  return 'why' in decision ? decision.why : null;
}
const make = (args: string[], more: object = {}): Spec => ({
  kind: 'exec',
  program: '/usr/bin/make',
  args,
  ...more,
});

t.test('what a template allows may be run as it says, argument by argument', async (t) => {
  const allowed = [
    ['-C', '/srv/src'],
    ['-j4', '-C', '/srv/src/app'],
    ['-C', '/srv/src', 'all'],
    ['-j8', '-C', '/srv/src', 'clean', 'all', 'test'],
  ];
  for (const args of allowed) t.equal(whyNot('ci', make(args)), null, args.join(' '));
  const refused = [
    [],
    ['-C'],
    ['/srv/src'],
    ['-j9', '-C', '/srv/src'],
    ['-j', '4', '-C', '/srv/src'],
    ['-j4x', '-C', '/srv/src'],
    ['-C', '/srv/src2'],
    ['-C', '/srv/src/../../etc'],
    ['-C', '/srv/src//x'],
    ['-C', 'src'],
    ['-C', '/srv/src', 'install'],
    ['-C', '/srv/src', 'all', 'all', 'all', 'all'],
    ['-C', '/srv/src', '--eval=x'],
    ['-j4', '-j4', '-C', '/srv/src'],
  ];
  for (const args of refused) t.match(whyNot('ci', make(args)), /build defines: /, args.join(' '));
  t.match(whyNot('ci', make(['-C', '/srv/src', 'install'])), /argument 3, "install", is not allowed/);
});

t.test('environment, directory and input are those of the template', async (t) => {
  const args = ['-C', '/srv/src'];
  t.equal(whyNot('ci', make(args, { env: { CC: 'gcc' }, cwd: '/srv/src/x' })), null);
  t.match(whyNot('ci', make(args, { env: { LD_PRELOAD: 'x' } })), /LD_PRELOAD/);
  t.match(whyNot('ci', make(args, { cwd: '/srv' })), /the working directory "\/srv" is not allowed/);
  t.match(whyNot('ci', make(args, { cwd: '/srv/src/../x' })), /the working directory/);
  t.match(whyNot('ci', make(args, { stdin: 'x' })), /standard input is not allowed/);
});

t.test('a value is no option unless its rule says so, and a pattern fits the whole', async (t) => {
  const note = (...args: string[]): Spec => ({ kind: 'exec', program: '/usr/bin/logger', args });
  t.equal(whyNot('ci', note('hello you')), null);
  t.equal(whyNot('ci', note('hello', '-x')), null);
  for (const args of [['Hello'], ['a\nb'], ['-a'], ['a', 'longer'], ['a'.repeat(1001)]])
    t.type(whyNot('ci', note(...args)), 'string', JSON.stringify(args).slice(0, 40));
});

t.test('nothing is allowed that is not listed, and who is not named is everyone else', async (t) => {
  t.equal(whyNot('ann', { kind: 'shell', command: 'x' }), null);
  t.equal(whyNot('ci', { kind: 'operation', name: 'deploy' }), null);
  t.match(
    whyNot('ci', { kind: 'operation', name: 'destroy' }),
    /This user may not run the operation destroy/,
  );
  t.match(whyNot('ci', { kind: 'shell', command: '/usr/bin/make' }), /Kind "shell" is not allowed/);
  t.match(whyNot('ci', { kind: 'exec', program: '/usr/bin/logger2' }), /may not run/);
  t.match(
    whyNot('ci', { kind: 'exec', program: '/bin/true' }),
    /may not run/,
    'a section of its own counts alone',
  );
  t.equal(whyNot('bob', { kind: 'exec', program: '/bin/true' }), null);
  t.match(whyNot('bob', make(['-C', '/srv/src'])), /may not run/);
  const empty = rulesOf('{}');
  t.match(empty.decide({ userId: 'ann', mayRun: 'any' }, { kind: 'exec', program: '/bin/true' }), {
    why: /This user may not run/,
  });
});

t.test('a key narrows what its user may run, and never widens it', async (t) => {
  const only: MayRun = [{ program: '/bin/true', env: [] }];
  t.equal(whyNot('ann', { kind: 'exec', program: '/bin/true' }, only), null);
  t.match(whyNot('ann', { kind: 'shell', command: 'x' }, only), /not allowed for this key/);
  t.match(whyNot('bob', { kind: 'shell', command: 'x' }, 'any'), /not allowed for this user/);
  const byTemplate: MayRun = [{ template: 'build' }];
  t.equal(whyNot('ann', make(['-C', '/srv/src']), byTemplate), null);
  t.same(rules.decide({ userId: 'ann', mayRun: byTemplate }, make(['-C', '/srv/src'])), {
    limits: { attemptMs: 600_000, totalMs: null, outputBytes: 1000, graceMs: null, resources: {} },
    confinement: NOT_CONFINED,
    hosts: null,
  });
});

t.test(
  'of all templates that allow it the strongest isolation applies, and the narrowest network',
  async (t) => {
    const read = parsePolicy(
      `
templates:
  open: { program: /x, isolation: sandbox, network: true }
  closed: { program: /x, isolation: sandbox, network: false }
  listed: { program: /x, isolation: sandbox, network: { allow: ['*.a.org', b.org] } }
  weak: { program: /x, isolation: supervised }
users:
  ann: { may_run: [{ template: open }] }
  eve: { may_run: [{ template: listed }] }
  bob: { may_run: [{ template: weak }] }`,
      ['supervised', 'sandbox'],
    );
    if ('problems' in read) throw new Error(JSON.stringify(read.problems));
    const rules = accessRules(read, NO_QUOTAS);
    const confinement = (userId: string, mayRun: MayRun) => {
      const decision = rules.decide({ userId, mayRun }, { kind: 'exec', program: '/x' });
      return 'why' in decision ? decision.why : decision.confinement;
    };
    t.same(confinement('ann', 'any'), { isolation: 'sandbox', network: true });
    t.same(confinement('ann', [{ template: 'closed' }]), { isolation: 'sandbox', network: false });
    t.same(confinement('ann', [{ template: 'listed' }]), {
      isolation: 'sandbox',
      network: ['*.a.org', 'b.org'],
    });
    t.same(confinement('eve', [{ template: 'open' }]), {
      isolation: 'sandbox',
      network: ['*.a.org', 'b.org'],
    });
    t.same(confinement('eve', [{ template: 'closed' }]), { isolation: 'sandbox', network: false });
    t.same(confinement('bob', 'any'), { isolation: 'supervised', network: null });
    t.same(confinement('bob', [{ template: 'open' }]), { isolation: 'sandbox', network: true });
  },
);

t.test('many optional rules cost no more than their number', async (t) => {
  const args = Array.from({ length: 60 }, () => '{ text: {}, optional: true, repeat: 60 }').join(', ');
  const many = rulesOf(`
templates: { t: { program: /x, args: [${args}, "end"] } }
users: { ann: { may_run: [{ template: t }] } }`);
  const spec: Spec = {
    kind: 'exec',
    program: '/x',
    args: [...Array.from({ length: 500 }, () => 'a'), 'end'],
  };
  t.same(many.decide({ userId: 'ann', mayRun: 'policy' }, spec), {
    limits: { attemptMs: null, totalMs: null, outputBytes: null, graceMs: null, resources: {} },
    confinement: NOT_CONFINED,
    hosts: null,
  });
});

t.test('quotas are those of the user, else those of everyone, else those of the settings', async (t) => {
  const { quotasOf, weightOf } = rulesOf(
    `users: { ann: { quotas: { running: 5, queued: null }, weight: 3 }, "*": { quotas: { queued: 7 }, weight: 2 } }`,
    { ...NO_QUOTAS, running: 1, logBytes: 9 },
  );
  t.match(quotasOf('ann'), { running: 5, queued: null, logBytes: 9, submitsPerS: null });
  t.match(quotasOf('bob'), { running: 1, queued: 7, logBytes: 9 });
  t.same([weightOf('ann'), weightOf('bob')], [3, 2]);
});

t.test('a mistake is named with its line and its place, and all of them at once', async (t) => {
  const found = problemsOf(`
templates:
  Bad: { program: /x }
  one: { program: make, args: [{ enum: [a], text: {} }, 5], args2: [] }
  two: { program: /x, args: [{ pattern: "(" }], cwd: ["/a/../b"], isolation: sandbox }
users:
  ann: { may_run: all, quotas: { running: -1 } }
  b b: {}
extra: 1`);
  for (const place of [
    ...['3 templates.Bad', '4 templates.one.program', '4 templates.one.args[0]', '4 templates.one.args[1]'],
    ...['4 templates.one.args2', '5 templates.two.args[0].pattern', '5 templates.two.cwd[0]'],
    ...['7 users.ann.may_run', '7 users.ann.quotas.running', '8 users["b b"]', '9 extra: unknown field'],
  ])
    t.ok(
      found.some((line) => line.startsWith(place)),
      `${place} in ${found.join('\n')}`,
    );
  t.match(problemsOf('templates: { a: { program: /x, isolation: uid } }'), [
    '1 templates.a.isolation: is uid; this server offers none',
  ]);
  t.match(problemsOf('templates: { a: { program: /x, network: false } }'), [
    '1 templates.a.network: requires isolation: sandbox',
  ]);
  t.match(problemsOf('users: { ann: { may_run: [{ template: gone }] } }'), [
    '1 users.ann.may_run[0].template: is gone, which is not a template of this file',
  ]);
});

t.test('the version names the content, however it is written', async (t) => {
  const version = (text: string) => rulesOf(text).version;
  t.equal(version('users: {ann: {may_run: any}}'), version('{"users": {"ann": {"may_run": "any"}}} # same'));
  t.not(version('users: {ann: {may_run: any}}'), version('users: {bob: {may_run: any}}'));
  t.match(version('{}'), /^[0-9a-f]{16}$/);
});

t.test('the limits of all templates that apply hold together', async (t) => {
  const two = rulesOf(`
templates:
  wide: { program: /x, args: any, limits: { cpu_s: 50, processes: 4, grace_ms: 9 } }
  deep: { program: /x, args: any, limits: { cpu_s: 10, open_files: 99, attempt_ms: 7, grace_ms: 8 } }
users: { ann: { may_run: [{ template: wide }] } }`);
  const mayRun: MayRun = [{ template: 'deep' }];
  t.same(two.decide({ userId: 'ann', mayRun }, { kind: 'exec', program: '/x' }), {
    limits: {
      attemptMs: 7,
      totalMs: null,
      outputBytes: null,
      graceMs: 8,
      resources: { cpu_s: 10, processes: 4, open_files: 99 },
    },
    confinement: NOT_CONFINED,
    hosts: null,
  });
});
