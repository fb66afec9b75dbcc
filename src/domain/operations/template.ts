// Texts with slots: `{{name}}`, `{{name.field.0}}` for a nested value, `{{name?}}` for one that may be absent. Four
// opening braces are two literal ones. A template is taken apart once; what fills it never becomes a template again.
import { ExactNumber } from '../exact-number.ts';

/** A parameter's name: it is also the name of an environment variable, in capitals. */
export const PARAM_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

export interface Slot {
  param: string;
  /** Keys and indices inside the parameter's value. */
  path: readonly string[];
  isOptional: boolean;
  /** The slot as it is written. */
  text: string;
}

export type Piece = string | Slot;
/** Literal texts and slots in turn. */
export type SlotTemplate = readonly Piece[];

const SLOT = /^\s*([A-Za-z][A-Za-z0-9_-]{0,63})((?:\.[A-Za-z0-9_-]+)*)(\?)?\s*$/;

/** Takes a text apart; a string is what is wrong with it. */
export function parseSlotTemplate(text: string): SlotTemplate | string {
  const pieces: Piece[] = [];
  let literal = '';
  let at = 0;
  for (;;) {
    const open = text.indexOf('{{', at);
    if (open === -1) break;
    literal += text.slice(at, open);
    if (text.startsWith('{{{{', open)) {
      literal += '{{';
      at = open + 4;
      continue;
    }
    const close = text.indexOf('}}', open);
    if (close === -1) return 'a slot is not closed: write {{{{ for two literal braces';
    const slot = parseSlot(text.slice(open + 2, close));
    if (slot === null) {
      return `${text.slice(open, close + 2)} is not a slot: write {{name}}, {{name.field}} or {{name?}}, and {{{{ for two literal braces`;
    }
    if (literal !== '') pieces.push(literal);
    pieces.push(slot);
    literal = '';
    at = close + 2;
  }
  literal += text.slice(at);
  if (literal !== '' || pieces.length === 0) pieces.push(literal);
  return pieces;
}

function parseSlot(inside: string): Slot | null {
  const [, param, path = '', optional] = SLOT.exec(inside) ?? [];
  if (param === undefined) return null;
  return {
    param,
    path: path.split('.').slice(1),
    isOptional: optional !== undefined,
    text: `{{${inside.trim()}}}`,
  };
}

/** Whether a text that takes no slots holds what would be one elsewhere. Other braces mean something to shells and awk. */
export function holdsSlot(text: string): boolean {
  return [...text.matchAll(/\{\{([^{}]*)\}\}/g)].some(([, inside = '']) => SLOT.test(inside));
}

export function slotsOf(template: SlotTemplate): Slot[] {
  return template.filter((piece) => typeof piece !== 'string');
}

/** The value that a slot names: own properties only, undefined when there is none. */
export function lookUp(params: Readonly<Record<string, unknown>>, slot: Slot): unknown {
  let value: unknown = params;
  for (const key of [slot.param, ...slot.path]) {
    if (typeof value !== 'object' || value === null || value instanceof ExactNumber) return undefined;
    if (!Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** One segment of a URL's path, or its origin, with the slots that it is made of. */
export interface UrlSegment {
  text: string;
  slots: Slot[];
}

/**
 * The part of a URL before `?` and `#`, cut at each literal slash: scheme, nothing, host, then the path. Slots cannot
 * make segments of their own, for what fills them is percent-encoded.
 */
export function urlSegments(template: SlotTemplate, fill: (slot: Slot) => string): UrlSegment[] {
  let last: UrlSegment = { text: '', slots: [] };
  const segments = [last];
  for (const piece of template) {
    if (typeof piece !== 'string') {
      last.text += fill(piece);
      last.slots.push(piece);
      continue;
    }
    const end = piece.search(/[?#]/);
    const [first = '', ...more] = (end === -1 ? piece : piece.slice(0, end)).split('/');
    last.text += first;
    for (const text of more) segments.push((last = { text, slots: [] }));
    if (end !== -1) break;
  }
  return segments;
}

/** Whether a segment is dropped, or drops another, when a URL is resolved (WHATWG URL, 4.4). */
export function isDotSegment(text: string): boolean {
  return ['.', '..'].includes(text.toLowerCase().replaceAll('%2e', '.'));
}
