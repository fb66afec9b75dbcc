// The mark of a status. Each has a shape of its own, so that colour is not all that tells them apart.
import { type AnyStatus, statusWord } from '../words/status.ts';
import type { Execution, StepState } from '../../../src/client/types.ts';

const SHAPES: Record<AnyStatus, string> = {
  pending: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM8 5v3.2l2 1.3',
  running: 'M6 4.6v6.8L11.4 8Z',
  completed: 'M3.6 8.4 6.6 11.4 12.4 4.8',
  failed: 'M4.2 4.2 11.8 11.8M11.8 4.2 4.2 11.8',
  timed_out: 'M4.5 3h7M4.5 13h7M5.2 3c0 3 5.6 4 5.6 5s-5.6 2-5.6 5M10.8 3c0 3-5.6 4-5.6 5s5.6 2 5.6 5',
  cancelled: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM4.2 11.8 11.8 4.2',
  skipped: 'M3.5 5l3 3-3 3M8.5 5l3 3-3 3',
};

interface Props {
  status: AnyStatus;
  phase?: Execution['phase'] | StepState['phase'];
  /** Whether the word stands beside the mark; else the mark has it as its name. */
  hasWord?: boolean;
}

export function StatusMark({ status, phase, hasWord = false }: Props) {
  const word = statusWord(status, phase);
  const isLive = status === 'running';
  return (
    <span className={`status tone-${status}${isLive ? ' is-live' : ''}`} title={hasWord ? undefined : word}>
      <svg
        viewBox="0 0 16 16"
        role={hasWord ? 'presentation' : 'img'}
        aria-label={hasWord ? undefined : word}
      >
        <path d={SHAPES[status]} />
      </svg>
      {hasWord && <span className="status-word">{word}</span>}
    </span>
  );
}
