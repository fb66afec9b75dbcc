// JSON as a tree that folds.
const OPEN_DEPTH = 2;
const SHOWN = 200;

export function JsonTree({ value }: { value: unknown }) {
  return (
    <div className="json">
      <Node name={null} value={value} depth={0} />
    </div>
  );
}

function Node({ name, value, depth }: { name: string | null; value: unknown; depth: number }) {
  const label = name === null ? null : <span className="json-name">{name}: </span>;
  if (typeof value !== 'object' || value === null)
    return (
      <div className="json-leaf">
        {label}
        <Leaf value={value} />
      </div>
    );
  const entries = Object.entries(value as Record<string, unknown>);
  const isList = Array.isArray(value);
  if (entries.length === 0)
    return (
      <div className="json-leaf">
        {label}
        {isList ? '[]' : '{}'}
      </div>
    );
  return (
    <details open={depth < OPEN_DEPTH}>
      <summary>
        {label}
        <span className="hint">{isList ? `[${entries.length}]` : `{${entries.length}}`}</span>
      </summary>
      {entries.slice(0, SHOWN).map(([key, one]) => (
        <Node key={key} name={key} value={one} depth={depth + 1} />
      ))}
      {entries.length > SHOWN && <p className="hint">and {entries.length - SHOWN} more</p>}
    </details>
  );
}

function Leaf({ value }: { value: unknown }) {
  if (typeof value === 'string')
    return (
      <span className="json-text">{value.includes('\n') ? <pre tabIndex={0}>{value}</pre> : value}</span>
    );
  return <span className="json-word">{String(value)}</span>;
}
