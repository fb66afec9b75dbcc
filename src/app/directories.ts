// Directories that a setting names: made, with their parents, and proven usable before anything is opened in them.
import { existsSync, mkdirSync, mkdtempSync, rmdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConfigError } from '../config/load.ts';

/**
 * Makes a directory unless it is there.
 *
 * @param setting the setting that names it
 * @throws ConfigError when it cannot be made, or nothing can be made in it
 */
export function makeDirectory(setting: string, path: string, mode: number): void {
  try {
    // Not mkdir's own `recursive`: it tries for ever where a parent that is there answers ENOENT, as /proc does.
    const missing: string[] = [];
    for (let dir = path; !existsSync(dir) && dirname(dir) !== dir; dir = dirname(dir)) missing.unshift(dir);
    for (const dir of missing) mkdirSync(dir, { mode });
    rmdirSync(mkdtempSync(join(path, '.try-')));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // A full disk may be cleaned up by the server itself.
    if (code === 'ENOSPC' || code === 'EDQUOT') return;
    throw new ConfigError([`${setting}: cannot use the directory ${path} (${message})`]);
  }
}

/** Of a log: its index and its first pieces. */
const PROBE_BYTES = 64 * 1024;

/** Writes as much into a directory as an attempt needs to begin, and removes it. Rejects when there is no room. */
export async function probeDirectory(path: string): Promise<void> {
  const file = join(path, '.probe');
  try {
    await writeFile(file, Buffer.alloc(PROBE_BYTES), { mode: 0o600 });
  } finally {
    await rm(file, { force: true }).catch(() => undefined);
  }
}
