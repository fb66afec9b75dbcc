// Parts as the rules take them, and what becomes of a group of them. A new execution travels as its row and a result as
// its text, so that nothing is turned into text in a transaction.
import type { TooMuch } from '../../domain/kept.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type * as ports from '../../domain/ports/group.ts';
import type { AnswerRow, AttemptRow, EventRow, ExecutionRow, LedgerRow, NewRow } from '../rows.ts';
import type { Needs } from './facts.ts';
import type { Cache, StopAsked } from './orders.ts';
import type { WorkingSet } from './working-set.ts';

export type RulePart =
  | Accept
  | Answers
  | Settle
  | ClaimNext
  | Cache
  | StopAsked
  | Beat
  | Drive
  | Exclude<
      ports.Part,
      | ports.AcceptPart
      | ports.AnswersPart
      | ports.SettlePart
      | ports.ClaimNextPart
      | ports.CachePart
      | ports.StopAskedPart
      | ports.BeatPart
      | ports.DrivePart
    >;

/** A claim with the epoch that makes it. */
export type Claim = ports.Claimant & { epoch: number };
export type Beat = ports.BeatPart & { epoch: number };
export type Drive = ports.DrivePart & { epoch: number };
export type ClaimNext = Omit<ports.ClaimNextPart, 'claim'> & { claim: Claim };

export type Accept = Omit<ports.AcceptPart, 'execution' | 'end' | 'claim'> & {
  /** That accepts it. */
  epoch: number;
  claim: Claim | null;
  row: Omit<NewRow, 'created_at' | 'queued_at'>;
  labels: [string, string][];
  end: { outcome: Outcome; result: string | null } | null;
};

/** What is each one's own stands in columns, which are copied faster than objects. */
export interface Answers extends Pick<ports.AnswersPart, 'type' | 'isSilent'> {
  like: AnswerRow;
  labels: [string, string][];
  ids: string[];
  /** As JSON. */
  traces: string[];
  times: number[];
}

export type Settle = Omit<ports.SettlePart, 'result'> & { result: string | null };

export interface RowWithAttempts {
  row: ExecutionRow;
  attempts: readonly AttemptRow[];
  /** Its result is left out here: it is that of the first row of the reply. */
  hasResultOfFirst?: boolean;
}

/** A group that changes nothing, and why. */
export type Undone =
  | { status: 'stale' }
  | {
      status: 'refused';
      reason:
        | FullReason
        | ('key_busy' | 'too_many_open_keys')
        | ('run_gone' | 'not_found' | 'balance_limit')
        | ('signal_exists' | 'too_many_signals' | 'schedule_exists' | 'too_many_schedules')
        | ('key_reused' | 'key_exists' | 'too_many_keys')
        | ('plan_closed' | 'step_exists' | 'step_of_plan');
    }
  | NoCredit
  | { status: 'refused'; reason: 'quota_exceeded'; tooMuch: TooMuch }
  | { status: 'refused'; reason: 'key_replayed' | 'key_gone'; executionId: string }
  | { status: 'refused'; reason: 'run_open'; executionId: string }
  | { status: 'refused'; reason: 'illegal'; current: RowWithAttempts };

export type FullReason = 'queue_full' | 'user_queue_full';

export interface NoCredit {
  status: 'refused';
  reason: 'no_credit';
  needed: number;
  available: number;
}

export type GroupReply = ({ status: 'applied' } & Work) | Undone;

export const STALE: Undone = Object.freeze({ status: 'stale' });
export const NOT_FOUND: Undone = Object.freeze({ status: 'refused', reason: 'not_found' });

/** What a group has changed so far, for its caller. */
export interface Work {
  touched: RowWithAttempts[];
  events: EventRow[];
  entries?: LedgerRow[];
  /** Positions of the first events of answers. */
  answers: number[];
}

/** How one type of part is carried out. It checks before it changes anything, and returns why it is refused. */
export interface Rule<P> {
  /** What the part names; `now` is the time of the batch. */
  needs(part: P, now: number): Needs;
  /** What the facts name that the needs have brought. */
  more?(part: P, set: WorkingSet): Needs;
  apply(part: P, set: WorkingSet, work: Work): Undone | null;
}
