// How far a command is that runs, as it says itself, and what it uses now.
import type { Execution } from '../../../src/client/types.ts';
import { bytes, duration, whole } from '../words/format.ts';

const METRICS = 6;

export function RunProgress({ of, now }: { of: NonNullable<Execution['progress']>; now: number }) {
  const { percent, message, metrics, estimated_end: end, cpu_ms: cpu, memory_bytes: memory } = of;
  const left = end === null ? null : Date.parse(end) - now;
  const facts = [
    left === null ? null : left > 0 ? `about ${duration(left)} left` : 'longer than expected',
    cpu === null ? null : `${duration(cpu)} of CPU`,
    memory === null ? null : `${bytes(memory)} of memory`,
    ...Object.entries(metrics)
      .slice(0, METRICS)
      .map(([name, value]) => `${name} ${whole(value)}`),
  ].filter((one) => one !== null);
  if (percent === null && message === null && facts.length === 0) return null;
  return (
    <div className="run-progress">
      {percent !== null && (
        <>
          <progress max={100} value={percent} aria-label="Progress" />
          <strong>{Math.round(percent)} %</strong>
        </>
      )}
      {message !== null && <span className="run-message">{message}</span>}
      <span className="hint">{facts.join(' · ')}</span>
    </div>
  );
}
