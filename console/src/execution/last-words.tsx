// The last lines of standard error of what failed: the reason is mostly there.
import type { Execution } from '../../../src/client/types.ts';
import { plainText } from '../log/ansi.ts';

const LINES = 4;
const LINE_CHARS = 300;

export function LastWords({ execution: { status, result } }: { execution: Execution }) {
  if (status !== 'failed' && status !== 'timed_out') return null;
  const { stderr } = (result ?? {}) as { stderr?: unknown };
  if (typeof stderr !== 'string' || stderr.trim() === '') return null;
  const lines = plainText(stderr.replaceAll(/[^\n]*\r(?!\n)/g, ''))
    .trimEnd()
    .split('\n');
  return (
    <pre className="last-words" aria-label="The last lines of standard error" tabIndex={0}>
      {lines
        .slice(-LINES)
        .map((line) => line.slice(0, LINE_CHARS))
        .join('\n')}
    </pre>
  );
}
