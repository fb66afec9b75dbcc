// The feed of a store that several servers write to. Each transaction has a number and leaves a line; whoever hears that there
// is one more reads on from the last line that it knows, so that nothing is missed and all comes in order. What this server has
// committed itself it tells from memory when its turn has come, which is at once where nobody else writes.
import type { GroupResult } from '../../domain/ports/group.ts';
import type { Fact, Feed, FeedBatch, FeedListener, Signal } from '../../domain/ports/feed.ts';
import type { EventRecord } from '../../domain/execution/events.ts';
import { factsIn, recordsIn } from '../local-feed.ts';
import type { Database } from './database.ts';

/** A line that a transaction has left. */
interface BatchLine {
  number: number;
  epoch: number;
  /** Position of the last event; null: nothing has happened that others have to hear of. */
  up_to: number | null;
  /** JSON of a `Signal`. */
  signal: string | null;
}

/** A transaction of this server. */
export interface OwnBatch {
  number: number;
  by: number;
  upTo: number;
  results: readonly GroupResult[];
}

export interface SharedFeedDeps {
  database: Pick<Database, 'read'>;
  /** Leaves a line that has only a signal. */
  signal: (by: number, signal: Signal) => Promise<void>;
  whyLate: () => string | null;
  records: (from: number, upTo: number) => Promise<readonly EventRecord[]>;
  /** Takes in that others have changed something of these users, before anybody is told. */
  changed: (userIds: readonly string[]) => Promise<void>;
}

/** Lines that are read at once. */
const MOST_LINES = 200;

const LINES = `SELECT number, epoch, up_to, signal FROM execd.batches WHERE number > $1 ORDER BY number LIMIT ${MOST_LINES}`;
const FACTS = `SELECT v.position, v.execution_id AS "executionId", v.type, v.phase, e.user_id AS "userId",
    e.run_id AS "runId", e.plan_id AS "planId", e.revision
  FROM execd.events v JOIN execd.executions e ON e.id = v.execution_id
  WHERE v.position > $1 AND v.position <= $2 ORDER BY v.position`;
const HEAD = `SELECT coalesce((SELECT max(number) FROM execd.batches), 0) AS number,
  coalesce((SELECT n FROM execd.counters WHERE kind = 'last' AND name = 'event'), 0) AS position`;

export class SharedFeed implements Feed {
  readonly #deps: SharedFeedDeps;
  readonly #listeners = new Map<number, FeedListener>();
  readonly #own = new Map<number, OwnBatch>();
  #number = 0;
  #position = 0;
  #isShared = false;
  #isDue = false;
  #isClosed = false;
  #reading: Promise<void> | null = null;

  constructor(deps: SharedFeedDeps) {
    this.#deps = deps;
  }

  get isShared(): boolean {
    return this.#isShared || this.#listeners.size > 1;
  }

  get whyLate(): string | null {
    return this.#isShared ? this.#deps.whyLate() : null;
  }

  /** Everything up to now has happened before. */
  async begin(isShared: boolean): Promise<void> {
    this.#isShared = isShared;
    const [head] = await this.#deps.database.read<{ number: number; position: number }>(HEAD);
    this.#number = head?.number ?? 0;
    this.#position = head?.position ?? 0;
  }

  follow(by: number, listener: FeedListener): Promise<number> {
    this.#listeners.set(by, listener);
    return Promise.resolve(this.#position);
  }

  leave(by: number): void {
    this.#listeners.delete(by);
  }

  signal(by: number, signal: Signal): Promise<void> {
    return this.#deps.signal(by, signal);
  }

  /** A transaction of this server is durable. */
  own(batch: OwnBatch): void {
    this.#own.set(batch.number, batch);
    for (
      let next = this.#own.get(this.#number + 1);
      next !== undefined;
      next = this.#own.get(this.#number + 1)
    )
      this.#tellOwn(next);
    if (this.#own.size > 0) void this.wake();
  }

  /** There may be more than is known; resolves when it has been looked at. Never rejects: what cannot be read now is read later. */
  wake(): Promise<void> {
    this.#isDue = true;
    this.#reading ??= this.#read()
      .catch(() => undefined)
      .finally(() => (this.#reading = null));
    return this.#reading;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { database, changed } = this.#deps;
    while (this.#isDue && !this.#isClosed) {
      this.#isDue = false;
      const from = this.#position;
      const known = this.#number;
      const lines = await database.read<BatchLine>(LINES, [known]);
      if (lines.length === 0) continue;
      if ((lines[0]?.number ?? 0) > known + 1) this.#missed(lines[0] as BatchLine);
      const others = lines.filter(({ number }) => !this.#own.has(number) && number > this.#number);
      const upTo = Math.max(0, ...others.map(({ up_to: end }) => end ?? 0));
      const facts = upTo > from ? await database.read<Fact>(FACTS, [from, upTo]) : [];
      if (others.length > 0) await changed([...new Set(facts.map(({ userId }) => userId))]);
      for (const line of lines) {
        if (line.number <= this.#number) continue;
        const own = this.#own.get(line.number);
        if (own === undefined) this.#tellOther(line, facts);
        else this.#tellOwn(own);
      }
      if (lines.length === MOST_LINES) this.#isDue = true;
    }
  }

  /** What was between is kept no longer. */
  #missed({ number }: BatchLine): void {
    this.#number = number - 1;
    for (const own of this.#own.keys()) if (own < number) this.#own.delete(own);
    for (const listener of this.#listeners.values()) listener.gap(this.#position);
  }

  #tellOwn({ number, by, upTo, results }: OwnBatch): void {
    this.#own.delete(number);
    this.#number = number;
    const from = this.#position;
    // What no result tells of, such as the history of steps that a plan takes over, is read.
    const isTold = eventsIn(results) === upTo - from;
    this.#tell({
      ...{ by, from, upTo },
      facts: () => [...factsIn(results)],
      records: () => (isTold ? recordsIn(results) : this.#deps.records(from, upTo)),
    });
  }

  #tellOther({ number, epoch, up_to: end, signal }: BatchLine, facts: readonly Fact[]): void {
    this.#number = number;
    const [from, upTo] = [this.#position, end ?? 0];
    this.#tell({
      ...{ by: epoch, from, upTo },
      facts: () => facts.filter(({ position }) => position > from && position <= upTo),
      records: () => this.#deps.records(from, upTo),
    });
    if (signal === null) return;
    const asked = JSON.parse(signal) as Signal;
    for (const [by, listener] of this.#listeners) if (by !== epoch) listener.signal(asked);
  }

  #tell(batch: FeedBatch): void {
    if (batch.upTo <= batch.from) return;
    this.#position = batch.upTo;
    for (const listener of this.#listeners.values()) listener.batch(batch);
  }
}

const eventsIn = (results: readonly GroupResult[]): number =>
  results.reduce((sum, result) => sum + (result.status === 'applied' ? result.events.length : 0), 0);
