// The feed of a store that one process writes: it tells of each commit as soon as it is durable, before its caller hears of it.
import type { GroupResult } from '../domain/ports/group.ts';
import type { Fact, Feed, FeedListener, Signal } from '../domain/ports/feed.ts';
import { type EventRecord, type LifecycleEvent, toRecord } from '../domain/execution/events.ts';
import type { Execution } from '../domain/execution/execution.ts';

/** Reads the events in a range of positions. */
type ReadRange = (from: number, upTo: number) => readonly EventRecord[] | Promise<readonly EventRecord[]>;

export class LocalFeed implements Feed {
  readonly whyLate = null;
  readonly #listeners = new Map<number, FeedListener>();
  readonly #read: ReadRange;
  #head = 0;

  /** @param read for what results do not tell */
  constructor(read: ReadRange) {
    this.#read = read;
  }

  get isShared(): boolean {
    return this.#listeners.size > 1;
  }

  /** Everything up to here has happened before the store was opened. */
  begin(head: number): void {
    this.#head = head;
  }

  follow(by: number, listener: FeedListener): Promise<number> {
    this.#listeners.set(by, listener);
    return Promise.resolve(this.#head);
  }

  leave(by: number): void {
    this.#listeners.delete(by);
  }

  signal(by: number, signal: Signal): Promise<void> {
    for (const [epoch, listener] of this.#listeners) if (epoch !== by) listener.signal(signal);
    return Promise.resolve();
  }

  /** Tells of what one caller has committed. Results of later callers come later. */
  tell(by: number, results: readonly GroupResult[]): void {
    const [from, upTo] = [this.#head, lastPosition(results)];
    if (upTo <= from) return;
    this.#head = upTo;
    // What no result tells of, such as the history of steps that a plan takes over, is read.
    const isTold = countOf(results) === upTo - from;
    const batch = {
      ...{ by, from, upTo },
      facts: () => [...factsIn(results)],
      records: () => (isTold ? recordsIn(results) : this.#read(from, upTo)),
    };
    for (const listener of this.#listeners.values()) listener.batch(batch);
  }
}

/** The events of what was applied, each with the execution as its group has left it. */
function* eventsIn(results: readonly GroupResult[]): Generator<[LifecycleEvent, Execution]> {
  for (const result of results) {
    if (result.status !== 'applied') continue;
    const touched = new Map(result.executions.map((execution) => [execution.id, execution]));
    for (const event of result.events) {
      const execution = touched.get(event.executionId);
      if (execution !== undefined) yield [event, execution];
    }
  }
}

export function* recordsIn(results: readonly GroupResult[]): Generator<EventRecord> {
  for (const [event, execution] of eventsIn(results)) yield toRecord(event, execution);
}

export function* factsIn(results: readonly GroupResult[]): Generator<Fact> {
  for (const [event, { userId, runId, plan, revision }] of eventsIn(results)) {
    const { position, executionId, type, phase } = event;
    yield { position, executionId, type, phase, userId, runId, planId: plan?.id ?? null, revision };
  }
}

function lastPosition(results: readonly GroupResult[]): number {
  let last = 0;
  for (const result of results) {
    if (result.status === 'applied') last = Math.max(last, result.events.at(-1)?.position ?? 0);
  }
  return last;
}

const countOf = (results: readonly GroupResult[]): number =>
  results.reduce((sum, result) => sum + (result.status === 'applied' ? result.events.length : 0), 0);
