// Reading and following logs: what is there is replayed, then what comes is followed, across the attempts of the
// execution, until it has finished. Nothing is buffered: the reader pulls, the log stays where it is.
import type { Outcome } from '../../domain/outcome.ts';
import type { Attempt, Execution } from '../../domain/execution/execution.ts';
import { logGone } from './log-source.ts';
import { isFinished } from '../../domain/execution/execution.ts';
import type { AttemptLog, Journal, LogRecord, LogStart, StreamName } from '../../domain/ports/journal.ts';
import type { AttemptName } from '../../domain/ports/runner.ts';
import type { Watch } from '../feed/waiters.ts';

export interface LogQuery {
  stream: StreamName | 'all';
  /** Read this attempt only; null reads all. */
  attempt: number | null;
  /** Where to begin: a place in one attempt, whose later ones follow, or a start in each. */
  start: { attempt: number | null; at: LogStart };
  follow: boolean;
  /** Stop after so many bytes; null reads to the end. */
  limitBytes: number | null;
}

/** Where to go on reading. */
export interface LogCursor {
  attempt: number;
  offset: number;
}

/** The last item: what the log holds, so that a reader can tell whether it has seen everything. */
export interface LogEnd {
  type: 'end';
  /** All that was asked for has ended, the log holds all kept bytes, and they have been delivered to the end. */
  complete: boolean;
  records: number;
  /** Bytes that were written, and bytes that the log keeps of them. */
  stdoutBytes: number;
  stderrBytes: number;
  stdoutKeptBytes: number;
  stderrKeptBytes: number;
  /** It was to go on, but nobody follows any more, or the server ends. */
  isCut: boolean;
  /** How what was asked for has ended, the execution or one attempt of it; null while it has not. */
  outcome: Outcome | null;
  cursor: LogCursor;
}

export type LogItem =
  | { type: 'record'; attempt: number; record: LogRecord; cursor: LogCursor }
  /** All that there is has been told, and more may come: to a reader that has not answered yet, a reason to begin. */
  | { type: 'waiting' }
  | LogEnd;

export interface ReadLogDeps {
  journal: Pick<Journal, 'open'>;
  /** Null when the execution has been removed meanwhile. */
  current: () => Promise<Execution | null>;
  /** Tells of output and of moves of the execution. */
  watch: Watch;
  signal: AbortSignal;
}

/** A follower looks again after this time even if nobody woke it. */
const RECHECK_MS = 30_000;

/**
 * The log of an execution, item by item; the last one is the end.
 *
 * @throws RefusedError `log_read_failed` when a log that must be there is gone
 * @throws JournalError when one cannot be read
 */
export async function* readLog(
  execution: Execution,
  query: LogQuery,
  deps: ReadLogDeps,
): AsyncGenerator<LogItem, void, undefined> {
  const reading = new Reading(execution, query, deps);
  yield* reading.run();
}

class Reading {
  readonly #query: LogQuery;
  readonly #deps: ReadLogDeps;
  #execution: Execution;
  #left: number;
  /** Attempts before this one have been read, or were not asked for. */
  #from: number;
  #cursor: LogCursor;
  #isIntact = true;
  #isCut = false;
  readonly #end: Pick<
    LogEnd,
    'records' | 'stdoutBytes' | 'stderrBytes' | 'stdoutKeptBytes' | 'stderrKeptBytes'
  > = { records: 0, stdoutBytes: 0, stderrBytes: 0, stdoutKeptBytes: 0, stderrKeptBytes: 0 };

  constructor(execution: Execution, query: LogQuery, deps: ReadLogDeps) {
    this.#execution = execution;
    this.#query = query;
    this.#deps = deps;
    this.#left = query.limitBytes ?? Infinity;
    this.#from = query.start.attempt ?? query.attempt ?? 1;
    this.#cursor = { attempt: this.#from, offset: 0 };
  }

