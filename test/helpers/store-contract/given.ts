// What the parts of the contract of a store have in common: short ways to commit a group, and to come to an execution.
import type { Test } from 'tap';
import type { Execution, Timeouts } from '../../../src/domain/execution/execution.ts';
import type { Store } from '../../../src/domain/ports/store.ts';
import type { Group, GroupResult, IdempotencyPart } from '../../../src/domain/ports/group.ts';
import { accept, END, newExecution, settle } from '../records.ts';

export interface StoreWorld {
  store: Store;
  /** The clock of the store, which the test sets. */
  clock: { now: number };
  /** Closes the store, and opens the same one again as a server of its own would. */
  reopen(): Promise<Store>;
}

export type MakeWorld = (t: Test) => Promise<StoreWorld>;

export const CLAIM = { runner: 'test' };

/** What the clock of the store begins at. */
export const BEGINNING = 1000;

export function applied(result: GroupResult | undefined): Execution[] {
  if (result?.status !== 'applied')
    throw new Error(`expected an applied group, got ${JSON.stringify(result)}`);
  return result.executions;
}

export async function one(store: Store, group: Group): Promise<GroupResult> {
  const [result] = await store.commit([group]);
  return result as GroupResult;
}

/** Accepts executions; answers their ids. */
export async function given(
  store: Store,
  ...executions: ReturnType<typeof newExecution>[]
): Promise<string[]> {
  const results = await store.commit(executions.map((execution) => [accept(execution)]));
  return results.map((result) => (applied(result)[0] as Execution).id);
}

export async function claim(store: Store, limit = 1): Promise<Execution[]> {
  return applied(await one(store, [{ type: 'claim_next', pools: ['process'], limit, claim: CLAIM }]));
}

export async function givenRunning(
  store: Store,
  more: Parameters<typeof newExecution>[0] = {},
): Promise<string> {
  const execution = newExecution(more);
  applied(await one(store, [accept(execution, { claim: CLAIM })]));
  return execution.id;
}

export function limitsPatch(executionId: string, timeouts: Timeouts) {
  const of = { userId: 'ann', executionId, revision: 1 };
  return { type: 'patch', ...of, priority: null, timeouts } as const;
}

export async function get(store: Store, id: string, user: string | null = 'ann'): Promise<Execution> {
  const execution = await store.get(user, id);
  if (execution === null) throw new Error(`there is no ${id}`);
  return execution;
}

export const cancel = (executionId: string, userId = 'ann') =>
  ({ type: 'cancel', userId, executionId, reason: 'because' }) as const;

export const requeue = (executionId: string, attempt: number) =>
  ({ type: 'requeue', executionId, attempt }) as const;

export const remove = (executionId: string, userId: string | null = 'ann') =>
  ({ type: 'remove', userId, executionId }) as const;

export const progress = (executionId: string, attempt: number, stdoutBytes: number) =>
  ({
    type: 'progress',
    executionId,
    attempt,
    startedAt: 2050,
    output: { ...END.output, stdoutBytes },
  }) as const;

export function key(executionId: string, more: Partial<IdempotencyPart> = {}): IdempotencyPart {
  const base = {
    type: 'idempotency',
    userId: 'ann',
    key: 'k',
    bodyHash: 'h',
    lifetimeMs: 4000,
  } as const;
  return { ...base, executionId, ...more };
}

/** An execution that has run; its events are accepted, started and completed. */
export async function ran(store: Store, more: Parameters<typeof newExecution>[0] = {}): Promise<string> {
  const execution = newExecution(more);
  await one(store, [accept(execution, { claim: CLAIM })]);
  await one(store, [settle(execution.id, 1)]);
  return execution.id;
}
