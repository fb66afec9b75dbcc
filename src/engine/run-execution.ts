// The life of one attempt in the engine, as a list: it becomes visible as live, its clock is set, it is started, its
// end is awaited and concluded, the end is stored, and what it held is given back.
import type { Execution, OutputTotals, Result, RunningExecution } from '../domain/execution.ts';
import { lastAttemptNumber } from '../domain/execution.ts';
import type { ExecutionId } from '../domain/ids.ts';
import type { Outcome, ResultError } from '../domain/outcome.ts';
import type {
  AttemptReport,
  AttemptStart,
  Clock,
  Command,
  Group,
  Journal,
  Log,
  RunningAttempt,
  Runner,
  SettlePart,
} from '../domain/ports.ts';
import { interruptedGroup } from './interrupted.ts';
import type { LiveRun, LiveRuns } from './live-runs.ts';
import type { EnginePolicy } from './policy.ts';
import type { Scheduler } from './scheduler.ts';
import type { Waiters } from './waiters.ts';
import type { WriteBehind } from './write-behind.ts';

export interface RunDeps {
  policy: EnginePolicy;
  clock: Clock;
  log: Log;
  runner: Runner;
  journal: Journal;
  live: LiveRuns;
  scheduler: Scheduler;
  writeBehind: WriteBehind;
  /** Woken when a live attempt has written something or has moved on. */
  growth: Waiters;
  toCommand(execution: RunningExecution): Command;
  /** The stored state of an execution. */
  current(id: ExecutionId): Promise<Execution | null>;
  /** Aborts when the engine gives up; what is not stored then will be found by the next recovery. */
  signal: AbortSignal;
}

/** Standard output that is parsed as a result may have so many bytes. */
export const MAX_RESULT_BYTES = 1024 * 1024;
const SETTLE_RETRY_MS = [100, 500, 2000, 5000];

/** Carries a claimed execution through one attempt. Never rejects; gives the slot back at its end. */
export async function runExecution(execution: RunningExecution, deps: RunDeps): Promise<void> {
  const began = deps.clock.monotonic();
  const run = deps.live.begin(execution);
  armTotalClock(run, execution, deps);
  const attempt = launch(run, execution, deps);
  const report = await attempt.ended;
  run.stage = 'ended';
  await settle(run, () => conclude(run, execution, report, deps), deps);
  deps.scheduler.noteDuration(deps.clock.monotonic() - began);
}

/** Gives a claimed execution back to the queue, without having handed it to the runner; its slot too. Never rejects. */
export async function giveBack(execution: RunningExecution, deps: RunDeps): Promise<void> {
  const run = deps.live.begin(execution);
  const unstarted: AttemptReport = { type: 'interrupted', detail: 'shutdown', isStarted: false };
  await settle(run, () => conclude(run, execution, unstarted, deps), deps);
}

function armTotalClock(run: LiveRun, execution: RunningExecution, deps: RunDeps): void {
  const { totalMs } = execution.timeouts;
  if (totalMs !== null) setTotalClock(run, execution.createdAt + totalMs, totalMs, deps);
}

/** Sets, or moves, the limit of the whole execution. */
export function setTotalClock(
  run: LiveRun,
  dueAt: number,
  limitMs: number,
  deps: Pick<RunDeps, 'clock' | 'live'>,
): void {
  run.totalTimer?.cancel();
  run.totalTimer = deps.clock.timer(Math.max(0, dueAt - deps.clock.now()), () => {
    deps.live.stop(run.id, { cause: 'total_timeout', limitMs });
  });
}

function launch(run: LiveRun, execution: RunningExecution, deps: RunDeps): RunningAttempt {
  const { timeouts, outputPolicy } = execution;
  const start: AttemptStart = {
    ...run.name,
    command: deps.toCommand(execution),
    keepBytes: outputPolicy.maxBytes,
    failOnLimit: outputPolicy.oversized === 'fail',
    attemptMs: timeouts.attemptMs,
    idleMs: timeouts.idleMs,
    graceMs: deps.policy.graceMs,
  };
  const attempt = deps.runner.run(start, {
    started(pid, at) {
      Object.assign(run, { stage: 'running', pid, startedAt: at });
      noteProgress(run, deps, true);
    },
    growth({ stdoutBytes, stderrBytes }) {
      run.output = { stdoutBytes, stderrBytes };
      noteProgress(run, deps, false);
    },
  });
  run.attempt = attempt;
  if (run.stop !== null) attempt.stop(run.stop);
  return attempt;
}

