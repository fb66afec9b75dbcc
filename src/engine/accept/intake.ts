// Takes in what is submitted: only while the engine is open, with the bytes of its files held until its executions own them.
import { RefusedError } from '../../domain/errors.ts';
import type { Execution } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import { hasSteps } from '../../domain/kinds.ts';
import type { Caller } from '../../domain/spec/access.ts';
import type { FileSpec } from '../../domain/spec/files.ts';
import type { PlanDraft, PlanSpec } from '../../domain/spec/plan.ts';
import type { Spec } from '../../domain/spec/spec.ts';
import { specAgain } from '../../domain/operations/again.ts';
import type { Files } from '../files/files.ts';
import { stored } from '../refusals.ts';
import { accepted } from './accepted.ts';
import { type DryRun, dryRun } from './dry-run.ts';
import type { AgainOptions, Submission, SubmitDeps, Submitted } from './submission.ts';
import { checkSubmitRate, submitAll } from './submit.ts';

export interface IntakeDeps extends SubmitDeps {
  files: Files;
  /** @throws RefusedError when nothing is accepted now */
  checkOpen: () => void;
  /** @throws RefusedError `maintenance` */
  checkMaintenance: () => void;
  /** What a drain waits for. */
  track: (work: Promise<unknown>) => void;
  /** @throws RefusedError `not_found` */
  own: (caller: Caller, id: ExecutionId) => Promise<Execution>;
  /** @throws RefusedError `validation` */
  checkPlan: (caller: Caller, plan: PlanDraft) => Promise<void>;
}

type Answers = (Submitted | RefusedError)[];

export class Intake {
  readonly #deps: IntakeDeps;

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
  }

  /**
   * Accepts an execution.
   *
   * @throws RefusedError, also when the store cannot be written
   */
  async submit(caller: Caller, submission: Submission): Promise<Submitted> {
    const [answer] = await stored(this.submitAll(caller, [submission]));
    if (answer === undefined || answer instanceof RefusedError) throw answer ?? new TypeError('no answer');
    return answer;
  }

  /**
   * Accepts many, each with its own answer, in one commit.
   *
   * @throws RefusedError when nothing is accepted now, StoreError
   */
  async submitAll(caller: Caller, submissions: readonly Submission[]): Promise<Answers> {
    this.#deps.checkOpen();
    // What was accepted goes on, with the steps of plans.
    if (submissions.some(({ plan }) => plan === undefined)) this.#deps.checkMaintenance();
    if (submissions.some(({ spec }) => namesBytes(spec))) return this.#submitWithFiles(caller, submissions);
    const submitted = submitAll(caller, submissions, this.#deps);
    if (!(submitted instanceof Promise)) return submitted;
    this.#deps.track(submitted);
    return submitted;
  }

  /** The bytes that requests name are held until their executions own them. */
  async #submitWithFiles(caller: Caller, submissions: readonly Submission[]): Promise<Answers> {
    const found = await Promise.all(submissions.map((one) => this.#withInputs(caller, one)));
    const ready = found.filter((one): one is Submission => !(one instanceof RefusedError));
    try {
      const submitted = Promise.resolve(submitAll(caller, ready, this.#deps));
      this.#deps.track(submitted);
      const answers = (await submitted).values();
      return await Promise.all(
        found.map(async (one, i) => {
          if (!(one instanceof RefusedError)) return answers.next().value as Submitted;
          return this.#repeated(caller, submissions[i] as Submission, one);
        }),
      );
    } finally {
      for (const { inputs } of ready) inputs?.release();
    }
  }

  /** A repeat of what was accepted gets the same answer, also when the bytes that it names have gone by now. */
  async #repeated(
    { userId }: Caller,
    { idempotency }: Submission,
    refusal: RefusedError,
  ): Promise<Submitted | RefusedError> {
    if (idempotency === null) return refusal;
    const { key, bodyHash } = idempotency;
    const executionId = this.#deps.newId();
    // Nobody has this execution: a key that is new is refused by the second part, and not kept.
    const [result] = await this.#deps.commit([
      [
        { type: 'idempotency', userId, key, bodyHash, executionId, lifetimeMs: 1 },
        { type: 'cancel', userId, executionId, reason: null },
      ],
    ]);
    if (result?.status !== 'refused' || result.reason !== 'key_replayed') return refusal;
    const first = await this.#deps.store.get(userId, result.executionId);
    return first === null ? refusal : { execution: first, isReplay: true, webhookSecret: null };
  }

  /** @throws RefusedError `too_many_submits` */
  checkRate(caller: Caller): void {
    checkSubmitRate(caller, this.#deps);
  }

  /** A new execution with the spec of another one. */
  async rerun(
    caller: Caller,
    id: ExecutionId,
    { params = null, ...options }: AgainOptions,
  ): Promise<Submitted> {
    const { spec } = await this.#deps.own(caller, id);
    const webhook =
      spec.webhook === undefined ? null : await stored(this.#deps.store.webhook(caller.userId, id));
    const webhookSecret = webhook?.secrets[0]?.secret ?? null;
    return this.submit(caller, { spec: specAgain(spec, params), rerunOf: id, webhookSecret, ...options });
  }

  /**
   * What would become of a submission now; nothing is changed by it.
   *
   * @throws RefusedError when the store cannot be read
   */
  async dryRun(caller: Caller, submission: Submission): Promise<DryRun> {
    const ready = await this.#withInputs(caller, submission);
    if (ready instanceof RefusedError) {
      const { onLimit } = this.#deps.policy;
      return { refusal: ready, begins: null, execution: null, onLimit, cost: null };
    }
    ready.inputs?.release();
    return dryRun(caller, ready, this.#deps);
  }

  /** @throws RefusedError when the work of a schedule would not be accepted now */
  async checkWork(caller: Caller, work: Spec | PlanSpec): Promise<void> {
    if (hasSteps(work)) return this.#deps.checkPlan(caller, work as unknown as PlanDraft);
    const submission = { spec: work, trace: null, idempotency: null, rerunOf: null };
    const ready = await this.#withInputs(caller, submission);
    if (ready instanceof RefusedError) throw ready;
    ready.inputs?.release();
    accepted(caller, ready, this.#deps);
  }

  async #withInputs(caller: Caller, submission: Submission): Promise<Submission | RefusedError> {
    const { spec, rerunOf } = submission;
    if (!namesBytes(spec)) return submission;
    try {
      return { ...submission, inputs: await this.#deps.files.inputs(caller, filesOf(spec), rerunOf) };
    } catch (error) {
      if (error instanceof RefusedError) return error;
      throw error;
    }
  }
}

const filesOf = (spec: Submission['spec']): readonly FileSpec[] =>
  (spec as { files?: readonly FileSpec[] }).files ?? [];

/** Whether its files lie somewhere else than in the request. */
const namesBytes = (spec: Submission['spec']): boolean =>
  filesOf(spec).some(({ upload, artifact }) => upload !== undefined || artifact !== undefined);
