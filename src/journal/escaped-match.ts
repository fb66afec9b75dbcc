// Finds a secret that somebody has escaped, pure: in a URL, in JSON (also JSON in JSON), in the texts of most languages, or
// in base64 that is cut into lines. A byte of the pattern may stand there as it is or escaped, each in its own way, so that
// nobody has to know who has escaped what. native/escaped.c does the same; test/fixtures/redaction.json has cases.

/** The bytes end before it is known whether they match. */
export const OPEN = -2;
/** They do not match. */
export const NONE = -1;

/** Backslashes in a row that may be one escape: JSON in JSON in JSON has seven. */
const MAX_BACKSLASHES = 8;
/** Bytes between two lines of base64: line breaks and the indentation behind them. */
const MAX_BREAK = 64;

const code = (char: string): number => char.charCodeAt(0);
const [BACKSLASH, PERCENT, PLUS, SPACE, SLASH] = [code('\\'), code('%'), code('+'), code(' '), code('/')];
const [MINUS, UNDERSCORE, TAB, LF, CR, U, X] = [
  code('-'),
  code('_'),
  code('\t'),
  code('\n'),
  code('\r'),
  code('u'),
  code('x'),
];
/** What a letter behind a backslash means. */
const LETTERS: ReadonlyMap<number, number> = new Map([
  [code('n'), LF],
  [code('r'), CR],
  [code('t'), TAB],
  [code('b'), 8],
  [code('f'), 12],
  [code('v'), 11],
  [code('0'), 0],
]);

/** A place in the bytes and in the pattern; negative places say why there is none. */
interface Step {
  at: number;
  k: number;
}

/**
 * Where a match that begins at a place ends; OPEN or NONE.
 *
 * @param pattern its bytes, of base64 in the usual alphabet
 */
export function matchEscaped(all: Uint8Array, from: number, pattern: Uint8Array, isBase64: boolean): number {
  const step: Step = { at: from, k: 0 };
  while (step.k < pattern.length) {
    if (isBase64 && step.k > 0) {
      step.at = skipBreak(all, step.at);
      if (step.at < 0) return step.at;
    }
    if (step.at >= all.length) return OPEN;
    const end = matchOne(all, step, pattern, isBase64);
    if (end < 0) return end;
  }
  return step.at;
}

/** Bytes that a match may begin with. */
export function beginnings(pattern: Uint8Array, isBase64: boolean): number[] {
  const first = pattern[0] as number;
  const aliases = isBase64 ? [first === PLUS ? MINUS : first, first === SLASH ? UNDERSCORE : first] : [];
  return [first, BACKSLASH, PERCENT, ...(first === SPACE && !isBase64 ? [PLUS] : []), ...aliases];
}

/** Moves on by what stands for one character of the pattern, or by a row of its backslashes. */
function matchOne(all: Uint8Array, step: Step, pattern: Uint8Array, isBase64: boolean): number {
  const byte = all[step.at] as number;
  const wanted = pattern[step.k] as number;
  if (byte === BACKSLASH) return matchBackslashes(all, step, pattern);
  if (byte === PERCENT) {
    const value = hexAt(all, step.at + 1, 2);
    if (value === OPEN || value === wanted) return value === OPEN ? OPEN : move(step, 3, 1);
  }
  if (isSame(byte, wanted, isBase64)) return move(step, 1, 1);
  return NONE;
}

function isSame(byte: number, wanted: number, isBase64: boolean): boolean {
  if (byte === wanted) return true;
  if (!isBase64) return wanted === SPACE && byte === PLUS;
  return (wanted === PLUS && byte === MINUS) || (wanted === SLASH && byte === UNDERSCORE);
}

function move(step: Step, bytes: number, matched: number): number {
  step.at += bytes;
  step.k += matched;
  return step.at;
}

function matchBackslashes(all: Uint8Array, step: Step, pattern: Uint8Array): number {
  const run = runOf(all, step.at);
  if (run === OPEN || run === NONE) return run;
  const own = ownBackslashes(pattern, step.k);
  if (own > 0 && own <= MAX_BACKSLASHES) {
    // Each level of escaping doubles them, and puts 2^level − 1 before what it escapes next.
    for (let doubled = 1; doubled <= MAX_BACKSLASHES; doubled *= 2) {
      const rest = run - own * doubled;
      if (rest === 0 || rest === doubled - 1) return move(step, own * doubled, own);
    }
  }
  const behind = step.at + run;
  const letter = all[behind] as number;
  const wanted = pattern[step.k] as number;
  if (letter === U) return matchUnicode(all, step, pattern, run);
  if (letter === X) {
    const value = hexAt(all, behind + 1, 2);
    if (value === OPEN) return OPEN;
    if (value === wanted) return move(step, run + 3, 1);
    return value === NONE ? NONE : matchCodePoint(value, step, pattern, run + 3);
  }
  const meant = LETTERS.get(letter);
  if (meant !== undefined) return meant === wanted ? move(step, run + 1, 1) : NONE;
  // Anything but a letter or digit stands for itself.
  return letter === wanted && !isAlphanumeric(letter) ? move(step, run + 1, 1) : NONE;
}

