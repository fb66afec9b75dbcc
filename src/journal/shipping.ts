// Brings the log of an attempt of this server to where every server reads it: now and then while nobody follows it elsewhere,
// without delay while somebody does.
import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Shipping } from '../domain/ports/journal.ts';
import type { AttemptName } from '../domain/ports/runner.ts';
import type { Clock, Timer } from '../domain/ports/clock.ts';
import type { LogFile, NamedPiece, SharedLogs } from '../domain/ports/shared-logs.ts';
import { INDEX_ENDING, LOG_ENDING, NEW_LOG_ENDING } from './journal-format.ts';

export interface ShippingDeps {
  name: AttemptName;
  /** Of the log here, without an ending. */
  path: string;
  logs: Pick<SharedLogs, 'append'>;
  clock: Clock;
  /** Whether somebody follows it elsewhere. */
  isFollowed: () => boolean;
  /** It was followed, and there is more of it where others read. */
  shipped: () => void;
  /** It is finished, or given up. */
  ended: () => void;
  /** Gives it up. */
  signal: AbortSignal;
}

/** How long what is written may wait while nobody follows it, and the time between two shipments while somebody does. */
const SHIP_MS = 200;
const FOLLOWED_MS = 25;
/** After a failure. */
const AGAIN_MS = 500;
/** Of one piece. */
const PIECE_BYTES = 256 * 1024;
/** Pieces that are sent at once: the last one of the log and what the index says of it come together. */
const MOST_PIECES = 2;

const FILES = ['log', 'index'] as const;
const ENDINGS: Record<LogFile, readonly string[]> = {
  log: [LOG_ENDING, NEW_LOG_ENDING],
  index: [INDEX_ENDING],
};

export class LogShipping implements Shipping {
  readonly #deps: ShippingDeps;
  readonly #sizes: Record<LogFile, number> = { log: 0, index: 0 };
  #isDue = false;
  #timer: Timer | null = null;
  /** The shipment that is under way; it never rejects. */
  #shipping: Promise<void> | null = null;
  /** Not before this time, by the monotonic clock. */
  #notBefore = -Infinity;
  #watcher: FSWatcher | null = null;
  #isOver = false;

  constructor(deps: ShippingDeps) {
    this.#deps = deps;
    deps.signal.addEventListener('abort', this.#end);
  }

  grew(): void {
    this.#isDue = true;
    this.#plan();
  }

  /** Somebody has begun to follow it elsewhere, or still does. */
  followed(): void {
    this.#watch();
    this.grew();
  }

  async finish(): Promise<void> {
    const { clock, signal } = this.#deps;
    this.#end();
    await this.#shipping;
    // Whoever hears of the end can read all of it.
    while (!(await this.#shipMore()) && !signal.aborted)
      await clock.sleep(AGAIN_MS, signal).catch(() => undefined);
  }

  readonly #end = (): void => {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deps.signal.removeEventListener('abort', this.#end);
    this.#timer?.cancel();
    this.#watcher?.close();
    this.#deps.ended();
  };

  #plan(): void {
    if (!this.#isDue || this.#isOver || this.#shipping !== null) return;
    const { clock, isFollowed } = this.#deps;
    const waitMs = Math.max(isFollowed() ? 0 : SHIP_MS, this.#notBefore - clock.monotonic());
    if (waitMs > 0 && this.#timer !== null && !isFollowed()) return;
    this.#timer?.cancel();
    this.#timer = null;
    if (waitMs === 0) this.#ship();
    else
      this.#timer = clock.timer(waitMs, () => {
        this.#timer = null;
        this.#ship();
      });
  }

  #ship(): void {
    const { clock } = this.#deps;
    this.#isDue = false;
    this.#shipping = this.#shipMore().then((isShipped) => {
      this.#shipping = null;
      this.#isDue ||= !isShipped;
      this.#notBefore = clock.monotonic() + (isShipped ? FOLLOWED_MS : AGAIN_MS);
      if (!this.#deps.isFollowed()) this.#unwatch();
      this.#plan();
    });
  }

  /** The host says at most each 50 ms that there is more; the file itself says so at once. */
  #watch(): void {
    if (this.#watcher !== null || this.#isOver) return;
    try {
      this.#watcher = watch(this.#deps.path + INDEX_ENDING, { persistent: false }, () => this.grew());
      this.#watcher.on('error', () => this.#unwatch());
    } catch {
      // It is not there yet, or too much is watched: the host says when there is more.
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }

  /** Ships what has been written since; false when that failed. What the index covers is there with it, or before it. */
  async #shipMore(): Promise<boolean> {
    const { name, path, logs, isFollowed, shipped } = this.#deps;
    try {
      let isMore = false;
      for await (const pieces of piecesFrom(path, this.#sizes)) {
        await logs.append(name, pieces);
        for (const { file, bytes } of pieces) this.#sizes[file] += bytes.length;
        isMore = true;
      }
      if (isFollowed()) this.#watch();
      if (isMore && isFollowed()) shipped();
      return true;
    } catch {
      return false;
    }
  }
}

/** Ships what is in the files of a log that nobody writes any more. Rejects with a `StoreError`. */
export async function shipRest(
  name: AttemptName,
  path: string,
  logs: Pick<SharedLogs, 'append' | 'sizes'>,
): Promise<void> {
  for await (const pieces of piecesFrom(path, await logs.sizes(name))) await logs.append(name, pieces);
}

/** What the files of a log have beyond these sizes. */
async function* piecesFrom(
  path: string,
  sizes: Readonly<Record<LogFile, number>>,
): AsyncGenerator<NamedPiece[]> {
  const index = await fileOf(path, 'index');
  if (index === null) return;
  let log: FileHandle | null = null;
  try {
    // The index first: all that it covers then is in the log.
    const ends = { index: (await index.stat()).size, log: 0 };
    log = await fileOf(path, 'log');
    if (log !== null) ends.log = (await log.stat()).size;
    let pieces: NamedPiece[] = [];
    for (const file of FILES) {
      const handle = file === 'log' ? log : index;
      for (let at = sizes[file]; handle !== null && at < ends[file];) {
        const bytes = Buffer.alloc(Math.min(PIECE_BYTES, ends[file] - at));
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, at);
        if (bytesRead === 0) return;
        pieces.push({ file, at, bytes: bytes.subarray(0, bytesRead) });
        at += bytesRead;
        if (pieces.length < MOST_PIECES) continue;
        yield pieces;
        pieces = [];
      }
    }
    if (pieces.length > 0) yield pieces;
  } finally {
    await index.close();
    await log?.close();
  }
}

async function fileOf(path: string, file: LogFile): Promise<FileHandle | null> {
  for (const ending of ENDINGS[file]) {
    const handle = await open(path + ending, 'r').catch(() => null);
    if (handle !== null) return handle;
  }
  return null;
}
