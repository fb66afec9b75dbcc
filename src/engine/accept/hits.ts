// Answers from the cache whose records follow. One that a request keeps getting is worked out once: it holds for the same
// caller, the same kept result and the same configuration, and only id, trace and time are each answer's own.
import type { Caller } from '../../domain/spec/access.ts';
import { alike, endedAtOnce, type FinishedExecution, type Trace } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { CacheEntry, NewExecution } from '../../domain/ports/group.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { Answer, LateAccepts } from './late-accepts.ts';
import type { ResultCache } from '../policies/cache.ts';
import type { Policies } from '../policies/policies.ts';

export interface HitsDeps {
  late: LateAccepts;
  cache: ResultCache;
  policies: Policies;
  clock: Clock;
  /** Whether records may follow their answers at all. */
  mayFollow: () => boolean;
  newId: () => ExecutionId;
  newTrace: () => Trace;
}

export interface Hit {
  execution: FinishedExecution;
  /** The same object for all that are alike; none where nobody knows. */
  like?: object;
}

type Asked = FinishedExecution['spec'];

interface Repeat {
  caller: Caller;
  adaptiveMs: number | null;
  entry: CacheEntry;
  answer: Answer;
}

/** Larger answers are worked out each time, so that what is remembered of repeated specs stays small. */
const MAX_REMEMBERED_BYTES = 6 * 1024;

export class Hits {
  readonly #deps: HitsDeps;
  /** By specs that nobody changes any more; whoever says so keeps a bounded number of them. */
  #repeats = new WeakMap<Asked, Repeat>();

  constructor(deps: HitsDeps) {
    this.#deps = deps;
  }

  /** Whether a record may follow its answer. */
  get hasRoom(): boolean {
    return this.#deps.late.hasRoom && this.#deps.mayFollow();
  }

  /** The answer to a repeated spec, out of what it was answered with before; null when it is to be worked out. */
  again(caller: Caller, spec: Asked, trace: Trace | null): Hit | null {
    const { late, cache, policies, clock, newId, newTrace } = this.#deps;
    const known = this.#repeats.get(spec);
    if (known?.caller !== caller || known.adaptiveMs !== policies.adaptiveLimitMs(spec)) return null;
    const { answer, entry } = known;
    if (cache.peek(entry.userId, entry.key) !== entry) {
      this.#repeats.delete(spec);
      return null;
    }
    // Only this counts it, and keeps the entry young.
    cache.find(entry.userId, entry.key);
    const own = { id: newId(), trace: trace ?? newTrace(), at: clock.now() };
    late.add(answer, own);
    return { execution: alike(answer.like, own), like: answer };
  }

  /** Answers with a kept result. `isRepeated`: the spec may come again, as the same object. */
  first(caller: Caller, record: NewExecution, entry: CacheEntry, isRepeated: boolean): Hit {
    const { late, policies, clock } = this.#deps;
    const { id, trace, spec } = record;
    const at = clock.now();
    const answer = late.toAnswer(endedAtOnce(record, entry, at));
    const isKept = isRepeated && answer.bytes <= MAX_REMEMBERED_BYTES;
    if (isKept) {
      const adaptiveMs = policies.adaptiveLimitMs(spec);
      this.#repeats.set(spec, { caller, adaptiveMs, entry, answer });
    }
    late.add(answer, { id, trace, at });
    return { execution: answer.like, ...(isKept ? { like: answer } : {}) };
  }

  /** To be called when what is configured has changed. */
  forget(): void {
    this.#repeats = new WeakMap();
  }
}
