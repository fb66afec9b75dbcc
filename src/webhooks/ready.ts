// Ready messages for chats: one line that says what ended how, and why. What it holds of a command or a user is text there: no
// mention, no link, no formatting.
import type { Course, ReadyTemplate } from '../domain/spec/notification.ts';

interface Said {
  type?: unknown;
  status?: unknown;
  kind?: unknown;
  operation?: unknown;
  step?: unknown;
  execution_id?: unknown;
  user_id?: unknown;
  balance?: unknown;
  threshold?: unknown;
  schedule?: unknown;
  silent_after_ms?: unknown;
  error?: { message?: unknown } | null;
}

const MAX_LINE = 1500;
const MARKS: Readonly<Record<string, string>> = {
  completed: '✅',
  failed: '❌',
  timed_out: '⏱️',
  cancelled: '🚫',
  late_start: '⏰',
  late: '⏰',
  stuck: '🧊',
};

/** What an event says, in one line. */
export function lineOf(event: object, { failures }: Course): string {
  const said = event as Said;
  const text = (value: unknown) =>
    typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  if (said.type === 'low_balance')
    return `⚠️ The balance of ${text(said.user_id)} is ${text(said.balance)}, below ${text(said.threshold)}.`;
  if (said.type === 'silent')
    return `🔇 No run of the schedule ${text(said.schedule)} has completed for ${text(said.silent_after_ms)} ms.`;
  const type = text(said.type) || 'test';
  const name = [text(said.operation) || text(said.kind) || 'execd', text(said.step)]
    .filter(Boolean)
    .join(' / ');
  const row = failures > 1 ? ` (${failures} in a row)` : '';
  const why = typeof said.error?.message === 'string' ? `: ${said.error.message}` : '';
  const id = text(said.execution_id);
  const line = `${MARKS[type] ?? 'ℹ️'} ${name} ${type.replaceAll('_', ' ')}${row}${why}`;
  return `${line.slice(0, MAX_LINE)}${id === '' ? '' : ` – ${id}`}`.replaceAll(/[\r\n]+/g, ' ');
}

const forSlack = (text: string) =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[*_~`]/g, '\u200b$&');
const forMarkdown = (text: string) => text.replaceAll(/[\\*_~`|>[\]()#]/g, String.raw`\$&`);

/** The body of a ready message. */
export function readyBody(template: ReadyTemplate, event: object, course: Course): object {
  const line = lineOf(event, course);
  switch (template) {
    case 'slack':
      return { text: forSlack(line) };
    case 'discord':
      return { content: forMarkdown(line), allowed_mentions: { parse: [] } };
    case 'teams': {
      const block = { type: 'TextBlock', text: forMarkdown(line), wrap: true };
      const content = {
        $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
        type: 'AdaptiveCard',
        version: '1.4',
        body: [block],
      };
      return {
        type: 'message',
        attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content }],
      };
    }
    default:
      return template satisfies never;
  }
}
