// The cache: how much it helps, what it holds, and taking things out of it.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from 'wouter';
import { dataOf } from '../../../src/client/calls.ts';
import { useStats } from '../live/use-live.ts';
import { useCan, useExecd } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { Facts } from '../ui/facts.tsx';
import { Failed, Loading, Problem } from '../ui/states.tsx';
import { Meter } from '../ui/meter.tsx';
import { bytes, duration, percent, shortId, whole } from '../words/format.ts';

const SHOWN = 100;

export function CacheTab() {
  const execd = useExecd();
  const queries = useQueryClient();
  const stats = useStats()?.cache;
  const canSubmit = useCan('submit');
  const { data, error } = useQuery({
    queryKey: ['cache'],
    queryFn: ({ signal }) =>
      dataOf(execd.api.GET('/v1/cache/entries', { params: { query: { limit: SHOWN } }, signal })),
  });
  const remove = useMutation({
    mutationFn: (key: string | null) =>
      dataOf(execd.api.DELETE('/v1/cache', { params: { query: key === null ? {} : { key } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['cache'] }),
  });
  return (
    <>
      {stats !== undefined && (
        <Facts
          rows={[
            ['Hit ratio', stats.hit_ratio === null ? '–' : percent(stats.hit_ratio)],
            ['Hits', `${whole(stats.hits)}, and ${whole(stats.joined)} joined`],
            ['Misses', whole(stats.misses)],
            [
              'Entries',
              <>
                {whole(stats.entries)} of {whole(stats.max_entries)}{' '}
                <Meter part={stats.entries / stats.max_entries} />
              </>,
            ],
            [
              'Memory',
              <>
                {bytes(stats.bytes)} of {bytes(stats.max_bytes)}{' '}
                <Meter part={stats.bytes / stats.max_bytes} />
              </>,
            ],
            ['Evicted', `${whole(stats.evictions)}, and ${whole(stats.expirations)} expired`],
          ]}
        />
      )}
      <div className="tab-tools">
        <h2>Your entries</h2>
        {canSubmit && (
          <Button look="danger" disabled={data?.items.length === 0} onClick={() => remove.mutate(null)}>
            Remove all of yours
          </Button>
        )}
      </div>
      <Problem error={remove.error} />
      {error !== null && <Failed error={error} />}
      {data === undefined && error === null && <Loading what="entries" />}
      {data?.items.length === 0 && <p className="hint">No result is stored.</p>}
      {data !== undefined && data.items.length > 0 && (
        <table>
          <thead>
            <tr>
              <th>Key</th>
              <th>What</th>
              <th>Made by</th>
              <th>Age</th>
              <th>Left</th>
              <th>
                <span className="sr-only">Remove</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.items.map(({ key, operation, run_id: run, age_s: age, ttl_s: left }) => (
              <tr key={key}>
                <td>
                  <code title={key}>{key.slice(0, 16)}</code>
                </td>
                <td>{operation ?? 'request'}</td>
                <td>{run === null ? 'put in' : <Link href={`/executions/${run}`}>…{shortId(run)}</Link>}</td>
                <td>{duration(age * 1000)}</td>
                <td>{left === null ? 'for ever' : duration(left * 1000)}</td>
                <td>
                  {canSubmit && (
                    <Button
                      look="quiet"
                      icon="close"
                      aria-label={`Remove ${key.slice(0, 16)}`}
                      onClick={() => remove.mutate(key)}
                    />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}
