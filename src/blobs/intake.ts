// Taking the files of a private directory in, a group after the other: a group is opened and proven together, reserves its bytes
// together, and its small files are read whole. The small files of all groups get into their place together at the end.
import { constants } from 'node:fs';
import { type FileHandle, open, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Blob, type BlobBatch, type Blobs, TooLargeError, type Wanted } from '../domain/ports/blobs.ts';

/** Files that are open at the same time. */
const GROUP = 32;
/** Bytes of a file that is read whole: a group has at most GROUP times as many in memory. */
const SMALL = 64 * 1024;
const PIECE = 256 * 1024;

export interface Taken {
  blob: Blob;
  mode: number;
}

export interface Result {
  path: string;
  /** Why not, where it cannot be had. */
  what: Taken | string;
}

interface Entry {
  path: string;
  isFile: boolean;
}

interface Opened {
  one: Result;
  file: FileHandle;
  before: { uid: number; size: number; mode: number; mtimeMs: number };
}

export interface IntakeOptions extends Pick<Wanted, 'most' | 'reserve' | 'hold'> {
  blobs: Pick<Blobs, 'put' | 'batch'>;
  isOfCommands: ((uid: number) => boolean) | null;
}

export class Intake {
  readonly #root: string;
  readonly #options: IntakeOptions;
  readonly #batch: BlobBatch;
  /** In the order in which they were given. */
  readonly #results: Result[] = [];
  readonly #inBatch: Result[] = [];
  #group: Entry[] = [];
  #taken = 0;
  #bytesLeft: number;

  constructor(root: string, options: IntakeOptions) {
    this.#root = root;
    this.#options = options;
    this.#batch = options.blobs.batch(options.hold);
    this.#bytesLeft = options.most.bytes;
  }

  /** False when there are as many as may be kept. */
  async take(entry: Entry): Promise<boolean> {
    const { most } = this.#options;
    // One that waits may yet turn out not to be kept.
    if (this.#taken + this.#group.length >= most.files) await this.#takeGroup();
    if (this.#taken >= most.files) return false;
    this.#group.push(entry);
    if (this.#group.length >= GROUP) await this.#takeGroup();
    return true;
  }

  /** What has become of each, when all are in their place. */
  async end(): Promise<Result[]> {
    await this.#takeGroup();
    try {
      await this.#batch.keep();
    } catch (error) {
      for (const one of this.#inBatch) one.what = notKept(error);
    }
    return this.#results;
  }

  /** Lets go what `end` has not kept. Never rejects. */
  drop(): Promise<void> {
    return this.#batch.drop();
  }

  async #takeGroup(): Promise<void> {
    const ones = this.#group.map(({ path, isFile }) => {
      const one: Result = { path, what: isFile ? '' : 'it is not a plain file' };
      this.#results.push(one);
      return { one, isFile };
    });
    this.#group = [];
    const all = await Promise.all(ones.map(async ({ one, isFile }) => (isFile ? this.#open(one) : null)));
    const opened = all.filter((each) => each !== null);
    try {
      const reserved = await this.#reserve(opened);
      const isSmall = ({ before }: Opened) => before.size <= SMALL;
      await Promise.all(reserved.filter(isSmall).map((each) => this.#takeSmall(each)));
      for (const each of reserved) if (!isSmall(each)) await this.#takeLarge(each);
    } finally {
      await Promise.all(opened.map(({ file }) => file.close().catch(() => undefined)));
    }
  }

  /** Null with the reason in the result. */
  async #open(one: Result): Promise<Opened | null> {
    const path = join(this.#root, one.path);
    let file: FileHandle;
    try {
      file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      one.what = `it cannot be opened (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`;
      return null;
    }
    try {
      const before = await file.stat();
      const { isOfCommands } = this.#options;
      if (!before.isFile()) one.what = 'it is not a plain file';
      else if ((await readlink(`/proc/self/fd/${file.fd}`)) !== path) one.what = 'it was moved';
      else if (isOfCommands !== null && !isOfCommands(before.uid)) one.what = 'it belongs to another user';
      else return { one, file, before };
    } catch (error) {
      one.what = notKept(error);
    }
    await file.close().catch(() => undefined);
    return null;
  }

  /** Those for which there is room: together where all fit, and else one after the other. */
  async #reserve(opened: readonly Opened[]): Promise<Opened[]> {
    const fitting: Opened[] = [];
    let sum = 0;
    for (const each of opened) {
      const { one, before } = each;
      if (before.size > this.#bytesLeft) one.what = tooLarge(before.size, this.#bytesLeft);
      else {
        this.#bytesLeft -= before.size;
        sum += before.size;
        fitting.push(each);
      }
    }
    if (fitting.length === 0) return [];
    try {
      return sum <= (await this.#options.reserve(sum)) ? fitting : await this.#reserveEach(fitting);
    } catch (error) {
      for (const { one } of fitting) one.what = notKept(error);
      return [];
    }
  }

  async #reserveEach(fitting: readonly Opened[]): Promise<Opened[]> {
    const reserved: Opened[] = [];
    for (const each of fitting) {
      const { one, before } = each;
      const left = await this.#options.reserve(before.size);
      if (before.size <= left) reserved.push(each);
      else {
        one.what = tooLarge(before.size, left);
        this.#bytesLeft += before.size;
      }
    }
    return reserved;
  }

  async #takeSmall({ one, file, before }: Opened): Promise<void> {
    await this.#took(one, before, async () => {
      const bytes = await readWhole(file, before.size);
      if (bytes === null || !(await isAsBefore(file, before))) return null;
      this.#inBatch.push(one);
      return this.#batch.add(bytes);
    });
  }

  async #takeLarge({ one, file, before }: Opened): Promise<void> {
    await this.#took(one, before, async () => {
      const { blobs, hold } = this.#options;
      const blob = await blobs.put(pieces(file), before.size, hold);
      return blob.size === before.size && (await isAsBefore(file, before)) ? blob : null;
    });
  }

  /** @param keep null: it has changed meanwhile */
  async #took(one: Result, before: Opened['before'], keep: () => Promise<Blob | null>): Promise<void> {
    try {
      const blob = await keep();
      if (blob !== null) {
        one.what = { blob, mode: before.mode & 0o777 };
        this.#taken += 1;
        return;
      }
      one.what = CHANGED;
    } catch (error) {
      one.what = error instanceof TooLargeError ? CHANGED : notKept(error);
    }
    this.#bytesLeft += before.size;
  }
}

const CHANGED = 'it changed while execd read it';
const tooLarge = (size: number, most: number) => `it has ${size} bytes; ${most} more may be kept`;

function notKept(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return `execd cannot keep it (${code ?? message})`;
}

async function isAsBefore(file: FileHandle, before: Opened['before']): Promise<boolean> {
  const after = await file.stat();
  return after.size === before.size && after.mtimeMs === before.mtimeMs;
}

/** Null when it ends before. Whether there are more bytes, its size says. */
async function readWhole(file: FileHandle, size: number): Promise<Uint8Array | null> {
  const buffer = Buffer.allocUnsafe(size);
  for (let got = 0; got < size;) {
    const { bytesRead } = await file.read(buffer, got, size - got, got);
    if (bytesRead === 0) return null;
    got += bytesRead;
  }
  return buffer;
}

/** All in the same memory: gigabytes of garbage would come faster than it is collected. */
async function* pieces(file: FileHandle): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(PIECE);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, PIECE, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}
