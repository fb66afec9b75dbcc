// One server per data directory. The lock is SQLite's own lock on a file beside the store: the kernel gives it up
// when the process dies, however it dies.
import { readFileSync, writeFileSync } from 'node:fs';
import { StoreError } from '../../domain/ports/store.ts';
import { openPrivately } from './private-database.ts';

/**
 * Takes the lock.
 *
 * @param file  path of the lock file
 * @param owner what to tell others about the holder, for instance `pid 4711`
 * @returns a function that gives it up
 * @throws StoreError when another server holds it
 */
export function takeLock(file: string, owner: string): () => void {
  const ownerFile = `${file}.owner`;
  const db = openPrivately(file);
  try {
    db.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if ((error as { errcode?: number }).errcode !== 5) throw error;
    throw new StoreError(`the data directory is in use by another execd (${readOwner(ownerFile)})`);
  }
  writeFileSync(ownerFile, owner);
  return () => {
    if (db.isOpen) db.close();
  };
}

function readOwner(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return 'unknown';
  }
}
