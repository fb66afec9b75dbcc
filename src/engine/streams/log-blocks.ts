// Pieces of logs that are read once for all who follow: records as they arrived, or lines. A block begins where a reader
// stands and ends, where the log goes on, near a border that is the same for all, so that readers who started apart come together.
import { LRUCache } from 'lru-cache';
import type { ExecutionId } from '../../domain/ids.ts';
import type { AttemptLog, Journal, LogRecord, LogStart, StreamName } from '../../domain/ports/journal.ts';
import type { AttemptName } from '../../domain/ports/runner.ts';
import { unfinished } from '../../domain/utf8.ts';

/** `records`: each as it arrived. `lines`: one line each. */
export type OutputForm = 'records' | 'lines';
/** `bytes`: each record as it is, a character that it cuts too. */
type BlockForm = OutputForm | 'bytes';

/** A record of the log, or a line. */
export interface LogPiece {
  attempt: number;
  stream: StreamName;
  /** Of the last record that it has bytes of. */
  seq: number;
  /** When that arrived, ms since the epoch. */
  time: number;
  /** Where it begins and ends in the log of the attempt. */
  offset: number;
  end: number;
  bytes: Uint8Array;
}

export interface LogBlock {
  pieces: readonly LogPiece[];
  /** Where the next block begins; where this one began when there is nothing yet. */
  end: number;
}

/** Readers come together where the log passes a multiple of this, and a block holds no more. */
const BLOCK_BYTES = 64 * 1024;
/** The same for the numbers of records. */
const BLOCK_RECORDS = 512;
/** Bytes of all blocks in memory. */
const CACHE_BYTES = 16 * 1024 * 1024;

interface OpenLog {
  log: Promise<AttemptLog | null>;
  readers: number;
  isDropped: boolean;
}

/** The logs of a run that are open, each with two descriptors, while somebody follows it. */
interface FollowedRun {
  followers: number;
  logs: Map<number, OpenLog>;
}

export class LogBlocks {
  readonly #journal: Pick<Journal, 'open'>;
  readonly #blocks = new LRUCache<string, LogBlock>({ maxSize: CACHE_BYTES, max: 4096 });
  /** Reads under way. */
  readonly #reading = new Map<string, Promise<LogBlock | null>>();
  readonly #followed = new Map<ExecutionId, FollowedRun>();

  constructor(journal: Pick<Journal, 'open'>) {
    this.#journal = journal;
  }

  /** To be called before the logs of a run are read; answers how to end it. */
  follow(runId: ExecutionId): () => void {
    const run = this.#followed.get(runId) ?? { followers: 0, logs: new Map<number, OpenLog>() };
    this.#followed.set(runId, run);
    run.followers += 1;
    return () => {
      run.followers -= 1;
      if (run.followers > 0) return;
      this.#followed.delete(runId);
      for (const open of run.logs.values()) drop(open);
    };
  }

