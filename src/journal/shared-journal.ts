// The journal of a server that shares its store: the logs of its own attempts lie here and are shipped to where every server can
// read them; those of others are fetched from there, as far as somebody reads them, into files of the same format.
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LRUCache } from 'lru-cache';
import type { AttemptLog, Journal, Shipping } from '../domain/ports/journal.ts';
import type { AttemptName } from '../domain/ports/runner.ts';
import type { Clock } from '../domain/ports/clock.ts';
import type { LogFile, LogNews, LogPiece, SharedLogs } from '../domain/ports/shared-logs.ts';
import { INDEX_ENDING, LOG_ENDING } from './journal-format.ts';
import { FileJournal, journalPath } from './reader.ts';
import { LogShipping, shipRest } from './shipping.ts';

export interface SharedJournalDeps {
  /** Directory of the own logs, and one for those of others, which is emptied at the start. */
  dir: string;
  copies: string;
  logs: SharedLogs;
  clock: Clock;
  /** A log of another server that is read here has more, or has begun. */
  grew: (name: AttemptName) => void;
}

/** How often it looks for what others have shipped: what they tell may be lost. */
const LOOK_MS = 100;
/** How often it says which logs of others are followed here, and how long that holds there. */
const TELL_MS = 2000;
const FOLLOWED_MS = 10_000;
/** How long it looks for a log that has not begun, after somebody has asked for it. */
const WANTED_MS = 60_000;
const MOST_WANTED = 10_000;

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
  /** Logs that are shipped. */
  readonly #shipping = new Map<string, LogShipping>();
  /** Until when logs are followed elsewhere, also such that have not begun. */
  readonly #followed = new LRUCache<string, number>({ max: MOST_WANTED });
  /** When it was last said of a log that it is followed here. */
  readonly #toldAt = new LRUCache<string, number>({ max: MOST_WANTED });
  readonly #news: NewsSender;
  #isLooking = false;

  constructor(deps: SharedJournalDeps) {
    this.#deps = deps;
    this.#news = new NewsSender(deps.logs);
    deps.logs.listen((news) => this.#hear(news));
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
      if (log === null) throw new Error(`the copy of the log ${key} was removed`);
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

  ship(name: AttemptName, signal: AbortSignal): Shipping {
    const { clock, logs, dir } = this.#deps;
    const key = keyOf(name);
    const shipping = new LogShipping({
      ...{ name, logs, clock, signal, path: journalPath(dir, name) },
      isFollowed: () => (this.#followed.get(key) ?? -Infinity) > clock.monotonic(),
      shipped: () => this.#news.tell('grown', name),
      ended: () => this.#shipping.delete(key),
    });
    this.#shipping.set(key, shipping);
    return shipping;
  }

  shipRest(name: AttemptName): Promise<void> {
    const { logs, dir } = this.#deps;
    return shipRest(name, journalPath(dir, name), logs);
  }

  /** Another server, or this one, says something of logs. */
  #hear({ type, names }: LogNews): void {
    const { clock, grew } = this.#deps;
    for (const name of names) {
      const key = keyOf(name);
      if (type === 'followed') {
        this.#followed.set(key, clock.monotonic() + FOLLOWED_MS);
        this.#shipping.get(key)?.followed();
      } else if (this.#wanted.delete(key) || this.#copies.has(key)) grew(name);
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
    for (let isAll = false; !isAll;) {
      const read = await logs.read(name, 'log', sizes.log);
      for (const piece of read.pieces) sizes.log += await write(path + LOG_ENDING, piece);
      isAll = read.isAll;
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

  /** A log that is read once is closed before this comes to it. */
  #tellFollowed(names: readonly AttemptName[]): void {
    const now = this.#deps.clock.monotonic();
    for (const name of names) {
      const key = keyOf(name);
      if (now < (this.#toldAt.get(key) ?? -Infinity) + TELL_MS) continue;
      this.#toldAt.set(key, now);
      this.#news.tell('followed', name);
    }
  }

  async #lookOn(): Promise<void> {
    const { clock, logs, grew } = this.#deps;
    while (this.#copies.size + this.#wanted.size > 0) {
      // It keeps no process alive.
      await new Promise<void>((resolve) => void clock.timer(LOOK_MS, resolve));
      for (const [key, { until }] of this.#wanted) if (until < clock.monotonic()) this.#wanted.delete(key);
      const copies = [...this.#copies.values()].map(({ name, sizes }) => ({ name, size: sizes.index }));
      const wanted = [...this.#wanted.values()].map(({ name }) => ({ name, size: 0 }));
      const known = [...copies, ...wanted];
      if (known.length === 0) continue;
      this.#tellFollowed(known.map(({ name }) => name));
      const grown = await logs.grown(known).catch(() => []);
      for (const name of grown) {
        this.#wanted.delete(keyOf(name));
        grew(name);
      }
    }
  }
}

/** Tells others of logs. While something is being sent, what comes is gathered. */
class NewsSender {
  readonly #logs: Pick<SharedLogs, 'tell'>;
  readonly #next = { followed: new Map<string, AttemptName>(), grown: new Map<string, AttemptName>() };
  #isSending = false;

  constructor(logs: Pick<SharedLogs, 'tell'>) {
    this.#logs = logs;
  }

  tell(type: LogNews['type'], name: AttemptName): void {
    this.#next[type].set(keyOf(name), name);
    if (this.#isSending) return;
    this.#isSending = true;
    void this.#send().finally(() => (this.#isSending = false));
  }

  async #send(): Promise<void> {
    const { followed, grown } = this.#next;
    while (followed.size + grown.size > 0) {
      for (const type of ['followed', 'grown'] as const) {
        const names = [...this.#next[type].values()];
        this.#next[type].clear();
        // What is lost is found by those who look.
        if (names.length > 0) await this.#logs.tell({ type, names }).catch(() => undefined);
      }
    }
  }
}

const keyOf = ({ runId, attempt }: AttemptName): string => `${runId}.${attempt}`;

async function allFrom(
  logs: SharedLogs,
  name: AttemptName,
  file: LogFile,
  from: number,
): Promise<LogPiece[]> {
  const all: LogPiece[] = [];
  for (let at = from; ;) {
    const { pieces, isAll } = await logs.read(name, file, at);
    all.push(...pieces);
    if (isAll) return all;
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
