import { Webhook as Verifier } from 'standardwebhooks';
import t, { type Test } from 'tap';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { service, sharedService, type SharedService, shell } from '../helpers/build.ts';
import { fakeClock, type FakeClock } from '../helpers/clock.ts';
import { freePort } from '../helpers/ports.ts';
import { until } from '../helpers/processes.ts';
import { receiver, type Received, type Receiver } from '../helpers/receiver.ts';
import { tempDir } from '../helpers/temp.ts';

const ALLOWED = { EXECUTION_EGRESS_ALLOW: '127.0.0.1' };
const MINUTE = 60_000;

interface Hook {
  id: string;
  secret: string;
  enabled: boolean;
  disabled_because: string | null;
}
interface Delivery {
  id: string;
  event_id: string;
  type: string;
  state: string;
  tries: { at: string; status: number | null; error: string | null; took_ms: number }[];
  next_try: string | null;
}

async function subscribe(s: SharedService, body: object): Promise<Hook> {
  const answer = await s.call<Hook>('POST', '/v1/webhooks', body);
  if (answer.status !== 201) throw new Error(answer.text);
  return answer.body;
}

async function deliveries(s: SharedService, id: string, query = ''): Promise<Delivery[]> {
  return (await s.call<{ items: Delivery[] }>('GET', `/v1/webhooks/${id}/deliveries${query}`)).body.items;
}

const verify = (secret: string, { text, headers }: Received) =>
  new Verifier(secret).verify(text, headers as Record<string, string>);

const isReceived = (to: Receiver, count: number) =>
  until(`${count} are received`, () => to.received.length >= count);

async function world(t: Test, env: Record<string, string> = {}): Promise<{ s: SharedService; to: Receiver }> {
  const s = await sharedService(t, { ...ALLOWED, ...env });
  // They would be told of what the next test does.
  t.teardown(async () => {
    const { body } = await s.call<{ items: Hook[] }>('GET', '/v1/webhooks');
    for (const { id } of body.items) await s.call('DELETE', `/v1/webhooks/${id}`);
  });
  return { s, to: await receiver(t) };
}

/** A service whose clock the test moves. */
async function slowWorld(
  t: Test,
  env: Record<string, string> = {},
): Promise<{ s: SharedService; to: Receiver; clock: FakeClock }> {
  const clock = fakeClock();
  // Days go by in it.
  const settings = { ...ALLOWED, EXECUTION_AUTO_CLEANUP: 'false', ...env };
  return { s: await service(t, settings, { clock }), to: await receiver(t), clock };
}

/** Moves time on until a delivery has had so many tries, or is over. */
async function tried(
  w: { s: SharedService; clock: FakeClock },
  id: string,
  tries: number,
  stepMs = 1000,
): Promise<Delivery> {
  for (let i = 0; i < 2000; i++) {
    const [one] = await deliveries(w.s, id);
    if (one !== undefined && (one.tries.length >= tries || one.state !== 'pending')) return one;
    await w.clock.advance(i % 10 === 9 ? stepMs : 10);
  }
  throw new Error(`there were not ${tries} tries`);
}

/** From the end of the last try to the next one, milliseconds: the clock may have moved on since. */
function waitOf({ tries, next_try: next }: Delivery): number {
  const last = tries.at(-1);
  return Date.parse(next ?? '') - Date.parse(last?.at ?? '') - (last?.took_ms ?? 0);
}

/** Runs to the end while the clock moves on. */
async function run(
  { s, clock }: { s: SharedService; clock: FakeClock },
  spec: object,
): Promise<ExecutionWire> {
  const { id } = await s.submit(spec);
  for (;;) {
    const { body } = await s.call<ExecutionWire>('GET', `/v1/executions/${id}`);
    if (body.phase === 'done') return body;
    await clock.advance(10);
  }
}

