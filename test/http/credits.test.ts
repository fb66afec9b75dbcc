// Credits as users and administrators meet them: accounts, what executions cost, and what they would cost.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { buildApp } from '../../src/app/build-app.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { RUNTIME, service, type SharedService, shell } from '../helpers/build.ts';
import { bearer } from '../helpers/keys.ts';
import { ownUser } from '../helpers/own-user.ts';
import { until } from '../helpers/processes.ts';
import { receiver } from '../helpers/receiver.ts';
import { type Lifetime, ofFile } from '../helpers/scope.ts';
import { tempDir } from '../helpers/temp.ts';

const PRICES = `
prices:
  shell: { per_run: 10, hit: 2, joined: 1 }
  exec: { per_run: 10, per_second: 1, per_mb: 100 }
low_balance: 50
`;
const OPERATIONS = `
operations:
  greet:
    run: { kind: exec, program: /bin/echo, args: [hello] }
    cost: { per_run: 7 }
  plain:
    run: { kind: shell, command: 'true' }
`;

function file(t: Lifetime, name: string, text: string): string {
  const path = join(tempDir(t), name);
  writeFileSync(path, text);
  return path;
}

interface World extends SharedService {
  grant(userId: string, amount: number): Promise<void>;
  account(userId: string, headers?: Record<string, string>): Promise<Record<string, unknown>>;
  entries(userId: string): Promise<Record<string, unknown>[]>;
  /** Waits until it has ended and is charged. */
  charged(id: string): Promise<ExecutionWire>;
}

function worldOf<S extends SharedService>(s: S): S & World {
  return {
    ...s,
    async grant(userId, amount) {
      const { status, text } = await s.call('POST', `/v1/accounts/${userId}/grants`, { amount });
      if (status !== 201) throw new Error(text);
    },
    account: async (userId, headers) =>
      (await s.call('GET', `/v1/accounts/${userId}`, undefined, headers)).body,
    entries: async (userId) =>
      (await s.call<{ items: Record<string, unknown>[] }>('GET', `/v1/accounts/${userId}/entries`)).body
        .items,
    async charged(id) {
      let now = await s.finished(id);
      await until('it is charged', async () => {
        now = await s.finished(id);
        return now.cost?.charged !== null;
      });
      return now;
    },
  };
}

/** One of its own, for what counts all users, or has settings that others do not bear. */
const world = async (t: Test, more: Record<string, string> = {}): Promise<World> =>
  worldOf(await service(t, { EXECUTION_CREDITS_FILE: file(t, 'credits.yaml', PRICES), ...more }));

const files = new WeakMap<Lifetime, Record<'credits' | 'operations', string>>();

/** One that tests share, each with an account of its own, and the file of its prices. */
async function ownAccount(t: Test): Promise<World & { user: string; prices: string }> {
  const ofTests = ofFile();
  const made = files.get(ofTests) ?? {
    credits: file(ofTests, 'credits.yaml', PRICES),
    operations: file(ofTests, 'operations.yaml', OPERATIONS),
  };
  files.set(ofTests, made);
  const env = { EXECUTION_CREDITS_FILE: made.credits, EXECUTION_OPERATIONS_FILE: made.operations };
  const scopes = ['submit', 'read'];
  const s = await ownUser(t, env, { root: { scopes: ['read', 'admin'] }, ann: { scopes }, bob: { scopes } });
  return { ...worldOf(s), prices: made.credits };
}

/** The same, with other prices as long as the test lasts. */
async function priced(t: Test, prices: string): ReturnType<typeof ownAccount> {
  const s = await ownAccount(t);
  const set = async (text: string) => {
    writeFileSync(s.prices, text);
    const answer = await s.call('POST', '/v1/admin/reload');
    if (answer.status !== 200) throw new Error(answer.text);
  };
  await set(prices);
  t.teardown(() => set(PRICES));
  return s;
}

t.test('credits are off unless they are turned on', async (t) => {
  const s = await service(t);
  t.equal((await s.run(shell('true'))).cost, null);
  for (const [method, path, body] of [
    ['GET', '/v1/accounts/local'],
    ['GET', '/v1/accounts/local/entries'],
    ['POST', '/v1/accounts/local/grants', { amount: 1 }],
  ] as const) {
    const answer = await s.call(method, path, body);
    t.match(answer, {
      status: 404,
      body: { type: 'urn:execd:error:account_not_found', detail: /EXECUTION_CREDITS_FILE/ },
    });
  }
});

