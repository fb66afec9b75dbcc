// The log of an HTTP attempt: the body of the answer, byte for byte as it arrives, as standard output. Counts all, keeps
// what fits, and says when nothing more should be read, so that a slow disk stops the reading and memory does not grow.
import { Buffer } from 'node:buffer';
import type { OutputTotals } from '../../domain/execution/execution.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import { MAX_RECORD_BYTES, unfinishedUtf8 } from '../../journal/journal-format.ts';
import { JournalWriter } from '../../journal/journal-writer.ts';
import { TAIL_BYTES } from '../../runner-host/protocol.ts';
import { Redactor } from '../../journal/redactor.ts';
import type { Semaphore } from './semaphore.ts';

export interface ResponseLogOptions {
  /** Without its ending; nothing may be there. */
  path: string;
  keepBytes: number;
  /** What is taken out before anything is kept. */
  redact: readonly Uint8Array[];
  clock: Clock;
  /** Who writes; files are open in a turn only. */
  logs: Semaphore;
  /** Called at most once; the log is incomplete then. */
  onFailure: (error: Error) => void;
  /** Called when there is room again, after `take` has answered false. */
  onRoom: () => void;
}

export class ResponseLog {
  /** Bytes that have arrived, without what was taken out of them. */
  bytes = 0;
  readonly #redactor: Redactor | null;
  /** All that was to be kept is in the log. */
  isComplete = true;
  readonly #options: ResponseLogOptions;
  readonly #journal: JournalWriter;
  /** The beginning of a character whose rest has not come, so that a record of text can be shown as text. */
  #carried: Buffer = Buffer.alloc(0);
  /** What has arrived and found no room; no more than what was read at once. */
  #waiting: Buffer[] = [];
  #isBlocked = false;
  #hasTurn = false;
  /** Under way until all that was appended is written and the turn is over. */
  #resting: Promise<void> | null = null;
  #onUnblocked: (() => void) | null = null;
  #tail: Buffer = Buffer.alloc(0);
  #closed: Promise<void> | null = null;

  /** Creates the files. Throws when that is not possible. */
  constructor(options: ResponseLogOptions) {
    this.#options = options;
    this.#redactor = options.redact.length === 0 ? null : new Redactor(options.redact);
    this.#journal = new JournalWriter(options.path, (error) => {
      this.isComplete = false;
      options.onFailure(error);
    });
  }

  get isOverLimit(): boolean {
    return this.bytes > this.#options.keepBytes;
  }

  get totals(): OutputTotals {
    const { kept, records } = this.#journal;
    return {
      stdoutBytes: this.bytes,
      stderrBytes: 0,
      stdoutKeptBytes: kept.stdout,
      stderrKeptBytes: 0,
      records,
      truncated: kept.stdout < this.bytes,
    };
  }

  /** The last bytes that arrived, as text, also when the log does not keep them. */
  get tail(): string {
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.#tail);
    // A tail that was cut out of something longer may begin within a character.
    return this.bytes > TAIL_BYTES ? text.replace(/^\ufffd{1,3}/, '') : text;
  }

  /** Takes in what has arrived. False when nothing more is to be read before `onRoom`. */
  take(arrived: Buffer): boolean {
    if (this.#closed !== null) return true;
    return this.#accept(this.#redactor?.push(arrived) ?? arrived);
  }

  #accept(bytes: Buffer): boolean {
    this.bytes += bytes.length;
    this.#keepEnd(bytes);
    const whole = this.#carried.length === 0 ? bytes : Buffer.concat([this.#carried, bytes]);
    const cut = whole.length - unfinishedUtf8(whole);
    this.#carried = Buffer.from(whole.subarray(cut));
    for (let at = 0; at < cut; at += MAX_RECORD_BYTES) {
      this.#waiting.push(whole.subarray(at, Math.min(cut, at + MAX_RECORD_BYTES)));
    }
    if (!this.#isBlocked) this.#write();
    return !this.#isBlocked;
  }

  /** Writes what is left and closes the files. Never rejects; a second call waits for the first. */
  close(): Promise<void> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  async #finish(): Promise<void> {
    await this.#unblocked();
    if (this.#redactor !== null) this.#accept(this.#redactor.end());
    await this.#unblocked();
    if (this.#carried.length > 0) this.#waiting.push(this.#carried);
    this.#write();
    await this.#unblocked();
    await this.#resting;
  }

  async #unblocked(): Promise<void> {
    if (this.#isBlocked) await new Promise<void>((resolve) => (this.#onUnblocked = resolve));
  }

  #write(): void {
    this.#isBlocked = false;
    if (this.#waiting.length === 0) return;
    const { logs } = this.#options;
    this.#hasTurn ||= logs.tryTake();
    if (!this.#hasTurn) {
      this.#isBlocked = true;
      logs.wait(() => {
        this.#hasTurn = true;
        this.#unblock();
      });
      return;
    }
    for (;;) {
      const piece = this.#journal.isFull ? undefined : this.#waiting.shift();
      if (piece === undefined) break;
      this.#append(piece);
    }
    this.#isBlocked = this.#journal.isFull;
    if (this.#isBlocked) this.#journal.whenDrained(() => this.#unblock());
    this.#resting ??= this.#rest();
  }

  /** Ends the turn when all is written. */
  async #rest(): Promise<void> {
    // Not before the caller has kept the promise.
    await Promise.resolve();
    try {
      while (this.#journal.isBusy) await this.#journal.close();
    } catch (error) {
      this.isComplete = false;
      this.#options.onFailure(error as Error);
    }
    this.#resting = null;
    this.#hasTurn = false;
    this.#options.logs.end();
  }

  #unblock(): void {
    this.#write();
    if (this.#isBlocked) return;
    this.#onUnblocked?.();
    if (this.#closed === null) this.#options.onRoom();
  }

  #append(bytes: Buffer): void {
    const room = this.#options.keepBytes - this.#journal.size;
    if (room <= 0 || bytes.length === 0) return;
    this.#journal.append('stdout', bytes.subarray(0, room), this.#options.clock.now());
  }

  #keepEnd(bytes: Buffer): void {
    const end = bytes.length < TAIL_BYTES ? Buffer.concat([this.#tail, bytes]) : bytes;
    // A copy: what was read must not be held for the sake of its end.
    this.#tail = Buffer.from(end.subarray(-TAIL_BYTES));
  }
}
