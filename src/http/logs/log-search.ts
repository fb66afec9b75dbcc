// Searching a log, line by line. Patterns are those of RE2, whose time grows with the length of a line and not beyond: no
// pattern can hold the server up. How long a search may take in all is bounded, too.
import { RE2JS, RE2JSException } from 're2js';
import { RefusedError } from '../../domain/errors.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { LogItem } from '../../engine/engine.ts';
import type { SearchQuery } from '../edge/search-query.ts';
import { linesOf, type RecordItem } from './log-lines.ts';

/** A line of an answer; null for a gap between lines that are not neighbours. */
export type Found = LogItem | { type: 'match'; item: RecordItem; isMatch: boolean } | { type: 'gap' };

type Matches = (line: string) => boolean;

/** Time that the matching of one search may take, milliseconds. */
const MOST_MS = 10_000;
/** And how long others wait for it at a time. */
const SLICE_MS = 20;
/** Most lines that wait to be the context of a match, bytes. */
const MOST_HELD = 1024 * 1024;

/** @throws RefusedError `validation` when the pattern cannot be used */
function matcherOf({ q, regex }: SearchQuery): Matches {
  if (regex === undefined) {
    const wanted = (q ?? '').toLowerCase();
    return (line) => line.toLowerCase().includes(wanted);
  }
  try {
    const pattern = RE2JS.compile(regex);
    return (line) => pattern.test(line);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    const message = `must be a regular expression of RE2: ${error.message}`;
    throw new RefusedError('validation', `?regex: ${message}`, { fields: [{ field: '?regex', message }] });
  }
}

/**
 * A search: the lines of a log that match, each with its context. Several logs may go through it, which share its time.
 *
 * @throws RefusedError `validation` when the pattern cannot be used
 */
export function searchOf(
  query: SearchQuery,
  clock: Pick<Clock, 'monotonic' | 'sleep'>,
): (items: AsyncIterable<LogItem>) => AsyncGenerator<Found> {
  const matches = matcherOf(query);
  const turn = new Turn(clock);
  return (items) => found(linesOf(items), { matches, context: query.context, turn });
}

async function* found(
  lines: AsyncIterable<LogItem>,
  { matches, context, turn }: { matches: Matches; context: number; turn: Turn },
): AsyncGenerator<Found> {
  const decoder = new TextDecoder();
  const before = new Before(context);
  let after = 0;
  let hasShown = false;
  let cursor = { attempt: 1, offset: 0 };
  for await (const item of lines) {
    if (item.type !== 'record') {
      yield item;
      continue;
    }
    cursor = item.cursor;
    await turn.next();
    const isMatch = turn.take(() => matches(decoder.decode(item.record.bytes).replace(/\r?\n$/, '')));
    if (isMatch) {
      const { lines: near, hasGap } = before.take();
      if (hasGap && hasShown) yield { type: 'gap' };
      hasShown = true;
      for (const one of near) yield { type: 'match', item: one, isMatch: false };
    }
    if (isMatch) after = context;
    if (isMatch || after > 0) {
      yield { type: 'match', item, isMatch };
      if (!isMatch) after -= 1;
    } else {
      before.add(item);
    }
    if (turn.usedMs <= MOST_MS) continue;
    yield cutShort(cursor);
    return;
  }
}

/** What the end of a search says that took too long: it goes on at the cursor. */
function cutShort(cursor: RecordItem['cursor']): LogItem {
  const none = { records: 0, stdoutBytes: 0, stderrBytes: 0, stdoutKeptBytes: 0, stderrKeptBytes: 0 };
  return { type: 'end', complete: false, ...none, isCut: false, outcome: null, cursor };
}

/** Lets others have their turn between lines, and counts what the matching takes. */
class Turn {
  readonly #clock: Pick<Clock, 'monotonic' | 'sleep'>;
  usedMs = 0;
  #sliceMs = 0;

  constructor(clock: Pick<Clock, 'monotonic' | 'sleep'>) {
    this.#clock = clock;
  }

  async next(): Promise<void> {
    if (this.#sliceMs < SLICE_MS) return;
    this.#sliceMs = 0;
    await this.#clock.sleep(0);
  }

  take<T>(work: () => T): T {
    const begunAt = this.#clock.monotonic();
    const result = work();
    const ms = this.#clock.monotonic() - begunAt;
    this.usedMs += ms;
    this.#sliceMs += ms;
    return result;
  }
}

/** The last lines that did not match. */
class Before {
  readonly #most: number;
  #lines: RecordItem[] = [];
  #bytes = 0;
  #hasDropped = false;

  constructor(most: number) {
    this.#most = most;
  }

  add(item: RecordItem): void {
    this.#lines.push(item);
    this.#bytes += item.record.bytes.length;
    while (this.#lines.length > this.#most || (this.#bytes > MOST_HELD && this.#lines.length > 0)) {
      this.#bytes -= this.#lines.shift()?.record.bytes.length ?? 0;
      this.#hasDropped = true;
    }
  }

  take(): { lines: RecordItem[]; hasGap: boolean } {
    const taken = { lines: this.#lines, hasGap: this.#hasDropped && this.#most > 0 };
    this.#lines = [];
    this.#bytes = 0;
    this.#hasDropped = false;
    return taken;
  }
}
