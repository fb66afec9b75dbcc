// What hooks make of deliveries: signatures of every scheme, expressions, rates.
import { createHmac } from 'node:crypto';
import { Webhook as StandardSigner } from 'standardwebhooks';
import t from 'tap';
import { RefusedError } from '../../src/domain/errors.ts';
import type { HookDelivery, HookVerdict } from '../../src/domain/operations/hook.ts';
import { hookChecker } from '../../src/hooks/check-hook.ts';
import { createHooks, type HooksDeps } from '../../src/hooks/hooks.ts';
import { parseOperations } from '../../src/operator-files/operations-file.ts';
import { conditionsHere } from '../helpers/conditions.ts';
import { LIMITS, registryOf } from '../helpers/operations.ts';

const NOW_S = 1_800_000_000;
const KEY = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const SECRETS: Record<string, string> = { good: KEY, old: 'the-old-secret' };
const BODY = '{"ref": "refs/heads/main", "n": 7}';
const silent = () => undefined;

function fileWith(hook: object) {
  const properties = { ref: { type: 'string' }, n: { type: 'integer' } };
  return {
    operations: {
      op: { params: { properties }, run: { kind: 'exec', program: 'x', args: ['{{ref?}}', '{{n?}}'] }, hook },
      bare: { run: { kind: 'exec', program: 'x' } },
    },
  };
}

function judging(hook: object, more: Partial<HooksDeps> = {}) {
  const log = { debug: silent, info: silent, warn: silent, error: silent };
  const hooks = createHooks({
    operations: registryOf(fileWith({ user: 'ann', secret: 'good', ...hook })),
    secrets: {
      whyNot: ({ names }) => names.find((name) => !(name in SECRETS)) ?? null,
      reveal: (name) => SECRETS[name] as string,
    },
    conditions: conditionsHere(),
    takeRate: () => null,
    clock: { now: () => NOW_S * 1000 },
    ...{ log, ...more },
  });
  /** The verdict, or the type of the refusal. */
  return async (
    headers: Record<string, string>,
    body = BODY,
    rest: Partial<HookDelivery> = {},
  ): Promise<HookVerdict | string> => {
    const read = () => JSON.parse(body) as unknown;
    const delivery = { operation: 'op', headers, query: {}, bytes: Buffer.from(body), read, ...rest };
    try {
      return await hooks.judge(delivery);
    } catch (error) {
      if (error instanceof RefusedError) return `${error.type}: ${error.message}`;
      throw error;
    }
  };
}

interface SignAs {
  key?: string;
  algorithm?: string;
  as?: 'hex' | 'base64';
}
const sign = (text: string, { key = KEY, algorithm = 'sha256', as = 'hex' }: SignAs = {}) =>
  createHmac(algorithm, key).update(text).digest(as);
const github = (body = BODY, key = KEY) => ({ 'x-hub-signature-256': `sha256=${sign(body, { key })}` });
const slack = (at: number, body = BODY) => ({
  'x-slack-request-timestamp': String(at),
  'x-slack-signature': `v0=${sign(`v0:${at}:${body}`)}`,
});
const standard = (at: number, id = 'msg_1') => ({
  'webhook-id': id,
  'webhook-timestamp': String(at),
  'webhook-signature': `v1,AAAA ${new StandardSigner(KEY).sign(id, new Date(at * 1000), BODY)}`,
});
const timed = (at: number) => ({ 'x-time': String(at), 'x-sig': sign(`${at}.${BODY}`) });
const HMAC = { scheme: 'hmac', header: 'X-Sig' };
const TOKEN = { scheme: 'token', header: 'Authorization', prefix: 'Bearer ' };
const TIMED = { ...HMAC, timestamp_header: 'x-time', window_s: 60 };