t.test('a hundred submits at once with credit for ten: ten run, and the ledger is exact', async (t) => {
  const s = await ownAccount(t);
  await s.grant(s.user, 109);
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => s.call<ExecutionWire>('POST', '/v1/executions', shell('true'))),
  );
  const accepted = answers.filter(({ status }) => status < 300);
  t.equal(accepted.length, 10);
  const refused = answers.find(({ status }) => status === 402);
  t.equal(answers.filter(({ status }) => status === 402).length, 90);
  t.match(refused?.headers.get('content-type'), /^application\/problem\+json/);
  t.match(refused?.body, { type: 'urn:execd:error:insufficient_credits', code: 'E001', retryable: false });
  for (const { body } of accepted) t.match(await s.charged(body.id), { cost: { reserved: 10, charged: 10 } });
  t.same(await s.account(s.user), { user_id: s.user, balance: 9, reserved: 0, available: 9 });
  const entries = await s.entries(s.user);
  t.equal(entries.length, 11);
  t.equal(new Set(entries.map((entry) => entry.execution_id)).size, 11);
  const sum = entries.reduce((whole, entry) => whole + (entry.amount as number), 0);
  t.equal(sum, 9);
});

t.test('balance 1 credit, 50 parallel submissions', async (t) => {
  const s = await priced(t, 'prices: { exec: { per_run: 1 } }');
  await s.call('POST', `/v1/accounts/${s.user}/grants`, { amount: 1 });
  const asked = Array.from({ length: 50 }, () =>
    s.call('POST', '/v1/executions', { kind: 'exec', program: 'true' }),
  );
  const statuses = (await Promise.all(asked)).map(({ status }) => status).sort((a, b) => a - b);
  t.same(statuses, [202, ...Array<number>(49).fill(402)]);
});

t.test('an execution tells what it has cost: its run, its time and its output', async (t) => {
  const s = await ownAccount(t);
  await s.grant(s.user, 1_000_000);
  const spec = {
    ...{ kind: 'exec', program: 'head', args: ['-c', '1500000', '/dev/zero'] },
    ...{ timeouts: { attempt_ms: 10_000 }, output: { max_bytes: 2_000_000 } },
  };
  const { id, cost } = await s.submit(spec);
  const account = { balance: 1_000_000, available: 1_000_000 - 220 };
  t.same(cost, { reserved: 10 + 10 + 200, charged: null, refunded: null, balance_after: null, ...account });
  const done = await s.charged(id);
  const seconds = Math.ceil(
    (Date.parse(done.attempts[0]?.ended_at ?? '') - Date.parse(done.attempts[0]?.started_at ?? '')) / 1000,
  );
  const charged = 10 + seconds + 150;
  const paid = { charged, refunded: 220 - charged, balance_after: 1_000_000 - charged };
  t.same(done.cost, { reserved: 220, ...paid, ...account });
  t.match(await s.entries(s.user), [
    {
      ...{ kind: 'charge', amount: -charged, balance_after: 1_000_000 - charged, execution_id: id },
      ...{ reserved: 220, refunded: 220 - charged, grant_id: null, low_balance: false },
    },
    { kind: 'grant', amount: 1_000_000, execution_id: null, reserved: null, refunded: null, by: s.user },
  ]);
  const before = await s.call('GET', `/v1/executions/${id}`);
  const etag = before.headers.get('etag') ?? '';
  t.equal((await s.call('GET', `/v1/executions/${id}`, undefined, { 'if-none-match': etag })).status, 304);
});

t.test('what never started and what was broken off costs nothing', async (t) => {
  const s = await world(t, { EXECUTION_MAX_CONCURRENT: '1' });
  await s.grant('local', 2000);
  const missing = await s.submit({
    kind: 'exec',
    program: '/no/such/program',
    timeouts: { attempt_ms: 1000 },
  });
  t.match(await s.charged(missing.id), { status: 'failed', cost: { charged: 0, balance_after: 2000 } });
  const running = await s.submit(shell('sleep 600'));
  await s.inPhase(running.id, 'running');
  const queued = await s.submit(shell('true'));
  await s.call('POST', `/v1/executions/${queued.id}/cancel`);
  t.match(await s.charged(queued.id), {
    status: 'cancelled',
    cost: { reserved: 10, charged: 0, refunded: 10 },
  });
  await s.call('POST', `/v1/executions/${running.id}/cancel`);
  t.match(
    await s.charged(running.id),
    { status: 'cancelled', cost: { charged: 10, refunded: 0 } },
    'it had started',
  );
  const failed = await s.submit(shell('exit 3'));
  t.match(
    await s.charged(failed.id),
    { status: 'failed', cost: { charged: 10 } },
    'the fault of the command',
  );
});

