// Makes lines of the bytes of one stream. A progress bar that is drawn again and again with `\r` is one line, as it was drawn
// last; a line without end is cut into pieces.
const NEWLINE = 10;
const RETURN = 13;
/** The longest piece: what is longer goes on in the next line. */
export const LINE_BYTES = 16_384;

/** Takes a line; `isCut`: it goes on in the next one. The bytes are good until the call returns. */
export type TakeLine = (bytes: Uint8Array, isCut: boolean) => void;

export class LineBuilder {
  readonly #buffer = new Uint8Array(LINE_BYTES);
  #length = 0;
  /** The cursor of the terminal has gone back: what comes next is drawn over the line. */
  #isReturned = false;

  /** What has no end yet. */
  get rest(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  add(bytes: Uint8Array, take: TakeLine): void {
    let at = 0;
    while (at < bytes.length) {
      const newline = bytes.indexOf(NEWLINE, at);
      const end = newline === -1 ? bytes.length : newline;
      this.#addPart(bytes.subarray(at, end), take);
      if (newline !== -1) this.#end(take, false);
      at = end + 1;
    }
  }

  /** What is left when nothing comes any more is a line, too. */
  flush(take: TakeLine): void {
    if (this.#length > 0) this.#end(take, false);
  }

  #addPart(part: Uint8Array, take: TakeLine): void {
    if (part.length === 0) return;
    const isReturning = part.at(-1) === RETURN;
    const shown = isReturning ? part.subarray(0, -1) : part;
    const back = shown.lastIndexOf(RETURN);
    if (back !== -1 || (this.#isReturned && shown.length > 0)) this.#length = 0;
    if (shown.length > 0) this.#isReturned = false;
    this.#append(shown.subarray(back + 1), take);
    if (isReturning) this.#isReturned = true;
  }

  #append(bytes: Uint8Array, take: TakeLine): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#length === LINE_BYTES) this.#end(take, true);
      const count = Math.min(LINE_BYTES - this.#length, bytes.length - at);
      this.#buffer.set(bytes.subarray(at, at + count), this.#length);
      this.#length += count;
      at += count;
    }
  }

  #end(take: TakeLine, isCut: boolean): void {
    take(this.rest, isCut);
    this.#length = 0;
    this.#isReturned = false;
  }
}
