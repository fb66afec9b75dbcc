// What clients do with webhooks: make, show, try, turn off and on, give a new secret, remove, and look at deliveries.
import type { Caller } from '../domain/spec/access.ts';
import { type FieldProblem, RefusedError } from '../domain/errors.ts';
import type { Store } from '../domain/ports/store.ts';
import type { Group, GroupResult } from '../domain/ports/group.ts';
import type { Clock } from '../domain/ports/clock.ts';
import { StoreError } from '../domain/ports/store.ts';
import {
  type AskedWebhook,
  type Delivery,
  type DeliveryQuery,
  type DeliveryTry,
  newSecret,
  OPERATOR,
  type Preview,
  type PreviewEvent,
  type Webhook,
  type WebhookRequest,
  type Webhooks,
} from '../domain/webhooks/webhooks.ts';
import { isMail } from '../domain/spec/mail.ts';
import type { Dispatcher } from './dispatcher.ts';
import { ownHeaders, toBody } from './message.ts';
import { type Made, NotificationError, type Notifier } from './notifier.ts';

export interface WebhookServiceDeps {
  store: Pick<Store, 'webhooks' | 'webhook' | 'deliveries' | 'delivery'>;
  commit(groups: readonly Group[]): Promise<GroupResult[]>;
  dispatcher: Dispatcher;
  notifier: Notifier;
  /** Names the store in a message. */
  source: () => string;
  /** What is wrong with one that is asked for; empty when nothing is. */
  problems: (asked: AskedWebhook, userId: string) => FieldProblem[];
  clock: Clock;
  newId(): string;
}

/** Each event of the user is compared with each of them. */
const MAX_STANDING = 100;

export class WebhookService implements Webhooks {
  readonly #deps: WebhookServiceDeps;

  constructor(deps: WebhookServiceDeps) {
    this.#deps = deps;
  }

  /** The webhook that the operator has configured, or that there is none. */
  async configure(
    wanted: {
      url: string;
      secret: string;
      types: Webhook['filter']['types'];
      withResult: boolean;
    } | null,
  ): Promise<void> {
    const { id, userId } = OPERATOR;
    const createdAt = this.#deps.clock.now();
    if (wanted === null) {
      await this.#deps.commit([[{ type: 'webhook_remove', userId, webhookId: id }]]);
      return;
    }
    const { url, secret, types, withResult } = wanted;
    const webhook: Webhook = {
      ...{ id, userId, executionId: null, url, description: null, disabled: null, createdAt },
      ...{
        filter: { userId: null, types },
        withResult,
        notification: null,
        secrets: [{ secret, until: null }],
      },
    };
    await this.#deps.commit([[{ type: 'webhook', webhook }]]);
  }