t.test('an operation has a price of its own, or that of what it runs', async (t) => {
  const s = await ownAccount(t);
  await s.grant(s.user, 100);
  t.match((await s.submit({ kind: 'operation', name: 'greet' })).cost, { reserved: 7 });
  t.match((await s.submit({ kind: 'operation', name: 'plain' })).cost, { reserved: 10 });
  t.match((await s.call('GET', '/v1/operations/greet')).body, { policy: { cost: { per_run: 7, hit: 0 } } });
  t.match((await s.call('GET', '/v1/operations/plain')).body, { policy: { cost: null } });
});

t.test(
  'prices are read again on demand, whole or not at all, and apply to what is accepted then',
  async (t) => {
    const s = await priced(t, PRICES);
    const path = s.prices;
    await s.grant(s.user, 1000);
    const reserved = async () => (await s.submit(shell('true'))).cost?.reserved ?? null;
    t.equal(await reserved(), 10);
    writeFileSync(path, 'prices: { shell: { per_run: -1, per_day: 2 } }\n');
    const answer = await s.call<{ errors: { field: string; message: string }[] }>('POST', '/v1/admin/reload');
    t.match(answer, { status: 422, body: { type: 'urn:execd:error:invalid_credits_file' } });
    t.same(answer.body.errors.map(({ field }) => field).sort(), [
      'prices.shell.per_day',
      'prices.shell.per_run',
    ]);
    t.equal(await reserved(), 10);
    writeFileSync(path, 'prices: { shell: { per_run: 20 } }\n');
    t.equal((await s.call('POST', '/v1/admin/reload')).status, 200);
    t.equal(await reserved(), 20);
  },
);

t.test('a request that keeps coming is charged from the moment that its hits have a price', async (t) => {
  const s = await priced(t, 'prices: { shell: { per_run: 10 } }\n');
  const path = s.prices;
  await s.grant(s.user, 100);
  const spec = shell('true', { cache: {} });
  const price = async (amount: number) => {
    writeFileSync(path, `prices: { shell: { per_run: 10, hit: ${amount} } }\n`);
    await s.call('POST', '/v1/admin/reload');
  };
  const costs = async () => {
    const answers = [];
    for (let n = 0; n < 4; n++) answers.push(await s.submit(spec));
    return answers.map(({ cache, cost }) => [cache?.status, cost?.charged ?? 0]);
  };
  const hits = (cost: number) => Array.from({ length: 4 }, () => ['hit', cost]);
  await s.charged((await s.submit(spec)).id);
  t.same(await costs(), hits(0));
  await price(2);
  t.same(await costs(), hits(2));
  await price(0);
  t.same(await costs(), hits(0));
  t.match(await s.account(s.user), { balance: 82 });
});

t.test(
  'a file of prices that cannot be used stops the start, and so does a price that nobody would pay',
  async (t) => {
    const start = async (env: Record<string, string>) => {
      const config = loadConfig({ EXECUTION_PORT: '0', EXECUTION_DATA_DIR: tempDir(t), ...env });
      const app = await buildApp(config, pino({ level: 'silent' }), RUNTIME);
      return app.start();
    };
    const open = file(t, 'credits.yaml', PRICES);
    chmodSync(open, 0o666);
    await t.rejects(start({ EXECUTION_CREDITS_FILE: open }), /EXECUTION_CREDITS_FILE: .*chmod o-w/);
    const wrong = file(t, 'credits.yaml', 'prices: { shell: { per_run: 0.5 } }\nlow: 1\n');
    await t.rejects(
      start({ EXECUTION_CREDITS_FILE: wrong }),
      /credits\.yaml:1: prices\.shell\.per_run: [^]*credits\.yaml:2: low/,
    );
    const operations = file(t, 'operations.yaml', OPERATIONS);
    await t.rejects(
      start({ EXECUTION_OPERATIONS_FILE: operations }),
      /operations\.greet\.cost: has no effect, because EXECUTION_CREDITS_FILE is not set/,
    );
  },
);

