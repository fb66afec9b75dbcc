import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import t, { type Test } from 'tap';
import { StoreError } from '../../src/domain/ports/store.ts';
import {
  rawRequest,
  service,
  type Service,
  sharedService,
  type SharedService,
  shell,
} from '../helpers/build.ts';
import { fakeClock } from '../helpers/clock.ts';
import { bearer, bearerOf, keysFile, keysText, sharedKeys } from '../helpers/keys.ts';
import { until } from '../helpers/processes.ts';
import { tempDir } from '../helpers/temp.ts';

interface Made {
  id: string;
  key: string;
  expires_at: string | null;
  replaces: string | null;
}

/** An execution, or a plan. */
interface Ended {
  status: string;
  steps?: { phase: string; status: string }[];
}

const ALL = ['submit', 'read', 'cancel', 'admin'];

/** A service with one administrator. */
async function administered(t: Test, env: Record<string, string> = {}, keys = {}): Promise<Service> {
  return service(t, { EXECUTION_API_KEYS_FILE: keysFile(t, { root: {}, ...keys }), ...env });
}

/** One that tests share: keys that others have made are there. */
const withAdministrator = (t: Test) =>
  sharedService(t, sharedKeys({ root: {}, ann: { scopes: ['submit', 'read'] } }));

const make = async ({ call }: SharedService, request: object, who = bearer('root')) =>
  (await call<Made>('POST', '/v1/admin/keys', { scopes: ALL, may_run: 'any', ...request }, who)).body;
const list = ({ call }: SharedService, secret: string) =>
  call('GET', '/v1/executions', undefined, bearerOf(secret));

t.test('a key is made by an administrator, shown once, and kept as a hash', async (t) => {
  const s = await administered(t);
  const answer = await s.call<Made>(
    'POST',
    '/v1/admin/keys',
    { user: 'alice', scopes: ['submit', 'read'], may_run: 'any', description: 'laptop' },
    bearer('root'),
  );
  t.match(answer, {
    status: 201,
    body: {
      user: 'alice',
      scopes: ['submit', 'read'],
      created_by: 'root',
      source: 'store',
      status: 'active',
    },
  });
  const { id, key } = answer.body;
  t.match(key, new RegExp(`^ek_${id}_[A-Za-z0-9_-]{43}$`));
  t.match(await s.call('POST', '/v1/executions', shell('true'), bearerOf(key)), {
    status: 202,
    body: { user_id: 'alice', submitted_by: null },
  });
  t.equal((await s.call('GET', '/v1/admin/keys', undefined, bearerOf(key))).status, 403);
  const listed = await s.call('GET', '/v1/admin/keys', undefined, bearer('root'));
  t.match(listed.body, {
    items: [
      { id: 'root', source: 'file' },
      { id, user: 'alice', description: 'laptop' },
    ],
  });
  t.notMatch(listed.text, key.slice(-20));
  t.notMatch(listed.text, /sha256/);
  t.match(
    (await s.call<{ items: object[] }>('GET', '/v1/admin/keys', undefined, bearer('root'))).body.items[1],
    {
      last_used_at: /^\d{4}-/,
    },
  );
});

t.test('two keys have different secrets, and no two the same id', async (t) => {
  const s = await withAdministrator(t);
  const [one, two] = [await make(s, { user: 'a', id: 'one' }), await make(s, { user: 'a' })];
  t.not(one.key.split('_')[2], two.key.split('_')[2]);
  for (const id of ['one', 'root']) {
    const again = await s.call('POST', '/v1/admin/keys', { id, user: 'b', scopes: ALL }, bearer('root'));
    t.match(again, { status: 409, body: { type: 'urn:execd:error:key_exists' } }, id);
  }
});

t.test('a revoked key is refused from the next request on, also after a restart', async (t) => {
  const s = await administered(t);
  const { id, key } = await make(s, { user: 'alice' });
  t.equal((await list(s, key)).status, 200);
  t.match(await s.call('POST', `/v1/admin/keys/${id}/revoke`, undefined, bearer('root')), {
    status: 200,
    body: { status: 'revoked', revoked_at: /^\d/ },
  });
  t.match(await list(s, key), { status: 401, body: { detail: 'The API key was revoked.' } });
  await s.stop();
  const again = await service(t, { EXECUTION_DATA_DIR: s.dataDir });
  t.equal((await list(again, key)).status, 401);
  t.equal(
    (await again.call('GET', '/v1/executions')).status,
    401,
    'keys are asked for from the first one on',
  );
});

