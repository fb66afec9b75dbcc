// Filling and emptying private directories. What is in one after a command has run is hostile: nothing is opened but plain
// files, no link is followed, and each file is proven to be where its path says after it was opened.
import { constants } from 'node:fs';
import { lstat, mkdir, open, opendir, readlink, realpath, writeFile } from 'node:fs/promises';
import { dirname, join, matchesGlob } from 'node:path';
import type { Dirent } from 'node:fs';
import type { Blobs, Collected, PlacedFile, PrivateFiles, Wanted } from '../domain/ports/blobs.ts';
import { Intake } from './intake.ts';

const NAMED = 20;
/** Entries of a directory tree that are looked at. */
const MOST_SEEN = 200_000;
const MOST_DEPTH = 64;

export interface PrivateFilesOptions {
  blobs: Pick<Blobs, 'put' | 'batch' | 'read'>;
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
    const intake = new Intake(root, { ...this.#options, ...wanted });
    try {
      for await (const entry of walk(root, result.problems)) {
        const pattern = wanted.patterns.find((one) => isWanted(entry.path, one));
        if (pattern !== undefined) matched.add(pattern);
        if (pattern === undefined || entry.isDirectory) {
          if (!entry.isDirectory && !wanted.placed.includes(entry.path))
            await this.#leave(root, entry.path, result);
          continue;
        }
        if (await intake.take(entry)) continue;
        result.problems.push({
          path: entry.path,
          reason: `there are more than ${wanted.most.files} artifacts`,
        });
        break;
      }
      for (const { path, what } of await intake.end())
        if (typeof what === 'string') result.problems.push({ path, reason: what });
        else result.files.push({ path, ...what });
    } finally {
      await intake.drop();
    }
    for (const pattern of wanted.patterns)
      if (!matched.has(pattern)) result.problems.push({ path: pattern, reason: 'nothing matches it' });
    return result;
  }

  async #leave(root: string, path: string, { left }: Collected): Promise<void> {
    left.count += 1;
    if (left.paths.length < NAMED) left.paths.push(path);
    const { size } = await lstat(join(root, path)).catch(() => ({ size: 0 }));
    left.bytes += size;
  }
}

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
