// Figures that are asked for often, as of the last transaction that this server has made or heard of. They decide nothing:
// what the rules count with is loaded in each transaction.
import { FINAL_STATUSES } from '../../domain/outcome.ts';
import { type Counts, queuedIn } from '../memory.ts';
import { type CountName, NO_USAGE } from '../rules/facts.ts';
import type { Changes } from '../rules/working-set.ts';
import { Usages } from '../usages.ts';
import type { Database } from './database.ts';
import { toUsage, type UsageRow } from './load.ts';

interface Read {
  /** The last transaction that they know of. */
  number: number;
  counts: Record<string, number>;
}

type UserRow = UsageRow & { user_id: string };

const NUMBER = 'SELECT coalesce(max(number), 0) AS number FROM execd.batches';
const READ = `SELECT (${NUMBER}) AS number,
  coalesce((SELECT json_object_agg(name, n)::text FROM execd.counters WHERE kind = 'counts'), '{}') AS counts`;

export class Figures {
  readonly users = new Usages();
  readonly #counts = new Map<CountName, number>();
  /** Deliveries that were dropped here. */
  #dropped = 0;
  /** The transaction that was taken in last. */
  #number = 0;

  readonly of = (name: CountName): number => this.#counts.get(name) ?? 0;

  /** Takes in what a transaction has come to here. */
  follow({ before, after }: Changes, number: number): void {
    const dropped = before.counts?.get('dropped');
    if (dropped !== undefined) this.#dropped += (after.counts.get('dropped') ?? dropped) - dropped;
    // What has been read since may be of a later transaction, which somebody else has made.
    if (number > this.#number) {
      this.#number = number;
      for (const [name, n] of after.counts) this.#set(name as CountName, n);
    }
    for (const userId of before.users?.keys() ?? [])
      this.users.set(userId, after.users.get(userId) ?? NO_USAGE);
  }

  /**
   * Reads what others have changed.
   *
   * @param userIds for whom; null: for all
   */
  async read(database: Pick<Database, 'read'>, userIds: readonly string[] | null): Promise<void> {
    const before = this.#number;
    const [rows, usages] = await Promise.all([
      database.read<{ number: number; counts: string }>(READ),
      userIds === null
        ? database.read<UserRow>('SELECT * FROM execd.usages')
        : database.read<UserRow>('SELECT * FROM execd.usages WHERE user_id = ANY($1)', [userIds]),
    ]);
    const [row] = rows as [{ number: number; counts: string }];
    const { number, counts }: Read = { number: row.number, counts: JSON.parse(row.counts) as Read['counts'] };
    // What was committed here meanwhile may be newer.
    if (number < this.#number) return;
    const isAlone = this.#number === before;
    this.#number = number;
    this.#counts.clear();
    for (const [name, n] of Object.entries(counts)) this.#set(name as CountName, n);
    // Usages are read beside it: the next that is heard of is read again.
    if (!isAlone) return;
    const found = new Map(usages.map((usage) => [usage.user_id, toUsage(usage)]));
    for (const userId of userIds ?? found.keys()) this.users.set(userId, found.get(userId) ?? NO_USAGE);
  }

  /** What there is nothing of takes no memory. */
  #set(name: CountName, n: number): void {
    if (n === 0) this.#counts.delete(name);
    else this.#counts.set(name, n);
  }

  toCounts(): Counts {
    const { of } = this;
    const each = <K extends string>(names: readonly K[], what: string) =>
      Object.fromEntries(names.map((name) => [name, of(`${what} ${name}` as CountName)])) as Record<
        K,
        number
      >;
    return {
      queued: queuedIn(this.#counts),
      delayed: of('delayed'),
      awaiting: of('awaiting'),
      scheduledRetry: of('scheduledRetry'),
      joined: of('joined'),
      running: of('running'),
      finishedSteps: of('finishedSteps'),
      finished: each(FINAL_STATUSES, 'finished'),
    };
  }

  toDeliveries(): { pending: number; dropped: number } {
    return { pending: this.of('pending'), dropped: this.#dropped };
  }
}