t.test('a log that is followed ends when its key is revoked', async (t) => {
  const s = await withAdministrator(t);
  const { id, key } = await make(s, { user: 'alice' });
  const { body } = await s.call<{ id: string }>(
    'POST',
    '/v1/executions',
    shell('echo begun; sleep 60'),
    bearerOf(key),
  );
  const response = await fetch(`${s.url}/v1/executions/${body.id}/logs?follow=true`, {
    headers: bearerOf(key),
  });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  t.match(new TextDecoder().decode((await reader.read()).value), /begun/);
  const ended = reader.read().then(
    ({ done }) => `done: ${done}`,
    (error: unknown) => (error as Error).message,
  );
  await s.call('POST', `/v1/admin/keys/${id}/revoke`, undefined, bearer('root'));
  t.equal(await ended, 'terminated', 'it is cut off, so that nobody takes it for whole');
});

t.test('what a revoked key has brought begins no more; what has begun, and other keys, go on', async (t) => {
  const s = await administered(t, { EXECUTION_MAX_CONCURRENT: '1' });
  const [good, bad] = [await make(s, { user: 'alice' }), await make(s, { user: 'alice' })];
  const gate = join(tempDir(t), 'go');
  const waits = { kind: 'shell', command: `until [ -e ${gate} ]; do sleep 0.02; done` };
  const steps = [
    { name: 'first', ...waits },
    { name: 'loop', kind: 'exec', program: 'true', while: { condition: 'true', max_iterations: 100 } },
    { name: 'last', kind: 'exec', program: 'true' },
  ];
  const submit = async (path: string, body: object, { key }: Made) =>
    (await s.call<{ id: string }>('POST', path, body, bearerOf(key))).body.id;
  const plan = await submit('/v1/plans', { strategy: { type: 'serial', stop_on_error: false }, steps }, bad);
  const end = async (path: string) =>
    (await s.call<Ended>('GET', `${path}?wait=60`, undefined, bearerOf(good.key))).body;
  await until('the first step runs', async () => {
    const { body } = await s.call<Ended>('GET', `/v1/plans/${plan}`, undefined, bearerOf(good.key));
    return body.steps?.[0]?.phase === 'running';
  });
  const [queued, other] = [
    await submit('/v1/executions', shell('true'), bad),
    await submit('/v1/executions', shell('true'), good),
  ];
  await s.call('POST', `/v1/admin/keys/${bad.id}/revoke`, undefined, bearer('root'));
  writeFileSync(gate, '');
  const denied = { status: 'failed', outcome: { cause: 'denied', message: /API key .* has been revoked/ } };
  t.match(await end(`/v1/executions/${queued}`), denied);
  t.match(await end(`/v1/executions/${other}`), { status: 'completed' });
  const { steps: ended } = await end(`/v1/plans/${plan}`);
  t.match(ended, [{ status: 'completed' }, { status: 'failed' }, { error: { type: 'denied' } }]);
});

t.test('what is open ends when its key expires', async (t) => {
  const clock = fakeClock();
  const s = await service(t, { EXECUTION_API_KEYS_FILE: keysFile(t, { root: {} }) }, { clock });
  const expires = new Date(clock.now() + 5000).toISOString();
  const { key } = await make(s, { user: 'alice', expires_at: expires });
  const { body } = await s.call<{ id: string }>('POST', '/v1/executions', shell('sleep 60'), bearerOf(key));
  const poll = fetch(`${s.url}/v1/executions/${body.id}?wait=60`, { headers: bearerOf(key) }).then(
    ({ status }) => String(status),
    () => 'cut off',
  );
  while (!clock.hasTimer(60_000)) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(6000);
  t.equal(await poll, 'cut off');
});

t.test('a rotation gives a new key, and leaves the one before its time', async (t) => {
  const clock = fakeClock();
  const s = await service(t, { EXECUTION_API_KEYS_FILE: keysFile(t, { root: {} }) }, { clock });
  const expiresAt = new Date(clock.now() + 3_600_000).toISOString();
  const old = await make(s, { user: 'alice', scopes: ['read'], expires_at: expiresAt });
  const rotated = await s.call<Made>(
    'POST',
    `/v1/admin/keys/${old.id}/rotate`,
    { overlap_s: 60 },
    bearer('root'),
  );
  t.match(rotated, {
    status: 201,
    body: { user: 'alice', scopes: ['read'], replaces: old.id, expires_at: expiresAt },
  });
  t.equal((await list(s, old.key)).status, 200);
  t.equal((await list(s, rotated.body.key)).status, 200);
  await clock.advance(60_000);
  t.match(await list(s, old.key), { status: 401, body: { detail: 'The API key has expired.' } });
  t.equal((await list(s, rotated.body.key)).status, 200);
  t.match(await s.call('POST', `/v1/admin/keys/${old.id}/rotate`, undefined, bearer('root')), {
    status: 409,
    body: { type: 'urn:execd:error:key_unusable' },
  });
});

