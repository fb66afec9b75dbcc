// The rules of the groups, without a database.
import t from 'tap';
import type { ApiKey } from '../../../src/domain/access/api-key.ts';
import { MAX_OPEN_KEYS } from '../../../src/domain/execution/execution.ts';
import type { Cost } from '../../../src/domain/cost.ts';
import { applyGroup, firstNeeds, secondNeeds } from '../../../src/store/rules/groups.ts';
import type { RulePart } from '../../../src/store/rules/parts.ts';
import { NO_USAGE, pair, parts } from '../../../src/store/rules/facts.ts';
import { NotLoaded, WorkingSet } from '../../../src/store/rules/working-set.ts';
import { EQUAL_SHARES } from '../../../src/store/shares.ts';
import { END, EXIT_0 } from '../../helpers/records.ts';
import { acceptOf, byId, row, setOf } from './memory-set.ts';

const attempt = (runId: string, number = 1) => ({
  ...{ run_id: runId, number, epoch: 7, claimed_at: 1, runner: 'x', started_at: null, ended_at: null },
  ...{ outcome: null, output: null, resources: null, log_complete: null },
});
const settle = (executionId: string, more: object = {}): RulePart => ({
  ...{ type: 'settle', executionId, attempt: 1, outcome: EXIT_0, result: null, end: END },
  ...more,
});
const running = (changes = {}) => row({ phase: 'starting', status: 'running', attempt: 1, ...changes });
const cancelled = { cause: 'cancelled', reason: null, process: null } as const;

t.test('a refused group leaves nothing, and the groups before it stay', async (t) => {
  const set = setOf();
  applyGroup(set, [acceptOf({ id: 'one' })]);
  const key: RulePart = {
    ...{
      type: 'idempotency',
      userId: 'ann',
      key: 'k',
      bodyHash: 'h',
      executionId: 'two',
      lifetimeMs: 8,
    },
  };
  t.match(applyGroup(set, [key, acceptOf({ id: 'two' }, { maxQueued: 0 })]), { reason: 'queue_full' });
  const { before, events, orders } = set.changes();
  t.same([...(before.executions?.keys() ?? [])], ['one']);
  t.equal(before.idempotency?.size ?? 0, 0);
  t.same([events.map(({ position }) => position), orders], [[1, 2], []]);
  t.equal(set.get('counts', 'queued process'), 1);
  t.match(set.get('users', 'ann'), { waiting: 1, kept: 0 });
});

t.test('what no need names is an error, and rows that were handed out stay as they are', async (t) => {
  const set = new WorkingSet({ now: 5, maxDeliveries: 1, shares: EQUAL_SHARES }, null);
  t.throws(() => set.execution('x'), NotLoaded);
  const known = row({ id: 'x' });
  set.fill('executions', 'x', known);
  set.fill('executions', 'x', row({ id: 'x', phase: 'done' }));
  t.equal(set.update(known, { priority: 5 }).priority, 5);
  t.equal(known.priority, 0);
  t.equal(set.execution('x')?.priority, 5);
  t.same(parts(pair('ann', 'a b')), ['ann', 'a b']);
});

t.test('needs come in two rounds: what the parts name, and what those rows name', async (t) => {
  const one = running({ cost: '{}', concurrency_key: 'k' });
  const group = [[settle(one.id)]];
  t.match(firstNeeds(group, 5), { runsOf: [one.id], last: ['execution', 'event', 'entry', 'delivery'] });
  const set = setOf({ executions: byId(one), members: { [one.id]: [row({ id: 'mate', run_id: one.id })] } });
  t.match(secondNeeds(group, set), {
    ...{ attempts: [one.id], reservations: [one.id], accounts: ['ann'], keys: ['k'], users: ['ann'] },
    listeners: ['ann', ''],
  });
  t.same(
    firstNeeds([[{ type: 'claim_next', pools: ['http'], limit: 1, claim: { runner: 'x', epoch: 7 } }]], 5)
      .runsOf,
    undefined,
  );
});