t.test('a grant is made once for each key, and checked', async (t) => {
  const s = await ownAccount(t);
  const grant = (body: object, headers = {}) => s.call('POST', '/v1/accounts/ella/grants', body, headers);
  const key = { 'idempotency-key': 'g1' };
  const first = await grant({ amount: 100, note: 'welcome' }, key);
  t.match(first, {
    status: 201,
    body: { kind: 'grant', amount: 100, balance_after: 100, note: 'welcome', by: s.user },
  });
  const again = await grant({ amount: 100, note: 'welcome' }, key);
  t.match(again, { status: 200, body: first.body });
  t.equal(again.headers.get('idempotency-replayed'), 'true');
  t.match(await grant({ amount: 101 }, key), {
    status: 422,
    body: { type: 'urn:execd:error:idempotency_key_reused' },
  });
  const other = await s.call('POST', '/v1/accounts/finn/grants', { amount: 100, note: 'welcome' }, key);
  t.equal(other.status, 422, 'another account is another request');
  t.match(await s.account('ella'), { balance: 100 });
  t.equal((await grant({ amount: -101 })).status, 402);
  t.match(await grant({ amount: -40 }), { status: 201, body: { balance_after: 60 } });
  for (const amount of [0, 0.5, '1', 1e16, -1e16, null]) {
    t.match(
      await grant({ amount }),
      { status: 400, body: { errors: [{ field: '/amount' }] } },
      String(amount),
    );
  }
  t.match(await grant({ amount: 1, balance: 2 }), { status: 400, body: { errors: [{ field: '/balance' }] } });
  const nobody = await s.call('POST', `/v1/accounts/${'x'.repeat(256)}/grants`, { amount: 1 });
  t.equal(nobody.status, 404);
  t.match(await s.account('ella'), { balance: 60 });
});

t.test('a submit with a key that was used for a grant is refused, and the other way round', async (t) => {
  const s = await ownAccount(t);
  const key = { 'idempotency-key': 'k' };
  await s.call('POST', `/v1/accounts/${s.user}/grants`, { amount: 100 }, key);
  t.equal((await s.call('POST', '/v1/executions', shell('true'), key)).status, 422);
  const used = { 'idempotency-key': 'k2' };
  await s.submit(shell('true'), used);
  t.equal((await s.call('POST', `/v1/accounts/${s.user}/grants`, { amount: 100 }, used)).status, 422);
  t.match(await s.account(s.user), { available: 90 });
});

