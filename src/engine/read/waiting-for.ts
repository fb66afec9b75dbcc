// What an execution waits for: one rule, for whoever reads an execution and for whoever asks for an explanation.
import type { SlotKind } from '../../domain/kinds.ts';
import type { Pause } from '../../domain/pauses.ts';
import type { AccessRules } from '../../domain/access/access-rules.ts';
import type { WaitingFor } from '../../domain/execution/explained.ts';
import type { PendingExecution } from '../../domain/execution/execution.ts';
import { awaitedOf } from '../../domain/plans/waits.ts';
import type { Store } from '../../domain/ports/store.ts';
import { poolOf } from '../../domain/pools.ts';
import { stored } from '../refusals.ts';
import type { Pools } from '../policies/pools.ts';
import { schedulerOf } from '../run/runs.ts';
import type { Scheduler } from '../run/scheduler.ts';

export interface WaitingDeps {
  store: Pick<Store, 'keyUse' | 'queueUse'>;
  schedulers: Readonly<Record<SlotKind, Pick<Scheduler, 'slotKind' | 'slots' | 'inUse' | 'meanMs'>>>;
  pools: Pick<Pools, 'isOwn' | 'servedBy'>;
  rules: () => Pick<AccessRules, 'quotasOf'>;
  isOpen: () => boolean;
  pauseOf: (execution: PendingExecution) => Pause | null;
  ownDrain: () => Pause | null;
}

/** What an execution may wait for, as it is now. */
export interface Bounds {
  isOpen: boolean;
  /** Slots of this server. */
  slots: { kind: SlotKind; total: number; running: number; meanMs: number | null };
  /** Its pool, and which servers serve it: null is this one, at least. */
  pool: { name: string; servers: string[] | null };
  /** How many run with its concurrency key; null without one. */
  keyRunning: number | null;
  user: { running: number; limit: number | null };
  /** What holds it back in the queue. */
  pause: Pause | null;
  /** Why this server starts nothing; null when it does. */
  drain: Pause | null;
}

/** @throws RefusedError when the store cannot be read */
export async function boundsOf(
  execution: PendingExecution,
  { store, schedulers, pools, rules, isOpen, pauseOf, ownDrain }: WaitingDeps,
): Promise<Bounds> {
  const { userId, concurrency } = execution;
  const { slotKind: kind, slots: total, inUse: running, meanMs } = schedulerOf(schedulers, execution);
  const name = poolOf(execution.work);
  return {
    isOpen: isOpen(),
    pause: pauseOf(execution),
    drain: ownDrain(),
    slots: { kind, total, running, meanMs },
    pool: {
      name,
      servers: pools.isOwn(name) || execution.phase !== 'queued' ? null : await pools.servedBy(name),
    },
    keyRunning: concurrency === null ? null : await stored(store.keyUse(concurrency.key)),
    user: { running: store.queueUse(userId).running.own, limit: rules().quotasOf(userId).running },
  };
}

export function waitingFor(execution: PendingExecution, bounds: Bounds): WaitingFor {
  const { phase, concurrency } = execution;
  const { isOpen, keyRunning, user, slots, pool } = bounds;
  if (phase === 'joined') return 'joined';
  if (phase === 'awaiting') return awaitedOf(execution);
  if (phase === 'scheduled') return 'start_time';
  if (phase === 'scheduled_retry') return 'retry_time';
  if (!isOpen) return 'shutting_down';
  if (bounds.pause !== null) return 'paused';
  if (pool.servers?.length === 0) return 'no_runner';
  if (concurrency !== null && (keyRunning ?? 0) >= concurrency.limit) return 'concurrency_limit';
  if (user.limit !== null && user.running >= user.limit) return 'user_limit';
  const isElsewhere = pool.servers !== null || bounds.drain !== null;
  return isElsewhere || slots.running >= slots.total ? 'no_free_slot' : 'turn';
}
