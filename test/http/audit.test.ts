import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createClock } from '../../src/app/clock.ts';
import { rawRequest, service, type Service, shell } from '../helpers/build.ts';
import { fakeClock } from '../helpers/clock.ts';
import { bearer, keysFile } from '../helpers/keys.ts';

type Line = Record<string, unknown>;

const lines = (text: string): Line[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
const DAY_MS = 86_400_000;

/** A service whose day does not end while it is asked for what was written on it. */
function atNoon(t: Test, env: Record<string, string>): Promise<Service> {
  const shiftMs = DAY_MS / 2 - (Date.now() % DAY_MS);
  return service(t, env, { clock: createClock(() => Date.now() + shiftMs) });
}

const audited = async ({ call }: Service, who = 'root'): Promise<Line[]> =>
  lines((await call('GET', '/v1/admin/audit', undefined, bearer(who))).text);

t.test('what was done is written down: who, for whom, from where, what, and with what result', async (t) => {
  const keys = keysFile(t, { root: {}, ann: { scopes: ['submit', 'read', 'cancel'] } });
  const s = await atNoon(t, { EXECUTION_API_KEYS_FILE: keys });
  const { body } = await s.call<{ id: string }>(
    'POST',
    '/v1/executions',
    {
      kind: 'exec',
      program: '/bin/echo',
      args: ['a b', 'c'],
      env: { TOKEN: 'hidden-value' },
      stdin: 'hidden-value',
    },
    bearer('ann'),
  );
  await s.call('POST', `/v1/executions/${body.id}/cancel`, undefined, {
    ...bearer('root'),
    'execution-user': 'ann',
  });
  await s.call('POST', '/v1/admin/keys', { user: 'bob', scopes: ['read'] }, bearer('ann'));
  await s.call('POST', '/v1/executions', { kind: 'nonsense' }, bearer('ann'));
  await s.call('POST', '/v1/executions/batch', { executions: [shell('true'), { kind: 'x' }] }, bearer('ann'));
  await s.call('GET', '/v1/executions', undefined, bearer('ann'));
  const made = await s.call<{ id: string }>(
    'POST',
    '/v1/admin/keys',
    { user: 'bob', scopes: ['read'] },
    bearer('root'),
  );
  const written = await audited(s);
  const where = { address: '127.0.0.1', time: /^\d{4}-.*Z$/ };
  t.match(written, [
    {
      ...where,
      ...{ user: 'ann', credential: 'ann', method: 'POST', route: '/v1/executions', status: 202 },
      ...{ execution_id: body.id, what: 'exec /bin/echo "a b" "c"' },
    },
    { user: 'root', for_user: 'ann', route: '/v1/executions/:id/cancel', id: body.id, status: /20[02]|409/ },
    { user: 'ann', route: '/v1/admin/keys', status: 403, refused: 'forbidden' },
    { user: 'ann', status: 400, refused: 'validation', reason: /^\/kind: / },
    {
      user: 'ann',
      items: [
        { status: 202, execution_id: String, what: 'shell "true"' },
        { status: 400, refused: 'validation' },
      ],
    },
    { user: 'root', status: 201, key: { id: made.body.id, user: 'bob', scopes: ['read'] } },
  ]);
  t.equal(written.length, 6, 'reading is not written down');
  t.notMatch(JSON.stringify(written), /hidden-value|ek_/);
});

t.test(
  'the files are for the service alone, are only ever appended to, and go on after a restart',
  async (t) => {
    const s = await service(t);
    await s.run(shell('true'));
    const dir = join(s.dataDir, 'audit');
    const [file = ''] = readdirSync(dir);
    t.match(file, /^\d{4}-\d\d-\d\d\.jsonl$/);
    t.equal(statSync(dir).mode & 0o777, 0o700);
    t.equal(statSync(join(dir, file)).mode & 0o777, 0o600);
    const before = readFileSync(join(dir, file), 'utf8');
    await s.stop();
    const again = await service(t, { EXECUTION_DATA_DIR: s.dataDir });
    await again.run(shell('true'));
    const after = readdirSync(dir)
      .sort()
      .map((name) => readFileSync(join(dir, name), 'utf8'))
      .join('');
    t.ok(after.startsWith(before));
    t.equal(lines(after).length, 2);
  },
);

t.test('only administrators read it, a day at a time', async (t) => {
  const keys = keysFile(t, { root: {}, ann: { scopes: ['submit', 'read', 'cancel'] } });
  const s = await atNoon(t, { EXECUTION_API_KEYS_FILE: keys });
  t.equal((await s.call('GET', '/v1/admin/audit', undefined, bearer('ann'))).status, 403);
  t.match(await audited(s), [{ user: 'ann', refused: 'forbidden' }]);
  const other = await s.call('GET', '/v1/admin/audit?day=2020-01-01', undefined, bearer('root'));
  t.match(other, { status: 200, text: '' });
  for (const day of ['today', '../../etc', '2020-13-01', '2020-01-01%2f..']) {
    t.equal((await s.call('GET', `/v1/admin/audit?day=${day}`, undefined, bearer('root'))).status, 400, day);
  }
});

t.test('strangers cannot fill the disk with their refusals', async (t) => {
  // Time stands still: each second lets some more through.
  const keys = { EXECUTION_API_KEYS_FILE: keysFile(t, { root: {} }) };
  const s = await service(t, keys, { clock: fakeClock() });
  await Promise.all(Array.from({ length: 300 }, () => s.call('GET', '/v1/executions')));
  const written = await audited(s);
  t.ok(written.length >= 10 && written.length < 100, `${written.length} lines`);
  t.match(written[0], { user: null, credential: null, status: 401, refused: 'unauthorized' });
});

t.test('where a request comes from is what a trusted proxy says, and nobody else', async (t) => {
  const header = { 'x-forwarded-for': '203.0.113.9', 'content-type': 'application/json' };
  const addressOf = async (env: Record<string, string>) => {
    const s = await atNoon(t, env);
    await rawRequest(s.url, {
      method: 'POST',
      path: '/v1/executions',
      headers: header,
      body: JSON.stringify(shell('true')),
    });
    return lines((await s.call('GET', '/v1/admin/audit')).text)[0]?.address;
  };
  t.equal(await addressOf({}), '127.0.0.1');
  t.equal(await addressOf({ EXECUTION_TRUST_PROXY: '10.0.0.0/8' }), '127.0.0.1');
  t.equal(await addressOf({ EXECUTION_TRUST_PROXY: '127.0.0.0/8' }), '203.0.113.9');
});

t.test('an audit log that cannot be written is said loudly, and stops nothing', async (t) => {
  const s = await service(t);
  await s.submit(shell('true'));
  const { writeFileSync, rmSync } = await import('node:fs');
  await s.stop();
  rmSync(join(s.dataDir, 'audit'), { recursive: true });
  writeFileSync(join(s.dataDir, 'audit'), 'in the way');
  const again = await service(t, { EXECUTION_DATA_DIR: s.dataDir });
  await again.submit(shell('true'));
  t.ok(again.lines.some(({ msg }) => msg === 'Cannot write to the audit log'));
});
