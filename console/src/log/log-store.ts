// The lines of a log in memory: their bytes in blocks, their numbers in columns. Text is made only of what is looked at. What
// does not fit into its bound is dropped at the front, and counted.
import { Column } from './columns.ts';
import { LineBuilder } from './line-builder.ts';
import { Styles } from './styles.ts';

export type Stream = 'stdout' | 'stderr';

/** What comes of a log. */
export interface Piece {
  stream: Stream;
  attempt: number;
  /** RFC 3339. */
  time: string;
  bytes: Uint8Array;
}

export interface Line {
  /** From 1, and the same however much was dropped. */
  number: number;
  stream: Stream;
  attempt: number;
  /** Milliseconds since the epoch. */
  at: number;
  /** Whether it goes on in the next line. */
  isCut: boolean;
  /** Sequences that set how its text begins. */
  style: string;
  text: string;
}

const BLOCK_BYTES = 1_048_576;
const MOST_BYTES = 96 * BLOCK_BYTES;
const IS_STDERR = 1;
const IS_CUT = 2;

const u8 = (length: number) => new Uint8Array(length);
const u16 = (length: number) => new Uint16Array(length);
const u32 = (length: number) => new Uint32Array(length);

export class LogStore {
  readonly #decoder = new TextDecoder();
  readonly #mostBytes: number;
  #blocks: Uint8Array[] = [];
  /** Lines that each block has. */
  #linesOf: number[] = [];
  #used = BLOCK_BYTES;
  /** Blocks that were dropped: places count from the first one that ever was. */
  #droppedBlocks = 0;
  #droppedLines = 0;
  readonly #places = new Column(u32);
  readonly #lengths = new Column(u16);
  readonly #flags = new Column(u8);
  readonly #attempts = new Column(u8);
  readonly #times = new Column(u32);
  readonly #styleIds = new Column(u16);
  #began: number | null = null;
  #open: { stream: Stream; attempt: number; at: number }[] = [];
  #builders = { stdout: new LineBuilder(), stderr: new LineBuilder() };
  readonly #styles = { stdout: new Styles(), stderr: new Styles() };

  constructor(mostBytes = MOST_BYTES) {
    this.#mostBytes = mostBytes;
  }

  /** Lines that are kept, with those that have no end yet. */
  get length(): number {
    return this.#lengths.length + this.#open.length;
  }

  get dropped(): number {
    return this.#droppedLines;
  }

  /** When its first line came, milliseconds since the epoch. */
  get began(): number {
    return this.#began ?? 0;
  }

  append({ stream, attempt, time, bytes }: Piece): void {
    const at = Date.parse(time);
    this.#began ??= at;
    if (this.#open.some((one) => one.attempt !== attempt)) this.#flushAll();
    this.#builders[stream].add(bytes, (line, isCut) => this.#push(line, { stream, attempt, at, isCut }));
    this.#noteOpen(stream, attempt, at);
  }

  /** Nothing comes any more. */
  end(): void {
    this.#flushAll();
  }

  /** `index` from 0 among what is kept. */
  line(index: number): Line {
    const whole = this.#lengths.length;
    const number = this.#droppedLines + index + 1;
    const open = this.#open[index - whole];
    if (open !== undefined) {
      const text = this.#decoder.decode(this.#builders[open.stream].rest);
      return { ...open, number, isCut: false, style: this.#styles[open.stream].current, text };
    }
    const flags = this.#flags.at(index);
    const stream = (flags & IS_STDERR) === 0 ? 'stdout' : 'stderr';
    return {
      ...{ number, stream, attempt: this.#attempts.at(index) },
      at: this.began + this.#times.at(index),
      isCut: (flags & IS_CUT) !== 0,
      style: this.#styles[stream].get(this.#styleIds.at(index)),
      text: this.#decoder.decode(this.#bytesOf(index)),
    };
  }

  streamOf(index: number): Stream {
    const open = this.#open[index - this.#lengths.length];
    if (open !== undefined) return open.stream;
    return (this.#flags.at(index) & IS_STDERR) === 0 ? 'stdout' : 'stderr';
  }

  textOf(index: number): string {
    return index < this.#lengths.length ? this.#decoder.decode(this.#bytesOf(index)) : this.line(index).text;
  }

  #bytesOf(index: number): Uint8Array {
    const place = this.#places.at(index);
    const block = this.#blocks[Math.floor(place / BLOCK_BYTES) - this.#droppedBlocks];
    const from = place % BLOCK_BYTES;
    return block === undefined ? u8(0) : block.subarray(from, from + this.#lengths.at(index));
  }

  #push(bytes: Uint8Array, line: { stream: Stream; attempt: number; at: number; isCut: boolean }): void {
    if (this.#used + bytes.length > BLOCK_BYTES) this.#addBlock();
    const last = this.#blocks.length - 1;
    this.#blocks[last]?.set(bytes, this.#used);
    this.#linesOf[last] = (this.#linesOf[last] ?? 0) + 1;
    this.#places.push((last + this.#droppedBlocks) * BLOCK_BYTES + this.#used);
    this.#used += bytes.length;
    this.#lengths.push(bytes.length);
    this.#flags.push((line.stream === 'stderr' ? IS_STDERR : 0) | (line.isCut ? IS_CUT : 0));
    this.#attempts.push(Math.min(line.attempt, 255));
    this.#times.push(Math.max(0, line.at - this.began));
    this.#styleIds.push(this.#styles[line.stream].after(bytes));
  }

  #addBlock(): void {
    if (this.#blocks.length * BLOCK_BYTES >= this.#mostBytes) this.#dropBlock();
    this.#blocks.push(u8(BLOCK_BYTES));
    this.#linesOf.push(0);
    this.#used = 0;
  }

  #dropBlock(): void {
    this.#blocks.shift();
    const count = this.#linesOf.shift() ?? 0;
    this.#droppedBlocks += 1;
    this.#droppedLines += count;
    for (const column of [this.#places, this.#times]) column.dropFirst(count);
    for (const column of [this.#lengths, this.#styleIds]) column.dropFirst(count);
    for (const column of [this.#flags, this.#attempts]) column.dropFirst(count);
  }

  #noteOpen(stream: Stream, attempt: number, at: number): void {
    const others = this.#open.filter((one) => one.stream !== stream);
    const hasRest = this.#builders[stream].rest.length > 0;
    this.#open = hasRest ? [...others, { stream, attempt, at }] : others;
  }

  #flushAll(): void {
    for (const { stream, attempt, at } of this.#open)
      this.#builders[stream].flush((line, isCut) => this.#push(line, { stream, attempt, at, isCut }));
    this.#open = [];
  }
}
