// One execution, read again when an event says that it has changed, and now and then for its counters.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { Execution } from '../../../src/client/types.ts';
import { useEvents } from '../live/use-live.ts';
import { useExecd } from '../session/session.tsx';

const COUNTERS_MS = 3000;

export const executionKey = (id: string) => ['execution', id] as const;

export function useExecution(id: string) {
  const execd = useExecd();
  const queries = useQueryClient();
  const query = useQuery<Execution>({
    queryKey: executionKey(id),
    queryFn: ({ signal }) => execd.get(id, { signal }),
    refetchInterval: ({ state }) => (state.data?.phase === 'done' ? false : COUNTERS_MS),
  });
  useEvents((events) => {
    if (events.some(({ execution_id: of }) => of === id))
      void queries.invalidateQueries({ queryKey: executionKey(id) });
  });
  return query;
}
