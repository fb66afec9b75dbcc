// What a log looks like on the wire: text, records, bytes, and its end.
import type { LogCursor, LogEnd, LogItem } from '../../engine/engine.ts';
import { exitCodeOf } from '../../domain/outcome.ts';
import { unfinished } from '../../domain/utf8.ts';
import { NOTHING_YET, type Piece } from '../edge/pump.ts';
import { isoTime } from '../edge/times.ts';
import { textOrBase64 } from '../events/event-wire.ts';
import type { Found } from './log-search.ts';

export interface Format {
  format: 'text' | 'ndjson' | 'raw';
  /** Of text: each record is a line, and has its time before it. */
  timestamps: boolean;
}

export async function* formatted(
  items: AsyncIterable<Found>,
  { format, timestamps }: Format,
): AsyncGenerator<Piece> {
  const decoder = new TextDecoder();
  for await (const item of items) {
    if (item.type === 'waiting') {
      yield NOTHING_YET;
    } else if (item.type === 'gap') {
      if (format === 'text') yield { bytes: '--\n' };
    } else if (item.type === 'end') {
      const end = JSON.stringify(toEndWire(item));
      if (format === 'ndjson') yield { bytes: `${end}\n` };
      if (format === 'text') yield { bytes: decoder.decode() };
      yield { end };
    } else if (format === 'ndjson') {
      yield { bytes: `${JSON.stringify(toFoundWire(item))}\n` };
    } else {
      const { record } = item.type === 'match' ? item.item : item;
      if (format === 'raw') yield { bytes: record.bytes };
      else if (item.type === 'match' || timestamps) yield { bytes: lineOf(record, timestamps) };
      else yield { bytes: decoder.decode(record.bytes, { stream: true }) };
    }
  }
}

/** A line by itself, whose end may be missing. */
function lineOf({ bytes, time }: RecordOf, timestamps: boolean): string {
  const text = new TextDecoder().decode(bytes);
  return `${timestamps ? `${isoTime(time)} ` : ''}${text}${text.endsWith('\n') ? '' : '\n'}`;
}
type RecordOf = (LogItem & { type: 'record' })['record'];

export const toFoundWire = (item: Extract<Found, { type: 'record' | 'match' }>): object =>
  item.type === 'match' ? { ...toRecordWire(item.item), match: item.isMatch } : toRecordWire(item);

export function toRecordWire({ attempt, record, cursor }: LogItem & { type: 'record' }): object {
  const { seq, stream, time, bytes } = record;
  return { seq, attempt, stream, time: isoTime(time), ...textOrBase64(bytes), cursor: cursorText(cursor) };
}

/** Output whose characters are whole where they go on: the first bytes of one wait for the others. */
export async function* withWholeCharacters(items: AsyncIterable<LogItem>): AsyncGenerator<LogItem> {
  let held: (LogItem & { type: 'record' }) | null = null;
  for await (const item of items) {
    if (item.type === 'waiting') {
      yield item;
      continue;
    }
    if (item.type === 'end') {
      if (held !== null) yield held;
      yield item;
      return;
    }
    const { attempt, record, cursor } = item;
    const goesOn = held?.attempt === attempt && held.record.stream === record.stream;
    if (held !== null && !goesOn) {
      yield held;
      held = null;
    }
    const bytes: Uint8Array = held === null ? record.bytes : Buffer.concat([held.record.bytes, record.bytes]);
    const offset: number = held === null ? record.offset : held.record.offset;
    const rest = unfinished(bytes);
    const cut = bytes.length - rest;
    // Where it begins in the log: in this record, unless even all of this is not a whole character.
    const restAt: number = cut === 0 ? offset : cursor.offset - rest;
    if (cut > 0) {
      const shown = { ...record, offset, bytes: bytes.subarray(0, cut) };
      yield { ...item, record: shown, cursor: { attempt, offset: rest === 0 ? cursor.offset : restAt } };
    }
    held = rest === 0 ? null : { ...item, record: { ...record, offset: restAt, bytes: bytes.subarray(cut) } };
  }
}

export function toEndWire(end: LogEnd): object {
  return {
    end: true,
    complete: end.complete,
    truncated: end.stdoutKeptBytes + end.stderrKeptBytes < end.stdoutBytes + end.stderrBytes,
    records: end.records,
    stdout_bytes: end.stdoutBytes,
    stderr_bytes: end.stderrBytes,
    stdout_kept_bytes: end.stdoutKeptBytes,
    stderr_kept_bytes: end.stderrKeptBytes,
    ...(end.outcome === null
      ? { exit_code: null, cause: null }
      : { exit_code: exitCodeOf(end.outcome), cause: end.outcome.cause }),
    cursor: cursorText(end.cursor),
  };
}

export const cursorText = ({ attempt, offset }: LogCursor): string => `${attempt}.${offset}`;
