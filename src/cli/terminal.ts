// Standard output and error: written in order, never blocking signals, with colours on a terminal only.
import { write as writeFd } from 'node:fs';
import { isatty } from 'node:tty';
import { styleText } from 'node:util';
import { systemClock } from '../client/time.ts';

export type Style = Parameters<typeof styleText>[0];

/** Whoever read the output has gone. */
export class PipeClosedError extends Error {}

const AGAIN_MS = 5;

/** A file descriptor that is written to piece by piece. Node's own streams would block, and signals with them. */
export class Sink {
  readonly isTerminal: boolean;
  readonly #fd: number;
  readonly #hasColors: boolean;

  constructor(fd: number, env: NodeJS.ProcessEnv) {
    this.#fd = fd;
    this.isTerminal = isatty(fd);
    this.#hasColors = hasColors(this.isTerminal, env);
  }

  /** Columns; null where there is no terminal. */
  get columns(): number | null {
    if (!this.isTerminal) return null;
    const stream = this.#fd === 1 ? process.stdout : process.stderr;
    return stream.columns > 0 ? stream.columns : 80;
  }

  style(style: Style, text: string): string {
    return this.#hasColors ? styleText(style, text, { validateStream: false }) : text;
  }

  /** @throws PipeClosedError */
  async write(data: string | Uint8Array): Promise<void> {
    let bytes = typeof data === 'string' ? Buffer.from(data) : data;
    while (bytes.length > 0) {
      const written = await this.#writeSome(bytes);
      bytes = bytes.subarray(written);
    }
  }

  async #writeSome(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      writeFd(this.#fd, bytes, 0, bytes.length, null, (error, written) => {
        if (error === null) resolve(written);
        else if (error.code === 'EAGAIN') systemClock.sleep(AGAIN_MS).then(() => resolve(0), reject);
        else if (error.code === 'EPIPE' || error.code === 'EIO') reject(new PipeClosedError(error.message));
        else reject(error);
      });
    });
  }
}

/** `NO_COLOR` (no-color.org) and `FORCE_COLOR` decide, else whether there is a terminal that knows any. */
function hasColors(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  if ((env.NO_COLOR ?? '') !== '') return false;
  if ((env.FORCE_COLOR ?? '') !== '') return env.FORCE_COLOR !== '0';
  return isTerminal && env.TERM !== 'dumb';
}

export class Terminal {
  readonly out: Sink;
  readonly err: Sink;
  readonly env: NodeJS.ProcessEnv;
  isQuiet = false;

  constructor(env: NodeJS.ProcessEnv) {
    this.env = env;
    this.out = new Sink(1, env);
    this.err = new Sink(2, env);
  }

  /** A line of the program itself, beside the output of the command. */
  async note(text: string, style: Style = 'dim'): Promise<void> {
    if (!this.isQuiet) await this.error(text, style);
  }

  /** The same for what has to be seen. */
  async error(text: string, style: Style = 'red'): Promise<void> {
    await this.err.write(`${this.err.style(style, `execd: ${text}`)}\n`).catch(() => undefined);
  }

  async line(text: string): Promise<void> {
    await this.out.write(`${text}\n`);
  }

  async json(value: unknown): Promise<void> {
    await this.line(JSON.stringify(value, null, this.out.isTerminal ? 2 : 0));
  }
}
