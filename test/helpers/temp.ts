// Directories that are gone after the test.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

export function tempDir(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'execd-test-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A directory on a disk of its own of so many bytes, and files; null where this user may not mount one. */
export function smallDisk(t: Test, bytes: number, files = 0): string | null {
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
