// Live streams: what has happened is replayed, then what happens is followed, without a gap and without a repetition. A
// reader pulls, and so holds nothing but its place; what is new is read once and shared by all who wait for it.
import { LRUCache } from 'lru-cache';
import type { Caller } from '../../domain/spec/access.ts';
import { RefusedError } from '../../domain/errors.ts';
import { type EventFilter, type EventRecord, isFinal, matches } from '../../domain/execution/events.ts';
import type { Execution, FinishedExecution } from '../../domain/execution/execution.ts';
import { isFinished } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { FeedBatch } from '../../domain/ports/feed.ts';
import type { EventPage, Store } from '../../domain/ports/store.ts';
import type { Journal } from '../../domain/ports/journal.ts';
import type { AttemptName } from '../../domain/ports/runner.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import { logGone, withLog } from '../read/log-source.ts';
import type { LogCursor } from '../read/read-log.ts';
import { stored } from '../refusals.ts';
import { type Watch, Waiters } from '../feed/waiters.ts';
import { EventRing } from './event-ring.ts';
import type { LogBlocks, LogPiece, OutputForm } from './log-blocks.ts';

/** Where a reader of one execution stands. */
export interface StreamCursor {
  /** Of the last event seen; 0 before the first. */
  sequence: number;
  /** Up to where the output has been seen. */
  log: LogCursor;
}

/** What a stream of one execution is made of; `cursor` is where to go on after it. */
export type StreamItem = { cursor: StreamCursor } & (
  | { type: 'event'; record: EventRecord }
  | { type: 'output'; piece: LogPiece }
);

/** A piece of the stream of all events. */
export interface EventBatch {
  records: readonly EventRecord[];
  /** Position to go on after it. */
  upTo: number;
}

export interface EventStreamsDeps {
  store: Pick<Store, 'events' | 'eventsAfter' | 'eventEnds' | 'finished'>;
  journal: Pick<Journal, 'open' | 'exists'>;
  /** What is read of logs, once for all who follow. */
  blocks: LogBlocks;
  clock: Clock;
  /** Woken by each move, and when a live attempt has written something. */
  growth: Waiters;
  /** Bytes that a live attempt has written as far as is known here; null when it does not run here. */
  written(name: AttemptName): number | null;
  /** Throws RefusedError when there is none such. */
  own(caller: Caller, id: ExecutionId): Promise<Execution>;
  /** Resolves when an execution that was answered is stored. */
  isStored(id: ExecutionId): Promise<void>;
  /** Made once with the store. */
  instanceId(): string;
}

/** A follower looks again after this time even if nobody woke it. */
const RECHECK_MS = 30_000;
/** Events that are looked at together. */
const PAGE = 256;
const SCAN = 1000;
/** Events that are taken in without a pause. */
const PIECE = 500;

export class EventStreams {
  readonly #deps: EventStreamsDeps;
  readonly #ring = new EventRing();
  readonly #blocks: LogBlocks;
  /** The first events of executions, as they were read last: many may begin to follow one. */
  readonly #read = new LRUCache<ExecutionId, readonly EventRecord[]>({ max: 256 });
  /** Woken by events: by execution, and by user. Only what the feed has told, so that each comes once, in order. */
  readonly #arrivals: Waiters;
  /** Of the feed, on their way into the ring. */
  readonly #batches: FeedBatch[] = [];
  #isTaking = false;

  constructor(deps: EventStreamsDeps) {
    this.#deps = deps;
    this.#blocks = deps.blocks;
    this.#arrivals = new Waiters(deps.clock);
  }

  /** Ends all streams; they end as if they had been cut. */
  close(): void {
    this.#arrivals.close();
  }

