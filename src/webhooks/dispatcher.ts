// Delivers what the store says is due. Users take turns, and of each user their lanes (receivers); no user has more places
// than are left free, and no lane more than a few, so that silent receivers hold up nobody else. How a try went is stored before the next one; a crash in between repeats it, under the same id.
import type { FinishedExecution } from '../domain/execution/execution.ts';
import type { Store } from '../domain/ports/store.ts';
import type { Group, GroupResult } from '../domain/ports/group.ts';
import type { Clock, Log, Timer } from '../domain/ports/clock.ts';
import { type DeliverySpan, traceparentOf, type Tracing } from '../domain/ports/tracing.ts';
import {
  circuitOfLane,
  type DeliveryState,
  type DeliveryTry,
  type DueDelivery,
  eventIdOf,
  isEvent,
  subjectOf,
  type Told,
  userOfLane,
  type WebhookAnswer,
  type WebhookSender,
} from '../domain/webhooks/webhooks.ts';
import type { Circuits } from '../resilience/circuits.ts';
import type { CircuitSettings, Ticket } from '../resilience/circuit.ts';
import { EACH_SECOND, type Retrying, untilDone, waitAfter, Waits } from '../resilience/retrying.ts';
import { isMail } from '../domain/spec/mail.ts';
import type { Notification } from '../domain/spec/notification.ts';
import { courseOf, type Found } from './courses.ts';
import { ownHeaders, toBody } from './message.ts';
import { type Made, NotificationError, type Notifier } from './notifier.ts';

export interface DispatcherDeps {
  store: Pick<Store, 'dueLanes' | 'dueDeliveries' | 'finished' | 'get' | 'series' | 'stats' | 'feed'>;
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
  sender: WebhookSender;
  notifier: Notifier;
  clock: Clock;
  log: Log;
  circuits: Circuits;
  /** Null: no traces are recorded. */
  tracing: Tracing | null;
  /** Of several dispatchers on one store, one delivers. */
  leads: () => Promise<boolean>;
  /** 0 to 1, for jitter. */
  random: () => number;
  /** What is told of an event; `execution` where its result is told too. */
  toData: (told: Told, execution: FinishedExecution | null) => object;
  source: () => string;
  /** All users together. */
  maxConcurrent: number;
}

/** `retried`: it is tried again later; the others are ends. `skipped`: `when` of the webhook is false. */
export const DELIVERY_RESULTS = ['delivered', 'retried', 'failed', 'skipped'] as const;
export type DeliveryResult = (typeof DELIVERY_RESULTS)[number];

export interface DispatcherStats {
  inFlight: number;
  results: Record<DeliveryResult, number>;
  /** Time spent in tries, seconds. */
  seconds: number;
}

/** Waits before the tries after the first, milliseconds; all together a bit more than a day. */
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const WAITS_MS = [5000, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR] as const;
/** A receiver that fails so often in a row is asked by one probe at a time, and what is due for it waits. */
const RECEIVER: CircuitSettings = {
  trip: { type: 'consecutive', failures: 5 },
  openMs: 10_000,
  maxOpenMs: 5 * MINUTE,
  probes: 1,
  countUserFaults: false,
};
/** What has waited so long for its receiver to be asked fails: a bit longer than all waits together. */
const MAX_HELD_MS = 28 * HOUR;
/** The part of a wait that is random, so that what has failed together does not come together again. */
const JITTER = 0.2;
const MAX_PER_LANE = 8;
/** Users whose lanes are read in one look. */
const MAX_USERS = 32;
/** Read beyond what can be begun: some may have to wait for others of their execution. */
const READ_AHEAD = 32;
/** Looks are at least so far apart, milliseconds, however much happens. */
const LOOK_MS = 10;
/** How often one that does not lead looks whether it does by now. */
const LEAD_MS = 1000;
/** How long a stop waits for receivers to answer. */
const STOP_MS = 5000;

interface Flight {
  user: string;
  lane: string;
  /** Webhook and execution: one at a time, in their order. */
  key: string;
  done: Promise<void>;
}

