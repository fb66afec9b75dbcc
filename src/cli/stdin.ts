// Standard input, as far as there is one to pass on: a pipe or a file is, a terminal is not.
import { fstatSync, read as readFd } from 'node:fs';
import { systemClock } from '../client/time.ts';
import type { Terminal } from './terminal.ts';

const HINT_MS = 2000;
const AGAIN_MS = 5;
const PIECE = 65_536;

export function isPiped(): boolean {
  try {
    const stat = fstatSync(0);
    return stat.isFIFO() || stat.isFile() || stat.isSocket();
  } catch {
    // It is closed.
    return false;
  }
}

/** All of it. Says what it waits for when nothing comes. */
export async function readAll(terminal: Terminal): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const done = new AbortController();
  const hint = systemClock.sleep(HINT_MS, done.signal).then(
    () => terminal.note('reading standard input; -n runs the command without it', 'yellow'),
    () => undefined,
  );
  try {
    for (let piece = await readSome(); piece.length > 0; piece = await readSome()) {
      done.abort();
      pieces.push(piece);
    }
  } finally {
    done.abort();
    await hint;
  }
  return Buffer.concat(pieces);
}

/** As the API takes it: text where it is text, unless base64 is shorter, as it is for many control characters. */
export function asStdin(bytes: Buffer): string | { base64: string } {
  const base64 = bytes.toString('base64');
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return Buffer.byteLength(JSON.stringify(text)) <= base64.length || text.length < PIECE
      ? text
      : { base64 };
  } catch {
    return { base64 };
  }
}

/** What there is; nothing at the end. A program that shares the pipe may have made it one that does not wait. */
async function readSome(): Promise<Buffer> {
  for (;;) {
    const piece = await new Promise<Buffer | null>((resolve, reject) => {
      const bytes = Buffer.allocUnsafe(PIECE);
      readFd(0, bytes, 0, PIECE, null, (error, length) => {
        if (error === null) resolve(bytes.subarray(0, length));
        else if (error.code === 'EAGAIN') resolve(null);
        else reject(error);
      });
    });
    if (piece !== null) return piece;
    await systemClock.sleep(AGAIN_MS);
  }
}
