// What a user takes of the server, and may take: what runs, what waits, and what they keep.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { dataOf } from '../../../src/client/calls.ts';
import type { Usage } from '../../../src/client/types.ts';
import { useCan, useExecd, useMe } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { Meter } from '../ui/meter.tsx';
import { Failed, Loading } from '../ui/states.tsx';
import { bytes, whole } from '../words/format.ts';

const AGAIN_MS = 5000;

const NAMES: Record<Usage['items'][number]['what'], string> = {
  running: 'Running executions',
  queued: 'Waiting executions',
  store_bytes: 'Requests, results and plans',
  log_bytes: 'Logs, in bytes',
  logs: 'Logs, one for each attempt',
};

export function UsageTab() {
  const me = useMe();
  const isAdmin = useCan('admin');
  const [user, setUser] = useState(me.user_id);
  const [typed, setTyped] = useState(user);
  return (
    <>
      {isAdmin && (
        <form
          className="tab-tools"
          onSubmit={(event) => {
            event.preventDefault();
            setUser(typed.trim() === '' ? me.user_id : typed.trim());
          }}
        >
          <label>
            User <input value={typed} onChange={({ target }) => setTyped(target.value)} />
          </label>
          <Button type="submit">Show</Button>
        </form>
      )}
      <Shares key={user} user={user} isOther={user !== me.user_id} />
    </>
  );
}

function Shares({ user, isOther }: { user: string; isOther: boolean }) {
  const execd = useExecd();
  const { data, error } = useQuery({
    queryKey: ['usage', user],
    queryFn: ({ signal }) =>
      dataOf(
        execd.api.GET('/v1/me/usage', {
          params: isOther ? { header: { 'Execution-User': user } } : {},
          signal,
        }),
      ),
    refetchInterval: AGAIN_MS,
  });
  if (error !== null) return <Failed error={error} />;
  if (data === undefined) return <Loading what="the shares" />;
  return (
    <>
      <table tabIndex={0}>
        <thead>
          <tr>
            <th>What</th>
            <th>{user}</th>
            <th>Quota</th>
            <th>All users</th>
            <th>Of all users, at most</th>
          </tr>
        </thead>
        <tbody>
          {data.items.map(({ what, used, limit, used_by_all: all, limit_of_all: most }) => {
            const word = what.endsWith('bytes') ? bytes : whole;
            return (
              <tr key={what}>
                <td>{NAMES[what]}</td>
                <td>{word(used)}</td>
                <td>
                  {limit === null ? (
                    <span className="hint">none</span>
                  ) : (
                    <>
                      {word(limit)} <Meter part={limit === 0 ? 1 : used / limit} />
                    </>
                  )}
                </td>
                <td>{word(all)}</td>
                <td>
                  {most === null ? (
                    <span className="hint">no limit</span>
                  ) : (
                    <>
                      {word(most)} <Meter part={most === 0 ? 1 : all / most} />
                    </>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <p className="hint">
        A user without a quota may take all of it. When it is full, users below an equal part still get
        theirs.
      </p>
    </>
  );
}
