// Logs of attempts in a table, so that every server on the database can read them. They are no part of transactions under the
// lock: an attempt has one owner, who alone appends to its log.
import type { ExecutionId } from '../../domain/ids.ts';
import type { AttemptName } from '../../domain/ports/runner.ts';
import type { LogFile, LogNews, LogPiece, NamedPiece, SharedLogs } from '../../domain/ports/shared-logs.ts';
import type { Database, Value } from './database.ts';

/** Where servers tell each other of logs. */
export const LOG_CHANNEL = 'execd_logs';

/** Pieces that are read at once. */
const MOST_PIECES = 16;
/** Logs in one notification: PostgreSQL takes 8000 bytes. */
const MOST_NAMES = 100;

const append = (pieces: number): string => {
  const rows = Array.from(
    { length: pieces },
    (_, i) => `($1, $2, $${3 * i + 3}, $${3 * i + 4}, $${3 * i + 5})`,
  );
  return `INSERT INTO execd.log_pieces (run_id, attempt, file, at, bytes) VALUES ${rows.join(', ')} ON CONFLICT DO NOTHING`;
};
const READ = `SELECT at, bytes FROM execd.log_pieces WHERE run_id = $1 AND attempt = $2 AND file = $3 AND at >= $4
  ORDER BY at LIMIT ${MOST_PIECES}`;
const HAS = 'SELECT EXISTS (SELECT 1 FROM execd.log_pieces WHERE run_id = $1 AND attempt = $2) AS found';
const SIZES = `SELECT file, max(at + octet_length(bytes)) AS size FROM execd.log_pieces WHERE run_id = $1 AND attempt = $2
  GROUP BY file`;
const GROWN = `SELECT k.run_id AS "runId", k.attempt FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS k (run_id, attempt, size)
  WHERE EXISTS (SELECT 1 FROM execd.log_pieces p
    WHERE p.run_id = k.run_id AND p.attempt = k.attempt AND p.file = 'index' AND p.at >= k.size)`;
const REMOVE = 'DELETE FROM execd.log_pieces WHERE run_id = $1 AND attempt = $2';
const TELL = 'SELECT pg_notify($1, $2)';

/** JSON of a notification. */
interface Told {
  type: LogNews['type'];
  names: readonly (readonly [ExecutionId, number])[];
}

export class PostgresLogs implements SharedLogs {
  readonly #database: Pick<Database, 'read'>;
  #hear: (news: LogNews) => void = () => undefined;

  constructor(database: Pick<Database, 'read'>) {
    this.#database = database;
  }

  async append({ runId, attempt }: AttemptName, pieces: readonly NamedPiece[]): Promise<void> {
    const values = pieces.flatMap<Value>(({ file, at, bytes }) => [file, at, bytes]);
    await this.#database.read(append(pieces.length), [runId, attempt, ...values]);
  }

  async read({ runId, attempt }: AttemptName, file: LogFile, from: number) {
    const pieces = await this.#database.read<LogPiece>(READ, [runId, attempt, file, from]);
    return { pieces, isAll: pieces.length < MOST_PIECES };
  }

  async has({ runId, attempt }: AttemptName): Promise<boolean> {
    const [row] = await this.#database.read<{ found: boolean }>(HAS, [runId, attempt]);
    return row?.found === true;
  }

  async sizes({ runId, attempt }: AttemptName): Promise<Record<LogFile, number>> {
    const rows = await this.#database.read<{ file: LogFile; size: number }>(SIZES, [runId, attempt]);
    const sizes = { log: 0, index: 0 };
    for (const { file, size } of rows) sizes[file] = size;
    return sizes;
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

  async tell({ type, names }: LogNews): Promise<void> {
    for (let i = 0; i < names.length; i += MOST_NAMES) {
      const some = names.slice(i, i + MOST_NAMES).map(({ runId, attempt }) => [runId, attempt] as const);
      const told: Told = { type, names: some };
      await this.#database.read(TELL, [LOG_CHANNEL, JSON.stringify(told)]);
    }
  }

  listen(hear: (news: LogNews) => void): void {
    this.#hear = hear;
  }

  /** A notification has come. */
  heard(said: string): void {
    const { type, names } = JSON.parse(said) as Told;
    this.#hear({ type, names: names.map(([runId, attempt]) => ({ runId, attempt })) });
  }
}
