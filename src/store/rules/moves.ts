// One change of an execution: checked against the table of legal moves, written, counted, announced, and paid for where it
// is the end.
import { hasSteps } from '../../domain/kinds.ts';
import type { EventType } from '../../domain/event-types.ts';
import type { Timeouts } from '../../domain/execution/execution.ts';
import { moveEvents } from '../../domain/execution/events.ts';
import type { Move, StoredPhase } from '../../domain/execution/lifecycle.ts';
import { statusOf, transition } from '../../domain/execution/lifecycle.ts';
import type { PricedAs } from '../../domain/credits/price.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { AttemptRow, EventRow, ExecutionRow } from '../rows.ts';
import { countsOf, recount } from './counting.ts';
import { noteEvents, tellingNeeds } from './deliveries.ts';
import type { Needs } from './facts.ts';
import { charge, owe } from './money.ts';
import { type Claim, type RowWithAttempts, STALE, type Undone, type Work } from './parts.ts';
import { noteCompleted } from './schedules.ts';
import type { WorkingSet } from './working-set.ts';

/** An event of a plan that speaks of a step. */
export interface StepEvent {
  type: EventType;
  step: string;
}

interface Change {
  changes: Partial<ExecutionRow>;
  events: readonly (EventType | StepEvent)[];
  /** How it is priced, if this is its end. */
  as?: PricedAs | 'left';
}

/** What has to be known to change these executions, and to tell of it. */
export function changeNeeds(rows: readonly (ExecutionRow | null)[]): Needs {
  const all = rows.filter((row) => row !== null);
  const users = all.map(({ user_id: userId }) => userId);
  const keys = all.flatMap(({ concurrency_key: key }) => (key === null ? [] : [key]));
  const costly = all.filter(({ cost }) => cost !== null);
  return {
    counts: all.flatMap(countsOf),
    attempts: all.map(({ run_id: runId }) => runId),
    reservations: costly.map(({ id }) => id),
    accounts: costly.map(({ user_id: userId }) => userId),
    users,
    keys,
    openKeys: keys,
    schedules: all.map(scheduleIdOf).filter((id) => id !== null),
    ...tellingNeeds(users),
  };
}

/** Null when the lifecycle has this move. */
export function whyNot(set: WorkingSet, row: ExecutionRow, move: Move): Undone | null {
  const next = transition(row, move);
  if (next.legal) return null;
  if (next.why === 'stale') return STALE;
  return { status: 'refused', reason: 'illegal', current: withAttempts(set, row) };
}

/** Makes one move of the lifecycle. */
export function move(
  set: WorkingSet,
  row: ExecutionRow,
  by: Move,
  change: { changes: Partial<ExecutionRow>; outcome?: Outcome },
  work: Work,
): Undone | null {
  const undone = whyNot(set, row, by);
  const next = transition(row, by);
  if (undone !== null || !next.legal || next.phase === 'gone') return undone;
  const { changes, outcome = null } = change;
  const status = statusOf(next.phase satisfies StoredPhase, outcome);
  const events = moveEvents(by.type, outcome);
  write(set, row, { changes: { ...changes, phase: next.phase, status }, events }, work);
  return null;
}

/** Changes an execution, and announces it. The status of a live one follows from its phase. */
export function write(set: WorkingSet, row: ExecutionRow, change: Change, work: Work): void {
  const { changes, events } = change;
  const sequence = row.event_sequence;
  const counters = { revision: row.revision + 1, event_sequence: sequence + events.length };
  const phase = changes.phase ?? row.phase;
  const status = phase === 'done' ? (changes.status ?? row.status) : statusOf(phase, null);
  let now = set.update(row, { ...changes, ...counters, status });
  recount(set, row, now);
  announce(set, now, { after: sequence, events }, work);
  if (phase === 'done' && status === 'completed') endSilence(set, now);
  const { attempts } = withAttempts(set, now);
  if (now.cost !== null && phase === 'done' && now.outcome !== null) {
    const as = change.as ?? pricedAs(row);
    const atEnd = owe(set, now, as, JSON.parse(now.outcome) as Outcome, attempts);
    if (atEnd !== null) now = chargeWithEnd(set, now, atEnd.lowBalance, work);
  }
  work.touched.push({ row: now, attempts });
}

/** The schedule that has started it; null when none has. */
export function scheduleIdOf({ facts }: Pick<ExecutionRow, 'facts'>): string | null {
  if (!facts.includes('"schedule":')) return null;
  return (JSON.parse(facts) as { schedule?: { id: string } }).schedule?.id ?? null;
}