export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #flights = new Map<number, Flight>();
  readonly #results: Record<DeliveryResult, number> = { delivered: 0, retried: 0, failed: 0, skipped: 0 };
  readonly #stop = new AbortController();
  #seconds = 0;
  #isOpen = false;
  #looking: Promise<void> | null = null;
  #isWoken = false;
  /** Where the next look begins among the users; null when it begins with the first. */
  #after: string | null = null;
  /** Whether something may have become due since the first user was looked at. */
  #isNew = false;
  #timer: { at: number; timer: Timer } | null = null;
  #lookedAt = -Infinity;
  /** The user, and of each the lane, that is served first moves on, so that none is always the last. */
  #turn = 0;
  readonly #readWaits = new Waits(EACH_SECOND);

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#isOpen = true;
    this.wake();
  }

  stats(): DispatcherStats {
    return { inFlight: this.#flights.size, results: { ...this.#results }, seconds: this.#seconds };
  }

  /** To be called when something may have become due. Cheap when nothing waits. */
  wake(): void {
    this.#isNew = true;
    this.#goOn();
  }

  /** What others have noted is not counted here. */
  get #mayWait(): boolean {
    const { feed } = this.#deps.store;
    return feed.isShared || this.#deps.store.stats().deliveries.pending > 0;
  }

  #goOn(): void {
    if (!this.#isOpen || !this.#mayWait) return;
    this.#isWoken = true;
    if (this.#looking !== null) return;
    const waitMs = this.#lookedAt + LOOK_MS - this.#deps.clock.monotonic();
    if (waitMs > 0) return this.#wakeIn(waitMs);
    this.#looking = this.#look().finally(() => {
      this.#looking = null;
      if (this.#isWoken) this.#goOn();
    });
  }

  /** Lets tries end that are under way, for a while. What then waits is delivered after the next start. */
  async stop(): Promise<void> {
    this.#isOpen = false;
    this.#timer?.timer.cancel();
    await this.#looking;
    const isDone = new AbortController();
    const timeUp = this.#deps.clock.sleep(STOP_MS, isDone.signal).catch(() => undefined);
    const done = Promise.all([...this.#flights.values()].map((flight) => flight.done));
    await Promise.race([done.then(() => isDone.abort()), timeUp]);
    this.#stop.abort();
    await done;
  }

  /** Sends one message once; answers how it went. */
  async try(
    webhook: DueDelivery['webhook'],
    event: { id: string; type: string; subject: string; time: number; data: object },
    { made = null, traceparent = null }: { made?: Made | null; traceparent?: string | null } = {},
  ): Promise<{ answer: WebhookAnswer; tried: DeliveryTry }> {
    const { clock, sender } = this.#deps;
    const { url, userId } = webhook;
    const [at, began] = [clock.now(), clock.monotonic()];
    const body = made?.body ?? toBody(event, this.#deps.source());
    const headers = {
      ...ownHeaders(webhook, event, { body, now: at }),
      ...(traceparent === null ? {} : { traceparent }),
      ...made?.headers,
    };
    const answer = await sender.send({ userId, url, headers, body }, this.#stop.signal);
    const tookMs = Math.round(clock.monotonic() - began);
    const error =
      answer.error ?? (isSuccess(answer) ? null : `the receiver returned status ${answer.status}`);
    return { answer, tried: { at, status: answer.status, error, tookMs } };
  }

  // ------------------------------------------------------------------------------------ what is due

  async #look(): Promise<void> {
    try {
      this.#lookedAt = this.#deps.clock.monotonic();
      this.#isWoken = false;
      if (this.#after === null) this.#isNew = false;
      if (await this.#deps.leads()) await this.#beginDue();
      else this.#wakeIn(LEAD_MS);
    } catch (error) {
      this.#deps.log.warn({ err: error }, 'Cannot read deliveries; execd retries');
      this.#wakeIn(this.#readWaits.nextMs());
    }
  }

  async #beginDue(): Promise<void> {
    const { store, clock, maxConcurrent } = this.#deps;
    const now = clock.now();
    const most = { users: MAX_USERS, lanes: 2 * maxConcurrent };
    const { lanes, after, nextAt } = await store.dueLanes({ after: this.#after, now, ...most });
    this.#after = after;
    this.#turn += 1;
    const users = lanesByUser(lanes, this.#turn);
    // In each round a lane of each user.
    while (users.size > 0 && this.#flights.size < maxConcurrent) {
      for (const [user, queue] of users) {
        const lane = this.#roomOf(user) > 0 ? queue.shift() : undefined;
        if (lane === undefined) users.delete(user);
        else await this.#beginIn(lane, user, now);
      }
    }
    // On to the next users, and around once more for what has become due meanwhile. Without a free place the end of a try wakes.
    if (this.#flights.size < maxConcurrent && (after !== null || this.#isNew)) this.#isWoken = true;
    if (nextAt !== null) this.#wakeIn(nextAt - now);
  }

  /** How many a user may begin: never more under way than are left free, so that there is a place for others. */
  #roomOf(user: string): number {
    const flights = [...this.#flights.values()];
    const own = flights.filter((flight) => flight.user === user).length;
    const free = this.#deps.maxConcurrent - flights.length;
    return Math.floor((free - own + 1) / 2);
  }

  async #beginIn(lane: string, user: string, now: number): Promise<void> {
    const circuit = this.#deps.circuits.find(circuitOfLane(lane));
    if (circuit !== null && circuit.waitMs !== null)
      return this.#hold(lane, now, circuit.waitMs, 'the receiver has failed');
    const shareMs = this.#deps.sender.waitMs(lane);
    if (shareMs > 0) return this.#hold(lane, now, shareMs, 'the user has sent as much mail as one may');
    const [busy, keys] = this.#inLane(lane);
    const free = Math.min(MAX_PER_LANE - busy, this.#roomOf(user));
    if (free <= 0 || circuit?.mayAdmit === false) return;
    let begun = 0;
    for (const one of await this.#deps.store.dueDeliveries(lane, now, free + busy + READ_AHEAD)) {
      const key = this.#orderOf(one);
      // Of one execution, one after the other: what was told first arrives first, unless it has failed.
      if (begun === free || this.#flights.has(one.id) || keys.has(key) || !this.#isOpen) continue;
      const ticket = circuit?.admit() ?? null;
      if (ticket !== null && 'waitMs' in ticket) return;
      keys.add(key);
      begun += 1;
      const done = this.#deliver(one, (answer) => this.#record(lane, ticket, answer)).finally(() => {
        this.#flights.delete(one.id);
        this.wake();
      });
      this.#flights.set(one.id, { user, lane, key, done });
    }
  }

  /** What is due waits with its receiver, until that may be asked again. @param why it waits, for the one that waits too long */
  async #hold(lane: string, now: number, waitMs: number, why: string): Promise<void> {
    const wholeMs = Math.ceil(waitMs);
    const error = `execd did not try: ${why} for ${MAX_HELD_MS / HOUR} hours`;
    const lastTry: DeliveryTry = { at: now, status: null, error, tookMs: 0 };
    const part = { type: 'hold_lane', lane, waitMs: wholeMs, mostHeldMs: MAX_HELD_MS, lastTry } as const;
    await this.#deps.commit([[part]]);
    this.#wakeIn(wholeMs);
  }

  /** @param answer null when its end is unknown */
  #record(lane: string, ticket: Ticket | null, answer: WebhookAnswer | null): void {
    const { circuits } = this.#deps;
    const name = circuitOfLane(lane);
    const end = answer === null ? 'ignored' : isAlive(answer) ? 'success' : 'failure';
    // A receiver that works has no circuit: there may be very many of them.
    const circuit = end === 'failure' ? circuits.get(name, RECEIVER) : circuits.find(name);
    if (circuit === null) return;
    const own = ticket ?? circuit.admit();
    if ('generation' in own) circuit.record(own, end);
    if (circuit.isIdle) circuits.forget(name);
  }

  #inLane(lane: string): [count: number, keys: Set<string>] {
    const flights = [...this.#flights.values()].filter((flight) => flight.lane === lane);
    return [flights.length, new Set(flights.map(({ key }) => key))];
  }

  #wakeIn(ms: number): void {
    const at = this.#deps.clock.monotonic() + ms;
    if (!this.#isOpen || (this.#timer !== null && this.#timer.at <= at)) return;
    this.#timer?.timer.cancel();
    const timer = this.#deps.clock.timer(ms, () => {
      this.#timer = null;
      this.wake();
    });
    this.#timer = { at, timer };
  }

  // -------------------------------------------------------------------------------------- one try

  async #deliver(one: DueDelivery, note: (answer: WebhookAnswer | null) => void): Promise<void> {
    const { record, webhook } = one;
    const { type, at: time } = record;
    const subject = subjectOf(record);
    const about = aboutOf(record);
    const ended = webhook.withResult ? await this.#ended(record) : null;
    if (ended === undefined) return note(null);
    const data = this.#deps.toData(record, ended);
    const event = { id: eventIdOf(record), type: `${about}.${type}`, subject, time, data };
    const { notification } = webhook;
    const isMade = notification !== null || isMail(webhook.url);
    const verdict = isMade ? await this.#judge(one, data) : null;
    if (verdict === 'stopped') return note(null);
    if (verdict !== null && 'settle' in verdict) {
      note(null);
      return this.#settleUnsent(one, verdict.settle);
    }
    const { traceparent, span } = await this.#traceOf(record);
    const { answer, tried } = await this.try(webhook, event, { made: verdict?.made ?? null, traceparent });
    // Nobody knows how it went.
    if (this.#stop.signal.aborted && answer.status === null) return note(null);
    note(answer);
    this.#seconds += tried.tookMs / 1000;
    const tries = [...one.tries, tried];
    const { state, waitMs } = this.#verdict(answer, tries);
    const result = state === 'pending' ? 'retried' : state === 'delivered' ? 'delivered' : 'failed';
    this.#results[result] += 1;
    const end = { url: webhook.url, webhookId: webhook.id, event: type, tries: tries.length };
    span?.end({ ...end, status: answer.status, error: tried.error });
    const facts = { webhook_id: webhook.id, subject, event: type, tries: tries.length };
    if (state === 'failed')
      this.#deps.log.warn({ ...facts, because: tried.error }, 'A webhook was not delivered');
    else this.#deps.log.debug(facts, `Webhook ${result}`);
    const settle = { type: 'delivery', id: one.id, state, tries, waitMs, isRedelivery: false } as const;
    await this.#store([settle, ...this.#disabling(one, answer)]);
  }

  /** What has the same is delivered one after the other: of an execution, and where the course of the ends before counts. */
  #orderOf({ webhookId, webhook: { notification }, record }: DueDelivery): string {
    const isCourse = notification !== null && this.#deps.notifier.readsCourse(notification);
    return `${webhookId} ${isCourse ? '' : subjectOf(record)}`;
  }

  /** Whether a webhook sends an event, and what. Its place among the ends is kept before anything is sent. */
  async #judge({ webhook, record, tries }: DueDelivery, data: object): Promise<Judged | 'stopped'> {
    const { store, notifier } = this.#deps;
    const notification = webhook.notification ?? EACH_EVENT;
    let found: Found = NO_COURSE;
    if (isEvent(record) && webhook.executionId !== null) {
      // It has one end, which follows no other.
      found = { ...NO_COURSE, course: courseOf(null, record).course };
    } else if (isEvent(record) && notifier.readsCourse(notification)) {
      const read = () => store.series(webhook.id);
      const kept = await untilDone(
        read,
        this.#retrying('Cannot read the course of a webhook; execd retries'),
      );
      if (kept === null) return 'stopped';
      found = courseOf(kept.value, record);
    }
    const { course, isCounted, state } = found;
    const series: Group =
      state === null ? [] : [{ type: 'series', put: [{ name: webhook.id, state }], drop: [] }];
    const event = { userId: webhook.userId, data, course };
    try {
      // What was begun, or has been overtaken by later ends, was wanted when it was looked at first.
      const isWanted = tries.length > 0 || isCounted || (await notifier.wants(notification, event));
      if (!isWanted) return { settle: { state: 'skipped', error: null, series } };
      const made = await notifier.make(webhook, event);
      if (series.length > 0) await this.#store(series);
      return { made };
    } catch (error) {
      if (!(error instanceof NotificationError)) throw error;
      return { settle: { state: 'failed', error: error.message, series } };
    }
  }

  async #settleUnsent(one: DueDelivery, { state, error, series }: Unsent): Promise<void> {
    const { clock, log } = this.#deps;
    this.#results[state] += 1;
    const tried = error === null ? [] : [{ at: clock.now(), status: null, error, tookMs: 0 }];
    const facts = { webhook_id: one.webhookId, subject: subjectOf(one.record), event: one.record.type };
    if (error !== null)
      log.warn(
        { ...facts, because: error },
        'Cannot make the message of a webhook; execd does not deliver it',
      );
    const tries = [...one.tries, ...tried];
    await this.#store([
      { type: 'delivery', id: one.id, state, tries, waitMs: null, isRedelivery: false },
      ...series,
    ]);
  }

  /** The execution that an event has ended; null for other events, and when it has been removed; undefined after a stop. */
  async #ended(told: Told): Promise<FinishedExecution | null | undefined> {
    if (!isEvent(told) || told.end === null) return null;
    const read = () => this.#deps.store.finished(told.userId, told.executionId);
    return (await untilDone(read, this.#retrying('Cannot read a result for a webhook; execd retries')))
      ?.value;
  }

  /** The trace of what an event is about goes on at the receiver. Without tracing the message has the span that began it. */
  async #traceOf(told: Told): Promise<{ traceparent: string | null; span: DeliverySpan | null }> {
    const { store, tracing } = this.#deps;
    const execution = isEvent(told) ? await store.get(null, told.executionId).catch(() => null) : null;
    if (execution === null) return { traceparent: null, span: null };
    const { id, trace } = execution;
    const span = tracing?.beginDelivery(trace, id) ?? null;
    return { traceparent: span?.traceparent ?? traceparentOf(trace, trace.parentId), span };
  }

  #retrying(message: string): Retrying {
    const { clock, log } = this.#deps;
    const failed = (err: unknown) => log.warn({ err }, message);
    return { clock, failed, signal: this.#stop.signal, backoff: EACH_SECOND };
  }

  #verdict(
    answer: WebhookAnswer,
    tries: readonly DeliveryTry[],
  ): { state: DeliveryState; waitMs: number | null } {
    if (isSuccess(answer)) return { state: 'delivered', waitMs: null };
    const wait = waitAfter(tries.length, WAITS_MS);
    if (wait === null || answer.status === GONE || isLast(answer)) return { state: 'failed', waitMs: null };
    const waitMs = wait * (1 - JITTER / 2 + JITTER * this.#deps.random());
    return { state: 'pending', waitMs: Math.ceil(Math.max(waitMs, answer.retryAfterMs ?? 0)) };
  }

  /** A receiver that says that it is gone is not asked again. */
  #disabling({ webhook }: DueDelivery, { status }: WebhookAnswer): Group {
    if (status !== GONE) return [];
    this.#deps.log.warn({ webhook_id: webhook.id }, 'A webhook was disabled: its receiver returned 410');
    return [{ type: 'webhook', webhook: { ...webhook, disabled: 'gone' } }];
  }

  /** Until it is stored the delivery counts as under way, so that it is not made twice. */
  async #store(group: Group): Promise<void> {
    const how = this.#retrying('Cannot store the result of a delivery; execd retries');
    await untilDone(() => this.#deps.commit([group]), { ...how, triesOnce: true });
  }
}

