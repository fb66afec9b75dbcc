import { memo } from 'react';
import { timeOfDay } from '../words/format.ts';
import { marked, type Span, spansOf } from './ansi.ts';
import type { Line } from './log-store.ts';

export type Times = 'off' | 'clock' | 'since';

interface Props {
  line: Line;
  times: Times;
  /** When the log began, milliseconds since the epoch. */
  began: number;
  query: string;
  isMarked: boolean;
  /** The attempt that begins with it; null: none does. */
  attempt: number | null;
  onNumber: (number: number, isRange: boolean) => void;
}

export const LogRow = memo(function LogRow({
  line,
  times,
  began,
  query,
  isMarked,
  attempt,
  onNumber,
}: Props) {
  const spans = marked(spansOf(line.text, line.style), query);
  return (
    <div className={`log-row is-${line.stream}${isMarked ? ' is-marked' : ''}`}>
      {/* A link to the line: not in the order of Tab, which would have a stop for each line. */}
      <button
        type="button"
        className="log-number"
        tabIndex={-1}
        aria-label={`Line ${line.number}`}
        onClick={({ shiftKey }) => onNumber(line.number, shiftKey)}
      >
        {line.number}
      </button>
      {times !== 'off' && <span className="log-time">{timeWord(line.at, began, times)}</span>}
      <span className="log-text">
        {attempt !== null && <span className="log-attempt">attempt {attempt}</span>}
        {spans.map((span, i) => (
          <Text key={i} span={span} />
        ))}
        {line.isCut && (
          <span className="log-cut" title="The line goes on below">
            …
          </span>
        )}
      </span>
    </div>
  );
}, isSame);

/** A line is another object each time that it is read. */
function isSame(a: Props, b: Props): boolean {
  return (
    a.line.number === b.line.number &&
    a.line.text === b.line.text &&
    a.times === b.times &&
    a.query === b.query &&
    a.isMarked === b.isMarked &&
    a.attempt === b.attempt
  );
}

function Text({ span: { text, className, color, background } }: { span: Span }) {
  if (className === '' && color === undefined && background === undefined) return text;
  return (
    <span className={className} style={{ color, background }}>
      {text}
    </span>
  );
}

function timeWord(at: number, began: number, times: Times): string {
  if (times === 'since') return `+${((at - began) / 1000).toFixed(3)}`;
  return `${timeOfDay(at)}.${String(at % 1000).padStart(3, '0')}`;
}
