// What users take of the service, in memory.
import { KEPT, type KeptUse } from '../domain/kept.ts';
import type { Taken } from '../domain/shares.ts';
import { NO_USAGE, type Usage, USAGE_FIELDS } from './rules/facts.ts';

/** The usage of several users, their sums, and how many of them have some of each. */
export class Usages {
  readonly #usage = new Map<string, Usage>();
  readonly sum: Usage = { ...NO_USAGE };
  /** How many users have some. */
  readonly users: Usage = { ...NO_USAGE };

  of(userId: string): Readonly<Usage> {
    return this.#usage.get(userId) ?? NO_USAGE;
  }

  all(): IterableIterator<[userId: string, usage: Usage]> {
    return this.#usage.entries();
  }

  change(userId: string, field: keyof Usage, by: number): void {
    if (by === 0) return;
    const usage = this.#usage.get(userId) ?? { ...NO_USAGE };
    const before = usage[field];
    usage[field] += by;
    this.sum[field] += by;
    this.users[field] += Number(usage[field] > 0) - Number(before > 0);
    // A user who takes nothing takes no memory either.
    if (usage[field] === 0 && USAGE_FIELDS.every((one) => usage[one] === 0)) this.#usage.delete(userId);
    else this.#usage.set(userId, usage);
  }

  set(userId: string, now: Usage): void {
    for (const field of USAGE_FIELDS) this.change(userId, field, now[field] - this.of(userId)[field]);
  }

  /** What a user has, among the users who have some of it. */
  taken(userId: string, field: keyof Usage, among: keyof Usage = field): Taken {
    const own = this.of(userId);
    return { own: own[field], total: this.sum[field], users: this.users[among] + (own[among] > 0 ? 0 : 1) };
  }

  keeps(userId: string): KeptUse {
    return Object.fromEntries(KEPT.map((what) => [what, this.taken(userId, what)])) as KeptUse;
  }
}