const TABLE: [string, object, Record<string, string>, boolean][] = [
  ['github', { scheme: 'github' }, github(), true],
  ['github: another body', { scheme: 'github' }, github(`${BODY} `), false],
  ['github: another key', { scheme: 'github' }, github(BODY, 'wrong-key'), false],
  ['github: no signature', { scheme: 'github' }, {}, false],
  ['github: cut', { scheme: 'github' }, { 'x-hub-signature-256': 'sha256=' }, false],
  [
    'github: sha1 only',
    { scheme: 'github' },
    { 'x-hub-signature': sign(BODY, { algorithm: 'sha1' }) },
    false,
  ],
  [
    'the second of two secrets',
    { scheme: 'github', secret: ['good', 'old'] },
    github(BODY, 'the-old-secret'),
    true,
  ],
  ['a secret that is not there', { scheme: 'github', secret: 'gone' }, github(), false],
  ['gitlab', { scheme: 'gitlab' }, { 'x-gitlab-token': KEY }, true],
  ['gitlab: prefix of the token', { scheme: 'gitlab' }, { 'x-gitlab-token': KEY.slice(0, -1) }, false],
  ['gitlab: nothing', { scheme: 'gitlab' }, {}, false],
  ['slack', { scheme: 'slack' }, slack(NOW_S - 300), true],
  ['slack: too old', { scheme: 'slack' }, slack(NOW_S - 301), false],
  ['slack: too early', { scheme: 'slack' }, slack(NOW_S + 301), false],
  ['slack: wider window', { scheme: 'slack', window_s: 400 }, slack(NOW_S - 301), true],
  [
    'slack: time changed',
    { scheme: 'slack' },
    { ...slack(NOW_S - 900), 'x-slack-request-timestamp': String(NOW_S) },
    false,
  ],
  ['standard', { scheme: 'standard' }, standard(NOW_S), true],
  ['standard: too old', { scheme: 'standard' }, standard(NOW_S - 301), false],
  ['standard: another id', { scheme: 'standard' }, { ...standard(NOW_S), 'webhook-id': 'msg_2' }, false],
  ['hmac', HMAC, { 'x-sig': sign(BODY) }, true],
  [
    'hmac: all said',
    { ...HMAC, prefix: 'v=', algorithm: 'sha512', encoding: 'base64' },
    { 'x-sig': `v=${sign(BODY, { algorithm: 'sha512', as: 'base64' })}` },
    true,
  ],
  ['hmac: without its prefix', { ...HMAC, prefix: 'v=' }, { 'x-sig': sign(BODY) }, false],
  ['hmac: of time and body', TIMED, timed(NOW_S - 60), true],
  ['hmac: of time and body, too old', TIMED, timed(NOW_S - 61), false],
  ['hmac: time not a number', TIMED, { 'x-time': '', 'x-sig': sign(`.${BODY}`) }, false],
  ['token', TOKEN, { authorization: `Bearer ${KEY}` }, true],
  ['token: without its prefix', TOKEN, { authorization: KEY }, false],
  ['token: empty', TOKEN, { authorization: 'Bearer ' }, false],
];

t.test('a delivery is run if it is signed as its hook says, and in time', async (t) => {
  const refusals = new Set<string>();
  for (const [what, hook, headers, isGood] of TABLE) {
    const said = await judging(hook)(
      headers,
      BODY,
      isGood ? {} : { read: () => t.fail(`${what}: was read`) },
    );
    if (isGood)
      t.match(said, { type: 'run', caller: { userId: 'ann', mayRun: [{ operation: 'op' }] } }, what);
    else {
      t.type(said, 'string', what);
      refusals.add(said as string);
    }
  }
  const ask = judging({ scheme: 'github' });
  for (const operation of ['bare', 'none', '__proto__'])
    refusals.add((await ask(github(), BODY, { operation })) as string);
  t.equal(refusals.size, 1, 'every refusal is alike');
  t.match([...refusals][0], /^hook_refused: /);
});

