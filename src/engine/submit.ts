// Accepting: what is answered with an execution is on the disk by then; what is refused leaves nothing behind.
import type { Caller } from '../domain/access.ts';
import { whyNotAllowed } from '../domain/access.ts';
import { RefusedError } from '../domain/errors.ts';
import type { Execution, Pool, RunningExecution, Trace } from '../domain/execution.ts';
import { poolOf, POOLS } from '../domain/execution.ts';
import type { ExecutionId } from '../domain/ids.ts';
import type { Claimant, Clock, Group, GroupResult, Part, Store } from '../domain/ports.ts';
import type { Spec, Work } from '../domain/spec.ts';
import type { Policies } from './policies/policies.ts';
import type { EnginePolicy } from './policy.ts';
import { newExecution, type Settings } from './policy.ts';
import type { Scheduler } from './scheduler.ts';

export interface Submission {
  spec: Spec;
  /** Parsed traceparent of the request; null starts a new trace. */
  trace: Trace | null;
  /** `bodyHash` stands for what was asked; the same key with another one is refused. */
  idempotency: { key: string; bodyHash: string } | null;
  rerunOf: ExecutionId | null;
}

export interface Submitted {
  execution: Execution;
  /** The key was known: this is the execution of the first request with it. */
  isReplay: boolean;
}

export interface SubmitDeps {
  policy: EnginePolicy;
  clock: Clock;
  store: Store;
  schedulers: Record<Pool, Scheduler>;
  policies: Policies;
  /** What a spec asks for: itself, or what its operation makes of it. Throws RefusedError. */
  resolve(spec: Spec): { work: Work; settings: Settings };
  newId(): ExecutionId;
  newTrace(): Trace;
  claimant(): Claimant;
  commit(groups: readonly Group[]): Promise<GroupResult[]>;
  /** Runs an execution that was claimed in its accept; its slot is taken. */
  run(execution: RunningExecution): void;
}

const KEY_LIFETIME_MS = 24 * 3600 * 1000;

/**
 * Accepts many executions in one commit. Each gets its own answer, in order: an execution, or why it was refused.
 *
 * @throws StoreError when nothing could be written
 */
export async function submitAll(
  caller: Caller,
  submissions: readonly Submission[],
  deps: SubmitDeps,
): Promise<(Submitted | RefusedError)[]> {
  const drafts = submissions.map((submission) => tryDraft(caller, submission, deps));
  const groups = drafts.flatMap((one) => (one instanceof RefusedError ? [] : [one.group]));
  let results: GroupResult[];
  try {
    results = groups.length === 0 ? [] : await deps.commit(groups);
  } catch (error) {
    for (const one of drafts) if (!(one instanceof RefusedError)) one.slot?.release();
    throw error;
  }
  let next = 0;
  const answers: (Submitted | RefusedError)[] = [];
  for (const one of drafts) {
    if (one instanceof RefusedError) answers.push(one);
    else answers.push(await conclude(caller, one, results[next++] as GroupResult, deps));
  }
  for (const pool of POOLS) deps.schedulers[pool].fill();
  return answers;
}

interface Draft {
  group: Group;
  scheduler: Scheduler;
  /** The scheduler whose slot it holds; null without one. */
  slot: Scheduler | null;
  /** It may not wait, and there is no slot: only the answer to an earlier request with its key can be given. */
  isRejected: boolean;
}

function tryDraft(caller: Caller, submission: Submission, deps: SubmitDeps): Draft | RefusedError {
  try {
    return draft(caller, submission, deps);
  } catch (error) {
    if (error instanceof RefusedError) return error;
    throw error;
  }
}

/** @throws RefusedError */
function draft(caller: Caller, submission: Submission, deps: SubmitDeps): Draft {
  const { spec, rerunOf, idempotency } = submission;
  const notAllowed = whyNotAllowed(caller, spec);
  if (notAllowed !== null) throw new RefusedError('command_not_allowed', notAllowed);
  const { work, settings } = deps.resolve(spec);
  const scheduler = deps.schedulers[poolOf(work)];
  const refusal = deps.policies.refusal({ spec, work });
  const hasSlot = refusal === null && scheduler.tryReserve();
  const isRejected = refusal === null && !hasSlot && (settings.on_limit ?? deps.policy.onLimit) === 'reject';
  // With a key it may be the second time, and then the answer is the first execution: the store knows.
  if (isRejected && idempotency === null) throw limitReached(scheduler);
  const now = deps.clock.now();
  const trace = submission.trace ?? deps.newTrace();
  const acceptance = { id: deps.newId(), spec, work, settings, caller, trace, rerunOf, now };
  const execution = newExecution(acceptance, deps.policy);
  const group: Part[] = [];
  if (idempotency !== null) {
    const { key, bodyHash } = idempotency;
    const lifetime = { at: now, expiresAt: now + KEY_LIFETIME_MS };
    const { userId } = caller;
    group.push({ type: 'idempotency', userId, key, bodyHash, executionId: execution.id, ...lifetime });
  }
  const claim = hasSlot ? deps.claimant() : null;
  group.push({ type: 'accept', execution, claim, maxQueued: isRejected ? 0 : deps.policy.maxQueued });
  if (refusal !== null) {
    const end = { executionId: execution.id, attempt: 0, at: now, result: null, end: null };
    group.push({ type: 'settle', outcome: refusal, ...end });
  }
  return { group, scheduler, slot: hasSlot ? scheduler : null, isRejected };
}

function limitReached(scheduler: Scheduler): RefusedError {
  return new RefusedError('limit_reached', 'No slot is free, and the request is not to be queued.', {
    retryAfterS: scheduler.retryAfterS(),
  });
}

async function conclude(
  caller: Caller,
  { scheduler, slot, isRejected }: Draft,
  result: GroupResult,
  deps: SubmitDeps,
): Promise<Submitted | RefusedError> {
  const execution = result.status === 'applied' ? result.executions.at(-1) : undefined;
  if (execution !== undefined) {
    if (execution.status === 'running') deps.run(execution);
    return { execution, isReplay: false };
  }
  slot?.release();
  if (result.status !== 'refused')
    return new RefusedError('internal_error', 'The store did not take the execution.');
  switch (result.reason) {
    case 'queue_full':
      if (isRejected) return limitReached(scheduler);
      return new RefusedError('queue_full', `${deps.policy.maxQueued} executions are waiting already.`, {
        retryAfterS: scheduler.retryAfterS(),
      });
    case 'key_reused':
      return new RefusedError('idempotency_key_reused', 'This key has come with another body before.');
    case 'key_gone':
      return new RefusedError(
        'execution_removed',
        `The execution ${result.executionId} of this key was removed.`,
      );
    case 'key_replayed': {
      const first = await deps.store.get(caller.userId, result.executionId);
      if (first !== null) return { execution: first, isReplay: true };
      return new RefusedError(
        'execution_removed',
        `The execution ${result.executionId} of this key was removed.`,
      );
    }
    default:
      return new RefusedError('internal_error', `The store refused the execution: ${result.reason}.`);
  }
}