  /** Takes in what has been stored: batches of the feed, in its order. */
  take(batch: FeedBatch): void {
    if (!this.#ring.isKept) return;
    this.#batches.push(batch);
    if (!this.#isTaking) void this.#takeAll();
  }

  /** Something that has happened was not told: it is in the store. */
  lookAgain(): void {
    this.#ring.clear();
    this.#arrivals.notifyAll();
  }

  /** In turns with everybody else, where it is much. Never rejects. */
  async #takeAll(): Promise<void> {
    this.#isTaking = true;
    let left = PIECE;
    for (let next = this.#batches.shift(); next !== undefined; next = this.#batches.shift()) {
      try {
        const read = next.records();
        const records = read instanceof Promise ? await read : read;
        this.#ring.begin(next.from);
        for (const record of records) {
          this.#ring.add(record);
          this.#arrivals.notify(record.executionId);
          this.#arrivals.notify(userTopic(record.userId));
          left -= 1;
          if (left > 0) continue;
          await this.#deps.clock.sleep(0);
          left = PIECE;
        }
        this.#ring.reach(next.upTo);
      } catch {
        this.lookAgain();
      }
    }
    this.#isTaking = false;
  }

  /**
   * The stream of one execution, from after a cursor until its last event, or until the signal or the server ends it. Null
   * when the cursor is at the end of a finished execution already.
   *
   * @throws RefusedError `not_found`, `invalid_event_id`; `log_read_failed` when the run of a hit is gone; before the first item
   */
  async ofExecution(
    caller: Caller,
    id: ExecutionId,
    { cursor, output, signal }: { cursor: StreamCursor; output: OutputForm | null; signal: AbortSignal },
  ): Promise<AsyncGenerator<readonly StreamItem[], void, undefined> | null> {
    await this.#deps.isStored(id);
    const execution = withLog(await this.#deps.own(caller, id));
    if (cursor.sequence > execution.eventSequence) {
      throw invalidCursor(`the execution has only ${execution.eventSequence} events`);
    }
    const { attempt } = cursor.log;
    const last = execution.attempts.at(-1)?.number ?? 0;
    if (attempt > Math.max(1, last)) throw invalidCursor(`there is no attempt ${attempt}`);
    if (isFinished(execution) && cursor.sequence === execution.eventSequence) return null;
    if (output !== null) await this.#checkMade(execution);
    if (output !== null && cursor.log.offset > 0) await this.#checkOffset(execution.runId, cursor.log);
    return this.#followExecution(caller, execution, { cursor, output, signal });
  }

  /**
   * The stream of all events that fit, from after an id until the signal or the server ends it. Batches may be empty: they
   * tell how far the stream is.
   *
   * @param after an id that `idOf` has made, `now`, or null for the oldest event that is there
   * @throws RefusedError `invalid_event_id`; `events_gone` when events of the user behind the id have been removed
   */
  async ofAll(
    filter: EventFilter & { userId: string },
    after: string | null,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<EventBatch, void, undefined>> {
    const { last, swept } = await stored(this.#deps.store.eventEnds(filter.userId));
    if (after === null) return this.#followAll(filter, { from: 0, mayMiss: true }, signal);
    const from = after === 'now' ? last : this.#positionOf(after);
    if (from > last) throw invalidCursor('there is no such event');
    if (from < swept) throw this.#gone(swept);
    const batches = this.#followAll(filter, { from, mayMiss: false }, signal);
    return after === 'now' ? tellingPlace(from, batches) : batches;
  }

  /**
   * The stream of a plan and of its steps, from after an id until the plan has ended. Null when it is over already.
   *
   * @throws RefusedError `not_found`, `invalid_event_id`
   */
  async ofPlan(
    caller: Caller,
    id: ExecutionId,
    after: string | null,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<EventBatch, void, undefined> | null> {
    const plan = await this.#deps.own(caller, id);
    const { userId } = caller;
    const from = after === null ? 0 : this.#positionOf(after);
    const { last } = await stored(this.#deps.store.eventEnds(userId));
    if (from > last) throw invalidCursor('there is no such event');
    const [end] = isFinished(plan) ? await this.#eventsOf(id, plan.eventSequence - 1) : [];
    if (end !== undefined && end.position <= from) return null;
    // What belongs to a plan leaves with it, and not before.
    return this.#untilEndOf(id, this.#followAll({ userId, planId: id }, { from, mayMiss: true }, signal));
  }

  async *#untilEndOf(
    id: ExecutionId,
    batches: AsyncIterable<EventBatch>,
  ): AsyncGenerator<EventBatch, void, undefined> {
    for await (const batch of batches) {
      yield batch;
      if (batch.records.some((record) => record.executionId === id && record.end !== null)) return;
    }
  }

  /** The execution that a last event speaks of; null when it has been removed. */
  ended({ userId, executionId }: EventRecord): Promise<FinishedExecution | null> {
    return stored(this.#deps.store.finished(userId, executionId));
  }

  /** What a reader is told of a position: the same number in another store is another id. */
  idOf(position: number): string {
    return `${this.#tag()}-${position}`;
  }

  #tag(): string {
    return this.#deps.instanceId().slice(0, 8);
  }

  #positionOf(id: string): number {
    const [, tag, position] = /^([0-9a-f]{8})-(\d{1,15})$/.exec(id) ?? [];
    if (tag === undefined) throw invalidCursor('is not an id of this stream');
    if (tag !== this.#tag()) throw invalidCursor('is an id of another server');
    return Number(position);
  }

  #gone(swept: number): RefusedError {
    const oldest = this.idOf(swept);
    const detail = `Events after this id were removed with their executions. The stream can continue after ${oldest}.`;
    return new RefusedError('events_gone', detail, { oldest });
  }

  // -------------------------------------------------------------------------------- one execution

  async *#followExecution(
    caller: Caller,
    first: Execution,
    options: { cursor: StreamCursor; output: OutputForm | null; signal: AbortSignal },
  ): AsyncGenerator<readonly StreamItem[], void, undefined> {
    const { id } = first;
    const { output, signal } = options;
    let { cursor } = options;
    const release = this.#ring.acquire();
    const following =
      output !== null
        ? new Following(id, this.#deps.growth, this.#blocks)
        : new Following(id, this.#arrivals, null);
    try {
      for (;;) {
        // Looked at before the events are: those of the attempts that it has are there then.
        const execution = withLog(await this.#deps.own(caller, id));
        const last = execution.attempts.at(-1);
        following.attach(output !== null ? execution.runId : id);
        cursor = fromFirst(cursor, execution);
        const isNew = execution.eventSequence > cursor.sequence;
        const records = isNew ? await this.#eventsOf(id, cursor.sequence) : [];
        for (const record of records) {
          if (output !== null && endsAttempt(record)) {
            // That of a hit is of another execution.
            const upTo = record.end?.log?.attempt ?? record.attempt;
            for await (const items of this.#output(execution.runId, cursor, { upTo, isOver: true, output })) {
              cursor = (items.at(-1) as StreamItem).cursor;
              yield items;
            }
          }
          cursor = { ...cursor, sequence: record.sequence };
          yield [{ type: 'event', record, cursor }];
          if (record.end !== null) return;
        }
        // Output of an attempt whose start has not been told yet would come too early.
        if (records.length > 0 && cursor.sequence < execution.eventSequence) continue;
        if (output !== null && last !== undefined) {
          const upTo = { upTo: last.number, isOver: last.endedAt !== null, output };
          for await (const items of this.#output(execution.runId, cursor, upTo)) {
            cursor = (items.at(-1) as StreamItem).cursor;
            yield items;
          }
        }
        if (records.length === 0 && !(await following.next(signal))) return;
      }
    } catch (error) {
      // It has been removed: there is nothing more to tell.
      if (!(error instanceof RefusedError && error.type === 'not_found')) throw error;
    } finally {
      following.close();
      release();
    }
  }

  /** The log that a hit shows may have gone with its run. */
  async #checkMade(execution: Execution): Promise<void> {
    const [made] = execution.cache?.status === 'hit' ? execution.attempts : [];
    if (made === undefined || made.output.stdoutKeptBytes + made.output.stderrKeptBytes === 0) return;
    const name = { runId: execution.runId, attempt: made.number };
    if (!(await this.#deps.journal.exists(name))) throw logGone(execution, made.number);
  }

  /** Who goes on behind what was ever written would miss what comes until there. */
  async #checkOffset(runId: ExecutionId, { attempt, offset }: LogCursor): Promise<void> {
    const log = await this.#deps.journal.open({ runId, attempt });
    const size = log?.size ?? Infinity;
    await log?.close();
    if (offset > size) throw invalidCursor(`the log of attempt ${attempt} ends before that place`);
  }

  /** The next events of an execution, from memory where they are there. */
  async #eventsOf(id: ExecutionId, sequence: number): Promise<readonly EventRecord[]> {
    const recent = this.#ring.ofExecution(id, sequence);
    if (recent !== null) return recent;
    const read = this.#read.get(id);
    if (read !== undefined && read.length > sequence) return read.slice(sequence);
    const records = await stored(this.#deps.store.events(null, id, sequence, PAGE));
    if (sequence === 0) this.#read.set(id, records);
    return records;
  }

  /** Output of the attempts up to one, as far as it is there. */
  async *#output(
    runId: ExecutionId,
    from: StreamCursor,
    { upTo, isOver, output: form }: { upTo: number; isOver: boolean; output: OutputForm },
  ): AsyncGenerator<readonly StreamItem[], void, undefined> {
    const { sequence } = from;
    let { attempt, offset } = from.log;
    for (; attempt <= upTo; attempt++, offset = 0) {
      for (;;) {
        const isEnded = isOver || attempt < upTo;
        // Spares everybody who has it all a look at the log.
        if (!isEnded && offset >= (this.#deps.written({ runId, attempt }) ?? Infinity)) return;
        const read = this.#blocks.read({ runId, attempt }, { offset, isOver: isEnded, form });
        const block = read instanceof Promise ? await read : read;
        if (block === null || block.pieces.length === 0) break;
        yield block.pieces.map((piece): StreamItem => {
          const cursor = { sequence, log: { attempt, offset: piece.end } };
          return { type: 'output', piece, cursor };
        });
        offset = block.end;
      }
    }
  }

  // ------------------------------------------------------------------------------------- all events

  async *#followAll(
    filter: EventFilter & { userId: string },
    { from, mayMiss }: { from: number; mayMiss: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<EventBatch, void, undefined> {
    const release = this.#ring.acquire();
    const watch = this.#arrivals.watch(userTopic(filter.userId));
    let position = from;
    // Who begins with the oldest gets what is there, until it has caught up; of a plan all is there.
    let isCatchingUp = mayMiss;
    try {
      for (;;) {
        const recent = this.#ring.after(position, SCAN);
        const page =
          recent === null ? await this.#page(filter, position, isCatchingUp) : pageOf(recent, filter);
        if (page.upTo > position) {
          position = page.upTo;
          yield { records: page.records, upTo: position };
          continue;
        }
        isCatchingUp = mayMiss && filter.planId !== undefined;
        if (!(await watch.next(RECHECK_MS, signal))) return;
      }
    } finally {
      watch.close();
      release();
    }
  }

  /** @throws RefusedError `events_gone`, unless what is gone is no matter */
  async #page(
    filter: EventFilter & { userId: string },
    position: number,
    mayMiss: boolean,
  ): Promise<EventPage> {
    const { store, clock } = this.#deps;
    // Room for others: whoever reads a long way back reads one page after the other.
    await clock.sleep(0);
    const page = await stored(store.eventsAfter(filter, position, SCAN));
    if (mayMiss) return page;
    // Asked for last: what was swept until then may have been in the page.
    const { swept } = await stored(store.eventEnds(filter.userId));
    if (position < swept) throw this.#gone(swept);
    return page;
  }
}

/** A hit has the log of one attempt, which need not be the first. */
function fromFirst(cursor: StreamCursor, { attempts: [first] }: Execution): StreamCursor {
  if (first === undefined || cursor.log.attempt >= first.number) return cursor;
  return { ...cursor, log: { attempt: first.number, offset: 0 } };
}

function pageOf(recent: readonly EventRecord[], filter: EventFilter): EventPage {
  const upTo = recent.at(-1)?.position ?? 0;
  return { records: recent.filter((record) => matches(filter, record)), upTo };
}

/** What those wait for who follow all events of a user. */
const userTopic = (userId: string): string => `user ${userId}`;

/** Events that come when the log of their attempt is whole; its output is told before them. */
function endsAttempt({ type }: EventRecord): boolean {
  return type === 'retry_scheduled' || type === 'lost' || isFinal(type);
}

function invalidCursor(why: string): RefusedError {
  const fields = [{ field: 'Last-Event-ID', message: why }];
  return new RefusedError('invalid_event_id', `The stream cannot continue after this id: ${why}.`, {
    fields,
  });
}

/** What one follower of an execution waits for and holds: that of its run, which may change. */
class Following {
  readonly #id: ExecutionId;
  readonly #waiters: Waiters;
  readonly #blocks: LogBlocks | null;
  #runId: ExecutionId | null = null;
  #watch: Watch | null = null;
  #release: (() => void) | null = null;

  /** @param blocks null when no output is read */
  constructor(id: ExecutionId, waiters: Waiters, blocks: LogBlocks | null) {
    this.#id = id;
    this.#waiters = waiters;
    this.#blocks = blocks;
  }

  /** What happens from here on to the execution or its run is not missed. */
  attach(runId: ExecutionId): void {
    if (runId === this.#runId) return;
    const [watch, release] = [this.#watch, this.#release];
    this.#watch = this.#waiters.watch(this.#id, runId);
    this.#release = this.#blocks?.follow(runId) ?? null;
    this.#runId = runId;
    watch?.close();
    release?.();
  }

  /** False: there is no use in waiting on. */
  async next(signal: AbortSignal): Promise<boolean> {
    return this.#watch?.next(RECHECK_MS, signal) ?? false;
  }

  close(): void {
    this.#watch?.close();
    this.#release?.();
  }
}

/** Tells first where the stream begins: who is cut off before its first event goes on there. */
async function* tellingPlace(
  upTo: number,
  batches: AsyncIterable<EventBatch>,
): AsyncGenerator<EventBatch, void, undefined> {
  yield { records: [], upTo };
  yield* batches;
}