interface Unsent {
  state: 'skipped' | 'failed';
  /** Null when nothing went wrong. */
  error: string | null;
  /** Stored with it. */
  series: Group;
}
type Judged = { made: Made | null } | { settle: Unsent };
const EACH_EVENT: Notification = { when: null, template: null };
const NO_COURSE: Found = { course: { failures: 0, previous: null }, isCounted: false, state: null };

/** Lanes of each user, beginning with those whose turn it is. */
function lanesByUser(lanes: readonly string[], turn: number): Map<string, string[]> {
  const byUser = Map.groupBy(lanes, userOfLane);
  const users = rotated([...byUser.keys()], turn);
  return new Map(users.map((user) => [user, rotated(byUser.get(user) ?? [], turn)]));
}

function rotated<T>(all: readonly T[], turn: number): T[] {
  const first = turn % Math.max(1, all.length);
  return [...all.slice(first), ...all.slice(0, first)];
}

/** The middle of the type of an event, as CloudEvents has it. */
function aboutOf(told: Told): 'account' | 'schedule' | 'execution' {
  if (isEvent(told)) return 'execution';
  return told.type === 'silent' ? 'schedule' : 'account';
}

const GONE = 410;
const OVERLOADED = [408, 429];

/** Whether a receiver is there, whatever it thinks of what it was sent. */
function isAlive(answer: WebhookAnswer): boolean {
  const { status } = answer;
  if (isLast(answer)) return true;
  return status !== null && status < 500 && !OVERLOADED.includes(status);
}

/** Whether another try would not help. */
const isLast = (answer: WebhookAnswer): boolean => 'isLast' in answer && answer.isLast;

function isSuccess({ status }: WebhookAnswer): boolean {
  return status !== null && status >= 200 && status < 300;
}