  /**
   * The block that begins at an offset; null when the attempt has no log.
   *
   * `isOver`: the attempt has ended, so that what is there is all there will be.
   */
  read(
    name: AttemptName,
    { offset, isOver, form }: Omit<BlockPlace, 'attempt'>,
  ): Promise<LogBlock | null> | LogBlock {
    const key = `${name.runId}.${name.attempt} ${offset} ${form}`;
    const known = this.#blocks.get(key);
    if (known !== undefined) return known;
    // Who knows that it is over may not be given what somebody reads who does not.
    const readKey = `${key} ${isOver}`;
    let reading = this.#reading.get(readKey);
    if (reading === undefined) {
      reading = this.#read(name, { offset, isOver, form }).then((block) => {
        if (block !== null && block.pieces.length > 0) {
          this.#blocks.set(key, block, { size: block.end - offset + 200 * block.pieces.length });
        }
        return block;
      });
      reading = reading.finally(() => this.#reading.delete(readKey));
      this.#reading.set(readKey, reading);
    }
    return reading;
  }

  /** The log of an attempt for one who follows it: its descriptors, and what is read, are shared with all who do. */
  async open(name: AttemptName): Promise<AttemptLog | null> {
    const end = this.follow(name.runId);
    const open = this.#acquire(name);
    const close = async () => {
      open.readers -= 1;
      closeUnused(open);
      end();
    };
    try {
      const log = await open.log;
      if (log !== null) return new FollowedLog(log, (offset) => this.#recordsOf(name, offset), close);
    } catch (error) {
      await close();
      throw error;
    }
    await close();
    return null;
  }

  async *#recordsOf(name: AttemptName, from: number): AsyncGenerator<LogRecord> {
    for (let offset = from; ;) {
      const block = await this.read(name, { offset, isOver: false, form: 'bytes' });
      if (block === null || block.pieces.length === 0) return;
      yield* block.pieces;
      offset = block.end;
    }
  }

  async #read(name: AttemptName, place: Omit<BlockPlace, 'attempt'>): Promise<LogBlock | null> {
    const open = this.#acquire(name);
    try {
      const log = await open.log;
      if (log === null) return null;
      await log.refresh();
      return await readBlock(log, { attempt: name.attempt, ...place });
    } finally {
      open.readers -= 1;
      closeUnused(open);
    }
  }

  #acquire(name: AttemptName): OpenLog {
    const logs = this.#followed.get(name.runId)?.logs;
    const known = logs?.get(name.attempt);
    const open: OpenLog = known ?? { log: this.#journal.open(name), readers: 0, isDropped: false };
    open.readers += 1;
    if (known !== undefined) return open;
    logs?.set(name.attempt, open);
    // One that is not there yet, or cannot be read now, is looked for again.
    const forget = () => logs?.delete(name.attempt);
    open.log.then((log) => log ?? forget(), forget);
    open.isDropped = logs === undefined;
    return open;
  }
}

/** As one reader sees it. */
class FollowedLog implements AttemptLog {
  readonly #log: AttemptLog;
  readonly read: AttemptLog['read'];
  readonly close: AttemptLog['close'];

  constructor(log: AttemptLog, read: AttemptLog['read'], close: AttemptLog['close']) {
    this.#log = log;
    this.read = read;
    this.close = close;
  }

  get size(): number {
    return this.#log.size;
  }

  get records(): number {
    return this.#log.records;
  }

  refresh(): Promise<boolean> {
    return this.#log.refresh();
  }

  locate(start: LogStart): Promise<number> {
    return this.#log.locate(start);
  }

  last(stream: StreamName, bytes: number): Promise<Uint8Array> {
    return this.#log.last(stream, bytes);
  }

  totals(): Promise<Record<StreamName, number>> {
    return this.#log.totals();
  }
}

function drop(open: OpenLog): void {
  open.isDropped = true;
  closeUnused(open);
}

function closeUnused(open: OpenLog): void {
  if (!open.isDropped || open.readers > 0) return;
  open.log.then((log) => log?.close()).catch(() => undefined);
}

interface BlockPlace {
  attempt: number;
  offset: number;
  isOver: boolean;
  form: BlockForm;
}

async function readBlock(log: AttemptLog, place: BlockPlace): Promise<LogBlock> {
  const { offset, isOver } = place;
  const border = (Math.floor(offset / BLOCK_BYTES) + 1) * BLOCK_BYTES;
  const cutter = new Cutter(place);
  let isCut = false;
  for await (const record of log.read(offset)) {
    const end = record.offset + record.bytes.length;
    isCut = end >= border || record.seq % BLOCK_RECORDS === 0;
    // A record stays whole: the next block begins with it.
    if (end > border && !cutter.isEmpty) break;
    cutter.add(record);
    if (isCut) break;
  }
  // A character or a line may go on beyond the border, or in what is not written yet: its first bytes wait for the others.
  if (isOver && !isCut) cutter.end();
  if (cutter.pieces.length > 0 || !isCut) return cutter.block();
  // Nothing but a beginning: it stands right before the border, and goes on behind it.
  return readBlockAcross(log, place);
}

