// Writes executions that ended with their acceptance, many alike at a time.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AnswersPart } from '../../domain/ports/group.ts';
import type { FinalStatus } from '../../domain/outcome.ts';
import { type AnswerRow, type EventRow, type NewRow, OWN_COLUMNS, ownAnswer } from '../rows.ts';
import { addTo, type Counts } from './counts.ts';
import type { DeliveryWriter } from './deliveries.ts';
import { storeBytesOf, type UserUsage } from './user-usage.ts';
import { EXECUTION_COLUMNS } from './statements.ts';

/** Answers as the writer takes them: what is each one's own in columns, which are copied faster than objects. */
export interface WriterAnswers extends Pick<AnswersPart, 'type' | 'isSilent'> {
  like: AnswerRow;
  labels: [string, string][];
  ids: string[];
  /** As JSON. */
  traces: string[];
  times: number[];
}

export class AnswerWriter {
  readonly #insert: StatementSync;
  readonly #insertLabel: StatementSync;
  readonly #insertEvents: StatementSync;
  readonly #position: StatementSync;

  readonly #deliveries: Pick<DeliveryWriter, 'hears' | 'note'>;

  constructor(db: DatabaseSync, deliveries: Pick<DeliveryWriter, 'hears' | 'note'>) {
    this.#deliveries = deliveries;
    const holes = EXECUTION_COLUMNS.map(() => '?').join(', ');
    this.#insert = db.prepare(
      `INSERT INTO executions (${EXECUTION_COLUMNS.join(', ')}) VALUES (${holes}) ON CONFLICT (id) DO NOTHING`,
    );
    this.#insertLabel = db.prepare('INSERT INTO labels (user_id, name, value, id) VALUES (?, ?, ?, ?)');
    this.#insertEvents = db.prepare(`INSERT INTO events (execution_id, sequence, type, at, attempt, phase)
      VALUES (?, 1, 'accepted', ?, 0, 'done'), (?, 2, ?, ?, 0, 'done')`);
    this.#position = db.prepare('SELECT position FROM events WHERE execution_id = ? AND sequence = 1');
  }

  /** Writes those that are not there yet; answers the position of the first event of each. */
  write(
    { like, labels, ids, traces, times, isSilent }: WriterAnswers,
    counts: Counts,
    usage: UserUsage,
  ): number[] {
    const isHeard = isSilent !== true && this.#deliveries.hears(like);
    const bytes = storeBytesOf({ ...like, facts: '' });
    const values = EXECUTION_COLUMNS.map((name) => like[name]);
    return ids.map((id, i) => {
      const at = times[i] as number;
      const own = ownAnswer(like, { id, at, trace: traces[i] as string });
      for (const [name, place] of OWN_PLACES) values[place] = own[name];
      if (this.#insert.run(...values).changes === 0) {
        return (this.#position.get(id) as { position: number }).position;
      }
      for (const [name, value] of labels) this.#insertLabel.run(like.user_id, name, value, id);
      addTo(counts, like, 1);
      usage.count(like, 1);
      usage.add(like.user_id, 'storeBytes', bytes + Buffer.byteLength(own.facts));
      const last = Number(this.#insertEvents.run(id, at, id, like.status, at).lastInsertRowid);
      if (isHeard) this.#tell({ ...like, ...own }, last - 1, at);
      return last - 1;
    });
  }

  /** Notes what is to be delivered of an answer. */
  #tell(row: NewRow, first: number, at: number): void {
    const shared = { execution_id: row.id, at, attempt: 0, phase: 'done', step: null } as const;
    const events: EventRow[] = [
      { ...shared, position: first, sequence: 1, type: 'accepted' },
      { ...shared, position: first + 1, sequence: 2, type: row.status as FinalStatus },
    ];
    this.#deliveries.note(row, events, () => []);
  }
}

/** The columns that differ, and where they stand among the values of a row. */
const OWN_PLACES = OWN_COLUMNS.map((name) => [name, EXECUTION_COLUMNS.indexOf(name)] as const);
