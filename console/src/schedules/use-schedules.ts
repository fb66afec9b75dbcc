// Schedules, and what can be done with one.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { dataOf } from '../../../src/client/calls.ts';
import { useEvents } from '../live/use-live.ts';
import { useExecd } from '../session/session.tsx';

const AGAIN_MS = 10_000;
const KEY = ['schedules'] as const;

/** All of them, read again when one of them has started something. */
export function useSchedules() {
  const execd = useExecd();
  const queries = useQueryClient();
  const query = useQuery({
    queryKey: KEY,
    queryFn: async ({ signal }) => (await dataOf(execd.api.GET('/v1/schedules', { signal }))).items,
    refetchInterval: AGAIN_MS,
  });
  useEvents((events) => {
    if (events.some(({ type }) => type === 'accepted')) void queries.invalidateQueries({ queryKey: KEY });
  });
  return query;
}

export type ScheduleAction = 'pause' | 'resume' | 'run' | 'remove';

export function useScheduleAction(name: string, onDone: (action: ScheduleAction) => void = () => undefined) {
  const execd = useExecd();
  const queries = useQueryClient();
  const params = { path: { name } };
  return useMutation({
    mutationFn: async (action: ScheduleAction): Promise<void> => {
      if (action === 'pause') await dataOf(execd.api.POST('/v1/schedules/{name}/pause', { params }));
      else if (action === 'resume') await dataOf(execd.api.POST('/v1/schedules/{name}/resume', { params }));
      else if (action === 'run') await dataOf(execd.api.POST('/v1/schedules/{name}/run', { params }));
      else await dataOf(execd.api.DELETE('/v1/schedules/{name}', { params }));
    },
    onSuccess: async (_done, action) => {
      await queries.invalidateQueries({ queryKey: KEY });
      onDone(action);
    },
  });
}
