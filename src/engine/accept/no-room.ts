// Why there is no room for one more execution, in words.
import { hasNoRun } from '../../domain/kinds.ts';
import type { Caller } from '../../domain/spec/access.ts';
import { quoted, RefusedError } from '../../domain/errors.ts';
import type { AnySpec } from '../../domain/spec/any.ts';
import type { Scheduler } from '../run/scheduler.ts';
import type { SubmitDeps } from './submission.ts';

export function queueFull(scheduler: Scheduler, maxQueued: number): RefusedError {
  const detail = `${maxQueued} executions wait already, the most that EXECUTION_MAX_QUEUED allows. Try again later.`;
  return new RefusedError('queue_full', detail, { retryAfterS: scheduler.retryAfterS() });
}

export function keyBusy(spec: AnySpec, scheduler: Scheduler): RefusedError {
  const { key = '', limit = 1 } = hasNoRun(spec) ? {} : (spec.concurrency ?? {});
  const detail =
    `${limit} executions with the concurrency key ${quoted(key)} run or wait, and its limit (concurrency.limit) allows no more. ` +
    'Try again later, or set concurrency.on_conflict to "queue".';
  return new RefusedError('concurrency_key_busy', detail, { retryAfterS: scheduler.retryAfterS() });
}

export function userQueueFull(
  { userId }: Caller,
  { rules, policy, store }: SubmitDeps,
  scheduler: Scheduler,
): RefusedError {
  const { queued } = rules.quotasOf(userId);
  const most =
    queued === null ? `${policy.maxQueued} of all users (EXECUTION_MAX_QUEUED)` : `${queued} (quotas.queued)`;
  const detail =
    `${store.queueUse(userId).waiting.own} executions of user ${quoted(userId)} wait for a slot or for a retry; at most ${most} may wait. ` +
    'Wait until some of them have begun, or cancel some.';
  return new RefusedError('user_queue_full', detail, { retryAfterS: scheduler.retryAfterS() });
}

export function limitReached(scheduler: Scheduler): RefusedError {
  const { slots, slotKind } = scheduler;
  const setting = slotKind === 'http' ? 'EXECUTION_MAX_CONCURRENT_HTTP' : 'EXECUTION_MAX_CONCURRENT';
  const detail =
    `At most ${slots} executions run at the same time (${setting}), and none can begin now. ` +
    'Try again later, or let the execution wait with "on_limit": "queue".';
  return new RefusedError('limit_reached', detail, { retryAfterS: scheduler.retryAfterS() });
}
