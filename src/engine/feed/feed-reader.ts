// Hears what happens in the store. What this engine has done itself it knows from its own commits, at once; what others have
// done is read here, in order, and handed to the same observers. Streams take everything from here, own events too: only here
// it comes in order, once.
import type { Execution } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { Fact, FeedBatch, FeedListener, Signal } from '../../domain/ports/feed.ts';
import type { Store } from '../../domain/ports/store.ts';
import { EACH_SECOND, untilDone } from '../../resilience/retrying.ts';

type StopSignal = Extract<Signal, { type: 'stop' }>;

/** Executions that are read at once. */
const MOST_READ = 200;

export interface FeedReaderDeps {
  store: Pick<Store, 'feed' | 'getMany'>;
  clock: Clock;
  log: Log;
  /** Takes in the newest state of an execution that somebody else has changed. */
  observe(execution: Execution): void;
  /** Called with each fact of others, before the execution is read. */
  touched(fact: Fact): void;
  /** Called with each batch, in order. */
  show(batch: FeedBatch): void;
  /** Something is missing: what is known of the store is to be read again. May fail, and is then called again. */
  resync(upTo: number): Promise<void>;
  /** Stops a run, if it is here. */
  stop(signal: StopSignal): void;
  /** Takes in what somebody else has changed. May fail, and is then called again. */
  changed(signal: Exclude<Signal, StopSignal>): Promise<void>;
  /** Ends what is tried again and again. */
  signal: AbortSignal;
}

export class FeedReader implements FeedListener {
  readonly #deps: FeedReaderDeps;
  /** Executions that others have changed, to be read when what is read before is done. */
  readonly #due = new Set<ExecutionId>();
  #isDue = false;
  /** Executions that are being read, with the revision that was observed meanwhile. */
  readonly #reading = new Map<ExecutionId, number>();
  /** What is read, one after the other. */
  #work: Promise<unknown> = Promise.resolve();
  #epoch = 0;

  constructor(deps: FeedReaderDeps) {
    this.#deps = deps;
  }

  /** From now on nothing is missed. */
  async start(epoch: number): Promise<void> {
    this.#epoch = epoch;
    await this.#deps.store.feed.follow(epoch, this);
  }

  stop(): void {
    this.#deps.store.feed.leave(this.#epoch);
  }

  /** Notes what the own commits have brought: what is being read of the same executions may be older. */
  own({ id, revision }: Execution): void {
    if (this.#reading.has(id)) this.#reading.set(id, revision);
  }

  batch(batch: FeedBatch): void {
    this.#deps.show(batch);
    if (batch.by === this.#epoch) return;
    for (const fact of batch.facts()) {
      this.#due.add(fact.executionId);
      this.#deps.touched(fact);
    }
    if (this.#isDue || this.#due.size === 0) return;
    this.#isDue = true;
    this.#next('Cannot read changes of the store; execd retries', () => this.#takeDue());
  }

  gap(upTo: number): void {
    this.#next('Cannot read missed changes; execd retries', () => this.#deps.resync(upTo));
  }

  signal(signal: Signal): void {
    // Whoever stops a run waits for nothing.
    if (signal.type === 'stop') this.#deps.stop(signal);
    else
      this.#next('Cannot apply changes of another replica; execd retries', () => this.#deps.changed(signal));
  }

  #next(message: string, act: () => Promise<void>): void {
    const { clock, log, signal } = this.#deps;
    const failed = (err: unknown) => log.warn({ err }, message);
    const how = { clock, signal, failed, backoff: EACH_SECOND };
    this.#work = this.#work.then(() => untilDone(act, how));
  }

  /** Many at once: each is read once, however often it has changed meanwhile. */
  async #takeDue(): Promise<void> {
    while (this.#due.size > 0) await this.#take([...this.#due].slice(0, MOST_READ));
    this.#isDue = false;
  }

  async #take(ids: readonly ExecutionId[]): Promise<void> {
    for (const id of ids) {
      this.#due.delete(id);
      this.#reading.set(id, 0);
    }
    try {
      for (const execution of await this.#deps.store.getMany(ids)) {
        if (execution.revision >= (this.#reading.get(execution.id) ?? 0)) this.#deps.observe(execution);
      }
    } catch (error) {
      for (const id of ids) this.#due.add(id);
      throw error;
    } finally {
      for (const id of ids) this.#reading.delete(id);
    }
  }
}