t.test(
  'a standing webhook is told of the ends, in a form and with a signature that others read',
  async (t) => {
    const { s, to } = await world(t);
    const hook = await subscribe(s, { url: `${to.url}/hook` });
    t.match(hook.secret, /^whsec_/);
    const done = await s.run(shell('echo hi; exit 3', { labels: { team: 'infra' }, task_id: 'x' }));
    await isReceived(to, 1);
    const [one] = to.received as [Received];
    t.same(verify(hook.secret, one), one.body);
    t.throws(() => verify(`whsec_${btoa('x'.repeat(32))}`, one));
    t.match(one, {
      path: '/hook',
      headers: { 'content-type': /^application\/cloudevents\+json/, 'webhook-id': `${done.id}.3` },
      body: {
        specversion: '1.0',
        id: `${done.id}.3`,
        source: /^urn:execd:[0-9a-f-]{36}$/,
        type: 'execd.execution.failed',
        subject: done.id,
        datacontenttype: 'application/json',
        data: {
          execution_id: done.id,
          status: 'failed',
          labels: { team: 'infra' },
          task_id: 'x',
          output: { stdout_bytes: 3 },
          outcome: { exit_code: 3 },
        },
      },
    });
    await until('it is noted', async () => (await deliveries(s, hook.id))[0]?.state === 'delivered');
    t.match(await deliveries(s, hook.id), [
      { event_id: `${done.id}.3`, type: 'failed', tries: [{ status: 204, error: null }], next_try: null },
    ]);
  },
);

t.test('a webhook is told of what it asked for, and of nothing else', async (t) => {
  const { s, to } = await world(t);
  await subscribe(s, { url: `${to.url}/starts`, events: ['started'] });
  await subscribe(s, { url: `${to.url}/team`, labels: { team: 'a' }, kinds: ['shell'] });
  await subscribe(s, { url: `${to.url}/task`, task_id: 'x', events: ['completed'], result: true });
  const ids: string[] = [];
  for (const [team, task_id] of [
    ['a', 'x'],
    ['b', 'x'],
    ['a', 'y'],
  ] as const)
    ids.push((await s.run(shell('true', { labels: { team }, task_id }))).id);
  await isReceived(to, 7);
  const told = (path: string) =>
    to.received
      .filter((one) => one.path === path)
      .map(({ body }) => ids.indexOf(body.subject))
      .sort((a, b) => a - b);
  t.same(
    [told('/starts'), told('/team'), told('/task')],
    [
      [0, 1, 2],
      [0, 2],
      [0, 1],
    ],
  );
  t.equal(to.received.length, 7);
  for (const { path, body } of to.received)
    t.equal('result' in body.data, path === '/task', 'results come where they are asked for');
});

t.test('a webhook sends what its template makes, when its condition says so', async (t) => {
  const { s, to } = await world(t);
  const when = 'failures == 2 || (previous == "failed" && event.status == "completed")';
  const body = '{"text": event.labels.team + ": " + event.status + " " + string(failures)}';
  const template = { body, headers: { 'x-team': 'ops' } };
  const asked = { url: to.url, labels: { team: 'web' }, when, template };
  const wrong = async (more: object) => (await s.call('POST', '/v1/webhooks', { ...asked, ...more })).body;
  t.match(await wrong({ when: 'steps.a' }), {
    errors: [{ field: '/when', message: /unknown variable "steps"/ }],
  });
  t.match(await wrong({ template: { body: 'event.' } }), { errors: [{ field: '/template/body' }] });
  const secret = { body, headers: { authorization: { secret: 'none' } } };
  t.match(await wrong({ template: secret }), {
    errors: [{ field: '/template/headers', message: /no secret none/ }],
  });
  t.match(await wrong({ template: { body, headers: { 'webhook-id': 'x' } } }), {
    errors: [{ message: /begins with webhook-/ }],
  });
  t.match(await wrong({ template: 'irc' }), { errors: [{ field: '/template', message: /must be "slack"/ }] });

  const hook = await subscribe(s, asked);
  const run = (command: string) =>
    s.call('POST', '/v1/executions', { ...shell(command), labels: { team: 'web' } }, { prefer: 'wait=60' });
  const ended = (count: number) =>
    until(`${count} are looked at`, async () => {
      const all = await deliveries(s, hook.id);
      return all.filter(({ state }) => state !== 'pending').length === count;
    });
  for (const [i, command] of ['exit 1', 'exit 1', 'exit 1', 'true', 'true'].entries()) {
    await run(command);
    await ended(i + 1);
  }
  t.same(
    (await deliveries(s, hook.id)).map(({ state }) => state),
    ['skipped', 'delivered', 'skipped', 'delivered', 'skipped'],
  );
  t.same(
    to.received.map(({ text }) => JSON.parse(text) as unknown),
    [{ text: 'web: failed 2' }, { text: 'web: completed 0' }],
  );
  const [first] = to.received as [Received];
  t.match(first.headers, { 'x-team': 'ops', 'content-type': 'application/json; charset=utf-8' });
  t.ok(verify(hook.secret, first));

  const preview = (more: object = {}) =>
    s.call<{ body: string }>('POST', `/v1/webhooks/${hook.id}/preview`, more);
  t.match((await preview({ event: { labels: { team: 'x' }, status: 'failed' }, failures: 2 })).body, {
    sent: true,
    body: '{"text":"x: failed 2"}',
  });
  t.match((await preview({ event: { labels: { team: 'x' }, status: 'failed' } })).body, { sent: false });
  t.match(await preview(), { status: 400, body: { detail: /team/ } }, 'the example has no such label');

  const broken = await subscribe(s, { url: to.url, template: { body: 'event.labels.none' } });
  await run('exit 1');
  await until('it cannot be made', async () => (await deliveries(s, broken.id))[0]?.state === 'failed');
  t.match(await deliveries(s, broken.id), [{ tries: [{ status: null, error: /template.body: .*none/ }] }]);
});