t.test('a rotation never makes a key live longer', async (t) => {
  const s = await withAdministrator(t);
  const old = await make(s, { user: 'alice', expires_at: '2030-01-01T00:00:00Z' });
  await s.call('POST', `/v1/admin/keys/${old.id}/rotate`, { overlap_s: 365 * 86_400 }, bearer('root'));
  await s.call('POST', `/v1/admin/keys/${old.id}/rotate`, { overlap_s: 5 }, bearer('root'));
  const { items } = (await s.call<{ items: Made[] }>('GET', '/v1/admin/keys', undefined, bearer('root')))
    .body;
  const expires = Date.parse(items.find(({ id }) => id === old.id)?.expires_at ?? '');
  t.ok(expires < Date.now() + 60_000);
});

t.test('keys of the file are changed in the file, and read again on demand', async (t) => {
  const file = keysFile(t, { root: {}, ci: {} });
  const s = await service(t, { EXECUTION_API_KEYS_FILE: file });
  for (const action of ['rotate', 'revoke']) {
    const answer = await s.call('POST', `/v1/admin/keys/ci/${action}`, undefined, bearer('root'));
    t.match(answer, { status: 409, body: { type: 'urn:execd:error:key_in_file' } });
  }
  t.match(await s.call('POST', '/v1/admin/keys/nope/revoke', undefined, bearer('root')), {
    status: 404,
    body: { type: 'urn:execd:error:key_not_found' },
  });
  t.equal((await s.call('GET', '/v1/executions', undefined, bearer('ci'))).status, 200);
  writeFileSync(file, '{');
  const bad = await s.call('POST', '/v1/admin/reload', undefined, bearer('root'));
  t.match(bad, { status: 422, body: { type: 'urn:execd:error:invalid_keys_file' } });
  t.equal(
    (await s.call('GET', '/v1/executions', undefined, bearer('ci'))).status,
    200,
    'nothing has changed',
  );
  writeFileSync(file, keysText({ root: {} }));
  t.equal((await s.call('POST', '/v1/admin/reload', undefined, bearer('root'))).status, 200);
  t.match(await s.call('GET', '/v1/executions', undefined, bearer('ci')), { status: 401 });
});

t.test('without a key everyone is local; with the first one, nobody is', async (t) => {
  const s = await service(t);
  t.match(await s.submit(shell('true')), { user_id: 'local' });
  const { key } = (await s.call<Made>('POST', '/v1/admin/keys', { user: 'ann', scopes: ALL, may_run: 'any' }))
    .body;
  t.equal((await s.call('GET', '/v1/executions')).status, 401);
  t.match(await list(s, key), { status: 200, body: { items: [] } });
});

t.test('keys go on when the store cannot be read', async (t) => {
  let isBroken = false;
  const clock = fakeClock();
  const s = await service(
    t,
    { EXECUTION_API_KEYS_FILE: keysFile(t, { root: {} }) },
    {
      clock,
      store: (real) => {
        const read = real.apiKeys.bind(real);
        real.apiKeys = async (version) => {
          if (isBroken) throw new StoreError('broken');
          return read(version);
        };
        return real;
      },
    },
  );
  const { key } = await make(s, { user: 'alice' });
  isBroken = true;
  await clock.advance(2000);
  t.equal((await list(s, key)).status, 200);
});

t.test('an administrator may act for a user, and it is written down', async (t) => {
  const s = await withAdministrator(t);
  const forAnn = { ...bearer('root'), 'execution-user': 'ann' };
  const { body } = await s.call<{ id: string }>('POST', '/v1/executions', shell('true'), forAnn);
  t.match(body, { user_id: 'ann', submitted_by: 'root' });
  t.equal((await s.call('GET', `/v1/executions/${body.id}`, undefined, bearer('ann'))).status, 200);
  t.equal((await s.call('GET', `/v1/executions/${body.id}`, undefined, forAnn)).status, 200);
  t.equal((await s.call('GET', `/v1/executions/${body.id}`, undefined, bearer('root'))).status, 404);
  const asRoot = { ...bearer('ann'), 'execution-user': 'root' };
  t.match(await s.call('GET', '/v1/executions', undefined, asRoot), {
    status: 403,
    body: { type: 'urn:execd:error:forbidden' },
  });
  t.equal(
    (await s.call('GET', '/v1/executions', undefined, { ...bearer('ann'), 'execution-user': 'ann' })).status,
    200,
  );
  for (const name of ['', 'a b', 'ü']) {
    const answer = await rawRequest(s.url, {
      path: '/v1/executions',
      headers: { ...bearer('root'), 'execution-user': name },
    });
    t.equal(answer.status, 400, JSON.stringify(name));
  }
});

