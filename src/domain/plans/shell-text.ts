// Where values stand in a text that a POSIX shell reads. What `| quote` makes of a value is one word, or some, only where
// the shell begins a word with a quote: not within quotes, here-documents, comments or whatever else reads on by rules of its
// own. Where it cannot be told for sure, the answer is that it cannot: a wrong yes would run data as commands.

import { ShellCommand } from './shell-command.ts';

/** Names of programs whose texts follow these rules. */
const POSIX_SHELLS: ReadonlySet<string> = new Set(['sh', 'bash', 'dash', 'ash', 'ksh', 'mksh', 'zsh']);

/** Whether a program, named with or without its directory, is a shell that quotes as POSIX has it. */
export const isPosixShell = (program: string): boolean => POSIX_SHELLS.has(program.split('/').at(-1) ?? '');

/** Names the shell of a script that begins with `#!`; null when it names none. */
export function interpreterOf(source: string): string | null {
  const words = /^#!([^\n]*)/.exec(source)?.[1]?.trim().split(/\s+/) ?? [];
  const [first, ...rest] = words;
  if (first === undefined || first === '') return null;
  if (first.split('/').at(-1) !== 'env') return first;
  return rest.find((word) => !word.startsWith('-') && !word.includes('=')) ?? null;
}

/**
 * For each value in a text why a quoted one is not safe there; null where it is.
 *
 * @param parts texts, and in the place of each value anything that is no text
 */
export function whyUnsafe(parts: readonly unknown[]): (string | null)[] {
  const text = parts.map((part) => (typeof part === 'string' ? part.replaceAll(HOLE, ' ') : HOLE)).join('');
  return new ShellText(text).read();
}

/** Stands for a value: no text of a shell has one. */
const HOLE = '\0';

/** Operators of `[[` that work out their operands. */
const WORKS_OUT = /\s-(?:eq|ne|lt|le|gt|ge|v|R)\s/;
/** What a word can begin with that is not read as it is. */
const QUOTES = '\'"`\\$';
const ENDS_WORD = ' \t\n;&|()<>';
const IS_SPECIAL_IN_ARITHMETIC = '\'"`\\\n';
const IS_SPECIAL_IN_EXPANSION = '\'"`\n{';

interface HereDocument {
  delimiter: string;
  /** Whether the shell looks for expansions in it, and joins lines that end with a backslash. */
  isQuoted: boolean;
  hasTabs: boolean;
  depth: number;
}

interface Substitution {
  type: 'substitution';
  /** Parentheses that are open in it. */
  open: number;
  /** The command that it is a part of, and where the word begins. */
  around: ShellCommand;
  wordAt: number;
}

/** Reads on, knowing at each place what the shell is in: a command substitution `$(`, or double quotes. */
class ShellText {
  readonly #text: string;
  readonly #found: (string | null)[] = [];
  /** From the outside. */
  readonly #frames: (Substitution | { type: 'double' })[] = [];
  #documents: HereDocument[] = [];
  #at = 0;
  #isWordStart = true;
  #wordAt = 0;
  #command = new ShellCommand();
  /** Where a `[[` ends that works out its operands. */
  #worksOutUntil = 0;
  /** Why nothing is known from here on. */
  #doubt: string | null = null;

  constructor(text: string) {
    this.#text = text;
  }

  read(): (string | null)[] {
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at] as string;
      if (this.#doubt !== null) this.#skipTo(this.#text.length, this.#doubt);
      else if (this.#frames.at(-1)?.type === 'double') this.#inDoubleQuotes(char);
      else this.#plain(char);
    }
    return this.#found;
  }

