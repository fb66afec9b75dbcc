// The lines of a log: what is written to each stream, cut at its line ends. Lines of two streams that were written in turns
// come whole, in the order of their ends.
import type { LogItem } from '../../engine/engine.ts';
import type { StreamName } from '../../domain/ports/journal.ts';

export type RecordItem = LogItem & { type: 'record' };

/** A longer line is cut, bytes. */
const MAX_LINE = 64 * 1024;
const NEWLINE = 0x0a;

interface Held {
  /** The record that the line begins in: its time is that of the line. */
  first: RecordItem;
  pieces: Uint8Array[];
  bytes: number;
}

/** Each record is a line, with its end, which only the last one of a stream may lack. */
export async function* linesOf(items: AsyncIterable<LogItem>): AsyncGenerator<LogItem> {
  const held = new Map<StreamName, Held>();
  for await (const item of items) {
    if (item.type === 'waiting') {
      yield item;
    } else if (item.type === 'end') {
      yield* rest(held);
      yield item;
    } else {
      const attempt = held.values().next().value?.first.attempt;
      if (attempt !== undefined && attempt !== item.attempt) yield* rest(held);
      yield* cut(held, item);
    }
  }
}

function* rest(held: Map<StreamName, Held>): Generator<RecordItem> {
  for (const line of held.values()) yield whole(line, line.first.cursor);
  held.clear();
}

function* cut(held: Map<StreamName, Held>, item: RecordItem): Generator<RecordItem> {
  const { stream, bytes, offset } = item.record;
  for (let at = 0; at < bytes.length;) {
    const line = held.get(stream) ?? { first: item, pieces: [], bytes: 0 };
    const newline = bytes.indexOf(NEWLINE, at);
    const most = at + MAX_LINE - line.bytes;
    const end = Math.min(newline < 0 ? bytes.length : newline + 1, most);
    line.pieces.push(bytes.subarray(at, end));
    line.bytes += end - at;
    const isWhole = newline + 1 === end || line.bytes === MAX_LINE;
    at = end;
    if (isWhole) {
      held.delete(stream);
      yield whole(line, { attempt: item.attempt, offset: offset + end });
    } else {
      line.first = { ...line.first, cursor: item.cursor };
      held.set(stream, line);
    }
  }
}

function whole({ first, pieces }: Held, cursor: RecordItem['cursor']): RecordItem {
  const bytes = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
  return { ...first, record: { ...first.record, bytes }, cursor };
}
