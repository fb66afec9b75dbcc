import t from 'tap';
import { type Caller, LOCAL_CALLER, whyNotAllowed } from '../../src/domain/access.ts';

const caller: Caller = {
  userId: 'ci',
  scopes: new Set(['submit']),
  mayRun: [{ program: '/usr/bin/make', env: ['CC'] }],
};

t.test('without keys everything may be run', async (t) => {
  t.equal(whyNotAllowed(LOCAL_CALLER, { kind: 'shell', command: 'anything' }), null);
});

t.test('a key with a list may run what is on it, as it stands there', async (t) => {
  t.equal(whyNotAllowed(caller, { kind: 'exec', program: '/usr/bin/make', args: ['all'] }), null);
  t.equal(whyNotAllowed(caller, { kind: 'exec', program: '/usr/bin/make', env: { CC: 'gcc' } }), null);
});

t.test(
  'all else is refused: other programs, other spellings, other kinds, other environment names',
  async (t) => {
    t.match(whyNotAllowed(caller, { kind: 'exec', program: '/bin/sh' }), /\/bin\/sh/);
    t.match(whyNotAllowed(caller, { kind: 'exec', program: 'make' }), /make/);
    t.match(whyNotAllowed(caller, { kind: 'exec', program: '/usr/bin/../bin/make' }), /make/);
    t.match(whyNotAllowed(caller, { kind: 'shell', command: '/usr/bin/make' }), /shell/);
    t.match(
      whyNotAllowed(caller, { kind: 'exec', program: '/usr/bin/make', env: { LD_PRELOAD: 'x' } }),
      /LD_PRELOAD/,
    );
  },
);

t.test('a key may be given operations, and runs them by their names alone', async (t) => {
  const operator: Caller = { ...caller, mayRun: [{ operation: 'deploy' }] };
  t.equal(whyNotAllowed(operator, { kind: 'operation', name: 'deploy', params: { a: 1 } }), null);
  t.match(whyNotAllowed(operator, { kind: 'operation', name: 'destroy' }), /destroy/);
  t.match(whyNotAllowed(operator, { kind: 'exec', program: '/usr/bin/make' }), /make/);
  t.match(whyNotAllowed(operator, { kind: 'http', url: 'http://example.com/' }), /http/);
  t.match(whyNotAllowed(caller, { kind: 'operation', name: 'deploy' }), /deploy/);
});