t.test('an execution brings its own webhook along; its secret is told once', async (t) => {
  const { s, to } = await world(t);
  const own = { url: to.url, events: ['started', 'completed'], result: true };
  const spec = shell('echo hi', { webhook: own });
  const key = { 'idempotency-key': 'k' };
  const first = await s.submit(spec, key);
  const secret = first.webhook?.secret ?? '';
  t.match(secret, /^whsec_/);
  await s.finished(first.id);
  await isReceived(to, 2);
  t.same(
    to.received.map(({ body }) => body.type),
    ['execd.execution.started', 'execd.execution.completed'],
  );
  for (const one of to.received) t.same(verify(secret, one), one.body);
  const [started, ended] = to.received.map(({ body }) => body.data);
  t.notOk('result' in (started ?? {}), 'only the last event has a result');
  t.same(ended?.result, (await s.finished(first.id)).result);
  const again = await s.submit(spec, key);
  t.equal(again.id, first.id);
  t.same(again.webhook, { ...own, when: null, template: null });
  const { text } = await s.call('GET', `/v1/executions/${first.id}`);
  t.notMatch(text, /whsec_/);
  t.match((await s.call('GET', `/v1/webhooks/${first.id}`)).body, { execution_id: first.id, url: to.url });
  t.same((await s.call('GET', '/v1/webhooks')).body, { items: [] }, 'it is not a standing one');
  await until('both are noted', async () => (await deliveries(s, first.id, '?state=delivered')).length === 2);
  t.equal((await s.call('DELETE', `/v1/webhooks/${first.id}`)).status, 404);
});

t.test('the webhook of one execution or plan has its own condition and message', async (t) => {
  const { s, to } = await world(t);
  const body = '{"ended": event.status, "failures": failures, "previous": previous}';
  const webhook = { url: to.url, when: 'event.status == "failed"', template: { body } };
  const good = await s.run(shell('true', { webhook }));
  t.match(good.webhook, { when: webhook.when, template: { body } });
  await until('it is skipped', async () => (await deliveries(s, good.id))[0]?.state === 'skipped');
  const whole = { strategy: { type: 'serial' }, steps: [{ name: 'a', kind: 'shell', command: 'exit 1' }] };
  const plan = await s.call<{ id: string; webhook: object }>('POST', '/v1/plans', { ...whole, webhook });
  t.match(plan.body.webhook, { when: webhook.when, template: { body } });
  await isReceived(to, 1);
  t.same(to.received[0]?.body, { ended: 'failed', failures: 1, previous: null });
  const wrong = { url: to.url, when: 'steps.a.ok', template: { body, headers: { a: { secret: 'none' } } } };
  for (const [path, spec] of [
    ['/v1/executions', shell('true')],
    ['/v1/plans', whole],
  ] as const)
    t.match(await s.call('POST', path, { ...spec, webhook: wrong }), {
      status: 400,
      body: {
        errors: [
          { field: '/webhook/when', message: /unknown variable "steps"/ },
          { field: '/webhook/template/headers', message: /no secret none/ },
        ],
      },
    });
});

