// Filling and emptying private directories. What is in one after a command has run is hostile: nothing is opened but plain
// files, no link is followed, and each file is proven to be where its path says after it was opened.
import { constants } from 'node:fs';
import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  opendir,
  readlink,
  realpath,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, matchesGlob } from 'node:path';
import type { Dirent } from 'node:fs';
import {
  type Blobs,
  type Collected,
  type Hold,
  type PlacedFile,
  type PrivateFiles,
  TooLargeError,
  type Wanted,
} from '../domain/ports/blobs.ts';

const NAMED = 20;
/** Entries of a directory tree that are looked at. */
const MOST_SEEN = 200_000;
const MOST_DEPTH = 64;
const PIECE = 256 * 1024;
/** How many files are collected at the same time: each waits for the disk, which can sync several at once. */
const AT_ONCE = 8;

interface Taken {
  blob: { digest: string; size: number };
  mode: number;
}

export interface PrivateFilesOptions {
  blobs: Pick<Blobs, 'put' | 'read'>;
  /** Whose files are collected: of the users that commands run as; null is any that can be read. */
  isOfCommands: ((uid: number) => boolean) | null;
}

export class FilePrivateFiles implements PrivateFiles {
  readonly #options: PrivateFilesOptions;

  constructor(options: PrivateFilesOptions) {
    this.#options = options;
  }

  async place(dir: string, files: readonly PlacedFile[]): Promise<void> {
    await mkdir(dir, { mode: 0o700 });
    for (const { path, mode, bytes, digest } of files) {
      const place = join(dir, path);
      await mkdir(dirname(place), { recursive: true, mode: 0o755 });
      const source = bytes ?? this.#options.blobs.read(digest ?? '');
      await writeFile(place, source, { flag: 'wx', mode });
      const file = await open(place, constants.O_RDONLY | constants.O_NOFOLLOW);
      // Whatever the mask of this process leaves out.
      try {
        await file.chmod(mode);
      } finally {
        await file.close();
      }
    }
  }

  async collect(dir: string, wanted: Wanted): Promise<Collected> {
    const root = await realpath(dir);
    const result: Collected = { files: [], problems: [], left: { count: 0, bytes: 0, paths: [] } };
    const matched = new Set<string>();
    // In the order of the walk, whichever is taken in first.
    const taken: { path: string; what: Taken | string }[] = [];
    const room = { bytes: wanted.most.bytes };
    const underWay = new Set<Promise<void>>();
    let count = 0;
    for await (const entry of walk(root, result.problems)) {
      const pattern = wanted.patterns.find((one) => isWanted(entry.path, one));
      if (pattern !== undefined) matched.add(pattern);
      if (pattern === undefined || entry.isDirectory) {
        if (!entry.isDirectory && !wanted.placed.includes(entry.path))
          await this.#leave(root, entry.path, result);
        continue;
      }
      // One that is under way may yet turn out not to be kept.
      if (count >= wanted.most.files) await Promise.all(underWay);
      if (count >= wanted.most.files) {
        result.problems.push({
          path: entry.path,
          reason: `there are more than ${wanted.most.files} artifacts`,
        });
        break;
      }
      const one: (typeof taken)[number] = { path: entry.path, what: '' };
      taken.push(one);
      count += 1;
      const work = this.#take(root, entry, { ...wanted, room }).then((what) => {
        one.what = what;
        if (typeof what === 'string') count -= 1;
        underWay.delete(work);
      });
      underWay.add(work);
      if (underWay.size >= AT_ONCE) await Promise.race(underWay);
    }
    await Promise.all(underWay);
    for (const { path, what } of taken)
      if (typeof what === 'string') result.problems.push({ path, reason: what });
      else result.files.push({ path, ...what });
    for (const pattern of wanted.patterns)
      if (!matched.has(pattern)) result.problems.push({ path: pattern, reason: 'nothing matches it' });
    return result;
  }

  /** Takes a file in; why not, where it cannot be had. */
  async #take(
    root: string,
    { path, isFile }: Entry,
    { room, reserve, hold }: { room: { bytes: number }; reserve: Wanted['reserve']; hold: Hold },
  ): Promise<Taken | string> {
    if (!isFile) return 'it is not a plain file';
    let reserved = 0;
    let file: FileHandle;
    try {
      file = await open(join(root, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      return `it cannot be opened (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`;
    }
    try {
      const before = await file.stat();
      if (!before.isFile()) return 'it is not a plain file';
      if ((await readlink(`/proc/self/fd/${file.fd}`)) !== join(root, path)) return 'it was moved';
      const { isOfCommands, blobs } = this.#options;
      if (isOfCommands !== null && !isOfCommands(before.uid)) return 'it belongs to another user';
      if (before.size > room.bytes) return tooLarge(before.size, room.bytes);
      reserved = before.size;
      room.bytes -= reserved;
      const left = await reserve(before.size);
      if (before.size > left) return tooLarge(before.size, left);
      const blob = await blobs.put(pieces(file), before.size, hold);
      const after = await file.stat();
      if (blob.size !== before.size || after.mtimeMs !== before.mtimeMs)
        return 'it changed while execd read it';
      reserved = 0;
      return { blob, mode: before.mode & 0o777 };
    } catch (error) {
      if (error instanceof TooLargeError) return 'it changed while execd read it';
      const { code, message } = error as NodeJS.ErrnoException;
      return `execd cannot keep it (${code ?? message})`;
    } finally {
      room.bytes += reserved;
      await file.close().catch(() => undefined);
    }
  }

  async #leave(root: string, path: string, { left }: Collected): Promise<void> {
    left.count += 1;
    if (left.paths.length < NAMED) left.paths.push(path);
    const { size } = await lstat(join(root, path)).catch(() => ({ size: 0 }));
    left.bytes += size;
  }
}

