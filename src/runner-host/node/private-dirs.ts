// Private directories. Most commands leave theirs untouched; such a one is handed on to the next attempt instead of being
// removed and made anew, which is dear where inodes of the recent past must not be used again (ext4). Untouched means
// that not even its change time has moved: no entry, permission or attribute of it is other than it was.
import { lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import { removeTree } from './remove-tree.ts';

/** How long unused directories are kept once the host has nothing to do. */
const IDLE_MS = 1000;

export class PrivateDirs {
  /** Change times of those that are in use, nanoseconds. */
  readonly #inUse = new Map<string, bigint>();
  #untouched: string[] = [];
  #removing: Promise<void> = Promise.resolve();
  #idleTimer: NodeJS.Timeout | undefined;

  /** Makes a directory, for its owner alone. */
  make(path: string): void {
    clearTimeout(this.#idleTimer);
    const spare = this.#untouched.pop();
    if (spare === undefined) mkdirSync(path, { mode: 0o700 });
    else renameSync(spare, path);
    this.#inUse.set(path, changedAt(path));
  }

  /** Takes a directory back, its processes being dead. One that cannot be removed is named in the host's log. */
  release(path: string): void {
    const madeAt = this.#inUse.get(path);
    if (madeAt === undefined) return;
    this.#inUse.delete(path);
    if (isUntouched(path, madeAt)) this.#untouched.push(path);
    else this.removeLater(path);
    if (this.#inUse.size === 0) this.#idleTimer = setTimeout(() => this.#removeUntouched(), IDLE_MS);
  }

  /** Removes anything, one after the other, however large it is. */
  removeLater(path: string): void {
    this.#removing = this.#removing
      .then(() => removeTree(path))
      .catch((error: unknown) => console.error(`${path} could not be removed: ${String(error)}`));
  }

  /** Removes what is left of all. */
  async close(): Promise<void> {
    clearTimeout(this.#idleTimer);
    this.#removeUntouched();
    await this.#removing;
  }

  #removeUntouched(): void {
    for (const path of this.#untouched) {
      try {
        rmdirSync(path);
      } catch {
        this.removeLater(path);
      }
    }
    this.#untouched = [];
  }
}

function changedAt(path: string): bigint {
  return lstatSync(path, { bigint: true }).ctimeNs;
}

function isUntouched(path: string, madeAt: bigint): boolean {
  try {
    // Before Linux 6.13 the change time moves by the tick only, so that an entry of the same tick must be looked for.
    return changedAt(path) === madeAt && readdirSync(path).length === 0;
  } catch {
    return false;
  }
}
