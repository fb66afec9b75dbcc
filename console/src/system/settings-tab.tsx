// The settings that the server runs with.
import { useQuery } from '@tanstack/react-query';
import { dataOf } from '../../../src/client/calls.ts';
import { useExecd } from '../session/session.tsx';
import { useQueryParam } from '../ui/query-params.ts';
import { Button } from '../ui/button.tsx';
import { Failed, Loading } from '../ui/states.tsx';

export function SettingsTab() {
  const execd = useExecd();
  const [only, setOnly] = useQueryParam('only');
  const { data, error } = useQuery({
    queryKey: ['settings'],
    queryFn: ({ signal }) => dataOf(execd.api.GET('/v1/admin/settings', { signal })),
  });
  if (error !== null) return <Failed error={error} />;
  if (data === undefined) return <Loading what="settings" />;
  const rows = data.items.filter(({ is_set: isSet }) => only !== 'set' || isSet);
  return (
    <>
      <div className="tab-tools">
        <Button
          look="quiet"
          icon="filter"
          aria-pressed={only === 'set'}
          onClick={() => setOnly(only === 'set' ? null : 'set')}
        >
          Only those that are set
        </Button>
      </div>
      <table tabIndex={0}>
        <thead>
          <tr>
            <th>Setting</th>
            <th>Value</th>
            <th>Meaning</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, value, unit, about, is_set: isSet }) => (
            <tr key={name}>
              <td>
                <code>{name}</code>
              </td>
              <td className={isSet ? 'is-long is-set' : 'is-long'} title={unit}>
                {value === null ? <span className="hint">unset</span> : <code>{value}</code>}
              </td>
              <td className="is-long">{about}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
