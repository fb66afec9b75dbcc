// What the tables of a store come to when they are counted, as rows; every store finds them in its own way.
import type { Memory } from './memory.ts';
import type { ExecutionRow } from './rows.ts';
import { countOf } from './rules/counting.ts';
import type { CountName } from './rules/facts.ts';

interface OfUser {
  user_id: string;
  n: number;
}

export interface Counted {
  /** By what they are; `plan_id` is that of one of them. */
  executions: (Pick<ExecutionRow, 'status' | 'phase' | 'pool' | 'plan_id'> & { n: number })[];
  /** Those of each user that wait or run, without plans. */
  live: (OfUser & Pick<ExecutionRow, 'status' | 'phase'>)[];
  /** Those of each user that have ended, without steps. */
  ended: OfUser[];
  /** Concurrency keys of what runs, and keys of users with what waits or runs. */
  keys: { key: string; n: number }[];
  openKeys: (OfUser & { key: string })[];
  storeBytes: { user_id: string; bytes: number }[];
  /** Of attempts that have ended; null: nothing of the run is there any more. */
  logBytes: { user_id: string | null; bytes: number; n: number }[];
  /** Deliveries that wait. */
  pending: OfUser[];
}

/** Takes what was counted into an empty memory. */
export function count(memory: Memory, tables: Counted): void {
  const { users } = memory;
  for (const row of tables.executions) {
    const name = countOf(row);
    if (name !== null) add(memory, name, row.n);
    if (row.phase === 'done' && row.plan_id !== null) add(memory, 'finishedSteps', row.n);
  }
  for (const { user_id: userId, status, phase, n } of tables.live) {
    users.change(userId, status === 'running' ? 'running' : 'waiting', n);
    if (phase === 'scheduled_retry') users.change(userId, 'retrying', n);
  }
  for (const { user_id: userId, n } of tables.ended) users.change(userId, 'kept', n);
  for (const { key, n } of tables.keys) memory.set('keys', key, n);
  for (const { user_id: userId, key, n } of tables.openKeys) {
    memory.set('openKeys', key, n);
    users.change(userId, 'keys', 1);
  }
  for (const { user_id: userId, bytes } of tables.storeBytes) users.change(userId, 'storeBytes', bytes);
  for (const { user_id: userId, bytes, n } of tables.logBytes) {
    if (userId === null) continue;
    users.change(userId, 'logBytes', bytes);
    users.change(userId, 'logs', n);
  }
  for (const { user_id: userId, n } of tables.pending) {
    memory.set('pending', userId, n);
    add(memory, 'pending', n);
  }
}

function add(memory: Memory, name: CountName, by: number): void {
  memory.set('counts', name, memory.source.counts(name) + by);
}
