// What a webhook says by mail: a subject and a text, of a template or of the event itself. Both may hold what a command or a user has
// written: it is text there, and no header.
import { oneLine } from '../domain/one-line.ts';
import { MAX_SUBJECT } from '../domain/spec/mail.ts';
import type { Course } from '../domain/spec/notification.ts';
import { lineOf } from './ready.ts';

/** One line, which can begin no other header, of at most 200 characters. */
export function asSubject(text: string): string {
  const line = oneLine(text);
  return line.length <= MAX_SUBJECT ? line : `${line.slice(0, MAX_SUBJECT - 1).toWellFormed()}…`;
}

/** The subject of an event without a template: what a ready message says. */
export const subjectLine = (event: object, course: Course): string => asSubject(lineOf(event, course));

/** Fields of an event that a mail shows, in this order. */
const SHOWN = [
  'status',
  'kind',
  'operation',
  'step',
  'task_id',
  'attempt',
  'time',
  'execution_id',
  'plan_id',
];

/** The text of an event without a template: its line, and its facts, one a line. */
export function plainText(event: object, course: Course): string {
  const facts = event as Readonly<Record<string, unknown>>;
  const lines = SHOWN.flatMap((name) => {
    const value = facts[name];
    return typeof value === 'string' || typeof value === 'number' ? [`${name}: ${value}`] : [];
  });
  const result = facts.result === undefined ? [] : ['', `result: ${JSON.stringify(facts.result)}`];
  return `${[lineOf(event, course), '', ...lines, ...result].join('\n')}\n`;
}
