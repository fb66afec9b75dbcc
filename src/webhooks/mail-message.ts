// What a webhook says by mail: a subject and a text, of a template or of the event itself. Both may hold what a command or a user has
// written: it is text there, and no header.
import { MAX_SUBJECT } from '../domain/spec/mail.ts';
import type { Course } from '../domain/spec/notification.ts';
import { lineOf } from './ready.ts';

/** A line break would begin another header; what turns the direction of a line would hide a part of it. */
// eslint-disable-next-line no-control-regex
const NO_TEXT = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g;

/** One line of at most 200 characters. */
export function asSubject(text: string): string {
  const line = text.toWellFormed().replaceAll(NO_TEXT, ' ').trim();
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
