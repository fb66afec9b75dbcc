// Evaluates expressions on a thread of its own, one at a time, for users in turn. The evaluator stops what takes too long; a
// thread that does not answer all the same, or that has run out of memory, is replaced, and only what it was at is lost.
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { ConditionError } from '../domain/plans/conditions.ts';
import { readJson } from '../domain/exact-json.ts';
import { Lines } from '../domain/lines.ts';
import type { Clock, Timer } from '../domain/ports/clock.ts';
import { MAX_EVALUATION_MS, MAX_WALL_MS } from './cel.ts';
import type { Evaluation } from './conditions.ts';

/** What the thread answers; its first message only says that it is there. */
export type ThreadReply =
  | { type: 'ready' }
  | { type: 'value'; /** Of `writeJson`: exact numbers pass as text only. */ value: string }
  | { type: 'wrong'; message: string };

/** For an answer, beside the time of the evaluation: a machine may be busy, and values have to be handed over. */
const MARGIN_MS = 10_000;
const LIMITS = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 };

interface Job {
  evaluation: Evaluation;
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

export class ConditionThread {
  readonly #clock: Pick<Clock, 'timer'>;
  readonly #waiting = new Lines<Job>();
  #worker: Worker | null = null;
  #isReady = false;
  #job: Job | null = null;
  #timer: Timer | null = null;
  #isClosed = false;

  constructor(clock: Pick<Clock, 'timer'>) {
    this.#clock = clock;
  }

  /** Rejects with ConditionError. The thread is started with the first one; after `close` it never settles. */
  evaluate(evaluation: Evaluation, userId: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return;
      this.#waiting.add(userId, { evaluation, resolve, reject });
      this.#worker ??= this.#start();
      this.#next();
    });
  }

  async close(): Promise<void> {
    // An answer now would be an end of a step that is due again after the next start.
    this.#isClosed = true;
    this.#timer?.cancel();
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
  }

  #start(): Worker {
    // The same source runs as .ts in development and as .js when built.
    const url = new URL(`./condition-worker${extname(import.meta.url)}`, import.meta.url);
    const worker = new Worker(url, { resourceLimits: LIMITS });
    worker.unref();
    worker.on('message', (reply: ThreadReply) => {
      if (this.#worker === worker) this.#told(reply);
    });
    worker.on('error', (error: NodeJS.ErrnoException) => {
      const isFull = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      if (this.#worker === worker)
        this.#lose(isFull ? 'takes too much memory' : `cannot be evaluated: ${error.message}`);
    });
    worker.on('exit', () => {
      if (this.#worker === worker) this.#lose('cannot be evaluated: its thread has ended');
    });
    return worker;
  }

  #next(): void {
    if (!this.#isReady || this.#job !== null) return;
    const job = this.#waiting.take();
    if (job === undefined) return;
    this.#job = job;
    this.#timer = this.#clock.timer(2 * MAX_WALL_MS + MARGIN_MS, () => {
      const worker = this.#worker;
      this.#lose(`takes longer than ${MAX_EVALUATION_MS} ms`);
      void worker?.terminate();
    });
    try {
      this.#worker?.postMessage(job.evaluation);
    } catch (error) {
      this.#end(job, new ConditionError(`cannot be evaluated: ${(error as Error).message}`));
    }
  }

  #told(reply: ThreadReply): void {
    if (reply.type === 'ready') this.#isReady = true;
    else if (this.#job !== null)
      return this.#end(
        this.#job,
        reply.type === 'value' ? { value: readJson(reply.value) } : new ConditionError(reply.message),
      );
    this.#next();
  }

  #end(job: Job, end: { value: unknown } | Error): void {
    this.#timer?.cancel();
    this.#job = null;
    if ('value' in end) job.resolve(end.value);
    else job.reject(end);
    this.#next();
  }

  /** The thread is of no use any more: another one goes on with what waits. */
  #lose(why: string): void {
    this.#worker = null;
    this.#isReady = false;
    // What cannot even be started is not started for ever: each start costs one of those that wait.
    const job = this.#job ?? this.#waiting.take();
    if (this.#waiting.size > 0) this.#worker = this.#start();
    if (job !== undefined) this.#end(job, new ConditionError(why));
  }
}
