// A form that is made of a schema. It holds nothing itself: each change makes another value.
import { useId, useState } from 'react';
import { resolved, type Schema, type Schemas, shapeOf } from './schema.ts';
import { listOf, mapOf, mapText, withField } from './values.ts';

export type Fields = Readonly<Record<string, unknown>>;

interface Props {
  schemas: Schemas;
  schema: Schema;
  value: Fields;
  onChange: (value: Fields) => void;
  /** Names that something else asks for. */
  without?: readonly string[];
  /** Names that are shown at once, where those that are needed most often are other ones. */
  first?: readonly string[];
}

/** What is rarely needed is folded away. */
const COMMON = [
  'command',
  'program',
  'args',
  'source',
  'interpreter',
  'url',
  'method',
  'name',
  'cwd',
  'env',
  'labels',
];

export function SchemaForm({ schemas, schema, value, onChange, without = [], first = COMMON }: Props) {
  const { properties = {}, required = [] } = schema;
  const names = Object.keys(properties).filter((name) => !without.includes(name));
  const isFirst = (name: string) => required.includes(name) || first.includes(name) || names.length <= 8;
  const field = (name: string) => (
    <Field
      key={name}
      {...{ schemas, name }}
      schema={resolved(schemas, properties[name] ?? {})}
      isRequired={required.includes(name)}
      value={value[name]}
      onChange={(next) => onChange(withField(value, name, next))}
    />
  );
  const more = names.filter((name) => !isFirst(name));
  return (
    <div className="form">
      {names.filter(isFirst).map(field)}
      {more.length > 0 && (
        <details className="more">
          <summary>More: {more.slice(0, 5).join(', ')} …</summary>
          <div className="form">{more.map(field)}</div>
        </details>
      )}
    </div>
  );
}

interface FieldProps {
  schemas: Schemas;
  name: string;
  schema: Schema;
  isRequired: boolean;
  value: unknown;
  /** undefined: the field is left out. */
  onChange: (value: unknown) => void;
}

function Field(props: FieldProps) {
  const { schemas, name, schema, isRequired, value, onChange } = props;
  const id = useId();
  if (shapeOf(schemas, schema) === 'group')
    return (
      <details className="group" open={value !== undefined}>
        <summary>
          {name} <span className="hint">{schema.description}</span>
        </summary>
        <SchemaForm
          {...{ schemas, schema }}
          value={(value ?? {}) as Fields}
          onChange={(next) => onChange(Object.keys(next).length === 0 ? undefined : next)}
        />
      </details>
    );
  return (
    <div className="field">
      <label htmlFor={id}>
        {name}
        {isRequired && <span aria-hidden="true"> *</span>}
      </label>
      <Control {...props} id={id} />
      {schema.description !== undefined && (
        <p id={`${id}-about`} className="hint">
          {schema.description}
        </p>
      )}
    </div>
  );
}

/** Texts of more than a line. */
const LONG = ['command', 'source', 'stdin', 'body', 'text'];

function Control({ schemas, name, schema, isRequired, value, onChange, id }: FieldProps & { id: string }) {
  const shape = shapeOf(schemas, schema);
  const common = { id, required: isRequired, 'aria-describedby': schema.description && `${id}-about` };
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  const hint = schema.default === undefined ? undefined : JSON.stringify(schema.default);
  switch (shape) {
    case 'choice':
    case 'flag': {
      const words = shape === 'flag' ? [true, false] : (schema.enum ?? []);
      const chosen = words.find((one) => one === value);
      return (
        <select
          {...common}
          value={chosen === undefined ? '' : JSON.stringify(chosen)}
          onChange={({ target }) => onChange(words.find((one) => JSON.stringify(one) === target.value))}
        >
          <option value="">{hint === undefined ? '(default)' : `(default: ${hint})`}</option>
          {words.map((one) => (
            <option key={String(one)} value={JSON.stringify(one)}>
              {String(one)}
            </option>
          ))}
        </select>
      );
    }
    case 'number':
      return (
        <input
          {...common}
          type="number"
          value={text}
          min={schema.minimum}
          max={schema.maximum}
          placeholder={hint}
          onChange={({ target }) => onChange(target.value === '' ? undefined : Number(target.value))}
        />
      );
    case 'text':
      if (!LONG.includes(name))
        return (
          <input
            {...common}
            value={text}
            placeholder={hint}
            spellCheck={false}
            onChange={({ target }) => onChange(target.value === '' ? undefined : target.value)}
          />
        );
      return <Lines {...common} value={text} read={(lines) => lines} onChange={onChange} rows={4} />;
    case 'list':
      return (
        <Lines
          {...common}
          value={Array.isArray(value) ? value.join('\n') : ''}
          read={listOf}
          onChange={onChange}
          hint="one a line"
        />
      );
    case 'map':
      return (
        <Lines
          {...common}
          value={mapText(value)}
          read={mapOf}
          onChange={onChange}
          hint="NAME=value, one a line"
        />
      );
    default:
      return (
        <Lines
          {...common}
          value={value === undefined ? '' : JSON.stringify(value)}
          read={(lines) => JSON.parse(lines) as unknown}
          onChange={onChange}
          hint="JSON"
        />
      );
  }
}

interface LinesProps {
  id: string;
  required: boolean;
  'aria-describedby': string | undefined;
  value: string;
  read: (text: string) => unknown;
  onChange: (value: unknown) => void;
  hint?: string;
  rows?: number;
}

/** What is typed stays as it is typed; what cannot be read yet changes nothing. */
function Lines({ value, read, onChange, hint, rows = 2, ...common }: LinesProps) {
  const [typed, setTyped] = useState(value);
  const [isBad, setBad] = useState(false);
  return (
    <textarea
      {...common}
      rows={rows}
      aria-invalid={isBad}
      spellCheck={false}
      placeholder={hint}
      value={typed}
      onChange={({ target }) => {
        setTyped(target.value);
        try {
          onChange(target.value === '' ? undefined : read(target.value));
          setBad(false);
        } catch {
          setBad(true);
        }
      }}
    />
  );
}
