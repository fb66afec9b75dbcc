// A field for an object in JSON, with what is wrong with it below.
import type { ReadJson } from './values.ts';

interface Props {
  label: string;
  rows: number;
  text: string;
  read: ReadJson;
  onChange: (text: string) => void;
}

export function JsonField({ label, rows, text, read, onChange }: Props) {
  return (
    <>
      <label className="field">
        <span>{label}</span>
        <textarea
          rows={rows}
          spellCheck={false}
          aria-invalid={read.value === null}
          value={text}
          onChange={({ target }) => onChange(target.value)}
        />
      </label>
      {read.value === null && (
        <p className="problem" role="alert">
          {read.problem}
        </p>
      )}
    </>
  );
}
