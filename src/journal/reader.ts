// Reads the journals that a runner host on this machine writes. A reader holds two descriptors and one block: however
// long the log and however slow the client, memory stays flat. It never follows a link.
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import {
  type AttemptLog,
  type Journal,
  JournalError,
  type LogRecord,
  type LogStart,
  type StreamName,
} from '../domain/ports/journal.ts';
import type { AttemptName } from '../domain/ports/runner.ts';
import {
  decodeRecord,
  INDEX_ENDING,
  INDEX_MAGIC,
  LOG_ENDING,
  NEW_LOG_ENDING,
  RECORD_BYTES,
  type IndexRecord,
} from './journal-format.ts';

const READ_FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const SHARDS = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));
/** Index records and log bytes that are read at a time. */
const BLOCK_RECORDS = 512;
const BLOCK_BYTES = 256 * 1024;
/** Bytes of another stream that are read along rather than in two reads around them. */
const GAP_BYTES = 4096;

/** Index records that the end of a stream is looked for in: more than that may be what another stream has written since. */
const MAX_LAST_RECORDS = 65_536;

/** Says whose logs these are. */
const OWNER_FILE = 'store-id';

/** Where the log of an attempt lies, without its ending. Runs are spread over 256 directories. */
export function journalPath(dir: string, { runId, attempt }: AttemptName): string {
  return `${dir}/${runId.slice(-2)}/${runId}.${attempt}`;
}

