// The clocks of an execution as a line: waiting, starting, running, backing off, attempt by attempt.
import type { Execution } from '../../../src/client/types.ts';
import { duration, fullTime, timeOfDay } from '../words/format.ts';

type Kind = 'waiting' | 'starting' | 'running' | 'backoff';
interface Part {
  kind: Kind;
  from: number;
  to: number;
  /** Tone of how an attempt ended. */
  tone: string;
  what: string;
}

/** What is short is still to be seen. */
const LEAST_PERCENT = 0.6;

export function Timeline({ execution, now }: { execution: Execution; now: number }) {
  const parts = partsOf(execution, now);
  const from = parts[0]?.from ?? 0;
  const to = parts.at(-1)?.to ?? 0;
  if (to <= from) return null;
  const percent = (ms: number) => ((ms - from) / (to - from)) * 100;
  const { cancel } = execution;
  return (
    <div className="timeline" role="img" aria-label={parts.map(wordOf).join(', ')}>
      <div className="timeline-line">
        {parts.map((part) => (
          <span
            key={`${part.kind} ${part.from}`}
            className={`part is-${part.kind} tone-${part.tone}`}
            title={wordOf(part)}
            style={{
              left: `${percent(part.from)}%`,
              width: `${Math.max(LEAST_PERCENT, percent(part.to) - percent(part.from))}%`,
            }}
          >
            <span>
              {part.kind === 'running' || part.to - part.from > (to - from) / 8
                ? duration(part.to - part.from)
                : ''}
            </span>
          </span>
        ))}
        {cancel !== null && (
          <span
            className="timeline-mark"
            title={`cancel requested ${fullTime(cancel.at)}`}
            style={{ left: `${Math.min(100, percent(Date.parse(cancel.at)))}%` }}
          />
        )}
      </div>
      <div className="timeline-ends">
        <time title={fullTime(from)}>{timeOfDay(from)}</time>
        <span>{legend(parts)}</span>
        <time title={fullTime(to)}>{execution.phase === 'done' ? timeOfDay(to) : 'now'}</time>
      </div>
    </div>
  );
}

const wordOf = ({ what, from, to }: Part): string => `${what} ${duration(to - from)}`;

function legend(parts: readonly Part[]): string {
  const sum = (kind: Kind) =>
    parts.filter((part) => part.kind === kind).reduce((ms, { from, to }) => ms + to - from, 0);
  const words: [Kind, string][] = [
    ['waiting', 'waited'],
    ['running', 'ran'],
    ['backoff', 'backed off'],
  ];
  return words
    .flatMap(([kind, word]) => (sum(kind) > 0 ? [`${word} ${duration(sum(kind))}`] : []))
    .join(' · ');
}

/** From its acceptance to its end, or to now. */
export function partsOf(execution: Execution, now: number): Part[] {
  const { attempts, timestamps, phase, status } = execution;
  const at = (time: string) => Date.parse(time);
  const end = timestamps.finished === null ? now : at(timestamps.finished);
  const parts: Part[] = [];
  const add = (kind: Kind, from: number, to: number, what: string, tone = 'pending') => {
    if (to > from) parts.push({ kind, from, to, what, tone });
  };
  let last = at(timestamps.created);
  for (const { number, claimed_at: claimed, started_at: started, ended_at: ended } of attempts) {
    const name = attempts.length > 1 ? ` (attempt ${number})` : '';
    const to = ended === null ? end : at(ended);
    add(number === 1 ? 'waiting' : 'backoff', last, at(claimed), number === 1 ? 'waited' : 'backed off');
    add('starting', at(claimed), started === null ? to : at(started), `started${name}`);
    const isLast = number === attempts.length;
    if (started !== null)
      add(
        'running',
        at(started),
        to,
        `ran${name}`,
        isLast ? (phase === 'done' ? status : 'running') : 'failed',
      );
    last = to;
  }
  if (attempts.length === 0) add('waiting', last, end, 'waited');
  else if (phase === 'scheduled_retry' || phase === 'queued') add('backoff', last, end, 'backed off');
  return parts;
}
