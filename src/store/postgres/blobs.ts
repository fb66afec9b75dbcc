// Bytes of files in tables, so that every server on the database can read them. They are no part of transactions under the lock. Whether
// a body may go is decided by its row: whoever holds it counts the revision on, so that a removal that began before finds another one.
import { type BlobPiece, type BlobPieces, PIECE_BYTES } from '../../domain/ports/blob-pieces.ts';
import type { Database } from './database.ts';

/** Pieces that are read at once. */
const MOST_PIECES = 2;
const MOST_DIGESTS = 1000;
const UNIQUE_VIOLATION = '23505';

const IS_LIVE = '(e.until IS NULL OR e.until > (extract(epoch FROM clock_timestamp()) * 1000)::bigint)';
const HELD = `EXISTS (SELECT 1 FROM execd.epochs e WHERE e.epoch = ANY(b.held_by) AND ${IS_LIVE})`;
const KNOWN = 'EXISTS (SELECT 1 FROM execd.blobs k WHERE k.digest = b.digest)';

const BEGIN =
  'INSERT INTO execd.blob_bodies (id, size, epoch) VALUES ($1, 0, $2) ON CONFLICT (id) DO NOTHING';
const APPEND = `WITH b AS (
    UPDATE execd.blob_bodies SET size = size + length($3::bytea), epoch = $4
      WHERE id = $1 AND size = $2::bigint AND digest IS NULL RETURNING id)
  INSERT INTO execd.blob_pieces (body, at, bytes) SELECT id, $2, $3 FROM b RETURNING at`;
const TRUNCATE = `WITH b AS (
    UPDATE execd.blob_bodies SET size = $2::bigint WHERE id = $1 AND size >= $2 AND digest IS NULL RETURNING id),
  beyond AS (DELETE FROM execd.blob_pieces p USING b WHERE p.body = b.id AND p.at >= $2),
  across AS (UPDATE execd.blob_pieces p SET bytes = substring(p.bytes FOR ($2 - p.at)::int) FROM b
    WHERE p.body = b.id AND p.at < $2 AND p.at > $2 - ${PIECE_BYTES} AND p.at + length(p.bytes) > $2)
  SELECT id FROM b`;
const SIZE = 'SELECT size FROM execd.blob_bodies WHERE id = $1';
const READ = `SELECT at, bytes FROM execd.blob_pieces
  WHERE body = $1 AND at >= coalesce((SELECT max(at) FROM execd.blob_pieces WHERE body = $1 AND at <= $2), 0)
  ORDER BY at LIMIT ${MOST_PIECES}`;
const DROP = `WITH b AS (DELETE FROM execd.blob_bodies WHERE id = $1 AND digest IS NULL RETURNING id)
  DELETE FROM execd.blob_pieces p USING b WHERE p.body = b.id`;
const UPLOADS = `SELECT b.id FROM execd.blob_bodies b JOIN execd.files f ON f.owner_id = b.id AND f.role = 'upload'
  WHERE b.digest IS NULL`;
const HOLDING =
  'held_by = array_append(array_remove(held_by, $2::bigint), $2::bigint), revision = revision + 1';
const BIND = `UPDATE execd.blob_bodies SET digest = $3, ${HOLDING} WHERE id = $1 AND digest IS NULL RETURNING id`;
const HOLD = `UPDATE execd.blob_bodies SET ${HOLDING} WHERE digest = $1 RETURNING id`;
const RELEASE = `UPDATE execd.blob_bodies b SET held_by = array_remove(held_by, $2::bigint), revision = revision + 1
  WHERE digest = $1 RETURNING ${KNOWN} AS known`;
const FIND = 'SELECT id AS body, size FROM execd.blob_bodies WHERE digest = $1';
const UNHELD = `SELECT revision, ${HELD} AS held FROM execd.blob_bodies b WHERE digest = $1`;
const REMOVE = `WITH gone AS (
    DELETE FROM execd.blob_bodies b WHERE b.digest = $1 AND b.revision = $2
      AND NOT EXISTS (SELECT 1 FROM execd.blobs k WHERE k.digest = b.digest AND k.refs > 0) RETURNING id),
  pieces AS (DELETE FROM execd.blob_pieces p USING gone WHERE p.body = gone.id)
  SELECT id FROM gone`;
