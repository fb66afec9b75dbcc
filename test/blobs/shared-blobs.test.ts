// Blobs in pieces that servers share: how much of them is in memory, and what is left when something breaks off.
import { createHash } from 'node:crypto';
import t from 'tap';
import { FileBlobs } from '../../src/blobs/file-blobs.ts';
import { SharedBlobs } from '../../src/blobs/shared-blobs.ts';
import { type BlobPiece, type BlobPieces, PIECE_BYTES } from '../../src/domain/ports/blob-pieces.ts';
import { OtherEndError } from '../../src/domain/ports/blobs.ts';
import { tempDir } from '../helpers/temp.ts';

/** Pieces in memory, with what was asked of them. */
class Pieces implements BlobPieces {
  readonly bodies = new Map<string, Buffer[]>();
  readonly named = new Map<string, string>();
  readonly held = new Set<string>();
  /** Bytes that were appended, and that were read. */
  appended = 0;
  handedOut = 0;

  begin(body: string) {
    if (!this.bodies.has(body)) this.bodies.set(body, []);
    return Promise.resolve();
  }
  size = (body: string) => (this.bodies.get(body) ?? []).reduce((sum, { length }) => sum + length, 0);
  append(body: string, { at, bytes }: BlobPiece) {
    if (this.size(body) !== at) return Promise.resolve(false);
    this.bodies.get(body)?.push(Buffer.from(bytes));
    this.appended += bytes.length;
    return Promise.resolve(true);
  }
  truncate(body: string, size: number) {
    if (this.size(body) < size) return Promise.resolve(false);
    this.bodies.set(body, [Buffer.concat(this.bodies.get(body) ?? []).subarray(0, size)]);
    return Promise.resolve(true);
  }
  sizeOf = (body: string) => Promise.resolve(this.bodies.has(body) ? this.size(body) : null);
  read(body: string, from: number) {
    let at = 0;
    const all = (this.bodies.get(body) ?? []).map((bytes) => ({
      at: (at += bytes.length) - bytes.length,
      bytes,
    }));
    const some = all.filter((piece) => piece.at + piece.bytes.length > from).slice(0, 2);
    for (const { bytes } of some) this.handedOut += bytes.length;
    return Promise.resolve(some);
  }
  drop(body: string) {
    if (![...this.named.values()].includes(body)) this.bodies.delete(body);
    return Promise.resolve();
  }
  uploads = () => Promise.resolve([]);
  async bind(body: string, digest: string) {
    this.held.add(digest);
    if (this.named.has(digest)) return this.drop(body);
    this.named.set(digest, body);
  }
  find(digest: string) {
    const body = this.named.get(digest);
    return Promise.resolve(body === undefined ? null : { body, size: this.size(body) });
  }
  hold(digest: string) {
    this.held.add(digest);
    return Promise.resolve(this.named.has(digest));
  }
  release(digest: string) {
    this.held.delete(digest);
    return Promise.resolve();
  }
  remove = () => Promise.resolve(true);
  moved = () => Promise.resolve();
  digests = () => Promise.resolve([]);
  sweep = () => Promise.resolve();
}

const SIZE = 20 * PIECE_BYTES + 5;
const CHUNK = 60_000;
const chunkAt = (at: number): Buffer =>
  Buffer.alloc(Math.min(CHUNK, SIZE - at), createHash('sha256').update(String(at)).digest());

t.test('no more than a piece is in memory on the way in, and two on the way out', async (t) => {
  const pieces = new Pieces();
  const blobs = new SharedBlobs({ pieces, before: new FileBlobs(tempDir(t)) });
  let produced = 0;
  let most = 0;
  const hash = createHash('sha256');
  async function* source() {
    while (produced < SIZE) {
      const chunk = chunkAt(produced);
      produced += chunk.length;
      most = Math.max(most, produced - pieces.appended);
      hash.update(chunk);
      yield chunk;
    }
  }
  const { digest, size } = await blobs.put(source(), Infinity, () => undefined);
  t.same({ digest, size }, { digest: hash.digest('hex'), size: SIZE });
  t.ok(most <= PIECE_BYTES + CHUNK, `${most} bytes were waiting`);
  const read = createHash('sha256');
  let consumed = 0;
  let ahead = 0;
  for await (const bytes of blobs.read(digest)) {
    ahead = Math.max(ahead, pieces.handedOut - consumed);
    consumed += bytes.length;
    read.update(bytes);
  }
  t.equal(read.digest('hex'), digest);
  t.ok(ahead <= 2 * PIECE_BYTES, `${ahead} bytes were read ahead`);
  for (const [first, last] of [
    [0, 0],
    [PIECE_BYTES - 1, PIECE_BYTES],
    [SIZE - 3, SIZE - 1],
  ] as const) {
    const parts = [];
    for await (const bytes of blobs.read(digest, { first, last })) parts.push(bytes);
    t.equal(Buffer.concat(parts).length, last - first + 1);
  }
});

t.test('bytes that break off leave nothing, and two that write to one upload do not mix', async (t) => {
  const pieces = new Pieces();
  const blobs = new SharedBlobs({ pieces, before: new FileBlobs(tempDir(t)) });
  async function* broken() {
    yield Buffer.alloc(2 * PIECE_BYTES);
    await Promise.reject(Object.assign(new Error('gone'), { code: 'ECONNRESET' }));
  }
  await t.rejects(
    blobs.put(broken(), Infinity, () => undefined),
    { message: 'gone' },
  );
  t.equal(pieces.bodies.size, 0);
  const id = crypto.randomUUID();
  t.equal(
    await blobs.append(id, { offset: 0, most: SIZE }, broken()),
    2 * PIECE_BYTES,
    'an upload keeps them',
  );
  async function* meddled() {
    yield Buffer.alloc(PIECE_BYTES);
    await pieces.append(id, { at: 3 * PIECE_BYTES, bytes: Buffer.from('of another server') });
    yield Buffer.alloc(PIECE_BYTES);
  }
  await t.rejects(blobs.append(id, { offset: 2 * PIECE_BYTES, most: SIZE }, meddled()), OtherEndError);
  await t.rejects(blobs.append(id, { offset: SIZE, most: SIZE }, meddled()), OtherEndError, 'a gap');
});

t.test('what is let go while it is held again stays held', async (t) => {
  const pieces = new Pieces();
  const blobs = new SharedBlobs({ pieces, before: new FileBlobs(tempDir(t)) });
  const one = async function* () {
    yield Buffer.from('one');
  };
  const { digest } = await blobs.put(one(), Infinity, () => undefined);
  let isHeld = false;
  const releasing = blobs.release(digest, () => isHeld);
  isHeld = true;
  await Promise.all([releasing, blobs.hold(digest)]);
  t.ok(pieces.held.has(digest));
  await blobs.release(digest, () => true);
  t.ok(pieces.held.has(digest));
  await blobs.release(digest, () => false);
  t.notOk(pieces.held.has(digest));
});