  async create(
    { userId }: Caller,
    request: WebhookRequest,
  ): Promise<{ webhook: Webhook; secret: string | null }> {
    const { url, description, filter, withResult, notification } = request;
    const fields = this.#deps.problems({ url, secret: request.secret, ...notification }, userId);
    if (fields.length > 0)
      throw new RefusedError(
        'validation',
        fields.map(({ field, message }) => `${field}: ${message}`).join('; '),
        { fields },
      );
    if ((await stored(this.#deps.store.webhooks(userId))).length >= MAX_STANDING) {
      throw new RefusedError(
        'too_many_webhooks',
        `The user has ${MAX_STANDING} webhooks, the maximum. Remove one first.`,
      );
    }
    const secret = isMail(url) ? null : (request.secret ?? newSecret());
    const webhook: Webhook = {
      ...{ id: `wh_${this.#deps.newId()}`, userId, executionId: null, url, description },
      ...{
        filter: { ...filter, userId },
        withResult,
        notification,
        secrets: secret === null ? [] : [{ secret, until: null }],
        disabled: null,
      },
      createdAt: this.#deps.clock.now(),
    };
    await this.#put(webhook);
    return { webhook, secret };
  }

  list({ userId }: Caller): Promise<Webhook[]> {
    return stored(this.#deps.store.webhooks(userId));
  }

  async get({ userId }: Caller, id: string): Promise<Webhook> {
    const webhook = await stored(this.#deps.store.webhook(userId, id));
    if (webhook === null) throw notFound(id);
    return webhook;
  }

  async remove({ userId }: Caller, id: string): Promise<void> {
    const [result] = await stored(
      this.#deps.commit([
        [
          { type: 'webhook_remove', userId, webhookId: id },
          { type: 'series', put: [], drop: [id] },
        ],
      ]),
    );
    if (result?.status !== 'applied') throw notFound(id);
  }

  async setEnabled(caller: Caller, id: string, isEnabled: boolean): Promise<Webhook> {
    const webhook = await this.get(caller, id);
    if (isEnabled === (webhook.disabled === null)) return webhook;
    return this.#put({ ...webhook, disabled: isEnabled ? null : 'request' });
  }

  async rotate(caller: Caller, id: string, keepOldMs: number): Promise<{ webhook: Webhook; secret: string }> {
    const before = await this.get(caller, id);
    if (isMail(before.url))
      throw new RefusedError('validation', 'Mail is not signed: this webhook has no secret.');
    const now = this.#deps.clock.now();
    const secret = newSecret();
    const old = before.secrets[0];
    const secrets = [
      { secret, until: null },
      ...(old === undefined || keepOldMs === 0 ? [] : [{ ...old, until: now + keepOldMs }]),
    ];
    return { webhook: await this.#put({ ...before, secrets }), secret };
  }

  async test(caller: Caller, id: string): Promise<DeliveryTry> {
    const webhook = await this.get(caller, id);
    const event = {
      id: `test.${this.#deps.newId()}`,
      type: 'execution.test',
      subject: webhook.id,
      data: { type: 'test' },
    };
    const made = await this.#made(webhook, { event: event.data, course: NO_COURSE }, null);
    const { tried } = await this.#deps.dispatcher.try(
      webhook,
      { ...event, time: this.#deps.clock.now() },
      { made },
    );
    return tried;
  }

  async preview(caller: Caller, id: string, { event, course }: PreviewEvent): Promise<Preview> {
    const webhook = await this.get(caller, id);
    const { notification, url, userId } = webhook;
    const now = this.#deps.clock.now();
    const data = event ?? exampleAt(now);
    const told = {
      id: 'preview',
      type: `execution.${String(data.type)}`,
      subject: webhook.id,
      time: now,
      data,
    };
    try {
      const isSent =
        notification === null || (await this.#deps.notifier.wants(notification, { userId, data, course }));
      const made = await this.#made(webhook, { event: data, course }, '***');
      const body = made?.body ?? toBody(told, this.#deps.source());
      const headers = { ...ownHeaders(webhook, told, { body, now }), ...made?.headers };
      return { isSent, url, headers, body };
    } catch (error) {
      if (error instanceof NotificationError) throw notMade(error);
      throw error;
    }
  }

  /** The message of its template, or a mail; null without both. */
  async #made(webhook: Webhook, { event, course }: PreviewEvent, shows: string | null): Promise<Made | null> {
    const { userId } = webhook;
    try {
      return await this.#deps.notifier.make(webhook, { userId, data: event ?? {}, course }, shows);
    } catch (error) {
      if (error instanceof NotificationError) throw notMade(error);
      throw error;
    }
  }

  async deliveries(caller: Caller, id: string, query: DeliveryQuery): Promise<Delivery[]> {
    const webhook = await this.get(caller, id);
    return stored(this.#deps.store.deliveries(webhook.id, query));
  }

  async redeliver(caller: Caller, id: string, number: number): Promise<Delivery> {
    const webhook = await this.get(caller, id);
    const delivery = await stored(this.#deps.store.delivery(webhook.id, number));
    if (delivery === null) throw new RefusedError('delivery_not_found', `There is no delivery ${number}.`);
    if (webhook.disabled !== null)
      throw new RefusedError('webhook_disabled', `The webhook ${id} is disabled. Enable it first.`);
    // Its tries begin anew, and so do the waits between them.
    const again = { state: 'pending', tries: [] } as const;
    const part = { type: 'delivery', id: number, ...again, waitMs: 0, isRedelivery: true } as const;
    await stored(this.#deps.commit([[part]]));
    this.#deps.dispatcher.wake();
    return { ...delivery, ...again, nextAt: this.#deps.clock.now() };
  }

  async #put(webhook: Webhook): Promise<Webhook> {
    await stored(this.#deps.commit([[{ type: 'webhook', webhook }]]));
    return webhook;
  }
}

const NO_COURSE = { failures: 0, previous: null };

const notMade = (error: NotificationError): RefusedError =>
  new RefusedError('validation', error.message, { fields: [{ field: '', message: error.message }] });

/** What a failed command is told as. */
const exampleAt = (now: number): Record<string, unknown> => ({
  ...{
    execution_id: '00000000-0000-7000-8000-000000000000',
    sequence: 4,
    type: 'failed',
    status: 'failed',
    phase: 'done',
  },
  ...{
    time: new Date(now).toISOString(),
    attempt: 1,
    kind: 'shell',
    operation: 'nightly',
    task_id: null,
    labels: {},
  },
  ...{ plan_id: null, step: null },
  error: { code: 'E003', type: 'exit_code', message: 'The command exited with code 1.' },
});

function notFound(id: string): RefusedError {
  return new RefusedError('webhook_not_found', `There is no webhook ${id.slice(0, 100)}.`);
}

async function stored<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new RefusedError('store_unavailable', 'The store is unavailable. Try again later.', {
      cause: error,
      retryAfterS: 5,
    });
  }
}
