// Plans: what is asked for in many steps. Holds those that are live, and answers for all of them.
import { hasSteps, kindsOf, type StepsKind } from '../../domain/kinds.ts';
import type { Caller } from '../../domain/spec/access.ts';
import { RefusedError } from '../../domain/errors.ts';
import { type Execution, isFinished, type RunningExecution } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import { canonicalJson, weigh } from '../../domain/json.ts';
import type { PlanCheck, PlanReport } from '../../domain/plans/plan-check.ts';
import { graphOf, levelsOf, type Node } from '../../domain/plans/plan-graph.ts';
import {
  ASIDE,
  isLoop,
  named,
  planSpec,
  type PlanDraft,
  type PlanSpec,
  type StepSpec,
} from '../../domain/spec/plan.ts';
import { specAgain } from '../../domain/operations/again.ts';
import type { Group } from '../../domain/ports/group.ts';
import type { ListFilter, StepRecord } from '../../domain/ports/store.ts';
import { mayTake } from '../../domain/shares.ts';
import type { Queries } from '../read/queries.ts';
import { stored } from '../refusals.ts';
import type { AgainOptions, Redrive, Submission, Submitted } from '../accept/submission.ts';
import { SharedThread } from '../shared-thread.ts';
import type { Waiters } from '../feed/waiters.ts';
import { type Item, type PlanLogItem, type PlanLogQuery, readPlanLog } from './plan-log.ts';
import { type PlanResults, readResults } from './plan-results.ts';
import { PlanRun, type PlanRunDeps } from './plan-run.ts';
import type { LivePlan } from './prepare.ts';
import { StepBytes } from './step-bytes.ts';
import { StepRoom, type StepRoomDeps } from './step-room.ts';
import { type PlanView, summaryOf, viewOf } from './plan-view.ts';

/** What the engine hands to plans. */
export interface PlansDeps extends Omit<
  PlanRunDeps,
  'submit' | 'redriveStep' | 'ended' | 'thread' | 'room' | 'bytes'
> {
  queries: Queries;
  check: (plan: PlanDraft) => PlanCheck;
  newId: () => ExecutionId;
  submitAll: (caller: Caller, submissions: readonly Submission[]) => Promise<(Submitted | RefusedError)[]>;
  /** Of all plans that live, about as JSON and what it takes to follow them; in memory it is some times as much. */
  maxLiveBytes: number;
  /** Bytes that the steps of one plan put into the store, at most. */
  maxStepBytes: number;
  queue: Pick<StepRoomDeps, 'freeSlots' | 'maxQueued' | 'queuedOf'>;
  /** Sets the timers of a plan that was read from the store. */
  watch(plan: Execution): void;
  /** Of this start. */
  epoch(): number | undefined;
  /** Woken by each move of a plan and of its steps. */
  changes: Waiters;
}

type PlanExecution = Execution & { spec: PlanSpec };

export class Plans {
  readonly #deps: PlansDeps;
  readonly #live = new Map<ExecutionId, { run: PlanRun; bytes: number; stepBytes: StepBytes }>();
  /** Of the live ones, by user. */
  readonly #bytes = new Map<string, number>();
  #totalBytes = 0;
  readonly #thread: SharedThread;
  readonly #room: StepRoom;

  constructor(deps: PlansDeps) {
    this.#deps = deps;
    this.#thread = new SharedThread(deps.clock);
    this.#room = new StepRoom({ ...deps.queue, store: deps.store, clock: deps.clock });
  }

  get size(): number {
    return this.#live.size;
  }

  // ------------------------------------------------------------------------------------------ live

