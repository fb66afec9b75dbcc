// What is paused, and by whom; pausing the queue, an operation or a concurrency key; and maintenance.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { dataOf } from '../../../src/client/calls.ts';
import { useExecd } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { Failed, Loading, Problem } from '../ui/states.tsx';
import { Ago } from '../ui/time.tsx';

const AGAIN_MS = 5000;
const KEY = ['pauses'] as const;

const WHAT = {
  queue: 'the queue: nothing starts',
  maintenance: 'maintenance: new work is rejected',
  operation: 'an operation',
  key: 'a concurrency key of yours',
} as const;
type What = keyof typeof WHAT;

export function PausesTab() {
  const execd = useExecd();
  const queries = useQueryClient();
  const { data, error } = useQuery({
    queryKey: KEY,
    queryFn: ({ signal }) => dataOf(execd.api.GET('/v1/admin/pauses', { signal })),
    refetchInterval: AGAIN_MS,
  });
  const resume = useMutation({
    mutationFn: ({ what, user }: { what: string; user: string | null }) =>
      dataOf(
        execd.api.DELETE('/v1/admin/pauses/{what}', {
          params: { path: { what }, ...(user !== null && { header: { 'Execution-User': user } }) },
        }),
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: KEY }),
  });
  if (error !== null) return <Failed error={error} />;
  if (data === undefined) return <Loading what="pauses" />;
  return (
    <>
      <Problem error={resume.error} />
      {data.items.length === 0 && <p className="hint">Nothing is paused.</p>}
      {data.items.length > 0 && (
        <table>
          <thead>
            <tr>
              <th>What</th>
              <th>Reason</th>
              <th>By</th>
              <th>Since</th>
              <th>
                <span className="sr-only">Change</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.items.map(({ what, user_id: user, reason, by, since }) => (
              <tr key={`${user} ${what}`}>
                <td>
                  <code>{what}</code>
                  {user !== null && <span className="hint"> of {user}</span>}
                </td>
                <td className="is-long">{reason ?? <span className="hint">none was given</span>}</td>
                <td>{by}</td>
                <td>
                  <Ago time={since} />
                </td>
                <td>
                  <Button
                    aria-label={`Resume ${what}`}
                    disabled={resume.isPending}
                    onClick={() => resume.mutate({ what, user })}
                  >
                    {what === 'maintenance' ? 'End' : 'Resume'}
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <PauseForm />
    </>
  );
}

function PauseForm() {
  const execd = useExecd();
  const queries = useQueryClient();
  const [what, setWhat] = useState<What>('queue');
  const [name, setName] = useState('');
  const [reason, setReason] = useState('');
  const needsName = what === 'operation' || what === 'key';
  const pause = useMutation({
    mutationFn: () =>
      dataOf(
        execd.api.PUT('/v1/admin/pauses/{what}', {
          params: { path: { what: needsName ? `${what}:${name.trim()}` : what } },
          body: reason.trim() === '' ? {} : { reason: reason.trim() },
        }),
      ),
    onSuccess: () => {
      setReason('');
      setName('');
      return queries.invalidateQueries({ queryKey: KEY });
    },
  });
  return (
    <form
      className="pause-form"
      onSubmit={(event) => {
        event.preventDefault();
        pause.mutate();
      }}
    >
      <h2 className="label">Pause</h2>
      <p className="hint">Running executions continue. Waiting ones start when you resume.</p>
      <label className="field">
        <span>What</span>
        <select value={what} onChange={({ target }) => setWhat(target.value as What)}>
          {Object.entries(WHAT).map(([one, words]) => (
            <option key={one} value={one}>
              {words}
            </option>
          ))}
        </select>
      </label>
      {needsName && (
        <label className="field">
          <span>{what === 'key' ? 'Key' : 'Name of the operation'}</span>
          <input required value={name} onChange={({ target }) => setName(target.value)} />
        </label>
      )}
      <label className="field">
        <span>Reason, for those who wait</span>
        <input value={reason} maxLength={1000} onChange={({ target }) => setReason(target.value)} />
      </label>
      <Problem error={pause.error} />
      <div className="actions">
        <Button look="danger" icon="pause" type="submit" disabled={pause.isPending}>
          {what === 'maintenance' ? 'Begin maintenance' : 'Pause it'}
        </Button>
      </div>
    </form>
  );
}
