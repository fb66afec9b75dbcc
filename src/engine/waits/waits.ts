// What callers do with waits: send signals to plans, read approvals, decide. Each is stored before it is answered.
import { hasSteps, isWait } from '../../domain/kinds.ts';
import { actingUser, type Caller } from '../../domain/spec/access.ts';
import { quoted, RefusedError } from '../../domain/errors.ts';
import { type Execution, isFinished } from '../../domain/execution/execution.ts';
import { type ExecutionId, isExecutionId } from '../../domain/ids.ts';
import {
  type Decision,
  MAX_SIGNAL_BYTES,
  MAX_SIGNALS,
  type Signal,
  waitEndsAt,
  waitsFor,
  waitsIn,
} from '../../domain/plans/waits.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { Group, GroupResult } from '../../domain/ports/group.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { PlanSpec } from '../../domain/spec/plan.ts';
import type { Approval, WaitSpec } from '../../domain/spec/wait.ts';
import { stored } from '../refusals.ts';
import { type LiveWaits, outermost } from './live-waits.ts';

/** What a payload has against its schema; null when nothing. Throws what the schema itself has against it. */
export type PayloadCheck = (schema: Readonly<Record<string, unknown>>, value: unknown) => string | null;

export interface WaitsDeps {
  store: Pick<Store, 'get' | 'stepId' | 'signals'>;
  clock: Clock;
  live: LiveWaits;
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
  checkOpen: () => void;
  /** @throws RefusedError when the caller submits too often */
  checkRate: (caller: Caller) => void;
  checkPayload: PayloadCheck;
  own: (caller: Caller, id: ExecutionId) => Promise<Execution>;
}

/** An approval with what was decided so far. */
export interface ApprovalView {
  wait: Execution;
  plan: Execution & { spec: PlanSpec };
  step: string;
  approval: Approval;
  decisions: readonly Signal[];
  expiresAt: number | null;
}

/** A decision by a link, which names its user. */
export interface LinkClaims {
  executionId: ExecutionId;
  user: string;
  decision: Decision;
  expiresAt: number;
}

export class Waits {
  readonly #deps: WaitsDeps;

  constructor(deps: WaitsDeps) {
    this.#deps = deps;
  }

  /**
   * Sends a signal. Whatever waits for it ends by it; if nothing does, it is kept for the next that waits.
   *
   * @param id of the caller's choice: a second signal with it is the first one
   * @throws RefusedError
   */
  async signal(
    caller: Caller,
    planId: ExecutionId,
    { name, value, id }: Pick<Signal, 'name' | 'value' | 'id'>,
  ): Promise<{ signal: Signal; isReplay: boolean }> {
    const { checkOpen, checkRate, own, store, live } = this.#deps;
    checkOpen();
    checkRate(caller);
    const asked = await own(caller, planId);
    const subjectId = await stored(outermost(asked, store));
    const plan = subjectId === asked.id ? asked : await own(caller, subjectId);
    if (!hasSteps(plan.spec)) throw new RefusedError('not_found', `The execution ${planId} is not a plan.`);
    this.#checkSignal(plan.spec, name, value);
    const at = this.#deps.clock.now();
    const by = actingUser(caller) ?? caller.userId;
    const signal: Signal = { subjectId, id, name, value, by, at, takenBy: null };
    const result = await this.#put(signal);
    if (result?.status === 'refused' && result.reason === 'signal_exists') {
      const known = (await stored(store.signals(subjectId))).find((one) => one.id === id);
      if (known?.name === name && JSON.stringify(known.value) === JSON.stringify(value))
        return { signal: known, isReplay: true };
      throw new RefusedError(
        'idempotency_key_reused',
        'This Idempotency-Key was used with a different signal. Use a new key.',
      );
    }
    if (result?.status !== 'applied') throw notTaken(result, plan);
    await live.sent(signal);
    return { signal, isReplay: false };
  }

