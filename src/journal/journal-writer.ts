// Writes the journal of one attempt. Bytes are never put out of order, and never recorded before they are written.
// Writing runs beside the loop: while one buffer is being written the other one fills, and when that is full too, the
// pipes are not read. A slow disk therefore stops the command, and nothing else.
import { Buffer } from 'node:buffer';
import { close, closeSync, constants, openSync, write } from 'node:fs';
import { promisify } from 'node:util';
import {
  encodeRecords,
  INDEX_ENDING,
  INDEX_MAGIC,
  type IndexRecord,
  type JournalStream,
  LOG_ENDING,
  MAX_RECORD_BYTES,
} from './journal-format.ts';

const closeAsync = promisify(close);
const APPEND = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_APPEND;
const NEW_FILE = APPEND | constants.O_CREAT | constants.O_EXCL;

/** From here on a buffer counts as full; it has room for one more piece of a pipe. */
const FULL_BYTES = 65_536;
const BUFFER_BYTES = FULL_BYTES + 65_536 + 16;
/** Buffers that wait for their next use; a host with little output needs few, however many attempts it runs. */
const spare: Buffer[] = [];
const MAX_SPARE = 16;

/** Bytes on their way to the log, with their records. */
interface Batch {
  buffer: Buffer;
  length: number;
  records: IndexRecord[];
}

export class JournalWriter {
  /** Bytes that are in the log and recorded, by stream. */
  readonly kept: Record<JournalStream, number> = { stdout: 0, stderr: 0 };
  records = 0;
  readonly #path: string;
  readonly #onFailure: (error: Error) => void;
  /** Open from the first bytes on: thousands of attempts may wait for theirs. */
  #logFd: number | null = null;
  #indexFd: number | null = null;
  #hasIndex = false;
  /** Where the next byte will stand in the log. */
  #offset = 0;
  #filling: Batch | null = null;
  #writing: Promise<void> | null = null;
  #hasFailed = false;
  #onDrained: (() => void) | null = null;

  /**
   * Creates the log; it must not exist. The index comes with the first bytes.
   *
   * @param path      without its ending
   * @param onFailure called at most once; nothing is written afterwards
   */
  constructor(path: string, onFailure: (error: Error) => void) {
    this.#path = path;
    this.#onFailure = onFailure;
    closeSync(openSync(path + LOG_ENDING, NEW_FILE, 0o640));
  }

  /** Bytes that were appended, written or not. */
  get size(): number {
    return this.#offset;
  }

  /** Whether nothing more must be appended until it has drained. */
  get isFull(): boolean {
    return (this.#filling?.length ?? 0) >= FULL_BYTES;
  }

  /** Takes a copy; who appends more than one piece of a pipe after it was full takes more memory. `time` is that of its arrival, ms since the epoch. */
  append(stream: JournalStream, bytes: Uint8Array, time: number): void {
    if (this.#hasFailed) return;
    this.#filling ??= { buffer: spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES), length: 0, records: [] };
    const batch = this.#filling;
    if (batch.length + bytes.length > batch.buffer.length) makeRoom(batch, bytes.length);
    batch.buffer.set(bytes, batch.length);
    batch.length += bytes.length;
    const last = batch.records.at(-1);
    // What came from one stream without a break is one record, with the time of its first bytes.
    if (last?.stream === stream && last.length + bytes.length <= MAX_RECORD_BYTES)
      last.length += bytes.length;
    else batch.records.push({ offset: this.#offset, length: bytes.length, stream, time });
    this.#offset += bytes.length;
    this.#writing ??= this.#writeAll();
  }

  /** Whether there is something to write, or a file is open. */
  get isBusy(): boolean {
    return this.#writing !== null || this.#logFd !== null;
  }

  /** Calls `fn` once, when there is room again. */
  whenDrained(fn: () => void): void {
    this.#onDrained = fn;
    if (this.#writing === null) this.#drained();
  }

  /** Writes what is left and closes the files; what is appended later opens them again. */
  async close(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
    const open = [this.#logFd, this.#indexFd];
    this.#logFd = this.#indexFd = null;
    for (const fd of open) if (fd !== null) await closeAsync(fd);
  }

  async #writeAll(): Promise<void> {
    for (;;) {
      const batch = this.#filling;
      if (batch === null) break;
      this.#filling = null;
      this.#drained();
      try {
        await this.#write(batch);
      } catch (error) {
        this.#hasFailed = true;
        this.#filling = null;
        this.#onFailure(error as Error);
      }
      if (spare.length < MAX_SPARE && batch.buffer.length === BUFFER_BYTES) spare.push(batch.buffer);
    }
    this.#writing = null;
    this.#drained();
  }

  async #write({ buffer, length, records }: Batch): Promise<void> {
    this.#logFd ??= openSync(this.#path + LOG_ENDING, APPEND);
    await writeFully(this.#logFd, buffer.subarray(0, length));
    const index = encodeRecords(records);
    if (this.#hasIndex) {
      this.#indexFd ??= openSync(this.#path + INDEX_ENDING, APPEND);
      await writeFully(this.#indexFd, index);
    } else {
      this.#indexFd = openSync(this.#path + INDEX_ENDING, NEW_FILE, 0o640);
      this.#hasIndex = true;
      await writeFully(this.#indexFd, Buffer.concat([INDEX_MAGIC, index]));
    }
    for (const { stream, length: recorded } of records) this.kept[stream] += recorded;
    this.records += records.length;
  }

  #drained(): void {
    const fn = this.#onDrained;
    this.#onDrained = null;
    fn?.();
  }
}

/** What was held back, to be redacted, may come on top of a piece. */
function makeRoom(batch: Batch, bytes: number): void {
  const larger = Buffer.allocUnsafeSlow(batch.length + bytes);
  batch.buffer.copy(larger, 0, 0, batch.length);
  batch.buffer = larger;
}

/** Writes all bytes: a single call may write fewer, on a disk that is nearly full. */
async function writeFully(fd: number, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await writeOnce(fd, bytes.subarray(at));
}

function writeOnce(fd: number, bytes: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, (error, written) => (error === null ? resolve(written) : reject(error)));
  });
}