t.test(
  'expressions decide whether it runs, with which parameters, and what counts as the same',
  async (t) => {
    const params = { ref: 'body.ref', n: 'has(body.n) ? body.n : null' };
    const when = 'headers["x-github-event"] == "push" && body.ref == "refs/heads/main"';
    const ask = judging({ scheme: 'github', when, params });
    const push = { 'x-github-event': 'push', 'x-github-delivery': 'd1' };
    const first = await ask({ ...github(), ...push });
    t.match(first, {
      type: 'run',
      spec: { kind: 'operation', name: 'op', params: { ref: 'refs/heads/main', n: 7 } },
    });
    const again = await ask({ ...github(), ...push });
    t.same((first as { idempotency: object }).idempotency, (again as { idempotency: object }).idempotency);
    const short = '{"ref": "refs/heads/main"}';
    t.strictSame(
      ((await ask({ ...github(short), ...push }, short)) as { spec: { params: object } }).spec.params,
      { ref: 'refs/heads/main' },
      'null leaves a parameter out',
    );
    t.match(await ask({ ...github('{}'), 'x-github-event': 'ping' }, '{}'), { type: 'skipped' });
    t.match(await ask({ ...github('{}'), ...push }, '{}'), /^hook_failed: hook.when: body.ref is not there/);

    const byId = judging({ scheme: 'github', delivery_id: 'string(body.n)', params: { ref: 'query.ref' } });
    const query = { ref: 'a' };
    t.match(await byId(github(), BODY, { query }), { idempotency: { key: /^hook:op:[0-9a-f]{64}$/ } });
    const noText = judging({ scheme: 'github', delivery_id: 'body' });
    t.match(await noText(github()), /^hook_failed: hook.delivery_id: its value is not a text/);

    const byUrl = judging({
      scheme: 'token',
      query: 'key',
      params: { ref: 'query.key' },
      when: 'query.go == "1"',
    });
    const url = (key: unknown, go = '1') => byUrl({}, BODY, { query: { key, go } });
    t.match(await url(KEY), /^hook_failed: hook.params.ref/, 'the token in the URL is not to be seen');
    t.match(await url(KEY, '0'), { type: 'skipped' });
    for (const key of ['', 'x', [KEY], undefined, { 0: KEY }]) t.match(await url(key), /^hook_refused/);
    const proof = judging({ ...TOKEN, params: { ref: 'headers.authorization' } });
    t.match(
      await proof({ authorization: `Bearer ${KEY}` }),
      /^hook_failed: .*is not there/,
      'a credential is not read',
    );
  },
);

t.test('Slack gets its challenge back, and a hook takes so many deliveries in a second', async (t) => {
  const check = '{"type": "url_verification", "challenge": "abc"}';
  const ask = judging({ scheme: 'slack' });
  t.match(await ask(slack(NOW_S, check), check), { type: 'challenge', challenge: 'abc' });
  const asked: unknown[] = [];
  const takeRate = (...args: unknown[]) => {
    asked.push(args);
    return 3;
  };
  const busy = judging({ scheme: 'github', rate_per_s: 2 }, { takeRate });
  t.match(await busy({}), /^hook_refused/, 'a stranger takes nothing of it');
  t.match(await busy(github()), /^too_many_deliveries: .*at most 2 deliveries/);
  t.same(asked, [['op', 2]]);
});

t.test('what is wrong with a hook is found when its file is read', async (t) => {
  const problems = (hook: object) => {
    const text = JSON.stringify(fileWith({ scheme: 'github', user: 'ann', secret: 'good', ...hook }));
    const read = parseOperations(text, LIMITS, { checkHook: hookChecker(conditionsHere()) });
    return 'problems' in read ? read.problems.map(({ path, message }) => `${path}: ${message}`) : [];
  };
  t.same(problems({}), []);
  t.match(problems({ answer: 'now' }), [/operations.op.hook.answer: must be "accepted", "wait" or "raw"/]);
  t.match(problems({ when: 'steps.a' }), [/operations.op.hook.when: unknown variable "steps"/]);
  t.match(problems({ params: { ref: 'body.' } }), [/operations.op.hook.params.ref: /]);
  t.match(problems({ params: { other: '1' } }), [/operations.op.hook.params.other: is not a parameter/]);
  t.match(problems({ delivery_id: '(' }), [/operations.op.hook.delivery_id: /]);
  t.match(problems({ scheme: 'hmac', header: 'a', window_s: 9 }), [
    /hook.window_s: requires timestamp_header/,
  ]);
  t.match(problems({ scheme: 'token' }), [/hook.header: is required without query/]);
  t.match(problems({ scheme: 'token', header: 'a', query: 'b' }), [/hook.header: is required without query/]);
  t.match(problems({ scheme: 'token', query: 'b', prefix: 'x' }), [/hook.prefix: requires header/]);
  t.match(problems({ window_s: 9 }), [/operations.op.hook/]);
});