t.test("a client's own secret signs, is never shown, and signs for a rerun too", async (t) => {
  const { s, to } = await world(t);
  const secret = `whsec_${btoa('my own secret of 24 bytes or more')}`;
  const own = shell('true', { webhook: { url: to.url, secret } });
  const answer = await s.call<ExecutionWire>('POST', '/v1/executions', own);
  const id = answer.body.id;
  t.notMatch(answer.text, /whsec_/);
  await s.finished(id);
  const rerun = await s.call<ExecutionWire>('POST', `/v1/executions/${id}/rerun`);
  t.notMatch(rerun.text, /whsec_/);
  const batch = await s.call('POST', '/v1/executions/batch', {
    executions: [own, shell('true', { webhook: { url: to.url } })],
  });
  t.match(batch.body, {
    items: [{ execution: { webhook: { url: to.url } } }, { execution: { webhook: { secret: /^whsec_/ } } }],
  });
  await isReceived(to, 4);
  const verified = to.received.filter((one) => {
    try {
      return verify(secret, one);
    } catch {
      return false;
    }
  });
  t.equal(verified.length, 3);
  for (const [webhook, field] of [
    [{ url: 'ftp://x' }, '/webhook/url'],
    [{ url: to.url, secret: 'short' }, '/webhook/secret'],
    [{ url: to.url, events: [] }, '/webhook/events'],
    [{ url: to.url, events: ['odd'] }, '/webhook/events/0'],
    [{ url: to.url, retries: 1 }, '/webhook/retries'],
    [{}, '/webhook/url'],
  ] as const) {
    const refused = await s.call<{ errors: { field: string }[] }>(
      'POST',
      '/v1/executions',
      shell('true', { webhook }),
    );
    t.match([refused.status, refused.body.errors[0]?.field], [400, field]);
  }
});

t.test('an answer from the cache with a webhook is stored first, and told', async (t) => {
  const { s, to } = await world(t);
  await s.run(shell('echo hi', { cache: {} }));
  const hit = await s.submit(shell('echo hi', { cache: {}, webhook: { url: to.url } }));
  t.equal(hit.cache?.status, 'hit', 'a webhook makes no other result');
  await isReceived(to, 1);
  t.equal(to.received[0]?.body.subject, hit.id);
});

t.test('a plan brings its webhook along, which is told of the plan', async (t) => {
  const { s, to } = await world(t);
  const steps = [{ name: 'one', kind: 'shell', command: 'true' }];
  const plan = { strategy: { type: 'serial' }, steps, webhook: { url: to.url } };
  const made = await s.call<{ id: string; webhook: { secret: string } }>('POST', '/v1/plans', plan);
  t.match(made, { status: 202, body: { webhook: { url: to.url, secret: /^whsec_/ } } });
  const { id, webhook } = made.body;
  await isReceived(to, 1);
  t.match(verify(webhook.secret, to.received[0] as Received), {
    subject: id,
    data: { kind: 'plan', status: 'completed' },
  });
  t.notMatch((await s.call('GET', `/v1/plans/${id}`)).text, /whsec_/);
  await s.call('POST', `/v1/plans/${id}/rerun`);
  await isReceived(to, 2);
  t.ok(verify(webhook.secret, to.received[1] as Received));
  const inStep = { ...plan, steps: [{ ...steps[0], webhook: { url: to.url } }] };
  t.match(await s.call('POST', '/v1/plans', inStep), {
    status: 400,
    body: { errors: [{ field: '/steps/0/webhook' }] },
  });
});

// --------------------------------------------------------------------------------- bad receivers

