// A directory on a file system that does not answer, as a dead network mount.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { until } from './processes.ts';

/**
 * Null where this user may not mount one. Whoever waits for it goes on with an error after the test. To be made after what
 * is to be waited for at the end of the test: a process that looks at the disk cannot be killed while it hangs.
 */
export async function hangingDisk(t: Test): Promise<string | null> {
  if (process.getuid?.() !== 0 || !existsSync('/dev/fuse')) return null;
  const dir = mkdtempSync(join(tmpdir(), 'execd-hanging-'));
  const disk = spawn('python3', ['test/fixtures/hanging-disk.py', dir], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.teardown(() => {
    disk.kill('SIGKILL');
    spawnSync('umount', ['-l', dir]);
    rmdirSync(dir);
  });
  return (await isMounted(disk)) ? dir : null;
}

async function isMounted(disk: ChildProcess): Promise<boolean> {
  let isReady = false;
  let hasEnded = false;
  disk.stdout?.once('data', () => (isReady = true));
  disk.once('error', () => (hasEnded = true));
  disk.once('exit', () => (hasEnded = true));
  await until('the disk is mounted, or is not', () => isReady || hasEnded, 60_000);
  return isReady;
}
