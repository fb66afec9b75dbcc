// Keeps blobs for as long as somebody owns them. Bytes come first and their owner second, an owner goes first and the bytes
// second: whenever execd is killed, no owner lacks its bytes, and bytes without an owner are found by the next start. Until
// an owner is stored, bytes are pinned.
import type { Blobs } from '../../domain/ports/blobs.ts';
import type { FileReads } from '../../domain/ports/files.ts';
import type { Group, GroupResult } from '../../domain/ports/group.ts';
import type { Log } from '../../domain/ports/clock.ts';

export interface BlobKeeperDeps {
  blobs: Blobs;
  store: FileReads;
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
  log: Log;
}

const AT_ONCE = 500;

export class BlobKeeper {
  readonly #deps: BlobKeeperDeps;
  readonly #pins = new Map<string, number>();
  #sweeping: Promise<void> = Promise.resolve();

  constructor(deps: BlobKeeperDeps) {
    this.#deps = deps;
  }

  /** Keeps bytes that have no owner yet; answers how to let them go. */
  pin(digest: string): () => void {
    this.#pins.set(digest, (this.#pins.get(digest) ?? 0) + 1);
    let isPinned = true;
    return () => {
      if (!isPinned) return;
      isPinned = false;
      const left = (this.#pins.get(digest) ?? 1) - 1;
      if (left > 0) return void this.#pins.set(digest, left);
      this.#pins.delete(digest);
      this.#release(digest);
    };
  }

  /**
   * The same for bytes that are there, where other servers may remove them, too.
   *
   * @throws StoreError
   */
  async hold(digest: string): Promise<() => void> {
    const unpin = this.pin(digest);
    try {
      await this.#deps.blobs.hold?.(digest);
      return unpin;
    } catch (error) {
      unpin();
      throw error;
    }
  }

  #release(digest: string): void {
    const { blobs, log } = this.#deps;
    // What is not let go now is let go when this start of the server is over.
    blobs
      .release?.(digest, () => this.#pins.has(digest))
      .catch((err: unknown) => log.debug({ err }, 'Cannot release the bytes of a file'));
  }

  /**
   * After a start, before anything runs: removes bytes that nobody owns, and names owners whose bytes are missing.
   *
   * @param isShared others may be writing bytes whose owner is not stored yet
   */
  async start(isShared: boolean): Promise<void> {
    const { blobs, store, log } = this.#deps;
    await blobs.prepare(isShared);
    if (isShared) return;
    const known = new Set(await store.knownBlobs());
    const missing = new Set(known);
    let removed = 0;
    for await (const digest of blobs.digests()) {
      missing.delete(digest);
      if (known.has(digest)) continue;
      await blobs.remove(digest);
      removed += 1;
    }
    const open = new Set(
      (await store.uploads({ userId: null, expiredAt: null }, MANY)).map((one) => one.ownerId),
    );
    for (const id of await blobs.uploads()) if (!open.has(id)) await blobs.dropUpload(id);
    if (removed > 0) log.info({ removed }, 'execd removed files without an owner');
    await this.sweep();
    for (const digest of await store.unusedBlobs(MANY)) missing.delete(digest);
    if (missing.size > 0) log.error({ missing: missing.size }, 'Artifacts or uploads lack their bytes');
  }

  /** Removes the bytes that have lost their last owner. Never rejects. */
  sweep(): Promise<void> {
    this.#sweeping = this.#sweeping
      .then(() => this.#sweep())
      .catch((error: unknown) =>
        this.#deps.log.warn({ err: error }, 'Cannot remove unused files; execd retries later'),
      );
    return this.#sweeping;
  }

  async #sweep(): Promise<void> {
    const { blobs, store, commit } = this.#deps;
    for (;;) {
      const found = await store.unusedBlobs(AT_ONCE);
      const unused = found.filter((digest) => !this.#pins.has(digest));
      const gone = [];
      for (const digest of unused)
        if (!this.#pins.has(digest) && (await blobs.remove(digest))) gone.push(digest);
      // One that has come again meanwhile is pinned, or has an owner, and stays.
      const forget = gone.filter((digest) => !this.#pins.has(digest));
      if (forget.length > 0) await commit([[{ type: 'files', put: [], drop: [], forget }]]);
      if (found.length < AT_ONCE || forget.length === 0) return;
    }
  }
}

const MANY = 1_000_000;