t.test(
  'a receiver that fails is tried again, later each time, under the same id, until it takes it',
  async (t) => {
    const w = await slowWorld(t);
    const { s, to } = w;
    to.answer = (_one, response) => response.writeHead(500).end('oops');
    const hook = await subscribe(s, { url: to.url });
    await run(w, shell('true'));
    const times: number[] = [];
    for (let tries = 1; tries <= 4; tries++) {
      const one = await tried(w, hook.id, tries, 5000);
      times.push(waitOf(one));
      if (tries < 4) await w.clock.advance(Math.max(0, Date.parse(one.next_try ?? '') - w.clock.now()));
    }
    for (const [i, wait] of [5000, 5 * MINUTE, 30 * MINUTE, 120 * MINUTE].entries()) {
      const [time = 0] = times.slice(i);
      t.ok(time >= wait * 0.8 - 1 && time <= wait * 1.1 + 1, `${time} after try ${i + 1}`);
    }
    to.answer = (_one, response) => response.writeHead(200).end();
    await w.clock.advance(133 * MINUTE);
    const end = await tried(w, hook.id, 5);
    t.match(end, { state: 'delivered', next_try: null });
    t.same(
      end.tries.map(({ status }) => status),
      [500, 500, 500, 500, 200],
    );
    t.same(new Set(to.received.map(({ headers }) => headers['webhook-id'])).size, 1);
    t.not(to.received[0]?.headers['webhook-timestamp'], to.received[4]?.headers['webhook-timestamp']);
    t.not(to.received[0]?.headers['webhook-signature'], to.received[4]?.headers['webhook-signature']);
  },
);

// The retries of each, and their end, are told one by one around here.
t.test('callback target down, 500, slow, 410', async (t) => {
  const w = await slowWorld(t);
  const { s, to } = w;
  const down = await receiver(t);
  await down.close();
  const answers: Record<string, number> = { '/500': 500, '/410': 410 };
  to.answer = ({ path }, response) => {
    const status = answers[path];
    if (status !== undefined) response.writeHead(status).end();
  };
  const hooks: Hook[] = [];
  for (const url of [down.url, `${to.url}/500`, `${to.url}/slow`, `${to.url}/410`])
    hooks.push(await subscribe(s, { url }));
  t.equal((await run(w, shell('true'))).status, 'completed', 'the execution does not wait for them');
  await until('the slow one was asked', () => to.received.some(({ path }) => path === '/slow'));
  const [atDown, at500, slow, gone] = hooks as [Hook, Hook, Hook, Hook];
  t.match(await tried(w, atDown.id, 1), { state: 'pending', tries: [{ status: null }], next_try: String });
  t.match(await tried(w, at500.id, 1), { state: 'pending', tries: [{ status: 500 }], next_try: String });
  t.match(await tried(w, gone.id, 1), { state: 'failed', tries: [{ status: 410 }], next_try: null });
  const waited = { state: 'pending', tries: [{ status: null, error: /did not respond/ }], next_try: String };
  t.match(await tried(w, slow.id, 1), waited);
  for (const one of to.received)
    t.ok(verify(hooks[['/500', '/slow', '/410'].indexOf(one.path) + 1]?.secret ?? '', one), one.path);
});

t.test('after the last try it has failed, and can be delivered again by hand', async (t) => {
  const w = await slowWorld(t);
  const { s, to } = w;
  to.answer = (_one, response) => response.writeHead(503, { 'retry-after': '7200' }).end();
  const hook = await subscribe(s, { url: to.url });
  await run(w, shell('true'));
  const first = await tried(w, hook.id, 1);
  t.ok(waitOf(first) > 119 * MINUTE, 'a receiver that says when to come again is heard');
  for (let tries = 2; tries <= 8; tries++) {
    await w.clock.advance(12 * 60 * MINUTE);
    await tried(w, hook.id, tries);
  }
  const [last] = (await deliveries(s, hook.id)) as [Delivery];
  t.match(last, { state: 'failed', next_try: null });
  t.equal(last.tries.length, 8);
  to.answer = (_one, response) => response.writeHead(200).end();
  const again = await s.call('POST', `/v1/webhooks/${hook.id}/deliveries/${last.id}/redeliver`);
  t.match(again, { status: 202, body: { state: 'pending', event_id: last.event_id } });
  t.match(await tried(w, hook.id, 1), { state: 'delivered', tries: [{ status: 200 }] });
  t.equal(to.received.at(-1)?.headers['webhook-id'], last.event_id);
  t.equal((await s.call('POST', `/v1/webhooks/${hook.id}/deliveries/999/redeliver`)).status, 404);
});

