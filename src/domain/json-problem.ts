// Why a text is not JSON, and where. The parser of the platform does not always say where, and repeats what it was sent;
// so this looks again, at a text that was refused already.

export interface JsonProblem {
  message: string;
  line: number;
  column: number;
}

/** What is wrong first; null when nothing is. The text must not be nested deeply. */
export function jsonProblem(text: string): JsonProblem | null {
  const reader = new Reader(text);
  const message = reader.document();
  if (message === null) return null;
  const before = text.slice(0, reader.at);
  return { message, line: before.split('\n').length, column: reader.at - before.lastIndexOf('\n') };
}

/** Path of the first name that an object has twice; null when there is none. The text must be JSON, not nested deeply. */
export function repeatedName(text: string): (string | number)[] | null {
  const reader = new Reader(text);
  reader.document();
  return reader.repeated;
}

const SPACE = /[\t\n\r ]*/y;
const NUMBER_OR_WORD = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** Reads by the grammar of RFC 8259. Each method answers what is wrong at `at`, or null and goes on behind what it read. */
class Reader {
  at = 0;
  /** Path of the first name that stands twice. */
  repeated: (string | number)[] | null = null;
  readonly #text: string;
  readonly #path: (string | number)[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  document(): string | null {
    const wrong = this.#value();
    if (wrong !== null) return wrong;
    return this.#next() === undefined ? null : 'text after the end of the document';
  }

  #value(): string | null {
    const char = this.#next();
    switch (char) {
      case '{': {
        const names = new Set<string>();
        return this.#items('}', () => this.#member(names));
      }
      case '[':
        return this.#items(']', (i) => this.#inside(i));
      case '"':
        return this.#string();
      case "'":
        return 'strings need double quotes, not single quotes';
      case undefined:
        return 'unexpected end of the text';
      default:
        if (this.#skip(NUMBER_OR_WORD)) return null;
        return `a value was expected, not ${JSON.stringify(char)}`;
    }
  }

  /** The value of a member or an item. */
  #inside(name: string | number): string | null {
    this.#path.push(name);
    const wrong = this.#value();
    this.#path.pop();
    return wrong;
  }

  #member(names: Set<string>): string | null {
    const char = this.#next();
    if (char === undefined) return 'unexpected end of the text';
    if (char !== '"') return `a name in double quotes was expected, not ${JSON.stringify(char)}`;
    const start = this.at;
    const wrong = this.#string();
    if (wrong !== null) return wrong;
    const name = JSON.parse(this.#text.slice(start, this.at)) as string;
    if (names.has(name)) this.repeated ??= [...this.#path, name];
    names.add(name);
    if (this.#next() !== ':') return 'a colon was expected after the name';
    this.at += 1;
    return this.#inside(name);
  }

  /** What stands between brackets, separated by commas. */
  #items(close: '}' | ']', item: (i: number) => string | null): string | null {
    this.at += 1;
    if (this.#next() === close) return this.#pass();
    for (let i = 0; ; i++) {
      const wrong = item(i);
      if (wrong !== null) return wrong;
      const char = this.#next();
      if (char === close) return this.#pass();
      if (char === undefined) return 'unexpected end of the text';
      if (char !== ',') return `a comma or "${close}" was expected, not ${JSON.stringify(char)}`;
      const comma = this.at;
      this.at += 1;
      if (this.#next() === close) {
        this.at = comma;
        return `a trailing comma before "${close}"`;
      }
    }
  }

  #string(): string | null {
    this.at += 1;
    for (;;) {
      const char = this.#text[this.at];
      if (char === undefined) return 'the text ends within a string';
      if (char === '"') return this.#pass();
      if (char < ' ') return 'a control character, which must be escaped in a string';
      if (char !== '\\') this.at += 1;
      else if (!this.#skip(ESCAPE)) return 'an escape that JSON does not have';
    }
  }

  /** The next character that is not white space. */
  #next(): string | undefined {
    this.#skip(SPACE);
    return this.#text[this.at];
  }

  #pass(): null {
    this.at += 1;
    return null;
  }

  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    if (!pattern.test(this.#text)) return false;
    this.at = pattern.lastIndex;
    return true;
  }
}