  /** What was sent to a plan, oldest first. */
  async signals(caller: Caller, planId: ExecutionId): Promise<Signal[]> {
    const asked = await this.#deps.own(caller, planId);
    if (!hasSteps(asked.spec)) throw new RefusedError('not_found', `The execution ${planId} is not a plan.`);
    return stored(this.#deps.store.signals(await stored(outermost(asked, this.#deps.store))));
  }

  #checkSignal({ steps }: PlanSpec, name: string, value: unknown): void {
    const found = waitsFor(name, steps);
    if (found.length === 0) {
      const names = [...new Set(waitsIn(steps).map((one) => one.name))];
      const others =
        names.length === 0 ? 'It waits for none.' : `It waits for ${names.slice(0, 10).join(', ')}.`;
      throw new RefusedError(
        'signal_not_awaited',
        `The plan has no step that waits for the signal ${quoted(name)}. ${others}`,
      );
    }
    if (Buffer.byteLength(JSON.stringify(value)) > MAX_SIGNAL_BYTES) {
      const detail = `The payload of a signal may have at most ${MAX_SIGNAL_BYTES} bytes as JSON. Pass large values in an upload.`;
      throw new RefusedError('body_too_large', detail);
    }
    for (const { schema } of found) {
      const problem = schema === undefined ? null : this.#deps.checkPayload(schema, value);
      if (problem === null) continue;
      const detail = `The payload does not fit the schema of the signal ${quoted(name)}: ${problem}`;
      throw new RefusedError('validation', detail, { fields: [{ field: '', message: problem }] });
    }
  }

  /**
   * An approval that the caller may see: of an own plan, or one that they may decide on.
   *
   * @throws RefusedError `approval_not_found`
   */
  async approval(caller: Caller, planId: ExecutionId, step: string): Promise<ApprovalView> {
    const { store } = this.#deps;
    const id = isExecutionId(planId) ? await stored(store.stepId(planId, step)) : null;
    const view = id === null ? null : await this.#viewOf(id);
    const who = actingUser(caller) ?? caller.userId;
    const isSeen =
      view !== null &&
      (view.plan.userId === caller.userId || isNamed(view.approval, who) || caller.scopes.has('admin'));
    if (!isSeen) throw approvalNotFound(planId, step);
    return view;
  }

  /**
   * Decides on an approval. The same decision a second time is the first one.
   *
   * @throws RefusedError `not_an_approver`, `already_decided`, `wait_over`
   */
  async decide(
    caller: Caller,
    planId: ExecutionId,
    step: string,
    { decision, comment }: { decision: Decision; comment: string | null },
  ): Promise<ApprovalView> {
    this.#deps.checkOpen();
    const view = await this.approval(caller, planId, step);
    const who = this.mayDecide(caller, view);
    return this.#decide(view, who, decision, comment);
  }

  /**
   * Who decides: the caller, or the administrator who acts for them.
   *
   * @throws RefusedError `not_an_approver`
   */
  mayDecide(caller: Caller, view: ApprovalView): string {
    const who = this.#whoDecides(caller, view);
    if (typeof who === 'string') return who;
    throw who;
  }

