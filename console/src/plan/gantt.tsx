// The steps over time: waiting is hatched, running is solid, the chain that decided the duration is marked.
import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef } from 'react';
import type { Plan, StepState } from '../../../src/client/types.ts';
import { StatusMark } from '../ui/status-mark.tsx';
import { duration } from '../words/format.ts';
import { type Bar, barsOf } from './bars.ts';

const ROW_PX = 24;
const TICKS = 4;

interface Props {
  plan: Plan;
  steps: readonly StepState[];
  now: number;
  selected: string | null;
  onSelect: (name: string) => void;
}

export function Gantt({ plan, steps, now, selected, onSelect }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const from = Date.parse(plan.timestamps.created);
  const to = plan.timestamps.finished === null ? now : Date.parse(plan.timestamps.finished);
  const bars = useMemo(() => barsOf(plan, steps, to), [plan, steps, to]);
  const virtual = useVirtualizer({
    count: bars.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 8,
  });
  const percent = (at: number) => (Math.max(0, at - from) / Math.max(1, to - from)) * 100;
  return (
    <div className="gantt" ref={scroller} tabIndex={0} role="region" aria-label="Steps over time">
      <div className="gantt-axis" aria-hidden="true">
        {Array.from({ length: TICKS + 1 }, (_, i) => (
          <span key={i} style={{ left: `${(i / TICKS) * 100}%` }}>
            {duration(((to - from) * i) / TICKS)}
          </span>
        ))}
      </div>
      <div className="gantt-rows" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, key, start }) => {
          const bar = bars[index];
          return (
            bar && (
              <Row
                key={key}
                {...{ bar, start, percent }}
                isSelected={bar.step.name === selected}
                onSelect={() => onSelect(bar.step.name)}
              />
            )
          );
        })}
      </div>
    </div>
  );
}

interface RowProps {
  bar: Bar;
  start: number;
  percent: (at: number) => number;
  isSelected: boolean;
  onSelect: () => void;
}

function Row({
  bar: { step, readyAt, startedAt, endedAt, isCritical },
  start,
  percent,
  isSelected,
  onSelect,
}: RowProps) {
  const span = (a: number, b: number) => ({
    left: `${percent(a)}%`,
    width: `${Math.max(0.3, percent(b) - percent(a))}%`,
  });
  return (
    <button
      type="button"
      className={`gantt-row tone-${step.status}${isSelected ? ' is-selected' : ''}`}
      style={{ transform: `translateY(${start}px)` }}
      onClick={onSelect}
    >
      <span className="gantt-name">
        <StatusMark status={step.status} phase={step.phase} />
        <span title={step.name}>{step.name}</span>
      </span>
      <span className="gantt-line">
        {readyAt !== null && (
          <span className="gantt-wait" style={span(readyAt, startedAt ?? endedAt ?? readyAt)} title="waits" />
        )}
        {startedAt !== null && endedAt !== null && (
          <span
            className={`gantt-run${isCritical ? ' is-critical' : ''}`}
            style={span(startedAt, endedAt)}
            title={`${duration(endedAt - startedAt)}${isCritical ? ', on the critical path' : ''}`}
          />
        )}
      </span>
    </button>
  );
}
