// An operation by its name, with a form of its own parameters.
import { useQuery } from '@tanstack/react-query';
import { dataOf } from '../../../src/client/calls.ts';
import { useExecd } from '../session/session.tsx';
import { Loading } from '../ui/states.tsx';
import type { Schema, Schemas } from './schema.ts';
import { type Fields, SchemaForm } from './schema-form.tsx';
import { withField } from './values.ts';

interface Props {
  schemas: Schemas;
  schema: Schema;
  value: Fields;
  onChange: (value: Fields) => void;
}

export function OperationForm({ schemas, schema, value, onChange }: Props) {
  const execd = useExecd();
  const { data } = useQuery({
    queryKey: ['operations'],
    queryFn: ({ signal }) => dataOf(execd.api.GET('/v1/operations', { signal })),
  });
  if (data === undefined) return <Loading what="operations" />;
  if (data.items.length === 0)
    return (
      <p className="hint">
        This server has no operations. The operator writes them into a file (
        <code>EXECUTION_OPERATIONS_FILE</code>).
      </p>
    );
  const chosen = data.items.find(({ name }) => name === value.name);
  return (
    <div className="form">
      <div className="field">
        <label htmlFor="operation">operation</label>
        <select
          id="operation"
          value={chosen?.name ?? ''}
          onChange={({ target }) => onChange({ kind: 'operation', name: target.value })}
        >
          <option value="">choose one</option>
          {data.items.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <p className="hint">{chosen?.description}</p>
      </div>
      {chosen !== undefined && (
        <SchemaForm
          key={chosen.name}
          schemas={schemas}
          schema={chosen.params}
          value={(value.params ?? {}) as Fields}
          onChange={(params) => onChange(withField(value, 'params', params))}
        />
      )}
      <details className="more">
        <summary>Limits, labels, cache …</summary>
        <SchemaForm {...{ schemas, schema, value, onChange }} without={['kind', 'name', 'params']} />
      </details>
    </div>
  );
}
