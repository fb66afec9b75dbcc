// Values of a form as text, and back.
import { placeOfError } from './json-place.ts';

type Fields = Readonly<Record<string, unknown>>;

/** With another value of a field; undefined takes it away. */
export function withField(value: Fields, name: string, next: unknown): Fields {
  const { [name]: _, ...rest } = value;
  return next === undefined ? rest : { ...value, [name]: next };
}

export const listOf = (text: string): string[] => text.split('\n');

/** A value that is `{"secret": …}` names a secret; any other one is text. */
export function mapOf(text: string): Record<string, unknown> {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf('=');
      if (at < 1) throw new Error('NAME=value, one a line');
      const value = line.slice(at + 1);
      return [line.slice(0, at), value.startsWith('{"secret"') ? (JSON.parse(value) as unknown) : value];
    }),
  );
}

export function mapText(value: unknown): string {
  return Object.entries((value ?? {}) as Record<string, unknown>)
    .map(([name, one]) => `${name}=${typeof one === 'string' ? one : JSON.stringify(one)}`)
    .join('\n');
}

export interface ReadJson {
  value: Fields | null;
  /** Why it is no JSON object; empty if it is. */
  problem: string;
}

/** Says where a text stops being JSON. */
export function readJson(text: string): ReadJson {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return { value: value as Fields, problem: '' };
    return { value: null, problem: 'It must be an object.' };
  } catch {
    const { line, column } = placeOfError(text);
    return { value: null, problem: `Line ${line}, column ${column}: this is not JSON.` };
  }
}
