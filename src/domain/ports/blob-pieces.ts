// The bytes of files where every server can read them: bodies of bytes, in pieces. A body has a digest once it is whole.

/** Of one piece, at most. */
export const PIECE_BYTES = 256 * 1024;

export interface BlobPiece {
  /** Where in the body it begins. */
  at: number;
  bytes: Uint8Array;
}

/** All of it rejects with `StoreError` where the store cannot be used. */
export interface BlobPieces {
  /** Makes a body that has nothing, if there is none of this id. */
  begin(body: string): Promise<void>;
  /** Adds a piece to the end of a body that has no digest; false: its end is elsewhere. */
  append(body: string, piece: BlobPiece): Promise<boolean>;
  /** Takes away what a body without digest has beyond a size; false: it has less. */
  truncate(body: string, size: number): Promise<boolean>;
  /** Bytes of a body; null: there is none. */
  sizeOf(body: string): Promise<number | null>;
  /** Some of the pieces of a body, in order; the first one has the byte at `from`. */
  read(body: string, from: number): Promise<BlobPiece[]>;
  /** Removes a body that has no digest. */
  drop(body: string): Promise<void>;
  /** Bodies of uploads that have no digest yet. */
  uploads(): Promise<string[]>;

  /** Gives a body its digest, and holds it. Where another body has it, that one is held, and this one is gone. */
  bind(body: string, digest: string): Promise<void>;
  find(digest: string): Promise<{ body: string; size: number } | null>;
  /** Keeps a digest until it is released, or this start of the server is over; false: there is none. */
  hold(digest: string): Promise<boolean>;
  /** The opposite; what no file was ever made of goes. */
  release(digest: string): Promise<void>;
  /** Removes what has no owner and is held by nobody; true: it is gone. */
  remove(digest: string): Promise<boolean>;
  /** Removes what has been moved elsewhere with its owners, unless another server holds it. */
  moved(digest: string): Promise<void>;
  /** Some digests behind this one, in order. */
  digests(after: string): Promise<string[]>;
  /** Removes what servers have left that are gone: what was not finished, and what no file was made of. */
  sweep(): Promise<void>;
}
