import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { Webhook as Verifier } from 'standardwebhooks';
import t from 'tap';
import { ConfigError, loadConfig } from '../../src/config/load.ts';
import type { EventHandler } from '../../src/observe/event-handlers.ts';
import { service, shell } from '../helpers/build.ts';
import { until } from '../helpers/processes.ts';
import { receiver } from '../helpers/receiver.ts';
import { tempDir } from '../helpers/temp.ts';

const SECRET = `whsec_${btoa('the secret of the operator, long')}`;

t.test(
  'a handler that throws, or never comes back, changes nothing for the runs and the others',
  async (t) => {
    const heard: string[] = [];
    const handlers: EventHandler[] = [
      {
        name: 'throwing',
        handle: () => {
          throw new Error('it throws');
        },
      },
      { name: 'rejecting', handle: () => Promise.reject(new Error('it rejects')) },
      { name: 'hanging', handle: () => new Promise<void>(() => undefined) },
      { name: 'good', handle: (event) => void heard.push(event.type) },
    ];
    const s = await service(t, {}, { handlers });
    // The first is being handled, a thousand wait, and the rest is dropped.
    const spec = { kind: 'exec', program: 'true', cache: {} };
    await s.run(spec);
    for (let i = 0; i < 4; i++)
      await s.call('POST', '/v1/executions/batch', { executions: Array.from({ length: 150 }, () => spec) });
    await until('all are heard of', () => heard.length === 3 + 600 * 2);
    const { text } = await s.call('GET', '/metrics');
    t.match(text, /^execd_event_handler_failures_total\{handler="throwing"\} 1203$/m);
    t.match(text, /^execd_event_handler_failures_total\{handler="rejecting"\} \d+$/m);
    t.match(text, /^execd_event_handler_dropped_total\{handler="hanging"\} 202$/m);
    t.match(text, /^execd_event_handler_dropped_total\{handler="good"\} 0$/m);
    t.match(text, /^execd_executions_finished_total\{kind="exec",status="completed"[^}]*\} 601$/m);
    t.ok(s.lines.some(({ msg }) => msg === 'An event handler failed'));
  },
);

t.test('only the handlers that are asked for hear of events', async (t) => {
  const s = await service(t, { EXECUTION_EVENT_HANDLERS: 'metrics' });
  await s.run(shell('true'));
  t.notOk(s.lines.some(({ msg }) => msg.startsWith('Execution ')));
  t.match((await s.call('GET', '/metrics')).text, /^execd_executions_finished_total\{.* [1-9]/m);
  const other = await service(t, { EXECUTION_EVENT_HANDLERS: 'logging' });
  await other.run(shell('true'));
  t.ok(other.lines.some(({ msg }) => msg === 'Execution completed: shell'));
  t.notMatch((await other.call('GET', '/metrics')).text, /^execd_executions_finished_total\{.* [1-9]/m);
});

t.test("the operator's webhook is told of the executions of all users", async (t) => {
  const to = await receiver(t);
  const dir = tempDir(t);
  const key = (user: string) => `ek_${user}_${'s'.repeat(40)}`;
  const keys = ['ann', 'bob'].map((user) => ({
    ...{ id: user, sha256: createHash('sha256').update(key(user)).digest('hex'), user, may_run: 'any' },
    scopes: ['submit', 'read'],
  }));
  writeFileSync(join(dir, 'keys.json'), JSON.stringify({ keys }), { mode: 0o600 });
  writeFileSync(join(dir, 'secret'), `${SECRET}\n`, { mode: 0o600 });
  const env = {
    EXECUTION_DATA_DIR: join(dir, 'data'),
    EXECUTION_API_KEYS_FILE: join(dir, 'keys.json'),
    EXECUTION_EGRESS_ALLOW: '127.0.0.1',
  };
  const s = await service(t, {
    ...env,
    EXECUTION_EVENT_HANDLERS: 'logging,metrics,webhook',
    EXECUTION_EVENT_WEBHOOK_URL: to.url,
    EXECUTION_EVENT_WEBHOOK_SECRET_FILE: join(dir, 'secret'),
    EXECUTION_EVENT_WEBHOOK_EVENTS: 'completed',
    EXECUTION_EVENT_WEBHOOK_RESULT: 'true',
  });
  const as = (user: string) => ({ authorization: `Bearer ${key(user)}` });
  const ids = [];
  for (const user of ['ann', 'bob']) ids.push((await s.submit(shell(`printf ${user}`), as(user))).id);
  await until('both are told', () => to.received.length === 2);
  t.same(to.received.map(({ body }) => body.subject).sort(), [...ids].sort());
  const results = to.received.map(({ body }) => (body.data.result as { stdout: string }).stdout);
  t.same(results.sort(), ['ann', 'bob'], 'with results where the operator asks for them');
  for (const { text, headers } of to.received)
    t.ok(new Verifier(SECRET).verify(text, headers as Record<string, string>));
  for (const user of ['ann', 'bob']) {
    t.same((await s.call('GET', '/v1/webhooks', undefined, as(user))).body, { items: [] });
    t.equal((await s.call('GET', '/v1/webhooks/operator', undefined, as(user))).status, 404);
    const [own, others] = user === 'ann' ? ids : [...ids].reverse();
    t.equal((await s.call('GET', `/v1/executions/${own}/events`, undefined, as(user))).status, 200);
    t.equal((await s.call('GET', `/v1/executions/${others}/events`, undefined, as(user))).status, 404);
  }
  await s.stop();
  const without = await service(t, env);
  await without.submit(shell('true'), as('ann'));
  await without.call('GET', '/v1/stats', undefined, as('ann'));
  t.equal(to.received.length, 2, 'when it is configured no more, it is told no more');
});

t.test("the operator's webhook needs a URL and a secret that can be read", async (t) => {
  const env = { EXECUTION_EVENT_HANDLERS: 'webhook' };
  await t.rejects(service(t, env), {
    message: /EXECUTION_EVENT_WEBHOOK_URL: is required by the handler "webhook"/,
  });
  const file = join(tempDir(t), 'secret');
  writeFileSync(file, 'nothing of that kind');
  const settings = {
    EXECUTION_EVENT_WEBHOOK_URL: 'https://example.com',
    EXECUTION_EVENT_WEBHOOK_SECRET_FILE: file,
  };
  for (const more of [{}, { EXECUTION_EVENT_WEBHOOK_SECRET_FILE: '/nowhere' }])
    await t.rejects(service(t, { ...env, ...settings, ...more }), ConfigError);
  t.same(loadConfig({ EXECUTION_EVENT_HANDLERS: 'none' }).EXECUTION_EVENT_HANDLERS, []);
  await t.rejects(service(t, { EXECUTION_EVENT_HANDLERS: 'smtp' }), { message: /EXECUTION_EVENT_HANDLERS/ });
});
