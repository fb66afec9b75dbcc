// One live plan: begins what is due, takes in what has ended, and ends the plan. It is told of ends after they are stored,
// and keeps nothing that the store does not have: after a crash it is made anew from there.
import { type SlotKind, hasSteps } from '../../domain/kinds.ts';
import type { Conditions } from '../../domain/plans/conditions.ts';
import { RefusedError } from '../../domain/errors.ts';
import { type Execution, isFinished, slotKindOf, type Result } from '../../domain/execution/execution.ts';
import { poolOf } from '../../domain/pools.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { FinalStatus, Outcome } from '../../domain/outcome.ts';
import { weigh } from '../../domain/json.ts';
import { graphOf, type Node, roundOf } from '../../domain/plans/plan-graph.ts';
import { PlanState } from '../../domain/plans/plan-state.ts';
import { isLoop, type PlanSpec } from '../../domain/spec/plan.ts';
import { type StepRecord, type Store, StoreError } from '../../domain/ports/store.ts';
import type { Journal } from '../../domain/ports/journal.ts';
import type { Group, GroupResult, Part, StepMark } from '../../domain/ports/group.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { Spec } from '../../domain/spec/spec.ts';
import type { WaitSpec } from '../../domain/spec/wait.ts';
import { EACH_SECOND, type Retrying, untilDone } from '../../resilience/retrying.ts';
import { type Redrive, StepNotTaken, type Submission, type Submitted } from '../accept/submission.ts';
import type { SharedThread } from '../shared-thread.ts';
import { planResult } from './plan-result.ts';
import { goesOn, type LivePlan, messageOf, prepare, type PrepareDeps } from './prepare.ts';
import type { StepBytes } from './step-bytes.ts';
import type { StepRoom } from './step-room.ts';
import { type EndedStep, type Fact, stepValue, type StepValue } from './values.ts';

/** What a plan needs of the world to go on. */
export interface PlanRunDeps {
  store: Store;
  journal: Journal;
  clock: Clock;
  log: Log;
  conditions: Conditions;
  /** A spec whose values are known, if it is one; else what is wrong with it. */
  parse: (spec: Record<string, unknown>) => { spec: Spec | WaitSpec } | { wrong: string };
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
  submit: (plan: LivePlan, submissions: readonly Submission[]) => Promise<(Submitted | RefusedError)[]>;
  /** What a plan that is a step of a redrive takes over. */
  redriveStep: (planId: ExecutionId, step: string, spec: PlanSpec) => Promise<Redrive | null>;
  /** Stops a plan, and what lives of it. */
  stop: (plan: ExecutionId, outcome: Outcome) => Promise<void>;
  isOpen: () => boolean;
  /** Aborts when the engine gives up; the next start goes on. */
  signal: AbortSignal;
  room: StepRoom;
  /** Of the plan with all that it consists of. */
  bytes: StepBytes;
  /** Work that is long is done here, in turn with that of other users. */
  thread: SharedThread;
  ended: () => void;
}

/** Steps that are submitted in one commit, and bytes of them, which references may have filled. */
const BATCH = 200;
const BATCH_BYTES = 4 * 1024 * 1024;
interface Begun {
  step: number;
  spec: Submission['spec'];
  bytes: number;
}

/** Where a step waits for a slot; null for one that needs none. What an operation runs is known later: most are commands. */
function slotKindOfStep({ step, round }: Node): SlotKind | null {
  return round === null && isLoop(step) ? null : slotKindOf(step);
}

export class PlanRun {
  readonly id: ExecutionId;
  readonly #deps: PlanRunDeps;
  readonly #state: PlanState;
  readonly #numbers = new Map<string, number>();
  readonly #executions: (ExecutionId | null)[] = [];
  /** Ends of steps that failed without an execution. */
  readonly #outcomes = new Map<number, Outcome>();
  /** Ends that are not stored yet. */
  #marks: StepMark[] = [];
  #plan: LivePlan;
  /** What ends a loop that its steps do not end. */
  #loopEnd: Outcome | 'done' | null = null;
  /** Told of before it was known what has become of the steps. */
  #early: Execution[] | null = [];
  #isAdvancing = false;
  #isDue = false;
  #hasEnded = false;
  #values = new Map<string, Promise<StepValue>>();

