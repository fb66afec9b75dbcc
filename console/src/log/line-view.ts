// Which lines are shown: all, those of one stream, or those that have a text. New lines are looked at once.
import { plainText } from './ansi.ts';
import type { LogStore, Stream } from './log-store.ts';

export interface Showing {
  stream: Stream | 'all';
  /** Only lines that have it; empty: all. */
  text: string;
}

export class LineView {
  readonly #store: LogStore;
  readonly #showing: Showing;
  /** Numbers of the lines that fit. */
  #numbers: number[] = [];
  #looked = 0;

  constructor(store: LogStore, showing: Showing) {
    this.#store = store;
    this.#showing = showing;
  }

  get #isAll(): boolean {
    return this.#showing.stream === 'all' && this.#showing.text === '';
  }

  /** Looks at what is new. */
  get length(): number {
    if (this.#isAll) return this.#store.length;
    const { dropped, length } = this.#store;
    for (let number = Math.max(this.#looked, dropped) + 1; number <= dropped + length; number++) {
      if (this.#fits(number - dropped - 1)) this.#numbers.push(number);
      this.#looked = number;
    }
    if ((this.#numbers[0] ?? Infinity) <= dropped)
      this.#numbers = this.#numbers.filter((one) => one > dropped);
    return this.#numbers.length;
  }

  /** Place in the store of what is shown at `row`. */
  indexAt(row: number): number {
    return this.#isAll ? row : (this.#numbers[row] ?? 0) - this.#store.dropped - 1;
  }

  /** The row of a line, or of the next one that is shown. */
  rowOf(index: number): number {
    if (this.#isAll) return index;
    const number = index + this.#store.dropped + 1;
    const row = this.#numbers.findIndex((one) => one >= number);
    return row === -1 ? this.#numbers.length - 1 : row;
  }

  #fits(index: number): boolean {
    const { stream, text } = this.#showing;
    if (stream !== 'all' && this.#store.streamOf(index) !== stream) return false;
    return text === '' || plainText(this.#store.textOf(index)).toLowerCase().includes(text.toLowerCase());
  }
}
