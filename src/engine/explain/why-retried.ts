// What became of each attempt: whether execd retried it, and by which rule. Derived from the record, as the decision was.
import type { NotRetried } from '../../domain/execution/explained.ts';
import type { Attempt, Execution } from '../../domain/execution/execution.ts';
import { isFinished } from '../../domain/execution/execution.ts';
import { type Cause, judge, type Outcome } from '../../domain/outcome.ts';
import { isRetried } from '../policies/retry.ts';

export interface WhyRetried {
  number: number;
  cause: Cause | null;
  message: string | null;
  isRetried: boolean;
  /** Why there was no further attempt; null where there was one, and while it runs. */
  whyNot: NotRetried | null;
  words: string;
  /** Between its end and the next claim, milliseconds; null where there is no next one yet. */
  waitMs: number | null;
}

export function whyRetried(execution: Execution): WhyRetried[] {
  return execution.attempts.map((attempt, i) => oneOf(execution, attempt, execution.attempts[i + 1]));
}

function oneOf(execution: Execution, attempt: Attempt, next: Attempt | undefined): WhyRetried {
  const { number, outcome, endedAt } = attempt;
  const message = outcome === null ? null : (judge(outcome).error?.message ?? null);
  const facts = { number, cause: outcome?.cause ?? null, message };
  if (outcome === null) {
    const isLive = endedAt === null && execution.status === 'running' && next === undefined;
    if (isLive) return { ...facts, isRetried: false, whyNot: null, words: 'It runs.', waitMs: null };
    const words = 'execd gave it back to the queue before it had started. This does not count as an attempt.';
    return { ...facts, isRetried: false, whyNot: 'not_started', words, waitMs: null };
  }
  if (next !== undefined || execution.phase === 'scheduled_retry' || execution.phase === 'queued') {
    const waitMs = next === undefined || endedAt === null ? null : Math.max(0, next.claimedAt - endedAt);
    return { ...facts, isRetried: true, whyNot: null, words: retriedWords(execution, outcome), waitMs };
  }
  // The outcome of the execution says more than that of its last attempt: what was used up.
  const final = isFinished(execution) ? execution.outcome : outcome;
  const whyNot = whyNotRetried(execution, outcome, final);
  return { ...facts, isRetried: false, whyNot, words: WORDS[whyNot](execution), waitMs: null };
}

function retriedWords({ retry }: Execution, outcome: Outcome): string {
  const by = retry?.retryOn == null ? 'without retry_on, execd retries this cause' : 'retry_on names it';
  return `execd retried it: ${by} (${outcome.cause}), and attempts were left.`;
}

function whyNotRetried(execution: Execution, outcome: Outcome, final: Outcome): NotRetried {
  const { retry, retrySafe } = execution;
  const { status } = judge(outcome);
  if (status === 'completed') return 'completed';
  if (status === 'cancelled' || judge(final).status === 'cancelled') return 'cancelled';
  if (final.exhausted?.by === 'attempts') return 'attempts_used';
  if (final.exhausted?.by === 'budget') return 'budget_used';
  if (retry === null) return 'no_retry_block';
  if (final.cause === 'total_timeout' || final.cause === 'queue_timeout') return 'clock_over';
  if (final.cause === 'circuit_open') return 'circuit_open';
  if (outcome.cause === 'lost' && !retrySafe) return 'not_retry_safe';
  if (!isRetried(execution, outcome)) return retry.retryOn === null ? 'not_helped' : 'not_in_retry_on';
  return 'one_attempt';
}

const WORDS: Record<NotRetried, (execution: Execution) => string> = {
  completed: () => 'It completed: there was nothing to retry.',
  no_retry_block: () => 'The request has no retry block, so execd makes one attempt.',
  one_attempt: () => 'retry.attempts is 1.',
  attempts_used: ({ retry }) => `All attempts are used: retry.attempts is ${retry?.attempts ?? 1}.`,
  budget_used: () =>
    'The retry budget of the operation is used up: too many of its executions needed retries lately.',
  cancelled: () => 'execd does not retry a cancelled execution.',
  clock_over: () =>
    'timeouts.total_ms and timeouts.queue_ms limit the whole execution, so nothing is retried after them.',
  circuit_open: () => 'The circuit was open when the next attempt was to start.',
  not_retry_safe: () => 'The attempt was lost, and the request does not have "retry_safe": true.',
  not_in_retry_on: () => 'retry.retry_on does not name this cause.',
  not_helped: () =>
    'The same attempt would end in the same way, so execd does not retry it. To retry it anyway, name it in retry.retry_on.',
  not_started: () => 'It was not started.',
};
