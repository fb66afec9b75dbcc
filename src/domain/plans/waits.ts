// When a wait ends, and with what value: pure. What was sent is stored first; whether that is enough is decided here, as often as
// anybody likes, and always in the same way.
import { hasSteps, isWait } from '../kinds.ts';
import type { ExecutionId } from '../ids.ts';
import type { Outcome } from '../outcome.ts';
import type { AnySpec } from '../spec/any.ts';
import type { PlanSpec, StepSpec } from '../spec/plan.ts';
import type { Approval, WaitSpec } from '../spec/wait.ts';

/** What was sent to a plan, or decided on a wait. */
export interface Signal {
  /** The plan, or the wait. */
  subjectId: ExecutionId;
  /** Unique within the subject. For a decision: the user who made it. */
  id: string;
  /** Of a decision: which. */
  name: string;
  /** The payload; of a decision the comment, or null. */
  value: unknown;
  /** The user who sent it. */
  by: string;
  at: number;
  /** The first wait that has ended by it. A decision is never taken. */
  takenBy: ExecutionId | null;
}

export const DECISIONS = ['approve', 'reject'] as const;
export type Decision = (typeof DECISIONS)[number];

/** Signals that a plan keeps, and decisions that a wait does. */
export const MAX_SIGNALS = 1000;
/** Of the payload of a signal, as JSON. */
export const MAX_SIGNAL_BYTES = 64 * 1024;

/** A wait that was accepted. */
export interface Awaiting {
  spec: AnySpec;
  createdAt: number;
}

export interface WaitEnd {
  outcome: Extract<Outcome, { cause: 'awaited' | 'rejected' | 'wait_expired' }>;
  value: unknown;
  /** The signal that ended it. */
  takes: Signal | null;
}

export type Awaited = 'signal' | 'approval' | 'time';

export function awaitedOf({ spec }: Pick<Awaiting, 'spec'>): Awaited {
  const { signal, approval } = spec as WaitSpec;
  if (signal !== undefined) return 'signal';
  return approval === undefined ? 'time' : 'approval';
}

/** When its time is up, ms since the epoch; null for never. */
export function waitEndsAt({ spec, createdAt }: Awaiting): number | null {
  const { until, delay_ms: delayMs, signal, approval } = spec as WaitSpec;
  if (until !== undefined) return Date.parse(until);
  const afterMs = delayMs ?? signal?.expires_ms ?? approval?.expires_ms;
  return afterMs === undefined ? null : createdAt + afterMs;
}

/** How a wait ends by what was sent so far, the oldest first; null while it goes on. */
export function endOfWait(wait: Awaiting, signals: readonly Signal[], now: number): WaitEnd | null {
  const { signal, approval } = wait.spec as WaitSpec;
  const endsAt = waitEndsAt(wait);
  const isOver = endsAt !== null && now >= endsAt;
  if (approval !== undefined)
    return decided(approval, signals) ?? (isOver ? undecided(approval, signals) : null);
  if (signal === undefined) {
    if (!isOver) return null;
    return { outcome: { cause: 'awaited', by: 'time' }, value: new Date(endsAt).toISOString(), takes: null };
  }
  const sent = signals.find(({ name, takenBy }) => name === signal.name && takenBy === null);
  if (sent !== undefined)
    return { outcome: { cause: 'awaited', by: 'signal' }, value: sent.value, takes: sent };
  if (!isOver) return null;
  if (signal.default !== undefined)
    return { outcome: { cause: 'awaited', by: 'default' }, value: signal.default, takes: null };
  const limitMs = signal.expires_ms as number;
  return { outcome: { cause: 'wait_expired', signal: signal.name, limitMs }, value: null, takes: null };
}

function decided({ required = 1 }: Approval, decisions: readonly Signal[]): WaitEnd | null {
  const seen: Signal[] = [];
  for (const one of decisions) {
    seen.push(one);
    if (one.name === 'reject') {
      const comment = one.value as string | null;
      return approvalEnd({ cause: 'rejected', by: one.by, comment }, seen, false);
    }
    if (seen.length === required) return approvalEnd({ cause: 'awaited', by: 'approval' }, seen, false);
  }
  return null;
}

function undecided({ on_expiry: then = 'reject' }: Approval, decisions: readonly Signal[]): WaitEnd {
  const outcome =
    then === 'approve'
      ? ({ cause: 'awaited', by: 'default' } as const)
      : ({ cause: 'rejected', by: null, comment: null } as const);
  return approvalEnd(outcome, decisions, true);
}

function approvalEnd(outcome: WaitEnd['outcome'], decisions: readonly Signal[], isExpired: boolean): WaitEnd {
  const value = {
    approved: outcome.cause === 'awaited',
    expired: isExpired,
    decisions: decisions.map(({ by, name, value: comment, at }) => ({
      ...{ user: by, decision: name, comment, at: new Date(at).toISOString() },
    })),
  };
  return { outcome, value, takes: null };
}

/** Why it waits, in words. */
export function waitWords({ spec, createdAt }: Awaiting): string {
  const { signal, approval } = spec as WaitSpec;
  const endsAt = waitEndsAt({ spec, createdAt });
  const at = endsAt === null ? null : new Date(endsAt).toISOString();
  if (signal !== undefined) {
    const then = at === null ? '' : ` until ${at}`;
    return `It waits for the signal "${signal.name}"${then}: POST /v1/plans/{id}/signals/${signal.name} sends it.`;
  }
  if (approval === undefined) return `It waits until ${at ?? ''}.`;
  const { required = 1, users } = approval;
  const many = required === 1 ? 'an approval' : `${required} approvals`;
  const who =
    users === undefined ? '' : ` of ${users.slice(0, 5).join(', ')}${users.length > 5 ? ' and others' : ''}`;
  const then =
    at === null
      ? ''
      : `; without one, execd ${approval.on_expiry === 'approve' ? 'approves' : 'rejects'} it at ${at}`;
  return `It waits for ${many}${who}${then}.`;
}

/** The waits for a signal in a plan, and in the plans in it. */
export function waitsFor(name: string, steps: PlanSpec['steps']): NonNullable<WaitSpec['signal']>[] {
  return waitsIn(steps).filter((signal) => signal.name === name);
}

/** Signals that a plan waits for, as often as it does. */
export function waitsIn(steps: PlanSpec['steps']): NonNullable<WaitSpec['signal']>[] {
  return steps.flatMap((step) => {
    if (isWait(step))
      return step.signal === undefined ? [] : [step.signal as NonNullable<WaitSpec['signal']>];
    return hasSteps(step) && Array.isArray(step.steps) ? waitsIn(step.steps as StepSpec[]) : [];
  });
}
