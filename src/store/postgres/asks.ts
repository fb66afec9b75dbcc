// What servers on the database ask of each other, as rows that live for a moment. They are no part of transactions under the lock,
// and lost with a crash of PostgreSQL, as what was said on a connection is.
import type { Ask, AskAnswer, Asks, TakenAsk } from '../../domain/ports/asks.ts';
import type { AttemptName } from '../../domain/ports/runner.ts';
import type { Database } from './database.ts';
import { CHANNEL } from './writer.ts';

/** Asks that are taken at once: so many times the bytes of one are in memory then. */
const MOST_TAKEN = 16;
/** Whoever has waited for longer has gone, ms. */
const FORGOTTEN_MS = 120_000;
const NOW = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint';
/** What is notified of them begins so. */
export const ASKED = 'ask';

const ASK = `WITH asked AS (
    INSERT INTO execd.asks (by_epoch, to_epoch, run_id, attempt, ask, bytes, at)
      SELECT $1, a.epoch, a.run_id, a.number, $4, $5, ${NOW} FROM execd.attempts a JOIN execd.epochs e ON e.epoch = a.epoch
      WHERE a.run_id = $2 AND a.number = $3 AND a.ended_at IS NULL AND (e.until IS NULL OR e.until > ${NOW})
      RETURNING id, to_epoch)
  SELECT id, pg_notify('${CHANNEL}', '${ASKED} ' || to_epoch)::text FROM asked`;
const TAKE_BACK = 'DELETE FROM execd.asks WHERE id = $1 RETURNING id';
const TAKE = `DELETE FROM execd.asks WHERE id IN (SELECT id FROM execd.asks WHERE to_epoch = $1 ORDER BY id LIMIT ${MOST_TAKEN})
  RETURNING id, by_epoch AS "by", run_id AS "runId", attempt, ask, bytes`;
const ANSWER = `WITH answered AS (
    INSERT INTO execd.answers (id, to_epoch, answer, at) VALUES ($1, $2, $3, ${NOW}) RETURNING to_epoch)
  SELECT pg_notify('${CHANNEL}', '${ASKED} ' || to_epoch)::text FROM answered`;
const ANSWERS = 'DELETE FROM execd.answers WHERE to_epoch = $1 RETURNING id, answer';
const FORGET = ['asks', 'answers'].map((name) => `DELETE FROM execd.${name} WHERE at < ${NOW} - $1::bigint`);

interface AskRow {
  id: number;
  by: number;
  runId: string;
  attempt: number;
  ask: string;
  bytes: Uint8Array | null;
}

export class PostgresAsks implements Asks {
  readonly #database: Pick<Database, 'read'>;
  readonly #monotonic: () => number;
  readonly #listeners = new Set<() => void>();
  #forgottenAt = -Infinity;

  constructor(database: Pick<Database, 'read'>, monotonic: () => number) {
    this.#database = database;
    this.#monotonic = monotonic;
  }

  async ask(by: number, { runId, attempt }: AttemptName, ask: Ask): Promise<number | null> {
    await this.#forget();
    const { bytes = null, ...rest } = ask as Ask & { bytes?: Uint8Array };
    const values = [by, runId, attempt, JSON.stringify(rest), bytes];
    const [row] = await this.#database.read<{ id: number }>(ASK, values);
    return row?.id ?? null;
  }

  async takeBack(id: number): Promise<boolean> {
    return (await this.#database.read(TAKE_BACK, [id])).length > 0;
  }

  async take(epoch: number): Promise<TakenAsk[]> {
    const rows = await this.#database.read<AskRow>(TAKE, [epoch]);
    return rows
      .sort((a, b) => a.id - b.id)
      .map(({ id, by, runId, attempt, ask, bytes }) => {
        const rest = JSON.parse(ask) as Ask;
        const whole = bytes === null ? rest : ({ ...rest, bytes } as Ask);
        return { id, by, name: { runId, attempt }, ask: whole };
      });
  }

  async answer({ id, by }: Pick<TakenAsk, 'id' | 'by'>, answer: AskAnswer): Promise<void> {
    await this.#database.read(ANSWER, [id, by, JSON.stringify(answer)]);
  }

  async answers(epoch: number): Promise<{ id: number; answer: AskAnswer }[]> {
    const rows = await this.#database.read<{ id: number; answer: string }>(ANSWERS, [epoch]);
    return rows.map(({ id, answer }) => ({ id, answer: JSON.parse(answer) as AskAnswer }));
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** There may be something new. */
  wake(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Removes what servers have left that are gone. */
  async #forget(): Promise<void> {
    if (this.#monotonic() - this.#forgottenAt < FORGOTTEN_MS) return;
    this.#forgottenAt = this.#monotonic();
    for (const text of FORGET) await this.#database.read(text, [FORGOTTEN_MS]);
  }
}
