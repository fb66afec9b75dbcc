// The audit log of a day: who changed what, and who was refused.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { useExecd } from '../session/session.tsx';
import { Failed, Loading } from '../ui/states.tsx';
import { plural, shortId, timeOfDay } from '../words/format.ts';

interface AuditLine {
  time: string;
  user: string | null;
  for_user?: string;
  method: string;
  route: string;
  status: number;
  refused?: string;
  execution_id?: string;
  what?: string;
}

/** Of a day there may be very many: the newest ones are shown. */
const SHOWN = 500;

export function AuditTab() {
  const execd = useExecd();
  const [day, setDay] = useState(() => new Date().toISOString().slice(0, 10));
  const { data, error } = useQuery({
    queryKey: ['audit', day],
    queryFn: async ({ signal }): Promise<AuditLine[]> => {
      const query = { day };
      const { data: text = '', error: problem } = await execd.api.GET('/v1/admin/audit', {
        ...{ params: { query }, parseAs: 'text', signal },
      });
      if (problem !== undefined) throw new Error(problem.detail);
      return linesOf(text);
    },
  });
  return (
    <>
      <div className="tab-tools">
        <label>
          Day (UTC) <input type="date" value={day} onChange={({ target }) => setDay(target.value)} />
        </label>
        {data !== undefined && <span className="hint">{plural(data.length, 'request')}</span>}
      </div>
      {error !== null && <Failed error={error} />}
      {data === undefined && error === null && <Loading what="the audit log" />}
      {data?.length === 0 && <p className="hint">Nothing was changed or refused on this day.</p>}
      {data !== undefined && data.length > 0 && (
        <table tabIndex={0}>
          <thead>
            <tr>
              <th>Time</th>
              <th>User</th>
              <th>Request</th>
              <th>Status</th>
              <th>What</th>
            </tr>
          </thead>
          <tbody>
            {data.slice(0, SHOWN).map((line, i) => (
              <tr key={i}>
                <td>{timeOfDay(line.time)}</td>
                <td>
                  {line.for_user === undefined
                    ? (line.user ?? 'nobody')
                    : `${line.user} for ${line.for_user}`}
                </td>
                <td>
                  <code>
                    {line.method} {line.route}
                  </code>
                </td>
                <td>
                  <span className={line.status >= 400 ? 'tag tone-failed' : 'tag'}>
                    {line.refused ?? line.status}
                  </span>
                </td>
                <td className="is-long">
                  {line.execution_id !== undefined && (
                    <Link href={`/executions/${line.execution_id}`}>…{shortId(line.execution_id)}</Link>
                  )}{' '}
                  {line.what}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

/** The newest first. */
const linesOf = (text: string): AuditLine[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditLine)
    .reverse();
