import { memo } from 'react';
import { Link } from 'wouter';
import type { Execution } from '../../../src/client/types.ts';
import { useNow } from '../live/use-live.ts';
import { MonitorTag } from '../ui/monitor-tag.tsx';
import { StatusMark } from '../ui/status-mark.tsx';
import { Ago } from '../ui/time.tsx';
import { duration } from '../words/format.ts';
import { titleOf } from '../words/title.ts';
import { endWord } from '../words/why.ts';

interface Props {
  row: Execution;
  index: number;
  /** Pixels from the top. */
  start: number;
  isSelected: boolean;
  isCurrent: boolean;
  toggle: (id: string) => void;
}

const LABELS_SHOWN = 3;

export const ExecutionRow = memo(function ExecutionRow({
  row,
  index,
  start,
  isSelected,
  isCurrent,
  toggle,
}: Props) {
  const { id, status, phase, kind, labels, task_id: task, step, attempts, timestamps } = row;
  const title = titleOf(row);
  const names = Object.entries(labels).slice(0, LABELS_SHOWN);
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      className={`row${isCurrent ? ' is-current' : ''}`}
      style={{ transform: `translateY(${start}px)` }}
    >
      <span role="cell" className="cell-select">
        <input
          type="checkbox"
          aria-label={`Select ${title}`}
          checked={isSelected}
          onChange={() => toggle(id)}
        />
      </span>
      <span role="cell" className="cell-status">
        <StatusMark status={status} phase={phase} hasWord />
      </span>
      <span role="cell" className="cell-title">
        <Link href={kind === 'plan' ? `/plans/${id}` : `/executions/${id}`} title={title}>
          {title}
        </Link>
        {step !== null && <span className="tag">{step}</span>}
        {phase !== 'done' && <MonitorTag of={row} />}
        {row.cache?.status === 'hit' && <span className="tag is-hit">cached</span>}
        {task !== null && (
          <Link className="tag" href={`/?task_id=${encodeURIComponent(task)}`}>
            {task}
          </Link>
        )}
        {names.map(([name, value]) => (
          <Link key={name} className="tag" href={`/?label=${encodeURIComponent(`${name}=${value}`)}`}>
            {name}={value}
          </Link>
        ))}
      </span>
      <span role="cell" className="cell-kind">
        {kind}
      </span>
      <span role="cell" className="cell-started">
        <Ago time={timestamps.started ?? timestamps.created} />
      </span>
      <span role="cell" className="cell-duration">
        <Duration row={row} />
      </span>
      <span role="cell" className="cell-exit">
        {endWord(row)}
      </span>
      <span role="cell" className="cell-tries">
        {attempts.length > 1 ? attempts.length : ''}
      </span>
    </div>
  );
});

const TICK_MS = 1000;

/** How long it took, or has taken; below it how much of its limit that is. */
function Duration({ row: { phase, duration_ms: took, timestamps, timeouts } }: { row: Execution }) {
  const isRunning =
    timestamps.started !== null && phase !== 'done' && phase !== 'queued' && phase !== 'scheduled_retry';
  const now = useNow(isRunning ? TICK_MS : null);
  if (!isRunning) return took === null ? '' : duration(took);
  const ms = now - Date.parse(timestamps.started ?? '');
  const part = Math.min(1, ms / timeouts.attempt_ms);
  return (
    <span className="running-time">
      {duration(ms)}
      <span className="limit-bar" title={`${duration(timeouts.attempt_ms)} allowed`}>
        <span style={{ width: `${part * 100}%` }} />
      </span>
    </span>
  );
}
