// Whether a webhook sends an event, and what: its `when` and its template, in CEL, evaluated in turns of its user where they may take
// long. A template never sees a secret; headers get theirs when a message is sent.
import { writeJson } from '../domain/exact-json.ts';
import type { FieldProblem } from '../domain/errors.ts';
import { ConditionError, type Conditions } from '../domain/plans/conditions.ts';
import type { Secrets } from '../domain/spec/secrets.ts';
import {
  type Course,
  MAX_MESSAGE_BYTES,
  type Notification,
  NOTIFICATION_ROOTS,
  type OwnTemplate,
  type Template,
  secretsOf,
} from '../domain/spec/notification.ts';
import { isMail, recipientsOf } from '../domain/spec/mail.ts';
import type { Webhook } from '../domain/webhooks/webhooks.ts';
import { asSubject, plainText, subjectLine } from './mail-message.ts';
import { readyBody } from './ready.ts';

export interface NotifierDeps {
  conditions: Conditions;
  secrets: Pick<Secrets, 'whyNot' | 'reveal'>;
}

/** A message that cannot be made: another try would not make it either. */
export class NotificationError extends Error {}

export interface Made {
  headers: Record<string, string>;
  body: string;
}

export interface NotifiedEvent {
  userId: string;
  data: object;
  course: Course;
}

export class Notifier {
  readonly #deps: NotifierDeps;

  constructor(deps: NotifierDeps) {
    this.#deps = deps;
  }

  /** What is wrong with one, before it is kept. */
  problems({ when, template }: Notification, userId: string): FieldProblem[] {
    const { conditions, secrets } = this.#deps;
    const problems: FieldProblem[] = [];
    const check = (field: string, compile: () => unknown) => {
      try {
        compile();
      } catch (error) {
        if (!(error instanceof ConditionError)) throw error;
        problems.push({ field, message: error.message });
      }
    };
    if (when !== null) check('/when', () => conditions.compile(when, NOTIFICATION_ROOTS));
    if (template !== null && typeof template !== 'string') {
      const { body, subject } = template;
      check('/template/body', () => conditions.compileValue(body, NOTIFICATION_ROOTS));
      if (subject !== undefined)
        check('/template/subject', () => conditions.compileValue(subject, NOTIFICATION_ROOTS));
    }
    const missing = secrets.whyNot({ names: secretsOf(template), userId, operation: null });
    if (missing !== null)
      problems.push({ field: '/template/headers', message: `there is no secret ${missing} for this user` });
    return problems;
  }

  /** Whether what it sends depends on the ends before. */
  readsCourse({ when, template }: Notification): boolean {
    const roots = when === null ? [] : this.#deps.conditions.compile(when, NOTIFICATION_ROOTS).roots;
    const rootsOf = (source: string) => this.#deps.conditions.compileValue(source, NOTIFICATION_ROOTS).roots;
    const own =
      template === null
        ? []
        : typeof template === 'string'
          ? ['failures']
          : [template.body, template.subject ?? 'null'].flatMap(rootsOf);
    return [...roots, ...own].some((root) => root !== 'event');
  }

  /** @throws NotificationError */
  async wants({ when }: Notification, event: NotifiedEvent): Promise<boolean> {
    if (when === null) return true;
    const condition = this.#deps.conditions.compile(when, NOTIFICATION_ROOTS);
    return evaluated('when', when, () => condition.evaluate(scopeOf(event, condition.roots), event.userId));
  }

  /**
   * The message of a template, or a mail.
   *
   * @param shows in place of the values of secrets; null: these themselves
   * @returns null for a webhook that sends each event as it is
   * @throws NotificationError
   */
  async make(
    { url, notification }: Pick<Webhook, 'url' | 'notification'>,
    event: NotifiedEvent,
    shows: string | null = null,
  ): Promise<Made | null> {
    const template = notification?.template ?? null;
    if (isMail(url)) return this.#mail(recipientsOf(url), template, event);
    if (template === null) return null;
    if (typeof template === 'string') {
      const body = JSON.stringify(readyBody(template, event.data, event.course));
      return { headers: { 'content-type': JSON_TYPE }, body };
    }
    const { body, type } = await this.#body(template, event);
    return { headers: { ...this.#headers(template, event.userId, shows), 'content-type': type }, body };
  }

  async #body(template: OwnTemplate, event: NotifiedEvent): Promise<{ body: string; type: string }> {
    const value = await this.#value('template.body', template.body, event);
    const body = typeof value === 'string' ? value : writeJson(value ?? null);
    bounded(body);
    return { body, type: template.content_type ?? (typeof value === 'string' ? TEXT_TYPE : JSON_TYPE) };
  }

  /** A ready template is refused for mail, where a webhook is made. */
  async #mail(to: readonly string[], template: Template | null, event: NotifiedEvent): Promise<Made> {
    const { data, course } = event;
    const own = typeof template === 'object' ? template : null;
    const subject =
      own?.subject === undefined ? null : await this.#value('template.subject', own.subject, event);
    const about = { to: to.join(', '), subject: asSubject(textOf(subject)) || subjectLine(data, course) };
    if (own === null) {
      const body = plainText(data, course);
      bounded(body);
      return { headers: { ...about, 'content-type': TEXT_TYPE }, body };
    }
    const { body } = await this.#body(own, event);
    return { headers: { ...about, 'content-type': own.content_type ?? TEXT_TYPE }, body };
  }

  #value(place: string, source: string, event: NotifiedEvent): Promise<unknown> {
    const expression = this.#deps.conditions.compileValue(source, NOTIFICATION_ROOTS);
    return evaluated(place, source, () =>
      expression.evaluate(scopeOf(event, expression.roots), event.userId),
    );
  }

  #headers(template: OwnTemplate, userId: string, shows: string | null): Record<string, string> {
    const { secrets } = this.#deps;
    const missing = secrets.whyNot({ names: secretsOf(template), userId, operation: null });
    if (missing !== null)
      throw new NotificationError(`there is no secret ${missing} for this user any longer`);
    const headers = Object.entries(template.headers ?? {}).map(([name, value]): [string, string] => {
      if (typeof value === 'string') return [name.toLowerCase(), value];
      return [name.toLowerCase(), (value.prefix ?? '') + (shows ?? secrets.reveal(value.secret))];
    });
    return Object.fromEntries(headers);
  }
}

/** Null is no text. */
const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : value === null ? '' : writeJson(value ?? null);

/** @throws NotificationError */
function bounded(body: string): void {
  const bytes = Buffer.byteLength(body);
  if (bytes > MAX_MESSAGE_BYTES)
    throw new NotificationError(`template.body is ${bytes} bytes; at most ${MAX_MESSAGE_BYTES} are allowed`);
}

const JSON_TYPE = 'application/json; charset=utf-8';
const TEXT_TYPE = 'text/plain; charset=utf-8';

function scopeOf({ data, course }: NotifiedEvent, roots: readonly string[]): Record<string, unknown> {
  const all: Record<string, unknown> = { event: data, ...course };
  return Object.fromEntries(Object.entries(all).filter(([root]) => roots.includes(root)));
}

async function evaluated<T>(place: string, source: string, evaluate: () => Promise<T>): Promise<T> {
  try {
    return await evaluate();
  } catch (error) {
    if (error instanceof ConditionError)
      throw new NotificationError(`${place}: ${error.message}, in ${source}`);
    throw error;
  }
}
