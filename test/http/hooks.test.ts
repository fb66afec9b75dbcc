// Hooks over HTTP: who may start what, and what a sender is told.
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { rawRequest, type Service, service } from '../helpers/build.ts';
import { bearer, keysFile } from '../helpers/keys.ts';
import { tempDir } from '../helpers/temp.ts';

const KEY = 'a-secret-of-hooks';
const hook = { scheme: 'github', secret: 'gh', user: 'bot', answer: 'wait', wait_s: 60 };
const run = { kind: 'exec', program: 'sh', args: ['-c', 'echo "$0"; exit 3', '{{ref}}'] };
const params = { properties: { ref: { type: 'string', maxLength: 20 } }, required: ['ref'] };
const operations = {
  deploy: { run, params, hook: { ...hook, params: { ref: 'body.ref' }, when: 'query.branch == "main"' } },
  form: { run, params, hook: { ...hook, params: { ref: 'parse(body.payload).ref' } } },
  text: { run, params, hook: { ...hook, params: { ref: 'body' } } },
  later: { run, params, hook: { ...hook, answer: 'accepted', params: { ref: 'body.ref' } } },
  raw: {
    run: {
      kind: 'exec',
      program: 'sh',
      args: ['-c', 'printf "%s" "$0"; echo note >&2; exit $1', '{{ref}}', '{{code}}'],
    },
    params: { properties: { ref: { type: 'string' }, code: { type: 'integer' } }, required: ['ref', 'code'] },
    hook: { ...hook, answer: 'raw', params: { ref: 'body.ref', code: 'body.code' } },
  },
  release: {
    run: {
      kind: 'plan',
      params: { ref: '{{ref}}' },
      steps: [
        { name: 'a', kind: 'exec', program: 'echo', args: ['{{ref}}'] },
        {
          name: 'b',
          kind: 'shell',
          command:
            'test -n "$T" && echo ${plan.params.ref | quote} "$PARAM_REF" ${steps.a.stdout | trim | quote}',
          env: { T: { secret: 'gh' } },
        },
      ],
      outputs: { said: '${steps.b.stdout | trim}' },
    },
    params,
    hook: { ...hook, params: { ref: 'body.ref' } },
  },
  bare: { run, params },
  forbidden: { run, params, hook: { ...hook, user: 'nobody', params: { ref: 'body.ref' } } },
};
const policy = {
  users: {
    bot: { may_run: [...Object.keys(operations)].map((operation) => ({ operation })) },
    ann: { may_run: 'any' },
  },
};

async function world(t: Test): Promise<Service> {
  const dir = tempDir(t);
  const file = (name: string, value: object) => {
    writeFileSync(join(dir, name), JSON.stringify(value), { mode: 0o600 });
    return join(dir, name);
  };
  const env = {
    EXECUTION_API_KEYS_FILE: keysFile(t, { ann: {} }),
    EXECUTION_OPERATIONS_FILE: file('operations.json', { operations }),
    EXECUTION_POLICY_FILE: file('policy.json', policy),
    EXECUTION_SECRETS_FILE: file('secrets.json', {
      secrets: { gh: { env: 'HOOK_KEY', operations: Object.keys(operations) } },
    }),
  };
  return service(t, env, {}, { HOOK_KEY: KEY });
}

interface Told {
  result?: string;
  execution_id?: string;
  type?: string;
  detail?: string;
}

const delivering =
  (s: Service) =>
  async (path: string, body: string | Buffer, headers: Record<string, string> = {}) => {
    const signature = `sha256=${createHmac('sha256', KEY).update(body).digest('hex')}`;
    const answer = await fetch(`${s.url}/v1/hooks/${path}`, {
      method: 'POST',
      body: body as string,
      headers: { 'content-type': 'application/json', 'x-hub-signature-256': signature, ...headers },
    });
    return { status: answer.status, body: (await answer.json()) as Told };
  };