  #whoDecides(caller: Caller, { approval, plan }: ApprovalView): string | RefusedError {
    const who = actingUser(caller) ?? caller.userId;
    if (!isApprover(caller, approval, plan)) {
      const users = approval.users ?? [plan.userId];
      return new RefusedError(
        'not_an_approver',
        `The user ${quoted(who)} may not decide on this approval. These users may decide: ${users.slice(0, 10).join(', ')}.`,
      );
    }
    const { submittedBy } = plan.access;
    if (approval.four_eyes === true && (who === plan.userId || who === submittedBy)) {
      const detail = `The user ${quoted(who)} owns or submitted the plan; with four_eyes another user must decide.`;
      return new RefusedError('not_an_approver', detail);
    }
    return who;
  }

  /** Approvals on which the caller may decide and has not, the oldest first. */
  async open(caller: Caller): Promise<ApprovalView[]> {
    const found: ApprovalView[] = [];
    for (const wait of this.#deps.live.approvals()) {
      if (!isApprover(caller, approvalOf(wait), wait)) continue;
      const view = await this.#viewOf(wait.id);
      if (view?.wait.phase !== 'awaiting') continue;
      const who = this.#whoDecides(caller, view);
      if (typeof who !== 'string' || view.decisions.some((one) => one.id === who)) continue;
      if (found.push(view) === MOST_OPEN) break;
    }
    return found;
  }

  /** The approval of a link, which is proof of its user. */
  async approvalOf({ executionId }: LinkClaims): Promise<ApprovalView> {
    const view = await this.#viewOf(executionId);
    if (view === null) throw new RefusedError('link_invalid', 'The plan of this link was removed.');
    return view;
  }

  /** @throws RefusedError `already_decided`, `wait_over` */
  async decideByLink({ user, decision }: LinkClaims, view: ApprovalView): Promise<ApprovalView> {
    this.#deps.checkOpen();
    return this.#decide(view, user, decision, null);
  }

  async #decide(
    view: ApprovalView,
    who: string,
    decision: Decision,
    comment: string | null,
  ): Promise<ApprovalView> {
    const { clock, live } = this.#deps;
    const subjectId = view.wait.id;
    const at = clock.now();
    const signal: Signal = { subjectId, id: who, name: decision, value: comment, by: who, at, takenBy: null };
    const isOver = view.expiresAt !== null && view.expiresAt <= at;
    const result = isOver ? undefined : await this.#put(signal);
    if (result?.status === 'applied') await live.sent(signal);
    const now = await this.#viewOf(subjectId);
    if (now === null) throw new RefusedError('not_found', `The execution ${subjectId} was removed.`);
    if (result?.status === 'applied') return now;
    const known = now.decisions.find((one) => one.id === who);
    if (known?.name === decision) return now;
    if (known !== undefined) {
      const detail = `The user ${quoted(who)} has decided already: ${known.name}. A decision cannot be changed.`;
      throw new RefusedError('already_decided', detail);
    }
    throw new RefusedError(
      'wait_over',
      'The approval is over: it was decided, its time was over, or its plan has ended.',
    );
  }

  #put(signal: Signal): Promise<GroupResult | undefined> {
    const group: Group = [{ type: 'signal', signal, most: MAX_SIGNALS }];
    return stored(this.#deps.commit([group])).then(([result]) => result);
  }

  async #viewOf(id: ExecutionId): Promise<ApprovalView | null> {
    const { store } = this.#deps;
    const wait = await stored(store.get(null, id));
    const { approval } = (wait?.spec ?? {}) as WaitSpec;
    if (wait === null || !isWait(wait.spec) || wait.plan === null || approval === undefined) return null;
    const plan = await stored(store.get(null, wait.plan.id));
    if (plan === null || !hasSteps(plan.spec)) return null;
    const decisions = await stored(store.signals(id));
    const whole = plan as ApprovalView['plan'];
    return { wait, plan: whole, step: wait.plan.step, approval, decisions, expiresAt: waitEndsAt(wait) };
  }
}

/** Approvals that one answer lists. */
const MOST_OPEN = 100;

const approvalOf = (wait: Execution): Approval => (wait.spec as WaitSpec).approval ?? {};

/** Whether the caller may decide, but for four eyes; steps are those of the user of their plan. */
function isApprover(caller: Caller, approval: Approval, { userId }: Pick<Execution, 'userId'>): boolean {
  if (caller.scopes.has('admin')) return true;
  const who = actingUser(caller) ?? caller.userId;
  return approval.users === undefined ? userId === who : isNamed(approval, who);
}

const isNamed = ({ users }: Approval, who: string): boolean => users?.includes(who) === true;

const approvalNotFound = (planId: ExecutionId, step: string) =>
  new RefusedError(
    'approval_not_found',
    `The plan ${quoted(planId)} has no step ${quoted(step)} that waits, or has waited, for your approval.`,
  );

function notTaken(result: GroupResult | undefined, plan: Execution): RefusedError {
  if (result?.status === 'refused' && result.reason === 'too_many_signals') {
    const detail = `A plan keeps at most ${MAX_SIGNALS} signals. Send signals only to steps that wait.`;
    return new RefusedError('too_many_signals', detail);
  }
  const is = isFinished(plan) ? plan.status : 'ending';
  return new RefusedError(
    'execution_finished',
    `The plan ${plan.id} is ${is}: nothing in it waits for a signal.`,
  );
}
