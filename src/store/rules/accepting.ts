// How executions come in: one by one, with the key that guards them, or many alike that have ended already.
import { hasSteps, isWait } from '../../domain/kinds.ts';
import { acceptEvents } from '../../domain/execution/events.ts';
import { tooMuchKept } from '../../domain/kept.ts';
import { statusOf } from '../../domain/execution/lifecycle.ts';
import type { FinalStatus, Outcome } from '../../domain/outcome.ts';
import type { IdempotencyPart } from '../../domain/ports/group.ts';
import {
  type AttemptRow,
  type EventRow,
  type ExecutionRow,
  isOpenRun,
  type NewRow,
  ownAnswer,
} from '../rows.ts';
import { cancel } from './stopping.ts';
import { bytesOf, countAnswers, countsOf, keepsOf, mayAdd, mayOpenKey, recount, roomOf } from './counting.ts';
import { isHeard, noteEvents, tellingNeeds } from './deliveries.ts';
import { pair } from './facts.ts';
import { charge, hold, look, owe } from './money.ts';
import { isPaused } from './pausing.ts';
import {
  addAttempt,
  announce,
  changeNeeds,
  endSilence,
  finished,
  label,
  ownerOf,
  scheduleIdOf,
} from './moves.ts';
import { type Accept, type Answers, type FullReason, type Rule, type Undone, type Work } from './parts.ts';
import type { WorkingSet } from './working-set.ts';

export const acceptPart: Rule<Accept> = {
  needs({ row, end, joins, pricing, conflict, besides }) {
    const { user_id: userId, concurrency_key: key, join_key: joinKey, plan_id: planId, step } = row;
    const windows = pricing?.windows ?? [];
    const scheduleId = end === null ? null : scheduleIdOf(row);
    return {
      executions: planId === null ? [] : [planId],
      steps: planId === null ? [] : [pair(planId, step ?? '')],
      counts: countsOf(row),
      users: [userId],
      keys: key === null ? [] : [key],
      openKeys: key === null ? [] : [key],
      keyed: key === null || conflict === undefined ? [] : [key],
      openRuns: joinKey === null || besides === undefined ? [] : [joinKey],
      windows: windows.map(({ name }) => pair(userId, name)),
      accounts: row.cost === null ? [] : [userId],
      runsOf: joins ? [row.run_id] : [],
      schedules: scheduleId === null ? [] : [scheduleId],
      ...tellingNeeds([userId]),
    };
  },
  more({ row: { concurrency_key: key }, conflict }, set) {
    if (key === null || conflict === undefined) return {};
    const rows = set.keyed(key);
    const runs = rows.map(({ run_id: runId }) => runId);
    return { ...changeNeeds(rows), members: runs, executions: runs };
  },
  apply(part, set, work) {
    const { end, pricing } = part;
    const open = openRun(set, part);
    if (open !== null) return { status: 'refused', reason: 'run_open', executionId: open };
    const conflict = end === null ? yieldTo(set, part, work) : null;
    if (conflict !== null) return conflict;
    const refusal =
      whyNoStep(set, part.row) ?? whyTooMuch(set, part) ?? (end === null ? whyFull(set, part) : null);
    if (refusal !== null) return refusal;
    const times = { created_at: set.now, queued_at: set.now };
    const held = look(set, part.row, pricing?.windows ?? []);
    if (held !== null && 'status' in held) return held;
    const begun = begin(set, part);
    if ('reason' in begun) return begun;
    const { attempts, ...state } = begun;
    const events = acceptEvents(state.phase, end?.outcome ?? null);
    const fresh: NewRow = { ...part.row, ...times, ...state, revision: 1, event_sequence: events.length };
    if (held !== null) {
      fresh.cost = hold(set, fresh, held);
      // Nothing can change what an execution costs that has ended with its acceptance.
      if (end !== null && fresh.cost !== null)
        fresh.cost = chargeAtOnce(set, fresh, end.outcome, pricing?.lowBalance ?? null, work);
    }
    const row = set.insert(fresh);
    label(set, row, part.labels);
    if (hasSteps(row) && row.phase !== 'done') set.put('drivers', row.id, part.epoch);
    recount(set, null, row);
    announce(set, row, { after: 0, events }, work);
    if (row.status === 'completed') endSilence(set, row);
    // What has ended with its acceptance is known to the caller already, but for what it cost.
    if (end === null) work.touched.push({ row, attempts });
    else if (row.cost !== null) work.touched.push({ row: { ...row, result: null }, attempts });
    return null;
  },
};

