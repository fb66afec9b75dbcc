// What this process knows of the attempts that it runs, beyond what is stored: how far they are, how much they wrote.
import type { OutputTotals, RunningExecution } from '../domain/execution.ts';
import { lastAttemptNumber } from '../domain/execution.ts';
import type { ExecutionId } from '../domain/ids.ts';
import type { LiveStage } from '../domain/lifecycle.ts';
import type { AttemptName, RunningAttempt, StopRequest, Timer } from '../domain/ports.ts';

export interface LiveRun {
  readonly id: ExecutionId;
  readonly name: AttemptName;
  stage: LiveStage;
  pid: number | null;
  startedAt: number | null;
  output: Pick<OutputTotals, 'stdoutBytes' | 'stderrBytes'>;
  attempt: RunningAttempt | null;
  /** Asked for before the attempt was handed to the runner. */
  stop: StopRequest | null;
  totalTimer: Timer | null;
}

export class LiveRuns {
  readonly #runs = new Map<ExecutionId, LiveRun>();
  /** Stops of executions whose claim has been stored but has not been heard of here yet. */
  readonly #early = new Map<ExecutionId, StopRequest>();

  get size(): number {
    return this.#runs.size;
  }

  get(id: ExecutionId): LiveRun | undefined {
    return this.#runs.get(id);
  }

  all(): LiveRun[] {
    return [...this.#runs.values()];
  }

  begin(execution: RunningExecution): LiveRun {
    const { id, runId } = execution;
    const run: LiveRun = {
      id,
      name: { runId, attempt: lastAttemptNumber(execution) },
      stage: 'waiting',
      pid: null,
      startedAt: null,
      output: { stdoutBytes: 0, stderrBytes: 0 },
      attempt: null,
      stop: this.#early.get(id) ?? null,
      totalTimer: null,
    };
    this.#early.delete(id);
    this.#runs.set(id, run);
    return run;
  }

  /** Stops a live execution; the first request wins. */
  stop(id: ExecutionId, request: StopRequest): void {
    const run = this.#runs.get(id);
    if (run === undefined) {
      if (!this.#early.has(id)) this.#early.set(id, request);
      return;
    }
    run.stop ??= request;
    run.attempt?.stop(request);
  }

  end(run: LiveRun): void {
    run.totalTimer?.cancel();
    // A run that was given back to the queue may have been claimed again already.
    if (this.#runs.get(run.id) === run) this.#runs.delete(run.id);
  }
}
