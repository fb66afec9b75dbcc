// All approvals that wait for whoever looks, in plans of other users too.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from 'wouter';
import { useEvents } from '../live/use-live.ts';
import { useExecd } from '../session/session.tsx';
import { Empty, Failed, Loading } from '../ui/states.tsx';
import { plural } from '../words/format.ts';
import { ApprovalCard, approvalsKey } from './approval-card.tsx';

/** Plans of other users tell this tab nothing. */
const AGAIN_MS = 10_000;

export function ApprovalsScreen() {
  const execd = useExecd();
  const queries = useQueryClient();
  const { data, error, refetch } = useQuery({
    queryKey: approvalsKey,
    queryFn: () => execd.plans.approvals(),
    refetchInterval: AGAIN_MS,
  });
  useEvents((events) => {
    if (events.some(({ kind }) => kind === 'wait'))
      void queries.invalidateQueries({ queryKey: approvalsKey });
  });
  if (error !== null) return <Failed error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <Loading what="approvals" />;
  if (data.length === 0)
    return (
      <Empty title="Nothing waits for your decision">
        <p>
          A step of kind <code>wait</code> with <code>approval</code> makes a <Link href="/plans">plan</Link>{' '}
          wait for people.
        </p>
      </Empty>
    );
  return (
    <div className="screen approvals">
      <h1>{plural(data.length, 'approval')} to decide</h1>
      <ul className="approval-list">
        {data.map((approval) => (
          <li key={approval.execution_id}>
            <ApprovalCard approval={approval} />
          </li>
        ))}
      </ul>
    </div>
  );
}