/** How many backslashes are in a row, with something behind them. */
function runOf(all: Uint8Array, at: number): number {
  let run = 0;
  while (all[at + run] === BACKSLASH && run <= MAX_BACKSLASHES) run += 1;
  if (run > MAX_BACKSLASHES) return NONE;
  return at + run === all.length ? OPEN : run;
}

function ownBackslashes(pattern: Uint8Array, k: number): number {
  let count = 0;
  while (pattern[k + count] === BACKSLASH) count += 1;
  return count;
}

function matchUnicode(all: Uint8Array, step: Step, pattern: Uint8Array, run: number): number {
  const unit = hexAt(all, step.at + run + 1, 4);
  if (unit < 0) return unit;
  const length = run + 5;
  if (unit < 0xd800 || unit > 0xdbff) return matchCodePoint(unit, step, pattern, length);
  // The other half of a pair, behind as many backslashes.
  const next = step.at + length;
  for (let i = 0; i <= run; i++) {
    if (next + i >= all.length) return OPEN;
    if (all[next + i] !== (i < run ? BACKSLASH : U)) return NONE;
  }
  const low = hexAt(all, next + run + 1, 4);
  if (low < 0) return low;
  // No character has any other second half.
  if (low < 0xdc00 || low > 0xdfff) return NONE;
  return matchCodePoint(0x10000 + (unit - 0xd800) * 0x400 + (low - 0xdc00), step, pattern, 2 * length);
}

function matchCodePoint(value: number, step: Step, pattern: Uint8Array, length: number): number {
  const bytes = utf8Of(value);
  for (const [i, byte] of bytes.entries()) if (pattern[step.k + i] !== byte) return NONE;
  return move(step, length, bytes.length);
}

function utf8Of(value: number): number[] {
  const tail = (shift: number) => 0x80 | ((value >> shift) & 0x3f);
  if (value < 0x80) return [value];
  if (value < 0x800) return [0xc0 | (value >> 6), tail(0)];
  if (value < 0x10000) return [0xe0 | (value >> 12), tail(6), tail(0)];
  return [0xf0 | (value >> 18), tail(12), tail(6), tail(0)];
}

/** A number in hexadecimal digits of either case. */
function hexAt(all: Uint8Array, at: number, digits: number): number {
  let value = 0;
  for (let i = at; i < at + digits; i++) {
    if (i >= all.length) return OPEN;
    const digit = digitOf(all[i] as number);
    if (digit === NONE) return NONE;
    value = value * 16 + digit;
  }
  return value;
}

function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : NONE;
}

function isAlphanumeric(byte: number): boolean {
  const lower = byte | 0x20;
  return (byte >= 0x30 && byte <= 0x39) || (lower >= 0x61 && lower <= 0x7a);
}

/** Behind the line breaks, plain or escaped, and the indentation that stand at a place; that place where none do. */
function skipBreak(all: Uint8Array, from: number): number {
  let at = from;
  while (at - from <= MAX_BREAK) {
    if (at >= all.length) return OPEN;
    const length = breakAt(all, at, at > from);
    if (length === OPEN) return OPEN;
    if (length === 0) return at;
    at += length;
  }
  return NONE;
}

/** The length of a line break, or of a blank behind one; 0 where there is none. */
function breakAt(all: Uint8Array, at: number, isBehind: boolean): number {
  const byte = all[at] as number;
  if (byte === LF || byte === CR || (isBehind && (byte === SPACE || byte === TAB))) return 1;
  if (byte === PERCENT) {
    const value = hexAt(all, at + 1, 2);
    if (value === OPEN) return OPEN;
    return value === LF || value === CR ? 3 : 0;
  }
  if (byte !== BACKSLASH) return 0;
  const run = runOf(all, at);
  if (run < 0) return run === OPEN ? OPEN : 0;
  const meant = LETTERS.get(all[at + run] as number);
  return meant === LF || meant === CR ? run + 1 : 0;
}
