import t from 'tap';
import type { ApprovalWire } from '../../src/http/waits/wait-schemas.ts';
import type { PlanWire } from '../../src/http/plans/plan-schemas.ts';
import { service } from '../helpers/build.ts';
import { bearer, keysFile } from '../helpers/keys.ts';
import { until } from '../helpers/processes.ts';

const plan = (steps: unknown[]) => ({ strategy: { type: 'serial' }, description: 'Ship <1.2>', steps });

t.test('a plan waits for a signal and an approval: over HTTP, by a link, in the audit log', async (t) => {
  const file = keysFile(t, {
    ann: { scopes: ['submit', 'read'] },
    bob: { scopes: ['submit', 'read'] },
    root: {},
  });
  const s = await service(t, {
    EXECUTION_API_KEYS_FILE: file,
    EXECUTION_PUBLIC_URL: 'https://execd.example.com/',
  });
  const { body } = await s.call<PlanWire>(
    'POST',
    '/v1/plans',
    plan([
      { name: 'tag', kind: 'wait', signal: { name: 'tag', schema: { type: 'object', required: ['v'] } } },
      {
        name: 'ok',
        kind: 'wait',
        approval: { users: ['bob'], message: 'Ship ${steps.tag.value.v}?', four_eyes: true },
      },
      {
        name: 'ship',
        kind: 'exec',
        program: 'echo',
        args: ['${steps.tag.value.v} by ${steps.ok.value.decisions[0].user}'],
      },
    ]),
    bearer('ann'),
  );
  const { id } = body;
  const step = async (name: string) => {
    const found = await s.call<PlanWire>('GET', `/v1/plans/${id}`, undefined, bearer('ann'));
    return found.body.steps?.find((one) => one.name === name);
  };
  await until('it waits', async () => (await step('tag'))?.phase === 'awaiting');
  const waiting = await s.call(
    'GET',
    `/v1/executions/${(await step('tag'))?.execution_id}`,
    undefined,
    bearer('ann'),
  );
  t.match(waiting.body, { status: 'pending', kind: 'wait', queue: { position: null, reason: 'signal' } });
  const bad = await s.call('POST', `/v1/plans/${id}/signals/tag`, { payload: {} }, bearer('ann'));
  t.match(bad, { status: 400, body: { detail: /must have required property 'v'/ } });
  const sent = await s.call(
    'POST',
    `/v1/plans/${id}/signals/tag`,
    { payload: { v: '1.2' } },
    { ...bearer('ann'), 'idempotency-key': 'k' },
  );
  t.match(sent, { status: 202, body: { id: 'k', by: 'ann' } });
  await until('it waits for bob', async () => (await step('ok'))?.phase === 'awaiting');
  t.match((await s.call('GET', `/v1/plans/${id}/signals`, undefined, bearer('ann'))).body, {
    items: [{ name: 'tag', payload: { v: '1.2' }, taken_by: (await step('tag'))?.execution_id }],
  });
  const open = await s.call<{ items: ApprovalWire[] }>('GET', '/v1/approvals', undefined, bearer('bob'));
  t.match(open.body.items, [{ plan_id: id, step: 'ok', message: 'Ship 1.2?', state: 'waiting' }]);
  t.equal((await s.call('POST', `/v1/plans/${id}/approvals/ok/links`, {}, bearer('ann'))).status, 403);
  const links = await s.call<{ approve: string; reject: string }>(
    'POST',
    `/v1/plans/${id}/approvals/ok/links`,
    undefined,
    bearer('bob'),
  );
  t.match(links, {
    status: 201,
    body: { approve: /^https:\/\/execd\.example\.com\/v1\/approvals\//, user: 'bob' },
  });
  const path = (link: string) => new URL(link).pathname;
  const html = { accept: 'text/html' };
  const page = await s.call('GET', path(links.body.approve), undefined, html);
  t.match(page.text, /<h1>Ship 1\.2\?<\/h1>.*Ship &lt;1\.2&gt;.*<button>Approve as bob<\/button>/s);
  t.equal((await step('ok'))?.phase, 'awaiting', 'a preview of the link decides nothing');
  const wrong = `${path(links.body.approve).slice(0, -2)}AA`;
  for (const method of ['GET', 'POST'])
    t.match(await s.call(method, wrong), { status: 404, body: { type: /link_invalid/ } });
  const form = { ...html, 'content-type': 'application/x-www-form-urlencoded' };
  t.match(await s.call('POST', path(links.body.approve), '', form), {
    status: 200,
    text: /It is over: approved/,
  });
  t.match(await s.call('POST', path(links.body.reject)), { status: 409, body: { type: /already_decided/ } });
  await until('the plan has ended', async () => (await step('ship'))?.phase === 'done');
  const ship = await s.call(
    'GET',
    `/v1/executions/${(await step('ship'))?.execution_id}`,
    undefined,
    bearer('ann'),
  );
  t.match(ship.body, { result: { stdout: '1.2 by bob\n' } });
  t.match((await s.call('GET', `/v1/plans/${id}/approvals/ok`, undefined, bearer('ann'))).body, {
    state: 'approved',
    decisions: [{ user: 'bob', decision: 'approve', comment: null }],
  });
  const events = await s.call<{ items: object[] }>('GET', `/v1/admin/audit`, undefined, bearer('root'));
  t.match(events.text, /"user":"bob"[^\n]*"by_link":true[^\n]*"decision":"approve"/);
  t.match(events.text, /"signal":"tag"/);

  await t.test('a wait that nobody could answer is refused with its plan', async (t) => {
    const cases: [object, RegExp][] = [
      [{}, /must have exactly one of signal, approval, until and delay_ms/],
      [{ until: 'tomorrow' }, /until.*must be a time/],
      [{ signal: { name: 'a b' } }, /must be 1 to 100/],
      [{ signal: { name: 'a', schema: { $ref: '#' } } }, /signal\/schema: must not use \$ref/],
      [{ signal: { name: 'a', default: 1 } }, /requires expires_ms/],
      [{ approval: { users: ['a'], required: 2 } }, /must not be more than the users/],
      [{ approval: { on_expiry: 'approve' } }, /requires expires_ms/],
      [{ delay_ms: 1, retry: {} }, /unknown field/],
    ];
    for (const [wait, message] of cases) {
      const { status, text } = await s.call(
        'POST',
        '/v1/plans',
        plan([{ name: 'w', kind: 'wait', ...wait }]),
        bearer('ann'),
      );
      t.equal(status, 400);
      t.match(text, message);
    }
    const alone = await s.call('POST', '/v1/executions', { kind: 'wait', delay_ms: 1 }, bearer('ann'));
    t.match(alone, { status: 400, text: /kind/ });
  });
});
