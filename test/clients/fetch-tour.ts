// A tour with a client of openapi-typescript and openapi-fetch. Compiled and run by test/long/clients.ts.
import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { components, paths } from '../../build/clients/fetch.ts';

const api = createClient<paths>({ baseUrl: process.argv[2] ?? '' });

const command: components['schemas']['ShellSpec'] = { kind: 'shell', command: 'echo hello; exit 3' };
const run = await api.POST('/v1/executions', {
  body: { ...command, labels: { tour: 'fetch' } },
  params: { header: { Prefer: 'wait=30' } },
});
assert(run.data);
assert.equal(run.data.outcome?.exit_code, 3);

const dry = await api.POST('/v1/executions/dry-run', { body: command });
assert.equal(dry.data?.accepted, true);

const wrong = await api.POST('/v1/executions', { body: { kind: 'shell', command: '' } });
assert(wrong.error);
assert.equal(wrong.error.errors?.[0]?.field, '/command');

const one = await api.GET('/v1/executions/{id}', { params: { path: { id: run.data.id } } });
assert.equal(one.data?.status, 'failed');

const log = await api.GET('/v1/executions/{id}/logs', {
  params: { path: { id: run.data.id }, query: { follow: true } },
  parseAs: 'text',
});
assert.equal(log.data, 'hello\n');

const page = await api.GET('/v1/executions', {
  params: { query: { status: ['failed', 'completed'], label: ['tour=fetch'], limit: 10 } },
});
assert.equal(page.data?.items.length, 1);

const step: components['schemas']['ShellStep'] = { name: 'build', kind: 'shell', command: 'echo 1.2.3' };
const plan = await api.POST('/v1/plans', {
  body: {
    strategy: { type: 'serial' },
    steps: [
      step,
      { name: 'say', kind: 'shell', command: 'echo ${steps.build.stdout | quote}', run_if: 'success' },
    ],
    outputs: { version: '${steps.build.stdout}' },
  },
  params: { header: { Prefer: 'wait=30' } },
});
assert(plan.data);
assert.equal(plan.data.status, 'completed');
assert.deepEqual(
  plan.data.steps?.map(({ name }) => name),
  ['build', 'say'],
);

const stats = await api.GET('/v1/stats');
assert.equal(stats.data?.executions.failed, 1);
const removed = await api.DELETE('/v1/executions/{id}', { params: { path: { id: run.data.id } } });
assert.equal(removed.response.status, 204);
