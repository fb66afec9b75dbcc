// Where a text stops being JSON: the parsers of browsers do not all say it.
const TOKEN =
  /\s*(?:([{}[\],:])|("(?:[^"\\\n]|\\.)*")|(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null))/y;

type Wanted = 'value' | 'value or end' | 'name' | 'name or end' | 'colon' | 'comma or end' | 'nothing';

/** The place of the first character that is not allowed there. */
export function placeOfError(text: string): { line: number; column: number } {
  const before = text.slice(0, offsetOfError(text)).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function offsetOfError(text: string): number {
  const open: string[] = [];
  let wanted: Wanted = 'value';
  TOKEN.lastIndex = 0;
  for (;;) {
    const from = TOKEN.lastIndex;
    const [whole, mark, word] = TOKEN.exec(text) ?? [];
    const at = from + (/^\s*/.exec(text.slice(from))?.[0].length ?? 0);
    if (whole === undefined) return at;
    const next = after(wanted, mark ?? (word === undefined ? 'word' : 'text'), open);
    if (next === null) return at;
    wanted = next;
  }
}

/** What is allowed after a token; null where the token itself is not allowed. */
function after(wanted: Wanted, token: string, open: string[]): Wanted | null {
  const isEnd = wanted.endsWith('or end');
  if (token === '}' || token === ']') {
    if (!isEnd || open.pop() !== token) return null;
    return open.length === 0 ? 'nothing' : 'comma or end';
  }
  if (token === ',') {
    if (wanted !== 'comma or end') return null;
    return open.at(-1) === '}' ? 'name' : 'value';
  }
  if (token === ':') return wanted === 'colon' ? 'value' : null;
  if (wanted.startsWith('name')) return token === 'text' ? 'colon' : null;
  if (!wanted.startsWith('value')) return null;
  if (token === '{' || token === '[') {
    open.push(token === '{' ? '}' : ']');
    return token === '{' ? 'name or end' : 'value or end';
  }
  return open.length === 0 ? 'nothing' : 'comma or end';
}
