// What the terms of a listing stand for, whatever store it is of: the states that an execution may be in, and how it may have
// ended.
import type { Status } from '../domain/execution/execution.ts';
import type { StoredPhase } from '../domain/execution/lifecycle.ts';
import { ERROR_CODES, type ErrorCode } from '../domain/errors.ts';
import { type Cause, CAUSES, CODE_OF_CAUSE } from '../domain/outcome.ts';
import type { ListFilter } from '../domain/ports/store.ts';

const LIVE_PHASES: Record<'pending' | 'running', readonly StoredPhase[]> = {
  pending: ['scheduled', 'awaiting', 'queued', 'scheduled_retry', 'joined'],
  running: ['starting', 'canceling'],
};
const FINAL = ['completed', 'failed', 'cancelled', 'timed_out'] as const satisfies Status[];

export type State = { live: StoredPhase } | { final: (typeof FINAL)[number] };

/** What an execution may be to fit; null when the filter does not say. */
export function statesOf({ status, phase }: ListFilter): State[] | null {
  if (status === undefined && phase === undefined) return null;
  const states: State[] = [];
  for (const [live, phases] of Object.entries(LIVE_PHASES) as ['pending' | 'running', StoredPhase[]][]) {
    if (status !== undefined && !status.includes(live)) continue;
    states.push(...phases.filter((one) => phase?.includes(one) ?? true).map((one) => ({ live: one })));
  }
  if (phase?.includes('done') ?? true)
    states.push(...FINAL.filter((one) => status?.includes(one) ?? true).map((one) => ({ final: one })));
  return states;
}

export interface End {
  cause: Cause;
  /** What decides its code beside the cause: the code itself, or whether it has attempts left (1) or not (0). */
  by: ErrorCode | 0 | 1;
}
/** Of each cause. */
const ENDS = CAUSES.flatMap((cause): (End & { code: ErrorCode })[] =>
  cause === 'imported'
    ? (Object.keys(ERROR_CODES) as ErrorCode[]).map((code) => ({ cause, by: code, code }))
    : [
        { cause, by: 1, code: CODE_OF_CAUSE[cause] },
        { cause, by: 0, code: 'E005' },
      ],
);

/** Ends that are no success and fit; null when the filter does not say. */
export function unsuccessfulOf({ errorCode, cause }: ListFilter): End[] | null {
  if (errorCode === undefined && cause === undefined) return null;
  return ENDS.filter(
    (end) => (cause?.includes(end.cause) ?? true) && (errorCode?.includes(end.code) ?? true),
  );
}
