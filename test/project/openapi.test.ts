import { readFileSync, statSync } from 'node:fs';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import spectralCore, { type RulesetDefinition } from '@stoplight/spectral-core';
import rulesets from '@stoplight/spectral-rulesets';
import t from 'tap';
import { until } from '../helpers/processes.ts';
import { service } from '../helpers/build.ts';

const FILE = 'openapi/openapi.json';
const text = readFileSync(FILE, 'utf8');

type Schema = Record<string, unknown>;
interface Operation {
  operationId: string;
  summary: string;
  description: string;
  parameters?: { $ref?: string; description?: string; name?: string }[];
  requestBody?: {
    required: boolean;
    content: { 'application/json'?: { schema: Schema; examples?: Record<string, { value: unknown }> } };
  };
  responses: Record<string, Schema>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
  webhooks: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}
const document = JSON.parse(text) as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

/** The document grows with the API, and with nothing else. */
const BYTES_PER_OPERATION = 4200;

t.test('spectral:oas finds nothing', async (t) => {
  const spectral = new spectralCore.Spectral();
  spectral.setRuleset({ extends: [[rulesets.oas as RulesetDefinition, 'recommended']] });
  const found = await spectral.run(document as unknown as Record<string, unknown>);
  t.same(
    found.map(({ code, path, message }) => `${code} ${path.join('.')}: ${message}`),
    [],
  );
});

t.test('the recommended rules of redocly find nothing', async (t) => {
  const config = await createConfig({ extends: ['recommended'] });
  const found = await lintFromString({ source: text, config });
  t.same(
    found.map(({ ruleId, location, message }) => `${ruleId} ${location[0]?.pointer ?? ''}: ${message}`),
    [],
  );
});

t.test('everything in the document has a name or a description, and it is small', async (t) => {
  const each = statSync(FILE).size / operations.length;
  t.ok(each < BYTES_PER_OPERATION, `${each} bytes for each operation`);
  const ids = operations.map(({ operation }) => operation.operationId);
  t.equal(new Set(ids).size, ids.length);
  for (const { operation } of operations) {
    t.match(operation.operationId, /^[a-z][A-Za-z]+$/);
    for (const one of operation.parameters ?? [])
      t.ok(one.$ref ?? one.description, `${operation.operationId} ${one.name ?? ''}`);
  }
  const missing: string[] = [];
  for (const [name, schema] of Object.entries(document.components.schemas))
    findMissing(schema, name, missing);
  t.same(missing, []);
  t.match(Object.keys(document.webhooks), ['executionEvent', 'accountEvent', 'scheduleEvent', 'test']);
});

function findMissing(schema: unknown, path: string, missing: string[]): void {
  if (typeof schema !== 'object' || schema === null) return;
  const { properties } = schema as { properties?: Record<string, Schema> };
  for (const [name, one] of Object.entries(properties ?? {}))
    if (one.$ref === undefined && one.description === undefined) missing.push(`${path}.${name}`);
  for (const [key, one] of Object.entries(schema)) findMissing(one, `${path}.${key}`, missing);
}

/** What an example needs: something with an id to be used on. */
const NEEDED: Record<string, { path: string; body: object }> = {
  '/v1/executions/{id}': { path: '/v1/executions', body: { kind: 'shell', command: 'sleep 60' } },
  '/v1/plans/{id}/signals': {
    path: '/v1/plans',
    body: { strategy: { type: 'serial' }, steps: [{ kind: 'wait', signal: { name: 'go' } }] },
  },
  '/v1/plans/{id}/approvals': {
    path: '/v1/plans',
    body: { strategy: { type: 'serial' }, steps: [{ name: 'ok', kind: 'wait', approval: {} }] },
  },
  '/v1/plans/{id}': {
    path: '/v1/plans',
    body: { strategy: { type: 'serial' }, steps: [{ name: 'a', kind: 'shell', command: 'sleep 60' }] },
  },
  '/v1/webhooks/{id}': { path: '/v1/webhooks', body: { url: 'https://example.com/hook' } },
  '/v1/admin/keys/{id}': {
    path: '/v1/admin/keys',
    body: { user: 'local', scopes: ['submit', 'read', 'cancel', 'admin'], may_run: 'any' },
  },
};
/** Once the server is drained, nothing starts; once there is a key, nobody is let in without one. */
const LAST = ['drainRunner', 'rotateKey', 'createKey'];
/** Works only with a credits file. */
const GRANT = 'grantCredits';

t.test('every body has examples, and they work against a server with default settings', async (t) => {
  const { call } = await service(t);
  const bodies = operations.filter(
    ({ operation }) => operation.requestBody?.content['application/json'] !== undefined,
  );
  bodies.sort((a, b) => LAST.indexOf(a.operation.operationId) - LAST.indexOf(b.operation.operationId));
  let headers = {};
  for (const { path, method, operation } of bodies) {
    const examples = Object.entries(operation.requestBody?.content['application/json']?.examples ?? {});
    t.ok(examples.length > 0, operation.operationId);
    for (const [name, { value }] of examples) {
      let url = path
        .replace('{user_id}', 'local')
        .replace('{key}', 'a'.repeat(64))
        .replace('{step}', 'ok')
        .replace('{what}', 'operation:nightly')
        .replace('/runners/{name}', '/runners/only')
        .replace('{name}', path.includes('signals') ? 'go' : 'nightly');
      const needed = Object.entries(NEEDED).find(([prefix]) => path.startsWith(prefix))?.[1];
      if (needed !== undefined) {
        const made = await call<{ id: string; key?: string }>('POST', needed.path, needed.body, headers);
        t.equal(Math.floor(made.status / 100), 2, made.text);
        if (made.body.key !== undefined) headers = { authorization: `Bearer ${made.body.key}` };
        url = url.replace('{id}', made.body.id);
        const approval = `/v1/plans/${made.body.id}/approvals/ok`;
        if (url.startsWith(approval))
          await until(
            'it waits',
            async () => (await call('GET', approval, undefined, headers)).status === 200,
          );
      }
      const answer = await call<{ items?: { status: number }[] }>(method.toUpperCase(), url, value, headers);
      if (operation.operationId === GRANT) t.match(answer, { status: 404, text: /EXECUTION_CREDITS_FILE/ });
      else if (operation.operationId === 'redrivePlan')
        t.match(answer, { status: 409, text: /has not finished/ });
      else t.ok(answer.status < 300, `${operation.operationId} ${name}: ${answer.text}`);
      const refused = (answer.body.items ?? []).filter(({ status }) => status >= 300);
      t.same(refused, [], `${operation.operationId} ${name}: each item is accepted`);
    }
  }
});
