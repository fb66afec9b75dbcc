// Every route against every way of not being allowed to use it. A route that is not in the table fails the test.
import t, { type Test } from 'tap';
import { rawRequest, type Service, service, shell } from '../helpers/build.ts';
import { bearer, bearerOf, keysFile, token } from '../helpers/keys.ts';
import { routesOf } from '../helpers/routes.ts';

type Scope = 'submit' | 'read' | 'cancel' | 'admin';
interface Row {
  scope: Scope;
  body?: object;
  /** What another user's id is answered with; undefined where the route takes none. */
  foreign?: 404;
}

const SPEC = { kind: 'exec', program: 'true' };
const SCHEDULE = { every_ms: 3_600_000, execution: SPEC };
const PLAN = { strategy: { type: 'serial' }, steps: [{ name: 'a', ...SPEC }] };
/** The request itself is the credential: hooks.test.ts, waits.test.ts. */
const SIGNED = ['POST /v1/hooks/:operation', 'GET /v1/approvals/:token', 'POST /v1/approvals/:token'];
const PUBLIC = ['GET /', 'GET /livez', 'GET /readyz', 'GET /health', 'GET /openapi.json'];
const TABLE: Record<string, Row> = {
  'POST /v1/executions': { scope: 'submit', body: SPEC },
  'POST /v1/run': { scope: 'submit', body: SPEC },
  'POST /v1/executions/dry-run': { scope: 'submit', body: SPEC },
  'POST /v1/executions/batch': { scope: 'submit', body: { executions: [SPEC] } },
  'GET /v1/executions': { scope: 'read' },
  'POST /v1/executions/cancel': { scope: 'cancel', body: { all: true } },
  'GET /v1/executions/:id': { scope: 'read', foreign: 404 },
  'PATCH /v1/executions/:id': { scope: 'submit', body: { priority: 1 }, foreign: 404 },
  'DELETE /v1/executions/:id': { scope: 'cancel', foreign: 404 },
  'GET /v1/executions/:id/explain': { scope: 'read', foreign: 404 },
  'GET /v1/reports/operations': { scope: 'read' },
  'GET /v1/executions/:id/result': { scope: 'read', foreign: 404 },
  'GET /v1/executions/:id/logs': { scope: 'read', foreign: 404 },
  'GET /v1/executions/:id/attach': { scope: 'read' },
  'POST /v1/executions/:id/stdin': { scope: 'submit', foreign: 404 },
  'POST /v1/executions/:id/signals': { scope: 'cancel', body: { signal: 'SIGHUP' }, foreign: 404 },
  'POST /v1/executions/:id/cancel': { scope: 'cancel', foreign: 404 },
  'POST /v1/executions/:id/rerun': { scope: 'submit', foreign: 404 },
  'GET /v1/executions/:id/artifacts': { scope: 'read', foreign: 404 },
  'GET /v1/executions/:id/artifacts*': { scope: 'read', foreign: 404 },
  'GET /v1/executions/:id/artifacts.tar.gz': { scope: 'read', foreign: 404 },
  'POST /v1/uploads': { scope: 'submit' },
  'GET /v1/uploads/:id': { scope: 'read', foreign: 404 },
  'PATCH /v1/uploads/:id': { scope: 'submit', foreign: 404 },
  'DELETE /v1/uploads/:id': { scope: 'submit', foreign: 404 },
  'POST /v1/plans': { scope: 'submit', body: PLAN },
  'POST /v1/plans/validate': { scope: 'submit', body: PLAN },
  'GET /v1/plans': { scope: 'read' },
  'GET /v1/plans/:id': { scope: 'read', foreign: 404 },
  'DELETE /v1/plans/:id': { scope: 'cancel', foreign: 404 },
  'POST /v1/plans/:id/cancel': { scope: 'cancel', foreign: 404 },
  'POST /v1/plans/:id/rerun': { scope: 'submit', foreign: 404 },
  'POST /v1/plans/:id/redrive': { scope: 'submit', foreign: 404 },
  'GET /v1/plans/:id/logs': { scope: 'read', foreign: 404 },
  'GET /v1/executions/:id/events': { scope: 'read', foreign: 404 },
  'GET /v1/plans/:id/events': { scope: 'read', foreign: 404 },
  'GET /v1/events': { scope: 'read' },
  'POST /v1/plans/:id/signals/:name': { scope: 'submit', foreign: 404 },
  'GET /v1/plans/:id/signals': { scope: 'read', foreign: 404 },
  'GET /v1/approvals': { scope: 'read' },
  'GET /v1/plans/:id/approvals/:step': { scope: 'read', foreign: 404 },
  'POST /v1/plans/:id/approvals/:step': { scope: 'submit', body: { decision: 'approve' }, foreign: 404 },
  'POST /v1/plans/:id/approvals/:step/links': { scope: 'submit', foreign: 404 },
  'GET /v1/admin/operations': { scope: 'admin' },
  'GET /v1/admin/operations/:name': { scope: 'admin' },
  'PUT /v1/admin/operations/:name': { scope: 'admin', body: { run: { kind: 'exec', program: 'true' } } },
  'DELETE /v1/admin/operations/:name': { scope: 'admin' },
  'GET /v1/runners': { scope: 'admin' },
  'POST /v1/runners/:name/drain': { scope: 'admin' },
  'POST /v1/runners/:name/resume': { scope: 'admin' },
  'GET /v1/admin/pauses': { scope: 'admin' },
  'PUT /v1/admin/pauses/:what': { scope: 'admin' },
  'DELETE /v1/admin/pauses/:what': { scope: 'admin' },
  'POST /v1/schedules': { scope: 'submit', body: { name: 'a', ...SCHEDULE } },
  'GET /v1/schedules': { scope: 'read' },
  'PUT /v1/schedules/:name': { scope: 'submit', body: SCHEDULE },
  'GET /v1/schedules/:name': { scope: 'read' },
  'GET /v1/schedules/:name/runs': { scope: 'read' },
  'POST /v1/schedules/:name/pause': { scope: 'submit' },
  'POST /v1/schedules/:name/resume': { scope: 'submit' },
  'POST /v1/schedules/:name/run': { scope: 'submit' },
  'DELETE /v1/schedules/:name': { scope: 'submit' },
  'POST /v1/webhooks': { scope: 'submit', body: { url: 'https://example.org/' } },
  'GET /v1/webhooks': { scope: 'read' },
  'GET /v1/webhooks/:id': { scope: 'read', foreign: 404 },
  'DELETE /v1/webhooks/:id': { scope: 'submit', foreign: 404 },
  'POST /v1/webhooks/:id/enable': { scope: 'submit', foreign: 404 },
  'POST /v1/webhooks/:id/disable': { scope: 'submit', foreign: 404 },
  'POST /v1/webhooks/:id/rotate-secret': { scope: 'submit', foreign: 404 },
  'POST /v1/webhooks/:id/preview': { scope: 'submit', foreign: 404 },
  'POST /v1/webhooks/:id/test': { scope: 'submit', foreign: 404 },
  'GET /v1/webhooks/:id/deliveries': { scope: 'read', foreign: 404 },
  'POST /v1/webhooks/:id/deliveries/:delivery/redeliver': { scope: 'submit', foreign: 404 },
  'GET /v1/accounts/:user_id': { scope: 'read' },
  'GET /v1/accounts/:user_id/entries': { scope: 'read' },
  'POST /v1/accounts/:user_id/grants': { scope: 'admin', body: { credits: 1 } },
  'GET /v1/cache': { scope: 'read' },
  'DELETE /v1/cache': { scope: 'submit' },
  'GET /v1/cache/:key': { scope: 'read', foreign: 404 },
  'GET /v1/cache/entries': { scope: 'read' },
  'PUT /v1/cache/:key': { scope: 'submit', body: { value: 1 } },
  'POST /v1/cache/warm': { scope: 'submit', body: { executions: [{ ...SPEC, cache: {} }] } },
  'GET /v1/circuits': { scope: 'read' },
  'POST /v1/circuits/:name/reset': { scope: 'admin' },
  'POST /v1/circuits/:name/isolate': { scope: 'admin' },
  'GET /v1/operations': { scope: 'read' },
  'GET /v1/operations/:name': { scope: 'read' },
  'GET /v1/me': { scope: 'read' },
  'GET /v1/me/usage': { scope: 'read' },
  'POST /mcp': { scope: 'read', body: { jsonrpc: '2.0', id: 1, method: 'ping' } },
  'GET /v1/stats': { scope: 'read' },
  'GET /v1/health/summary': { scope: 'read' },
  'GET /metrics': { scope: 'read' },
  'POST /v1/admin/reload': { scope: 'admin' },
  'POST /v1/admin/cleanup': { scope: 'admin' },
  'POST /v1/admin/flush': { scope: 'admin' },
  'POST /v1/admin/keys': { scope: 'admin', body: { user: 'eve', scopes: ['read'] } },
  'GET /v1/admin/keys': { scope: 'admin' },
  'POST /v1/admin/keys/:id/rotate': { scope: 'admin' },
  'POST /v1/admin/keys/:id/revoke': { scope: 'admin' },
  'GET /v1/admin/audit': { scope: 'admin' },
  'GET /v1/admin/settings': { scope: 'admin' },
};

