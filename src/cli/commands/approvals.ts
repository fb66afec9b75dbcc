// `execd approvals`, `execd approve`, `execd reject` and `execd plan signal`: what plans wait for.
import type { Command } from 'commander';
import { given } from '../../client/calls.ts';
import type { Approval } from '../../client/index.ts';
import { usage } from '../exits.ts';
import type { Session } from '../session.ts';
import { type Column, table } from '../table.ts';

export function approvalCommands(program: Command, session: Session): void {
  program
    .command('approvals')
    .summary('list approvals that wait for your decision')
    .action(() => list(session));
  for (const decision of ['approve', 'reject'] as const)
    program
      .command(decision)
      .summary(`${decision} a step of a plan`)
      .argument('<plan>', 'the id of the plan, or the beginning of one of yours')
      .argument('<step>', 'the name of the step')
      .option('-m, --comment <text>', 'why')
      .action((plan: string, step: string, { comment }: { comment?: string }) =>
        decide(session, plan, step, given({ decision, comment })),
      );
}

export function signalCommand(plan: Command, session: Session): void {
  plan
    .command('signal')
    .summary('send a signal to a plan')
    .argument('<id>')
    .argument('<name>')
    .option('--payload <json>', 'the payload, as JSON')
    .action((id: string, name: string, { payload }: { payload?: string }) =>
      signal(session, id, name, payload),
    );
}

async function list({ client, terminal, isJson }: Session): Promise<void> {
  const approvals = await client.plans.approvals();
  if (isJson) return terminal.json(approvals);
  const columns: Column<Approval>[] = [
    { name: 'PLAN', value: (one) => one.plan_id },
    { name: 'STEP', value: (one) => one.step },
    { name: 'USER', value: (one) => one.user_id },
    { name: 'UNTIL', value: (one) => one.expires_at ?? '' },
    { name: 'MESSAGE', value: (one) => one.message ?? '', isOpen: true },
  ];
  await terminal.line(table(terminal.out, columns, approvals));
}

async function decide(
  session: Session,
  plan: string,
  step: string,
  body: { decision: 'approve' | 'reject'; comment?: string },
): Promise<void> {
  const { client, terminal, isJson } = session;
  // Of another user's plan only the whole id is known.
  const id = plan.length === WHOLE_ID ? plan : await session.idOf(plan);
  const approval: Approval = await client.plans.decide(id, step, body);
  if (isJson) return terminal.json(approval);
  const { decisions, required, state } = approval;
  await terminal.line(
    state === 'waiting' ? `${step}: ${decisions.length} of ${required}` : `${step}: ${state}`,
  );
}
const WHOLE_ID = 36;

async function signal(session: Session, id: string, name: string, text: string | undefined): Promise<void> {
  let payload: unknown = null;
  try {
    if (text !== undefined) payload = JSON.parse(text);
  } catch (error) {
    throw usage(`--payload must be JSON: ${(error as Error).message}`);
  }
  const sent = await session.client.plans.signal(await session.idOf(id), name, payload);
  if (session.isJson) return session.terminal.json(sent);
  await session.terminal.line(`${name}: sent`);
}
