// Columns in the order in which the writer reads and writes them. It reads rows as arrays and gives them one shape: rows as
// SQLite makes them take four times as long to read, and a hundred times as long to copy.
import type { SQLInputValue } from 'node:sqlite';
import type { AttemptRow, ExecutionRow } from '../rows.ts';
import type { Statements, Values } from './statements.ts';

export const EXECUTION_COLUMNS = [
  'seq',
  'id',
  'user_id',
  'run_id',
  'kind',
  'operation',
  'pool',
  'concurrency_key',
  'concurrency_limit',
  'task_id',
  'plan_id',
  'step',
  'spec',
  'facts',
  'priority',
  'timeouts',
  'phase',
  'status',
  'revision',
  'event_sequence',
  'attempt',
  'created_at',
  'queued_at',
  'retry_at',
  'cancel_at',
  'cancel_reason',
  'finished_at',
  'outcome',
  'result',
  'cost',
  'webhook',
  'join_key',
] as const satisfies (keyof ExecutionRow)[];

export const ATTEMPT_COLUMNS = [
  'run_id',
  'number',
  'epoch',
  'claimed_at',
  'runner',
  'started_at',
  'ended_at',
  'outcome',
  'output',
  'resources',
  'log_complete',
] as const satisfies (keyof AttemptRow)[];

type Column = (typeof EXECUTION_COLUMNS)[number];

/** What was asked for: written with the acceptance, and never again. */
export const SPEC_COLUMNS = ['spec', 'facts', 'webhook'] as const satisfies Column[];
type StateColumn = Exclude<Column, (typeof SPEC_COLUMNS)[number] | 'result' | 'cost'>;
const ELSEWHERE: readonly Column[] = [...SPEC_COLUMNS, 'result', 'cost'];
/** What is searched by, or changes: short, since each change writes all of them. */
export const STATE_COLUMNS = EXECUTION_COLUMNS.filter(
  (name): name is StateColumn => !ELSEWHERE.includes(name),
);

/** The spec of `e`. `CROSS`, so that it is looked up last, whatever the planner knows of the tables. */
export const WITH_SPEC = 'CROSS JOIN execution_specs s ON s.execution_seq = e.seq';
/** Whole rows; conditions come after it, and the name of each column is there once. */
export const EXECUTION_ROWS = `SELECT ${EXECUTION_COLUMNS.join(', ')} FROM executions e ${WITH_SPEC}
  LEFT JOIN execution_results r ON r.execution_seq = e.seq AND e.finished_at IS NOT NULL
  LEFT JOIN execution_costs c ON c.execution_seq = e.seq`;

const OF_ID = `${EXECUTION_ROWS} WHERE id = ?`;
const ATTEMPTS = `SELECT ${ATTEMPT_COLUMNS.join(', ')} FROM attempts WHERE run_id = ? ORDER BY number`;

/** Looks for executions; `where` is all that comes after the tables. */
export function executionsWhere(
  db: Pick<Statements, 'arrays'>,
  where: string,
): (...values: SQLInputValue[]) => ExecutionRow[] {
  const text = `${EXECUTION_ROWS} ${where}`;
  return (...values) => db.arrays(text, ...values).map(executionOf);
}

export function executionWithId(db: Statements, id: string): ExecutionRow | null {
  const [values] = db.arrays(OF_ID, id);
  return values === undefined ? null : executionOf(values);
}

export function attemptsOfRun(db: Statements, runId: string): AttemptRow[] {
  return db.arrays(ATTEMPTS, runId).map(attemptOf);
}

function executionOf(values: Values): ExecutionRow {
  return {
    seq: values[0] as never,
    id: values[1] as never,
    user_id: values[2] as never,
    run_id: values[3] as never,
    kind: values[4] as never,
    operation: values[5] as never,
    pool: values[6] as never,
    concurrency_key: values[7] as never,
    concurrency_limit: values[8] as never,
    task_id: values[9] as never,
    plan_id: values[10] as never,
    step: values[11] as never,
    spec: values[12] as never,
    facts: values[13] as never,
    priority: values[14] as never,
    timeouts: values[15] as never,
    phase: values[16] as never,
    status: values[17] as never,
    revision: values[18] as never,
    event_sequence: values[19] as never,
    attempt: values[20] as never,
    created_at: values[21] as never,
    queued_at: values[22] as never,
    retry_at: values[23] as never,
    cancel_at: values[24] as never,
    cancel_reason: values[25] as never,
    finished_at: values[26] as never,
    outcome: values[27] as never,
    result: values[28] as never,
    cost: values[29] as never,
    webhook: values[30] as never,
    join_key: values[31] as never,
  };
}

function attemptOf(values: Values): AttemptRow {
  return {
    run_id: values[0] as never,
    number: values[1] as never,
    epoch: values[2] as never,
    claimed_at: values[3] as never,
    runner: values[4] as never,
    started_at: values[5] as never,
    ended_at: values[6] as never,
    outcome: values[7] as never,
    output: values[8] as never,
    resources: values[9] as never,
    log_complete: values[10] as never,
  };
}
