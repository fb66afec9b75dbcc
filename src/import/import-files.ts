// The bytes of files from an export: each goes to its place as it is read, and only if its bytes have its digest. What is there already
// stays, so that an import that was interrupted can be repeated.
import { createHash } from 'node:crypto';
import type { Blobs } from '../domain/ports/blobs.ts';
import type { FilePiece, FilesEnd } from './export-files.ts';
import { NotImported } from './not-imported.ts';

const nobody = (): void => undefined;

/** Takes all files from the pieces, from `first` on. */
export async function importFiles(
  first: FilePiece,
  next: () => Promise<FilePiece | null>,
  place: Blobs,
): Promise<Omit<FilesEnd, 'missing'>> {
  const end = { files: 0, bytes: 0 };
  let piece: FilePiece | null = first;
  const bytesOf = async function* (digest: string): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    let size = 0;
    for (; piece?.digest === digest; piece = await next()) {
      if (piece.at !== size)
        throw new NotImported(`the bytes of the file ${digest} continue at ${piece.at}, not at ${size}`);
      const bytes = Buffer.from(piece.bytes, 'base64');
      hash.update(bytes);
      size += bytes.length;
      if (bytes.length > 0) yield bytes;
    }
    if (hash.digest('hex') !== digest)
      throw new NotImported(
        `the bytes of the file ${digest} in the export have another digest. Export again`,
      );
    end.files += 1;
    end.bytes += size;
  };
  const digestNow = () => piece?.digest ?? null;
  for (let digest = digestNow(); digest !== null; digest = digestNow()) {
    if (await place.has(digest)) {
      for await (const _ of bytesOf(digest));
      continue;
    }
    await place.put(bytesOf(digest), Infinity, nobody);
    // The rows own it from now on.
    await place.release?.(digest, () => false);
  }
  return end;
}

/** How many of the files that the rows name have no bytes. */
export async function countMissing(digests: AsyncIterable<readonly string[]>, place: Blobs): Promise<number> {
  let missing = 0;
  for await (const some of digests) for (const digest of some) if (!(await place.has(digest))) missing += 1;
  return missing;
}
