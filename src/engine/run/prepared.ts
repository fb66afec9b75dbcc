// An attempt that begins when something is ready. What it is told meanwhile, it is told when it begins.
import { NO_OUTPUT } from '../../domain/execution/execution.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { AttemptReport, RunningAttempt, StopRequest } from '../../domain/ports/runner.ts';

/**
 * @param prepare why it cannot begin; null when it can
 * @param begin is called once at most
 */
export function prepared(
  prepare: Promise<Outcome | null>,
  begin: () => RunningAttempt,
  now: () => number,
): RunningAttempt {
  let attempt: RunningAttempt | null = null;
  const stops: StopRequest[] = [];
  const ended = prepare.then((outcome): Promise<AttemptReport> => {
    if (outcome !== null) return Promise.resolve(unstarted(outcome, now()));
    attempt = begin();
    for (const stop of stops) attempt.stop(stop);
    return attempt.ended;
  });
  return {
    ended,
    stop(request) {
      if (attempt === null) stops.push(request);
      else attempt.stop(request);
    },
    async extend(attemptMs, idleMs) {
      await prepare;
      return attempt === null ? true : attempt.extend(attemptMs, idleMs);
    },
    get command() {
      return attempt?.command ?? null;
    },
  };
}

function unstarted(outcome: Outcome, endedAt: number): AttemptReport {
  const end = { startedAt: null, endedAt, output: NO_OUTPUT, resources: null, logComplete: true };
  return { type: 'ended', outcome, end, tails: { stdout: '', stderr: '' }, response: null };
}
