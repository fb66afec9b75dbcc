// Removes a private directory after its processes are dead. What commands leave behind can be hostile: directories
// without permissions, very deep or very wide ones. Links are removed, never followed. Anything but a few files is left
// to rm(1), which takes no more memory for a million files than for one, and goes deeper than a path can say.
import { spawn } from 'node:child_process';
import { opendir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** So many files are removed here; for more, another process is cheaper. */
const FEW = 32;

/**
 * Removes a directory with everything in it.
 *
 * @throws an error with what rm said, when something is left
 */
export async function removeTree(dir: string): Promise<void> {
  if (await removeFew(dir).catch(() => false)) return;
  const options = ['-rf', '--one-file-system', '--', dir];
  if ((await run('rm', options)).code === 0) return;
  await run('chmod', ['-R', 'u+rwx', '--', dir]);
  const { code, said } = await run('rm', options);
  if (code !== 0) throw new Error(said);
}

/** False when there is more than a few files. */
async function removeFew(dir: string): Promise<boolean> {
  const files: string[] = [];
  for await (const entry of await opendir(dir)) {
    if (entry.isDirectory() || files.length === FEW) return false;
    files.push(join(dir, entry.name));
  }
  for (const file of files) await unlink(file);
  await rmdir(dir);
  return true;
}

/** Most that is kept of what a program says. */
const SAID_CHARS = 500;

function run(program: string, args: string[]): Promise<{ code: number | null; said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { PATH: '/usr/bin:/bin', LANG: 'C' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr
      .setEncoding('utf8')
      .on('data', (text: string) => (said = (said + text).slice(0, SAID_CHARS)));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, said }));
  });
}
