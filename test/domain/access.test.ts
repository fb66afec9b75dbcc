import t from 'tap';
import { accessRules, NO_QUOTAS } from '../../src/domain/access/access-rules.ts';
import { type Caller, hostsIn, LOCAL_CALLER, redirectHosts } from '../../src/domain/spec/access.ts';
import type { Spec } from '../../src/domain/spec/spec.ts';

const rules = accessRules(null, NO_QUOTAS);
const caller: Caller = {
  userId: 'ann',
  scopes: new Set(['submit']),
  mayRun: [{ program: '/usr/bin/make', env: ['CC'] }],
};
/** What stands against it; null when nothing does. */
function whyNot(who: Caller, spec: Spec): string | null {
  const decision = rules.decide(who, spec);
  return 'why' in decision ? decision.why : null;
}

t.test('whoever may run anything may run anything', async (t) => {
  t.equal(whyNot(LOCAL_CALLER, { kind: 'shell', command: 'anything' }), null);
});

t.test('a listed program may be run, with any arguments and the listed environment names', async (t) => {
  t.equal(whyNot(caller, { kind: 'exec', program: '/usr/bin/make', args: ['all'] }), null);
  t.equal(whyNot(caller, { kind: 'exec', program: '/usr/bin/make', env: { CC: 'gcc' } }), null);
});

t.test(
  'all else is refused: other programs, other spellings, other kinds, other environment names',
  async (t) => {
    t.match(whyNot(caller, { kind: 'exec', program: '/bin/sh' }), /\/bin\/sh/);
    t.match(whyNot(caller, { kind: 'exec', program: 'make' }), /make/);
    t.match(whyNot(caller, { kind: 'exec', program: '/usr/bin/../bin/make' }), /make/);
    t.match(whyNot(caller, { kind: 'shell', command: '/usr/bin/make' }), /shell/);
    t.match(
      whyNot(caller, { kind: 'exec', program: '/usr/bin/make', env: { LD_PRELOAD: 'x' } }),
      /LD_PRELOAD/,
    );
  },
);

t.test('a key may be given operations, and runs them by their names alone', async (t) => {
  const operator: Caller = { ...caller, mayRun: [{ operation: 'deploy' }] };
  t.equal(whyNot(operator, { kind: 'operation', name: 'deploy', params: { a: 1 } }), null);
  t.match(whyNot(operator, { kind: 'operation', name: 'destroy' }), /destroy/);
  t.match(whyNot(operator, { kind: 'exec', program: '/usr/bin/make' }), /make/);
  t.match(whyNot(operator, { kind: 'http', url: 'http://example.com/' }), /http|example/);
  t.match(whyNot(caller, { kind: 'operation', name: 'deploy' }), /deploy/);
});

t.test('a key may be given hosts, whatever the port, and no other spelling of them', async (t) => {
  const fetcher: Caller = { ...caller, mayRun: [{ host: 'api.example.com' }] };
  const call = (url: string) => whyNot(fetcher, { kind: 'http', url });
  t.equal(call('https://api.example.com/x?y'), null);
  t.equal(call('http://API.example.com.:8080/'), null);
  for (const url of ['http://example.com/', 'http://api.example.com.evil.test/', 'http://10.0.0.1/']) {
    t.type(call(url), 'string', url);
  }
});

t.test('redirects lead to hosts that grants, a request and its operation all allow', async (t) => {
  const url = 'http://A.test.:81/';
  const lead = (asked: string[] | 'any' | undefined, granted: string[] | null, isOperation = false) =>
    redirectHosts(asked === undefined ? { url } : { url, redirect_hosts: asked }, granted, isOperation);
  t.equal(lead(undefined, null), null);
  t.equal(lead('any', null, true), null);
  t.same(lead(undefined, null, true), ['a.test']);
  t.same(lead(['b.test'], null, true), ['a.test', 'b.test']);
  t.same(lead(['b.test', 'c.test'], ['a.test', 'c.test']), ['a.test', 'c.test']);
  t.same(lead(undefined, ['a.test', 'c.test']), ['a.test', 'c.test']);
  t.same(lead([], ['a.test', 'c.test']), ['a.test']);
  const grants = [{ host: 'a.test' }, { operation: 'x' }, { host: '[::1]' }];
  t.same(hostsIn(grants, { kind: 'http', url }), ['a.test', '[::1]']);
  t.equal(hostsIn('any', { kind: 'http', url }), null);
  t.equal(hostsIn(grants, { kind: 'operation', name: 'x' }), null);
});

t.test('a key that says nothing for itself may run nothing without a policy file', async (t) => {
  t.match(whyNot({ ...caller, mayRun: 'policy' }, { kind: 'exec', program: '/bin/true' }), /no policy file/);
});
