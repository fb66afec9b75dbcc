// Files whose content is nobody else's: a file that every user of the machine can read, or change, is not read.
import { readFileSync, statSync } from 'node:fs';

/** Anything that "others" may do. */
const OTHERS = 0o007;
const MAX_BYTES = 4 * 1024 * 1024;

/** Reads a file as UTF-8, or says what stands against it. */
export function readPrivateFile(path: string): { text: string } | { problem: string } {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) return { problem: 'is not a file' };
    if ((stats.mode & OTHERS) !== 0)
      return { problem: 'can be used by every user of this machine: chmod o= it' };
    if (stats.size > MAX_BYTES) return { problem: `is larger than ${MAX_BYTES} bytes` };
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(path)) };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}
