// What happened, in order.
import { useQuery } from '@tanstack/react-query';
import type { Event, Execution } from '../../../src/client/types.ts';
import { useExecd } from '../session/session.tsx';
import { Failed, Loading } from '../ui/states.tsx';
import { duration, fullTime, timeOfDay } from '../words/format.ts';

export function EventsTab({ execution: { id, revision, phase } }: { execution: Execution }) {
  const execd = useExecd();
  const { data, error } = useQuery({
    queryKey: ['events', id, revision],
    queryFn: ({ signal }) => eventsSoFar(execd.executionEvents(id, { signal }), revision, phase === 'done'),
    placeholderData: (before) => before,
  });
  if (error !== null) return <Failed error={error} />;
  if (data === undefined) return <Loading what="events" />;
  return (
    <ol className="events">
      {data.map(({ sequence, type, time, attempt }, i) => (
        <li key={sequence} className={`tone-${TONES[type] ?? 'pending'}`}>
          <strong>{type.replaceAll('_', ' ')}</strong>
          {attempt > 1 && <span className="tag">attempt {attempt}</span>}
          <time title={fullTime(time)}>{timeOfDay(time)}</time>
          <span className="hint">{sinceBefore(data[i - 1], time)}</span>
        </li>
      ))}
    </ol>
  );
}

const TONES: Partial<Record<Event['type'], string>> = {
  ...{ started: 'running', completed: 'completed', failed: 'failed', cancelled: 'cancelled' },
  ...{ timed_out: 'timed_out', lost: 'failed', retry_scheduled: 'timed_out' },
};

function sinceBefore(before: Event | undefined, time: string): string {
  return before === undefined ? '' : `+${duration(Date.parse(time) - Date.parse(before.time))}`;
}

/** The stream goes on while the execution lives: it is left when it has told what there is. */
async function eventsSoFar(
  stream: AsyncIterable<{ data: unknown }>,
  revision: number,
  isDone: boolean,
): Promise<Event[]> {
  const events: Event[] = [];
  for await (const { data } of stream) {
    events.push(data as Event);
    if (!isDone && events.length >= revision) break;
  }
  return events;
}
