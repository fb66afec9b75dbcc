// The bytes of files in an export: after the rows, in lines of one piece each, so that neither side needs more than a piece in memory.
import { createHash } from 'node:crypto';
import type { Blobs } from '../domain/ports/blobs.ts';

/** Marks a line; no table has this name. */
export const BYTES = 'bytes';

export interface FilePiece {
  digest: string;
  /** Where in the file it begins. */
  at: number;
  /** Base64. */
  bytes: string;
}
export type FileLine = readonly [typeof BYTES, FilePiece];

/** What an export says of the bytes in it. */
export interface FilesEnd {
  /** Files with different bytes: each is in the export once. */
  files: number;
  bytes: number;
  /** Those whose bytes are gone: they were removed while the export was written, or are lost. */
  missing: number;
}

/**
 * Writes the bytes of files.
 *
 * @param digests in pieces
 * @param places where the bytes may be, in the order in which they are asked
 * @throws Error when bytes are not those of their digest
 */
export async function exportFiles(
  digests: AsyncIterable<readonly string[]>,
  places: readonly Blobs[],
  write: (text: string) => Promise<void>,
): Promise<FilesEnd> {
  const end: FilesEnd = { files: 0, bytes: 0, missing: 0 };
  for await (const some of digests) {
    for (const digest of some) {
      const size = await exportFile(digest, places, write);
      if (size === null) end.missing += 1;
      else {
        end.files += 1;
        end.bytes += size;
      }
    }
  }
  return end;
}

/** Null: no place has it. */
async function exportFile(
  digest: string,
  places: readonly Blobs[],
  write: (text: string) => Promise<void>,
): Promise<number | null> {
  for (const place of places) {
    if (!(await place.has(digest))) continue;
    const hash = createHash('sha256');
    const line = (at: number, bytes: Uint8Array) =>
      write(
        `${JSON.stringify([BYTES, { digest, at, bytes: Buffer.from(bytes).toString('base64') }] satisfies FileLine)}\n`,
      );
    let size = 0;
    for await (const piece of place.read(digest)) {
      hash.update(piece);
      await line(size, piece);
      size += piece.length;
    }
    if (hash.digest('hex') !== digest)
      throw new Error(
        `the file with the digest ${digest} is damaged: its bytes have another digest. Remove the execution or upload that owns it, or restore the file`,
      );
    if (size === 0) await line(0, new Uint8Array());
    return size;
  }
  return null;
}