export class FileJournal implements Journal {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  async prepare(instanceId: string): Promise<void> {
    for (const dir of [this.#dir, ...SHARDS.map((shard) => `${this.#dir}/${shard}`)]) {
      await mkdir(dir, { mode: 0o750 }).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      });
    }
    await this.#claimFor(instanceId);
  }

  async #claimFor(instanceId: string): Promise<void> {
    const file = `${this.#dir}/${OWNER_FILE}`;
    const owner = await readFile(file, 'utf8').catch((error: unknown) => {
      if (isMissing(error)) return null;
      throw error;
    });
    if (owner === null) return writeFile(file, `${instanceId}\n`, { mode: 0o640 });
    if (owner.trim() === instanceId) return;
    throw new Error(
      `EXECUTION_LOG_DIR: ${this.#dir} holds the logs of another store (${owner.trim()}). ` +
        `Give this one a directory of its own, or remove ${file} if that store is gone.`,
    );
  }

  async open(name: AttemptName): Promise<AttemptLog | null> {
    return FileLog.open(journalPath(this.#dir, name));
  }

  async exists(name: AttemptName): Promise<boolean> {
    return stat(this.path(name)).then(
      () => true,
      (error: unknown) => {
        if (isMissing(error)) return false;
        throw unreadable(this.path(name), error);
      },
    );
  }

  path(name: AttemptName): string {
    return journalPath(this.#dir, name) + LOG_ENDING;
  }

  async remove(name: AttemptName): Promise<void> {
    const path = journalPath(this.#dir, name);
    for (const ending of [INDEX_ENDING, NEW_LOG_ENDING, LOG_ENDING]) await rm(path + ending, { force: true });
  }

  async *all(): AsyncGenerator<AttemptName[]> {
    for (const shard of SHARDS) {
      const names = await readdir(`${this.#dir}/${shard}`);
      const logs = names.flatMap((name) => /^([0-9a-f-]{36})\.(\d+)\.(?:log|new)$/.exec(name) ?? []);
      const found: AttemptName[] = [];
      for (let i = 0; i < logs.length; i += 3) {
        found.push({ runId: logs[i + 1] as string, attempt: Number(logs[i + 2]) });
      }
      if (found.length > 0) yield found;
    }
  }
}

class FileLog implements AttemptLog {
  size = 0;
  records = 0;
  readonly #path: string;
  #log: FileHandle;
  #index: FileHandle | null;
  #beginning: Promise<void> | null = null;
  #isClosed = false;

  private constructor(path: string, log: FileHandle, index: FileHandle | null) {
    this.#path = path;
    this.#log = log;
    this.#index = index;
  }

  static async open(path: string): Promise<FileLog | null> {
    const { log, index } = await openBoth(path);
    if (log === null) {
      await index?.close();
      return null;
    }
    const opened = new FileLog(path, log, index);
    try {
      await opened.refresh();
      return opened;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  async refresh(): Promise<boolean> {
    if (this.#index === null) await (this.#beginning ??= this.#begin());
    if (this.#index === null) return false;
    const { size } = await this.#readable(this.#index.stat());
    let records = Math.floor((size - INDEX_MAGIC.length) / RECORD_BYTES);
    // After a crash of the machine the last ones may be zeros.
    for (; records > this.records; records--) {
      const [last] = await this.#recordsAt(records - 1, 1);
      if (last === undefined) continue;
      // Another reader may have seen more meanwhile.
      if (records <= this.records) return true;
      this.records = records;
      this.size = last.offset + last.length;
      return true;
    }
    return false;
  }

  /** Until there is an index the log may be a name of another that is empty: it is opened again, once for all readers. */
  async #begin(): Promise<void> {
    try {
      const { log, index } = await openBoth(this.#path);
      const unused = log === null ? null : this.#log;
      this.#log = log ?? this.#log;
      this.#index = index;
      await unused?.close();
      // What was closed meanwhile has closed only what it had then.
      if (this.#isClosed) await this.close();
    } finally {
      this.#beginning = null;
    }
  }

  async locate(start: LogStart): Promise<number> {
    switch (start.from) {
      case 'offset':
        return Math.min(start.offset, this.size);
      case 'since': {
        const first = await this.#search((record) => record.time >= start.time);
        return first === null ? this.size : first.record.offset;
      }
      case 'tail':
        return this.#tail(start.lines, start.stream);
      default:
        return start satisfies never;
    }
  }

  async *read(offset: number): AsyncGenerator<LogRecord> {
    const first = await this.#search((record) => record.offset + record.length > offset);
    if (first === null) return;
    let skip = offset - first.record.offset;
    for (let at = first.at; at < this.records;) {
      const block = await this.#recordsAt(at, Math.min(BLOCK_RECORDS, this.records - at));
      if (block.length === 0) return;
      for await (const [record, bytes] of this.#withBytes(block)) {
        at += 1;
        yield {
          seq: at,
          stream: record.stream,
          time: record.time,
          offset: record.offset + skip,
          bytes: skip === 0 ? bytes : bytes.subarray(skip),
        };
        skip = 0;
      }
    }
  }

  async totals(): Promise<Record<StreamName, number>> {
    const totals = { stdout: 0, stderr: 0 };
    for (let at = 0; at < this.records; at += BLOCK_RECORDS) {
      const block = await this.#recordsAt(at, Math.min(BLOCK_RECORDS, this.records - at));
      for (const { stream, length } of block) totals[stream] += length;
    }
    return totals;
  }

  async last(stream: StreamName, bytes: number): Promise<Uint8Array> {
    const pieces: Buffer[] = [];
    let missing = bytes;
    const stop = Math.max(0, this.records - MAX_LAST_RECORDS);
    for (let end = this.records; end > stop && missing > 0; end -= BLOCK_RECORDS) {
      const from = Math.max(stop, end - BLOCK_RECORDS);
      const block = await this.#recordsAt(from, end - from);
      const found: Buffer[] = [];
      for (const near of lastOf(block, stream, missing)) found.push(...(await this.#eachOf(near)));
      pieces.unshift(...found);
      missing -= found.reduce((sum, piece) => sum + piece.length, 0);
    }
    const all = Buffer.concat(pieces);
    return all.subarray(Math.max(0, all.length - bytes));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    // Nothing has been written that a failure could lose.
    await this.#log.close().catch(() => undefined);
    await this.#index?.close().catch(() => undefined);
  }

  /** First record that fulfils a condition which, once true, stays true. */
  async #search(isAt: (record: IndexRecord) => boolean): Promise<{ at: number; record: IndexRecord } | null> {
    let low = 0;
    let high = this.records;
    let found: { at: number; record: IndexRecord } | null = null;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const [record] = await this.#recordsAt(middle, 1);
      if (record !== undefined && isAt(record)) {
        found = { at: middle, record };
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return found;
  }

  /** Offset of the record or line at which the last `lines` lines of a stream begin. */
  async #tail(lines: number, stream: StreamName | 'all'): Promise<number> {
    if (lines === 0) return this.size;
    // The newline that ends the last line does not begin another one.
    let wanted = lines + 1;
    let isLastByte = true;
    for (let end = this.records; end > 0; end -= BLOCK_RECORDS) {
      const from = Math.max(0, end - BLOCK_RECORDS);
      const block = await this.#recordsAt(from, end - from);
      for (const record of block.reverse()) {
        if (stream !== 'all' && record.stream !== stream) continue;
        const bytes = await this.#bytes(record.offset, record.length);
        if (isLastByte && bytes.at(-1) !== NEWLINE) wanted -= 1;
        isLastByte = false;
        for (
          let at = bytes.lastIndexOf(NEWLINE);
          at >= 0;
          at = at === 0 ? -1 : bytes.lastIndexOf(NEWLINE, at - 1)
        ) {
          wanted -= 1;
          if (wanted === 0) return record.offset + at + 1;
        }
      }
    }
    return 0;
  }

  async #recordsAt(at: number, count: number): Promise<IndexRecord[]> {
    if (this.#index === null) return [];
    const buffer = Buffer.allocUnsafe(count * RECORD_BYTES);
    const position = INDEX_MAGIC.length + at * RECORD_BYTES;
    const { bytesRead } = await this.#readable(this.#index.read(buffer, 0, buffer.length, position));
    const records: IndexRecord[] = [];
    for (let i = 0; (i + 1) * RECORD_BYTES <= bytesRead; i++) {
      const record = decodeRecord(buffer, i * RECORD_BYTES);
      if (record === null) break;
      records.push(record);
    }
    return records;
  }

  /** Records with their bytes: neighbours are read together. */
  async *#withBytes(records: IndexRecord[]): AsyncGenerator<[IndexRecord, Buffer]> {
    for (let i = 0; i < records.length;) {
      const first = records[i] as IndexRecord;
      let end = i;
      let length = 0;
      do {
        length += (records[end] as IndexRecord).length;
        end += 1;
      } while (end < records.length && length + (records[end] as IndexRecord).length <= BLOCK_BYTES);
      const bytes = await this.#bytes(first.offset, length);
      for (; i < end; i++) {
        const record = records[i] as IndexRecord;
        const from = record.offset - first.offset;
        yield [record, bytes.subarray(from, from + record.length)];
      }
    }
  }

  async #bytes(offset: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const reading = this.#log.read(buffer, filled, length - filled, offset + filled);
      const { bytesRead } = await this.#readable(reading);
      if (bytesRead === 0) throw new JournalError(`the log ${this.#path} is shorter than its index`);
      filled += bytesRead;
    }
    return buffer;
  }

  /** The bytes of records that lie near each other, read together. */
  async #eachOf(records: readonly IndexRecord[]): Promise<Buffer[]> {
    const [first] = records as [IndexRecord];
    const last = records.at(-1) as IndexRecord;
    const bytes = await this.#bytes(first.offset, last.offset + last.length - first.offset);
    return records.map(({ offset, length }) =>
      bytes.subarray(offset - first.offset, offset - first.offset + length),
    );
  }

  #readable<T>(reading: Promise<T>): Promise<T> {
    return reading.catch((error: unknown) => {
      throw unreadable(this.#path, error);
    });
  }
}

const NEWLINE = 0x0a;

/** The last records of a stream that have so many bytes of it, or all of a block; those that are read together stand together. */
function lastOf(block: readonly IndexRecord[], stream: StreamName, bytes: number): IndexRecord[][] {
  const groups: IndexRecord[][] = [];
  let missing = bytes;
  let end = -Infinity;
  for (const record of block.toReversed()) {
    if (record.stream !== stream) continue;
    if (missing <= 0) break;
    const [near] = groups;
    const isNear =
      near !== undefined && (near[0] as IndexRecord).offset - record.offset - record.length <= GAP_BYTES;
    if (isNear && end - record.offset <= BLOCK_BYTES) near.unshift(record);
    else {
      groups.unshift([record]);
      end = record.offset + record.length;
    }
    missing -= record.length;
  }
  return groups;
}

/** The index comes first: where there is one, the log is the attempt's own. */
async function openBoth(path: string): Promise<Record<'log' | 'index', FileHandle | null>> {
  const index = await openFile(path + INDEX_ENDING);
  try {
    return { log: await openFile(path + LOG_ENDING), index };
  } catch (error) {
    await index?.close();
    throw error;
  }
}

/** Opens a regular file for reading; null when it is not there. */
async function openFile(path: string): Promise<FileHandle | null> {
  let file: FileHandle | null = null;
  try {
    file = await open(path, READ_FILE);
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (error) {
    await file?.close().catch(() => undefined);
    if (isMissing(error)) return null;
    throw unreadable(path, error);
  }
  throw new JournalError(`${path} is not a file`);
}

function unreadable(path: string, cause: unknown): JournalError {
  return new JournalError(`${path} cannot be read: ${(cause as Error).message}`, { cause });
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
