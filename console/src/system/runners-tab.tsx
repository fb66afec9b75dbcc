// The servers on this store, and what each of them runs.
import { useQuery } from '@tanstack/react-query';
import { dataOf } from '../../../src/client/calls.ts';
import type { Runner, RunnerPool } from '../../../src/client/types.ts';
import { useNow } from '../live/use-live.ts';
import { useExecd } from '../session/session.tsx';
import { Meter } from '../ui/meter.tsx';
import { Failed, Loading } from '../ui/states.tsx';
import { Ago } from '../ui/time.tsx';
import { duration, whole } from '../words/format.ts';

const AGAIN_MS = 3000;
const TICK_MS = 1000;

const ROLES = {
  all: 'serves the API and runs',
  api: 'serves the API',
  runner: 'runs',
} satisfies Record<NonNullable<Runner['role']>, string>;

export function RunnersTab() {
  const execd = useExecd();
  const now = useNow(TICK_MS);
  const { data, error, refetch } = useQuery({
    queryKey: ['runners'],
    queryFn: ({ signal }) => dataOf(execd.api.GET('/v1/runners', { signal })),
    refetchInterval: AGAIN_MS,
  });
  if (error !== null) return <Failed error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <Loading what="runners" />;
  return (
    <>
      <table tabIndex={0}>
        <thead>
          <tr>
            <th>Runner</th>
            <th>Role</th>
            <th>Pools</th>
            <th>Commands</th>
            <th>HTTP calls</th>
            <th>Version</th>
            <th>Started</th>
            <th>Lease</th>
          </tr>
        </thead>
        <tbody>
          {data.items.map(
            ({ name, self, host, role, pools, version, since, slots, drain, lease_until: lease }) => (
              <tr key={name}>
                <td>
                  <code>{name}</code>
                  {self && <span className="hint"> this server</span>}
                  {host !== null && host !== name && <span className="hint"> on {host}</span>}
                </td>
                <td>
                  {role === null ? '–' : ROLES[role]}
                  {drain !== null && (
                    <span className="hint" title={drain.reason ?? undefined}>
                      {' '}
                      drained by {drain.by}
                    </span>
                  )}
                </td>
                <td>{role === 'api' ? '–' : (pools?.join(', ') ?? '–')}</td>
                <td>
                  <Slots {...slots.process} />
                </td>
                <td>
                  <Slots {...slots.http} />
                </td>
                <td>{version ?? '–'}</td>
                <td>
                  <Ago time={since} />
                </td>
                <td>{lease === null ? 'needs none' : leaseOf(Date.parse(lease) - now)}</td>
              </tr>
            ),
          )}
        </tbody>
      </table>
      <h2 className="label">Pools</h2>
      <Pools pools={data.pools} />
    </>
  );
}

/** What waits for each pool, and what serves it. */
function Pools({ pools }: { pools: readonly RunnerPool[] }) {
  return (
    <table tabIndex={0}>
      <thead>
        <tr>
          <th>Pool</th>
          <th>Waiting commands</th>
          <th>Slots</th>
          <th>Waiting HTTP calls</th>
          <th>Slots for HTTP calls</th>
          <th>Served by</th>
        </tr>
      </thead>
      <tbody>
        {pools.map(({ name, queued, slots, servers }) => (
          <tr key={name}>
            <td>
              <code>{name}</code>
            </td>
            <td>{whole(queued.process)}</td>
            <td>{whole(slots.process)}</td>
            <td>{whole(queued.http)}</td>
            <td>{whole(slots.http)}</td>
            <td>{servers.join(', ') || 'no server'}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Slots({ running, max }: { running: number; max: number | null }) {
  return (
    <>
      {whole(running)}
      {max !== null && ` of ${whole(max)}`}
      {max !== null && max > 0 && <Meter part={running / max} />}
    </>
  );
}

const leaseOf = (ms: number): string => (ms > 0 ? `for ${duration(ms)}` : 'has lapsed');