  /** Goes on with the plans that nobody drives any more. */
  async resume(): Promise<void> {
    const { store, commit } = this.#deps;
    // Those that a plan consists of come after it.
    const found = (await store.livePlans(this.#deps.epoch())).filter(({ id }) => !this.#live.has(id));
    if (found.length === 0) return;
    const taken = await commit(found.map(({ id: planId }): Group => [{ type: 'drive', planId }]));
    const plans = found.filter((_, i) => taken[i]?.status === 'applied');
    const bytes = await store.stepBytes(plans.map(({ id }) => id));
    for (const plan of plans) {
      this.#deps.watch(plan);
      this.begin(plan);
      this.#live.get(plan.id)?.stepBytes.note(bytes.get(plan.id) ?? 0);
    }
  }

  /** Reads again what has become of the live ones. */
  async lookAgain(): Promise<void> {
    for (const { run } of this.#live.values()) await run.lookAgain();
  }

  /** Begins a plan that has been accepted, or goes on with it. */
  begin(plan: RunningExecution): void {
    if (this.#live.has(plan.id)) return;
    const spec = plan.spec as PlanSpec;
    const whole = plan.plan === null ? undefined : this.#live.get(plan.plan.id);
    const stepBytes = whole?.stepBytes ?? new StepBytes(spec, this.#deps.maxStepBytes);
    const run = new PlanRun(plan as LivePlan, this.#runDeps(plan, stepBytes));
    const bytes = bytesOf(spec);
    this.#live.set(plan.id, { run, bytes, stepBytes });
    this.#take(plan.userId, bytes);
    void run.begin();
  }

  #take(userId: string, bytes: number): void {
    this.#totalBytes += bytes;
    const own = (this.#bytes.get(userId) ?? 0) + bytes;
    if (own === 0) this.#bytes.delete(userId);
    else this.#bytes.set(userId, own);
  }

  /** What is live is held in memory: null when there is room for one more of this user. */
  whyNoRoom(userId: string, spec: PlanSpec): RefusedError | null {
    const { maxLiveBytes: most } = this.#deps;
    const own = this.#bytes.get(userId) ?? 0;
    const users = this.#bytes.size + (own === 0 ? 1 : 0);
    const more = bytesOf(spec);
    if (this.#live.size === 0 || mayTake({ own, total: this.#totalBytes, users }, more, most)) return null;
    const detail =
      `Your plan takes ${more} bytes of memory, your live plans take ${own}, and those of all users ${this.#totalBytes} of ${most} ` +
      '(EXECUTION_PLAN_MEMORY_BYTES). Wait until a plan has ended, or cancel one of yours.';
    return new RefusedError('queue_full', detail, { retryAfterS: FULL_RETRY_S });
  }

  #ended(plan: { id: ExecutionId; userId: string }): void {
    const live = this.#live.get(plan.id);
    if (live === undefined) return;
    this.#live.delete(plan.id);
    this.#take(plan.userId, -live.bytes);
  }

  /** Begins what has become due while nothing might be begun. */
  open(): void {
    for (const { run } of this.#live.values()) run.kick();
  }

  /** Takes in the newest state of any execution. */
  follow(execution: Execution): void {
    if (hasSteps(execution.spec)) this.#live.get(execution.id)?.run.follow(execution);
    if (execution.plan !== null && isFinished(execution))
      this.#live.get(execution.plan.id)?.run.stepEnded(execution);
    if (execution.status !== 'pending') this.#room.changed();
  }

  #runDeps(plan: RunningExecution, bytes: StepBytes): PlanRunDeps {
    return {
      ...this.#deps,
      ...{ thread: this.#thread, room: this.#room, bytes },
      submit: (now, submissions) => this.#deps.submitAll(callerOf(now), submissions),
      redriveStep: (of, step, spec) => this.#redriveStep(of, step, spec),
      ended: () => this.#ended(plan),
    };
  }

  // ---------------------------------------------------------------------------------------- requests

  /** Every problem of a plan, without beginning anything. */
  check({ userId }: Caller, plan: PlanDraft): Promise<PlanReport> {
    return this.#thread.all(userId, this.#deps.check(named(plan)));
  }

  /** @throws RefusedError `validation` with every problem, and whatever an execution is refused with */
  async submit(
    caller: Caller,
    plan: PlanDraft,
    options: Pick<Submission, 'trace' | 'idempotency'>,
  ): Promise<Submitted> {
    await this.mustBeValid(caller, plan);
    const spec = planSpec(plan);
    return this.#submit(caller, { spec, rerunOf: null, ...options });
  }

  /** @throws RefusedError `validation` with every problem */
  async mustBeValid(
    caller: Caller,
    { kind: _kind, ...plan }: PlanDraft & { kind?: StepsKind },
  ): Promise<void> {
    const { problems } = await this.check(caller, plan);
    if (problems.length > 0) {
      const many = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
      const [first] = problems;
      const detail = `The plan has ${many}: ${first?.field ?? ''}: ${first?.message ?? ''}`;
      throw new RefusedError('validation', detail, { fields: problems.slice(0, MAX_FIELDS) });
    }
  }

  async get(caller: Caller, id: ExecutionId): Promise<PlanView> {
    return this.view(await this.own(caller, id));
  }

  /** Newest first, without their steps. */
  async list(
    filter: ListFilter,
    limit: number,
    after: ExecutionId | null,
  ): Promise<{ views: PlanView[]; next: ExecutionId | null }> {
    const { store, clock } = this.#deps;
    const { executions, next } = await stored(
      store.list({ ...filter, kind: kindsOf('steps') }, limit, after),
    );
    const views = executions.map(async (plan) =>
      summaryOf(plan as PlanExecution, await store.stepCounts(plan.id), clock),
    );
    return { views: await stored(Promise.all(views)), next };
  }

  async view(plan: PlanExecution): Promise<PlanView> {
    const { store, clock } = this.#deps;
    const records = await this.#thread.run(plan.userId, () => stored(store.steps(plan.id)));
    return this.#thread.run(plan.userId, () => viewOf(plan, records, clock));
  }

  /** What its steps that have ended came to, in their order, as far as the bounds of one answer go. */
  results({ plan, steps }: PlanView): Promise<PlanResults> {
    return readResults(steps, (id) =>
      this.#thread.run(plan.userId, () => stored(this.#deps.store.get(null, id))),
    );
  }

  /** @throws RefusedError `not_found`, also for an execution that is no plan */
  async own(caller: Caller, id: ExecutionId): Promise<PlanExecution> {
    const execution = await this.#deps.queries.own(caller, id);
    if (hasSteps(execution.spec)) return execution as PlanExecution;
    throw new RefusedError('not_found', `The execution ${id} is not a plan.`);
  }

  /** The whole of a plan once more. */
  async rerun(
    caller: Caller,
    id: ExecutionId,
    { params = null, ...options }: AgainOptions,
  ): Promise<Submitted> {
    const plan = await this.own(caller, id);
    const webhookSecret = await this.#secretOf(plan);
    return this.#submit(caller, {
      spec: specAgain(plan.spec, params),
      rerunOf: id,
      webhookSecret,
      ...options,
    });
  }

  /**
   * A new plan from the failed steps of a finished one: completed steps that needed none of these are taken over with its
   * acceptance, whatever becomes of the finished one.
   *
   * @throws RefusedError `not_found`, `execution_not_finished`, `plan_completed`
   */
  async redrive(
    caller: Caller,
    id: ExecutionId,
    { params = null, ...options }: AgainOptions,
  ): Promise<Submitted> {
    const plan = await this.own(caller, id);
    if (!isFinished(plan))
      throw new RefusedError('execution_not_finished', `The plan ${id} has not finished. Cancel it first.`);
    if (plan.status === 'completed')
      throw new RefusedError('plan_completed', `The plan ${id} has completed.`);
    const redrive: Redrive = { of: id, copies: await this.#keep(plan, null) };
    const webhookSecret = await this.#secretOf(plan);
    const spec = specAgain(plan.spec, params);
    return this.#submit(caller, { spec, rerunOf: null, redrive, webhookSecret, ...options });
  }

  /** The logs of its steps; the last item is the end. */
  readLog<Shown extends Item>(
    caller: Caller,
    id: ExecutionId,
    query: PlanLogQuery<Shown>,
    signal: AbortSignal,
  ): AsyncGenerator<PlanLogItem<Shown>, void, undefined> {
    const { store, changes, queries } = this.#deps;
    return readPlanLog(caller, id, query, signal, {
      ...{ store, changes },
      readLog: (...facts) => queries.readLog(...facts),
    });
  }

  /** What signs the webhook of a plan: it goes on to the plans that are made of it. */
  async #secretOf({ userId, id, webhook }: PlanExecution): Promise<string | null> {
    const found = webhook === null ? null : await stored(this.#deps.store.webhook(userId, id));
    return found?.secrets[0]?.secret ?? null;
  }

  async #submit(caller: Caller, submission: Submission): Promise<Submitted> {
    const [answer] = await stored(this.#deps.submitAll(caller, [submission]));
    if (answer === undefined || answer instanceof RefusedError) throw answer ?? new TypeError('no answer');
    return answer;
  }

  // ----------------------------------------------------------------------------------------- redrive

  /** What a step takes over that an earlier plan had begun: it was set aside when this plan was made. */
  async #redriveStep(planId: ExecutionId, step: string, spec: PlanSpec): Promise<Redrive | null> {
    const { store } = this.#deps;
    const aside = await store.stepId(planId, step + ASIDE);
    const plan = aside === null ? null : await store.get(null, aside);
    // With other values it is another plan.
    if (plan === null || !hasSteps(plan.spec) || canonicalJson(plan.spec) !== canonicalJson(spec))
      return null;
    const kept = (await store.steps(plan.id)).flatMap(({ executionId }) => executionId ?? []);
    const asides = await this.#asidesOf(plan as PlanExecution);
    return { of: plan.id, copies: [...kept, ...asides].map((id) => moved(id)) };
  }

  /** What has been set aside for the steps of a plan. */
  async #asidesOf({ id, spec }: PlanExecution): Promise<ExecutionId[]> {
    const nested = graphOf(spec).nodes.filter(({ step }) => isNested(step));
    const found = nested.map(({ name }) => this.#deps.store.stepId(id, name + ASIDE));
    return (await Promise.all(found)).flatMap((one) => one ?? []);
  }

  /**
   * What a new plan takes over from this one. Of a plan among the steps that has not completed, what is to be taken over
   * is set aside until the step begins: by then this plan may be gone.
   */
  async #keep(plan: PlanExecution, planId: ExecutionId | null): Promise<Copy[]> {
    const { loop } = plan.spec;
    if (loop !== undefined && !('items' in loop)) return this.#keepRounds(plan, planId);
    const records = new Map((await this.#deps.store.steps(plan.id)).map((record) => [record.step, record]));
    const { nodes } = graphOf(plan.spec);
    const kept: boolean[] = [];
    const copies: Copy[] = [];
    for (const i of orderOf(nodes.map(({ before }) => before))) {
      const node = nodes[i] as Node;
      const record = records.get(node.name);
      const isSkipped = record?.skipReason === 'condition_false' || record?.skipReason === 'nothing_failed';
      const isDone = isSkipped || (record?.status === 'completed' && record.executionId !== null);
      kept[i] = isDone && node.before.every((j) => kept[j]);
      if (kept[i] && record?.executionId != null) copies.push(...(await this.#copies(record, planId)));
      if (!isDone && isNested(node.step))
        copies.push(...(await this.#setAside(plan, node.name, record, planId)));
    }
    return copies;
  }

  /** The completed rounds of a loop on a condition. One that was not ended by a round begins from the first again. */
  async #keepRounds(plan: PlanExecution, planId: ExecutionId | null): Promise<Copy[]> {
    if (isFinished(plan) && plan.outcome.cause === 'evaluation_failed') return [];
    const copies: Copy[] = [];
    for (const record of await this.#deps.store.steps(plan.id))
      if (record.status === 'completed') copies.push(...(await this.#copies(record, planId)));
    return copies;
  }

  /** A plan among the steps, with what it has completed; nothing when that is nothing. */
  async #setAside(
    { id: of, redriveOf }: PlanExecution,
    name: string,
    record: StepRecord | undefined,
    planId: ExecutionId | null,
  ): Promise<Copy[]> {
    const { store, newId } = this.#deps;
    const step = name + ASIDE;
    const earlier = redriveOf === null ? null : await store.stepId(of, step);
    const source = record?.executionId ?? earlier;
    const plan = source === null ? null : await store.get(null, source);
    if (plan === null || !hasSteps(plan.spec) || !isFinished(plan)) return [];
    const id = newId();
    const copies = await this.#keep(plan as PlanExecution, id);
    return copies.length === 0 ? [] : [{ source: plan.id, id, planId, step }, ...copies];
  }

  /** A step with all that belongs to it. */
  async #copies(step: StepRecord, planId: ExecutionId | null): Promise<Copy[]> {
    const { executionId: source } = step;
    if (source === null) return [];
    const id = this.#deps.newId();
    const copies: Copy[] = [{ source, id, planId, step: null }];
    const steps = hasSteps(step) ? await this.#deps.store.steps(source) : [];
    for (const record of steps) copies.push(...(await this.#copies(record, id)));
    return copies;
  }
}

type Copy = Redrive['copies'][number];

/** Not copied, but given to another plan. */
const moved = (id: ExecutionId): Copy => ({ source: id, id, planId: null, step: null });

const isNested = (step: StepSpec): boolean => hasSteps(step) || isLoop(step);

const MAX_FIELDS = 100;

/** What is kept of each step, and of each round of a loop over a list. */
const STEP_BYTES = 500;
const FULL_RETRY_S = 10;

function bytesOf(spec: PlanSpec): number {
  const { steps, loop } = spec;
  const rounds = loop !== undefined && 'items' in loop ? loop.items.length : 0;
  return weigh(spec, Infinity) + STEP_BYTES * (steps.length + rounds + 1);
}

/** Steps so that each comes after those before it. */
function orderOf(before: readonly (readonly number[])[]): number[] {
  return (levelsOf(before) ?? []).flat();
}

/** Who has asked for a plan, as far as its steps are concerned. */
function callerOf({ userId, caller, access, id }: LivePlan): Caller {
  if (caller === null) throw new TypeError(`plan ${id} has no caller`);
  const { submittedBy } = access;
  const credential = {
    type: 'key',
    id: access.keyId ?? null,
    userId: submittedBy ?? userId,
    expiresAt: null,
  } as const;
  return { userId, scopes: new Set(caller.scopes), mayRun: caller.mayRun, credential };
}