const MOVED = `WITH gone AS (DELETE FROM execd.blob_bodies b WHERE b.digest = $1 AND NOT ${HELD} RETURNING id)
  DELETE FROM execd.blob_pieces p USING gone WHERE p.body = gone.id`;
const DIGESTS = `SELECT digest FROM execd.blob_bodies WHERE digest > $1 ORDER BY digest LIMIT ${MOST_DIGESTS}`;
const LEFT = `SELECT b.id FROM execd.blob_bodies b WHERE b.digest IS NULL
  AND NOT EXISTS (SELECT 1 FROM execd.epochs e WHERE e.epoch = b.epoch AND ${IS_LIVE})
  AND NOT EXISTS (SELECT 1 FROM execd.files f WHERE f.owner_id = b.id AND f.role = 'upload')`;
const NEVER_OWNED = `SELECT b.digest FROM execd.blob_bodies b WHERE b.digest IS NOT NULL AND NOT ${KNOWN} AND NOT ${HELD}`;

export class PostgresBlobs implements BlobPieces {
  readonly #database: Pick<Database, 'read'>;
  readonly #epoch: () => number;

  constructor(database: Pick<Database, 'read'>, epoch: () => number) {
    this.#database = database;
    this.#epoch = epoch;
  }

  async begin(body: string): Promise<void> {
    await this.#database.read(BEGIN, [body, this.#epoch()]);
  }

  async append(body: string, { at, bytes }: BlobPiece): Promise<boolean> {
    return (await this.#database.read(APPEND, [body, at, bytes, this.#epoch()])).length > 0;
  }

  async truncate(body: string, size: number): Promise<boolean> {
    return (await this.#database.read(TRUNCATE, [body, size])).length > 0;
  }

  async sizeOf(body: string): Promise<number | null> {
    const [row] = await this.#database.read<{ size: number }>(SIZE, [body]);
    return row?.size ?? null;
  }

  read(body: string, from: number): Promise<BlobPiece[]> {
    return this.#database.read<BlobPiece>(READ, [body, from]);
  }

  async drop(body: string): Promise<void> {
    await this.#database.read(DROP, [body]);
  }

  async uploads(): Promise<string[]> {
    return (await this.#database.read<{ id: string }>(UPLOADS)).map(({ id }) => id);
  }

  async bind(body: string, digest: string): Promise<void> {
    for (;;) {
      if (await this.hold(digest)) return this.drop(body);
      try {
        const bound = await this.#database.read(BIND, [body, this.#epoch(), digest]);
        if (bound.length > 0) return;
        // A try before, whose answer was lost, has done it.
        if (await this.hold(digest)) return;
        throw new Error(`the body ${body} is gone`);
      } catch (error) {
        // Another server was faster with the same bytes.
        if (codeOf(error) !== UNIQUE_VIOLATION) throw error;
      }
    }
  }

  async find(digest: string): Promise<{ body: string; size: number } | null> {
    const [row] = await this.#database.read<{ body: string; size: number }>(FIND, [digest]);
    return row ?? null;
  }

  async hold(digest: string): Promise<boolean> {
    return (await this.#database.read(HOLD, [digest, this.#epoch()])).length > 0;
  }

  async release(digest: string): Promise<void> {
    const [row] = await this.#database.read<{ known: boolean }>(RELEASE, [digest, this.#epoch()]);
    if (row?.known === false) await this.remove(digest);
  }

  async remove(digest: string): Promise<boolean> {
    const [row] = await this.#database.read<{ revision: number; held: boolean }>(UNHELD, [digest]);
    if (row === undefined) return true;
    if (row.held) return false;
    return (await this.#database.read(REMOVE, [digest, row.revision])).length > 0;
  }

  async moved(digest: string): Promise<void> {
    await this.#database.read(MOVED, [digest]);
  }

  async digests(after: string): Promise<string[]> {
    return (await this.#database.read<{ digest: string }>(DIGESTS, [after])).map(({ digest }) => digest);
  }

  async sweep(): Promise<void> {
    for (const { id } of await this.#database.read<{ id: string }>(LEFT)) await this.drop(id);
    for (const { digest } of await this.#database.read<{ digest: string }>(NEVER_OWNED))
      await this.remove(digest);
  }
}

const codeOf = (error: unknown): unknown => ((error as Error).cause as { code?: unknown } | undefined)?.code;
