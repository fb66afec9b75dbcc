// The logs of all steps of a plan as one: each record with the name of its step. Read one after the other, in the order in
// which they began; followed side by side. Nothing is buffered but one item a step.
import { hasSteps } from '../../domain/kinds.ts';
import type { Caller } from '../../domain/spec/access.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { StreamName } from '../../domain/ports/journal.ts';
import { MadeLogGone } from '../read/log-source.ts';
import type { LogItem, LogQuery } from '../read/read-log.ts';
import type { Waiters } from '../feed/waiters.ts';

export interface PlanLogQuery<Shown extends Item> {
  stream: StreamName | 'all';
  follow: boolean;
  /** Null is all of them. */
  step: string | null;
  /** What is shown of the log of each step: all of it, or what a search finds. */
  shown: (items: AsyncIterable<LogItem>) => AsyncIterable<Shown>;
}

/** An item of a log, whatever it shows; the end has the totals. */
export type Item = LogItem | { type: 'match' } | { type: 'gap' };

export interface PlanLogEnd {
  type: 'end';
  /** The plan has ended, and everything that its steps keep has been delivered. */
  complete: boolean;
  steps: number;
  records: number;
  stdoutBytes: number;
  stderrBytes: number;
}
export type PlanLogItem<Shown extends Item> =
  | { type: 'record'; step: string; item: Exclude<Shown, { type: 'waiting' | 'end' }> }
  | Extract<LogItem, { type: 'waiting' }>
  | PlanLogEnd;

export interface PlanLogDeps {
  store: Pick<Store, 'steps' | 'get'>;
  /** Woken by each move of the plan and of its steps. */
  changes: Waiters;
  readLog(
    caller: Caller,
    id: ExecutionId,
    query: LogQuery,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<LogItem, void, undefined>>;
}

/** Steps that are followed at a time; others wait for one of these to end. */
const AT_A_TIME = 64;
/** A follower looks again after this time even if nobody woke it. */
const RECHECK_MS = 30_000;

export async function* readPlanLog<Shown extends Item>(
  caller: Caller,
  planId: ExecutionId,
  query: PlanLogQuery<Shown>,
  signal: AbortSignal,
  deps: PlanLogDeps,
): AsyncGenerator<PlanLogItem<Shown>, void, undefined> {
  const watch = deps.changes.watch(planId);
  const ended = new AbortController();
  const both = AbortSignal.any([signal, ended.signal]);
  const end: PlanLogEnd = {
    type: 'end',
    complete: true,
    steps: 0,
    records: 0,
    stdoutBytes: 0,
    stderrBytes: 0,
  };
  const readers = new Readers<Shown>(query.follow ? AT_A_TIME : 1);
  try {
    const seen = new Set<ExecutionId>();
    for (;;) {
      const isOver = (await deps.store.get(null, planId))?.phase === 'done';
      for (const { step, executionId } of await stepsOf(planId, null, deps)) {
        if (seen.has(executionId) || (query.step !== null && query.step !== step)) continue;
        seen.add(executionId);
        const logQuery = {
          stream: query.stream,
          attempt: null,
          start: FROM_START,
          follow: query.follow,
          limitBytes: null,
        };
        readers.add(step, async () => {
          const items = await deps.readLog(caller, executionId, logQuery, both).catch(withoutLog);
          return query.shown(items);
        });
      }
      const news = isOver || !query.follow ? null : watch.next(RECHECK_MS, both);
      if (news !== null && readers.isIdle) yield { type: 'waiting' };
      for (;;) {
        const next = await readers.next(news);
        if (next === 'news' || next === null) break;
        const { step, item } = next;
        if (isEnd(item)) addTo(end, item);
        else if (isShown(item)) yield { type: 'record', step, item };
        if (!isShown(item) && news !== null) yield { type: 'waiting' };
      }
      if (news === null || !(await news)) {
        end.complete &&= isOver;
        end.steps = seen.size;
        yield end;
        return;
      }
    }
  } finally {
    watch.close();
    ended.abort();
    readers.close();
  }
}

const FROM_START = { attempt: null, at: { from: 'offset', offset: 0 } } as const;

/** A step whose result comes from the cache may have lost the log that goes with it; the logs of the others have not. */
async function* withoutLog(error: unknown): AsyncGenerator<LogItem, void, undefined> {
  if (!(error instanceof MadeLogGone)) throw error;
  const none = { records: 0, stdoutBytes: 0, stderrBytes: 0, stdoutKeptBytes: 0, stderrKeptBytes: 0 };
  yield {
    type: 'end',
    complete: false,
    ...none,
    isCut: false,
    outcome: null,
    cursor: { attempt: 1, offset: 0 },
  };
}

type End = Extract<LogItem, { type: 'end' }>;
const isEnd = (item: Item): item is End => item.type === 'end';

function isShown<Shown extends Item>(item: Shown): item is Exclude<Shown, { type: 'waiting' | 'end' }> {
  return item.type !== 'waiting' && item.type !== 'end';
}

function addTo(end: PlanLogEnd, item: End): void {
  end.complete &&= item.complete;
  end.records += item.records;
  end.stdoutBytes += item.stdoutBytes;
  end.stderrBytes += item.stderrBytes;
}

/** Steps that have a log, with those of the plans among them, in the order of their beginning. */
async function stepsOf(
  planId: ExecutionId,
  above: string | null,
  deps: PlanLogDeps,
): Promise<{ step: string; executionId: ExecutionId }[]> {
  const found: { step: string; executionId: ExecutionId }[] = [];
  for (const one of await deps.store.steps(planId)) {
    const { step, executionId } = one;
    if (executionId === null) continue;
    const name = above === null ? step : `${above}/${step}`;
    if (hasSteps(one)) found.push(...(await stepsOf(executionId, name, deps)));
    else found.push({ step: name, executionId });
  }
  return found;
}

interface Read<Shown> {
  step: string;
  item: Shown;
}

/** Reads from many logs, a bounded number at a time: of each one item is held until it is taken. */
class Readers<Shown> {
  readonly #most: number;
  readonly #waiting: { step: string; open: () => Promise<AsyncIterable<Shown>> }[] = [];
  readonly #ready: { read: Read<Shown>; taken: () => void }[] = [];
  #active = 0;
  #wake: (() => void) | null = null;
  #isClosed = false;
  #failure: { error: unknown } | null = null;

