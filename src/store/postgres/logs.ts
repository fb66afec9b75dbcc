// Logs of attempts in a table, so that every server on the database can read them. They are no part of transactions under the
// lock: an attempt has one owner, who alone appends to its log.
import type { AttemptName } from '../../domain/ports/runner.ts';
import type { LogFile, LogPiece, SharedLogs } from '../../domain/ports/shared-logs.ts';
import type { Database } from './database.ts';

/** Pieces that are read at once. */
const MOST_PIECES = 16;

const APPEND = `INSERT INTO execd.log_pieces (run_id, attempt, file, at, bytes) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`;
const READ = `SELECT at, bytes FROM execd.log_pieces WHERE run_id = $1 AND attempt = $2 AND file = $3 AND at >= $4
  ORDER BY at LIMIT ${MOST_PIECES}`;
const HAS = 'SELECT EXISTS (SELECT 1 FROM execd.log_pieces WHERE run_id = $1 AND attempt = $2) AS found';
const GROWN = `SELECT k.run_id AS "runId", k.attempt FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS k (run_id, attempt, size)
  WHERE EXISTS (SELECT 1 FROM execd.log_pieces p
    WHERE p.run_id = k.run_id AND p.attempt = k.attempt AND p.file = 'index' AND p.at >= k.size)`;
const REMOVE = 'DELETE FROM execd.log_pieces WHERE run_id = $1 AND attempt = $2';

export class PostgresLogs implements SharedLogs {
  readonly #database: Pick<Database, 'read'>;

  constructor(database: Pick<Database, 'read'>) {
    this.#database = database;
  }

  async append({ runId, attempt }: AttemptName, file: LogFile, { at, bytes }: LogPiece): Promise<void> {
    await this.#database.read(APPEND, [runId, attempt, file, at, bytes]);
  }

  read({ runId, attempt }: AttemptName, file: LogFile, from: number): Promise<LogPiece[]> {
    return this.#database.read<LogPiece>(READ, [runId, attempt, file, from]);
  }

  async has({ runId, attempt }: AttemptName): Promise<boolean> {
    const [row] = await this.#database.read<{ found: boolean }>(HAS, [runId, attempt]);
    return row?.found === true;
  }

  grown(known: readonly { name: AttemptName; size: number }[]): Promise<AttemptName[]> {
    return this.#database.read<AttemptName>(GROWN, [
      known.map(({ name }) => name.runId),
      known.map(({ name }) => name.attempt),
      known.map(({ size }) => size),
    ]);
  }

  async remove({ runId, attempt }: AttemptName): Promise<void> {
    await this.#database.read(REMOVE, [runId, attempt]);
  }
}