t.test('a receiver that says that it is gone is not asked again', async (t) => {
  const { s, to } = await world(t);
  to.answer = (_one, response) => response.writeHead(410).end();
  const hook = await subscribe(s, { url: to.url });
  await s.run(shell('true'));
  await until('it is disabled', async () => {
    const { body } = await s.call<Hook>('GET', `/v1/webhooks/${hook.id}`);
    return !body.enabled && body.disabled_because === 'gone';
  });
  await s.run(shell('true'));
  t.match(await deliveries(s, hook.id), [{ state: 'failed', tries: [{ status: 410 }] }]);
  t.equal(to.received.length, 1);
  const [one] = await deliveries(s, hook.id);
  t.equal((await s.call('POST', `/v1/webhooks/${hook.id}/deliveries/${one?.id}/redeliver`)).status, 409);
});

t.test('redirects are not followed, and private addresses are not reached', async (t) => {
  const { s, to } = await world(t, { EXECUTION_EGRESS_ALLOW: '' });
  const refused = await s.call('POST', '/v1/webhooks', { url: to.url });
  t.match(refused, { status: 400, body: { errors: [{ field: '/url' }] } });
  for (const url of ['http://169.254.169.254/', 'http://[::1]/', 'http://10.0.0.1:8080/'])
    t.equal((await s.call('POST', '/v1/webhooks', { url })).status, 400, url);
  const named = await subscribe(s, { url: to.url.replace('127.0.0.1', 'localhost') });
  await s.run(shell('true'));
  await until('it was tried', async () => ((await deliveries(s, named.id))[0]?.tries.length ?? 0) > 0);
  t.match((await deliveries(s, named.id))[0]?.tries, [
    { status: null, error: /is not allowed: it is loopback/ },
  ]);
  t.equal(to.received.length, 0);
  const other = await world(t);
  const inner = await receiver(t);
  other.to.answer = (_one, response) => response.writeHead(302, { location: inner.url }).end();
  const hook = await subscribe(other.s, { url: other.to.url });
  await other.s.run(shell('true'));
  await until('it was tried', async () => ((await deliveries(other.s, hook.id))[0]?.tries.length ?? 0) > 0);
  t.match(await deliveries(other.s, hook.id), [{ state: 'pending', tries: [{ status: 302 }] }]);
  t.equal(inner.received.length, 0);
});

t.test('a receiver that hangs holds up nobody else, and is then asked by probes only', async (t) => {
  const { s, to, clock } = await slowWorld(t, { EXECUTION_WEBHOOK_TIMEOUT_MS: '60000' });
  const slow = await receiver(t);
  slow.answer = () => undefined;
  const hanging = await subscribe(s, { url: slow.url });
  await subscribe(s, { url: to.url });
  await Promise.all(Array.from({ length: 20 }, () => s.run(shell('true'))));
  await until('20 are received', async () => {
    await clock.advance(10);
    return to.received.length >= 20;
  });
  const circuits = async () => (await s.call<{ items: object[] }>('GET', '/v1/circuits')).body.items;
  await until('the circuit is open', async () => {
    await clock.advance(1000);
    return JSON.stringify(await circuits()).includes('"open"');
  });
  t.match(await circuits(), [{ name: `receiver:local ${slow.url}`, opened: 1 }]);
  let tried: Delivery[] = [];
  // The circuit knows of a try before the store does.
  await until('a try is stored', async () => {
    tried = (await deliveries(s, hanging.id)).filter(({ tries }) => tries.length > 0);
    return tried.length > 0;
  });
  t.match(tried[0]?.tries, [{ status: null, error: /did not respond within 60000 ms/ }]);
  await until('an hour has gone by', async () => {
    await clock.advance(20_000);
    return clock.monotonic() > 3_600_000;
  });
  t.ok(slow.received.length <= 24, `${slow.received.length} requests in an hour for 20 deliveries`);
  const held = (await deliveries(s, hanging.id)).filter(({ tries }) => tries.length === 0);
  t.ok(held.length > 0);
  t.ok(held.every(({ state, next_try }) => state === 'pending' && next_try !== null));

  slow.answer = (_one, response) => response.writeHead(204).end();
  await until('what was held has arrived', async () => {
    await clock.advance(10_000);
    const all = await deliveries(s, hanging.id);
    return all.filter(({ state }) => state === 'delivered').length >= held.length;
  });
  t.same(await circuits(), [], 'a circuit that is closed and counts nothing is forgotten');
});

