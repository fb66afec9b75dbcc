// JSON texts and values as such.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN = new Set([0x5b, 0x7b]);
const CLOSE = new Set([0x5d, 0x7d]);

/** How large a JSON text is in ways that its length does not tell. */
export interface JsonSize {
  /** How deep arrays and objects are nested. */
  depth: number;
  /** Members of all objects together. */
  members: number;
}

/** Measures a JSON text without parsing it; stops when it is over `most`. */
export function measureJson(json: Uint8Array, most: JsonSize): JsonSize {
  const size = { depth: 0, members: 0 };
  let depth = 0;
  let isInString = false;
  for (let i = 0; i < json.length && size.depth <= most.depth && size.members <= most.members; i++) {
    const byte = json[i] as number;
    if (isInString) {
      if (byte === BACKSLASH) i += 1;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) {
      isInString = true;
    } else if (byte === COLON) {
      size.members += 1;
    } else if (OPEN.has(byte)) {
      depth += 1;
      size.depth = Math.max(size.depth, depth);
    } else if (CLOSE.has(byte)) {
      depth -= 1;
    }
  }
  return size;
}

/** The JSON Canonicalization Scheme (RFC 8785): sorted keys; numbers and strings as ECMAScript writes them. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
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
