// A plan with its steps, read again when something of it changes, and now and then while a step reports its progress. Not often:
// a plan may have thousands of steps.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useRef } from 'react';
import type { Plan } from '../../../src/client/types.ts';
import { useEvents } from '../live/use-live.ts';
import { useExecd } from '../session/session.tsx';

const REFRESH_MS = 500;
const PROGRESS_MS = 2000;
/** For each step: what is large is read less often. */
const REFRESH_STEP_MS = 3;

export const planKey = (id: string) => ['plan', id] as const;

export function usePlan(id: string) {
  const execd = useExecd();
  const queries = useQueryClient();
  const timer = useRef<number | null>(null);
  const query = useQuery<Plan>({
    queryKey: planKey(id),
    queryFn: ({ signal }) => execd.plans.get(id, { signal }),
    refetchInterval: ({ state: { data } }) =>
      data?.steps?.some(({ percent }) => percent !== null) === true ? pauseMs(data, PROGRESS_MS) : false,
  });
  useEvents((events) => {
    const isOfIt = events.some(({ execution_id: of, plan_id: plan }) => of === id || plan === id);
    if (!isOfIt || timer.current !== null) return;
    timer.current = window.setTimeout(
      () => {
        timer.current = null;
        void queries.invalidateQueries({ queryKey: planKey(id) });
      },
      pauseMs(query.data, REFRESH_MS),
    );
  });
  return query;
}

function pauseMs(plan: Plan | undefined, leastMs: number): number {
  return Math.max(leastMs, (plan?.counts.total ?? 0) * REFRESH_STEP_MS);
}