function noteProgress(run: LiveRun, deps: RunDeps, isFirst: boolean): void {
  const { id, name, startedAt, output } = run;
  if (startedAt !== null) {
    // What is kept is known at the end; until then the counters say what was written.
    const kept = { stdoutKeptBytes: 0, stderrKeptBytes: 0, records: 0, truncated: false };
    const part = { executionId: id, attempt: name.attempt, startedAt, output: { ...output, ...kept } };
    deps.writeBehind.note({ type: 'progress', ...part }, isFirst);
  }
  deps.growth.notify(id);
}

/** Makes the group that ends the attempt. */
async function conclude(
  run: LiveRun,
  execution: RunningExecution,
  report: AttemptReport,
  deps: RunDeps,
): Promise<Group> {
  if (report.type === 'interrupted') {
    // It may have been cancelled since it was claimed: then it must not go back to the queue.
    const current = await deps.current(execution.id);
    const { isStarted, detail } = report;
    const interruption = { mayBeUnstarted: !isStarted, startedAt: run.startedAt, detail };
    return interruptedGroup(current?.status === 'running' ? current : execution, interruption, deps);
  }
  const { outcome, result } = await withResult(execution, report, deps);
  const settle: SettlePart = {
    type: 'settle',
    executionId: execution.id,
    attempt: lastAttemptNumber(execution),
    outcome,
    result,
    at: deps.clock.now(),
    end: report.end,
  };
  return [settle];
}

/** The result that the client asked for: parsed output, or the end of each stream. */
async function withResult(
  execution: RunningExecution,
  report: Extract<AttemptReport, { type: 'ended' }>,
  deps: RunDeps,
): Promise<{ outcome: Outcome; result: Result }> {
  const { outcome, end, tails } = report;
  const tailsResult: Result = end.startedAt === null ? null : { type: 'tails', ...tails };
  const isWanted =
    execution.spec.output?.parse === 'json' && outcome.cause === 'exited' && outcome.exitCode === 0;
  if (!isWanted) return { outcome, result: tailsResult };
  const parsed = await parseOutput(execution, end.output, deps);
  if ('value' in parsed) return { outcome, result: { type: 'json', value: parsed.value } };
  return { outcome: { ...outcome, resultError: parsed.error }, result: tailsResult };
}

async function parseOutput(
  execution: RunningExecution,
  output: OutputTotals,
  deps: Pick<RunDeps, 'journal' | 'log'>,
): Promise<{ value: unknown } | { error: ResultError }> {
  if (output.truncated || output.stdoutBytes > MAX_RESULT_BYTES) return { error: 'output_too_large' };
  const log = await deps.journal.open({ runId: execution.runId, attempt: lastAttemptNumber(execution) });
  if (log === null) return { error: 'output_not_json' };
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true });
    let text = '';
    for await (const { stream, bytes } of log.read(0)) {
      if (stream === 'stdout') text += decoder.decode(bytes, { stream: true });
    }
    return { value: JSON.parse(text + decoder.decode()) as unknown };
  } catch (error) {
    deps.log.debug({ err: error, execution_id: execution.id }, 'The output is not JSON');
    return { error: 'output_not_json' };
  } finally {
    await log.close();
  }
}

/** Stores the end, however often it takes, and gives back what the attempt held. */
async function settle(run: LiveRun, makeGroup: () => Promise<Group>, deps: RunDeps): Promise<void> {
  for (let tries = 0; !deps.signal.aborted; tries++) {
    try {
      const group = await makeGroup();
      deps.writeBehind.drop(run.id);
      const { status } = await deps.scheduler.claimWith(group);
      // Refused: the execution has moved on while the group was made, and another group is due.
      if (status !== 'refused') break;
    } catch (error) {
      const waitMs = SETTLE_RETRY_MS[Math.min(tries, SETTLE_RETRY_MS.length - 1)] as number;
      deps.log.warn(
        { err: error, execution_id: run.id, wait_ms: waitMs },
        'An end could not be stored; tried again',
      );
      await deps.clock.sleep(waitMs, deps.signal).catch(() => undefined);
    }
  }
  deps.live.end(run);
  deps.growth.notify(run.id);
}
