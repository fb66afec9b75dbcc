// The journal of a server that shares its store: the logs of its own attempts lie here and are shipped to where every server can
// read them; those of others are fetched from there, as far as somebody reads them, into files of the same format.
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LRUCache } from 'lru-cache';
import type { AttemptLog, Journal } from '../domain/ports/journal.ts';
import type { AttemptName } from '../domain/ports/runner.ts';
import type { Clock } from '../domain/ports/clock.ts';
import type { LogFile, LogPiece, SharedLogs } from '../domain/ports/shared-logs.ts';
import { INDEX_ENDING, LOG_ENDING, NEW_LOG_ENDING } from './journal-format.ts';
import { FileJournal, journalPath } from './reader.ts';

export interface SharedJournalDeps {
  /** Directory of the own logs, and one for those of others, which is emptied at the start. */
  dir: string;
  copies: string;
  logs: SharedLogs;
  clock: Clock;
  /** A log of another server that is read here has more, or has begun. */
  grew: (name: AttemptName) => void;
}

/** How often it ships what was written, and how often it looks for what others have shipped. */
const SHIP_MS = 200;
const LOOK_MS = 100;
/** How long it looks for a log that has not begun, after somebody has asked for it. */
const WANTED_MS = 60_000;
const MOST_WANTED = 10_000;
/** After a failure at the end. */
const AGAIN_MS = 500;
/** Of one piece. */
const PIECE_BYTES = 256 * 1024;

const FILES = ['log', 'index'] as const;
const ENDINGS: Record<LogFile, readonly string[]> = {
  log: [LOG_ENDING, NEW_LOG_ENDING],
  index: [INDEX_ENDING],
};

interface Copy {
  name: AttemptName;
  readers: number;
  /** Bytes that are here. */
  sizes: Record<LogFile, number>;
  fetching: Promise<boolean> | null;
}

export class SharedJournal implements Journal {
  readonly #deps: SharedJournalDeps;
  readonly #own: FileJournal;
  readonly #others: FileJournal;
  readonly #copies = new Map<string, Copy>();
  /** Logs that have not begun; beyond the bound, those that were asked for first are left out. */
  readonly #wanted = new LRUCache<string, { name: AttemptName; until: number }>({ max: MOST_WANTED });
  #isLooking = false;

  constructor(deps: SharedJournalDeps) {
    this.#deps = deps;
    this.#own = new FileJournal(deps.dir);
    this.#others = new FileJournal(deps.copies);
  }

  async prepare(instanceId: string): Promise<void> {
    await this.#own.prepare(instanceId);
    await rm(this.#deps.copies, { recursive: true, force: true });
    await mkdir(this.#deps.copies, { recursive: true, mode: 0o700 });
  }

  async open(name: AttemptName): Promise<AttemptLog | null> {
    const own = await this.#own.open(name);
    if (own !== null) return own;
    const key = keyOf(name);
    let copy = this.#copies.get(key);
    if (copy === undefined) {
      if (!(await this.#deps.logs.has(name))) {
        this.#wanted.set(key, { name, until: this.#deps.clock.monotonic() + WANTED_MS });
        this.#look();
        return null;
      }
      copy = this.#copies.get(key) ?? { name, readers: 0, sizes: { log: 0, index: 0 }, fetching: null };
      this.#copies.set(key, copy);
    }
    copy.readers += 1;
    try {
      await this.#fetch(copy);
      const log = await this.#others.open(name);
      if (log === null) throw new Error(`the copy of the log ${key} is gone`);
      this.#look();
      return this.#lent(copy, log);
    } catch (error) {
      await this.#release(copy);
      throw error;
    }
  }

  async exists(name: AttemptName): Promise<boolean> {
    return (await this.#own.exists(name)) || this.#deps.logs.has(name);
  }

  path(name: AttemptName): string {
    return this.#own.path(name);
  }

  async remove(name: AttemptName): Promise<void> {
    await this.#own.remove(name);
    await this.#deps.logs.remove(name);
  }

  all(): AsyncIterable<AttemptName[]> {
    return this.#own.all();
  }

  ship(name: AttemptName, signal: AbortSignal): () => Promise<void> {
    const { clock } = this.#deps;
    const sizes = { log: 0, index: 0 };
    const over = new AbortController();
    const ship = () =>
      this.#shipMore(name, sizes).then(
        () => true,
        () => false,
      );
    const shipped = (async () => {
      while (!over.signal.aborted && !signal.aborted) {
        await ship();
        await clock.sleep(SHIP_MS, over.signal).catch(() => undefined);
      }
    })();
    return async () => {
      over.abort();
      await shipped;
      // Whoever hears of the end can read all of it.
      while (!(await ship()) && !signal.aborted) await clock.sleep(AGAIN_MS, signal).catch(() => undefined);
    };
  }

  /** Ships what has been written since. What the index covers is there before it is. */
  async #shipMore(name: AttemptName, sizes: Record<LogFile, number>): Promise<void> {
    const path = journalPath(this.#deps.dir, name);
    const ends: Record<LogFile, number> = {
      index: await sizeOf(path, 'index'),
      log: await sizeOf(path, 'log'),
    };
    if (ends.index === 0) return;
    for (const file of FILES) {
      while (sizes[file] < ends[file]) {
        const piece = await pieceOf(path, file, sizes[file], ends[file]);
        if (piece === null) return;
        await this.#deps.logs.append(name, file, piece);
        sizes[file] += piece.bytes.length;
      }
    }
  }

  /** Takes in what has been shipped since; true when there was something. */
  #fetch(copy: Copy): Promise<boolean> {
    copy.fetching ??= this.#fetchMore(copy).finally(() => (copy.fetching = null));
    return copy.fetching;
  }

  async #fetchMore({ name, sizes }: Copy): Promise<boolean> {
    const { logs, copies } = this.#deps;
    const path = journalPath(copies, name);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // The index first, but written last: it covers nothing then that is not here.
    const index = await allFrom(logs, name, 'index', sizes.index);
    if (index.length === 0 && sizes.index > 0) return false;
    for (;;) {
      const pieces = await logs.read(name, 'log', sizes.log);
      if (pieces.length === 0) break;
      for (const piece of pieces) sizes.log += await write(path + LOG_ENDING, piece);
    }
    if (sizes.log === 0) await write(path + LOG_ENDING, { at: 0, bytes: new Uint8Array() });
    for (const piece of index) sizes.index += await write(path + INDEX_ENDING, piece);
    return index.length > 0;
  }

  #lent(copy: Copy, log: AttemptLog): AttemptLog {
    const refresh = async () => {
      await this.#fetch(copy);
      return log.refresh();
    };
    let isClosed = false;
    const close = async () => {
      await log.close();
      if (!isClosed) await this.#release(copy);
      isClosed = true;
    };
    return {
      get size() {
        return log.size;
      },
      get records() {
        return log.records;
      },
      ...{ refresh, close },
      locate: (start) => log.locate(start),
      read: (offset) => log.read(offset),
      last: (stream, bytes) => log.last(stream, bytes),
      totals: () => log.totals(),
    };
  }

