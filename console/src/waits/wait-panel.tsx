// A step that waits for an approval, a signal or a time; and how it went.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { dataOf } from '../../../src/client/calls.ts';
import type { Execution } from '../../../src/client/types.ts';
import { useNow } from '../live/use-live.ts';
import { useCan, useExecd } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { JsonTree } from '../ui/json-tree.tsx';
import { Failed, Loading, Problem } from '../ui/states.tsx';
import { duration, fullTime } from '../words/format.ts';
import { placeOfError } from '../submit/json-place.ts';
import { ApprovalCard } from './approval-card.tsx';

interface WaitSpec {
  signal?: { name: string; schema?: object };
  approval?: object;
  until?: string;
  delay_ms?: number;
}

const AGAIN_MS = 5000;

export function WaitPanel({ execution }: { execution: Execution }) {
  const { spec, plan_id: plan, step, phase, timestamps, result } = execution;
  const { signal, approval, until, delay_ms: delay } = spec as WaitSpec;
  const isOver = phase === 'done';
  if (approval !== undefined && plan !== null && step !== null)
    return (
      <div className="wait-panel">
        <ApprovalOf plan={plan} step={step} revision={execution.revision} />
      </div>
    );
  return (
    <div className="wait-panel">
      {signal !== undefined && (
        <p>
          {isOver ? 'It waited' : 'It waits'} for the signal <code>{signal.name}</code>.
        </p>
      )}
      {until !== undefined && <Until time={until} isOver={isOver} />}
      {delay !== undefined && <Until time={Date.parse(timestamps.created) + delay} isOver={isOver} />}
      {signal !== undefined && !isOver && plan !== null && (
        <SignalForm key={execution.id} plan={plan} name={signal.name} schema={signal.schema} />
      )}
      {isOver && result != null && (
        <>
          <h2 className="label">Value</h2>
          <JsonTree value={result} />
        </>
      )}
    </div>
  );
}

function Until({ time, isOver }: { time: string | number; isOver: boolean }) {
  const now = useNow(isOver ? null : 1000);
  const left = new Date(time).getTime() - now;
  return (
    <p>
      {isOver ? 'It waited' : 'It waits'} until {fullTime(time)}
      {!isOver && left > 0 && `, ${duration(left)} more`}.
    </p>
  );
}

function ApprovalOf({ plan, step, revision }: { plan: string; step: string; revision: number }) {
  const execd = useExecd();
  const { data, error } = useQuery({
    queryKey: ['approval', plan, step, revision],
    queryFn: ({ signal }) =>
      dataOf(
        execd.api.GET('/v1/plans/{id}/approvals/{step}', { params: { path: { id: plan, step } }, signal }),
      ),
    placeholderData: (before) => before,
    // A decision that is not the last one changes nothing of the step.
    refetchInterval: ({ state }) => (state.data?.state === 'waiting' ? AGAIN_MS : false),
  });
  if (error !== null) return <Failed error={error} />;
  if (data === undefined) return <Loading what="the approval" />;
  return <ApprovalCard approval={data} isInPlan />;
}

/** Sends the signal, with a payload as JSON. */
function SignalForm({ plan, name, schema }: { plan: string; name: string; schema: object | undefined }) {
  const execd = useExecd();
  const queries = useQueryClient();
  const canSubmit = useCan('submit');
  const [text, setText] = useState('');
  const payload = payloadOf(text);
  const send = useMutation({
    mutationFn: () => execd.plans.signal(plan, name, payload.value),
    onSuccess: () => queries.invalidateQueries(),
  });
  if (!canSubmit) return null;
  return (
    <form
      className="signal-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (payload.problem === '') send.mutate();
      }}
    >
      <label className="field">
        <span>Payload as JSON (empty: null)</span>
        <textarea
          rows={4}
          spellCheck={false}
          aria-invalid={payload.problem !== ''}
          value={text}
          onChange={({ target }) => setText(target.value)}
        />
      </label>
      {payload.problem !== '' && (
        <p className="problem" role="alert">
          {payload.problem}
        </p>
      )}
      {schema !== undefined && (
        <details className="more">
          <summary>Schema of the payload</summary>
          <JsonTree value={schema} />
        </details>
      )}
      <Problem error={send.error} />
      {send.isSuccess && <p role="status">The signal was sent.</p>}
      <div className="actions">
        <Button look="main" type="submit" disabled={payload.problem !== '' || send.isPending}>
          {`Send ${name}`}
        </Button>
      </div>
    </form>
  );
}

function payloadOf(text: string): { value: unknown; problem: string } {
  if (text.trim() === '') return { value: null, problem: '' };
  try {
    return { value: JSON.parse(text) as unknown, problem: '' };
  } catch {
    const { line, column } = placeOfError(text);
    return { value: null, problem: `Line ${line}, column ${column}: this is not JSON.` };
  }
}