/** A schedule whose work has completed is not silent. */
export function endSilence(set: WorkingSet, row: Pick<ExecutionRow, 'facts'>): void {
  const id = scheduleIdOf(row);
  if (id !== null) noteCompleted(set, id);
}

function pricedAs({ kind, phase }: ExecutionRow): PricedAs {
  if (hasSteps({ kind })) return 'plan';
  return phase === 'joined' ? 'joined' : 'run';
}

/** Its row is a revision further, like after a charge that comes later. */
function chargeWithEnd(
  set: WorkingSet,
  row: ExecutionRow,
  lowBalance: number | null,
  work: Work,
): ExecutionRow {
  const charged = charge(set, { executionId: row.id, lowBalance }, row, work);
  return charged === null ? row : set.update(row, { ...charged, revision: row.revision + 1 });
}

/** Adds events to an execution that has so many already. */
export function announce(
  set: WorkingSet,
  row: ExecutionRow,
  { after, events: types }: { after: number; events: readonly (EventType | StepEvent)[] },
  work: Work,
): void {
  const first = set.next('event', types.length);
  const events = types.map((one, i): EventRow => {
    const { type, step } = typeof one === 'string' ? { type: one, step: null } : one;
    const attempt = type === 'accepted' ? 0 : row.attempt;
    const about = {
      execution_id: row.id,
      sequence: after + i + 1,
      type,
      at: set.now,
      attempt,
      phase: row.phase,
      step,
    };
    return { position: first + i, ...about };
  });
  for (const event of events) {
    set.announce(event);
    work.events.push(event);
  }
  noteEvents(set, row, events, () => withAttempts(set, row).attempts);
}

export function withAttempts(set: WorkingSet, row: ExecutionRow): RowWithAttempts {
  return { row, attempts: row.attempt === 0 ? [] : set.get('attempts', row.run_id) };
}

/** The execution that stands for a run, which is named by any of those that take part: the first that has not left it. */
export function ownerOf(set: WorkingSet, id: string): ExecutionRow | null {
  const row = set.execution(id);
  if (row !== null && row.phase !== 'done' && row.phase !== 'joined') return row;
  const members = set.members(row?.run_id ?? id);
  return members.find(({ phase }) => phase !== 'joined') ?? row;
}

/** Those that have joined the run that an execution stands for, in the order in which they came. */
export function othersOf(set: WorkingSet, row: ExecutionRow): ExecutionRow[] {
  if (row.phase === 'joined' || row.phase === 'done') return [];
  return set.members(row.run_id).filter(({ phase }) => phase === 'joined');
}

export function ownExecution(set: WorkingSet, id: string, userId: string): ExecutionRow | null {
  const row = set.execution(id);
  return row?.user_id === userId ? row : null;
}

export function label(
  set: WorkingSet,
  { id, user_id: userId }: ExecutionRow,
  labels: readonly (readonly [name: string, value: string])[],
): void {
  if (labels.length > 0) set.order({ type: 'label', userId, id, labels });
}

/** A new attempt of a run, after those that it had. */
export function addAttempt(
  set: WorkingSet,
  { run_id, attempt: last }: Pick<ExecutionRow, 'run_id' | 'attempt'>,
  { runner, epoch }: Claim,
): AttemptRow[] {
  const before = last === 0 ? [] : set.get('attempts', run_id);
  const open = { started_at: null, ended_at: null, outcome: null, output: null };
  const row = { run_id, number: last + 1, epoch, claimed_at: set.now, runner };
  const attempts = [...before, { ...row, ...open, resources: null, log_complete: null }];
  set.put('attempts', run_id, attempts);
  return attempts;
}

/** Changes one attempt of a run. */
export function changeAttempt(
  set: WorkingSet,
  runId: string,
  number: number,
  changes: Partial<AttemptRow>,
): void {
  const attempts = set.get('attempts', runId);
  const changed = attempts.map((row) => (row.number === number ? { ...row, ...changes } : row));
  set.put('attempts', runId, changed);
}

export function finished(outcome: Outcome, at: number): Pick<ExecutionRow, 'outcome' | 'finished_at'> {
  return { outcome: JSON.stringify(outcome), finished_at: at };
}

/** Whether a limit that has run out has been extended since. */
export function hasMoreTime({ timeouts }: ExecutionRow, outcome: Outcome): boolean {
  if (outcome.cause !== 'queue_timeout' && outcome.cause !== 'total_timeout') return false;
  const { queueMs, totalMs } = JSON.parse(timeouts) as Timeouts;
  const limitMs = outcome.cause === 'queue_timeout' ? queueMs : totalMs;
  // A limit can be changed, but not taken away.
  return limitMs !== null && limitMs !== outcome.limitMs;
}
