// How the text of a line begins: colours that an earlier line of the stream has set go on. Each combination is kept once.
const ESCAPE = 27;
// eslint-disable-next-line no-control-regex -- sequences begin with the control character.
const SGR = /\u001b\[([\d;]*)m/g;
const MOST_STYLES = 65_535;
/** Most sequences in force at a time; of more without a reset, the last ones apply. */
const MOST_SEQUENCES = 8;

export class Styles {
  readonly #all: string[] = [''];
  readonly #ids = new Map<string, number>([['', 0]]);
  readonly #decoder = new TextDecoder();
  #current = 0;

  /** Of what comes next. */
  get current(): string {
    return this.get(this.#current);
  }

  get(id: number): string {
    return this.#all[id] ?? '';
  }

  /** The style that a line begins with; what it sets is that of the next one. */
  after(bytes: Uint8Array): number {
    const before = this.#current;
    if (bytes.includes(ESCAPE)) this.#current = this.#idOf(next(this.current, this.#decoder.decode(bytes)));
    return before;
  }

  #idOf(style: string): number {
    const known = this.#ids.get(style);
    if (known !== undefined) return known;
    if (this.#all.length > MOST_STYLES) return 0;
    this.#ids.set(style, this.#all.length);
    return this.#all.push(style) - 1;
  }
}

function next(style: string, text: string): string {
  let sequences: string[] = [];
  for (const [sequence, codes = ''] of (style + text).matchAll(SGR)) {
    if (/(^|;)0*$/.test(codes)) sequences = [];
    else sequences.push(sequence);
  }
  return [...new Set(sequences)].slice(-MOST_SEQUENCES).join('');
}
