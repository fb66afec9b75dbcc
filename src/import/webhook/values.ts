// Where a hook of adnanh/webhook takes a value from, as an expression of a hook of execd.

/** A value that a file of webhook names. */
export interface Reference {
  source: string;
  name?: string | undefined;
}

/** A value: a fixed text, or an expression with the condition under which it is there. */
export type Value = { text: string } | Found | { problem: string };
export interface Found {
  /** CEL; null: it is always there. */
  guard: string | null;
  /** CEL of the value as it came. */
  cel: string;
  /** Whether it can be nothing but a text. */
  isText: boolean;
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Words of CEL, which are no names of fields. */
const RESERVED = new Set(
  'as break const continue else false for function if import in let loop package namespace null return true var void while'.split(
    ' ',
  ),
);
export const text = (value: string): string => JSON.stringify(value);

/** @param parsed names of fields of the payload that hold JSON in a text */
export function valueOf({ source, name = '' }: Reference, parsed: ReadonlySet<string>): Value {
  switch (source) {
    case 'string':
      return { text: name };
    case 'header':
      return ofMap('headers', name.toLowerCase());
    case 'url':
    case 'query':
      return ofMap('query', name);
    case 'payload':
      return ofPayload(name.split('.'), parsed);
    case 'entire-payload':
      return { guard: null, cel: 'json(body)', isText: true };
    case 'entire-headers':
      return { guard: null, cel: 'json(headers)', isText: true };
    case 'entire-query':
      return { guard: null, cel: 'json(query)', isText: true };
    case 'request':
      return name.toLowerCase() === 'method'
        ? { text: 'POST' }
        : { problem: `expressions do not see ${name}; remove it from the command` };
    default:
      return { problem: REMEDIES[source] ?? `${text(source)} is not a source; use header, url or payload` };
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  template:
    'execd has no Go templates; write the value in CEL as hook.params (for example body.id, join(…), json(…))',
  context: 'is the output of pre-hook-command, which execd does not have; compute the value in the command',
  'raw-request-body':
    'expressions see what the body means, not its bytes; pass entire-payload, or sign and read it in the command',
};

function ofMap(root: 'headers' | 'query', key: string): Found {
  return { guard: `${text(key)} in ${root}`, cel: `${root}[${text(key)}]`, isText: root === 'headers' };
}

/** A field of the body: names, and numbers that count in lists. */
function ofPayload(path: readonly string[], parsed: ReadonlySet<string>): Found {
  const guards: string[] = [];
  let cel = 'body';
  let isPlain = true;
  for (const [i, key] of path.entries()) {
    if (isPlain && IDENTIFIER.test(key) && !RESERVED.has(key)) {
      cel = `${cel}.${key}`;
      guards.push(`has(${cel})`);
    } else if (/^\d{1,6}$/.test(key) && i > 0) {
      guards.push(`size(${cel}) > ${Number(key)}`);
      cel = `${cel}[${Number(key)}]`;
      isPlain = false;
    } else {
      guards.push(`${text(key)} in ${cel}`);
      cel = `${cel}[${text(key)}]`;
      isPlain = false;
    }
    if (!parsed.has(path.slice(0, i + 1).join('.'))) continue;
    cel = `parse(${cel})`;
    isPlain = false;
  }
  return { guard: guards.join(' && '), cel, isText: false };
}

/** The value as the text that webhook makes of it. */
export function asText({ cel, isText }: Found): string {
  return isText ? cel : `type(${cel}) == string ? ${cel} : json(${cel})`;
}

/** An expression whose value is a text, and that of `absent` where it is not there. */
export function orElse(found: Found, absent: '""' | 'null'): string {
  const value = asText(found);
  if (found.guard === null) return value;
  return `${found.guard} ? ${found.isText ? value : `(${value})`} : ${absent}`;
}