const SCOPES: Scope[] = ['submit', 'read', 'cancel', 'admin'];
const without = (scope: Scope) => SCOPES.filter((one) => one !== scope);

async function world(t: Test) {
  const keys = {
    ...{ ann: {}, bob: {}, expired: { user: 'ann', expires_at: '2020-01-01T00:00:00Z' } },
    ...Object.fromEntries(SCOPES.map((scope) => [`no-${scope}`, { user: 'ann', scopes: without(scope) }])),
  };
  // The console is public, and has nothing of its own to keep: console.test.ts.
  const s = await service(t, { EXECUTION_API_KEYS_FILE: keysFile(t, keys), EXECUTION_CONSOLE: 'false' });
  const made = await s.call<{ id: string; key: string }>(
    'POST',
    '/v1/admin/keys',
    { user: 'ann', scopes: SCOPES, may_run: 'any' },
    bearer('ann'),
  );
  await s.call('POST', `/v1/admin/keys/${made.body.id}/revoke`, undefined, bearer('ann'));
  const { body } = await s.call<{ id: string; cache: { key: string } }>(
    'POST',
    '/v1/executions',
    shell('echo mine', { cache: {} }),
    { ...bearer('ann'), prefer: 'wait=9' },
  );
  return { s, revoked: made.body.key, id: body.id, key: body.cache.key };
}