  /** A copy that nobody reads is of no use. */
  async #release(copy: Copy): Promise<void> {
    copy.readers -= 1;
    if (copy.readers > 0) return;
    this.#copies.delete(keyOf(copy.name));
    await this.#others.remove(copy.name);
  }

  /** Looks for what others have shipped, as long as somebody reads or waits. */
  #look(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    void this.#lookOn().finally(() => (this.#isLooking = false));
  }

  async #lookOn(): Promise<void> {
    const { clock, logs, grew } = this.#deps;
    while (this.#copies.size + this.#wanted.size > 0) {
      // It keeps no process alive.
      await new Promise<void>((resolve) => void clock.timer(LOOK_MS, resolve));
      for (const [key, { until }] of this.#wanted) if (until < clock.monotonic()) this.#wanted.delete(key);
      const copies = [...this.#copies.values()].map(({ name, sizes }) => ({ name, size: sizes.index }));
      const wanted = [...this.#wanted.values()].map(({ name }) => ({ name, size: 0 }));
      if (copies.length + wanted.length === 0) continue;
      const grown = await logs.grown([...copies, ...wanted]).catch(() => []);
      for (const name of grown) {
        this.#wanted.delete(keyOf(name));
        grew(name);
      }
    }
  }
}

const keyOf = ({ runId, attempt }: AttemptName): string => `${runId}.${attempt}`;

async function fileOf(path: string, file: LogFile) {
  for (const ending of ENDINGS[file]) {
    const handle = await open(path + ending, 'r').catch(() => null);
    if (handle !== null) return handle;
  }
  return null;
}

async function sizeOf(path: string, file: LogFile): Promise<number> {
  const handle = await fileOf(path, file);
  if (handle === null) return 0;
  try {
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}

async function pieceOf(path: string, file: LogFile, at: number, end: number): Promise<LogPiece | null> {
  const handle = await fileOf(path, file);
  if (handle === null) return null;
  try {
    const bytes = Buffer.alloc(Math.min(PIECE_BYTES, end - at));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, at);
    return bytesRead === 0 ? null : { at, bytes: bytes.subarray(0, bytesRead) };
  } finally {
    await handle.close();
  }
}

async function allFrom(
  logs: SharedLogs,
  name: AttemptName,
  file: LogFile,
  from: number,
): Promise<LogPiece[]> {
  const all: LogPiece[] = [];
  for (let at = from; ;) {
    const pieces = await logs.read(name, file, at);
    if (pieces.length === 0) return all;
    all.push(...pieces);
    const last = pieces.at(-1) as LogPiece;
    at = last.at + last.bytes.length;
  }
}

async function write(path: string, { at, bytes }: LogPiece): Promise<number> {
  const handle = await open(path, 'a', 0o600);
  try {
    // Each piece begins where the one before has ended.
    const { size } = await handle.stat();
    if (size !== at) throw new Error(`a piece of a log begins at ${at} and not at ${size}`);
    await handle.writeFile(bytes);
    return bytes.length;
  } finally {
    await handle.close();
  }
}
