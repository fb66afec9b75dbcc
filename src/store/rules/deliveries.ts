// Webhooks: what is to be delivered is noted with the event itself, so that nothing is forgotten, however the server ends.
import type { LedgerEntry } from '../../domain/credits/account.ts';
import { type EventRecord, matches } from '../../domain/execution/events.ts';
import type { Schedule } from '../../domain/schedules/schedule.ts';
import type * as ports from '../../domain/ports/group.ts';
import {
  laneOf,
  lowBalanceOf,
  OPERATOR,
  type Silence,
  type Told,
  userOfLane,
  type WebhookFilter,
} from '../../domain/webhooks/webhooks.ts';
import { type AttemptRow, type EventRow, type NewRow, toEventRecord } from '../rows.ts';
import { type Listener, toListener, webhookRow } from '../webhook-rows.ts';
import { type DeliveryFacts, type Needs, pair } from './facts.ts';
import { NOT_FOUND, type Rule, STALE } from './parts.ts';
import type { WorkingSet } from './working-set.ts';

type Receiver = Pick<Listener, 'id' | 'userId' | 'lane' | 'filter'>;

/** What has to be known to tell of an execution of these users. */
export const tellingNeeds = (users: readonly string[]): Needs => ({
  listeners: [...users, OPERATOR.userId],
  pending: [...users, OPERATOR.userId],
});

/** Whether any webhook wants the events of an execution. */
export function isHeard(
  set: WorkingSet,
  { user_id: userId, webhook }: Pick<NewRow, 'user_id' | 'webhook'>,
): boolean {
  return (
    webhook !== null ||
    set.get('listeners', userId).length > 0 ||
    set.get('listeners', OPERATOR.userId).length > 0
  );
}

/** Notes the deliveries of the events of one change. */
export function noteEvents(
  set: WorkingSet,
  row: NewRow,
  events: readonly EventRow[],
  attempts: () => readonly AttemptRow[],
): void {
  if (!isHeard(set, row)) return;
  const standing = set.get('listeners', row.user_id);
  const operator = set.get('listeners', OPERATOR.userId);
  const receivers: Receiver[] = [...ownReceiver(row), ...standing, ...operator];
  const { labels, cache } = JSON.parse(row.facts) as Facts;
  const shown = { labels: JSON.stringify(labels), made_by: textOf(cache?.madeBy) };
  for (const event of events) {
    const record = toEventRecord({ ...row, plan_step: row.step, ...event, ...shown }, attempts);
    for (const receiver of receivers) if (matches(receiver.filter, record)) add(set, receiver, record);
  }
}

/** Notes the deliveries of an entry that took a balance below the threshold. */
export function noteEntry(set: WorkingSet, entry: LedgerEntry): void {
  const low = lowBalanceOf(entry);
  if (low !== null) noteToUser(set, low);
}

/** Notes the deliveries of the silence of a schedule. */
export function noteSilence(set: WorkingSet, schedule: Schedule): void {
  const silence = silenceOf(schedule, set.now);
  if (silence !== null) noteToUser(set, silence);
}

function silenceOf({ id, userId, plan, completedAt, lastId }: Schedule, at: number): Silence | null {
  const { name, silentAfterMs } = plan;
  if (silentAfterMs === null) return null;
  const about = { type: 'silent', userId, at, schedule: { id, name } } as const;
  return { ...about, silentAfterMs, completedAt, executionId: lastId };
}

/** What is no event of an execution goes to the webhooks that name its type. */
function noteToUser(set: WorkingSet, told: Exclude<Told, EventRecord>): void {
  for (const owner of [told.userId, OPERATOR.userId]) {
    for (const listener of set.get('listeners', owner)) {
      if (listener.filter.types?.includes(told.type)) add(set, listener, told);
    }
  }
}

function add(set: WorkingSet, { id: webhookId, userId, lane }: Receiver, record: Told): void {
  if (set.get('pending', userId) >= set.terms.maxDeliveries) return set.add('counts', 'dropped', 1);
  const id = set.next('delivery');
  const times = { next_at: record.at, created_at: record.at, finished_at: null };
  const about = { id, webhook_id: webhookId, user_id: userId, lane, record } as const;
  set.put('deliveries', String(id), { ...about, state: 'pending', tries: '[]', ...times });
  count(set, userId, 1);
}

function count(set: WorkingSet, userId: string, by: number): void {
  if (by === 0) return;
  set.add('pending', userId, by);
  set.add('counts', 'pending', by);
}

