// How many executions there are of each sort, of all users and of each. Goes with every change of an execution.
import { MAX_OPEN_KEYS } from '../../domain/execution/execution.ts';
import { KEPT, type KeptUse } from '../../domain/kept.ts';
import type { OutputTotals } from '../../domain/output-totals.ts';
import { mayTake, type Taken } from '../../domain/shares.ts';
import type { AttemptRow, ExecutionRow } from '../rows.ts';
import type { CountName, Usage } from './facts.ts';
import type { WorkingSet } from './working-set.ts';

type Counted = Pick<ExecutionRow, 'status' | 'phase' | 'pool'>;

/** The counts that change with an execution, beside those that are loaded for every batch. */
export const countsOf = ({ pool }: Pick<ExecutionRow, 'pool'>): CountName[] =>
  pool === 'none' ? [] : [`queued ${pool}`];

/** The count that an execution belongs to. */
export function countOf({ phase, status, pool }: Counted): CountName | null {
  if (phase === 'scheduled') return 'delayed';
  if (phase === 'awaiting') return 'awaiting';
  if (phase === 'scheduled_retry' || phase === 'joined') {
    return phase === 'joined' ? 'joined' : 'scheduledRetry';
  }
  if (status === 'running') return 'running';
  if (status !== 'pending') return `finished ${status}`;
  return pool === 'none' ? null : `queued ${pool}`;
}

/** Counts an execution as what it has become; `before` null is a new one, `after` null one that is gone. */
export function recount(set: WorkingSet, before: ExecutionRow | null, after: ExecutionRow | null): void {
  const by: Partial<Usage> = { storeBytes: growth(before, after) };
  if (before === null || before.phase !== after?.phase || before.status !== after.status) {
    if (before !== null) count(set, before, -1, by);
    if (after !== null) count(set, after, 1, by);
  }
  const { user_id: userId } = (after ?? before) as ExecutionRow;
  addUsage(set, userId, by);
}

/** Counts so many executions that ended alike. */
export function countAnswers(
  set: WorkingSet,
  like: Counted & Pick<ExecutionRow, 'user_id' | 'plan_id'>,
  added: number,
  bytes: number,
): void {
  const name = countOf(like);
  if (name !== null) set.add('counts', name, added);
  const isStep = like.plan_id !== null;
  if (isStep) set.add('counts', 'finishedSteps', added);
  addUsage(set, like.user_id, { kept: isStep ? 0 : added, storeBytes: bytes });
}

function count(set: WorkingSet, row: ExecutionRow, n: 1 | -1, by: Partial<Usage>): void {
  const name = countOf(row);
  if (name !== null) set.add('counts', name, n);
  const { status, phase, pool, plan_id: planId, concurrency_key: key } = row;
  if (phase === 'done') {
    if (planId === null) by.kept = (by.kept ?? 0) + n;
    else set.add('counts', 'finishedSteps', n);
    return;
  }
  if (key !== null) countKey(set, key, status === 'running', n, by);
  // A plan takes nothing; its steps do. One that is to start later waits like any other.
  if (pool === 'none' && phase !== 'scheduled') return;
  const field = status === 'running' ? 'running' : 'waiting';
  by[field] = (by[field] ?? 0) + n;
  if (phase === 'scheduled_retry') by.retrying = (by.retrying ?? 0) + n;
}

/** A key of a user is open while something waits or runs with it. */
function countKey(set: WorkingSet, key: string, isRunning: boolean, n: 1 | -1, by: Partial<Usage>): void {
  if (isRunning) set.add('keys', key, n);
  if (!isOwnKey(key)) return;
  const before = set.get('openKeys', key);
  set.add('openKeys', key, n);
  const change = Number(before + n > 0) - Number(before > 0);
  by.keys = (by.keys ?? 0) + change;
}

export const isOwnKey = (key: string): boolean => key.startsWith('user:');

