// What changes in place on a terminal: a block of lines that is drawn again and again, or the whole screen.
import { systemClock } from '../client/time.ts';
import type { Sink } from './terminal.ts';

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
const HOME = '\x1b[H';
const ENTER = '\x1b[?1049h';
const LEAVE = '\x1b[?1049l';

const DEFAULT_ROWS = 24;

/** Some terminals have no size, or say 0. */
function rowsOfTerminal(): number {
  return process.stdout.rows > 0 ? process.stdout.rows : DEFAULT_ROWS;
}

/** Lines at the end of the output that are replaced by the next ones. Without a terminal nothing is drawn. */
export class Block {
  readonly #sink: Sink;
  #drawn = 0;
  #isHidden = false;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  async draw(text: string): Promise<void> {
    if (!this.#sink.isTerminal) return;
    const lines = text.split('\n');
    // Lines that have left the screen cannot be replaced any more.
    const most = Math.max(1, rowsOfTerminal() - 1);
    const shown =
      lines.length > most ? [...lines.slice(0, most - 1), `… ${lines.length - most + 1} more`] : lines;
    const up = this.#drawn > 0 ? `\r\x1b[${this.#drawn}A` : '';
    const hide = this.#isHidden ? '' : HIDE_CURSOR;
    this.#isHidden = true;
    await this.#sink.write(
      `${hide}${up}${shown.map((line) => `${line}${CLEAR_LINE}\n`).join('')}${CLEAR_BELOW}`,
    );
    this.#drawn = shown.length;
  }

  /** Takes away what is drawn. */
  async clear(): Promise<void> {
    if (this.#drawn > 0)
      await this.#sink.write(`\r\x1b[${this.#drawn}A${CLEAR_BELOW}`).catch(() => undefined);
    await this.end();
  }

  /** Leaves what is drawn where it is. */
  async end(): Promise<void> {
    if (this.#isHidden) await this.#sink.write(SHOW_CURSOR).catch(() => undefined);
    this.#isHidden = false;
    this.#drawn = 0;
  }
}

/** The whole screen, which is as it was before when it ends. */
class FullScreen {
  readonly #sink: Sink;
  #isOpen = false;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  async draw(text: string): Promise<void> {
    const lines = text.split('\n').slice(0, rowsOfTerminal() - 1);
    const open = this.#isOpen ? '' : ENTER + HIDE_CURSOR;
    this.#isOpen = true;
    await this.#sink.write(
      `${open}${HOME}${lines.map((line) => `${line}${CLEAR_LINE}\n`).join('')}${CLEAR_BELOW}`,
    );
  }

  async close(): Promise<void> {
    if (this.#isOpen) await this.#sink.write(SHOW_CURSOR + LEAVE).catch(() => undefined);
    this.#isOpen = false;
  }
}

/** Draws the whole screen now, every so often, and when the terminal gets another size, until Ctrl-C. */
export async function drawAgain(sink: Sink, everyMs: number, draw: () => Promise<string>): Promise<void> {
  const screen = new FullScreen(sink);
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  try {
    while (!stop.signal.aborted) {
      await screen.draw(await draw());
      const resized = new AbortController();
      const onResize = () => resized.abort();
      process.stdout.once('resize', onResize);
      await systemClock.sleep(everyMs, AbortSignal.any([stop.signal, resized.signal])).catch(() => undefined);
      process.stdout.off('resize', onResize);
    }
  } finally {
    await screen.close();
  }
}