t.test('entries are read in pages', async (t) => {
  const s = await ownAccount(t);
  for (let i = 1; i <= 5; i++) await s.grant(s.user, i);
  const amounts: number[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`;
    const { body } = await s.call<{ items: { amount: number }[]; next_cursor: string | null }>(
      ...(['GET', `/v1/accounts/${s.user}/entries?limit=2${query}`] as const),
    );
    amounts.push(...body.items.map(({ amount }) => amount));
    cursor = body.next_cursor;
  } while (cursor !== null);
  t.same(amounts, [5, 4, 3, 2, 1]);
  const { body } = await s.call<{ next_cursor: string }>('GET', `/v1/accounts/${s.user}/entries?limit=2`);
  await s.grant('other', 1);
  const elsewhere = await s.call('GET', `/v1/accounts/other/entries?cursor=${body.next_cursor}`);
  t.match(elsewhere, { status: 400, body: { type: 'urn:execd:error:invalid_cursor' } });
  const list = await s.call('GET', `/v1/executions?cursor=${body.next_cursor}`);
  t.match(list, { status: 400, body: { type: 'urn:execd:error:invalid_cursor' } });
  for (const wrong of ['limit=0', 'limit=1001', 'page=2', 'cursor=x'])
    t.equal((await s.call('GET', `/v1/accounts/${s.user}/entries?${wrong}`)).status, 400, wrong);
});

t.test('who is not an administrator sees one account, and grants nothing', async (t) => {
  const s = await ownAccount(t);
  const get = async (user: string, who: string) =>
    (await s.call('GET', `/v1/accounts/${user}`, undefined, bearer(who))).status;
  t.equal(await get('ann', 'ann'), 200, 'everybody has one');
  t.equal(await get('ann', 'root'), 404, 'it never had a credit');
  const granted = await s.call('POST', '/v1/accounts/ann/grants', { amount: 10 }, bearer('root'));
  t.match(granted, { status: 201, body: { by: 'root' } });
  t.equal((await s.call('POST', '/v1/accounts/ann/grants', { amount: 10 }, bearer('ann'))).status, 403);
  t.same([await get('ann', 'ann'), await get('ann', 'root'), await get('ann', 'bob')], [200, 200, 404]);
  const entries = async (who: string) =>
    (await s.call('GET', '/v1/accounts/ann/entries', undefined, bearer(who))).status;
  t.same([await entries('ann'), await entries('root'), await entries('bob')], [200, 200, 404]);
  const theirs = await s.call('POST', '/v1/executions', shell('true'), bearer('bob'));
  t.equal(theirs.status, 402, 'nobody spends the credits of another');
  t.equal((await s.call('POST', '/v1/executions', shell('true'), bearer('ann'))).status, 202);
});

t.test('a dry run answers what would become of a request of every kind, and stores nothing', async (t) => {
  const s = await ownAccount(t);
  await s.grant(s.user, 100);
  const dry = (spec: object, headers = {}) => s.call('POST', '/v1/executions/dry-run', spec, headers);
  const { status, body } = await dry(
    shell('true', { cache: { ttl_s: 60 }, retry: { attempts: 2 }, priority: 3 }),
  );
  t.equal(status, 200);
  t.match(body, {
    ...{ dry_run: true, accepted: true, problem: null, begins: 'running', kind: 'shell', operation: null },
    policy: {
      timeouts: { attempt_ms: 300_000 },
      retry: { attempts: 2, min_ms: 1000 },
      priority: 3,
      on_limit: 'queue',
    },
    cache: { mode: 'read_write', key: /^[0-9a-f]{64}$/, status: 'miss', ttl_s: 60 },
    cost: { reserved: 10, available: 100 },
  });
  for (const [spec, expected] of [
    [
      { kind: 'exec', program: 'true' },
      { cost: { reserved: 10 + 300 + 1049 }, accepted: false },
    ],
    [
      { kind: 'script', source: '#!/bin/sh\n' },
      { cost: null, accepted: true },
    ],
    [
      { kind: 'aws_cli', service: 's3', operation: 'ls' },
      { cost: null, accepted: true },
    ],
    [
      { kind: 'http', url: 'https://example.com/' },
      { cost: null, accepted: true },
    ],
    [
      { kind: 'operation', name: 'greet' },
      { cost: { reserved: 7 }, accepted: true, operation: 'greet' },
    ],
  ] as const) {
    t.match((await dry(spec)).body, { dry_run: true, kind: spec.kind, ...expected }, spec.kind);
  }
  const short = await dry(shell('true', { retry: { attempts: 100 } }));
  t.match(short.body, { accepted: true });
  await s.grant(s.user, -95);
  t.match((await dry(shell('true'))).body, {
    ...{
      accepted: false,
      begins: null,
      problem: { status: 402, type: 'urn:execd:error:insufficient_credits' },
    },
    cost: { reserved: 10, available: 5 },
  });
  const unknown = await dry({ kind: 'operation', name: 'nope' });
  t.match(unknown, {
    status: 200,
    body: { accepted: false, problem: { status: 400 }, policy: null, cost: null },
  });
  t.match(await dry({ kind: 'shell' }), { status: 400, body: { errors: [{ field: '/command' }] } });
  t.match(await dry(shell('true'), { 'idempotency-key': 'k' }), { status: 400 });
  t.match(
    await s.call('POST', '/v1/executions?dry_run=true', shell('true')),
    { status: 400, body: { errors: [{ field: '?dry_run', message: /POST \/v1\/executions\/dry-run/ }] } },
    'the parameter of earlier versions is not ignored',
  );
  t.match((await s.call('GET', '/v1/executions')).body, { items: [] });
  t.match(await s.account(s.user), { balance: 5, reserved: 0 });
  t.equal((await s.call('POST', '/v1/executions', shell('true'))).status, 402, 'this one is meant');
});

t.test('webhooks are told of a low balance, once for each time that it falls', async (t) => {
  const to = await receiver(t);
  const secretFile = file(t, 'secret', `whsec_${Buffer.alloc(32, 7).toString('base64')}`);
  const s = await world(t, {
    ...{ EXECUTION_EGRESS_ALLOW: '127.0.0.1', EXECUTION_EVENT_HANDLERS: 'webhook' },
    ...{ EXECUTION_EVENT_WEBHOOK_URL: `${to.url}/operator`, EXECUTION_EVENT_WEBHOOK_SECRET_FILE: secretFile },
    EXECUTION_EVENT_WEBHOOK_EVENTS: 'low_balance',
  });
  const hook = (path: string, more: object) => ({ url: to.url + path, ...more });
  const own = { events: ['low_balance', 'failed'], kinds: ['http'] };
  const { body } = await s.call<{ id: string }>('POST', '/v1/webhooks', hook('/own', own));
  await s.call('POST', '/v1/webhooks', hook('/ends', {}));
  await s.grant('local', 62);
  const [first, second, third] = [shell('true'), shell('exit 0'), shell('exit 3')].map((spec) => s.run(spec));
  const ran = await Promise.all([first, second, third]);
  for (const one of ran) await s.charged((one as ExecutionWire).id);
  await s.grant('local', 38);
  await s.call('POST', '/v1/accounts/local/grants', { amount: -30 });
  const told = (path: string) => to.received.filter((one) => one.path === path).map((one) => one.body);
  await until(
    'all are told',
    () => told('/own').length + told('/operator').length + told('/ends').length >= 7,
  );
  t.same(
    told('/own').map(({ type, subject, data }) => [
      type,
      subject,
      data.balance,
      data.threshold,
      data.user_id,
    ]),
    [42, 40].map((balance) => ['execd.account.low_balance', 'local', balance, 50, 'local']),
  );
  t.ok(ran.some((one) => one?.id === told('/own')[0]?.data.execution_id));
  t.equal(told('/own')[1]?.data.execution_id, null, 'credits were taken back');
  t.same(
    told('/operator').map(({ id, data }) => [id, data]),
    told('/own').map(({ id, data }) => [id, data]),
  );
  t.ok(told('/ends').every(({ type }) => type.startsWith('execd.execution.')));
  const kept = async () =>
    (await s.call<{ items: { state: string }[] }>('GET', `/v1/webhooks/${body.id}/deliveries`)).body.items;
  await until('it is known', async () => (await kept()).every(({ state }) => state === 'delivered'));
  t.match(await kept(), [
    { type: 'low_balance', execution_id: null },
    { type: 'low_balance', execution_id: told('/own')[0]?.data.execution_id as string },
  ]);
  const ofOne = await s.call('POST', '/v1/executions', shell('true', { webhook: hook('/x', own) }));
  t.equal(ofOne.status, 400, 'an execution tells of itself only');
});

t.test('metrics and log tell of credits, without naming anybody in a label', async (t) => {
  const s = await world(t);
  await s.grant('local', 62);
  const { id } = await s.submit(shell('true'));
  await s.charged(id);
  await s.charged((await s.submit(shell('true'))).id);
  await s.charged((await s.submit(shell('true', { cwd: '/no/such/dir' }))).id);
  await s.submit(shell('sleep 600'));
  await s.call('POST', '/v1/executions', { kind: 'exec', program: 'true' });
  const scrape = async () => (await s.call('GET', '/metrics')).text.split('\n');
  await until('all is counted', async () =>
    (await scrape()).includes('execd_charges_total{result="refunded"} 1'),
  );
  const lines = await scrape();
  for (const line of [
    'execd_credits_granted_total 62',
    'execd_credits_charged_total 20',
    'execd_credits_refunded_total 10',
    'execd_charges_total{result="charged"} 2',
    'execd_charges_total{result="refunded"} 1',
    'execd_low_balances_total 1',
    'execd_charge_failures_total 0',
    'execd_charges_due 0',
    'execd_credits_reserved 10',
    'execd_requests_refused_total{type="insufficient_credits"} 1',
  ]) {
    t.ok(lines.includes(line), line);
  }
  t.match(
    s.lines.filter(({ msg }) => msg === 'The balance is low'),
    [{ level: 40, user_id: 'local', balance: 42, threshold: 50 }],
  );
  t.equal(s.lines.filter(({ msg }) => msg === 'The balance is low').length, 1);
  t.match(
    s.lines.find(({ msg }) => msg === 'Credits granted'),
    { user_id: 'local', amount: 62, by: 'local' },
  );
});