  async *run(): AsyncGenerator<LogItem> {
    let isAtEnd = false;
    for (;;) {
      const attempt = this.#nextAttempt();
      if (attempt === null) {
        isAtEnd = isFinished(this.#execution);
        if (isAtEnd || !this.#query.follow || !(yield* this.#wait())) break;
        continue;
      }
      yield* this.#readAttempt(attempt.number);
      if (this.#left <= 0 || !this.#isOver(attempt.number)) break;
      if (this.#query.attempt !== null) {
        isAtEnd = true;
        break;
      }
      this.#from = attempt.number + 1;
    }
    const complete = isAtEnd && this.#isIntact;
    const outcome = this.#outcome();
    yield { type: 'end', complete, ...this.#end, isCut: this.#isCut, outcome, cursor: this.#cursor };
  }

  #outcome(): Outcome | null {
    const only = this.#query.attempt;
    const { attempts } = this.#execution;
    if (only !== null && this.#execution.cache?.status !== 'hit')
      return attempts.find(({ number }) => number === only)?.outcome ?? null;
    return isFinished(this.#execution) ? this.#execution.outcome : null;
  }

  /** The attempt to read now; null when it has not begun. */
  #nextAttempt(): Attempt | null {
    const { attempts } = this.#execution;
    const only = this.#query.attempt;
    return attempts.find(({ number }) => (only === null ? number >= this.#from : number === only)) ?? null;
  }

  #isOver(number: number): boolean {
    return this.#execution.attempts.find((attempt) => attempt.number === number)?.endedAt !== null;
  }

  async *#readAttempt(number: number): AsyncGenerator<LogItem> {
    const name = { runId: this.#execution.runId, attempt: number };
    const log = yield* this.#open(name);
    if (log === null) return;
    try {
      let offset = await log.locate(this.#startIn(number));
      this.#cursor = { attempt: number, offset };
      for (;;) {
        // Asked before the log is looked at: what an attempt wrote is there when its end is known.
        const isOver = this.#isOver(number);
        await log.refresh();
        for await (const record of log.read(offset)) {
          const cut = record.bytes.length > this.#left ? record.bytes.subarray(0, this.#left) : record.bytes;
          offset = record.offset + cut.length;
          this.#cursor = { attempt: number, offset };
          if (this.#query.stream !== 'all' && this.#query.stream !== record.stream) continue;
          this.#left -= cut.length;
          yield { type: 'record', attempt: number, record: { ...record, bytes: cut }, cursor: this.#cursor };
          if (this.#left <= 0) break;
        }
        if (this.#left <= 0 || isOver || !this.#query.follow || !(yield* this.#wait())) break;
      }
      await this.#addTotals(number, log);
    } finally {
      await log.close();
    }
  }

  /** Opens the log, waiting for it to begin; null when there is none to read. */
  async *#open(name: AttemptName): AsyncGenerator<LogItem, AttemptLog | null> {
    for (;;) {
      const isOver = this.#isOver(name.attempt);
      const log = await this.#deps.journal.open(name);
      if (log !== null) return log;
      const attempt = this.#execution.attempts.find(({ number }) => number === name.attempt);
      const { stdoutKeptBytes = 0, stderrKeptBytes = 0 } = attempt?.output ?? {};
      if (isOver && stdoutKeptBytes + stderrKeptBytes > 0) {
        throw logGone(this.#execution, name.attempt);
      }
      if (isOver || !this.#query.follow || !(yield* this.#wait())) return null;
    }
  }

  #startIn(number: number): LogStart {
    const { start } = this.#query;
    const isHere = start.attempt === null || start.attempt === number;
    const isTail = start.at.from === 'tail' && number !== this.#execution.attempts.at(-1)?.number;
    // The last lines are those of the last attempt.
    if (isTail) return { from: 'offset', offset: Number.MAX_SAFE_INTEGER };
    return isHere ? start.at : { from: 'offset', offset: 0 };
  }

  async #addTotals(number: number, log: AttemptLog): Promise<void> {
    const attempt = this.#execution.attempts.find((one) => one.number === number);
    const isOver = attempt !== undefined && attempt.endedAt !== null;
    const kept = isOver
      ? { stdout: attempt.output.stdoutKeptBytes, stderr: attempt.output.stderrKeptBytes }
      : await log.totals();
    if (isOver) this.#isIntact &&= attempt.logComplete === true && log.size === kept.stdout + kept.stderr;
    this.#end.records += log.records;
    this.#end.stdoutKeptBytes += kept.stdout;
    this.#end.stderrKeptBytes += kept.stderr;
    this.#end.stdoutBytes += isOver ? attempt.output.stdoutBytes : kept.stdout;
    this.#end.stderrBytes += isOver ? attempt.output.stderrBytes : kept.stderr;
  }

  /** Waits for news and takes them in; false when the reader is to stop. */
  async *#wait(): AsyncGenerator<LogItem, boolean> {
    yield { type: 'waiting' };
    const { watch, signal, current } = this.#deps;
    const execution = (await watch.next(RECHECK_MS, signal)) ? await current() : null;
    if (execution === null) {
      this.#isCut = true;
      return false;
    }
    this.#execution = execution;
    return true;
  }
}
