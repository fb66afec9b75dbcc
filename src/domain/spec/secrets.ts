// Secrets by reference: a spec names them, and never holds one. They reach the environment of a process or a header of an
// HTTP call, at the start of an attempt, and nothing else.
import { carrierFacts, isRequest, type ProcessKind, type RequestKind } from '../kinds.ts';
import type { SecretRef } from '../secret-ref.ts';
import type { AnyWork } from './any.ts';
import type { Work } from './spec.ts';

/** The secrets that there are. */
export interface Secrets {
  /** Null when a user may use all of them, by themselves or by an operation; else the first that they may not. */
  whyNot(use: SecretUse): string | null;
  /** The value of one that may be used. */
  reveal(name: string): string;
  /** Tells values of the same name apart, without telling anything of them. */
  generation(name: string): string;
  /** What is taken out of the output of an attempt that uses these; empty where nothing is. */
  patterns(names: readonly string[]): readonly Uint8Array[];
  /** A text without them. */
  redact(names: readonly string[], text: string): string;
}

export interface SecretUse {
  names: readonly string[];
  userId: string;
  /** Null without one. */
  operation: string | null;
}

type Filled<W> = W extends { kind: RequestKind }
  ? Omit<W, 'headers'> & { headers?: Record<string, string> | undefined }
  : W extends { env?: unknown }
    ? Omit<W, 'env'> & { env?: Record<string, string> | undefined }
    : W;
/** Work with its secrets in their places: never stored, never shown. */
export type FilledWork = Filled<Work>;
/** What a runner host carries out. */
export type FilledProcessWork = Extract<FilledWork, { kind: ProcessKind }>;

/** Values that may be references. */
type Places = Record<string, string | SecretRef>;

function placesOf(work: AnyWork): Places {
  const { secretsIn: field } = carrierFacts(work);
  return field === null ? {} : ((work as Partial<Record<typeof field, Places>>)[field] ?? {});
}

/** Names of the secrets that work uses, each once. */
export function secretsIn(work: AnyWork): string[] {
  const names: string[] = [];
  for (const value of Object.values(placesOf(work))) {
    if (typeof value !== 'string' && !names.includes(value.secret)) names.push(value.secret);
  }
  return names;
}

/** Headers that hold a secret, in lower case: they go to no other server. */
export function secretHeaders(work: Work): string[] {
  if (!isRequest(work)) return [];
  const places = Object.entries(placesOf(work)).filter(([, value]) => typeof value !== 'string');
  return places.map(([name]) => name.toLowerCase());
}

/** Work with its secrets in their places. */
export function fillSecrets(work: Work, reveal: (name: string) => string): FilledWork {
  const values = Object.entries(placesOf(work)).map(([name, value]): [string, string] => {
    if (typeof value === 'string') return [name, value];
    const { prefix = '' } = value as SecretRef & { prefix?: string };
    return [name, prefix + reveal(value.secret)];
  });
  const filled = Object.fromEntries(values);
  return isRequest(work) ? { ...work, headers: filled } : { ...work, env: filled };
}

/** Stands between texts that are looked through together; no secret holds it. */
const BETWEEN = '\0';

/**
 * A JSON value whose texts and names do not hold secrets. What is no plain list or object is left as it is.
 *
 * @param redact of a text
 */
export function redactValue(value: unknown, redact: (text: string) => string): unknown {
  const texts: string[] = [];
  mapTexts(value, (text) => {
    texts.push(text);
    return text;
  });
  const whole = texts.join(BETWEEN);
  const clean = redact(whole);
  // By far the most have none.
  if (clean === whole) return value;
  const pieces = clean.split(BETWEEN);
  const isWhole = pieces.length === texts.length;
  let i = 0;
  return mapTexts(value, (text) => (isWhole ? (pieces[i++] as string) : redact(text)));
}

function mapTexts(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === 'string') return map(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one) => mapTexts(one, map));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  const entries = Object.entries(value).map(([name, one]) => [map(name), mapTexts(one, map)] as const);
  return Object.fromEntries(entries);
}

export const NO_SECRETS: Secrets = Object.freeze({
  whyNot: ({ names }: SecretUse) => names[0] ?? null,
  reveal: (name: string) => {
    throw new TypeError(`there is no secret ${name}`);
  },
  generation: () => '',
  patterns: () => [],
  redact: (_names: readonly string[], text: string) => text,
});