t.test("an end of a run is that of all who joined it, unless it is the first one's own", async (t) => {
  const one = running();
  const mates = ['a', 'b'].map((id) => row({ id, run_id: one.id, phase: 'joined' }));
  const world = () =>
    setOf({ executions: byId(one), members: { [one.id]: mates }, attempts: { [one.id]: [attempt(one.id)] } });
  const set = world();
  const ended = applyGroup(set, [settle(one.id, { result: '"long"' })]);
  t.match(ended, {
    status: 'applied',
    touched: [
      { row: { status: 'completed', result: '"long"' }, attempts: [{ ended_at: 2900 }] },
      { row: { id: 'a', status: 'completed', result: null }, hasResultOfFirst: true },
      { row: { id: 'b' }, hasResultOfFirst: true },
    ],
  });
  t.equal(set.execution('a')?.result, '"long"', 'stored with each');
  t.match(set.get('users', 'ann'), { logBytes: 5, logs: 1, kept: 3 });
  const anew = world();
  applyGroup(anew, [settle(one.id, { outcome: cancelled })]);
  t.match(anew.execution('a'), { phase: 'queued', run_id: 'a', attempt: 0 });
  t.match(anew.execution('b'), { phase: 'joined', run_id: 'a' });
  t.equal(applyGroup(anew, [settle(one.id, { outcome: cancelled })]).status, 'stale');
});

t.test('who leaves a run hands it to the next, and waits for nobody', async (t) => {
  const one = running();
  const mate = row({ id: 'mate', run_id: one.id, phase: 'joined' });
  const set = setOf({ executions: byId(one), members: { [one.id]: [mate] } });
  applyGroup(set, [{ type: 'cancel', userId: 'ann', executionId: one.id, reason: 'no' }]);
  t.match(set.execution(one.id), { status: 'cancelled', cancel_reason: 'no' });
  t.match(set.execution('mate'), { phase: 'starting', attempt: 1 });
  const alone = setOf({ executions: byId(one) });
  applyGroup(alone, [{ type: 'cancel', userId: 'ann', executionId: one.id, reason: 'no' }]);
  t.match(alone.execution(one.id), { phase: 'canceling' });
});

t.test(
  'a plan that is stopped takes all that lives of it along, also what another group has just added',
  async (t) => {
    const plan = running({ kind: 'plan', pool: 'none', attempt: 0 });
    const inner = running({ kind: 'plan', pool: 'none', attempt: 0, plan_id: plan.id, step: 'inner' });
    const deep = row({ plan_id: inner.id, step: 'deep' });
    const set = setOf({
      executions: byId(plan),
      liveSteps: { [plan.id]: [inner], [inner.id]: [deep] },
    });
    const step = { plan_id: plan.id, step: 'late' };
    t.equal(applyGroup(set, [acceptOf({ id: 'late', ...step })]).status, 'applied');
    t.match(applyGroup(set, [acceptOf(step)]), { reason: 'step_exists' });
    applyGroup(set, [{ type: 'cancel', userId: 'ann', executionId: plan.id, reason: null }]);
    t.match(
      [plan.id, inner.id, deep.id, 'late'].map((id) => set.execution(id)?.phase),
      ['canceling', 'canceling', 'done', 'done'],
    );
    t.match(applyGroup(set, [acceptOf({ ...step, step: 'later' })]), { reason: 'plan_closed' });
  },
);

t.test('money is reserved, owed with the end, and charged once', async (t) => {
  const rates = { base: 3, perSecond: 0, perMb: 0, joined: 1 };
  const cost = { rates, reserved: 10, charged: null, balanceAfter: null } satisfies Cost;
  const text = JSON.stringify(cost);
  const set = setOf({ accounts: { ann: { balance: 15, reserved: 0 } } });
  const claim = { runner: 'x', epoch: 7 };
  applyGroup(set, [acceptOf({ id: 'one', cost: text }, { claim })]);
  t.same(set.get('accounts', 'ann'), { balance: 15, reserved: 10 });
  t.match(applyGroup(set, [acceptOf({ cost: text })]), { reason: 'no_credit', needed: 10, available: 5 });
  const charge: RulePart = { type: 'charge', executionId: 'one', lowBalance: 14 };
  t.equal(applyGroup(set, [charge]).status, 'stale', 'it has not ended');
  applyGroup(set, [settle('one')]);
  t.match(applyGroup(set, [charge]), {
    entries: [{ amount: -3, balance_after: 12, crossed: 14, position: 1 }],
  });
  t.same(set.get('accounts', 'ann'), { balance: 12, reserved: 0 });
  t.match(JSON.parse(set.execution('one')?.cost ?? ''), { charged: 3, balanceAfter: 12 });
  t.equal(applyGroup(set, [charge]).status, 'stale');
});

