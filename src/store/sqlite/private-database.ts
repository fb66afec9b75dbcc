// Opens a database that no other user of the machine can read, whatever the directory and the umask allow.
import { chmodSync, closeSync, openSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

const FILE_MODE = 0o600;
const OF_OTHERS = 0o077;

/** SQLite gives the files beside it (`-wal`, `-shm`) the same mode. `busyMs`: how long it waits for others. */
export function openPrivately(file: string, busyMs = 0): DatabaseSync {
  makePrivate(file);
  return new DatabaseSync(file, { timeout: busyMs });
}

/** Makes the file unless it is there, and takes it away from others. */
export function makePrivate(file: string): void {
  closeSync(openSync(file, 'a', FILE_MODE));
  for (const path of [file, `${file}-wal`, `${file}-shm`]) {
    const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0;
    if ((mode & OF_OTHERS) === 0) continue;
    try {
      chmodSync(path, FILE_MODE);
    } catch (error) {
      // Only its owner can change it.
      if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    }
  }
}
