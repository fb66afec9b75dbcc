// The audit log: who did what, from where, with what result. One JSON object a line, one file a day (UTC), only ever appended
// to. A line is handed to the system before the answer leaves, so that it survives a crash of the server; lines of requests
// that are answered together are written together.
import { createReadStream, promises as fs } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Log } from '../domain/ports/clock.ts';

/** What is written of a request. */
export type AuditEntry = Readonly<Record<string, unknown>>;

export interface AuditLogOptions {
  /** Made when it is not there. */
  dir: string;
  /** Wall clock, ms since the epoch. */
  now: () => number;
  /** Lets the turn of the event loop end. */
  pause: () => Promise<void>;
  log: Log;
}

/** For the service alone. */
const FILE_MODE = 0o600;
const DIR_MODE = 0o700;

export class AuditLog {
  readonly #options: AuditLogOptions;
  #waiting: string[] = [];
  /** The batch that is being written, and the one that takes what comes. */
  #writing: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #file: { day: string; handle: fs.FileHandle } | null = null;
  /** Lines that could not be written. */
  lost = 0;

  constructor(options: AuditLogOptions) {
    this.#options = options;
  }

  /** Writes a line, with the time in front. Never rejects: what was done is done, and a loss is in the server's log. */
  write(entry: AuditEntry): Promise<void> {
    const time = new Date(this.#options.now()).toISOString();
    this.#waiting.push(`${JSON.stringify({ time, ...entry })}\n`);
    return (this.#next ??= this.#writeNext());
  }

  /** The lines of a day (YYYY-MM-DD, UTC) that there are now; null when there are none. */
  async read(day: string): Promise<Readable | null> {
    const path = this.#pathOf(day);
    const size = await fs.stat(path).then(
      (stats) => stats.size,
      () => 0,
    );
    return size === 0 ? null : createReadStream(path, { end: size - 1 });
  }

  /** Writes what is waiting, and closes the file. */
  async close(): Promise<void> {
    await (this.#next ?? this.#writing);
    await this.#closeFile();
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.handle.close().catch(() => undefined);
  }

  /** What is answered in the same turn of the event loop, or while the batch before is being written, goes together. */
  async #writeNext(): Promise<void> {
    await (this.#writing ?? this.#options.pause());
    this.#writing = this.#next;
    this.#next = null;
    await this.#flush();
    // The next batch may have begun to wait for this one, but has not begun.
    this.#writing = null;
  }

  async #flush(): Promise<void> {
    const lines = this.#waiting;
    this.#waiting = [];
    try {
      const handle = await this.#open();
      const text = Buffer.from(lines.join(''));
      for (let at = 0; at < text.length;) {
        const { bytesWritten } = await handle.write(text, at);
        at += bytesWritten;
      }
    } catch (error) {
      this.lost += lines.length;
      // Opened again for the next lines, which looks at how the file ends.
      await this.#closeFile();
      this.#options.log.error({ err: error, lines: lines.length }, 'Cannot write to the audit log');
    }
  }

  async #open(): Promise<fs.FileHandle> {
    const day = new Date(this.#options.now()).toISOString().slice(0, 10);
    if (this.#file?.day === day) return this.#file.handle;
    await this.#closeFile();
    await fs.mkdir(this.#options.dir, { recursive: true, mode: DIR_MODE });
    const handle = await fs.open(this.#pathOf(day), 'a+', FILE_MODE);
    try {
      if (await isTorn(handle)) await handle.write('\n');
    } catch (error) {
      await handle.close();
      throw error;
    }
    this.#file = { day, handle };
    return handle;
  }

  #pathOf(day: string): string {
    return join(this.#options.dir, `${day}.jsonl`);
  }
}

/** Whether the last line lacks its end: a full disk, or a crash, came in the middle of it. */
async function isTorn(file: fs.FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer.toString('latin1') !== '\n';
}
