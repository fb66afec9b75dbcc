// All plans, the newest first.
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useRef } from 'react';
import { Link } from 'wouter';
import { dataOf, type Page } from '../../../src/client/calls.ts';
import type { Plan } from '../../../src/client/types.ts';
import { useEvents } from '../live/use-live.ts';
import { useExecd } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { Empty, Failed, Loading } from '../ui/states.tsx';
import { MonitorTag } from '../ui/monitor-tag.tsx';
import { StatusMark } from '../ui/status-mark.tsx';
import { Ago } from '../ui/time.tsx';
import { duration, plural } from '../words/format.ts';
import { Progress } from './plan-screen.tsx';

const PAGE = 50;
const REFRESH_MS = 1000;

export function PlansScreen() {
  const execd = useExecd();
  const queries = useQueryClient();
  const timer = useRef<number | null>(null);
  const list = useInfiniteQuery({
    queryKey: ['plans'],
    queryFn: ({ pageParam, signal }): Promise<Page<Plan>> => {
      const query = { limit: PAGE, ...(pageParam !== '' && { cursor: pageParam }) };
      return dataOf(execd.api.GET('/v1/plans', { params: { query }, signal }));
    },
    initialPageParam: '',
    getNextPageParam: ({ next_cursor: next }) => next ?? undefined,
  });
  useEvents((events) => {
    if (timer.current !== null || !events.some(({ kind, plan_id: plan }) => kind === 'plan' || plan !== null))
      return;
    timer.current = window.setTimeout(() => {
      timer.current = null;
      void queries.invalidateQueries({ queryKey: ['plans'] });
    }, REFRESH_MS);
  });
  if (list.error !== null) return <Failed error={list.error} onRetry={() => void list.refetch()} />;
  if (list.data === undefined) return <Loading what="plans" />;
  const plans = list.data.pages.flatMap(({ items }) => items);
  if (plans.length === 0)
    return (
      <Empty title="No plan has run yet">
        <p>
          A plan is several steps in one request. Submit one with <code>execd plan run FILE</code>, or the
          form under <Link href="/submit?kind=plan">Submit</Link>.
        </p>
      </Empty>
    );
  return (
    <div className="screen plans">
      <h1>Plans</h1>
      <ul className="plan-list">
        {plans.map((plan) => (
          <PlanRow key={plan.id} plan={plan} />
        ))}
      </ul>
      {list.hasNextPage && (
        <p className="end">
          <Button look="quiet" onClick={() => void list.fetchNextPage()}>
            Load more
          </Button>
        </p>
      )}
    </div>
  );
}

function PlanRow({ plan }: { plan: Plan }) {
  const { id, status, phase, description, client_id: name, counts, timestamps, duration_ms: took } = plan;
  return (
    <li>
      <StatusMark status={status} phase={phase} hasWord />
      <Link href={`/plans/${id}`}>{description ?? name ?? 'Plan'}</Link>
      {phase !== 'done' && <MonitorTag of={plan} />}
      <Progress counts={counts} label={plural(counts.total, 'step')} />
      <span className="hint">{phase === 'done' ? duration(took) : ''}</span>
      <span className="hint">
        <Ago time={timestamps.created} />
      </span>
    </li>
  );
}
