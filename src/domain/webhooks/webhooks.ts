// Webhooks: who is told of which events, and how each telling went. The store notes what is to be delivered in the group of
// the event itself, so that nothing is forgotten, however the server ends.
import type { Caller } from '../spec/access.ts';
import type { LedgerEntry } from '../credits/account.ts';
import type { EventType, WebhookEventType } from '../event-types.ts';
import type { EventFilter, EventRecord } from '../execution/events.ts';
import type { ExecutionId } from '../ids.ts';
import { FINAL_STATUSES } from '../outcome.ts';
import { isMail, MAIL_SCHEME } from '../spec/mail.ts';
import type { Course, Notification, Template } from '../spec/notification.ts';

/** Signs until `until` (ms since the epoch), or as long as the webhook is there. */
export interface WebhookSecret {
  /** As Standard Webhooks writes it: `whsec_` and base64. */
  secret: string;
  until: number | null;
}

/** Why nothing is delivered: it was asked for, or the receiver said that it is gone (410). */
export type DisabledReason = 'request' | 'gone';

export interface Webhook {
  /** Of one that an execution brought along: the id of that. */
  id: string;
  userId: string;
  /** Null for a standing one. */
  executionId: ExecutionId | null;
  url: string;
  description: string | null;
  /** `userId` null only for that of the operator. */
  filter: WebhookFilter;
  /** Whether the last event of an execution has its result. */
  withResult: boolean;
  /** Null: each event is sent, as it is. */
  notification: Notification | null;
  /** Newest first. */
  secrets: readonly WebhookSecret[];
  disabled: DisabledReason | null;
  createdAt: number;
}

/** Which events are told. What is not `types` picks executions; of its user's account a webhook is told whatever else it picks. */
export type WebhookFilter = EventFilter<WebhookEventType>;

/** An account has become low. */
export interface LowBalance {
  type: 'low_balance';
  userId: string;
  at: number;
  /** Of the entry of the ledger that took the balance below the threshold. */
  position: number;
  balance: number;
  threshold: number;
  /** Which was charged; null when credits were taken back. */
  executionId: ExecutionId | null;
}

/** No run of a schedule has completed for too long. */
export interface Silence {
  type: 'silent';
  userId: string;
  at: number;
  schedule: { id: string; name: string };
  silentAfterMs: number;
  /** When a run has completed last; null: none has. */
  completedAt: number | null;
  /** What it has started last; null: nothing. */
  executionId: ExecutionId | null;
}

/** What a delivery tells of. */
export type Told = EventRecord | LowBalance | Silence;

/** Whether it is an event of an execution. */
export const isEvent = (told: Told): told is EventRecord =>
  told.type !== 'low_balance' && told.type !== 'silent';

/** Null for an entry that has not taken the balance below the threshold. */
export function lowBalanceOf(entry: LedgerEntry): LowBalance | null {
  const { userId, at, position, balanceAfter: balance, crossed: threshold, kind, subjectId } = entry;
  if (threshold === null) return null;
  const executionId = kind === 'grant' ? null : subjectId;
  return { type: 'low_balance', userId, at, position, balance, threshold, executionId };
}

export const DELIVERY_STATES = ['pending', 'delivered', 'failed', 'discarded', 'skipped'] as const;
/** `failed`: all tries did; `discarded`: its webhook was disabled before; `skipped`: `when` of its webhook was false. */
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** One try to deliver. */
export interface DeliveryTry {
  at: number;
  /** Of the answer; null when there was none. */
  status: number | null;
  /** What went wrong; null when nothing did. */
  error: string | null;
  tookMs: number;
}

export interface Delivery {
  id: number;
  webhookId: string;
  record: Told;
  state: DeliveryState;
  tries: readonly DeliveryTry[];
  /** When the next try is due, ms since the epoch; null when there is none. */
  nextAt: number | null;
  createdAt: number;
}

/** A delivery that is due, and to whom. */
export interface DueDelivery extends Delivery {
  webhook: Webhook;
}

/** Id and user of the webhook that the operator has configured: it is told of everybody's events. */
export const OPERATOR = { id: 'operator', userId: '' } as const;

/** What is told when nothing else is said: the ends. */
export const DEFAULT_EVENTS: readonly EventType[] = FINAL_STATUSES;

/** Deliveries to one receiver of one user, or by mail: they share their connections, and hold up nobody else. */
export function laneOf({ userId, url }: Pick<Webhook, 'userId' | 'url'>): string {
  return `${userId} ${isMail(url) ? MAIL_SCHEME : new URL(url).origin}`;
}

/** The name of the circuit of a lane. */
export function circuitOfLane(lane: string): string {
  return `receiver:${lane}`;
}

/** Who has made a circuit necessary: the user of a lane; of all others the operator. */
export function ownerOfCircuit(name: string): string {
  // An origin has no space.
  return name.startsWith(circuitOfLane('')) ? name.slice(0, name.lastIndexOf(' ')) : 'operator';
}

