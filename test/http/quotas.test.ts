import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { rawRequest, service, shell } from '../helpers/build.ts';
import { bearer, keysFile } from '../helpers/keys.ts';
import { tempDir } from '../helpers/temp.ts';

t.test('answers of routes that submit say how much is left, and a refusal when to come again', async (t) => {
  // One in a thousand seconds, so that no slow machine brings the next one meanwhile.
  const policy = join(tempDir(t), 'policy.json');
  writeFileSync(policy, JSON.stringify({ users: { local: { quotas: { submits_per_s: 0.001 } } } }));
  const { call } = await service(t, { EXECUTION_POLICY_FILE: policy });
  const first = await call('POST', '/v1/executions', shell('true'));
  t.match(Object.fromEntries(first.headers), {
    'ratelimit-policy': '"submits";q=1;w=1000',
    ratelimit: /^"submits";r=0;t=\d+$/,
  });
  const batch = await call<{ items: object[] }>('POST', '/v1/executions/batch', {
    executions: [shell('true'), shell('true')],
  });
  t.match(batch.body.items[1], { status: 429, problem: { type: 'urn:execd:error:too_many_submits' } });
  const more = await call('POST', '/v1/executions', shell('true'));
  t.match(more, { status: 429, body: { type: 'urn:execd:error:too_many_submits', retryable: true } });
  t.match(more.headers.get('retry-after'), /^[1-9]/);
  t.equal((await call('GET', '/v1/executions')).headers.get('ratelimit'), null);
});

t.test('without a bound nothing is said of it', async (t) => {
  const { call } = await service(t);
  t.equal((await call('POST', '/v1/executions', shell('true'))).headers.get('ratelimit'), null);
});

t.test(
  'a body larger than its user may send is refused, before it is read where it says how long it is',
  async (t) => {
    const { call, url } = await service(t, {
      EXECUTION_USER_MAX_BODY_BYTES: '100',
      EXECUTION_API_KEYS_FILE: keysFile(t, { ann: {} }),
    });
    const small = { kind: 'exec', program: 'true' };
    t.equal((await call('POST', '/v1/executions', small, bearer('ann'))).status, 202);
    const large = { ...small, stdin: 'x'.repeat(100) };
    t.match(await call('POST', '/v1/executions', large, bearer('ann')), {
      status: 413,
      body: {
        type: 'urn:execd:error:body_too_large',
        detail: /^The body has \d+ bytes; a body of this user may have at most 100 \(quotas.body_bytes\)\.$/,
      },
    });
    const chunked = await rawRequest(url, {
      method: 'POST',
      path: '/v1/executions',
      headers: { ...bearer('ann'), 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      body: JSON.stringify(large),
    });
    t.equal(chunked.status, 413);
  },
);

t.test('what executions keep counts until they are removed', async (t) => {
  const policy = join(tempDir(t), 'policy.json');
  const quotas: Record<string, [object, string, RegExp]> = {
    ann: [
      { log_bytes: 10 },
      'log',
      /^The executions of user "ann" keep 10 bytes of logs; .* 10 .*quotas\.log_bytes/,
    ],
    bob: [{ logs: 1 }, 'log', /keep 1 logs; at most 1 are allowed \(quotas\.logs\)\. Remove finished/],
    cat: [{ store_bytes: 1000 }, 'store', /keep \d+ bytes in the store; at most 1000 are allowed/],
  };
  const users = Object.fromEntries(
    Object.entries(quotas).map(([user, [quotas]]) => [user, { may_run: 'any', quotas }]),
  );
  writeFileSync(policy, JSON.stringify({ users: { ...users, dan: { may_run: 'any' } } }));
  const { call } = await service(t, {
    EXECUTION_POLICY_FILE: policy,
    EXECUTION_API_KEYS_FILE: keysFile(t, { ann: {}, bob: {}, cat: {}, dan: {} }),
    EXECUTION_MAX_LOGS: '4',
  });
  const run = async (spec: object, user: string) => {
    const headers = { ...bearer(user), prefer: 'wait=60' };
    const { body, status, text } = await call<{ id: string }>('POST', '/v1/executions', spec, headers);
    if (status !== 200) throw new Error(text);
    return body;
  };
  const cached = shell('printf 0123456789', { cache: {} });
  for (const [user, [, type, detail]] of Object.entries(quotas)) {
    const { id } = await run(cached, user);
    const refused = { status: 429, body: { type: `urn:execd:error:${type}_quota_exceeded`, detail } };
    t.match(await call('POST', '/v1/executions', shell('true'), bearer(user)), refused);
    t.match(await call('POST', '/v1/executions', cached, bearer(user)), refused, 'a hit is kept, too');
    t.equal((await call('DELETE', `/v1/executions/${id}`, undefined, bearer(user))).status, 204);
    await run(shell('true'), user);
  }
  await run(shell('true'), 'ann');
  // All of them keep four logs now: who has an equal part of them waits, who has none does not.
  t.match(await call('POST', '/v1/executions', shell('true'), bearer('ann')), {
    body: { detail: /^The executions of all users keep 4 logs; .*EXECUTION_MAX_LOGS/ },
  });
  t.equal((await call('POST', '/v1/executions', shell('true'), bearer('dan'))).status, 202);
});