  constructor(most: number) {
    this.#most = most;
  }

  /** Nothing is being read now. */
  get isIdle(): boolean {
    return this.#active === 0;
  }

  add(step: string, open: () => Promise<AsyncIterable<Shown>>): void {
    this.#waiting.push({ step, open });
    this.#fill();
  }

  /** The next item; null when all have been read to their end; `news` when there is none before that comes. */
  async next(news: Promise<unknown> | null): Promise<Read<Shown> | 'news' | null> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure.error;
      const ready = this.#ready.shift();
      if (ready !== undefined) {
        ready.taken();
        return ready.read;
      }
      if (this.#active === 0 && news === null) return null;
      const woken = new Promise<'woken'>((resolve) => (this.#wake = () => resolve('woken')));
      const first = await Promise.race(news === null ? [woken] : [woken, news.then(() => 'news' as const)]);
      if (first === 'news' && this.#ready.length === 0) return 'news';
    }
  }

  /** Lets go of all logs: nobody takes their items any more. */
  close(): void {
    this.#isClosed = true;
    this.#waiting.length = 0;
    for (const { taken } of this.#ready.splice(0)) taken();
  }

  #fill(): void {
    while (this.#active < this.#most) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#active += 1;
      void this.#read(next.step, next.open);
    }
  }

  async #read(step: string, open: () => Promise<AsyncIterable<Shown>>): Promise<void> {
    try {
      for await (const item of await open()) {
        // To leave the loop closes the log.
        if (this.#isClosed) break;
        await new Promise<void>((taken) => {
          this.#ready.push({ read: { step, item }, taken });
          this.#wake?.();
        });
      }
    } catch (error) {
      this.#failure ??= { error };
    }
    this.#active -= 1;
    this.#fill();
    this.#wake?.();
  }
}
