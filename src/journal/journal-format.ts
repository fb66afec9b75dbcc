// The journal of one attempt, pure. Two files: `<path>.log` holds the bytes of both streams in the order of their
// arrival and nothing else; `<path>.idx` says which piece came from where and when. A record is written after its bytes,
// so that what the index covers is always there. Golden files: test/fixtures/journal.
// A log to which nothing has been written may be a name (hard link) of another such. Before its first bytes it is replaced
// by a file of its own, which is `<path>.new` for a moment; the index comes after that.
//
//   index  = magic "EXJIDX1\n" · records
//   record = u64 offset · u32 length · u8 stream (1 stdout, 2 stderr) · 3 bytes zero · i64 time (ms since the epoch)
import { Buffer } from 'node:buffer';

export const LOG_ENDING = '.log';
export const NEW_LOG_ENDING = '.new';
export const INDEX_ENDING = '.idx';
export const INDEX_MAGIC = Buffer.from('EXJIDX1\n', 'latin1');
export const RECORD_BYTES = 24;
/** Records are not merged beyond this; a reader needs no more memory for one than for what a pipe gives at once. */
export const MAX_RECORD_BYTES = 65_536;

const STREAM_CODES = { stdout: 1, stderr: 2 } as const;
export type JournalStream = keyof typeof STREAM_CODES;

export interface IndexRecord {
  offset: number;
  length: number;
  stream: JournalStream;
  /** Milliseconds since the epoch. */
  time: number;
}

/** Writes index records, one after the other. */
export function encodeRecords(records: readonly IndexRecord[]): Buffer {
  const buffer = Buffer.alloc(records.length * RECORD_BYTES);
  records.forEach(({ offset, length, stream, time }, i) => {
    const at = i * RECORD_BYTES;
    buffer.writeBigUInt64BE(BigInt(offset), at);
    buffer.writeUInt32BE(length, at + 8);
    buffer.writeUInt8(STREAM_CODES[stream], at + 12);
    buffer.writeBigInt64BE(BigInt(time), at + 16);
  });
  return buffer;
}

/** Reads the record at a byte position; null when it is not one (a torn write after a crash of the machine). */
export function decodeRecord(buffer: Buffer, at: number): IndexRecord | null {
  const code = buffer.readUInt8(at + 12);
  const stream = code === STREAM_CODES.stdout ? 'stdout' : code === STREAM_CODES.stderr ? 'stderr' : null;
  if (stream === null) return null;
  return {
    offset: Number(buffer.readBigUInt64BE(at)),
    length: buffer.readUInt32BE(at + 8),
    stream,
    time: Number(buffer.readBigInt64BE(at + 16)),
  };
}

/** Number of bytes at the end that begin a UTF-8 sequence without finishing it: 0 to 3. */
export function unfinishedUtf8(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? back : 0;
    }
  }
  return 0;
}
