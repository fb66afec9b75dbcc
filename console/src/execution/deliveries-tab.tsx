// What was sent to the webhook of the request, and what came back.
import { useQuery } from '@tanstack/react-query';
import { dataOf } from '../../../src/client/calls.ts';
import type { Execution } from '../../../src/client/types.ts';
import { useExecd } from '../session/session.tsx';
import { Failed, Loading } from '../ui/states.tsx';
import { duration, timeOfDay } from '../words/format.ts';

const AGAIN_MS = 5000;

export function DeliveriesTab({ execution: { id, webhook } }: { execution: Execution }) {
  const execd = useExecd();
  const { data, error } = useQuery({
    queryKey: ['deliveries', id],
    queryFn: ({ signal }) =>
      dataOf(execd.api.GET('/v1/webhooks/{id}/deliveries', { params: { path: { id } }, signal })),
    refetchInterval: AGAIN_MS,
  });
  return (
    <>
      <p>
        <code>{webhook?.url}</code> gets {webhook?.events.join(', ')}
      </p>
      {error !== null && <Failed error={error} />}
      {error === null && data === undefined && <Loading what="deliveries" />}
      {data?.items.length === 0 && <p className="hint">Nothing was sent yet.</p>}
      <ol className="events">
        {data?.items.map(({ id: delivery, type, state, tries, next_try: next }) => (
          <li key={delivery} className={`tone-${TONES[state]}`}>
            <strong>{type}</strong> <span className="tag">{state}</span>
            <ul>
              {tries.map(({ at, status, error: reason, took_ms: took }) => (
                <li key={at}>
                  {timeOfDay(at)} {status ?? ''} {reason ?? ''} <span className="hint">{duration(took)}</span>
                </li>
              ))}
            </ul>
            {next !== null && <span className="hint">next try {timeOfDay(next)}</span>}
          </li>
        ))}
      </ol>
    </>
  );
}

const TONES = {
  pending: 'pending',
  delivered: 'completed',
  failed: 'failed',
  discarded: 'skipped',
  skipped: 'skipped',
} as const;
