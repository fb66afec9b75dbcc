// Signals and approvals on the wire.
import { z } from 'zod';
import { DECISIONS } from '../../domain/plans/waits.ts';
import { osString } from '../../domain/spec/spec.ts';
import { ON_EXPIRY } from '../../domain/spec/wait.ts';
import { count, optional, time } from '../edge/schemas.ts';

const planId = z.string().max(1000).describe('Id of the plan.');
export const signalParams = z.strictObject({
  id: planId,
  name: z.string().max(1000).describe('Name of the signal.'),
});
export const plainParams = z.strictObject({ id: planId });
export const approvalParams = z.strictObject({
  id: planId,
  step: z
    .string()
    .max(1000)
    .describe('Name of the step. Of a step of an inner plan: give the id of that plan.'),
});
export const linkParams = z.strictObject({
  token: z.string().max(4000).describe('The secret part of the link.'),
});

const payload = z.unknown().optional().describe('Any JSON value. Default: null.');
export const signalRequest = z.strictObject({ payload }).describe('A signal.');
export const signalBody = optional(signalRequest, 'SignalRequest');

export const signalShown = z
  .strictObject({
    plan_id: z.string().describe('The plan that keeps it: of inner plans, the outermost.'),
    id: z
      .string()
      .describe('Unique with the plan: the Idempotency-Key of the request, or one that execd made.'),
    name: z.string().describe('Name of the signal.'),
    payload: z.unknown().describe('The payload.'),
    by: z.string().describe('The user who sent it.'),
    time: time.describe('When it was stored.'),
    taken_by: z
      .string()
      .nullable()
      .describe('The execution of the first step that ended by it; null while no step waited for it.'),
  })
  .describe('A signal to a plan.');
export const signalList = z
  .strictObject({ items: z.array(signalShown).describe('Oldest first.') })
  .describe('The signals of a plan.');

export const decisionRequest = z
  .strictObject({
    decision: z.enum(DECISIONS).describe('`approve` or `reject`. It cannot be changed later.'),
    comment: osString.min(1).max(2000).optional().describe('The reason, for later steps and readers.'),
  })
  .describe('A decision on an approval.');
export type DecisionRequest = z.output<typeof decisionRequest>;

export const APPROVAL_STATES = ['waiting', 'approved', 'rejected', 'ended'] as const;
const decision = z.strictObject({
  user: z.string().describe('The user who decided.'),
  decision: z.enum(DECISIONS).describe('The decision.'),
  comment: z.string().nullable().describe('Why; null if they gave no comment.'),
  time: time.describe('When.'),
});
export const approvalShown = z
  .strictObject({
    plan_id: z.string().describe('The plan.'),
    step: z.string().describe('The step that waits.'),
    execution_id: z.string().describe('The execution of the step.'),
    state: z
      .enum(APPROVAL_STATES)
      .describe('`waiting`: it needs decisions. `ended`: its plan was cancelled before there were enough.'),
    message: z.string().nullable().describe('The question.'),
    description: z.string().nullable().describe('The description of the plan.'),
    user_id: z.string().describe('The user of the plan.'),
    users: z.array(z.string()).nullable().describe('Users who may decide; null: the user of the plan.'),
    required: count.describe('Number of approvals that the step needs.'),
    four_eyes: z.boolean().describe('Whether the user of the plan may not decide.'),
    expires_at: time.nullable().describe('When its time is up; null: never.'),
    on_expiry: z.enum(ON_EXPIRY).describe('The decision at the expiry.'),
    decisions: z.array(decision).describe('Decisions so far, the oldest first.'),
  })
  .describe('An approval that a step of a plan waits for.');
export type ApprovalWire = z.infer<typeof approvalShown>;
export const approvalList = z
  .strictObject({ items: z.array(approvalShown).describe('At most 100, the oldest first.') })
  .describe('Approvals that wait for your decision.');

/** How long links are good, seconds. */
const MAX_LINK_S = 30 * 24 * 3600;
export const linksRequest = z
  .strictObject({
    expires_s: z
      .int()
      .min(60)
      .max(MAX_LINK_S)
      .optional()
      .describe(
        'How long they can be used, seconds. Default: a day. They end with the approval at the latest.',
      ),
  })
  .describe('Links for a decision.');
export const linksBody = optional(linksRequest, 'LinksRequest');
export const DEFAULT_LINK_S = 24 * 3600;
export const linksShown = z
  .strictObject({
    approve: z.string().describe('Opens a page with a button that approves.'),
    reject: z.string().describe('Opens a page with a button that rejects.'),
    user: z.string().describe('The user as whom the links decide: you.'),
    expires: time.describe('When they expire.'),
  })
  .describe('One-time links. Anyone who opens one can decide, in the name of the user who requested it.');

/** What stands under its own name in the OpenAPI document. */
export function waitComponents(): Record<string, z.ZodType> {
  return {
    SignalRequest: signalRequest,
    Signal: signalShown,
    SignalList: signalList,
    DecisionRequest: decisionRequest,
    Decision: decision,
    Approval: approvalShown,
    ApprovalList: approvalList,
    LinksRequest: linksRequest,
    DecisionLinks: linksShown,
  };
}