  constructor(plan: LivePlan, deps: PlanRunDeps) {
    this.id = plan.id;
    this.#plan = plan;
    this.#deps = deps;
    this.#state = new PlanState(graphOf(plan.spec));
    this.#state.nodes.forEach(({ name }, i) => this.#numbers.set(name, i));
  }

  /** Takes in what the store has of it, and goes on from there. Never rejects. */
  async begin(): Promise<void> {
    const read = await untilDone(() => this.#read(), this.#retrying('Cannot read a plan; execd retries'));
    if (read?.value !== 'live') return;
    const early = this.#early ?? [];
    this.#early = null;
    for (const execution of early) this.stepEnded(execution);
    this.kick();
  }

  /** Takes in what the store has of it by now. */
  async lookAgain(): Promise<void> {
    if ((await this.#read()) === 'live') this.kick();
  }

  async #read(): Promise<'live' | 'over'> {
    const { store } = this.#deps;
    const now = await store.get(null, this.id);
    if (now === null || isFinished(now)) {
      this.#end();
      return 'over';
    }
    this.follow(now);
    for (const record of await store.steps(this.id)) this.#take(record);
    return 'live';
  }

  #retrying(message: string): Retrying {
    const { clock, log, signal } = this.#deps;
    const failed = (err: unknown) => log.warn({ err, execution_id: this.id }, message);
    return { clock, signal, failed, backoff: EACH_SECOND };
  }

  #take({ step, executionId, phase, status, outcome, skipReason }: StepRecord): void {
    const i = this.#numbers.get(step) ?? this.#appendUpTo(step);
    if (i === null) return;
    this.#executions[i] = executionId;
    if (skipReason !== null) this.#state.skip(i, skipReason);
    else if (phase !== 'done') this.#state.begin(i);
    else {
      if (executionId === null && outcome !== null) this.#outcomes.set(i, outcome);
      this.#state.end(i, status as FinalStatus);
    }
  }

  /** Rounds of a loop on a condition come one by one. */
  #appendUpTo(name: string): number | null {
    const { loop, steps } = this.#plan.spec;
    const [step] = steps;
    if (loop === undefined || 'items' in loop || step === undefined) return null;
    while (!this.#numbers.has(name) && this.#state.nodes.length < loop.maxIterations) this.#append();
    return this.#numbers.get(name) ?? null;
  }