/** What lies across a border, alone. */
async function readBlockAcross(log: AttemptLog, place: BlockPlace): Promise<LogBlock> {
  const cutter = new Cutter(place);
  for await (const record of log.read(place.offset)) {
    cutter.add(record);
    if (cutter.pieces.length > 0) return cutter.firstOnly();
  }
  if (place.isOver) cutter.end();
  return cutter.block();
}

/** A line is told in parts where it is longer, bytes. */
const MAX_LINE = 64 * 1024;
const NEWLINE = 0x0a;

/** Makes pieces of records; what a piece cannot end with waits for the next record of the same stream. */
class Cutter {
  readonly pieces: LogPiece[] = [];
  readonly #attempt: number;
  readonly #start: number;
  readonly #form: BlockForm;
  /** Records whose bytes are no whole piece yet; all of one stream, and neighbours. */
  #held: LogRecord[] = [];
  #heldBytes = 0;

  constructor({ attempt, offset, form }: BlockPlace) {
    this.#attempt = attempt;
    this.#start = offset;
    this.#form = form;
  }

  get isEmpty(): boolean {
    return this.pieces.length === 0 && this.#heldBytes === 0;
  }

  block(): LogBlock {
    return { pieces: this.pieces, end: this.pieces.at(-1)?.end ?? this.#start };
  }

  firstOnly(): LogBlock {
    const [first] = this.pieces;
    return { pieces: this.pieces.slice(0, 1), end: first?.end ?? this.#start };
  }

  add(record: LogRecord): void {
    if (this.#form === 'bytes') return this.#add(record);
    const stream = this.#held[0]?.stream;
    if (stream !== undefined && stream !== record.stream) this.end();
    const isWhole = this.#form === 'lines' && !record.bytes.includes(NEWLINE);
    this.#held.push(record);
    this.#heldBytes += record.bytes.length;
    if (isWhole && this.#heldBytes < MAX_LINE) return;
    const all = this.#take();
    const rest = this.#form === 'lines' ? this.#addLines(all) : this.#addText(all);
    if (rest.bytes.length === 0) return;
    this.#held = [rest];
    this.#heldBytes = rest.bytes.length;
  }

  /** Nothing follows what waits. */
  end(): void {
    if (this.#heldBytes > 0) this.#add(this.#take());
  }

  /** What waits, with the number and the time of the record in which it ends. */
  #take(): LogRecord {
    const [first, last] = [this.#held[0], this.#held.at(-1)] as [LogRecord, LogRecord];
    const bytes = first === last ? first.bytes : Buffer.concat(this.#held.map((record) => record.bytes));
    this.#held = [];
    this.#heldBytes = 0;
    return { ...last, offset: first.offset, bytes };
  }

  /** All but the beginning of a character. */
  #addText(all: LogRecord): LogRecord {
    return this.#addFirst(all, all.bytes.length - unfinished(all.bytes));
  }

  /** All but the beginning of a line. */
  #addLines(all: LogRecord): LogRecord {
    let rest = all;
    for (;;) {
      const length = rest.bytes.indexOf(NEWLINE) + 1;
      if (length > 0 && length <= MAX_LINE) rest = this.#addFirst(rest, length);
      else if (length > 0 || rest.bytes.length >= MAX_LINE) rest = this.#addFirst(rest, partOf(rest.bytes));
      else return rest;
    }
  }

  #addFirst(all: LogRecord, length: number): LogRecord {
    if (length > 0) this.#add({ ...all, bytes: all.bytes.subarray(0, length) });
    return { ...all, offset: all.offset + length, bytes: all.bytes.subarray(length) };
  }

  #add({ stream, seq, time, offset, bytes }: LogRecord): void {
    this.pieces.push({
      attempt: this.#attempt,
      stream,
      seq,
      time,
      offset,
      end: offset + bytes.length,
      bytes,
    });
  }
}

/** How much of a long line is told as its next part: whole characters. */
function partOf(bytes: Uint8Array): number {
  const part = bytes.subarray(0, MAX_LINE);
  return part.length - unfinished(part);
}
