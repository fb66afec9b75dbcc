// Counters, and who listens to what, in memory: facts that many executions change and that a look at the tables would have
// to count. A store reads them once, at the start; then they follow what has been committed.
import type { FinishedExecution } from '../domain/execution/execution.ts';
import { FINAL_STATUSES } from '../domain/outcome.ts';
import { type QueuedByPool, queuedOfAll } from '../domain/pools.ts';
import { type Facts, NO_USAGE, QUEUED, type Source, type Usage } from './rules/facts.ts';
import type { Changes } from './rules/working-set.ts';
import { Usages } from './usages.ts';
import { toListener, type WebhookRow } from './webhook-rows.ts';

/** The kinds of facts that are in memory, beside those of users. */
export const KEPT = ['keys', 'openKeys', 'counts', 'listeners', 'pending', 'last'] as const;
type Kept = (typeof KEPT)[number];
export const REMEMBERED = ['users', 'sums', ...KEPT] as const;
export type Remembered = (typeof REMEMBERED)[number];

export interface Counts {
  queued: QueuedByPool;
  /** Those that are to start later. */
  delayed: number;
  awaiting: number;
  scheduledRetry: number;
  joined: number;
  running: number;
  /** Those of the finished that are steps of a plan. */
  finishedSteps: number;
  finished: Record<FinishedExecution['status'], number>;
}

/** What waits, of all that is counted. */
export function queuedIn(counts: Iterable<readonly [string, number]>): QueuedByPool {
  const queued = [...counts].filter(([name, n]) => name.startsWith(QUEUED) && n > 0);
  return {
    process: 0,
    http: 0,
    ...Object.fromEntries(queued.map(([name, n]) => [name.slice(QUEUED.length), n])),
  };
}

/** All that has not begun. */
export const pendingIn = ({ queued, delayed, awaiting, scheduledRetry, joined }: Counts): number =>
  queuedOfAll(queued) + delayed + awaiting + scheduledRetry + joined;

export type UserUsage = [userId: string, usage: Usage];

export class Memory {
  readonly users = new Usages();
  readonly #facts: { [K in Kept]: Map<string, Facts[K]> } = {
    keys: new Map(),
    openKeys: new Map(),
    counts: new Map(),
    listeners: new Map(),
    pending: new Map(),
    last: new Map(),
  };

  /** Serves them to the rules. */
  readonly source: Pick<Source, Remembered> = {
    users: (userId) => this.users.of(userId),
    sums: (of) => (of === 'users' ? this.users.users : this.users.sum),
    keys: (key) => this.#facts.keys.get(key) ?? 0,
    openKeys: (key) => this.#facts.openKeys.get(key) ?? 0,
    counts: (name) => this.#facts.counts.get(name) ?? 0,
    listeners: (userId) => this.#facts.listeners.get(userId) ?? [],
    pending: (userId) => this.#facts.pending.get(userId) ?? 0,
    last: (what) => this.#facts.last.get(what) ?? 0,
  };

  /** Takes in what was read at the start. */
  set<K extends Kept>(kind: K, key: string, value: Facts[K]): void {
    this.#facts[kind].set(key, value);
  }

  /** The same for a webhook; in the order of their creation. */
  listen(row: WebhookRow): void {
    this.set('listeners', row.user_id, [...this.source.listeners(row.user_id), toListener(row)]);
  }

  /** Takes in what has been committed. */
  follow({ before, after }: Changes): void {
    for (const userId of before.users?.keys() ?? [])
      this.users.set(userId, after.users.get(userId) ?? NO_USAGE);
    for (const kind of KEPT) {
      for (const key of before[kind]?.keys() ?? []) this.#keep(kind, key, after[kind].get(key));
    }
  }

  #keep<K extends Kept>(kind: K, key: string, value: Facts[K] | undefined): void {
    const facts = this.#facts[kind] as Map<string, Facts[K]>;
    // Whoever takes nothing takes no memory either.
    if (value === undefined || isNothing(value)) facts.delete(key);
    else facts.set(key, value);
  }

  toCounts(): Counts {
    const { counts } = this.source;
    const of = <K extends string>(names: readonly K[], what: string) =>
      Object.fromEntries(names.map((name) => [name, counts(`${what} ${name}`)])) as Record<K, number>;
    return {
      queued: queuedIn(this.#facts.counts),
      delayed: counts('delayed'),
      awaiting: counts('awaiting'),
      scheduledRetry: counts('scheduledRetry'),
      joined: counts('joined'),
      running: counts('running'),
      finishedSteps: counts('finishedSteps'),
      finished: of(FINAL_STATUSES, 'finished'),
    };
  }

  /** Counts by their names, as far as they are not zero. */
  named(kind: Exclude<Kept, 'listeners'>): [name: string, n: number][] {
    return [...this.#facts[kind]].filter(([, n]) => n !== 0);
  }

  toDeliveries(): { pending: number; dropped: number } {
    const { counts } = this.source;
    return { pending: counts('pending'), dropped: counts('dropped') };
  }

  allUsers(): UserUsage[] {
    return [...this.users.all()];
  }
}

/** Of a writer that changes none of it. */
export const NOTHING_COUNTED: Pick<Source, Remembered> = {
  users: () => NO_USAGE,
  sums: () => NO_USAGE,
  keys: () => 0,
  openKeys: () => 0,
  counts: () => 0,
  listeners: () => [],
  pending: () => 0,
  last: () => 0,
};

function isNothing(value: Facts[Kept]): boolean {
  if (typeof value === 'number') return value === 0;
  return value.length === 0;
}