  #append(): void {
    const [step] = this.#plan.spec.steps;
    if (step === undefined) throw new TypeError('a loop has a step');
    const iteration = this.#state.nodes.length;
    const node = roundOf(step, iteration, { iteration });
    this.#numbers.set(node.name, this.#state.append(node));
  }

  /** Takes in the newest state of the plan itself. */
  follow(plan: Execution): void {
    if (isFinished(plan)) return this.#end();
    if (plan.status !== 'running' || plan.revision < this.#plan.revision) return;
    this.#plan = plan as LivePlan;
    this.kick();
  }

  /** Takes in the end of a step. */
  stepEnded(execution: Execution): void {
    if (this.#early !== null) {
      this.#early.push(execution);
      return;
    }
    const i = this.#numbers.get(execution.plan?.step ?? '');
    if (i === undefined || !isFinished(execution)) return;
    this.#executions[i] = execution.id;
    this.#state.end(i, execution.status);
    this.kick();
  }

  /** Sees to it that what is due is done soon. */
  kick(): void {
    this.#isDue = true;
    if (this.#isAdvancing || this.#hasEnded || this.#early !== null) return;
    this.#isAdvancing = true;
    // Ends that came in one commit are told one after the other, and looked at together.
    queueMicrotask(() => void this.#run());
  }

  async #run(): Promise<void> {
    await untilDone(() => this.#advanceAll(), this.#retrying('Cannot continue a plan; execd retries'));
    this.#isAdvancing = false;
    if (this.#isDue && this.#deps.isOpen()) this.kick();
  }

  async #advanceAll(): Promise<void> {
    try {
      while (this.#isDue && !this.#hasEnded && this.#deps.isOpen()) {
        this.#isDue = false;
        await this.#advance();
      }
    } catch (error) {
      this.#isDue = true;
      // What is wrong with the plan itself does not get better.
      if (!(error instanceof StoreError || error instanceof RefusedError)) await this.#giveUp(error as Error);
      throw error;
    } finally {
      this.#values.clear();
    }
  }

  async #giveUp({ message }: Error): Promise<void> {
    const outcome: Outcome = {
      cause: 'internal',
      message: `execd could not continue the plan: ${message}`,
      process: null,
    };
    await this.#deps.stop(this.id, outcome).catch(() => undefined);
  }

  #isStopping(): boolean {
    return this.#plan.phase === 'canceling';
  }

  async #advance(): Promise<void> {
    do {
      await this.#beginDue();
    } while (!this.#isStopping() && (await this.#extend()));
    const isOver = this.#isStopping() || this.#state.hasEnded;
    if (isOver && this.#state.live === 0 && this.#marks.length === 0) await this.#finish();
  }

  /** Begins the steps that are due, and marks those that are to be skipped. */
  async #beginDue(): Promise<void> {
    while (!this.#isStopping()) {
      const begun: Begun[] = [];
      let isAll: boolean;
      try {
        isAll = await this.#prepareDue(begun);
      } catch (error) {
        this.#putBack(begun);
        throw error;
      }
      // What was prepared when the plan was stopped is not begun.
      if (this.#isStopping()) this.#putBack(begun.splice(0));
      if (begun.length + this.#marks.length > 0) await this.#store(begun);
      else if (isAll) return;
    }
    if (this.#marks.length > 0) await this.#store([]);
  }

  /** Prepares what is stored together; answers whether nothing more is due. */
  async #prepareDue(begun: Begun[]): Promise<boolean> {
    let bytes = 0;
    while (!this.#isStopping() && begun.length + this.#marks.length < BATCH && bytes < BATCH_BYTES) {
      const due = await this.#deps.thread.run(this.#plan.userId, () => this.#next());
      if (due === null) return true;
      const { step, skip } = due;
      if (skip !== null)
        this.#mark({ step: this.#nameOf(step), status: 'skipped', reason: skip, outcome: null });
      const one = skip === null ? await this.#prepared(step) : null;
      if (one === null) continue;
      begun.push(one);
      bytes += one.bytes;
    }
    return false;
  }

  #putBack(begun: readonly Begun[]): void {
    for (const { step } of begun.toReversed()) this.#state.putBack(step);
    for (const { bytes } of begun) this.#deps.bytes.note(-bytes);
    this.#giveBack(begun);
  }

  /** The next step that is due, with room for it in the queue where it needs any; null when none may begin now. */
  #next(): ReturnType<PlanState['next']> {
    const due = this.#state.next();
    if (due?.skip !== null) return due;
    const { userId } = this.#plan;
    const node = this.#state.nodes[due.step] as Node;
    const slotKind = slotKindOfStep(node);
    if (slotKind === null || this.#deps.room.tryTake(userId, slotKind, poolOf(node.step))) return due;
    this.#state.begin(due.step);
    this.#state.putBack(due.step);
    this.#deps.room.wait(userId, this.#wake);
    return null;
  }

  readonly #wake = (): void => this.kick();

  #giveBack(steps: readonly { step: number }[]): void {
    const taken = steps.filter(({ step }) => slotKindOfStep(this.#state.nodes[step] as Node) !== null);
    this.#deps.room.giveBack(this.#plan.userId, taken.length);
  }

  #nameOf(step: number): string {
    return (this.#state.nodes[step] as Node).name;
  }

  /** What is to be submitted for a step; null when it has ended without. */
  async #prepared(step: number): Promise<Begun | null> {
    this.#state.begin(step);
    let prepared: Awaited<ReturnType<typeof prepare>>;
    try {
      prepared = await prepare(this.#state.nodes[step] as Node, this.#prepareDeps());
    } catch (error) {
      this.#state.putBack(step);
      this.#giveBack([{ step }]);
      throw error;
    }
    if ('spec' in prepared) {
      const { spec } = prepared;
      const bytes = weigh(spec, Infinity);
      const message = this.#deps.bytes.take(bytes);
      if (message === null) return { step, spec, bytes };
      const outcome: Outcome = { cause: 'step_refused', message };
      prepared = { mark: { step: this.#nameOf(step), status: 'failed', reason: null, outcome } };
    }
    this.#giveBack([{ step }]);
    this.#mark(prepared.mark);
    return null;
  }

  #mark(mark: StepMark): void {
    const step = this.#numbers.get(mark.step) as number;
    this.#marks.push(mark);
    if (mark.status === 'skipped') return this.#state.skip(step, mark.reason);
    this.#outcomes.set(step, mark.outcome);
    this.#state.end(step, 'failed');
  }

  /** Stores marks and submits steps, in one transaction of the store. */
  async #store(begun: readonly Begun[]): Promise<void> {
    const { commit, submit, thread } = this.#deps;
    const marks = this.#marks;
    this.#marks = [];
    const part: Part = { type: 'mark_steps', planId: this.id, marks };
    const marked: Promise<GroupResult[]> = marks.length === 0 ? Promise.resolve([]) : commit([[part]]);
    const submitting = async () => {
      const submissions = await Promise.all(begun.map(({ step, spec }) => this.#submission(step, spec)));
      if (submissions.length === 0) return [];
      return thread.run(this.#plan.userId, () => submit(this.#plan, submissions));
    };
    const [hasMarked, answers] = await Promise.allSettled([marked, submitting()]);
    if (hasMarked.status === 'rejected') this.#marks.unshift(...marks);
    if (answers.status === 'rejected') this.#putBack(begun);
    else {
      this.#giveBack(begun);
      begun.forEach(({ step }, i) => this.#begun(step, answers.value[i] as Submitted | Error));
    }
    for (const one of [hasMarked, answers]) if (one.status === 'rejected') throw one.reason;
  }

  async #submission(step: number, spec: Submission['spec']): Promise<Submission> {
    const name = this.#nameOf(step);
    const { operation, operationVersion } = this.#plan.access;
    const submission: Submission = {
      ...{ spec, trace: this.#plan.trace, idempotency: null, rerunOf: null },
      plan: { id: this.id, step: name },
      ...(operation === undefined || operationVersion === undefined
        ? {}
        : { granted: { operation, operationVersion } }),
    };
    if (this.#plan.redriveOf === null || !hasSteps(spec)) return submission;
    const redrive = await this.#deps.redriveStep(this.id, name, spec);
    return redrive === null ? submission : { ...submission, redrive };
  }

  #begun(step: number, answer: Submitted | Error): void {
    if (answer instanceof StepNotTaken) {
      // Its plan is being stopped, or another answer has been lost: what is stored says how it stands.
      if (answer.reason === 'plan_closed') this.#state.putBack(step);
      else void this.#look(step);
    } else if (answer instanceof Error) {
      const isShort = answer instanceof RefusedError && answer.type === 'insufficient_credits';
      const outcome: Outcome = { cause: isShort ? 'no_credit' : 'step_refused', message: answer.message };
      this.#mark({ step: this.#nameOf(step), status: 'failed', reason: null, outcome });
      this.#isDue = true;
    } else {
      this.#executions[step] = answer.execution.id;
      if (isFinished(answer.execution)) this.stepEnded(answer.execution);
    }
  }

  async #look(step: number): Promise<void> {
    const records = await this.#deps.store.steps(this.id).catch(() => []);
    const record = records.find((one) => one.step === this.#nameOf(step));
    if (record !== undefined) this.#take(record);
    this.kick();
  }

  /** The next round of a loop on a condition, if there is to be one. */
  async #extend(): Promise<boolean> {
    const { loop } = this.#plan.spec;
    if (loop === undefined || 'items' in loop || this.#loopEnd !== null || !this.#state.hasEnded)
      return false;
    const iteration = this.#state.nodes.length;
    if (this.#state.failed().length > 0) {
      this.#loopEnd = 'done';
      return false;
    }
    try {
      if (!(await goesOn(loop, iteration, this.#prepareDeps()))) this.#loopEnd = 'done';
    } catch (error) {
      const message = messageOf(error);
      if (message === null) throw error;
      this.#loopEnd = { cause: 'evaluation_failed', reason: 'condition', message };
    }
    if (this.#loopEnd === null && iteration === loop.maxIterations) {
      const message = `the condition is still true after ${iteration} rounds (max_iterations)`;
      this.#loopEnd = { cause: 'evaluation_failed', reason: 'loop_limit', message };
    }
    if (this.#loopEnd !== null) return false;
    this.#append();
    return true;
  }

  /** Ends the plan, by what has been decided, or by what its steps have come to. */
  async #finish(): Promise<void> {
    const { outcome, result } = await this.#conclusion();
    const group: Part[] = [];
    const left = this.#state.nodes.flatMap(({ name }, i): StepMark[] => {
      if (this.#state.step(i).status !== 'pending') return [];
      return [{ step: name, status: 'skipped', reason: 'cancelled', outcome: null }];
    });
    if (left.length > 0) group.push({ type: 'mark_steps', planId: this.id, marks: left });
    group.push({ type: 'settle', executionId: this.id, attempt: 0, outcome, result, end: null });
    await this.#deps.commit([group]);
    this.#end();
  }

  async #conclusion(): Promise<{ outcome: Outcome; result: Result }> {
    if (this.#plan.decided !== null) return { outcome: this.#plan.decided, result: null };
    if (this.#loopEnd !== null && this.#loopEnd !== 'done') return { outcome: this.#loopEnd, result: null };
    const failed = this.#state.failed().map((i) => this.#nameOf(i));
    const outcome: Outcome = { cause: 'steps_ended', failed: failed.length, steps: failed.slice(0, 10) };
    if (failed.length > 0) return { outcome, result: null };
    try {
      return { outcome, result: await planResult(this.#plan, this.#state.nodes, this.#prepareDeps()) };
    } catch (error) {
      const message = messageOf(error);
      if (message === null) throw error;
      return { outcome: { cause: 'evaluation_failed', reason: 'outputs', message }, result: null };
    }
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#deps.ended();
  }

  #prepareDeps(): PrepareDeps {
    const { conditions, parse, thread } = this.#deps;
    return {
      plan: this.#plan,
      conditions,
      parse,
      thread,
      valueOf: (name, facts) => this.#valueOf(name, facts),
      roundValue: async (i, facts) => (await this.#valueOf(this.#nameOf(i), facts)) ?? {},
    };
  }

  /** Read once for all that is begun together. */
  #valueOf(name: string, facts: ReadonlySet<Fact>): Promise<StepValue | undefined> {
    const i = this.#numbers.get(name);
    const state = i === undefined ? null : this.#state.step(i);
    if (i === undefined || state === null || state.status === 'pending' || state.status === 'running')
      return Promise.resolve(undefined);
    const key = `${name} ${[...facts].sort().join()}`;
    let value = this.#values.get(key);
    if (value === undefined) {
      const { step, round } = this.#state.nodes[i] as Node;
      const executionId = this.#executions[i] ?? null;
      const ended: EndedStep = {
        step,
        round,
        status: state.status,
        executionId,
        outcome: this.#outcomes.get(i) ?? null,
      };
      value = this.#deps.thread.run(this.#plan.userId, () => stepValue(ended, facts, this.#deps));
      this.#values.set(key, value);
    }
    return value;
  }
}