  #plain(char: string): void {
    const isWordStart = this.#isWordStart;
    this.#isWordStart = ENDS_WORD.includes(char);
    if (isWordStart) this.#wordAt = this.#at;
    if (isWordStart && QUOTES.includes(char) && !this.#text.startsWith('\\\n', this.#at))
      this.#composedWord();
    switch (char) {
      case HOLE:
        return this.#value();
      case '\\':
        // The shell joins the lines.
        if (this.#text[this.#at + 1] === '\n') this.#isWordStart = isWordStart;
        return this.#skip(2, 'comes after a backslash, which would remove its quote');
      case "'":
        return this.#skipTo(this.#after("'", this.#at + 1), IN_SINGLE);
      case '"':
        this.#frames.push({ type: 'double' });
        return this.#skip(1, null);
      case '`':
        return this.#backticks();
      case '$':
        return this.#dollar();
      case '#':
        return isWordStart ? this.#skipTo(this.#lineEnd(this.#at), 'is in a comment') : this.#skip(1, null);
      case '<':
        return this.#less();
      case '(':
      case ')':
        return this.#parenthesis(char, isWordStart);
      case '\n':
        return this.#newline();
      default:
        return this.#word(char, isWordStart);
    }
  }

  #value(): void {
    const why = this.#command.value(this.#text.slice(this.#wordAt, this.#at));
    this.#skip(1, this.#whyNotAround() ?? (this.#at < this.#worksOutUntil ? IN_CONDITION : why));
  }

  /** What a substitution writes is read as its place is. */
  #whyNotAround(): string | null {
    for (const frame of this.#frames)
      if (frame.type === 'substitution' && frame.around.whyNot !== null) return frame.around.whyNot;
    return null;
  }