t.test('no more deliveries wait than may; one that is disabled or removed discards its own', async (t) => {
  const filter = { userId: 'ann' };
  const webhook = {
    ...{ id: 'w', userId: 'ann', executionId: null, url: 'https://a.test/x', description: null, filter },
    ...{ withResult: false, notification: null, secrets: [], disabled: null, createdAt: 1 },
  };
  const set = setOf();
  applyGroup(set, [{ type: 'webhook', webhook }]);
  applyGroup(set, [acceptOf({ id: 'one' })]);
  applyGroup(set, [acceptOf({ id: 'two' })]);
  t.same([set.get('pending', 'ann'), set.get('counts', 'dropped')], [2, 2]);
  applyGroup(set, [{ type: 'webhook', webhook: { ...webhook, disabled: 'request' } }]);
  t.same(
    set.deliveriesOf('w').map(({ state }) => state),
    ['discarded', 'discarded'],
  );
  t.equal(set.get('pending', 'ann'), 0);
  applyGroup(set, [acceptOf({ id: 'three' })]);
  t.equal(set.deliveriesOf('w').length, 2, 'nobody listens');
  const remove: RulePart = { type: 'webhook_remove', userId: 'ann', webhookId: 'w' };
  t.match(applyGroup(set, [{ ...remove, userId: 'bob' }]), { reason: 'not_found' });
  t.equal(applyGroup(set, [remove]).status, 'applied');
  t.match(applyGroup(set, [remove]), { reason: 'not_found' });
});

t.test('the attempts of a run go with the last one that refers to it', async (t) => {
  const one = row({ phase: 'done', status: 'completed', attempt: 1 });
  const mate = { ...one, seq: 99, id: 'mate' };
  const set = setOf({
    executions: byId(one, mate),
    sharers: { [one.id]: ['mate'] },
    attempts: { [one.id]: [attempt(one.id)] },
  });
  applyGroup(set, [{ type: 'remove', userId: null, executionId: one.id }]);
  t.equal(set.get('attempts', one.id).length, 1);
  applyGroup(set, [{ type: 'remove', userId: null, executionId: 'mate' }]);
  t.equal(set.get('attempts', one.id).length, 0);
  t.same(
    set.changes().removed.map(({ id }) => id),
    [one.id, 'mate'],
  );
});

t.test('an end of an API key is only brought forward', async (t) => {
  const set = setOf();
  const add = { id: 'a', userId: 'ann', expiresAt: null, revokedAt: null, lastUsedAt: null } as ApiKey;
  applyGroup(set, [{ type: 'api_keys', add: [add] }]);
  t.match(applyGroup(set, [{ type: 'api_keys', add: [add] }]), { reason: 'key_exists' });
  for (const expiresAt of [50, 90, 20])
    applyGroup(set, [{ type: 'api_keys', end: [{ id: 'a', expiresAt }] }]);
  applyGroup(set, [
    {
      type: 'api_keys',
      used: [
        { id: 'a', at: 7 },
        { id: 'gone', at: 7 },
      ],
    },
  ]);
  t.match(set.get('apiKeys', 'a'), { expires_at: 20, last_used_at: 7 });
});

t.test('open keys have a bound; above it, a user with less than a share still opens one', async (t) => {
  const usage = (keys: number) => ({ ...NO_USAGE, keys });
  const ann = usage(MAX_OPEN_KEYS);
  const set = setOf({
    users: { ann },
    sums: { total: ann, users: usage(1) },
    openKeys: { 'user:ann:open': 1 },
  });
  const of = (userId: string, key: string) =>
    acceptOf({ user_id: userId, concurrency_key: `user:${userId}:${key}`, concurrency_limit: 1 });
  t.match(applyGroup(set, [of('ann', 'new')]), { status: 'refused', reason: 'too_many_open_keys' });
  t.match(applyGroup(set, [of('ann', 'open')]), { status: 'applied' });
  t.match(applyGroup(set, [of('bob', 'new')]), { status: 'applied' });
  t.same([set.get('openKeys', 'user:ann:open'), set.get('users', 'bob').keys], [2, 1]);
});
