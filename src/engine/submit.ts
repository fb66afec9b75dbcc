// Accepting: what is answered with an execution is on the disk by then; what is refused leaves nothing behind.
import type { Caller } from '../domain/access.ts';
import { whyNotAllowed } from '../domain/access.ts';
import { RefusedError } from '../domain/errors.ts';
import type { Execution, RunningExecution, Trace } from '../domain/execution.ts';
import type { ExecutionId } from '../domain/ids.ts';
import type { Claimant, Clock, Group, GroupResult, Part, Store } from '../domain/ports.ts';
import type { Spec } from '../domain/spec.ts';
import type { EnginePolicy } from './policy.ts';
import { newExecution } from './policy.ts';
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
  scheduler: Scheduler;
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
  const drafts = submissions.map((submission) => draft(caller, submission, deps));
  const groups = drafts.flatMap((one) => (one instanceof RefusedError ? [] : [one.group]));
  let results: GroupResult[];
  try {
    results = groups.length === 0 ? [] : await deps.commit(groups);
  } catch (error) {
    for (const one of drafts) if (!(one instanceof RefusedError) && one.hasSlot) deps.scheduler.release();
    throw error;
  }
  let next = 0;
  const answers: (Submitted | RefusedError)[] = [];
  for (const one of drafts) {
    if (one instanceof RefusedError) answers.push(one);
    else answers.push(await conclude(caller, one, results[next++] as GroupResult, deps));
  }
  deps.scheduler.fill();
  return answers;
}

interface Draft {
  group: Group;
  hasSlot: boolean;
}

function draft(caller: Caller, submission: Submission, deps: SubmitDeps): Draft | RefusedError {
  const { spec, rerunOf, idempotency } = submission;
  const notAllowed = whyNotAllowed(caller, spec);
  if (notAllowed !== null) return new RefusedError('command_not_allowed', notAllowed);
  const hasSlot = deps.scheduler.tryReserve();
  if (!hasSlot && (spec.on_limit ?? deps.policy.onLimit) === 'reject') {
    return new RefusedError('limit_reached', 'No slot is free, and the request is not to be queued.', {
      retryAfterS: deps.scheduler.retryAfterS(),
    });
  }
  const now = deps.clock.now();
  const trace = submission.trace ?? deps.newTrace();
  const execution = newExecution({ id: deps.newId(), spec, caller, trace, rerunOf, now }, deps.policy);
  const group: Part[] = [];
  if (idempotency !== null) {
    const { key, bodyHash } = idempotency;
    const lifetime = { at: now, expiresAt: now + KEY_LIFETIME_MS };
    group.push({
      type: 'idempotency',
      userId: caller.userId,
      key,
      bodyHash,
      executionId: execution.id,
      ...lifetime,
    });
  }
  const claim = hasSlot ? deps.claimant() : null;
  group.push({ type: 'accept', execution, claim, maxQueued: deps.policy.maxQueued });
  return { group, hasSlot };
}

async function conclude(
  caller: Caller,
  { hasSlot }: Draft,
  result: GroupResult,
  deps: SubmitDeps,
): Promise<Submitted | RefusedError> {
  const execution = result.status === 'applied' ? result.executions[0] : undefined;
  if (execution !== undefined) {
    if (execution.status === 'running') deps.run(execution);
    return { execution, isReplay: false };
  }
  if (hasSlot) deps.scheduler.release();
  if (result.status !== 'refused')
    return new RefusedError('internal_error', 'The store did not take the execution.');
  switch (result.reason) {
    case 'queue_full':
      return new RefusedError('queue_full', `${deps.policy.maxQueued} executions are waiting already.`, {
        retryAfterS: deps.scheduler.retryAfterS(),
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