const tooLarge = (size: number, most: number) => `it has ${size} bytes; ${most} more may be kept`;

/** A pattern, or a directory above the path. */
function isWanted(path: string, pattern: string): boolean {
  return path === pattern || path.startsWith(`${pattern}/`) || matchesGlob(path, pattern);
}

interface Entry {
  path: string;
  isFile: boolean;
  isDirectory: boolean;
}

/** All entries below a directory, breadth first, within bounds. */
async function* walk(root: string, problems: Collected['problems']): AsyncGenerator<Entry> {
  const waiting = [''];
  let seen = 0;
  for (let dir = waiting.shift(); dir !== undefined; dir = waiting.shift()) {
    const entries = await entriesOf(join(root, dir));
    if (entries === null) {
      problems.push({ path: dir, reason: 'the directory cannot be read' });
      continue;
    }
    for (const entry of entries) {
      if ((seen += 1) > MOST_SEEN)
        return void problems.push({ path: dir, reason: `there are more than ${MOST_SEEN} files` });
      const path = dir === '' ? entry.name : `${dir}/${entry.name}`;
      yield { path, isFile: entry.isFile(), isDirectory: entry.isDirectory() };
      if (!entry.isDirectory()) continue;
      if (path.split('/').length < MOST_DEPTH) waiting.push(path);
      else problems.push({ path, reason: 'it is nested too deeply' });
    }
  }
}

/** Null when it cannot be read, or is no directory any more. */
async function entriesOf(path: string): Promise<Dirent[] | null> {
  try {
    const fd = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      if ((await readlink(`/proc/self/fd/${fd.fd}`)) !== path) return null;
      const entries: Dirent[] = [];
      for await (const entry of await opendir(`/proc/self/fd/${fd.fd}`)) {
        entries.push(entry);
        if (entries.length > MOST_SEEN) break;
      }
      return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    } finally {
      await fd.close();
    }
  } catch {
    return null;
  }
}

async function* pieces(file: FileHandle): AsyncGenerator<Uint8Array> {
  for (;;) {
    const buffer = Buffer.allocUnsafe(PIECE);
    const { bytesRead } = await file.read(buffer, 0, PIECE, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}
