// Tools for what plans wait for: approvals of people, or of an agent that may decide, and signals.
import { z } from 'zod';
import type { Approval } from '../client/index.ts';
import { type McpTool, READS, tool } from './tool.ts';

const plan = z.string().min(1).describe('Id of the plan.');

const shown = ({ plan_id, step, message, user_id, required, decisions, expires_at, state }: Approval) => ({
  ...{ plan_id, step, message, user_id, required, expires_at, state },
  decisions: decisions.map(({ user, decision, comment }) => ({ user, decision, comment })),
});

const listTool = tool({
  name: 'list_approvals',
  title: 'List approvals',
  description: 'Lists the approvals that plans wait for and that this user may decide on.',
  input: z.strictObject({}),
  annotations: READS,
  async run(_none, { client }) {
    const approvals = (await client.plans.approvals()).map(shown);
    const lines = approvals.map(({ plan_id: id, step, message }) => `${id} ${step}: ${message ?? ''}`);
    return {
      content: [{ type: 'text', text: lines.length === 0 ? 'There are none.' : lines.join('\n') }],
      structuredContent: { approvals },
    };
  },
});

const decideTool = tool({
  name: 'decide_approval',
  title: 'Approve or reject',
  description:
    'Approves or rejects a step of a plan that waits for an approval, as this user. A decision cannot be changed. ' +
    'Decide only if the user requested it.',
  input: z.strictObject({
    plan_id: plan,
    step: z.string().min(1).describe('Name of the step.'),
    decision: z.enum(['approve', 'reject']).describe('The decision.'),
    comment: z.string().min(1).max(2000).optional().describe('Why; people and later steps read it.'),
  }),
  annotations: { destructiveHint: true, idempotentHint: true, openWorldHint: false },
  async run({ plan_id: id, step, decision, comment }, { client }) {
    const body = { decision, ...(comment === undefined ? {} : { comment }) };
    const approval = await client.plans.decide(id, step, body);
    const given = approval.decisions.filter((one) => one.decision === 'approve').length;
    const text = `The approval of step ${step} is ${approval.state}: ${given} of ${approval.required} approvals.`;
    return { content: [{ type: 'text', text }], structuredContent: shown(approval) };
  },
});

const signalTool = tool({
  name: 'send_signal',
  title: 'Send a signal to a plan',
  description:
    'Sends a signal to a plan: steps that wait for a signal of this name end with its payload. execd keeps a signal that comes early.',
  input: z.strictObject({
    plan_id: plan,
    name: z.string().min(1).max(100).describe('Name of the signal.'),
    payload: z.unknown().optional().describe('Any JSON value that fits the schema of the signal.'),
  }),
  annotations: { destructiveHint: false, openWorldHint: false },
  async run({ plan_id: id, name, payload }, { client }) {
    const { taken_by: taken } = await client.plans.signal(id, name, payload ?? null);
    const text =
      taken === null ? `No step waits for ${name} yet: execd keeps the signal.` : `A step took ${name}.`;
    return { content: [{ type: 'text', text }], structuredContent: { plan_id: id, name, taken_by: taken } };
  },
});

export const LISTING_APPROVALS: readonly McpTool[] = [listTool];
export const DECIDING_TOOLS: readonly McpTool[] = [decideTool, signalTool];