// ---------------------------------------------------------------------------------------------- tokens

const ISSUER = 'https://id.test';

/** An identity provider: its keys, and a way to sign. */
async function provider() {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const other = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' };
  const sign = (claims: object = {}, { key = privateKey, kid = 'one', alg = 'RS256' } = {}) =>
    new SignJWT({
      ...{ iss: ISSUER, aud: 'execd', sub: 'auth0|ann', exp: Math.floor(Date.now() / 1000) + 3600 },
      scope: 'openid execd:submit execd:read',
      ...claims,
    })
      .setProtectedHeader({ alg, kid })
      .sign(key);
  return { jwks: JSON.stringify({ keys: [jwk] }), sign, otherKey: other.privateKey, jwk };
}

const oidc = (jwks: string) => ({
  EXECUTION_OIDC_ISSUER: ISSUER,
  EXECUTION_OIDC_AUDIENCE: 'execd',
  EXECUTION_OIDC_JWKS: jwks,
});

t.test('tokens of an identity provider name their user and their scopes', async (t) => {
  const { jwks, sign, otherKey } = await provider();
  const file = join(tempDir(t), 'jwks.json');
  writeFileSync(file, jwks);
  const policy = join(tempDir(t), 'policy.yaml');
  writeFileSync(policy, 'users: { "auth0|ann": { may_run: [{ program: /bin/true }] } }');
  const s = await service(t, { ...oidc(file), EXECUTION_POLICY_FILE: policy });
  const ask = async (secret: string, path = '/v1/executions') =>
    s.call('GET', path, undefined, bearerOf(secret));
  const good = await sign();
  const accepted = await s.call(
    'POST',
    '/v1/executions',
    { kind: 'exec', program: '/bin/true' },
    bearerOf(good),
  );
  t.match(accepted, { status: 202, body: { user_id: 'auth0|ann' } });
  t.equal((await s.call('POST', '/v1/executions', shell('true'), bearerOf(good))).status, 403);
  t.equal((await s.call('POST', '/v1/executions/cancel', { all: true }, bearerOf(good))).status, 403);
  t.equal((await ask(await sign({ scope: ['execd:read'] }))).status, 200, 'scopes may be a list');
  t.equal((await ask(await sign({ scope: 'read admin' }))).status, 403, "other services' scopes are none");
  const now = Math.floor(Date.now() / 1000);
  const bad: [string, string][] = [
    ['another issuer', await sign({ iss: 'https://evil.test' })],
    ['another audience', await sign({ aud: 'billing' })],
    ['expired', await sign({ exp: now - 60 })],
    ['not yet', await sign({ nbf: now + 600 })],
    ['no expiry', await sign({ exp: undefined })],
    ['no user', await sign({ sub: '' })],
    ['signed by another key', await sign({}, { key: otherKey })],
    ['an unknown key', await sign({}, { kid: 'two' })],
    ['unsigned', new UnsecuredJWT({ scope: 'execd:read' }).setIssuer(ISSUER).setAudience('execd').encode()],
    ['cut', good.slice(0, -4)],
    ['nonsense', 'a.b.c'],
  ];
  for (const [what, secret] of bad) {
    t.match(await ask(secret), { status: 401, body: { type: 'urn:execd:error:unauthorized' } }, what);
  }
  // The public key as the secret of a signature that needs only one.
  const forged = await new SignJWT({ scope: 'execd:read' })
    .setProtectedHeader({ alg: 'HS256', kid: 'one' })
    .setIssuer(ISSUER)
    .setAudience('execd')
    .setSubject('ann')
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(jwks));
  t.equal((await ask(forged)).status, 401);
});

t.test('the keys of the provider are fetched, and their absence is no fault of the token', async (t) => {
  const { jwks, sign } = await provider();
  let isDown = true;
  const server = createServer((_request, response) => {
    if (isDown) response.writeHead(500).end();
    else response.writeHead(200, { 'content-type': 'application/json' }).end(jwks);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const s = await service(t, oidc(`http://127.0.0.1:${port}/keys`));
  const secret = await sign();
  t.match(await list(s, secret), { status: 503, body: { type: 'urn:execd:error:identity_unavailable' } });
  isDown = false;
  t.equal((await list(s, secret)).status, 200);
  t.match(await s.call('GET', '/v1/executions'), { status: 401 });
});
