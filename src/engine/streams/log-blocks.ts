// Pieces of logs that are read once for all who follow. A block begins where a reader stands and ends, where the log goes
// on, at a border that is the same for all, so that readers who started apart come together.
import { LRUCache } from 'lru-cache';
import type { ExecutionId } from '../../domain/ids.ts';
import type { AttemptLog, AttemptName, Journal, LogRecord, StreamName } from '../../domain/ports.ts';
import { unfinished } from '../../domain/utf8.ts';

/** Output of one stream that stands together in the log. */
export interface LogPiece {
  attempt: number;
  stream: StreamName;
  /** Of the last record that it has bytes of. */
  seq: number;
  /** When the first of them arrived, ms since the epoch. */
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
   * @param isOver the attempt has ended: what is there is all there will be
   */
  read(name: AttemptName, offset: number, isOver: boolean): Promise<LogBlock | null> | LogBlock {
    const key = `${name.runId}.${name.attempt} ${offset}`;
    const known = this.#blocks.get(key);
    if (known !== undefined) return known;
    // Who knows that it is over may not be given what somebody reads who does not.
    const readKey = `${key} ${isOver}`;
    let reading = this.#reading.get(readKey);
    if (reading === undefined) {
      reading = this.#read(name, offset, isOver).then((block) => {
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

  async #read(name: AttemptName, offset: number, isOver: boolean): Promise<LogBlock | null> {
    const open = this.#acquire(name);
    try {
      const log = await open.log;
      if (log === null) return null;
      await log.refresh();
      return await readBlock(log, { attempt: name.attempt, offset, isOver });
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

function drop(open: OpenLog): void {
  open.isDropped = true;
  closeUnused(open);
}

function closeUnused(open: OpenLog): void {
  if (!open.isDropped || open.readers > 0) return;
  open.log.then((log) => log?.close()).catch(() => undefined);
}

async function readBlock(
  log: AttemptLog,
  { attempt, offset, isOver }: { attempt: number; offset: number; isOver: boolean },
): Promise<LogBlock> {
  const border = (Math.floor(offset / BLOCK_BYTES) + 1) * BLOCK_BYTES;
  const pieces: LogPiece[] = [];
  let gathered: LogRecord[] = [];
  let end = offset;
  let isCut = false;
  const flush = (isWhole: boolean) => {
    for (const piece of toPieces(attempt, gathered, isWhole)) {
      pieces.push(piece);
      end = piece.end;
    }
    gathered = [];
  };
  for await (const record of log.read(offset)) {
    const stream = gathered[0]?.stream;
    if (stream !== undefined && stream !== record.stream) flush(true);
    const room = border - record.offset;
    isCut = record.bytes.length >= room;
    gathered.push(isCut ? { ...record, bytes: record.bytes.subarray(0, room) } : record);
    if (isCut) break;
  }
  // A character may go on beyond the border, or in what is not written yet: its first bytes wait for the others.
  flush(isOver && !isCut);
  if (end > offset || !isCut) return { pieces, end };
  // Nothing but the beginning of a character: it stands right before the border, and goes on behind it.
  return readBlockAcross(log, { attempt, offset, isOver });
}

/** A character that lies across a border, alone. */
async function readBlockAcross(
  log: AttemptLog,
  { attempt, offset, isOver }: { attempt: number; offset: number; isOver: boolean },
): Promise<LogBlock> {
  const gathered: LogRecord[] = [];
  let length = 0;
  let isFollowedByOther = false;
  for await (const record of log.read(offset)) {
    isFollowedByOther = gathered[0] !== undefined && gathered[0].stream !== record.stream;
    if (isFollowedByOther) break;
    const bytes = record.bytes.subarray(0, MAX_CHARACTER - length);
    gathered.push({ ...record, bytes });
    length += bytes.length;
    if (length === MAX_CHARACTER) break;
  }
  const isWhole = isFollowedByOther || isOver || length === MAX_CHARACTER;
  const pieces = [...toPieces(attempt, gathered, isWhole)];
  return { pieces, end: pieces.at(-1)?.end ?? offset };
}

/** The longest character of UTF-8, bytes. */
const MAX_CHARACTER = 4;

/**
 * Neighbouring records of one stream as pieces: one, and where it ends within a character the beginning of that for itself
 * (`isWhole`: nothing follows it), or not at all.
 */
function* toPieces(attempt: number, records: readonly LogRecord[], isWhole: boolean): Generator<LogPiece> {
  const [first] = records;
  const last = records.at(-1);
  if (first === undefined || last === undefined) return;
  const bytes = records.length === 1 ? first.bytes : Buffer.concat(records.map((record) => record.bytes));
  const cut = bytes.length - unfinished(bytes);
  const of = { attempt, stream: first.stream, seq: last.seq };
  const whole = { ...of, time: first.time, offset: first.offset };
  if (cut > 0) yield { ...whole, end: first.offset + cut, bytes: bytes.subarray(0, cut) };
  if (!isWhole || cut === bytes.length) return;
  const rest = bytes.subarray(cut);
  yield { ...of, time: last.time, offset: first.offset + cut, end: first.offset + bytes.length, bytes: rest };
}
