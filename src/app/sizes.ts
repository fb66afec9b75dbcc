// How large the files of the store are, and how much room their disks have: looked at beside the requests, so that a disk that does
// not answer holds up nobody.
import { stat, statfs } from 'node:fs/promises';

export interface Sizes {
  files: Record<string, number>;
  disks: Record<string, { free: number; size: number }>;
}

export interface SizesOptions {
  /** Paths by name. A file that is not there has no bytes. */
  files: Readonly<Record<string, string>>;
  disks: Readonly<Record<string, string>>;
}

export class SizeWatch {
  readonly #options: SizesOptions;
  #last: Sizes = { files: {}, disks: {} };
  #isLooking = false;

  constructor(options: SizesOptions) {
    this.#options = options;
  }

  /** As they were at the look before, and begins the next one. */
  now(): Sizes {
    if (!this.#isLooking) {
      this.#isLooking = true;
      void this.#look().finally(() => (this.#isLooking = false));
    }
    return this.#last;
  }

  async #look(): Promise<void> {
    const { files, disks } = this.#options;
    this.#last = {
      files: await each(files, async (path) => (await stat(path)).size),
      disks: await each(disks, async (path) => {
        const { bavail, blocks, bsize } = await statfs(path);
        return { free: bavail * bsize, size: blocks * bsize };
      }),
    };
  }
}

async function each<T>(
  paths: Readonly<Record<string, string>>,
  read: (path: string) => Promise<T>,
): Promise<Record<string, T>> {
  const found = await Promise.all(
    Object.entries(paths).map(async ([name, path]) => [name, await read(path).catch(() => null)] as const),
  );
  return Object.fromEntries(found.filter((one): one is [string, Awaited<T>] => one[1] !== null));
}
