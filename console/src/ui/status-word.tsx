import type { Outcome } from '../../../src/client/types.ts';

/** How an attempt ended. */
export function StatusWord({ outcome }: { outcome: Outcome | null }) {
  if (outcome === null) return <span className="tag tone-running">runs</span>;
  const { cause, exit_code: code, signal, status } = outcome;
  const isGood =
    (cause === 'exited' && code === 0) || (cause === 'http_response' && outcome.expected === true);
  const word =
    code !== undefined
      ? `exit code ${code}`
      : (signal ?? (status === undefined ? cause.replaceAll('_', ' ') : `HTTP ${status}`));
  return <span className={`tag tone-${isGood ? 'completed' : 'failed'}`}>{word}</span>;
}
