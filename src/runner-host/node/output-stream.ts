// Reads one output stream of a process from its pipe: counts, keeps the end, and hands on pieces that are not cut
// within a UTF-8 character, so that a piece of text can be shown as text. All streams read into one buffer, so that much
// output does not make the host large; what is handed on is valid only until the call returns.
import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import { unfinishedUtf8 } from '../../journal/journal-format.ts';
import { TAIL_BYTES } from '../protocol.ts';
import { Redactor } from '../../journal/redactor.ts';

/** Room in front of what is read, for the beginning of a character that came before. */
const HEADROOM = 4;
/** What Linux gives of a pipe at once. */
const READ_BYTES = 65_536;
/** What a process without privileges can make a pipe hold (fs.pipe-max-size, pipe(7)). */
const MAX_PIPE_BYTES = 1_048_576;
const shared = Buffer.allocUnsafeSlow(HEADROOM + READ_BYTES);

export class OutputStream {
  /** Bytes that the process has written, without what was taken out of them. */
  bytes = 0;
  /** Bytes that were read. */
  #readBytes = 0;
  readonly #redactor: Redactor | null;
  /** Resolves when nothing can come any more. */
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  readonly #take: (bytes: Buffer) => void;
  readonly #carried = Buffer.alloc(HEADROOM);
  #carriedLength = 0;
  #tail: Buffer | null = null;
  #tailLength = 0;
  #isPaused = false;
  #hasEnded = false;

  /**
   * @param fd   read end of a pipe; closed at the end
   * @param take called with each piece, in order
   * @param redact what is taken out before anybody sees it
   */
  constructor(fd: number, take: (bytes: Buffer) => void, redact: readonly Uint8Array[] = []) {
    this.#take = take;
    this.#redactor = redact.length === 0 ? null : new Redactor(redact);
    const onread = {
      buffer: shared.subarray(HEADROOM),
      callback: (length: number) => {
        this.#read(length);
        return true;
      },
    };
    this.#socket = new Socket({ fd, readable: true, writable: false, onread });
    this.ended = new Promise((resolve) => {
      this.#socket.once('close', () => {
        if (this.#redactor !== null) this.#acceptAll(this.#redactor.end());
        if (this.#carriedLength > 0) this.#take(this.#carried.subarray(0, this.#carriedLength));
        this.#carriedLength = 0;
        this.#hasEnded = true;
        resolve();
      });
    });
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.resume();
  }

  /** The last bytes that were written, also when the journal did not keep them. */
  get tail(): Uint8Array {
    return this.#tail?.subarray(0, this.#tailLength) ?? new Uint8Array();
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether nothing can come any more. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#socket.resume();
  }

  /**
   * Reads to the end. Gives up on a pipe that something still holds once it has been silent for `quietMs`, or when all
   * that can have been in it was read, or after ten times `quietMs`: whoever holds it may go on writing for ever.
   *
   * @returns whether it came to its end
   */
  async finish(quietMs: number): Promise<boolean> {
    let seen = -1;
    let ticks = 0;
    let hasGivenUp = false;
    const most = this.#readBytes + MAX_PIPE_BYTES;
    const watch = setInterval(() => {
      // A full journal backlog also makes it silent, but then there is more to come.
      if (this.#isPaused && this.#readBytes < most) return;
      ticks += 1;
      hasGivenUp = seen === this.#readBytes || this.#readBytes >= most || ticks >= 20;
      seen = this.#readBytes;
      if (hasGivenUp) this.#socket.destroy();
    }, quietMs / 2);
    await this.ended;
    clearInterval(watch);
    return !hasGivenUp;
  }

  #read(length: number): void {
    this.#readBytes += length;
    if (this.#redactor === null) return this.#accept(length);
    this.#acceptAll(this.#redactor.push(shared.subarray(HEADROOM, HEADROOM + length)));
  }

  /** Takes in bytes of any length, by way of the shared buffer. */
  #acceptAll(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += READ_BYTES) {
      this.#accept(bytes.copy(shared, HEADROOM, at, Math.min(bytes.length, at + READ_BYTES)));
    }
  }

  /** Takes in what stands in the shared buffer. */
  #accept(length: number): void {
    this.bytes += length;
    const end = HEADROOM + length;
    this.#keepEnd(shared.subarray(HEADROOM, end));
    const begin = HEADROOM - this.#carriedLength;
    this.#carried.copy(shared, begin, 0, this.#carriedLength);
    const whole = shared.subarray(begin, end);
    this.#carriedLength = unfinishedUtf8(whole);
    const cut = whole.length - this.#carriedLength;
    whole.copy(this.#carried, 0, cut);
    if (cut > 0) this.#take(whole.subarray(0, cut));
  }

  #keepEnd(piece: Buffer): void {
    this.#tail ??= Buffer.allocUnsafe(TAIL_BYTES);
    const room = TAIL_BYTES - this.#tailLength;
    if (piece.length >= TAIL_BYTES) {
      this.#tailLength = piece.copy(this.#tail, 0, piece.length - TAIL_BYTES);
      return;
    }
    if (piece.length > room) {
      this.#tail.copyWithin(0, piece.length - room, this.#tailLength);
      this.#tailLength -= piece.length - room;
    }
    this.#tailLength += piece.copy(this.#tail, this.#tailLength);
  }
}