export const webhookPart: Rule<ports.WebhookPart> = {
  needs: ({ webhook: { id, userId } }) => ({
    ...{ webhooks: [id], waiting: [id], listeners: [userId], pending: [userId] },
  }),
  apply({ webhook }, set) {
    const { id, userId, executionId, disabled } = webhook;
    const known = set.get('webhooks', id);
    const row = webhookRow(webhook);
    // Whose it is, and since when, does not change.
    const kept = known === null ? {} : { user_id: known.user_id, created_at: known.created_at };
    set.put('webhooks', id, { ...row, ...kept, execution_id: known?.execution_id ?? row.execution_id });
    if (disabled !== null) {
      for (const one of waitingOf(set, id)) {
        const ended = { state: 'discarded', next_at: null, finished_at: set.now } as const;
        set.put('deliveries', String(one.id), { ...one, ...ended });
        count(set, one.user_id, -1);
      }
    }
    if (executionId !== null) return null;
    const others = set.get('listeners', userId).filter((one) => one.id !== id);
    const now = disabled === null ? [...others, toListener({ ...row, ...kept })] : others;
    set.put('listeners', userId, now.sort(byAge));
    return null;
  },
};

export const webhookRemovePart: Rule<ports.WebhookRemovePart> = {
  needs: ({ webhookId: id, userId }) => ({
    ...{ webhooks: [id], waiting: [id], listeners: [userId], pending: [userId] },
  }),
  apply({ userId, webhookId }, set) {
    const known = set.get('webhooks', webhookId);
    if (known === null || known.user_id !== userId || known.execution_id !== null) return NOT_FOUND;
    for (const one of waitingOf(set, webhookId)) count(set, one.user_id, -1);
    set.put('webhooks', webhookId, null);
    set.order({ type: 'drop_deliveries', webhookId });
    const listeners = set.get('listeners', userId);
    set.put(
      'listeners',
      userId,
      listeners.filter(({ id }) => id !== webhookId),
    );
    return null;
  },
};

export const deliveryPart: Rule<ports.DeliveryPart> = {
  needs: ({ id }) => ({ deliveries: [String(id)] }),
  more({ id }, set) {
    const userId = set.get('deliveries', String(id))?.user_id;
    return userId === undefined ? {} : { pending: [userId] };
  },
  apply({ id, state, tries, waitMs, isRedelivery }, set) {
    const before = set.get('deliveries', String(id));
    if (before === null || (before.state !== 'pending' && !isRedelivery)) return STALE;
    const finished_at = state === 'pending' ? null : set.now;
    const next_at = waitMs === null ? null : set.now + waitMs;
    const now = { state, tries: JSON.stringify(tries), next_at, finished_at };
    set.put('deliveries', String(id), { ...before, ...now });
    count(set, before.user_id, Number(state === 'pending') - Number(before.state === 'pending'));
    return null;
  },
};

export const holdLanePart: Rule<ports.HoldLanePart> = {
  needs: ({ lane, mostHeldMs }, now) => ({
    held: [pair(lane, String(now - mostHeldMs))],
    pending: [userOfLane(lane)],
  }),
  apply({ lane, waitMs, mostHeldMs, lastTry }, set) {
    for (const one of set.get('held', pair(lane, String(set.now - mostHeldMs)))) {
      set.fill('deliveries', String(one.id), one);
      const now = set.get('deliveries', String(one.id));
      if (now?.state !== 'pending') continue;
      const tries = JSON.stringify([...(JSON.parse(now.tries) as unknown[]), lastTry]);
      set.put('deliveries', String(one.id), {
        ...now,
        state: 'failed',
        tries,
        next_at: null,
        finished_at: set.now,
      });
      count(set, now.user_id, -1);
    }
    set.order({ type: 'hold', lane, since: set.now, until: set.now + waitMs });
    return null;
  },
};

export const deliverySweepPart: Rule<ports.DeliverySweepPart> = {
  needs: () => ({}),
  apply(part, set) {
    set.order(part);
    return null;
  },
};

/** The deliveries of a webhook that wait now. */
function waitingOf(set: WorkingSet, webhookId: string): DeliveryFacts[] {
  for (const one of set.get('waiting', webhookId)) set.fill('deliveries', String(one.id), one);
  return set.deliveriesOf(webhookId).filter(({ state }) => state === 'pending');
}

const byAge = (a: Listener, b: Listener): number => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);

interface Facts {
  labels: object;
  cache: { madeBy?: object } | null;
}

const textOf = (value: object | undefined) => (value === undefined ? null : JSON.stringify(value));

function ownReceiver({ id, user_id: userId, webhook }: NewRow): Receiver[] {
  if (webhook === null) return [];
  const { url, events } = JSON.parse(webhook) as { url: string; events: WebhookFilter['types'] };
  return [{ id, userId, lane: laneOf({ userId, url }), filter: { userId, types: events } }];
}
