// Standard input, as far as there is one to pass on: a pipe or a file is, a terminal is not.
import { fstatSync, createReadStream } from 'node:fs';
import { systemClock } from '../client/time.ts';
import type { Terminal } from './terminal.ts';

const HINT_MS = 2000;

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
    for await (const piece of createReadStream('', { fd: 0, autoClose: false })) {
      done.abort();
      pieces.push(piece as Buffer);
    }
  } finally {
    done.abort();
    await hint;
  }
  return Buffer.concat(pieces);
}

/** As the API takes it: text where it is text. */
export function asStdin(bytes: Buffer): string | { base64: string } {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { base64: bytes.toString('base64') };
  }
}