/** Whether something may wait or run with a key: it is open, or its user may open one more. */
export function mayOpenKey(set: WorkingSet, userId: string, key: string): boolean {
  if (!isOwnKey(key) || set.get('openKeys', key) > 0) return true;
  return mayTake(taken(set, userId, 'keys'), 1, MAX_OPEN_KEYS);
}

/** Adds to what a user takes. */
export function addUsage(set: WorkingSet, userId: string, by: Partial<Usage>): void {
  const fields = (Object.keys(by) as (keyof Usage)[]).filter((field) => by[field] !== 0);
  if (fields.length === 0) return;
  const before = set.get('users', userId);
  const [now, total, users] = [
    { ...before },
    { ...set.get('sums', 'total') },
    { ...set.get('sums', 'users') },
  ];
  for (const field of fields) {
    now[field] += by[field] as number;
    total[field] += by[field] as number;
    users[field] += Number(now[field] > 0) - Number(before[field] > 0);
  }
  set.put('users', userId, now);
  set.put('sums', 'total', total);
  set.put('sums', 'users', users);
}

/** What a user has of something, among the users who have some. */
function taken(set: WorkingSet, userId: string, field: keyof Usage, among = field): Taken {
  const own = set.get('users', userId);
  const users = set.get('sums', 'users')[among] + (own[among] > 0 ? 0 : 1);
  return { own: own[field], total: set.get('sums', 'total')[field], users };
}

export function keepsOf(set: WorkingSet, userId: string): KeptUse {
  return Object.fromEntries(KEPT.map((what) => [what, taken(set, userId, what)])) as KeptUse;
}

/** Whether a user may add one more to what waits, or to what waits for its next attempt. */
export function mayAdd(
  set: WorkingSet,
  userId: string,
  field: 'waiting' | 'retrying',
  most: number,
): boolean {
  return mayTake(taken(set, userId, field, 'waiting'), 1, most);
}

/** How many more executions of a user may run. */
export function roomOf(set: WorkingSet, userId: string): number {
  const { users, running } = set.terms.shares;
  const most = (users[userId] ?? { running }).running;
  return most === null ? Infinity : Math.max(0, most - set.get('users', userId).running);
}

/** What a row takes beside its texts, with its events and its entries in indexes, roughly. */
export const ROW_BYTES = 1024;
/** Long texts of an execution; the others are short, or bounded. */
export const TEXTS = [
  'spec',
  'facts',
  'webhook',
  'outcome',
  'result',
] as const satisfies (keyof ExecutionRow)[];

/** What an execution takes in the store. */
export function bytesOf(row: Pick<ExecutionRow, (typeof TEXTS)[number]> | null): number {
  if (row === null) return 0;
  return TEXTS.reduce((sum, name) => sum + Buffer.byteLength(row[name] ?? ''), ROW_BYTES);
}

/** What is written of an execution when it is accepted does not change; what comes with its end comes once. */
function growth(before: ExecutionRow | null, after: ExecutionRow | null): number {
  if (before === null || after === null) return bytesOf(after) - bytesOf(before);
  return endBytesOf(after) - endBytesOf(before);
}

const endBytesOf = ({ outcome, result }: ExecutionRow): number =>
  Buffer.byteLength(outcome ?? '') + Buffer.byteLength(result ?? '');

/** What the logs of attempts keep. */
export function logsOf(attempts: readonly AttemptRow[]): Pick<Usage, 'logBytes' | 'logs'> {
  const kept = attempts
    .filter(({ outcome, output }) => outcome !== null && output !== null)
    .map(({ output }) => JSON.parse(output as string) as Partial<OutputTotals>)
    .filter(({ logRemoved }) => logRemoved !== true);
  return { logBytes: kept.reduce((sum, output) => sum + keptBytes(output), 0), logs: kept.length };
}

const keptBytes = ({ stdoutKeptBytes = 0, stderrKeptBytes = 0 }: Partial<OutputTotals>): number =>
  stdoutKeptBytes + stderrKeptBytes;
