import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { service, sharedService, type SharedService, shell } from '../helpers/build.ts';
import { httpServer } from '../helpers/http-world.ts';
import { bearer, keysFile, sharedKeys } from '../helpers/keys.ts';
import { until } from '../helpers/processes.ts';
import { type Lifetime, ofFile } from '../helpers/scope.ts';
import { tempDir } from '../helpers/temp.ts';

function policy(t: Lifetime, text: string): string {
  const file = join(tempDir(t), 'policy.yaml');
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

const ECHO = `
templates:
  echo: { program: /bin/echo, args: [{ pattern: "[a-z]+" }], limits: { attempt_ms: 5000, total_ms: 9000, output_bytes: 10 } }
  sleep: { program: /bin/sleep, args: [{ integer: { min: 0, max: 100 } }] }
users:
  ann: { may_run: [{ template: echo }, { template: sleep }] }
  root: { may_run: any }
`;
const echo = (more: object = {}) => ({ kind: 'exec', program: '/bin/echo', args: ['hello'], ...more });
const SLEEP = { kind: 'exec', program: '/bin/sleep', args: ['60'] };

const KEYS = { ann: { may_run: undefined }, root: {}, bob: {} };
const files = new WeakMap<Lifetime, string>();

/** A service that tests share, whose policy file now has this text; it runs one execution at a time. */
async function ruled(t: Test, text = ECHO) {
  const ofTests = ofFile();
  const file = files.get(ofTests) ?? policy(ofTests, ECHO);
  files.set(ofTests, file);
  const env = { EXECUTION_POLICY_FILE: file, EXECUTION_MAX_CONCURRENT: '1' };
  const s = judged(await sharedService(t, { ...sharedKeys(KEYS), ...env }), file);
  const { status, text: answer } = await s.reload(text);
  if (status !== 200) throw new Error(answer);
  return s;
}

function judged<S extends SharedService>(s: S, file: string) {
  const as =
    (user: string) =>
    (body: object, headers: Record<string, string> = {}) =>
      s.call<{ id: string; policy_version: string }>('POST', '/v1/executions', body, {
        ...bearer(user),
        ...headers,
      });
  const reload = (more: string) => {
    writeFileSync(file, more);
    return s.call('POST', '/v1/admin/reload', undefined, bearer('root'));
  };
  const finished = async (id: string, user: string) => {
    for (;;) {
      const { body } = await s.call<{ phase: string }>(
        'GET',
        `/v1/executions/${id}?wait=30`,
        undefined,
        bearer(user),
      );
      if (body.phase === 'done') return body;
    }
  };
  return { ...s, as, reload, finished };
}

t.test(
  'with a policy file a user runs what it allows, and nothing else, whatever the key says',
  async (t) => {
    const { as } = await ruled(t);
    const done = await as('ann')(echo(), { prefer: 'wait=9' });
    t.match(done, { status: 200, body: { policy_version: /^[0-9a-f]{16}$/, result: { stdout: 'hello\n' } } });
    for (const body of [shell('true'), echo({ args: ['Hello'] }), echo({ args: [] }), echo({ cwd: '/' })]) {
      t.match(await as('ann')(body), { status: 403, body: { type: 'urn:execd:error:command_not_allowed' } });
    }
    t.equal((await as('root')(shell('true'))).status, 202);
    t.equal(
      (await as('bob')(echo())).status,
      403,
      'a key that may run anything is none of a user who may nothing',
    );
  },
);

t.test(
  'the limits of a template hold where nothing is said, and cannot be overstepped, not even later',
  async (t) => {
    const { as } = await ruled(t);
    const done = await as('ann')(echo(), { prefer: 'wait=9' });
    t.match(done.body, { timeouts: { attempt_ms: 5000, total_ms: 9000 }, output: { max_bytes: 10 } });
    t.match(await as('ann')(echo({ timeouts: { attempt_ms: 5001 }, output: { max_bytes: 11 } })), {
      status: 403,
      body: {
        errors: [
          { field: '/timeouts/attempt_ms', message: /^is \d+; the policy file allows at most 5000$/ },
          { field: '/output/max_bytes' },
        ],
      },
    });
    const limited = ECHO.replace('sleep, args', 'sleep, limits: { attempt_ms: 5000 }, args');
    const other = await ruled(t, limited);
    const { body } = await other.as('ann')(SLEEP);
    t.match(
      await other.call(
        'PATCH',
        `/v1/executions/${body.id}`,
        { timeouts: { attempt_ms: 6000 } },
        bearer('ann'),
      ),
      { status: 403, body: { type: 'urn:execd:error:command_not_allowed' } },
    );
  },
);

t.test('what is not allowed any more is not started, and says so', async (t) => {
  const s = await ruled(t);
  const { body: first } = await s.as('ann')(SLEEP);
  const { body: second } = await s.as('ann')(echo({ retry: { attempts: 3 } }));
  const { body: third } = await s.as('ann')(SLEEP);
  t.equal((await s.reload(ECHO.replace('{ template: echo }, ', ''))).status, 200);
  await s.call('POST', `/v1/executions/${first.id}/cancel`, undefined, bearer('ann'));
  t.match(await s.finished(second.id, 'ann'), {
    status: 'failed',
    attempts: [],
    outcome: { cause: 'denied', message: /may not run/ },
    error: { code: 'E003', type: 'denied', fault: 'user', retryable: false },
    policy_version: first.policy_version,
  });
  t.match((await s.call('GET', `/v1/executions/${third.id}`, undefined, bearer('ann'))).body, {
    status: 'running',
  });
});

t.test('a file with a mistake changes nothing, not even what is right in the others', async (t) => {
  const { as, reload, lines, app } = await ruled(t);
  t.match(await reload('templates: { x: { program: x } }'), {
    status: 422,
    body: {
      type: 'urn:execd:error:invalid_policy_file',
      errors: [{ field: 'templates.x.program', message: /^line 1: must be an absolute path/ }],
    },
  });
  t.equal((await as('ann')(echo())).status, 202);
  app.reload();
  await until('it is said', () =>
    lines.some(({ msg }) => msg === 'Cannot reload the files of the operator; nothing was changed'),
  );
});

t.test('a grant to a host, and an operation, cover what redirects lead to', async (t) => {
  const target = await httpServer(t, (_request, response) => response.end('internal'));
  const { port } = new URL(target);
  const origin = await httpServer(t, (request, response) => {
    const host = request.url === '/other' ? 'localhost' : '127.0.0.1';
    response.writeHead(302, { location: `http://${host}:${port}/` }).end();
  });
  const operations = join(tempDir(t), 'operations.json');
  const run = { kind: 'http', url: `${origin}/other` };
  const definitions = {
    closed: { run },
    listed: { run: { ...run, redirect_hosts: ['localhost'] } },
    open: { run: { ...run, redirect_hosts: 'any' } },
  };
  writeFileSync(operations, JSON.stringify({ operations: definitions }));
  const both = '{ may_run: [{ host: 127.0.0.1 }, { host: localhost }] }';
  const one =
    '{ may_run: [{ host: 127.0.0.1 }, { operation: closed }, { operation: listed }, { operation: open }] }';
  const rules = policy(t, `users: { ann: ${one}, bob: ${both}, root: { may_run: any } }`);
  const s = await service(t, {
    ...{ EXECUTION_API_KEYS_FILE: keysFile(t, KEYS), EXECUTION_POLICY_FILE: rules },
    EXECUTION_EGRESS_ALLOW: '127.0.0.1,localhost',
    EXECUTION_OPERATIONS_FILE: operations,
  });
  const { as } = judged(s, rules);
  const ask = async (user: string, body: object) => (await as(user)(body, { prefer: 'wait=30' })).body;
  const call = (path: string, more: object = {}) => ({ kind: 'http', url: `${origin}${path}`, ...more });
  const named = (name: string) => ({ kind: 'operation', name });
  const done = { status: 'completed', result: { body: { text: 'internal' } } };
  const refused = {
    status: 'failed',
    outcome: { cause: 'request_failed', reason: 'egress_denied', message: /localhost.* may not reach/ },
  };
  t.match(await ask('ann', call('/same')), done);
  t.match(await ask('ann', call('/other')), refused);
  t.match(
    await ask('ann', call('/other', { redirect_hosts: ['localhost'] })),
    refused,
    'it allows itself nothing',
  );
  t.match(await ask('bob', call('/other')), done);
  t.match(await ask('bob', call('/other', { redirect_hosts: [] })), refused);
  t.match(await ask('root', call('/other')), done);
  for (const user of ['ann', 'root']) {
    t.match(await ask(user, named('closed')), refused, user);
    t.match(await ask(user, named('listed')), done, user);
    t.match(await ask(user, named('open')), done, user);
  }
});

t.test('the policy file names the pools that a user may name, also without naming one', async (t) => {
  const s = await ruled(
    t,
    `users: { ann: { may_run: any, pools: [gpu, arm] }, "*": { may_run: any, pools: [default] }, root: { may_run: any, pools: any } }`,
  );
  const denied = (why: RegExp) => ({
    status: 403,
    body: { type: 'urn:execd:error:command_not_allowed', errors: [{ field: '/pool', message: why }] },
  });
  t.match(
    await s.as('ann')(echo({ pool: 'x86' })),
    denied(/^is "x86"; the policy file allows "gpu", "arm"\. Name/),
  );
  t.match(await s.as('ann')(echo()), denied(/^is "default" \(the default\); the policy file allows/));
  t.match(await s.as('bob')(echo({ pool: 'gpu' })), denied(/the policy file allows "default"/));
  t.match(await s.as('bob')(echo()), { status: 202 });
  t.match(await s.as('root')(echo({ pool: 'x86' })), { status: 202 });
  const { status, text } = await s.reload('users: { ann: { may_run: any, pools: [Gpu] } }');
  t.equal(status, 422, text);
  t.match(text, /users\.ann\.pools\[0\].*Gpu.*; the name of a pool must be 1 to 63/);
});

t.test('a result of another policy version is not used', async (t) => {
  const { as, reload } = await ruled(t);
  const cached = echo({ cache: {} });
  const statusOf = async () =>
    ((await as('ann')(cached, { prefer: 'wait=9' })).body as { cache?: object }).cache;
  t.match(await statusOf(), { status: 'stored' });
  t.match(await statusOf(), { status: 'hit' });
  await reload(`${ECHO}  eve: { may_run: any }\n`);
  t.match(await statusOf(), { status: 'stored' });
});

t.test('a policy file that cannot be used stops the start, with every reason', async (t) => {
  const fails = (file: string, message: RegExp) =>
    t.rejects(service(t, { EXECUTION_POLICY_FILE: file }), { name: 'ConfigError', message });
  await fails('/no/such/policy', /EXECUTION_POLICY_FILE: .*ENOENT/);
  await fails(policy(t, 'users: { ann: { may_run: most } }\nx: 1'), /:1: users\.ann\.may_run[^]*:2: x/);
});

t.test('without keys the policy file speaks of the user local', async (t) => {
  const file = policy(t, 'users: { local: { may_run: [{ program: /bin/true }] } }');
  const { call } = await service(t, { EXECUTION_POLICY_FILE: file });
  t.equal((await call('POST', '/v1/executions', { kind: 'exec', program: '/bin/true' })).status, 202);
  t.equal((await call('POST', '/v1/executions', shell('true'))).status, 403);
});
