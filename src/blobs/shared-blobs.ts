// Blobs where every server on the store can read them. Bytes go there piece by piece as they come, under an id of their own, and get
// their digest when they are whole: nothing of them is on the disk here, and no more than a piece of each in memory.
import { createHash, randomUUID } from 'node:crypto';
import { type BlobPieces, PIECE_BYTES } from '../domain/ports/blob-pieces.ts';
import {
  type Blob,
  type BlobBatch,
  type Blobs,
  type Hold,
  OtherEndError,
  TooLargeError,
} from '../domain/ports/blobs.ts';
import { DigestTurns } from './digest-turns.ts';
import { FileBlobs, isBrokenOff } from './file-blobs.ts';

export interface SharedBlobsOptions {
  pieces: BlobPieces;
  /** Where blobs were before they were shared: what is there is moved. */
  before: Blobs;
}

export class SharedBlobs implements Blobs {
  readonly #pieces: BlobPieces;
  readonly #before: Blobs;
  /** One after the other for each digest: holding it and letting it go. */
  readonly #turns = new DigestTurns();

  constructor({ pieces, before }: SharedBlobsOptions) {
    this.#pieces = pieces;
    this.#before = before;
  }

  async prepare(): Promise<void> {
    await this.#before.prepare(false);
    await this.#pieces.sweep();
    await moveBlobs(this.#before, this, (digest) => this.#before.remove(digest));
  }

  async put(bytes: AsyncIterable<Uint8Array>, most: number, hold: Hold): Promise<Blob> {
    const body = randomUUID();
    await this.#pieces.begin(body);
    try {
      const hash = createHash('sha256');
      let size = 0;
      for await (const piece of inPieces(bytes)) {
        if (size + piece.length > most) throw new TooLargeError(most);
        hash.update(piece);
        await this.#append(body, size, piece);
        size += piece.length;
      }
      return await this.#bind(body, { digest: hash.digest('hex'), size }, hold);
    } catch (error) {
      // What cannot be dropped now goes when this start of the server is over.
      await this.#pieces.drop(body).catch(() => undefined);
      throw error;
    }
  }

  /** Each is in its place at once: a transaction of the database is all that it needs. */
  batch(hold: Hold): BlobBatch {
    const nothing = () => Promise.resolve();
    return { add: (bytes) => this.put(only(bytes), bytes.length, hold), keep: nothing, drop: nothing };
  }

  async has(digest: string): Promise<boolean> {
    return (await this.#pieces.find(digest)) !== null;
  }

  async *read(digest: string, range?: { first: number; last: number }): AsyncGenerator<Uint8Array> {
    const found = await this.#pieces.find(digest);
    if (found === null) throw new Error(`the bytes with the digest ${digest} are missing`);
    const { body, size } = found;
    yield* this.#readBody(body, range?.first ?? 0, Math.min(size, (range?.last ?? size) + 1));
  }

  async remove(digest: string): Promise<boolean> {
    return this.#turns.take(digest, () => this.#pieces.remove(digest));
  }

  async *digests(): AsyncGenerator<string> {
    for (let some = await this.#pieces.digests(''); some.length > 0;) {
      yield* some;
      some = await this.#pieces.digests(some.at(-1) as string);
    }
  }

  async append(
    upload: string,
    { offset, most }: { offset: number; most: number },
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<number> {
    await this.#pieces.begin(upload);
    // What is sent again replaces what is there.
    if (!(await this.#pieces.truncate(upload, offset))) throw new OtherEndError();
    let size = offset;
    try {
      for await (const piece of inPieces(bytes)) {
        if (size + piece.length > most) throw new TooLargeError(most);
        await this.#append(upload, size, piece);
        size += piece.length;
      }
    } catch (error) {
      // What has come is kept: the client goes on there.
      if (!isBrokenOff(error)) throw error;
    }
    return size;
  }

  async finish(upload: string, hold: Hold): Promise<Blob> {
    await this.#pieces.begin(upload);
    const size = (await this.#pieces.sizeOf(upload)) ?? 0;
    const hash = createHash('sha256');
    for await (const piece of this.readUpload(upload)) hash.update(piece);
    return this.#bind(upload, { digest: hash.digest('hex'), size }, hold);
  }

  async received(upload: string): Promise<number> {
    return (await this.#pieces.sizeOf(upload)) ?? 0;
  }

  async *readUpload(upload: string): AsyncGenerator<Uint8Array> {
    yield* this.#readBody(upload, 0, await this.received(upload));
  }

  async dropUpload(upload: string): Promise<void> {
    await this.#pieces.drop(upload);
  }

  uploads(): Promise<string[]> {
    return this.#pieces.uploads();
  }

  async hold(digest: string): Promise<void> {
    await this.#turns.take(digest, () => this.#pieces.hold(digest));
  }

  async release(digest: string, isHeld: () => boolean): Promise<void> {
    await this.#turns.take(digest, async () => {
      if (!isHeld()) await this.#pieces.release(digest);
    });
  }

  async #append(body: string, at: number, bytes: Uint8Array): Promise<void> {
    if (!(await this.#pieces.append(body, { at, bytes }))) throw new OtherEndError();
  }

  async #bind(body: string, blob: Blob, hold: Hold): Promise<Blob> {
    hold(blob.digest);
    await this.#turns.take(blob.digest, () => this.#pieces.bind(body, blob.digest));
    return blob;
  }

  async *#readBody(body: string, from: number, to: number): AsyncGenerator<Uint8Array> {
    for (let at = from; at < to;) {
      const pieces = await this.#pieces.read(body, at);
      const before = at;
      for (const piece of pieces) {
        const bytes = piece.bytes.subarray(Math.max(0, at - piece.at), to - piece.at);
        if (bytes.length === 0 || at >= to || piece.at > at) break;
        at += bytes.length;
        yield bytes;
      }
      if (at === before) throw new Error(`the bytes of ${body} end at ${at}, not at ${to}`);
    }
  }
}

/** Blobs in a directory that all servers have, after they were in the store. */
export class DirectoryBlobs extends FileBlobs {
  readonly #before: { pieces: BlobPieces; inStore: SharedBlobs };

  constructor(dir: string, before: { pieces: BlobPieces; inStore: SharedBlobs }) {
    super(dir);
    this.#before = before;
  }

  override async prepare(isShared: boolean): Promise<void> {
    await super.prepare(isShared);
    const { pieces, inStore } = this.#before;
    await moveBlobs(inStore, this, (digest) => pieces.moved(digest));
  }
}

/** Moves all that is in one place to another one, bytes first: whenever it is interrupted, it can be done again. */
async function moveBlobs(
  from: Blobs,
  to: Blobs,
  remove: (digest: string) => Promise<unknown>,
): Promise<void> {
  for await (const digest of from.digests()) {
    if (!(await to.has(digest))) {
      const { digest: moved } = await to.put(from.read(digest), Infinity, () => undefined);
      // Without an owner they go again.
      await to.release?.(moved, () => false);
    }
    await remove(digest);
  }
  for (const upload of await from.uploads()) {
    if ((await to.received(upload)) === 0)
      await to.append(upload, { offset: 0, most: Infinity }, from.readUpload(upload));
    await from.dropUpload(upload);
  }
}

// oxlint-disable-next-line require-await
async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The same bytes in pieces of the size in which they are kept; the last one is what is left, also where they break off. */
async function* inPieces(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  let size = 0;
  let failure: { error: unknown } | null = null;
  try {
    for await (const more of bytes) {
      for (let at = 0; at < more.length;) {
        const part = more.subarray(at, at + PIECE_BYTES - size);
        piece.set(part, size);
        size += part.length;
        at += part.length;
        if (size < PIECE_BYTES) continue;
        yield piece;
        size = 0;
      }
    }
  } catch (error) {
    failure = { error };
  }
  if (size > 0) yield piece.subarray(0, size);
  if (failure !== null) throw failure.error;
}
