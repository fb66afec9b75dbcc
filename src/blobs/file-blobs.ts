// Blobs as files: DIR/xx/DIGEST. A blob is written elsewhere, synced and renamed into its place, so that what has a name is
// whole, also after a crash. What a crash leaves half is in DIR/new, which a start empties.
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, opendir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Blob, type BlobBatch, type Blobs, type Hold, TooLargeError } from '../domain/ports/blobs.ts';
import { DigestTurns } from './digest-turns.ts';

const DIGEST = /^[0-9a-f]{64}$/;

export class FileBlobs implements Blobs {
  readonly #dir: string;
  /** One after the other for each digest: a removal and a new arrival of the same bytes. */
  readonly #turns = new DigestTurns();

  constructor(dir: string) {
    this.#dir = dir;
  }

  async prepare(isShared: boolean): Promise<void> {
    if (!isShared) await rm(join(this.#dir, 'new'), { recursive: true, force: true });
    for (const name of ['new', 'uploads'])
      await mkdir(join(this.#dir, name), { recursive: true, mode: 0o700 });
  }

  async put(bytes: AsyncIterable<Uint8Array>, most: number, hold: Hold): Promise<Blob> {
    const path = join(this.#dir, 'new', randomUUID());
    try {
      const file = await open(path, 'wx', 0o600);
      try {
        const hash = createHash('sha256');
        let size = 0;
        for await (const piece of bytes) {
          size += piece.length;
          if (size > most) throw new TooLargeError(most);
          hash.update(piece);
          await writeAll(file, piece);
        }
        await file.datasync();
        const digest = hash.digest('hex');
        hold(digest);
        await this.#place([{ path, digest }]);
        return { digest, size };
      } finally {
        await file.close();
      }
    } finally {
      await rm(path, { force: true });
    }
  }

  batch(hold: Hold): BlobBatch {
    return new FileBatch({ dir: join(this.#dir, 'new'), hold, place: (files) => this.#place(files) });
  }

  async has(digest: string): Promise<boolean> {
    return stat(this.#path(digest)).then(
      () => true,
      () => false,
    );
  }

  read(digest: string, range?: { first: number; last: number }): AsyncIterable<Uint8Array> {
    const part = range === undefined ? {} : { start: range.first, end: range.last };
    return createReadStream(this.#path(digest), { highWaterMark: 256 * 1024, ...part });
  }

  async remove(digest: string): Promise<boolean> {
    await this.#turns.take(digest, () => rm(this.#path(digest), { force: true }));
    return true;
  }

  async *digests(): AsyncGenerator<string> {
    for (const name of await readdir(this.#dir)) {
      if (!/^[0-9a-f]{2}$/.test(name)) continue;
      for await (const entry of await opendir(join(this.#dir, name)))
        if (DIGEST.test(entry.name)) yield entry.name;
    }
  }

  async append(
    upload: string,
    { offset, most }: { offset: number; most: number },
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<number> {
    const file = await open(this.#uploadPath(upload), 'a+', 0o600);
    try {
      await file.truncate(offset);
      let size = offset;
      try {
        for await (const piece of bytes) {
          if (size + piece.length > most) throw new TooLargeError(most);
          await writeAll(file, piece);
          size += piece.length;
        }
      } catch (error) {
        // What has come is kept: the client goes on there.
        if (error instanceof TooLargeError || !isBrokenOff(error)) throw error;
      }
      await file.datasync();
      return size;
    } finally {
      await file.close();
    }
  }

  async finish(upload: string, hold: Hold): Promise<Blob> {
    const path = this.#uploadPath(upload);
    const hash = createHash('sha256');
    let size = 0;
    await (await open(path, 'a', 0o600)).close();
    for await (const piece of this.readUpload(upload)) {
      hash.update(piece);
      size += piece.length;
    }
    const digest = hash.digest('hex');
    hold(digest);
    await this.#place([{ path, digest }]);
    return { digest, size };
  }

  async received(upload: string): Promise<number> {
    return stat(this.#uploadPath(upload)).then(
      ({ size }) => size,
      () => 0,
    );
  }

  readUpload(upload: string): AsyncIterable<Uint8Array> {
    return createReadStream(this.#uploadPath(upload), { highWaterMark: 256 * 1024 });
  }

  async dropUpload(upload: string): Promise<void> {
    await rm(this.#uploadPath(upload), { force: true });
  }

  async uploads(): Promise<string[]> {
    return readdir(join(this.#dir, 'uploads'));
  }

  /** Moves whole files to where blobs are, with one sync for each directory. */
  async #place(files: readonly Staged[]): Promise<void> {
    const byDir = Map.groupBy(files, ({ digest }) => dirname(this.#path(digest)));
    for (const [dir, ofDir] of byDir) {
      const isNew = (await mkdir(dir, { recursive: true, mode: 0o700 })) !== undefined;
      if (isNew) await syncDir(this.#dir);
      await Promise.all(
        ofDir.map(({ path, digest }) => this.#turns.take(digest, () => rename(path, this.#path(digest)))),
      );
      await syncDir(dir);
    }
  }

  #path(digest: string): string {
    if (!DIGEST.test(digest)) throw new TypeError('not a digest');
    return join(this.#dir, digest.slice(0, 2), digest);
  }

  #uploadPath(id: string): string {
    if (!/^[0-9a-f-]{36}$/.test(id)) throw new TypeError('not the id of an upload');
    return join(this.#dir, 'uploads', id);
  }
}

interface Staged {
  path: string;
  digest: string;
}

/** Files that are written and synced, and not yet in their place. */
class FileBatch implements BlobBatch {
  readonly #options: { dir: string; hold: Hold; place: (files: readonly Staged[]) => Promise<void> };
  /** By digest: the same bytes are written once. */
  readonly #written = new Map<string, { path: string; isWritten: Promise<void> }>();

  constructor(options: { dir: string; hold: Hold; place: (files: readonly Staged[]) => Promise<void> }) {
    this.#options = options;
  }

  async add(bytes: Uint8Array): Promise<Blob> {
    const digest = createHash('sha256').update(bytes).digest('hex');
    this.#options.hold(digest);
    const one = this.#written.get(digest) ?? this.#write(digest, bytes);
    await one.isWritten;
    return { digest, size: bytes.length };
  }

  async keep(): Promise<void> {
    await this.#options.place([...this.#written].map(([digest, { path }]) => ({ path, digest })));
    this.#written.clear();
  }

  async drop(): Promise<void> {
    for (const { path } of this.#written.values()) await rm(path, { force: true }).catch(() => undefined);
    this.#written.clear();
  }

  #write(digest: string, bytes: Uint8Array): { path: string; isWritten: Promise<void> } {
    const path = join(this.#options.dir, randomUUID());
    const isWritten = writeSynced(path, bytes).catch(async (error: unknown) => {
      this.#written.delete(digest);
      await rm(path, { force: true }).catch(() => undefined);
      throw error;
    });
    const one = { path, isWritten };
    this.#written.set(digest, one);
    return one;
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await writeAll(file, bytes);
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function syncDir(path: string): Promise<void> {
  const dir = await open(path, 'r');
  try {
    await dir.sync();
  } finally {
    await dir.close();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten;
}

/** The client has gone in the middle. */
export function isBrokenOff(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ABORT_ERR';
}
