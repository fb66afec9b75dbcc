// Takes secrets out of a stream of bytes, pure. Every run of bytes that patterns cover, one after the other or one over the
// other, becomes one mark. A pattern may come in any number of pieces: what may be the beginning of one is held back until
// more is known, which is never more than the longest pattern. Golden cases: test/fixtures/redaction.json.
import { Buffer } from 'node:buffer';

/** Stands where something was taken out. */
export const MARK = Buffer.from('[redacted]', 'latin1');
/** Shorter patterns are no secrets, and would take out what is none. */
export const MIN_PATTERN_BYTES = 6;

const NOTHING = Buffer.alloc(0);

/** Bytes from `from` up to `to`. */
interface Run {
  from: number;
  to: number;
}

export class Redactor {
  readonly #patterns: readonly Buffer[];
  #held: Buffer = NOTHING;
  /** So many of the held bytes are covered by a mark that has been given out. */
  #covered = 0;

  constructor(patterns: readonly Uint8Array[]) {
    const used = patterns.filter(({ length }) => length > 0);
    this.#patterns = used.map((one) => Buffer.from(one.buffer, one.byteOffset, one.byteLength));
  }

  /** Takes more of the stream; answers what is known to be clean by now. */
  push(piece: Uint8Array): Buffer {
    const all = Buffer.concat([this.#held, piece]);
    const runs = this.#runs(all);
    let keepFrom = this.#openEnd(all);
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
    const out = marked(all, this.#runs(all), this.#covered, all.length);
    this.#held = NOTHING;
    this.#covered = 0;
    return out;
  }

  /** What patterns cover, in order; runs that touch or overlap are one. */
  #runs(all: Buffer): Run[] {
    const found: Run[] = this.#covered > 0 ? [{ from: 0, to: this.#covered }] : [];
    for (const pattern of this.#patterns) {
      for (let at = all.indexOf(pattern); at !== -1; at = all.indexOf(pattern, at + 1)) {
        found.push({ from: at, to: at + pattern.length });
      }
    }
    found.sort((a, b) => a.from - b.from);
    const runs: Run[] = [];
    for (const one of found) {
      const last = runs.at(-1);
      if (last !== undefined && one.from <= last.to) last.to = Math.max(last.to, one.to);
      else runs.push({ ...one });
    }
    return runs;
  }

  /** Where the first pattern may begin that the bytes do not have the end of. */
  #openEnd(all: Buffer): number {
    let first = all.length;
    for (const pattern of this.#patterns) {
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

/** A whole text without its secrets. */
export function redactText(text: string, patterns: readonly Uint8Array[]): string {
  if (patterns.length === 0) return text;
  const redactor = new Redactor(patterns);
  const clean = Buffer.concat([redactor.push(Buffer.from(text)), redactor.end()]);
  return clean.toString('utf8');
}
