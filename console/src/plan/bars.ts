// When each step could have begun, began and ended.
import type { Plan, StepState } from '../../../src/client/types.ts';

export interface Bar {
  step: StepState;
  /** When all that it waits for had ended; null: not yet. */
  readyAt: number | null;
  startedAt: number | null;
  endedAt: number | null;
  isCritical: boolean;
}

/** In the order in which they began; what has not begun comes last. Times are milliseconds since the epoch. */
export function barsOf(plan: Plan, shown: readonly StepState[], now: number): Bar[] {
  const byName = new Map(plan.steps?.map((step) => [step.name, step]));
  const critical = new Set(plan.critical_path?.steps);
  const at = (time: string | null | undefined) => (time == null ? null : Date.parse(time));
  const begin = Date.parse(plan.timestamps.created);
  const readyAt = ({ depends_on: before }: StepState): number | null => {
    const ends = before.map((name) => at(byName.get(name)?.finished_at));
    return ends.includes(null) ? null : Math.max(begin, ...ends.map((end) => end ?? 0));
  };
  const bars = shown.map((step): Bar => {
    const startedAt = at(step.started_at);
    const isOver = step.status === 'skipped' || step.kept_from !== null;
    return {
      step,
      readyAt: isOver ? null : readyAt(step),
      startedAt,
      endedAt: at(step.finished_at) ?? (step.phase === 'done' ? startedAt : now),
      isCritical: critical.has(step.name),
    };
  });
  const order = ({ startedAt, readyAt: ready }: Bar) => startedAt ?? ready ?? Infinity;
  return bars.sort((a, b) => (order(a) === order(b) ? 0 : order(a) - order(b)));
}
