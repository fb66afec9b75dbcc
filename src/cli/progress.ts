// How far files are on their way: one line at the end of standard error, on a terminal only.
import { systemClock } from '../client/time.ts';
import { Block } from './screen.ts';
import type { Session } from './session.ts';
import { bar, plain, shownBytes } from './units.ts';

const EVERY_MS = 100;
const BAR = 20;

export class Progress {
  readonly #block: Block;
  readonly #isShown: boolean;
  readonly #begunAt = systemClock.now();
  #drawnAt = -Infinity;
  #drawing: Promise<void> = Promise.resolve();

  constructor({ terminal }: Session) {
    this.#block = new Block(terminal.err);
    this.#isShown = terminal.err.isTerminal && !terminal.isQuiet;
  }

  /** `size` is null where it is not known. */
  show(name: string, bytes: number, size: number | null): void {
    const now = systemClock.now();
    if (!this.#isShown || now - this.#drawnAt < EVERY_MS) return;
    this.#drawnAt = now;
    const rate = bytes / Math.max(1, now - this.#begunAt);
    const share = size === null || size === 0 ? '' : `${bar(Math.min(1, bytes / size), BAR)} `;
    const of = size === null ? '' : ` of ${shownBytes(size)}`;
    const line = `${share}${shownBytes(bytes)}${of}  ${shownBytes(Math.round(rate * 1000))}/s  ${plain(name)}`;
    this.#drawing = this.#drawing.then(() => this.#block.draw(line)).catch(() => undefined);
  }

  /** Takes the line away. */
  async end(): Promise<void> {
    await this.#drawing;
    if (this.#drawnAt > -Infinity) await this.#block.clear();
  }
}