/** Where to look for what is due. */
export interface DueLanesQuery {
  /** The user after whom to begin, in the order of their names; null begins with the first. */
  after: string | null;
  now: number;
  /** Users to find, at most. */
  users: number;
  /** Lanes of each of them, at most. */
  lanes: number;
}

export interface DueLanes {
  /** In which something is due: user by user, of each the longest due first. */
  lanes: string[];
  /** Where to go on; null when the last user has been looked at. */
  after: string | null;
  /** When something in a lane becomes due in which nothing is; null when nothing will. */
  nextAt: number | null;
}

/** Whether a lane is that of the mail of its user. */
export function isMailLane(lane: string): boolean {
  return lane.endsWith(` ${MAIL_SCHEME}`);
}

/** The user of a lane; empty for the operator. */
export function userOfLane(lane: string): string {
  return lane.slice(0, lane.indexOf(' '));
}

/** The id of an event outside of this server: the same at every try and for every receiver. */
export function eventIdOf(told: Told): string {
  if (told.type === 'low_balance') return `ledger.${told.position}`;
  if (told.type === 'silent') return `schedule.${told.schedule.id}.${told.at}`;
  return `${told.executionId}.${told.sequence}`;
}

/** What an event is about. What has the same subject is told in its order. */
export function subjectOf(told: Told): string {
  if (told.type === 'low_balance') return told.userId;
  return told.type === 'silent' ? told.schedule.id : told.executionId;
}

const SECRET_BYTES = 32;

export function newSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  return `whsec_${btoa(String.fromCharCode(...bytes))}`;
}

/** What a request says of where a webhook sends what. */
export interface AskedWebhook {
  url: string;
  when?: string | null | undefined;
  template?: Template | null | undefined;
  secret?: string | null | undefined;
}

/** What a client asks a webhook for. */
export interface WebhookRequest {
  url: string;
  description: string | null;
  filter: Omit<WebhookFilter, 'userId'>;
  withResult: boolean;
  notification: Notification | null;
  /** Null makes one. */
  secret: string | null;
}

export interface DeliveryQuery {
  state: DeliveryState | null;
  limit: number;
  /** Those before this one; null begins with the newest. */
  before: number | null;
}

/** What clients can do with webhooks. Each throws RefusedError. */
export interface Webhooks {
  /** The secret is told here, and never again. */
  create(caller: Caller, request: WebhookRequest): Promise<{ webhook: Webhook; secret: string | null }>;
  /** Standing ones, oldest first. */
  list(caller: Caller): Promise<Webhook[]>;
  get(caller: Caller, id: string): Promise<Webhook>;
  remove(caller: Caller, id: string): Promise<void>;
  setEnabled(caller: Caller, id: string, isEnabled: boolean): Promise<Webhook>;
  /** The old secret signs on for a while beside the new one. */
  rotate(caller: Caller, id: string, keepOldMs: number): Promise<{ webhook: Webhook; secret: string }>;
  /** What would be sent of an event, without sending it. */
  preview(caller: Caller, id: string, event: PreviewEvent): Promise<Preview>;
  /** Sends something now, once. */
  test(caller: Caller, id: string): Promise<DeliveryTry>;
  /** Newest first. */
  deliveries(caller: Caller, id: string, query: DeliveryQuery): Promise<Delivery[]>;
  redeliver(caller: Caller, id: string, delivery: number): Promise<Delivery>;
}

/** An event to look at; what is left out is an example. */
export interface PreviewEvent {
  event: Readonly<Record<string, unknown>> | null;
  course: Course;
}

export interface Preview {
  /** False when `when` is. */
  isSent: boolean;
  url: string;
  /** Without the values of secrets. */
  headers: Readonly<Record<string, string>>;
  body: string;
}

/** What the receiver said. */
export type WebhookAnswer =
  | { status: number; retryAfterMs: number | null; error: null }
  | { status: null; retryAfterMs: null; error: string }
  /** Of a mail server, with its code, or without one: `isLast` if another try would not help. */
  | { status: number | null; retryAfterMs: null; error: string | null; isLast: boolean };

/** One message to one receiver. */
export interface WebhookMessage {
  /** Whose webhook it is: what all users have together is shared out by it. */
  userId: string;
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** Sends messages to webhooks. */
export interface WebhookSender {
  /** Never rejects. */
  send(message: WebhookMessage, signal: AbortSignal): Promise<WebhookAnswer>;
  /** Why a URL can be no receiver, as far as the URL itself tells; null when it can. */
  whyNotAllowed(url: string): string | null;
  /** How long a lane has to wait because its user has sent as much as they may, milliseconds; 0 when they may send. */
  waitMs(lane: string): number;
  close(): void;
}