t.test('a signed delivery runs the operation for the user of its hook, once for each id', async (t) => {
  const s = await world(t);
  const deliver = delivering(s);
  const id = (one: string) => ({ 'x-github-delivery': one });
  const first = await deliver('deploy?branch=main', '{"ref": "v1"}', id('d1'));
  t.match(first, { status: 200, body: { result: 'accepted', status: 'failed', exit_code: 3 } });
  t.strictSame(await deliver('deploy?branch=main', '{"ref": "v1"}', id('d1')), {
    ...first,
    body: { ...first.body, result: 'replayed' },
  });
  const asBot = { ...bearer('ann'), 'execution-user': 'bot' };
  const seen = await s.call('GET', `/v1/executions/${first.body.execution_id}`, undefined, asBot);
  t.match(seen.body, {
    user_id: 'bot',
    spec: { kind: 'operation', params: { ref: 'v1' } },
    result: { stdout: 'v1\n' },
  });
  t.match(await deliver('deploy?branch=other', '{"ref": "v1"}'), {
    status: 200,
    body: { result: 'skipped', execution_id: null },
  });
  t.match(await deliver('later', '{"ref": "v2"}'), { body: { result: 'accepted', execution_id: String } });

  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const asForm = await deliver('form', new URLSearchParams({ payload: '{"ref": "v3"}' }).toString(), form);
  t.match(asForm, { status: 200, body: { result: 'accepted' } });
  t.match(await deliver('text', 'v4', { 'content-type': 'text/plain' }), {
    status: 200,
    body: { result: 'accepted' },
  });
  t.match((await s.call('GET', '/v1/operations/deploy', undefined, bearer('ann'))).body, {
    hook: { path: '/v1/hooks/deploy', scheme: 'github', user: 'bot', answer: 'wait' },
  });

  await t.test('what does not fit is refused, alike where the sender has shown nothing', async (t) => {
    const wrong = { 'x-hub-signature-256': 'sha256=00' };
    const refused = await deliver('deploy', '{"ref": "v1"}', wrong);
    t.match(refused, { status: 401, body: { type: /hook_refused$/ } });
    for (const [path, headers] of [
      ['bare', {}],
      ['none', {}],
      ['deploy', { ...wrong, ...bearer('ann') }],
    ] as const)
      t.strictSame(await deliver(path, '{"ref": "v1"}', headers), refused, path);
    t.strictSame(
      await deliver('deploy', 'not JSON', wrong),
      refused,
      'a body is not read before its signature',
    );
    const refusals: [string, string | Buffer, number, RegExp][] = [
      ['later', 'not JSON', 400, /malformed_json$/],
      ['later', '{"__proto__": 1}', 400, /validation$/],
      ['later', '{"ref": 1, "ref": 2}', 400, /validation$/],
      ['later', Buffer.from([0x22, 0xff, 0x22]), 400, /invalid_utf8$/],
      ['later', '{"ref": "a text that is too long for it"}', 400, /validation$/],
      ['later', '{}', 422, /hook_failed$/],
      ['later', '', 422, /hook_failed$/],
      ['later', `"${'x'.repeat(1024 * 1024)}"`, 413, /body_too_large$/],
      ['forbidden', '{"ref": "v1"}', 403, /command_not_allowed$/],
    ];
    for (const [path, body, status, type] of refusals)
      t.match(await deliver(path, body), { status, body: { type } }, `${path} ${type}`);
  });

  await t.test('the output of a raw hook is the answer; a failure before it is a status', async (t) => {
    const raw = async (body: string, headers: Record<string, string> = {}) => {
      const signature = `sha256=${createHmac('sha256', KEY).update(body).digest('hex')}`;
      const type = { 'content-type': 'application/json' };
      return rawRequest(s.url, {
        ...{ method: 'POST', path: '/v1/hooks/raw', body },
        headers: { ...type, 'x-hub-signature-256': signature, ...headers },
      });
    };
    const first = await raw('{"ref": "v5", "code": 0}', id('r1'));
    t.match(first, { status: 200, headers: { 'content-type': 'application/octet-stream' } });
    t.equal(String(first.body), 'v5');
    t.match(first.trailers, { 'execution-status': 'completed', 'execution-exit-code': '0' });
    const again = await raw('{"ref": "v5", "code": 0}', id('r1'));
    t.match(again.headers, {
      ...{ 'idempotency-replayed': 'true', 'execution-id': first.headers['execution-id'] },
    });
    t.equal(String(again.body), 'v5');
    const silent = await raw('{"ref": "", "code": 3}');
    t.match(silent, { status: 422, headers: { 'execution-exit-code': '3' } });
    t.match(String(silent.body), /run_failed.*note/);
    const late = await raw('{"ref": "v6", "code": 3}');
    t.match(late, { status: 200, trailers: { 'execution-status': 'failed', 'execution-exit-code': '3' } });
    t.match(await deliver('raw', '{"ref": "v5"}', { 'x-hub-signature-256': 'sha256=00' }), { status: 401 });
  });

  await t.test('an operation that is a plan runs whole for those who may run nothing else', async (t) => {
    const { body: started } = await deliver('release', '{"ref": "${1 + 1}"}', id('p1'));
    t.match(started, { result: 'accepted', status: 'completed', exit_code: null });
    const said = '${1 + 1} ${1 + 1} ${1 + 1}';
    const version = /^[0-9a-f]+\+[0-9a-f]{16}$/;
    const plan = await s.call('GET', `/v1/plans/${started.execution_id}`, undefined, asBot);
    t.match(plan.body, {
      operation: { name: 'release', params: { ref: '${1 + 1}' } },
      policy_version: version,
      result: { said },
    });
    const [first] = (plan.body as { steps: { execution_id: string }[] }).steps;
    const step = await s.call('GET', `/v1/executions/${first?.execution_id}`, undefined, asBot);
    t.match(step.body, { policy_version: version, spec: { kind: 'exec' } });
    const call = (path: string, body?: object) => s.call('POST', path, body, asBot);
    t.match(
      (await call(`/v1/executions/${first?.execution_id}/rerun`)).body,
      { type: /command_not_allowed$/ },
      'a step alone is not theirs',
    );
    t.match((await call(`/v1/plans/${started.execution_id}/rerun`, { params: { other: 1 } })).body, {
      type: /validation$/,
    });
    const again = await s.call(
      'POST',
      `/v1/plans/${started.execution_id}/rerun`,
      { params: { ref: 'v8' } },
      { ...asBot, prefer: 'wait=60' },
    );
    t.match(again.body, {
      status: 'completed',
      rerun_of: started.execution_id,
      result: { said: 'v8 v8 v8' },
    });
    const alone = await s.call(
      'POST',
      `/v1/executions/${String(seen.body.id)}/rerun`,
      { params: { ref: 'v9' } },
      { ...asBot, prefer: 'wait=60' },
    );
    t.match(alone.body, { spec: { params: { ref: 'v9' } }, result: { stdout: 'v9\n' } });
    const release = { kind: 'operation', name: 'release', params: { ref: 'v1' } };
    t.match((await call('/v1/run', release)).body, { errors: [{ field: '/name', message: /is a plan/ }] });
    t.match((await call('/v1/executions', { ...release, cache: {} })).body, {
      errors: [{ field: '/cache' }],
    });
    const dry = await call('/v1/executions/dry-run', release);
    t.match(dry.body, { accepted: true });
    const nested = {
      steps: [{ kind: 'operation', operation: 'release', params: { ref: 'v2' }, name: 'r' }],
      strategy: { type: 'serial' },
      outputs: { all: '${steps.r.result}' },
    };
    const within = await s.call('POST', '/v1/plans', nested, { ...asBot, prefer: 'wait=60' });
    t.match(within.body, { status: 'completed', result: { all: { said: 'v2 v2 v2' } } });
  });

  await t.test('deliveries are in the audit log', async (t) => {
    const { text } = await s.call('GET', '/v1/admin/audit', undefined, bearer('ann'));
    t.match(text, /"user":"bot"[^}]*"route":"\/v1\/hooks\/:operation"[^}]*"status":200[^}]*"execution_id"/);
    t.match(
      text,
      /"status":200,"hook":"run","execution_id":"[^"]*","what":"operation raw /,
      'also those with output',
    );
    t.match(text, /"user":null[^}]*"route":"\/v1\/hooks\/:operation"[^}]*"refused":"hook_refused"/);
  });
});
