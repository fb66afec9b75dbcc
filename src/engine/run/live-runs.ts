// What this process knows of the attempts that it runs, beyond what is stored: how far they are, how much they wrote.
import type { OutputTotals, RunningExecution } from '../../domain/execution/execution.ts';
import { lastAttemptNumber } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { LiveStage } from '../../domain/execution/lifecycle.ts';
import { ProgressLines } from '../../domain/progress-lines.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { AttemptName, RunningAttempt, StopRequest } from '../../domain/ports/runner.ts';

export interface LiveRun {
  /** The run; its executions may come and go. */
  readonly id: ExecutionId;
  readonly name: AttemptName;
  stage: LiveStage;
  pid: number | null;
  startedAt: number | null;
  /** The longest that its processes may take to end once they are told to, milliseconds. */
  graceMs: number;
  output: Pick<OutputTotals, 'stdoutBytes' | 'stderrBytes'>;
  /** When its attempt has shown last that it does something, on the monotonic clock. */
  aliveAt: number;
  /** What its attempt has said on its descriptor for progress. */
  readonly progress: ProgressLines;
  attempt: RunningAttempt | null;
  /** Asked for before the attempt was handed to the runner. */
  stop: StopRequest | null;
  /** Of its attempt, once that is known. */
  privateDir: string | null;
}

export class LiveRuns {
  readonly #runs = new Map<ExecutionId, LiveRun>();
  /** Stops of runs whose claim has been stored but has not been heard of here yet. */
  readonly #early = new Map<ExecutionId, StopRequest>();

  get size(): number {
    return this.#runs.size;
  }

  get(id: ExecutionId): LiveRun | undefined {
    return this.#runs.get(id);
  }

  /** Bytes that an attempt has written as far as is known here; null when it does not run here. */
  written({ runId, attempt }: AttemptName): number | null {
    const run = this.#runs.get(runId);
    return run?.name.attempt === attempt ? run.output.stdoutBytes + run.output.stderrBytes : null;
  }

  all(): LiveRun[] {
    return [...this.#runs.values()];
  }

  /** How long the one that started first has been running, milliseconds; 0 when none has started. */
  oldestMs(clock: Pick<Clock, 'now' | 'between'>): number {
    let oldest: number | null = null;
    for (const { startedAt } of this.#runs.values())
      if (startedAt !== null && (oldest === null || startedAt < oldest)) oldest = startedAt;
    return oldest === null ? 0 : Math.max(0, clock.between(oldest, clock.now()));
  }

  /** @param now of the monotonic clock */
  begin(execution: RunningExecution, now: number): LiveRun {
    const { runId } = execution;
    const run: LiveRun = {
      id: runId,
      name: { runId, attempt: lastAttemptNumber(execution) },
      stage: 'waiting',
      pid: null,
      privateDir: null,
      startedAt: null,
      graceMs: execution.stop?.graceMs ?? 0,
      output: { stdoutBytes: 0, stderrBytes: 0 },
      aliveAt: now,
      progress: new ProgressLines(),
      attempt: null,
      stop: this.#early.get(runId) ?? null,
    };
    this.#early.delete(runId);
    this.#runs.set(runId, run);
    return run;
  }

  /**
   * Stops a run that this engine holds; the first request wins, a later one can make the grace shorter. One whose claim is
   * stored, but has not come back yet, is stopped as soon as it begins.
   */
  stop(id: ExecutionId, request: StopRequest): void {
    const run = this.#runs.get(id);
    if (run === undefined) {
      if (!this.#early.has(id)) this.#early.set(id, request);
      return;
    }
    run.stop ??= request;
    if (request.cause === 'cancelled') run.graceMs = Math.max(run.graceMs, request.graceMs ?? 0);
    run.attempt?.stop(request);
  }

  end(run: LiveRun): void {
    // A run that was given back to the queue may have been claimed again already.
    if (this.#runs.get(run.id) === run) this.#runs.delete(run.id);
  }
}
