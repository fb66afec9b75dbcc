// Searching the logs of all steps of a plan. The server searches; the page shows the first lines that it finds.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { jsonLines } from '../../../src/client/lines.ts';
import type { PlanLogEnd, PlanLogRecord } from '../../../src/client/types.ts';
import { streamOf } from '../../../src/client/uploads.ts';
import type { Execd } from '../../../src/client/connect.ts';
import { useExecd } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Empty, Loading, Problem } from '../ui/states.tsx';
import { timeOfDay } from '../words/format.ts';

const MOST_LINES = 500;
const MOST_CHARS = 2000;

interface Asked {
  text: string;
  isRegex: boolean;
}

interface Finds {
  lines: PlanLogRecord[];
  /** There are more than are shown. */
  isCut: boolean;
  /** All that the logs keep was searched. */
  isComplete: boolean;
}

export function PlanSearch({
  id,
  onStep,
  onClose,
}: {
  id: string;
  onStep: (step: string) => void;
  onClose: () => void;
}) {
  const execd = useExecd();
  const [text, setText] = useState('');
  const [isRegex, setIsRegex] = useState(false);
  const [asked, ask] = useState<Asked | null>(null);
  const { data, error, isFetching } = useQuery({
    queryKey: ['plan search', id, asked],
    queryFn: ({ signal }) => search(execd, id, asked ?? { text: '', isRegex: false }, signal),
    enabled: asked !== null,
    retry: false,
    gcTime: 0,
  });
  return (
    <Dialog title="Search the logs of all steps" isWide onClose={onClose}>
      <form
        className="plan-search"
        onSubmit={(event) => {
          event.preventDefault();
          if (text !== '') ask({ text, isRegex });
        }}
      >
        <input
          autoFocus
          type="search"
          aria-label="Text to find"
          value={text}
          onChange={({ target }) => setText(target.value)}
        />
        <label className="check">
          <input type="checkbox" checked={isRegex} onChange={({ target }) => setIsRegex(target.checked)} />
          RE2
        </label>
        <Button look="main" type="submit" icon="search" disabled={isFetching}>
          Search
        </Button>
      </form>
      <Problem error={error} />
      {isFetching && <Loading what="the lines" />}
      {!isFetching && error === null && data !== undefined && <Found of={data} onStep={onStep} />}
    </Dialog>
  );
}

function Found({ of: { lines, isCut, isComplete }, onStep }: { of: Finds; onStep: (step: string) => void }) {
  if (lines.length === 0 && isComplete) return <Empty title="No line has it" />;
  return (
    <>
      <p className="hint" role="status">
        {lines.length === 1 ? '1 line' : `${lines.length} lines`}
        {isCut ? '; there are more' : isComplete ? '' : '; the search was not finished, or the plan goes on'}
      </p>
      <ul className="plan-finds" tabIndex={0} aria-label="Lines">
        {lines.map(({ step, attempt, cursor, stream, time, text = '' }) => (
          <li
            key={`${step} ${attempt} ${stream} ${cursor}`}
            className={stream === 'stderr' ? 'is-stderr' : ''}
          >
            <Button look="quiet" onClick={() => onStep(step)}>
              {step}
            </Button>
            <time dateTime={time}>{timeOfDay(time)}</time>
            <code>{text.slice(0, MOST_CHARS).trimEnd()}</code>
          </li>
        ))}
      </ul>
    </>
  );
}

async function search(
  execd: Execd,
  id: string,
  { text, isRegex }: Asked,
  signal: AbortSignal,
): Promise<Finds> {
  const query = { format: 'ndjson' as const, ...(isRegex ? { regex: text } : { q: text }) };
  const bytes = execd.plans.rawLog(id, { ...query, signal });
  const lines: PlanLogRecord[] = [];
  for await (const batch of jsonLines(streamOf(bytes), () => undefined))
    for (const line of batch as (PlanLogRecord | PlanLogEnd)[]) {
      if ('end' in line) return { lines, isCut: false, isComplete: line.complete };
      if (lines.length >= MOST_LINES) return { lines, isCut: true, isComplete: false };
      lines.push(line);
    }
  return { lines, isCut: false, isComplete: false };
}
