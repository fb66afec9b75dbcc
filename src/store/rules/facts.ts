// What the rules can know of a store: facts of several kinds, each by its key. Every store serves them; how it finds or
// keeps them is its own affair. Null is a fact too: there is none of that name.
import { SLOT_KINDS } from '../../domain/kinds.ts';
import { KEPT } from '../../domain/kept.ts';
import type { PoolKey } from '../../domain/pools.ts';
import { FINAL_STATUSES } from '../../domain/outcome.ts';
import type { DeliveryState, Told } from '../../domain/webhooks/webhooks.ts';
import type { ApiKeyRow } from '../key-rows.ts';
import type { AttemptRow, ExecutionRow } from '../rows.ts';
import type { SignalRow } from '../signal-rows.ts';
import type { ScheduleRow, ScheduleRunRow } from '../schedule-rows.ts';
import type { Listener, WebhookRow } from '../webhook-rows.ts';

export interface Facts {
  /** By id. */
  executions: ExecutionRow | null;
  /** By run: those that take part in it, are not the one that it is named after, and have not ended. Oldest first. */
  members: readonly ExecutionRow[];
  /** By run: ids of all that refer to it, but the one that it is named after. */
  sharers: readonly string[];
  /** By run, in the order of their numbers. */
  attempts: readonly AttemptRow[];
  /** By plan and step: the id of its execution. */
  steps: string | null;
  /** By plan: its steps that have not ended, oldest first. */
  liveSteps: readonly ExecutionRow[];
  /** By plan, oldest first. */
  allSteps: readonly ExecutionRow[];
  /** By execution: the position of its first event. */
  firstEvents: number | null;
  /** By user and key. */
  idempotency: IdempotencyRow | null;
  /** By user. */
  accounts: AccountRow;
  /** By user and name. */
  windows: WindowRow | null;
  /** By execution. */
  reservations: ReservationRow | null;
  /** By user: the standing webhooks that want events, oldest first. */
  listeners: readonly Listener[];
  /** By user: how many deliveries wait. */
  pending: number;
  /** By id. */
  webhooks: WebhookRow | null;
  /** By id. */
  deliveries: DeliveryFacts | null;
  /** By webhook: those of its deliveries that wait. */
  waiting: readonly DeliveryFacts[];
  /** By lane and time: those that wait and have been held since then, or longer. */
  held: readonly DeliveryFacts[];
  /** By id. */
  apiKeys: ApiKeyRow | null;
  /** Of API keys; its key is empty. */
  apiKeyCount: number;
  /** By id. */
  schedules: ScheduleRow | null;
  /** By user and name: its id. */
  scheduleNames: string | null;
  /** By user, and of all users by the empty name: how many there are. */
  scheduleCounts: number;
  /** By plan or wait, and id: a signal that was sent to it. */
  signals: SignalRow | null;
  /** By plan or wait: how many. */
  signalCounts: number;
  /** By schedule and due time. */
  scheduleRuns: ScheduleRunRow | null;
  /** By number: a start of a replica. */
  epochs: EpochRow | null;
  /** By plan: the epoch that drives it. */
  drivers: number | null;
  /** By user. */
  users: Usage;
  /** Of all users: `total`, and of how many of them there is some: `users`. */
  sums: Usage;
  /** By concurrency key: how many run. */
  keys: number;
  /** By concurrency key of a user: how many wait or run. */
  openKeys: number;
  /** By concurrency key: those that wait or run, oldest first. */
  keyed: readonly ExecutionRow[];
  /** By join key: executions that stand for runs which others may join, oldest first. */
  openRuns: readonly ExecutionRow[];
  /** By name: see `CountName`. */
  counts: number;
  /** By what is numbered: the last number given. */
  last: number;
}

export type Kind = keyof Facts;

/** Keys of facts to load, by kind. */
type Keys = Partial<Record<Kind, readonly string[]>>;

/** What a part needs to be decided, as far as it is named. */
export interface Needs extends Keys {
  /** Executions with the runs that they take part in: `members` of the run of each, or of the run that has this name. */
  runsOf?: readonly string[];
  /** Plans with `liveSteps` of each and of all the plans among them; what is no plan has none. */
  liveTrees?: readonly string[];
  /** The same with `allSteps`. */
  wholeTrees?: readonly string[];
}

/** Serves one fact. Called while a group is carried out, or before. */
export type Source = { readonly [K in Kind]: (key: string) => Facts[K] };

const SEPARATOR = '\0';

/** The key of a fact that is named by two things. */
export const pair = (one: string, other: string): string => one + SEPARATOR + other;

export function parts(key: string): [string, string] {
  const at = key.indexOf(SEPARATOR);
  return [key.slice(0, at), key.slice(at + 1)];
}

export interface EpochRow {
  replica: string;
  /** When it is over, ms since the epoch of time; null: not before its replica begins again. */
  until: number | null;
}

export interface IdempotencyRow {
  body_hash: string;
  execution_id: string;
  expires_at: number;
}

export interface AccountRow {
  balance: number;
  reserved: number;
}

export interface ReservationRow {
  user_id: string;
  amount: number;
  /** What is to be charged; null until it has ended. */
  due: number | null;
}

export interface WindowRow {
  began_at: number;
  count: number;
}

export interface DeliveryFacts {
  id: number;
  webhook_id: string;
  user_id: string;
  lane: string;
  /** Null for one that is stored: it never changes. */
  record: Told | null;
  state: DeliveryState;
  /** JSON. */
  tries: string;
  next_at: number | null;
  created_at: number;
  finished_at: number | null;
}

/** What a user takes of the service. */
export interface Usage {
  /** Executions that have a slot. */
  running: number;
  /** Executions that wait, for whatever. */
  waiting: number;
  /** Those of them that wait for their next attempt. */
  retrying: number;
  /** Concurrency keys of theirs with which something waits or runs. */
  keys: number;
  /** Executions that have ended, without steps of plans. */
  kept: number;
  /** Bytes of their executions in the store, with steps of plans. */
  storeBytes: number;
  /** Bytes that the logs of their attempts keep. */
  logBytes: number;
  /** Attempts that have ended, each with its log. */
  logs: number;
}

export const USAGE_FIELDS = [
  'running',
  'waiting',
  'retrying',
  'keys',
  'kept',
  ...KEPT,
] as const satisfies (keyof Usage)[];
export const NO_USAGE: Usage = Object.freeze({
  ...{ running: 0, waiting: 0, retrying: 0, keys: 0, kept: 0 },
  ...{ storeBytes: 0, logBytes: 0, logs: 0 },
});
export const NO_ACCOUNT: AccountRow = Object.freeze({ balance: 0, reserved: 0 });

/** How many there are of all users together, without what waits for pools with a name; `pending` and `dropped` are deliveries, dropped since the store was opened. */
export const COUNTS = [
  ...SLOT_KINDS.map((pool) => `queued ${pool}` as const),
  ...FINAL_STATUSES.map((status) => `finished ${status}` as const),
  ...(['delayed', 'awaiting', 'scheduledRetry', 'joined', 'running', 'finishedSteps'] as const),
  ...(['pending', 'dropped'] as const),
];
export type CountName = (typeof COUNTS)[number] | `queued ${PoolKey}`;

/** What names of counts of queues begin with; a pool key follows. */
export const QUEUED = 'queued ';

export const NUMBERED = ['execution', 'event', 'entry', 'delivery'] as const;
export type Numbered = (typeof NUMBERED)[number];
