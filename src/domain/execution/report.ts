// What executions of each operation or kind came to in a window of time: how many, how they ended, how long they waited and ran. Pure.
import { judge, type Cause, type FinalStatus, FINAL_STATUSES, type Outcome } from '../outcome.ts';
import type { MonitorEvent } from '../spec/monitor.ts';
import type { ErrorCode } from '../errors.ts';

/** An end, as far as a report needs it. Times are ms since the epoch. */
export interface EndFacts {
  /** Name of the operation, else the kind. */
  type: string;
  status: FinalStatus;
  outcome: Outcome;
  createdAt: number;
  /** Of the first attempt; null without one. */
  claimedAt: number | null;
  startedAt: number | null;
  /** Of the last attempt. */
  endedAt: number | null;
  /** Attempts that have an outcome. */
  attempts: number;
  /** What its monitor has reported. */
  told: readonly MonitorEvent[];
}

/** Null: there was none to measure. */
export type Spread = Record<'average' | 'min' | 'max' | 'p50' | 'p95' | 'p99', number> | null;

export interface OperationReport {
  type: string;
  count: number;
  byStatus: Record<FinalStatus, number>;
  /** Of all that ended, but for those that were cancelled; null without any. */
  successRatio: number | null;
  retries: number;
  /** Executions that a monitor has reported as late to start or to end. */
  late: number;
  /** The same as stuck. */
  stuck: number;
  /** From its acceptance to its first attempt, milliseconds. */
  wait: Spread;
  /** From the first start to the last end, milliseconds. */
  run: Spread;
  /** Most frequent first. */
  errors: { code: ErrorCode; cause: Cause; count: number }[];
}

/** One for each operation or kind, those with most ends first. */
export function reportOf(ends: readonly EndFacts[]): OperationReport[] {
  const groups = Map.groupBy(ends, ({ type }) => type);
  return [...groups].map(([type, own]) => oneOf(type, own)).sort((a, b) => b.count - a.count);
}

function oneOf(type: string, ends: readonly EndFacts[]): OperationReport {
  const byStatus = Object.fromEntries(
    FINAL_STATUSES.map((status) => [status, 0]),
  ) as OperationReport['byStatus'];
  for (const { status } of ends) byStatus[status] += 1;
  const tried = ends.length - byStatus.cancelled;
  return {
    ...{ type, count: ends.length, byStatus },
    successRatio: tried === 0 ? null : byStatus.completed / tried,
    retries: ends.reduce((sum, { attempts }) => sum + Math.max(0, attempts - 1), 0),
    late: ends.filter(({ told }) => told.includes('late') || told.includes('late_start')).length,
    stuck: ends.filter(({ told }) => told.includes('stuck')).length,
    wait: spreadOf(
      ends.flatMap(({ createdAt, claimedAt }) =>
        claimedAt === null ? [] : Math.max(0, claimedAt - createdAt),
      ),
    ),
    run: spreadOf(
      ends.flatMap(({ startedAt, endedAt }) =>
        startedAt === null || endedAt === null ? [] : Math.max(0, endedAt - startedAt),
      ),
    ),
    errors: errorsOf(ends),
  };
}

/** Nearest rank: each quantile is a value that was measured. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  const at = (q: number) => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] as number;
  const average = Math.round(sorted.reduce((sum, value) => sum + value, 0) / sorted.length);
  return { average, min: at(0), max: at(1), p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

function errorsOf(ends: readonly EndFacts[]): OperationReport['errors'] {
  const found = new Map<string, OperationReport['errors'][number]>();
  for (const { outcome } of ends) {
    const { error } = judge(outcome);
    if (error === null) continue;
    const name = `${error.code} ${outcome.cause}`;
    const one = found.get(name) ?? { code: error.code, cause: outcome.cause, count: 0 };
    one.count += 1;
    found.set(name, one);
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}