/** The run of identical work that it is to join. */
function openRun(set: WorkingSet, { row: { join_key: key }, besides }: Accept): string | null {
  if (key === null || besides === undefined) return null;
  const newest = set.openRuns(key).at(-1);
  return newest === undefined || newest.run_id === besides ? null : newest.run_id;
}

/** Does to others with its concurrency key what it asks for; returns why it is refused. */
function yieldTo(set: WorkingSet, { row, conflict }: Accept, work: Work): Undone | null {
  const { concurrency_key: key, concurrency_limit: limit, user_id: userId } = row;
  if (key === null || limit === null) return null;
  if (!mayOpenKey(set, userId, key)) return { status: 'refused', reason: 'too_many_open_keys' };
  if (conflict === undefined) return null;
  const others = set.keyed(key);
  if (conflict === 'reject') return others.length < limit ? null : { status: 'refused', reason: 'key_busy' };
  const reason = `Replaced by the execution ${row.id}.`;
  const running = others.filter(({ phase }) => phase === 'starting');
  const going = {
    cancel_running: running.slice(0, Math.max(0, running.length - limit + 1)),
    replace_queued: others.filter(({ status }) => status === 'pending'),
    debounce: others.filter(({ phase }) => phase === 'scheduled'),
  }[conflict];
  for (const other of going) cancel(set, other, { reason }, work);
  return null;
}

type Begun = Partial<ExecutionRow> & { phase: ExecutionRow['phase']; attempts: AttemptRow[] };

/** How it begins: ended, joined, running or waiting. */
function begin(
  set: WorkingSet,
  { row, end, joins, claim }: Accept,
): Begun | (Undone & { reason: 'run_gone' }) {
  if (end !== null) {
    const { outcome, result } = end;
    const status = statusOf('done', outcome);
    return { phase: 'done', status, ...finished(outcome, set.now), result, attempts: [] };
  }
  if (joins) {
    const owner = ownerOf(set, row.run_id);
    return owner !== null && isOpenRun(owner)
      ? { phase: 'joined', attempts: [] }
      : { status: 'refused', reason: 'run_gone' };
  }
  if (isWait(row)) return { phase: 'awaiting', attempts: [] };
  if (row.retry_at !== null) return { phase: 'scheduled', attempts: [] };
  if (claim !== null && mayRun(set, row)) {
    const attempts = addAttempt(set, { run_id: row.run_id, attempt: 0 }, claim);
    return { phase: 'starting', status: 'running', attempt: 1, attempts };
  }
  if (hasSteps(row)) return { phase: 'starting', status: 'running', attempts: [] };
  return { phase: 'queued', attempts: [] };
}

function chargeAtOnce(
  set: WorkingSet,
  row: NewRow,
  outcome: Outcome,
  lowBalance: number | null,
  work: Work,
): string | null {
  owe(set, row, 'hit', outcome, []);
  const charged = charge(set, { executionId: row.id, lowBalance }, row, work);
  return charged === null ? row.cost : charged.cost;
}

/** Why a step of a plan is refused; null where it is not. */
function whyNoStep(set: WorkingSet, { plan_id: planId, step }: Accept['row']): Undone | null {
  if (planId === null) return null;
  if (set.execution(planId)?.phase !== 'starting') return { status: 'refused', reason: 'plan_closed' };
  const known = set.get('steps', pair(planId, step ?? ''));
  return known === null ? null : { status: 'refused', reason: 'step_exists' };
}

/** What its user keeps too much of. */
function whyTooMuch(set: WorkingSet, { row, quota }: Accept): Undone | null {
  const tooMuch = quota === undefined ? null : tooMuchKept(keepsOf(set, row.user_id), quota.kept);
  return tooMuch === null ? null : { status: 'refused', reason: 'quota_exceeded', tooMuch };
}