t.test('what has waited for a dead receiver for more than a day fails without a try', async (t) => {
  const w = await slowWorld(t);
  const { s, to, clock } = w;
  to.answer = (_one, response) => response.writeHead(500).end();
  const hook = await subscribe(s, { url: to.url });
  for (let i = 0; i < 6; i++) await run(w, shell('true'));
  await until('the circuit is open', async () => {
    await clock.advance(1000);
    return (await s.call('GET', '/v1/circuits')).text.includes('"open"');
  });
  await s.call('POST', `/v1/circuits/${encodeURIComponent(`receiver:local ${to.url}`)}/isolate`);
  const asked = to.received.length;
  await run(w, shell('true'));
  await until('it is held', async () => {
    await clock.advance(10_000);
    return (await deliveries(s, hook.id))[0]?.tries.length === 0;
  });
  await clock.advance(28 * 60 * MINUTE);
  const last = await tried(w, hook.id, 1, 10_000);
  t.match(last, { state: 'failed', tries: [{ status: null, error: /did not try/ }] });
  t.equal(to.received.length, asked, 'held open by hand, it is not asked at all');
});

t.test('events of one execution arrive in their order; those of others do not wait for it', async (t) => {
  const { s, to } = await world(t);
  let busy = 0;
  let most = 0;
  to.answer = (_one, response) => {
    busy += 1;
    most = Math.max(most, busy);
    setImmediate(() => {
      busy -= 1;
      response.writeHead(200).end();
    });
  };
  await subscribe(s, { url: to.url, events: ['accepted', 'queued', 'started', 'retry_scheduled', 'failed'] });
  const spec = shell('exit 1', { retry: { attempts: 3, min_ms: 1, multiplier: 0 } });
  const ids = await Promise.all(Array.from({ length: 10 }, async () => (await s.run(spec)).id));
  const isTold = (id: string) =>
    to.received.some(({ body }) => body.subject === id && body.data.type === 'failed');
  await until('all ends are told', () => ids.every(isTold));
  for (const id of ids) {
    const sequences = to.received
      .filter(({ body }) => body.subject === id)
      .map(({ body }) => body.data.sequence);
    t.same(
      sequences,
      sequences.map((_, i) => i + 1),
    );
  }
  t.ok(most > 1 && most <= 8, `${most} at a time`);
});

t.test('more than may wait are dropped, and counted', async (t) => {
  const { s, to } = await world(t, { EXECUTION_WEBHOOK_MAX_PENDING: '3' });
  to.answer = (_one, response) => response.writeHead(500).end();
  const hook = await subscribe(s, { url: to.url });
  for (let i = 0; i < 5; i++) await s.run(shell('true'));
  t.equal((await deliveries(s, hook.id)).length, 3);
  const { text } = await s.call('GET', '/metrics');
  t.match(text, /^execd_webhook_deliveries_dropped_total 2$/m);
  t.match(text, /^execd_webhook_deliveries_pending 3$/m);
});

// --------------------------------------------------------------------------------- subscriptions

