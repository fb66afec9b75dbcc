// Directories that are gone after the test.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Lifetime } from './scope.ts';

export function tempDir(t: Lifetime): string {
  const dir = mkdtempSync(join(tmpdir(), 'execd-test-'));
  // Something that is just ending may still write.
  t.teardown(() => rmSync(dir, { recursive: true, force: true, maxRetries: 10 }));
  return dir;
}

/**
 * Paths of all files and directories below one, relative to it. Unlike `readdirSync` with `recursive`, it minds nothing that
 * goes away meanwhile: a server removes private directories, logs and files of its store when it likes.
 */
export function pathsBelow(dir: string, prefix = ''): string[] {
  try {
    return readdirSync(join(dir, prefix), { withFileTypes: true }).flatMap((entry) => {
      const path = join(prefix, entry.name);
      return entry.isDirectory() ? [path, ...pathsBelow(dir, path)] : [path];
    });
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

/** What a file holds; null when it is gone, is too large or no file, as a pipe. */
export function readIfThere(path: string, mostBytes = Infinity): Buffer | null {
  try {
    const stat = statSync(path);
    return stat.isFile() && stat.size <= mostBytes ? readFileSync(path) : null;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

/** Whether a regular file below a directory holds a text; larger files are not searched. */
export function isBelow(dir: string, text: string, mostBytes = Infinity): boolean {
  return pathsBelow(dir).some((path) => readIfThere(join(dir, path), mostBytes)?.includes(text) === true);
}

/** A directory on a disk of its own of so many bytes, and files; null where this user may not mount one. */
export function smallDisk(t: Lifetime, bytes: number, files = 0): string | null {
  const dir = mkdtempSync(join(tmpdir(), 'execd-disk-'));
  const { status } = spawnSync(
    'mount',
    ['-t', 'tmpfs', '-o', `size=${bytes}${files > 0 ? `,nr_inodes=${files}` : ''}`, 'tmpfs', dir],
    {
      stdio: 'ignore',
    },
  );
  t.teardown(() => {
    if (status === 0) spawnSync('umount', ['-l', dir]);
    rmSync(dir, { recursive: true, force: true });
  });
  return status === 0 ? dir : null;
}
