// Where an expression within a text ends: at the brace that closes it, which is none in a text, a comment or brackets of its own.

const NESTS: Readonly<Record<string, number>> = { '(': 1, '[': 1, '{': 1, ')': -1, ']': -1, '}': -1 };
const NAME = /[A-Za-z0-9_]/;

/** The place of the `}` that closes what begins at `start`; null if there is none. */
export function endOfExpression(text: string, start: number): number | null {
  let depth = 0;
  let wordAt = start;
  for (let at = start; at < text.length; at++) {
    const char = text[at] as string;
    if (NAME.test(char)) continue;
    if (char === '"' || char === "'") {
      const isRaw = /^(?:r|br|rb)$/i.test(text.slice(wordAt, at));
      const end = endOfText(text, at, isRaw);
      if (end === null) return null;
      at = end;
    } else if (text.startsWith('//', at)) {
      const end = text.indexOf('\n', at);
      if (end === -1) return null;
      at = end;
    } else if (depth === 0 && char === '}') {
      return at;
    } else {
      depth += NESTS[char] ?? 0;
    }
    wordAt = at + 1;
  }
  return null;
}

/** The place of the last quote of the text that begins at `start`. */
function endOfText(text: string, start: number, isRaw: boolean): number | null {
  const quote = text[start] as string;
  const mark = text.startsWith(quote.repeat(3), start) ? quote.repeat(3) : quote;
  for (let at = start + mark.length; at < text.length; at++) {
    if (text[at] === '\\' && !isRaw) at += 1;
    else if (text.startsWith(mark, at)) return at + mark.length - 1;
  }
  return null;
}
