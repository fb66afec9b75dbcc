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
  secretsOf,
} from '../domain/webhooks/notification.ts';
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
    if (template !== null && typeof template !== 'string')
      check('/template/body', () => conditions.compileValue(template.body, NOTIFICATION_ROOTS));
    const missing = secrets.whyNot({ names: secretsOf(template), userId, operation: null });
    if (missing !== null)
      problems.push({ field: '/template/headers', message: `there is no secret ${missing} for this user` });
    return problems;
  }

  /** Whether what it sends depends on the ends before. */
  readsCourse({ when, template }: Notification): boolean {
    const roots = when === null ? [] : this.#deps.conditions.compile(when, NOTIFICATION_ROOTS).roots;
    const own =
      template === null
        ? []
        : typeof template === 'string'
          ? ['failures']
          : this.#deps.conditions.compileValue(template.body, NOTIFICATION_ROOTS).roots;
    return [...roots, ...own].some((root) => root !== 'event');
  }

  /** @throws NotificationError */
  async wants({ when }: Notification, event: NotifiedEvent): Promise<boolean> {
    if (when === null) return true;
    const condition = this.#deps.conditions.compile(when, NOTIFICATION_ROOTS);
    return evaluated('when', when, () => condition.evaluate(scopeOf(event, condition.roots), event.userId));
  }

  /**
   * The message of a template.
   *
   * @param shows in place of the values of secrets; null: these themselves
   * @throws NotificationError
   */
  async make(
    template: NonNullable<Notification['template']>,
    event: NotifiedEvent,
    shows: string | null = null,
  ): Promise<Made> {
    if (typeof template === 'string') {
      const body = JSON.stringify(readyBody(template, event.data, event.course));
      return { headers: { 'content-type': JSON_TYPE }, body };
    }
    const expression = this.#deps.conditions.compileValue(template.body, NOTIFICATION_ROOTS);
    const value = await evaluated('template.body', template.body, () =>
      expression.evaluate(scopeOf(event, expression.roots), event.userId),
    );
    const body = typeof value === 'string' ? value : writeJson(value ?? null);
    const bytes = Buffer.byteLength(body);
    if (bytes > MAX_MESSAGE_BYTES)
      throw new NotificationError(
        `template.body is ${bytes} bytes; at most ${MAX_MESSAGE_BYTES} are allowed`,
      );
    const type = template.content_type ?? (typeof value === 'string' ? TEXT_TYPE : JSON_TYPE);
    return { headers: { ...this.#headers(template, event.userId, shows), 'content-type': type }, body };
  }

  #headers(template: OwnTemplate, userId: string, shows: string | null): Record<string, string> {
    const { secrets } = this.#deps;
    const missing = secrets.whyNot({ names: secretsOf(template), userId, operation: null });
    if (missing !== null) throw new NotificationError(`there is no secret ${missing} for this user any more`);
    const headers = Object.entries(template.headers ?? {}).map(([name, value]): [string, string] => {
      if (typeof value === 'string') return [name.toLowerCase(), value];
      return [name.toLowerCase(), (value.prefix ?? '') + (shows ?? secrets.reveal(value.secret))];
    });
    return Object.fromEntries(headers);
  }
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
