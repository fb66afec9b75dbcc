// Bytes that are kept by what they are: the same bytes are kept once. Who needs them, the store knows.

export interface Blob {
  /** SHA-256, in hexadecimal digits. */
  digest: string;
  size: number;
}

/** Keeps bytes that have no owner yet. */
export type Hold = (digest: string) => void;

export interface Blobs {
  /** @param isShared others may be at work here: what looks unfinished is left */
  prepare(isShared: boolean): Promise<void>;
  /**
   * Takes bytes in. A piece is done with when the next one is asked for. Rejects with `TooLargeError` when there are more than `most`.
   *
   * @param hold called when the digest is known, before the bytes are in their place
   */
  put(bytes: AsyncIterable<Uint8Array>, most: number, hold: Hold): Promise<Blob>;
  /** Takes in many small things together, which costs less than one after the other. */
  batch(hold: Hold): BlobBatch;
  has(digest: string): Promise<boolean>;
  /** The bytes from `first` to `last`, inclusive. */
  read(digest: string, range?: { first: number; last: number }): AsyncIterable<Uint8Array>;
  /** True: it is gone. False: somebody else keeps it yet. */
  remove(digest: string): Promise<boolean>;
  /** Keeps bytes for this server while others may remove them; left out: nobody else does. */
  hold?(digest: string): Promise<void>;
  /** The opposite, unless it is held again by then. */
  release?(digest: string, isHeld: () => boolean): Promise<void>;
  /** All that are there. */
  digests(): AsyncIterable<string>;
  /**
   * Appends bytes to an upload at an offset. Returns the new size of the upload, even if the bytes stopped early. Rejects with
   * `OtherEndError` when another server appends, too.
   */
  append(
    upload: string,
    at: { offset: number; most: number },
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<number>;
  /** Makes a blob of what an upload has. */
  finish(upload: string, hold: Hold): Promise<Blob>;
  /** How many bytes an upload has. */
  received(upload: string): Promise<number>;
  readUpload(upload: string): AsyncIterable<Uint8Array>;
  dropUpload(upload: string): Promise<void>;
  /** Uploads that have bytes. */
  uploads(): Promise<string[]>;
}

export interface BlobBatch {
  /** Takes bytes in. They are in their place when `keep` has resolved. */
  add(bytes: Uint8Array): Promise<Blob>;
  /** Resolves when all that was added is in its place, also after a loss of power. */
  keep(): Promise<void>;
  /** Removes what was added and not kept. Never rejects. */
  drop(): Promise<void>;
}

export class TooLargeError extends Error {
  constructor(most: number) {
    super(`there are more than ${most} bytes`);
    this.name = 'TooLargeError';
  }
}

/** The end of an upload is not where bytes were to be appended. */
export class OtherEndError extends Error {
  constructor() {
    super('the end of the upload is elsewhere');
    this.name = 'OtherEndError';
  }
}

/** A file that is to be placed. */
export interface PlacedFile {
  path: string;
  mode: number;
  /** Its bytes, or the blob that has them. */
  bytes: Uint8Array | null;
  digest: string | null;
}

/** What is asked for of a directory. */
export interface Wanted {
  patterns: readonly string[];
  /** Files that were placed there: who leaves them as they were leaves nothing. */
  placed: readonly string[];
  most: { files: number; bytes: number };
  /** Reserves bytes; answers how many there is room for. */
  reserve: (bytes: number) => Promise<number>;
  hold: Hold;
}

export interface Collected {
  files: { path: string; blob: Blob; mode: number }[];
  problems: { path: string; reason: string }[];
  left: { count: number; bytes: number; paths: string[] };
}

/** Private directories that execd itself fills and empties. */
export interface PrivateFiles {
  /** Makes the directory. Rejects when a file cannot be placed. */
  place(dir: string, files: readonly PlacedFile[]): Promise<void>;
  /** Never follows a link, and never takes what is no plain file. */
  collect(dir: string, wanted: Wanted): Promise<Collected>;
}
