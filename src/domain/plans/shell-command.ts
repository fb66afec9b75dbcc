// What a shell makes of the words of one command. Most commands take their arguments as they are; some read them as code, or as
// names of variables, and bash runs what stands in the subscript of a name: a[$(…)].

/** Commands that read their arguments as code. */
const EVALUATES: ReadonlySet<string> = new Set(['eval', 'let', 'trap']);
/** Commands that read their arguments as names of variables. */
const NAMES: ReadonlySet<string> = new Set(
  'compgen complete getopts mapfile read readarray unset'.split(' '),
);
/** Those that do so after an option. */
const NAMES_BY_OPTION: Readonly<Record<string, RegExp>> = {
  declare: /^[-+]\w*[aAin]/,
  local: /^[-+]\w*[aAin]/,
  typeset: /^[-+]\w*[aAin]/,
  printf: /^-v/,
  test: /^-[Rv]$/,
  '[': /^-[Rv]$/,
  wait: /^-\w*p/,
};
/** Those that read what stands before a "=" so. */
const DECLARES = /^(?:declare|local|typeset)$/;
/** What may stand before the name of a command. */
const BEFORE_COMMANDS: ReadonlySet<string> = new Set(
  '! { builtin command do elif else exec if then time until while'.split(' '),
);
const ASSIGNS = /^\w+\+?=/;
/** An assignment to a variable that a shell reads as code, or as a number that it works out. */
const CODE = /^(?:BASH_ENV|ENV|HISTCMD|OPTIND|PROMPT_COMMAND|PS[0-9]|RANDOM|SHELLOPTS)\+?=/;
/** A word that is a variable alone. */
const VARIABLE = /^(?:\$\w+|\$\{\w+\}|"\$\w+"|"\$\{\w+\}")$/;

const AS_NAME = 'is read as the name of a variable, whose subscript the shell runs';
const UNKNOWN = 'comes after a command whose name execd cannot read: write the name without quotes';

/** A command, as far as it has been read. */
export class ShellCommand {
  /** Null before it; empty where the name is a value, a path or a variable. */
  #name: string | null = null;
  /** Whether the next word is where a redirection leads. */
  isRedirected = false;
  /** Why a quoted value is not safe from here on; null where it may be. */
  whyNot: string | null = null;

  /** Takes in the beginning of a word, up to a quote, an expansion or a value, or the whole of it. */
  begin(word: string): void {
    if (CODE.test(word)) this.whyNot = 'is the value of a variable that the shell reads as code';
  }

  /** Takes in a word without quotes and expansions. */
  word(word: string): void {
    if (EVALUATES.has(word)) this.whyNot = 'is read as code by eval, let or trap';
    if (this.isRedirected) this.isRedirected = false;
    else if (this.#name !== null) {
      if (NAMES_BY_OPTION[this.#name]?.test(word) === true) this.whyNot = AS_NAME;
    } else if (!BEFORE_COMMANDS.has(word) && !ASSIGNS.test(word)) {
      this.#name = word;
      if (NAMES.has(word)) this.whyNot = AS_NAME;
    }
  }

  /**
   * Takes in a word with quotes and expansions.
   *
   * @param word as far as it has no more than quoted texts and variables
   * @param isWhole whether that is all of it
   */
  composed(word: string, isWhole: boolean): void {
    if (ASSIGNS.test(word)) return;
    if (this.isRedirected) this.isRedirected = false;
    else if (this.#name === null) {
      this.#name = '';
      const isHarmless = isWhole && (word.includes('/') || VARIABLE.test(word));
      if (!isHarmless) this.whyNot = UNKNOWN;
    }
  }

  /**
   * Takes in a value. Returns why a quoted one is not safe there; null where it is.
   *
   * @param before what its word has before it
   */
  value(before: string): string | null {
    const isName = this.#name !== null && DECLARES.test(this.#name) && !ASSIGNS.test(before);
    if (before === '') {
      if (this.isRedirected) this.isRedirected = false;
      else this.#name ??= '';
    }
    return this.whyNot ?? (isName ? AS_NAME : null);
  }
}
