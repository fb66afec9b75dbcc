// Circuits: which are open, and closing one by hand.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { dataOf } from '../../../src/client/calls.ts';
import type { Circuit } from '../../../src/client/types.ts';
import { useCan, useExecd } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { Failed, Loading, Problem } from '../ui/states.tsx';
import { duration, whole } from '../words/format.ts';

const AGAIN_MS = 3000;
const TONES: Record<Circuit['state'], string> = {
  closed: 'completed',
  open: 'failed',
  half_open: 'timed_out',
  isolated: 'cancelled',
};

export function CircuitsTab() {
  const execd = useExecd();
  const queries = useQueryClient();
  const isAdmin = useCan('admin');
  const { data, error } = useQuery({
    queryKey: ['circuits'],
    queryFn: ({ signal }) => dataOf(execd.api.GET('/v1/circuits', { signal })),
    refetchInterval: AGAIN_MS,
  });
  const change = useMutation({
    mutationFn: ({ name, how }: { name: string; how: 'reset' | 'isolate' }) => {
      const options = { params: { path: { name } } };
      return how === 'reset'
        ? dataOf(execd.api.POST('/v1/circuits/{name}/reset', options))
        : dataOf(execd.api.POST('/v1/circuits/{name}/isolate', options));
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: ['circuits'] }),
  });
  if (error !== null) return <Failed error={error} />;
  if (data === undefined) return <Loading what="circuits" />;
  if (data.items.length === 0) return <p className="hint">No circuit has been used.</p>;
  return (
    <>
      <Problem error={change.error} />
      <table>
        <thead>
          <tr>
            <th>Circuit</th>
            <th>State</th>
            <th>Calls</th>
            <th>Failures</th>
            <th>Opened</th>
            <th>Rejected</th>
            <th>Next probe</th>
            <th>
              <span className="sr-only">Change</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {data.items.map(({ name, state, calls, failures, opened, rejected, next_probe_ms: probe }) => (
            <tr key={name}>
              <td>
                <code>{name}</code>
              </td>
              <td>
                <span className={`tag tone-${TONES[state]}`}>{state.replace('_', ' ')}</span>
              </td>
              <td>{whole(calls)}</td>
              <td>{whole(failures)}</td>
              <td>{whole(opened)}</td>
              <td>{whole(rejected)}</td>
              <td>{probe === null ? '–' : duration(probe)}</td>
              <td>
                {isAdmin && (
                  <span className="actions">
                    <Button look="quiet" onClick={() => change.mutate({ name, how: 'reset' })}>
                      Close
                    </Button>
                    <Button look="quiet" onClick={() => change.mutate({ name, how: 'isolate' })}>
                      Hold open
                    </Button>
                  </span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
