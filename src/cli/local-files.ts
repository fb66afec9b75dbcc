// Files of this machine: what is sent, and where artifacts are written. A path of an artifact comes from a command, which may mean
// harm: it leads nowhere but into the directory that was chosen, follows no link there, and replaces nothing unless that is wanted.
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, lstat, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EXIT, Exit, usage } from './exits.ts';
import { plain } from './units.ts';

export interface LocalFile {
  size: number;
  isExecutable: boolean;
  read: () => AsyncIterable<Uint8Array>;
}

const X_BITS = 0o111;

/**
 * @param remedy follows the message of a file that cannot be found
 * @throws Exit for what is not a plain file that can be read
 */
export async function localFile(path: string, remedy = ''): Promise<LocalFile> {
  const found = await stat(path).catch((error: unknown) => {
    throw usage(`Cannot read ${path}: ${(error as Error).message}${remedy}`);
  });
  if (!found.isFile())
    throw usage(
      `${path} is ${found.isDirectory() ? 'a directory' : 'not a plain file'}. Give a file; pack a directory first.`,
    );
  // No more than it had: the size is told before.
  const read = () =>
    found.size === 0 ? none() : createReadStream(path, { end: found.size - 1, highWaterMark: 1024 * 1024 });
  return { size: found.size, isExecutable: (found.mode & X_BITS) !== 0, read };
}

async function* none(): AsyncGenerator<Uint8Array> {
  yield* [];
}

/** Where an artifact goes below a directory. @throws Exit for a path that leads out of it */
export function placeOf(dir: string, path: string): string {
  const segments = path.split('/');
  // eslint-disable-next-line no-control-regex
  const isSafe = segments.every((one) => one !== '' && one !== '.' && one !== '..' && !/[\0\\]/.test(one));
  if (!isSafe)
    throw new Exit(
      EXIT.failed,
      `The artifact ${JSON.stringify(plain(path))} is not written: its path leads out of ${dir}.`,
    );
  return join(dir, ...segments);
}

/**
 * Writes a file of a directory: whole, or not at all.
 *
 * @throws Exit when a link is in its way, or a file that is not to be replaced
 */
export async function writeBelow(
  dir: string,
  path: string,
  { bytes, replaces }: { bytes: AsyncIterable<Uint8Array>; replaces: boolean },
): Promise<string> {
  const place = placeOf(dir, path);
  await mkdir(dir, { recursive: true });
  await checkParents(dir, path);
  await checkFree(place, replaces);
  const part = join(dirname(place), `.execd-${randomBytes(6).toString('hex')}.part`);
  try {
    // 'wx' takes no file, and no link, that is there.
    const file = await open(part, 'wx');
    try {
      for await (const piece of bytes) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    if (replaces) await rename(part, place);
    // Unlike a rename, a link replaces nothing that has come meanwhile.
    else await link(part, place).catch((error: unknown) => taken(place, error));
  } finally {
    await rm(part, { force: true });
  }
  return place;
}

/** Makes the directories above a file; each must be one, and no link. */
async function checkParents(dir: string, path: string): Promise<void> {
  let at = dir;
  for (const segment of path.split('/').slice(0, -1)) {
    at = join(at, segment);
    const found = await lstat(at).catch(() => null);
    if (found === null) await mkdir(at);
    else if (!found.isDirectory())
      throw new Exit(
        EXIT.failed,
        `${at} is ${found.isSymbolicLink() ? 'a link' : 'a file'}; nothing is written through it.`,
      );
  }
}

async function checkFree(place: string, replaces: boolean): Promise<void> {
  const found = await lstat(place).catch(() => null);
  if (found === null) return;
  if (found.isDirectory())
    throw new Exit(EXIT.failed, `${place} is a directory; choose another one with -o.`);
  if (!replaces) throw exists(place);
}

function taken(place: string, error: unknown): never {
  throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? exists(place) : error;
}

const exists = (place: string): Exit =>
  new Exit(EXIT.failed, `${place} exists. --force replaces it; -o names another directory.`);
