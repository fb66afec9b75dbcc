// A tour with a client of @hey-api/openapi-ts. Compiled and run by test/long/clients.ts.
import assert from 'node:assert/strict';
import { client } from '../../build/clients/hey/client.gen.ts';
import * as api from '../../build/clients/hey/index.ts';

client.setConfig({ baseUrl: process.argv[2] ?? '' });

const command: api.ShellSpec = { kind: 'shell', command: 'echo hello; exit 3' };
const { data: run } = await api.submitExecution({
  body: { ...command, labels: { tour: 'hey' } },
  headers: { Prefer: 'wait=30' },
  throwOnError: true,
});
assert.equal(run.outcome?.exit_code, 3);

const dry = await api.dryRunExecution({ body: command });
assert.equal(dry.data?.accepted, true);

const wrong = await api.submitExecution({ body: { kind: 'shell', command: '' } });
assert(wrong.error);
assert.equal(wrong.error.errors?.[0]?.field, '/command');

const one = await api.getExecution({ path: { id: run.id } });
assert.equal(one.data?.status, 'failed');

const log = await api.getExecutionLog({ path: { id: run.id }, query: { follow: true }, parseAs: 'text' });
assert.equal(log.data, 'hello\n');

const page = await api.listExecutions({
  query: { status: ['failed', 'completed'], label: ['tour=hey'], limit: 10 },
});
assert.equal(page.data?.items.length, 1);

const events: string[] = [];
const { stream } = await api.followExecution({ path: { id: run.id }, query: { output: true } });
for await (const message of stream) {
  // A stream that is over answers 204.
  if (message === undefined) continue;
  if ('type' in message) events.push(message.type);
  else if ('text' in message) assert.equal(message.text, 'hello\n');
  if (events.includes('failed')) break;
}
assert.deepEqual(events, ['accepted', 'started', 'failed']);

const step: api.ShellStep = { name: 'build', kind: 'shell', command: 'echo 1.2.3' };
const { data: plan } = await api.submitPlan({
  body: {
    strategy: { type: 'serial' },
    steps: [
      step,
      { name: 'say', kind: 'shell', command: 'echo ${steps.build.stdout | quote}', run_if: 'success' },
    ],
  },
  headers: { Prefer: 'wait=30' },
  throwOnError: true,
});
assert.equal(plan.status, 'completed');
const removed = await api.deleteExecution({ path: { id: run.id } });
assert.equal(removed.response?.status, 204);
