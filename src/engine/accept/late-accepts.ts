// Executions that were answered from the cache, on their way to the store. Nothing is lost with one but its record: no
// work, no money, no promise of a key. They can be read from here until they are stored.
import { alike, type FinishedExecution, type OwnFacts } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { Group, GroupResult } from '../../domain/ports/group.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import { EACH_SECOND, Waits } from '../../resilience/retrying.ts';

export interface LateAcceptsDeps {
  commit(groups: readonly Group[]): Promise<GroupResult[]>;
  clock: Clock;
  log: Log;
}

/** What a request is answered with, again and again where it keeps coming: only a few facts are each answer's own. */
export interface Answer {
  like: FinishedExecution;
  /** That one of them takes here and in a transaction, roughly. */
  bytes: number;
}

interface Entry {
  answer: Answer;
  own: OwnFacts;
  tries: number;
}

/** Beyond so many, or so many bytes, answers wait for the store again. */
const MAX_WAITING = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;
/** Stored together: many, since a transaction has its price, but not so many that others wait long for theirs. */
const BATCH = 3000;
const BATCH_BYTES = 4 * 1024 * 1024;
/** A batch of more than so many is a sign of many to come. */
const BUSY = 16;
const GATHER_MS = 50;
const MAX_TRIES = 10;

export class LateAccepts {
  readonly #deps: LateAcceptsDeps;
  readonly #waiting = new Map<ExecutionId, Entry>();
  /** Sizes of results, which many answers share. */
  readonly #sizes = new WeakMap<object, number>();
  #bytes = 0;
  #flushing: Promise<void> | null = null;
  /** The batch that is being stored. */
  #batch: Promise<void> = Promise.resolve();
  /** Callers that wait for something to be stored. */
  #urgent = 0;
  #gathering: AbortController | null = null;
  #isClosed = false;

  constructor(deps: LateAcceptsDeps) {
    this.#deps = deps;
  }

  get hasRoom(): boolean {
    return this.#waiting.size < MAX_WAITING && this.#bytes < MAX_BYTES && !this.#isClosed;
  }

  get(userId: string | null, id: ExecutionId): FinishedExecution | null {
    const entry = this.#waiting.get(id);
    if (entry === undefined) return null;
    const { like } = entry.answer;
    return userId === null || like.userId === userId ? alike(like, entry.own) : null;
  }

  /** @param execution that has ended with its acceptance */
  toAnswer(execution: FinishedExecution): Answer {
    const { spec, work, result } = execution;
    const asked = JSON.stringify(spec).length + (work === spec ? 0 : JSON.stringify(work).length);
    return { like: execution, bytes: 1000 + asked + this.#sizeOf(result) };
  }

  add(answer: Answer, own: OwnFacts): void {
    this.#bytes += answer.bytes;
    this.#waiting.set(own.id, { answer, own, tries: 0 });
    this.#flushing ??= this.#flush();
  }

  /** Resolves when this one is stored, or is given up. */
  async stored(id: ExecutionId): Promise<void> {
    this.#urgent += 1;
    this.#gathering?.abort();
    while (this.#waiting.has(id) && !this.#isClosed) await this.#batch;
    this.#urgent -= 1;
  }

  /** Resolves when all that wait now are stored, or given up. */
  async allStored(): Promise<void> {
    const last = [...this.#waiting.keys()].at(-1);
    if (last !== undefined) await this.stored(last);
  }

  /** Resolves when all are stored, or cannot be. */
  async close(): Promise<void> {
    await this.allStored();
    this.#isClosed = true;
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    const waits = new Waits(EACH_SECOND);
    while (this.#waiting.size > 0) {
      const batch = this.#next();
      const isStored = this.#store(batch);
      this.#batch = isStored.then(() => undefined);
      if (!(await isStored)) {
        if (this.#isClosed) break;
        this.#batch = this.#deps.clock.sleep(waits.nextMs());
        await this.#batch;
        continue;
      }
      waits.reset();
      if (batch.length > BUSY && this.#waiting.size < BATCH) {
        await this.#gather();
      }
    }
    this.#flushing = null;
  }

  /** Where many come, lets more come together, unless somebody waits for what is there. */
  async #gather(): Promise<void> {
    if (this.#urgent > 0) return;
    this.#gathering = new AbortController();
    await this.#deps.clock.sleep(GATHER_MS, this.#gathering.signal).catch(() => undefined);
    this.#gathering = null;
  }

  #next(): [ExecutionId, Entry][] {
    const batch: [ExecutionId, Entry][] = [];
    let bytes = 0;
    for (const one of this.#waiting) {
      bytes += one[1].answer.bytes;
      if (batch.length > 0 && (batch.length === BATCH || bytes > BATCH_BYTES)) break;
      batch.push(one);
    }
    return batch;
  }

  /** Stores a batch; false when something of it is still to be stored. After a failure each is tried alone. */
  async #store(batch: [ExecutionId, Entry][]): Promise<boolean> {
    const isFirst = batch.every(([, { tries }]) => tries === 0);
    const calls = isFirst ? [batch] : batch.map((one) => [one]);
    const stored = await Promise.all(calls.map((call) => this.#commit(call)));
    return stored.every(Boolean);
  }

  async #commit(batch: [ExecutionId, Entry][]): Promise<boolean> {
    try {
      await this.#deps.commit(toGroups(batch));
    } catch (error) {
      for (const [, entry] of batch) entry.tries += 1;
      if (batch.some(([, { tries }]) => tries < MAX_TRIES)) return false;
      const ids = batch.map(([id]) => id);
      this.#deps.log.error({ err: error, execution_ids: ids }, 'Cannot store a cache hit');
    }
    for (const [id, { answer }] of batch) {
      this.#waiting.delete(id);
      this.#bytes -= answer.bytes;
    }
    return true;
  }

  #sizeOf(result: FinishedExecution['result']): number {
    if (result === null) return 0;
    let size = this.#sizes.get(result);
    if (size === undefined) this.#sizes.set(result, (size = JSON.stringify(result).length));
    return size;
  }
}

/** Those that are alike travel together. */
function toGroups(batch: [ExecutionId, Entry][]): Group[] {
  const groups = new Map<Answer, OwnFacts[]>();
  for (const [, { answer, own }] of batch) {
    const each = groups.get(answer);
    if (each === undefined) groups.set(answer, [own]);
    else each.push(own);
  }
  return [...groups].map(([{ like }, each]) => [{ type: 'answers', like, each }]);
}