  /** A word that is put together from quotes and expansions. */
  #composedWord(): void {
    const word = this.#match(COMPOSED) ?? '';
    this.#command.composed(word, ENDS_WORD.includes(this.#text[this.#at + word.length] ?? '\n'));
  }

  #word(char: string, isWordStart: boolean): void {
    const isRedirection = char === '&' && '<>'.includes(this.#text[this.#at - 1] ?? ' ');
    if (';&|'.includes(char) && !isRedirection) this.#command = new ShellCommand();
    if (char === '>') this.#command.isRedirected = true;
    if (!isWordStart || ENDS_WORD.includes(char)) return this.#skip(this.#match(PLAIN)?.length ?? 1, null);
    const name = this.#match(SUBSCRIPTED);
    if (name !== undefined) {
      this.#skip(name.length, null);
      return this.#arithmetic(this.#at, '[', ']');
    }
    const word = this.#match(PLAIN) ?? char;
    const next = this.#text[this.#at + word.length] ?? '\n';
    const isOfRedirection = '<>'.includes(next) && /^(?:\d+|\{\w+\})$/.test(word);
    this.#command.begin(word);
    if (ENDS_WORD.includes(next) && !isOfRedirection) this.#wholeWord(word);
    else if (!isOfRedirection) this.#composedWord();
    this.#skip(word.length, null);
  }

  #wholeWord(word: string): void {
    // The parentheses of its patterns look like the end of the substitution.
    if (word === 'case' && this.#frames.length > 0)
      this.#doubt = this.#unclear('"case" in a command substitution');
    if (word === '[[') {
      // To the last one: an earlier one may be within quotes.
      const end = this.#text.lastIndexOf(']]');
      const condition = this.#text.slice(this.#at, end === -1 ? undefined : end);
      if (WORKS_OUT.test(condition)) this.#worksOutUntil = this.#at + condition.length;
    }
    this.#command.word(word);
  }

  #inDoubleQuotes(char: string): void {
    if (char === '"') {
      this.#frames.pop();
      this.#isWordStart = false;
      return this.#skip(1, null);
    }
    if (char === '`') return this.#backticks();
    if (char === '$') return this.#dollar();
    this.#skip(char === '\\' ? 2 : (this.#match(QUOTED)?.length ?? 1), IN_DOUBLE);
  }

  #dollar(): void {
    const isQuoted = this.#frames.at(-1)?.type === 'double';
    const next = this.#text[this.#at + 1];
    if (next === '(' && this.#text[this.#at + 2] === '(') return this.#arithmetic(this.#at + 1, '(', ')');
    if (next === '[') return this.#arithmetic(this.#at + 1, '[', ']');
    if (next === '{') return this.#expansion();
    if (next === '(') {
      this.#substitution();
      return this.#skip(2, null);
    }
    if (next === "'" && !isQuoted) return this.#escapedQuotes();
    if (this.#text.startsWith('\\\n', this.#at + 1))
      this.#doubt = this.#unclear('a "$" at the end of a line');
    // `$'…'` has rules of its own.
    if (next === HOLE)
      return this.#skip(2, isQuoted ? IN_DOUBLE : 'comes after a "$", which would change its quote');
    this.#skip(1, null);
  }

  #substitution(): void {
    this.#frames.push({ type: 'substitution', open: 0, around: this.#command, wordAt: this.#wordAt });
    this.#command = new ShellCommand();
    this.#isWordStart = true;
  }

  /** `$'…'`: a dollar and a quoted text to some shells, a text with escapes to others. */
  #escapedQuotes(): void {
    const end = this.#after("'", this.#at + 2);
    if (this.#text.slice(this.#at, end).includes('\\')) {
      this.#doubt = this.#unclear("$'…' with a backslash");
      return;
    }
    this.#skipTo(end, IN_SINGLE);
  }

  #backticks(): void {
    let end = this.#at + 1;
    while (end < this.#text.length && this.#text[end] !== '`') end += this.#text[end] === '\\' ? 2 : 1;
    this.#skipTo(end + 1, 'is within backticks: write $(…)');
  }

  /** From its first bracket to the last. Quotes mean something else in it, or it is no arithmetic at all. */
  #arithmetic(start: number, open: string, close: string): void {
    let depth = 0;
    for (let i = start; i < this.#text.length; i++) {
      const char = this.#text[i] as string;
      if (IS_SPECIAL_IN_ARITHMETIC.includes(char)) break;
      if (char === open) depth += 1;
      if (char === close) depth -= 1;
      if (depth === 0) return this.#skipTo(i + 1, 'is in an arithmetic expression, which runs what it reads');
    }
    this.#doubt = this.#unclear('quotes in an arithmetic expression');
  }

  #expansion(): void {
    for (let i = this.#at + 2; i < this.#text.length; i++) {
      const char = this.#text[i] as string;
      if (char === '}') return this.#skipTo(i + 1, 'is within ${…} of the shell');
      if (char === '\\') i += 1;
      else if (IS_SPECIAL_IN_EXPANSION.includes(char) || this.#text.startsWith('$(', i)) break;
    }
    this.#doubt = this.#unclear('quotes within ${…} of the shell');
  }

  #parenthesis(char: string, isWordStart: boolean): void {
    const last = this.#text[this.#at - 1] ?? '';
    if (char === '(' && last === '=') return this.#array();
    if (char === '(' && isWordStart && this.#text[this.#at + 1] === '(')
      return this.#arithmetic(this.#at, '(', ')');
    const frame = this.#frames.at(-1);
    if (char === '(' && '<>'.includes(last)) {
      this.#command.isRedirected = false;
      this.#substitution();
    } else if (frame?.type === 'substitution' && char === ')' && frame.open === 0) {
      this.#frames.pop();
      [this.#command, this.#wordAt] = [frame.around, frame.wordAt];
      this.#isWordStart = false;
      if (this.#documents.some(({ depth }) => depth > this.#frames.length))
        this.#doubt = this.#unclear('a here-document that ends with its command substitution');
    } else {
      if (frame?.type === 'substitution') frame.open += char === '(' ? 1 : -1;
      this.#command = new ShellCommand();
    }
    this.#skip(1, null);
  }

  /** `a=(…)`. After an error in it bash goes on with the next line, even if that is the second one of a quoted text. */
  #array(): void {
    const whole = this.#match(ARRAY);
    if (whole === undefined) this.#doubt = this.#unclear('an array whose end is not clear');
    else this.#skip(whole.length, null);
  }

  #less(): void {
    if (this.#text.startsWith('<<<', this.#at) || !this.#text.startsWith('<<', this.#at)) {
      this.#command.isRedirected = true;
      return this.#skip(this.#text.startsWith('<<<', this.#at) ? 3 : 1, null);
    }
    const operator = this.#match(HERE) ?? '';
    const [, tabs = '', word = ''] = /^<<(-?)[ \t]*(.*)$/s.exec(operator) ?? [];
    const delimiter = word.replaceAll(/\\(.)|['"]/g, '$1');
    if (operator === '' || delimiter.includes(HOLE) || /["'].*[$`\\]/.test(word)) {
      this.#doubt = this.#unclear('the end of a here-document');
      return;
    }
    const isQuoted = word !== delimiter;
    this.#documents.push({ delimiter, isQuoted, hasTabs: tabs !== '', depth: this.#frames.length });
    this.#isWordStart = false;
    this.#skip(operator.length, null);
  }

  /** The here-documents of a line stand after it. */
  #newline(): void {
    this.#command = new ShellCommand();
    this.#skip(1, null);
    for (const document of this.#documents) {
      if (document.depth !== this.#frames.length) {
        this.#doubt = this.#unclear('a here-document around a command substitution');
        return;
      }
      this.#hereDocument(document);
    }
    this.#documents = [];
  }

  #hereDocument({ delimiter, isQuoted, hasTabs }: HereDocument): void {
    for (;;) {
      const end = this.#lineEnd(this.#at);
      const line = this.#text.slice(this.#at, end);
      this.#skipTo(end + 1, 'is in a here-document: pass the value in env, and write the variable there');
      if ((hasTabs ? line.replace(/^\t+/, '') : line) === delimiter) return;
      if (end >= this.#text.length || (!isQuoted && line.endsWith('\\'))) {
        this.#doubt = this.#unclear('the end of a here-document');
        return;
      }
    }
  }

  #lineEnd(from: number): number {
    const end = this.#text.indexOf('\n', from);
    return end === -1 ? this.#text.length : end;
  }

  #after(char: string, from: number): number {
    const end = this.#text.indexOf(char, from);
    return end === -1 ? this.#text.length : end + 1;
  }

  #unclear(what: string): string {
    return `may be within quotes: execd cannot follow the quotes after ${what}; pass the value in env`;
  }

  /** What a sticky pattern matches here. */
  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.[0];
  }

  #skip(length: number, why: string | null): void {
    this.#skipTo(this.#at + length, why);
  }

  /** @param why what stands against the values on the way */
  #skipTo(end: number, why: string | null): void {
    for (let i = this.#at; i < Math.min(end, this.#text.length); i++)
      if (this.#text[i] === HOLE) this.#found.push(why);
    this.#at = end;
  }
}

/** A word with quotes and variables in it. */
const COMPOSED = /(?:[^\0\\'"`$\s;&|()<>]|\\.|'[^'\0]*'|"[^"\\`(\0]*"|\$\w+|\$\{\w+\})+/y;
const SUBSCRIPTED = /[A-Za-z_]\w*(?=\[)/y;
/** Of words and whole quoted texts alone. */
const ARRAY = /\((?:[^\\'"`$#;&|()<>[]|'[^'\0]*'|"[^"\\`$\0]*")*\)/y;
/** What means nothing within a word, and within double quotes. */
const PLAIN = /[^\0\\'"`$#\s;&|()<>]+/y;
const QUOTED = /[^\0\\"`$]+/y;
/** The operator, and the word that ends the document. */
const HERE = /<<-?[ \t]*(?:[^\s;&|()<>'"\\]|\\.|'[^']*'|"[^"]*")+/y;
const IN_CONDITION = 'is in a [[ … ]] that evaluates its operands, and so can run them';
const IN_SINGLE = "is within single quotes: end them before it, as in 'a '${… | quote}' b'";
const IN_DOUBLE = 'is within double quotes: end them before it, as in "a "${… | quote}" b"';
