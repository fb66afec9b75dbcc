// Where the server's own log goes: a file, or whatever standard output is. A reader that stops to read must not stop the
// server, so nothing here waits: lines that the other end does not take are kept up to a bound, then new ones are dropped
// and counted, and the log says so as soon as it is read again.
import { closeSync, constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Clock, Timer } from '../domain/ports/clock.ts';

export interface LogOutputOptions {
  clock: Clock;
  /** A path, opened again by `reopen`; or a descriptor that is there already. */
  to: string | number;
  /** Called once lines are taken again, with the number of those that were dropped. */
  onDropped(lines: number): void;
  maxBytes?: number;
}

const MAX_BYTES = 1024 * 1024;
/** How soon what was not taken is offered again. */
const RETRY_MS = 100;
/** How long the last lines may take. */
const LAST_LINES_MS = 1000;
const FILE_MODE = 0o640;

/** A descriptor that is written to. */
interface Target {
  fd: number;
  /** Whether a write comes back at once, also when nobody reads. Else it is made beside the main thread. */
  isImmediate: boolean;
  isOwn: boolean;
  /** Keeps the descriptor from blocking, and must live as long. */
  keeper: Socket | null;
}

export class LogOutput {
  readonly #options: LogOutputOptions;
  readonly #maxBytes: number;
  #target: Target;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #droppedInAll = 0;
  #isWriting = false;
  /** Whether the last write brought something out. */
  #isTaken = true;
  #timer: Timer | null = null;
  #onIdle: (() => void)[] = [];

  /** @throws Error when a path cannot be opened */
  constructor(options: LogOutputOptions) {
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? MAX_BYTES;
    this.#target = open(options.to);
  }

  /** Lines that were dropped since the start. */
  get dropped(): number {
    return this.#droppedInAll;
  }

  /** Takes whole lines. */
  write(lines: string): void {
    const bytes = Buffer.from(lines);
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes.length > this.#maxBytes) return this.#drop();
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (!this.#isWriting && this.#timer === null) this.#writeOn();
  }

  /**
   * Opens the file again by its name, after it was moved away. Without a name nothing happens.
   *
   * @throws Error when it cannot be opened; then the one before is written to as before
   */
  reopen(): void {
    if (typeof this.#options.to !== 'string') return;
    const before = this.#target;
    this.#target = open(this.#options.to);
    // One that is being written to is closed when that write has come back.
    if (!this.#isWriting) closeTarget(before);
  }

  /** Resolves when every line is written, or a second has passed: false then. */
  async flush(): Promise<boolean> {
    if (this.#waitingBytes === 0) return true;
    const { clock } = this.#options;
    return new Promise((resolve) => {
      const timer = clock.timer(LAST_LINES_MS, () => resolve(false));
      this.#onIdle.push(() => {
        timer.cancel();
        resolve(true);
      });
    });
  }

  #drop(): void {
    this.#dropped += 1;
    this.#droppedInAll += 1;
  }

  #writeOn(): void {
    this.#timer = null;
    while (!this.#isWriting && this.#waiting.length > 0) {
      if (!this.#target.isImmediate) return this.#writeBeside();
      try {
        this.#taken(writeSync(this.#target.fd, this.#waiting[0] as Buffer));
      } catch (error) {
        if (!this.#isLater(error as NodeJS.ErrnoException)) continue;
        this.#timer = this.#options.clock.timer(RETRY_MS, () => this.#writeOn());
        return;
      }
    }
    if (this.#waiting.length === 0) this.#idle();
  }

  #writeBeside(): void {
    const target = this.#target;
    this.#isWriting = true;
    write(target.fd, Buffer.concat(this.#waiting), (error, written) => {
      this.#isWriting = false;
      if (target !== this.#target) closeTarget(target);
      if (error === null) this.#taken(written);
      else if (this.#isLater(error)) {
        this.#timer = this.#options.clock.timer(RETRY_MS, () => this.#writeOn());
        return;
      }
      this.#writeOn();
    });
  }

  /** Takes so many bytes off the front. */
  #taken(bytes: number): void {
    this.#isTaken = true;
    this.#waitingBytes -= bytes;
    let rest = bytes;
    while (rest > 0) {
      const first = this.#waiting[0] as Buffer;
      if (first.length > rest) this.#waiting[0] = first.subarray(rest);
      else this.#waiting.shift();
      rest -= Math.min(rest, first.length);
    }
  }

  /** Whether a failed write is to be made again; else its line is lost, because the next one may be taken. */
  #isLater({ code }: NodeJS.ErrnoException): boolean {
    if (code === 'EAGAIN') return true;
    this.#isTaken = false;
    this.#waitingBytes -= (this.#waiting.shift() as Buffer).length;
    this.#drop();
    return false;
  }

  #idle(): void {
    for (const resolve of this.#onIdle.splice(0)) resolve();
    const dropped = this.#dropped;
    // While every write fails, a line about it would be lost as well.
    if (dropped === 0 || !this.#isTaken) return;
    this.#dropped = 0;
    this.#options.onDropped(dropped);
  }
}

function open(to: string | number): Target {
  if (typeof to === 'string') return openFile(to);
  if (fstatSync(to).isFile()) return { fd: to, isImmediate: false, isOwn: false, keeper: null };
  // Opened again, it need not be made non-blocking for the other processes that share it.
  try {
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    return { fd: openSync(`/proc/self/fd/${to}`, flags), isImmediate: true, isOwn: true, keeper: null };
  } catch {
    return sharedTarget(to);
  }
}

/** A socket, or what belongs to another user. */
function sharedTarget(fd: number): Target {
  try {
    const keeper = new Socket({ fd, readable: false, writable: true });
    keeper.on('error', () => undefined).unref();
    return { fd, isImmediate: true, isOwn: false, keeper };
  } catch {
    return { fd, isImmediate: false, isOwn: false, keeper: null };
  }
}

function openFile(path: string): Target {
  const { O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK, O_RDWR, O_WRONLY } = constants;
  const flags = O_APPEND | O_NONBLOCK | O_NOCTTY;
  const openWith = (mode: number) => openSync(path, flags | mode, FILE_MODE);
  let fd: number;
  try {
    fd = openWith(O_WRONLY | O_CREAT);
  } catch (error) {
    // A named pipe that nobody reads yet.
    if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
    fd = openWith(O_RDWR);
  }
  return { fd, isImmediate: !fstatSync(fd).isFile(), isOwn: true, keeper: null };
}

function closeTarget({ fd, isOwn }: Target): void {
  if (isOwn) closeSync(fd);
}
