// Takes secrets out of a stream of bytes, pure. Every run of bytes that patterns cover, one after the other or one over the
// other, becomes one mark. A pattern may come in any number of pieces: what may be the beginning of one is held back until
// more is known, which is never more than the longest match. Golden cases: test/fixtures/redaction.json.
import { Buffer } from 'node:buffer';
import { beginnings, matchEscaped, NONE, OPEN } from './escaped-match.ts';

/** Stands where something was taken out. */
export const MARK = Buffer.from('[redacted]', 'latin1');
/** Shorter patterns are no secrets, and would take out what is none. */
export const MIN_PATTERN_BYTES = 6;

/** The first byte of a pattern: how the rest of it is looked for. */
const FORMS = { exact: 0, text: 1, base64: 2 } as const;
export type Form = keyof typeof FORMS;

/** A pattern: these bytes as they are; a text that may be escaped; base64, in the usual alphabet, that may be escaped and cut. */
export function pattern(form: Form, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(FORMS[form]), bytes]);
}

const NOTHING = Buffer.alloc(0);

/** Bytes from `from` up to `to`. */
interface Run {
  from: number;
  to: number;
}

export class Redactor {
  readonly #exact: readonly Buffer[];
  readonly #escaped: readonly { bytes: Buffer; isBase64: boolean }[];
  /** By byte: whether any of the escaped ones may begin with it. */
  readonly #mayBegin = new Uint8Array(256);
  #held: Buffer = NOTHING;
  /** So many of the held bytes are covered by a mark that has been given out. */
  #covered = 0;

  constructor(patterns: readonly Uint8Array[]) {
    const all = patterns
      .filter(({ length }) => length > 1)
      .map((one) => ({
        form: one[0],
        bytes: Buffer.from(one.buffer, one.byteOffset + 1, one.byteLength - 1),
      }));
    this.#exact = all.filter(({ form }) => form === FORMS.exact).map(({ bytes }) => bytes);
    this.#escaped = all
      .filter(({ form }) => form !== FORMS.exact)
      .map(({ form, bytes }) => ({ bytes, isBase64: form === FORMS.base64 }));
    for (const { bytes, isBase64 } of this.#escaped)
      for (const byte of beginnings(bytes, isBase64)) this.#mayBegin[byte] = 1;
  }

  /** Takes more of the stream; answers what is known to be clean by now. */
  push(piece: Uint8Array): Buffer {
    const all = Buffer.concat([this.#held, piece]);
    const { runs, openFrom } = this.#look(all);
    let keepFrom = Math.min(openFrom, this.#openEnd(all));
    const out = marked(all, runs, this.#covered, keepFrom);
    // A run that reaches what is held back may go on there: its mark is given out, and that is remembered.
    const hasMark = (from: number) => from < keepFrom || (from === 0 && this.#covered > 0);
    const reaching = runs.find(({ from, to }) => hasMark(from) && to >= keepFrom);
    if (reaching?.to === keepFrom) keepFrom -= 1;
    this.#covered = reaching === undefined ? 0 : reaching.to - keepFrom;
    this.#held = Buffer.from(all.subarray(keepFrom));
    return out;
  }

  /** The end of the stream: what was held back and is clean. */
  end(): Buffer {
    const all = this.#held;
    const out = marked(all, this.#look(all).runs, this.#covered, all.length);
    this.#held = NOTHING;
    this.#covered = 0;
    return out;
  }

  /** What patterns cover, and where the first of the escaped ones may begin that the bytes do not have the end of. */
  #look(all: Buffer): { runs: Run[]; openFrom: number } {
    const found: Run[] = this.#covered > 0 ? [{ from: 0, to: this.#covered }] : [];
    for (const one of this.#exact) {
      for (let at = all.indexOf(one); at !== -1; at = all.indexOf(one, at + 1))
        found.push({ from: at, to: at + one.length });
    }
    let openFrom = all.length;
    for (let at = 0; at < all.length && this.#escaped.length > 0; at++) {
      if (this.#mayBegin[all[at] as number] === 0) continue;
      for (const { bytes, isBase64 } of this.#escaped) {
        const end = matchEscaped(all, at, bytes, isBase64);
        if (end === OPEN) openFrom = Math.min(openFrom, at);
        else if (end !== NONE) found.push({ from: at, to: end });
      }
    }
    return { runs: joined(found), openFrom };
  }

  /** Where the first exact one may begin that the bytes do not have the end of. */
  #openEnd(all: Buffer): number {
    let first = all.length;
    for (const pattern of this.#exact) {
      const longest = Math.min(pattern.length - 1, all.length);
      for (let at = all.length - longest; at < first; at++) {
        if (all[at] === pattern[0] && all.compare(pattern, 0, all.length - at, at) === 0) {
          first = at;
          break;
        }
      }
    }
    return first;
  }
}

/** In order; those that touch or overlap are one. */
function joined(found: Run[]): Run[] {
  found.sort((a, b) => a.from - b.from);
  const runs: Run[] = [];
  for (const one of found) {
    const last = runs.at(-1);
    if (last !== undefined && one.from <= last.to) last.to = Math.max(last.to, one.to);
    else runs.push({ ...one });
  }
  return runs;
}

/** The bytes up to `end`, with a mark for each run that begins there; the one that is given out already has none. */
function marked(all: Buffer, runs: readonly Run[], covered: number, end: number): Buffer {
  const pieces: Buffer[] = [];
  let at = 0;
  for (const { from, to } of runs) {
    if (from >= end) break;
    pieces.push(all.subarray(at, from));
    if (from > 0 || covered === 0) pieces.push(MARK);
    at = Math.min(to, end);
  }
  pieces.push(all.subarray(at, end));
  return Buffer.concat(pieces);
}

/** Takes the secrets out of whole texts. */
export function textRedactor(patterns: readonly Uint8Array[]): (text: string) => string {
  if (patterns.length === 0) return (text) => text;
  const redactor = new Redactor(patterns);
  return (text) => Buffer.concat([redactor.push(Buffer.from(text)), redactor.end()]).toString('utf8');
}
