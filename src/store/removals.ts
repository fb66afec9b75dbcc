// Which finished executions go: those that are too old, and those of the users who keep most where too much is kept.
import type { ExecutionId } from '../domain/ids.ts';
import { dataBytesOf } from '../domain/kept.ts';
import type { Ages, EndPlace, LogEnds } from '../domain/ports/store.ts';
import { surplusOf } from '../domain/shares.ts';
import { hasSteps, type Kind } from '../domain/kinds.ts';
import type { Usages } from './usages.ts';

export interface Ended {
  id: ExecutionId;
  kind: Kind;
}

export type OldEnd = Ended & EndPlace;

/** What a store serves for it. */
export interface EndReads {
  /** Executions that ended by themselves, or failed, before a time, after a place, the oldest ends first; steps go with their plan. */
  endedBefore(hasFailed: boolean, before: number, after: EndPlace, limit: number): Promise<OldEnd[]>;
  /** Whether a step of a plan, or of a plan in it, has failed or timed out, however the plan ended. */
  hasFailedStep(planId: ExecutionId): Promise<boolean>;
  /** What a user can spare: answers of the cache, which ran nothing, then what did not fail, then the rest; the oldest ends first. */
  leastWanted(userId: string, endedBefore: number, limit: number): Promise<Ended[]>;
  /** Whether an execution, or a step of a plan, has a log that is kept. */
  hasLogs(ended: Ended): Promise<boolean>;
  /** Lets others have their turn. */
  pause(): Promise<void>;
}

/** What has been looked at. */
interface Looked {
  /** Up to here, what is left are plans that are kept for a step that has failed. */
  place: EndPlace;
  /** Ends before this time have been asked for. */
  before: number;
}

const FIRST: EndPlace = { finishedAt: Number.MIN_SAFE_INTEGER, id: '' };

export class Removals {
  readonly #of: () => Usages;
  readonly #reads: EndReads;
  #looked: Looked = { place: FIRST, before: Number.MIN_SAFE_INTEGER };

  constructor(users: () => Usages, reads: EndReads) {
    this.#of = users;
    this.#reads = reads;
  }

  async expired(ages: Ages, keepAtMost: number, limit: number, youngAfter = Infinity): Promise<Ended[]> {
    const old = await this.#old(ages, limit);
    if (old.length > 0) return old;
    const kept = [...this.#of().all()].map(([userId, { kept }]) => [userId, kept] as const);
    const total = kept.reduce((sum, [, n]) => sum + n, 0);
    const before = await this.#toCut(surplusOf(kept, total - keepAtMost), youngAfter, limit);
    return before.length > 0 ? before : this.#toCut(surplusOf(kept, total - 2 * keepAtMost), Infinity, limit);
  }

  async aboveBytes(keepBytes: number, limit: number, youngAfter: number): Promise<Ended[]> {
    const total = dataBytesOf(this.#of().sum);
    if (total <= keepBytes) return [];
    const usages = [...this.#of().all()].filter(([, { kept }]) => kept > 0);
    const taken = usages.map(([userId, usage]) => [userId, dataBytesOf(usage)] as const);
    // About as many as it takes: the caller asks again.
    const cuts = (surplus: number) =>
      surplusOf(taken, surplus).map(([userId, bytes]): [string, number] => {
        const usage = this.#of().of(userId);
        return [userId, Math.ceil((bytes / dataBytesOf(usage)) * usage.kept)];
      });
    const old = await this.#toCut(cuts(total - keepBytes), youngAfter, limit);
    return old.length > 0 ? old : this.#toCut(cuts(total - 2 * keepBytes), Infinity, limit);
  }

  async withLogs(before: number, after: EndPlace | null, limit: number): Promise<LogEnds> {
    const piece = await this.#reads.endedBefore(false, before, after ?? FIRST, limit);
    const found: Ended[] = [];
    for (const { id, kind } of piece) {
      if (!(await this.#reads.hasLogs({ id, kind }))) continue;
      if (hasSteps({ kind }) && (await this.#reads.hasFailedStep(id))) continue;
      found.push({ id, kind });
    }
    const last = piece.at(-1);
    return { found, next: last === undefined ? null : { finishedAt: last.finishedAt, id: last.id } };
  }

  async #old({ finishedBefore, failedBefore }: Ages, limit: number): Promise<Ended[]> {
    const found: Ended[] = await this.#reads.endedBefore(true, failedBefore, FIRST, limit);
    const anyBefore = Math.min(failedBefore, finishedBefore);
    if (found.length < limit)
      found.push(...(await this.#reads.endedBefore(false, anyBefore, FIRST, limit - found.length)));
    if (found.length < limit)
      found.push(...(await this.#notFailed(anyBefore, finishedBefore, limit - found.length)));
    return found.map(({ id, kind }) => ({ id, kind }));
  }

  /**
   * Those that go unless a step of theirs has failed. What is kept for a step is looked at once: the next round begins behind it.
   * What has ended never changes, and ends are stored in the order of their times, unless the clock has been set back.
   */
  async #notFailed(from: number, finishedBefore: number, limit: number): Promise<Ended[]> {
    if (finishedBefore < this.#looked.before) this.#looked.place = FIRST;
    this.#looked.before = finishedBefore;
    const found: Ended[] = [];
    let { place } = this.#looked;
    if (place.finishedAt < from) place = { finishedAt: from, id: '' };
    while (found.length < limit) {
      const piece = await this.#reads.endedBefore(false, finishedBefore, place, limit);
      for (const one of piece) {
        place = { finishedAt: one.finishedAt, id: one.id };
        if (!hasSteps(one) || !(await this.#reads.hasFailedStep(one.id))) found.push(one);
        // What is found is removed by the caller, or found again.
        if (found.length === 0) this.#looked.place = place;
        if (found.length === limit) break;
      }
      if (piece.length < limit) break;
      await this.#reads.pause();
    }
    return found;
  }

  async #toCut(
    cuts: readonly [userId: string, n: number][],
    endedBefore: number,
    limit: number,
  ): Promise<Ended[]> {
    const found: Ended[] = [];
    for (const [userId, n] of cuts) {
      if (found.length >= limit) break;
      found.push(...(await this.#reads.leastWanted(userId, endedBefore, Math.min(n, limit - found.length))));
    }
    return found;
  }
}