/** Why there is no room for one more execution that has not ended yet; null when there is. */
function whyFull(set: WorkingSet, part: Accept): Undone | null {
  const reason = fullReason(set, part);
  return reason === null ? null : { status: 'refused', reason };
}

function fullReason(
  set: WorkingSet,
  { row, joins, claim, quota, mayWait, maxQueued }: Accept,
): FullReason | null {
  const { user_id: userId } = row;
  const { waiting, retrying } = set.get('users', userId);
  const queued = quota?.queued ?? null;
  if (claim !== null && !joins && mayRun(set, row)) {
    // It may have to be retried: a user whose retries fill the queue begins nothing more. Those of others do not count.
    const isOver = (queued !== null && retrying >= queued) || !mayAdd(set, userId, 'retrying', maxQueued);
    return retrying > 0 && isOver ? 'user_queue_full' : null;
  }
  if (mayWait === false) return 'queue_full';
  if (queued !== null && waiting >= queued) return 'user_queue_full';
  return mayAdd(set, userId, 'waiting', maxQueued) ? null : 'queue_full';
}

function mayRun(set: WorkingSet, row: Accept['row']): boolean {
  const { user_id: userId, pool, concurrency_key: key, concurrency_limit: limit } = row;
  if (isPaused(set, row) || (pool !== 'none' && roomOf(set, userId) <= 0)) return false;
  return key === null || limit === null || set.get('keys', key) < limit;
}

export const idempotencyPart: Rule<IdempotencyPart> = {
  needs: ({ userId, key }) => ({ idempotency: [pair(userId, key)] }),
  more({ userId, key }, set) {
    const known = set.get('idempotency', pair(userId, key));
    return known === null ? {} : { executions: [known.execution_id] };
  },
  apply({ userId, key, bodyHash, executionId, lifetimeMs }, set) {
    const known = set.get('idempotency', pair(userId, key));
    if (known !== null && known.expires_at > set.now) {
      if (known.body_hash !== bodyHash) return { status: 'refused', reason: 'key_reused' };
      const reason = set.execution(known.execution_id) === null ? 'key_gone' : 'key_replayed';
      return { status: 'refused', reason, executionId: known.execution_id };
    }
    const row = { body_hash: bodyHash, execution_id: executionId, expires_at: set.now + lifetimeMs };
    set.put('idempotency', pair(userId, key), row);
    return null;
  },
};

/** Those that are there already stay as they are. */
export const answersPart: Rule<Answers> = {
  needs: ({ like, ids }) => ({
    executions: ids,
    firstEvents: ids,
    users: [like.user_id],
    ...tellingNeeds([like.user_id]),
  }),
  apply({ like, labels, ids, traces, times, isSilent }, set, work) {
    const isTold = isSilent !== true && isHeard(set, like);
    let [added, bytes] = [0, 0];
    const bytesOfEach = bytesOf({ ...like, facts: '' });
    let position = set.next('event', 2 * ids.filter((id) => set.execution(id) === null).length);
    for (const [i, id] of ids.entries()) {
      if (set.execution(id) !== null) {
        work.answers.push(set.get('firstEvents', id) as number);
        continue;
      }
      const at = times[i] as number;
      const row = set.insert({ ...like, ...ownAnswer(like, { id, at, trace: traces[i] as string }) });
      label(set, row, labels);
      bytes += bytesOfEach + Buffer.byteLength(row.facts);
      const events = answerEvents(row, position, at);
      for (const event of events) set.announce(event);
      if (isTold) noteEvents(set, row, events, () => []);
      set.fill('firstEvents', id, position);
      work.answers.push(position);
      position += 2;
      added += 1;
    }
    countAnswers(set, like, added, bytes);
    return null;
  },
};

function answerEvents(row: ExecutionRow, position: number, at: number): [EventRow, EventRow] {
  const shared = { execution_id: row.id, at, attempt: 0, phase: 'done', step: null } as const;
  return [
    { position, ...shared, sequence: 1, type: 'accepted' },
    { position: position + 1, ...shared, sequence: 2, type: row.status as FinalStatus },
  ];
}
