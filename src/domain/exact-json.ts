// JSON whose numbers leave with the digits that they came with: those that a double would write differently are read as
// ExactNumber. Most texts have none of them, and cost little more than JSON.parse.
import { ExactNumber } from './exact-number.ts';

const TAB = 0x09;
const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const END_BRACKET = 0x5d;
const BRACE = 0x7b;
const END_BRACE = 0x7d;

/** @throws SyntaxError */
export function parseJson(text: string): unknown {
  return exactly(text, JSON.parse(text));
}

/**
 * What a text says, with exact numbers. Its levels are read one within the other.
 *
 * @param value what JSON.parse has made of it: the answer where no number needs more
 */
export function exactly(text: string, value: unknown): unknown {
  return hasExact(text) ? new Reader(text).value() : value;
}

/** Integers that are not safe ones, too: a double may give their digits back, but is another number. */
function isExact(number: string): boolean {
  const double = Number(number);
  return String(double) !== number || (Math.abs(double) > Number.MAX_SAFE_INTEGER && !number.includes('e'));
}

function hasExact(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) at = endOfString(text, at);
    else if (unit === MINUS || (unit >= ZERO && unit <= NINE)) {
      const end = endOfNumber(text, at);
      if (isExact(text.slice(at, end))) return true;
      at = end - 1;
    }
  }
  return false;
}

/** Where the quotation mark stands that closes the one at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text.charCodeAt(before) === BACKSLASH) before -= 1;
    if ((end - before) % 2 === 1) return end;
  }
}

function endOfNumber(text: string, start: number): number {
  for (let end = start + 1; ; end++) {
    switch (text.charCodeAt(end)) {
      case COMMA:
      case END_BRACKET:
      case END_BRACE:
      case SPACE:
      case TAB:
      case LINE_FEED:
      case RETURN:
        return end;
    }
    if (end >= text.length) return end;
  }
}

/** Reads a text that JSON.parse has found to be right. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): unknown {
    switch (this.#next()) {
      case QUOTE:
        return this.#string();
      case BRACE:
        return this.#object();
      case BRACKET:
        return this.#list();
      default:
        return this.#scalar();
    }
  }

  /** Goes to what comes after white space. */
  #next(): number {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit > SPACE || unit !== unit) return unit;
      this.#at += 1;
    }
  }

  /** Goes on behind `unit`, if that comes next. */
  #skip(unit: number): boolean {
    if (this.#next() !== unit) return false;
    this.#at += 1;
    return true;
  }

  #string(): string {
    const end = endOfString(this.#text, this.#at);
    const inside = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    return inside.includes('\\') ? (JSON.parse(`"${inside}"`) as string) : inside;
  }

  #scalar(): unknown {
    const start = this.#at;
    this.#at = endOfNumber(this.#text, start);
    const word = this.#text.slice(start, this.#at);
    if (word === 'null') return null;
    if (word === 'true' || word === 'false') return word === 'true';
    return isExact(word) ? new ExactNumber(word) : Number(word);
  }

  #list(): unknown[] {
    const items: unknown[] = [];
    this.#at += 1;
    while (!this.#skip(END_BRACKET)) {
      items.push(this.value());
      this.#skip(COMMA);
    }
    return items;
  }

  #object(): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    this.#at += 1;
    while (!this.#skip(END_BRACE)) {
      this.#next();
      const name = this.#string();
      this.#skip(COLON);
      const value = this.value();
      if (name !== '__proto__') object[name] = value;
      else
        Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
      this.#skip(COMMA);
    }
    return object;
  }
}

// -------------------------------------------------------------------------------------------- keeping

/** A space at the end says that a text that is kept has numbers which a double would change. */
const HAS_EXACT = ' ';

/** JSON to be kept, and read again by `readJson`. */
export function writeJson(value: unknown): string {
  const text = JSON.stringify(value);
  return holdsExact(value) ? text + HAS_EXACT : text;
}

/** Reads what `writeJson`, or JSON.stringify, has written. */
export function readJson(text: string): unknown {
  return text.endsWith(HAS_EXACT) ? new Reader(text).value() : JSON.parse(text);
}

/** A copy in which everything but exact numbers, which never change, is its own. */
export function copyJson<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => copyJson(item)) as T;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, copyJson(one)])) as T;
}

/**
 * A copy in which exact numbers are what becomes of them.
 *
 * @param at where each stands
 */
export function changeExact(
  value: unknown,
  change: (number: ExactNumber, at: readonly string[]) => unknown,
  at: readonly string[] = [],
): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof ExactNumber) return change(value, at);
  if (Array.isArray(value)) return value.map((item, i) => changeExact(item, change, [...at, String(i)]));
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([name, item]) => [name, changeExact(item, change, [...at, name])]));
}

export function holdsExact(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (value instanceof ExactNumber) return true;
  if (Array.isArray(value)) return value.some(holdsExact);
  for (const name in value) if (holdsExact((value as Record<string, unknown>)[name])) return true;
  return false;
}
