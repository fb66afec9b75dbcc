// Approvals as clients get them, and as the page of a link shows them.
import { endOfWait } from '../../domain/plans/waits.ts';
import { isFinished } from '../../domain/execution/execution.ts';
import type { Signal } from '../../domain/plans/waits.ts';
import type { ApprovalView } from '../../engine/engine.ts';
import { isoOrNull, isoTime } from '../edge/times.ts';
import type { z } from 'zod';
import type { ApprovalWire, signalShown } from './wait-schemas.ts';

export function toSignalWire(signal: Signal): z.infer<typeof signalShown> {
  const { subjectId, id, name, value, by, at, takenBy } = signal;
  return { plan_id: subjectId, id, name, payload: value, by, time: isoTime(at), taken_by: takenBy };
}

export function toApprovalWire(view: ApprovalView, now: number): ApprovalWire {
  const { wait, plan, step, approval, decisions, expiresAt } = view;
  return {
    ...{ plan_id: plan.id, step, execution_id: wait.id, state: stateOf(view, now) },
    ...{ message: approval.message ?? null, description: plan.spec.description ?? null },
    ...{ user_id: plan.userId, users: approval.users ?? null, required: approval.required ?? 1 },
    ...{ four_eyes: approval.four_eyes ?? false, expires_at: isoOrNull(expiresAt) },
    on_expiry: approval.on_expiry ?? 'reject',
    decisions: decisions.map(({ by, name, value, at }) => ({
      user: by,
      decision: name as 'approve' | 'reject',
      comment: value as string | null,
      time: isoTime(at),
    })),
  };
}

/** By what was decided: that the step has ended by it may follow a moment later. */
function stateOf({ wait, decisions }: ApprovalView, now: number): ApprovalWire['state'] {
  const outcome = isFinished(wait) ? wait.outcome : endOfWait(wait, decisions, now)?.outcome;
  if (outcome === undefined) return 'waiting';
  if (outcome.cause === 'awaited') return 'approved';
  return outcome.cause === 'rejected' ? 'rejected' : 'ended';
}

const HTML: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (char) => HTML[char] ?? char);

/** A page that decides by a button only: programs that look at links in messages must decide nothing. */
export function approvalPage(approval: ApprovalWire, asked: { decision: string; user: string }): string {
  const { message, description, plan_id: planId, step, state, user_id: user } = approval;
  const facts = [
    ['Plan', description === null ? planId : `${description} (${planId})`],
    ['Step', step],
    ['User of the plan', user],
    ...(approval.expires_at === null ? [] : [['Until', approval.expires_at]]),
  ];
  const rows = facts.map(([name, value]) => `<dt>${escaped(name ?? '')}<dd>${escaped(value ?? '')}`).join('');
  const verb = asked.decision === 'approve' ? 'Approve' : 'Reject';
  const has = approval.decisions.find((one) => one.user === asked.user);
  const below =
    state !== 'waiting'
      ? `<p>It is over: ${escaped(state)}.`
      : has === undefined
        ? `<form method="post"><button>${verb} as ${escaped(asked.user)}</button></form>`
        : `<p>${escaped(asked.user)} has decided: ${has.decision}. It waits for others.`;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${verb} ${escaped(step)}</title><h1>${escaped(message ?? `${verb} ${step}?`)}</h1><dl>${rows}</dl>${below}</html>
`;
}