t.test('webhooks are listed, tested, turned off and on, and removed', async (t) => {
  const { s, to } = await world(t);
  const hook = await subscribe(s, { url: to.url, description: 'mine', events: ['completed'] });
  const list = await s.call<{ items: Hook[] }>('GET', '/v1/webhooks');
  t.match(list.body, { items: [{ id: hook.id, description: 'mine', events: ['completed'], enabled: true }] });
  t.notMatch(list.text, /whsec_/);
  t.match((await s.call('POST', `/v1/webhooks/${hook.id}/test`)).body, { status: 204, error: null });
  const [test] = to.received as [Received];
  t.match(verify(hook.secret, test), { type: 'execd.execution.test' });
  t.match((await s.call('POST', `/v1/webhooks/${hook.id}/disable`)).body, {
    enabled: false,
    disabled_because: 'request',
  });
  await s.run(shell('true'));
  t.match((await s.call('POST', `/v1/webhooks/${hook.id}/enable`)).body, { enabled: true });
  const told = await s.run(shell('true'));
  await isReceived(to, 2);
  t.same(
    to.received.slice(1).map(({ body }) => body.subject),
    [told.id],
  );
  t.equal((await s.call('DELETE', `/v1/webhooks/${hook.id}`)).status, 204);
  for (const [method, path] of [
    ['GET', ''],
    ['DELETE', ''],
    ['POST', '/test'],
    ['GET', '/deliveries'],
    ['POST', '/enable'],
    ['POST', '/rotate-secret'],
  ] as const) {
    const answer = await s.call(method, `/v1/webhooks/${hook.id}${path}`);
    t.match(answer, { status: 404, body: { type: 'urn:execd:error:webhook_not_found' } }, path);
  }
  for (const body of [
    {},
    { url: 'x' },
    { url: to.url, events: ['odd'] },
    { url: to.url, secret: 'x' },
    { url: to.url, more: 1 },
  ])
    t.equal((await s.call('POST', '/v1/webhooks', body)).status, 400);
});

t.test('a new secret takes over; the old one signs on until its time is over', async (t) => {
  const w = await slowWorld(t);
  const { s, to, clock } = w;
  const hook = await subscribe(s, { url: to.url });
  const rotated = (await s.call<Hook>('POST', `/v1/webhooks/${hook.id}/rotate-secret`, { keep_old_s: 60 }))
    .body;
  t.not(rotated.secret, hook.secret);
  const testIt = async () => {
    await s.call('POST', `/v1/webhooks/${hook.id}/test`);
    return to.received.at(-1) as Received;
  };
  const both = await testIt();
  t.ok(verify(rotated.secret, both));
  t.ok(verify(hook.secret, both));
  await clock.advance(61_000);
  const only = await testIt();
  t.match(only.headers['webhook-signature'], /^v1,\S+$/);
});

t.test('deliveries are listed page by page, by state', async (t) => {
  const { s, to } = await world(t);
  const hook = await subscribe(s, { url: to.url, events: ['started', 'completed'] });
  for (let i = 0; i < 3; i++) await s.run(shell('true'));
  await until(
    'all are delivered',
    async () => (await deliveries(s, hook.id, '?state=delivered')).length === 6,
  );
  const seen: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: { items: Delivery[]; next_cursor: string | null } = (
      await s.call<{ items: Delivery[]; next_cursor: string | null }>(
        'GET',
        `/v1/webhooks/${hook.id}/deliveries?limit=4${cursor === '' ? '' : `&cursor=${cursor}`}`,
      )
    ).body;
    seen.push(...page.items.map(({ id }) => id));
    cursor = page.next_cursor;
  }
  const first = Number(seen.at(-1));
  t.same(
    seen.map(Number),
    [5, 4, 3, 2, 1, 0].map((n) => first + n),
  );
  t.same(await deliveries(s, hook.id, '?state=failed'), []);
  for (const query of ['?state=odd', '?limit=0', '?cursor=x', '?more=1'])
    t.equal((await s.call('GET', `/v1/webhooks/${hook.id}/deliveries${query}`)).status, 400, query);
});

t.test('what waits is delivered after a restart', async (t) => {
  const port = await freePort();
  const env = { ...ALLOWED, EXECUTION_DATA_DIR: tempDir(t) };
  const first = await service(t, env);
  const hook = await subscribe(first, { url: `http://127.0.0.1:${port}` });
  const { id } = await first.run(shell('true'));
  await until('it was tried', async () => ((await deliveries(first, hook.id))[0]?.tries.length ?? 0) > 0);
  await first.stop();
  const to = await receiver(t, Number(port));
  const clock = fakeClock(Date.now() + 10_000);
  const second = await service(t, env, { clock });
  await isReceived(to, 1);
  t.equal(to.received[0]?.body.subject, id);
  await until('it is noted', async () => (await deliveries(second, hook.id))[0]?.state === 'delivered');
  t.match((await deliveries(second, hook.id))[0]?.tries, [{ error: /refused/ }, { status: 204 }]);
});
