// What a command says of its progress in lines of JSON, read strictly: whatever a line holds, a reader sees a percentage, a line of
// text and some numbers.
import { oneLine } from './one-line.ts';

/** What a line says. */
export interface Said {
  percent: number | null;
  message: string | null;
  metrics: Record<string, number>;
}

/** The most characters of a line; longer lines are ignored. */
export const MAX_LINE = 2000;
const MAX_MESSAGE = 500;
const MAX_METRICS = 20;
const METRIC = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/;

/** Null for a line that says nothing of progress. */
export function readJson(line: string): Said | null {
  if (line.length > MAX_LINE || !line.trimStart().startsWith('{')) return null;
  let value: { percent?: unknown; message?: unknown; metrics?: unknown };
  try {
    value = JSON.parse(line) as typeof value;
  } catch {
    return null;
  }
  const said = {
    percent: percentOf(value.percent),
    message: messageOf(value.message),
    metrics: metricsOf(value.metrics),
  };
  const isSilent = said.percent === null && said.message === null && Object.keys(said.metrics).length === 0;
  return isSilent ? null : said;
}

export function percentOf(value: unknown): number | null {
  if (typeof value !== 'number' || !Number.isFinite(value)) return null;
  return Math.round(Math.min(100, Math.max(0, value)) * 100) / 100;
}

export function messageOf(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const text = oneLine(value);
  return text === '' ? null : text.slice(0, MAX_MESSAGE).toWellFormed();
}

function metricsOf(value: unknown): Record<string, number> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  const isSound = ([name, one]: [string, unknown]) =>
    METRIC.test(name) && typeof one === 'number' && Number.isFinite(one);
  return Object.fromEntries(Object.entries(value).filter(isSound).slice(0, MAX_METRICS)) as Record<
    string,
    number
  >;
}

/** Lines that come in pieces. Of a line that is too long, no more is kept than shows that it is. */
export class ProgressLines {
  readonly #decoder = new TextDecoder();
  #open = '';
  /** What was said last; null: nothing yet. */
  last: Said | null = null;
  /** Lines that say nothing of progress. */
  badLines = 0;
  /** A text without the secrets of the command. */
  redact: (text: string) => string = (text) => text;

  add(bytes: Uint8Array): void {
    const lines = (this.#open + this.#decoder.decode(bytes, { stream: true })).split('\n');
    this.#open = (lines.pop() ?? '').slice(0, MAX_LINE + 1);
    for (const line of lines) {
      if (line.trim() === '') continue;
      const said = readJson(this.redact(line));
      if (said === null) this.badLines += 1;
      // Once more: JSON may have written it in another way.
      else this.last = { ...said, message: said.message === null ? null : this.redact(said.message) };
    }
  }
}
