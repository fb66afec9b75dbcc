// What would become of a submission now. It asks the same questions as a submit, in the same order, and changes nothing: no
// record, no reservation, no slot, no count of the cache or of a circuit. Nothing holds the answer for the next request.
import { cacheOwner } from '../../domain/cache.ts';
import type { Caller } from '../../domain/spec/access.ts';
import { availableOf } from '../../domain/credits/account.ts';
import { RefusedError } from '../../domain/errors.ts';
import { poolOf } from '../../domain/pools.ts';
import { slotKindOf } from '../../domain/execution/execution.ts';
import type { NewExecution } from '../../domain/ports/group.ts';
import { mayTake } from '../../domain/shares.ts';
import { insufficientCredits, stored } from '../refusals.ts';
import { mayShare, mostJoined, mustStart, onLimitOf, price } from './submit.ts';
import { limitReached, queueFull } from './no-room.ts';
import { accepted } from './accepted.ts';
import type { Submission, SubmitDeps } from './submission.ts';

/** How an execution would begin. `refused_by_circuit`: it would be accepted, and fail at once. */
export type WouldBegin = 'hit' | 'joined' | 'running' | 'queued' | 'scheduled' | 'refused_by_circuit';

export interface DryRun {
  /** Null when it would be accepted. */
  refusal: RefusedError | null;
  /** Null when it would be refused. */
  begins: WouldBegin | null;
  /** With everything that applies to it; null when that could not be made out. */
  execution: NewExecution | null;
  /** What happens when no slot is free. */
  onLimit: 'queue' | 'reject';
  /** Null when it would be free. */
  cost: { reserved: number; available: number } | null;
}

/** @throws RefusedError only when the store cannot be read */
export async function dryRun(caller: Caller, submission: Submission, deps: SubmitDeps): Promise<DryRun> {
  let execution: NewExecution;
  try {
    execution = accepted(caller, submission, deps);
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    return { refusal: error, begins: null, execution: null, onLimit: deps.policy.onLimit, cost: null };
  }
  const found = beginning(execution, deps);
  const begins = found instanceof RefusedError ? null : found;
  if (begins === 'hit' && execution.cache !== null) execution.cache = { ...execution.cache, status: 'hit' };
  if (begins === 'joined' && execution.cache !== null)
    execution.cache = { ...execution.cache, status: 'joined' };
  const cost = await costOf(caller, submission, execution, begins, deps);
  const isShort = cost !== null && cost.reserved > cost.available;
  const short = isShort
    ? insufficientCredits({ reason: 'no_credit', needed: cost.reserved, available: cost.available })
    : null;
  const refusal = found instanceof RefusedError ? found : short;
  const onLimit = onLimitOf(execution, deps.policy);
  return { refusal, begins: refusal === null ? begins : null, execution, onLimit, cost };
}

function beginning(execution: NewExecution, deps: SubmitDeps): WouldBegin | RefusedError {
  const { cache, userId, startAt } = execution;
  if (startAt !== null) return 'scheduled';
  if (cache !== null && mayShare(cache)) {
    if (deps.cache.peek(cacheOwner(cache, userId), cache.key) !== null) return 'hit';
    const runId = deps.joins.peek(execution, mostJoined(execution));
    if (runId !== null) return 'joined';
  }
  if (deps.policies.isOpen(execution)) return 'refused_by_circuit';
  const scheduler = deps.schedulers[slotKindOf(execution.work) ?? 'process'];
  if (scheduler.hasRoomFor(poolOf(execution.work))) return 'running';
  const { maxQueued } = deps.policy;
  if (mustStart(execution, scheduler, deps.policy)) return limitReached(scheduler);
  return mayTake(deps.store.queueUse(userId).waiting, 1, maxQueued)
    ? 'queued'
    : queueFull(scheduler, maxQueued);
}

async function costOf(
  caller: Caller,
  submission: Submission,
  execution: NewExecution,
  begins: WouldBegin | null,
  deps: SubmitDeps,
): Promise<DryRun['cost']> {
  const { pricing } = price(execution, { joins: begins === 'joined' }, submission, deps);
  if (pricing === undefined || execution.cost === null) return null;
  const { userId } = caller;
  const extra = await stored(deps.store.windowCredits(userId, pricing.windows, deps.clock.now()));
  const account = await stored(deps.store.account(userId));
  const reserved = execution.cost.reserved + extra;
  if (reserved === 0) return null;
  return { reserved, available: account === null ? 0 : availableOf(account) };
}
