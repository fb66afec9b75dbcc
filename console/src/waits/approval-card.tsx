// An approval: what is to be decided, by whom, what was decided so far, and the decision of whoever looks at it.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import type { Approval, DecisionRequest } from '../../../src/client/types.ts';
import { useCan, useExecd, useMe } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { Problem } from '../ui/states.tsx';
import { Ago } from '../ui/time.tsx';
import { fullTime, plural, timeOfDay } from '../words/format.ts';
import { whyNot } from './may-decide.ts';

const MAX_COMMENT = 2000;
const TONES = { waiting: 'running', approved: 'completed', rejected: 'failed', ended: 'cancelled' } as const;

export const approvalsKey = ['approvals'] as const;

export function ApprovalCard({ approval, isInPlan = false }: { approval: Approval; isInPlan?: boolean }) {
  const { plan_id: plan, step, state, message, description, user_id: user, decisions } = approval;
  return (
    <article className="approval" aria-label={`Approval ${step}`}>
      <header>
        <span className={`tag tone-${TONES[state]}`}>{state}</span>
        <h2>{message ?? `Step ${step} waits for an approval`}</h2>
      </header>
      {!isInPlan && (
        <p className="facts">
          <Link href={`/plans/${plan}?step=${encodeURIComponent(step)}`}>{description ?? 'its plan'}</Link>
          <span>step {step}</span>
          <span>of {user}</span>
        </p>
      )}
      <Rules approval={approval} />
      {decisions.length > 0 && (
        <ul className="decisions" aria-label="Decisions so far">
          {decisions.map(({ user: by, decision, comment, time }) => (
            <li key={by}>
              <span className={`tag tone-${decision === 'approve' ? 'completed' : 'failed'}`}>
                {decision === 'approve' ? 'approved' : 'rejected'}
              </span>{' '}
              <strong>{by}</strong> <time title={fullTime(time)}>{timeOfDay(time)}</time>
              {comment !== null && <span className="hint"> “{comment}”</span>}
            </li>
          ))}
        </ul>
      )}
      {state === 'waiting' && <Decide approval={approval} />}
    </article>
  );
}

/** Who may decide, how many it takes, and until when. */
function Rules({ approval }: { approval: Approval }) {
  const { required, decisions, users, user_id: user, four_eyes: fourEyes } = approval;
  const { expires_at: expires, on_expiry: onExpiry, state } = approval;
  const given = decisions.filter(({ decision }) => decision === 'approve').length;
  return (
    <p className="facts">
      <span>
        {given} of {plural(required, 'approval')}
      </span>
      <span>by {(users ?? [user]).join(', ')} or an administrator</span>
      {fourEyes && <span className="tag">four eyes: not by {user}</span>}
      {expires !== null && state === 'waiting' && (
        <span title={fullTime(expires)}>
          counts as {onExpiry === 'approve' ? 'approved' : 'rejected'} at {fullTime(expires)}
        </span>
      )}
      {expires === null && decisions[0] !== undefined && (
        <span>
          first decision <Ago time={decisions[0].time} />
        </span>
      )}
    </p>
  );
}

function Decide({ approval }: { approval: Approval }) {
  const execd = useExecd();
  const queries = useQueryClient();
  const me = useMe();
  const canSubmit = useCan('submit');
  const [comment, setComment] = useState('');
  const decide = useMutation({
    mutationFn: (decision: DecisionRequest['decision']) =>
      execd.plans.decide(approval.plan_id, approval.step, {
        decision,
        ...(comment.trim() !== '' && { comment: comment.trim() }),
      }),
    onSettled: () => queries.invalidateQueries(),
  });
  const reason = canSubmit ? whyNot(approval, me) : 'This key may not decide: it lacks the scope “submit”.';
  if (reason !== null) return <p className="hint">{reason}</p>;
  return (
    <>
      <label className="field">
        <span>Comment (optional; later steps can read it)</span>
        <input value={comment} maxLength={MAX_COMMENT} onChange={({ target }) => setComment(target.value)} />
      </label>
      <Problem error={decide.error} />
      <div className="actions">
        <Button look="main" icon="check" disabled={decide.isPending} onClick={() => decide.mutate('approve')}>
          Approve
        </Button>
        <Button
          look="danger"
          icon="close"
          disabled={decide.isPending}
          onClick={() => decide.mutate('reject')}
        >
          Reject
        </Button>
      </div>
    </>
  );
}
