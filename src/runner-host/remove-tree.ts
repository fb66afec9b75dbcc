// Removes a private directory after its processes are dead. What commands leave behind can be hostile: directories
// without permissions, very deep or very wide ones. Links are removed, never followed.
import { chmod, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Removes a directory with everything in it.
 *
 * @throws the first error that remains after permissions have been given back
 */
export async function removeTree(dir: string): Promise<void> {
  const options = { recursive: true, force: true };
  try {
    await rm(dir, options);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'ENOTEMPTY') throw error;
    await openUp(dir);
    await rm(dir, options);
  }
}

/** Gives the owner all permissions on every directory of a tree, without following links. */
async function openUp(root: string): Promise<void> {
  const waiting = [root];
  for (let dir = waiting.pop(); dir !== undefined; dir = waiting.pop()) {
    await chmod(dir, 0o700);
    for (const entry of await readdir(dir, { withFileTypes: true })) {
      if (entry.isDirectory()) waiting.push(join(dir, entry.name));
    }
  }
}