/** Sends as plainly as can be, and answers the status and the problem. */
async function ask(s: Service, route: string, ids: { id: string; key: string }, headers: object, query = '') {
  const [method = '', path = ''] = route.split(' ');
  const { body } = TABLE[route.replace(/^HEAD/, 'GET')] ?? {};
  const target =
    path.replace(':id', ids.id).replace(':key', ids.key).replace(':name', 'none').replace('*', '/none') +
    query;
  const sent = body === undefined ? {} : { 'content-type': 'application/json' };
  const answer = await rawRequest(s.url, {
    method,
    path: target,
    headers: { ...(headers as Record<string, string>), ...sent },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const type = answer.body.length > 0 ? /urn:execd:error:(\w+)/.exec(answer.body.toString())?.[1] : undefined;
  return { status: answer.status, type };
}

t.test('every route is in the table, is public, or has no such method', async (t) => {
  const { s, id, key } = await world(t);
  const routes = routesOf(s.app.server.printRoutes({ commonPrefix: false })).map(
    ([method, path]) => `${method} ${path}`,
  );
  t.ok(routes.length > 60, `${routes.length} routes`);
  for (const route of routes) {
    if (route.includes(' /docs')) continue;
    const asGet = route.replace(/^HEAD/, 'GET');
    if (asGet in TABLE || PUBLIC.includes(asGet)) continue;
    if (route.startsWith('HEAD') && SIGNED.includes(asGet)) continue;
    if (SIGNED.includes(route)) {
      const refused = route.includes('hooks')
        ? { status: 401, type: 'hook_refused' }
        : { status: 404, type: 'link_invalid' };
      t.same(await ask(s, route, { id, key }, bearer('ann')), refused, 'a key is no signature');
      continue;
    }
    t.equal((await ask(s, route, { id, key }, {})).status, 405, `${route} is not in the table`);
  }
  for (const route of Object.keys(TABLE)) t.ok(routes.includes(route), `${route} is there`);
  for (const route of PUBLIC) t.equal((await ask(s, route, { id, key }, {})).status, 200, route);
});

t.test(
  'no route answers without a key, with one that has ended, or with one that it is not for',
  async (t) => {
    const { s, id, key, revoked } = await world(t);
    const before = await s.call('GET', '/v1/stats', undefined, bearer('ann'));
    for (const [route, { scope }] of Object.entries(TABLE)) {
      const refusals: [string, object, number, string][] = [
        ['no key', {}, 401, 'unauthorized'],
        ['an empty header', { authorization: '' }, 401, 'unauthorized'],
        ['another scheme', { authorization: `Basic ${btoa(token('ann'))}` }, 401, 'unauthorized'],
        ['no scheme', { authorization: token('ann') }, 401, 'unauthorized'],
        ['an unknown id', bearer('eve'), 401, 'unauthorized'],
        ['a wrong secret', bearerOf(`${token('ann').slice(0, -1)}x`), 401, 'unauthorized'],
        ['an expired key', bearer('expired'), 401, 'unauthorized'],
        ['a revoked key', bearerOf(revoked), 401, 'unauthorized'],
        ['a key without the scope', bearer(`no-${scope}`), 403, 'forbidden'],
        [
          'acting without being an administrator',
          { ...bearer('no-admin'), 'execution-user': 'bob' },
          403,
          'forbidden',
        ],
      ];
      for (const [what, headers, status, type] of refusals)
        t.same(await ask(s, route, { id, key }, headers), { status, type }, `${route}: ${what}`);
      const inUrl = await ask(s, route, { id, key }, {}, `?access_token=${token('ann')}&key=${token('ann')}`);
      t.equal(inUrl.status, 401, `${route}: a key in the URL`);
      if (route.startsWith('GET ')) {
        t.equal(
          (await ask(s, route.replace('GET', 'HEAD'), { id, key }, {})).status,
          401,
          `HEAD of ${route}`,
        );
      }
    }
    const after = await s.call('GET', '/v1/stats', undefined, bearer('ann'));
    t.same(
      (after.body as { executions: object }).executions,
      (before.body as { executions: object }).executions,
      'none of it has done anything',
    );
  },
);

t.test("another user's id is answered as one that is not there", async (t) => {
  const { s, id, key } = await world(t);
  const nobodys = { id: '01900000-0000-7000-8000-000000000000', key: '0'.repeat(64) };
  for (const [route, { foreign }] of Object.entries(TABLE)) {
    if (foreign === undefined) continue;
    const answer = await ask(s, route, { id, key }, bearer('bob'));
    t.equal(answer.status, foreign, route);
    t.same(answer, await ask(s, route, nobodys, bearer('bob')), `${route}: as if it were not there`);
  }
  t.match(await s.call('GET', '/v1/executions', undefined, bearer('bob')), { body: { items: [] } });
  t.match(await s.call('DELETE', '/v1/cache', undefined, bearer('bob')), { body: { removed: 0 } });
  t.equal((await s.call('GET', `/v1/executions/${id}`, undefined, bearer('ann'))).status, 200);
});

t.test('with the right key every route gets past the gate', async (t) => {
  const { s, id, key } = await world(t);
  // What removes comes last; an answer that goes on for ever has tests of its own.
  const routes = Object.keys(TABLE)
    .filter((route) => route !== 'GET /v1/events')
    .sort((a, b) => Number(a.includes('DELETE')) - Number(b.includes('DELETE')));
  for (const route of routes) {
    const { status } = await ask(s, route, { id, key }, bearer('ann'));
    t.notOk([401, 403, 405, 500].includes(status), `${route}: ${status}`);
  }
});
