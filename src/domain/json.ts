// JSON texts and values as such.

import { ExactNumber } from './exact-number.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN = new Set([0x5b, 0x7b]);
const CLOSE = new Set([0x5d, 0x7d]);

/** How large a JSON text is in ways that its length does not tell. */
export interface JsonSize {
  /** How deep arrays and objects are nested. */
  depth: number;
  /** Members of all objects together. */
  members: number;
  /** Members of the one that has most. */
  width: number;
}

/** What is seen of a JSON text without parsing it. */
export interface JsonMeasure extends JsonSize {
  /** Whether it may have numbers that a double would change; certain is that there are none where it is false. */
  mayHaveExact: boolean;
}

/** Measures a JSON text without parsing it; stops when it is over `most`. */
export function measureJson(json: Uint8Array, most: JsonSize): JsonMeasure {
  const size = { depth: 0, members: 0, width: 0, mayHaveExact: false };
  /** Of the objects that are open, by their depth. */
  const widths = [0];
  const { depth: mostDepth, members: mostMembers, width: mostWidth } = most;
  let depth = 0;
  let isInString = false;
  for (let i = 0; i < json.length; i++) {
    if (size.depth > mostDepth || size.members > mostMembers || size.width > mostWidth) break;
    const byte = json[i] as number;
    if (isInString) {
      if (byte === BACKSLASH) i += 1;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) {
      isInString = true;
    } else if (byte === COLON) {
      size.members += 1;
      const width = (widths[depth] ?? 0) + 1;
      widths[depth] = width;
      size.width = Math.max(size.width, width);
    } else if (OPEN.has(byte)) {
      depth += 1;
      widths[depth] = 0;
      size.depth = Math.max(size.depth, depth);
    } else if (CLOSE.has(byte)) {
      depth -= 1;
    } else if (byte === MINUS || isDigit(byte)) {
      const end = endOfNumber(json, i);
      size.mayHaveExact ||= !isPlain(json, i, end);
      i = end - 1;
    }
  }
  return size;
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= ZERO && byte <= NINE;

function endOfNumber(json: Uint8Array, start: number): number {
  let end = start + 1;
  while (NUMBER_BYTES.has(json[end] as number)) end += 1;
  return end;
}
const NUMBER_BYTES = new Set(Array.from('0123456789+-.eE', (char) => char.charCodeAt(0)));

/** So many digits a double keeps, whatever they are. */
const SAFE_DIGITS = 15;
/** From the next zero on, a double is written with an exponent. */
const MAX_ZEROS = 5;

/** Whether a double gives a number back as it is written. False for a few of which it does. */
function isPlain(json: Uint8Array, start: number, end: number): boolean {
  const first = json[start] === MINUS ? start + 1 : start;
  let dot = -1;
  for (let i = first; i < end; i++) {
    if (json[i] === DOT && dot === -1) dot = i;
    else if (!isDigit(json[i])) return false;
  }
  if (end - first - (dot === -1 ? 0 : 1) > SAFE_DIGITS) return false;
  if (dot === -1) return first === start || json[first] !== ZERO;
  let zeros = 0;
  while (json[dot + 1 + zeros] === ZERO) zeros += 1;
  return json[end - 1] !== ZERO && zeros <= MAX_ZEROS;
}

/**
 * The JSON Canonicalization Scheme (RFC 8785): sorted keys; numbers and strings as ECMAScript writes them. Exact
 * numbers keep their digits.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber)
    return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const object = value as Record<string, unknown>;
  let text = '';
  for (const key of Object.keys(object).sort()) {
    const item = object[key];
    if (item === undefined) continue;
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(item)}`;
  }
  return `{${text}}`;
}

/** The type of a JSON value, in the words of a message. */
export function describeType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof ExactNumber) return 'a number';
  switch (typeof value) {
    case 'string':
      return 'a text';
    case 'number':
      return 'a number';
    case 'boolean':
      return 'a boolean';
    default:
      return 'an object';
  }
}

/** What a value that is no text counts for. */
const WEIGHT = 8;

/** How large a value is: UTF-16 units of its texts and names, and some for every other value. Stops counting when it is over `most`. */
export function weigh(value: unknown, most: number): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return WEIGHT;
  if (value instanceof ExactNumber) return value.toString().length;
  let weight = WEIGHT;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length && weight <= most; i++) weight += weigh(value[i], most - weight);
    return weight;
  }
  for (const name in value) {
    if (weight > most) break;
    if (!Object.hasOwn(value, name)) continue;
    weight += name.length + weigh((value as Record<string, unknown>)[name], most - weight);
  }
  return weight;
}
