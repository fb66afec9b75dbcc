// The name of the file that holds the source of a script. Many interpreters read the end of the name: Node.js decides by it
// what a module is, PowerShell and Java refuse a file without their ending.
import { compileFunction } from 'node:vm';

/** Interpreters without their versions, by the ending that their files have. */
const ENDINGS: readonly [string, string][] = [
  // Node.js finds out by itself whether a `.js` file outside of packages is CommonJS or an ES module.
  ['js', 'node nodejs qjs'],
  ['ts', 'deno bun tsx ts-node'],
  ['sh', 'sh dash ash bash'],
  ['ksh', 'ksh mksh'],
  ['zsh', 'zsh'],
  ['fish', 'fish'],
  ['py', 'python pypy uv'],
  ['rb', 'ruby jruby'],
  ['pl', 'perl'],
  ['php', 'php'],
  ['lua', 'lua luajit'],
  ['tcl', 'tclsh'],
  ['R', 'rscript'],
  ['jl', 'julia'],
  ['m', 'octave'],
  ['ps1', 'pwsh'],
  ['java', 'java'],
  ['groovy', 'groovy'],
  ['exs', 'elixir'],
  ['awk', 'awk gawk mawk'],
  ['sed', 'sed'],
];
const ENDING_OF: ReadonlyMap<string, string> = new Map(
  ENDINGS.flatMap(([ending, names]) => names.split(' ').map((name) => [name, ending])),
);
/** Of a file whose interpreter is not known. */
const OTHER_ENDING = 'script';

export interface NamedScript {
  source: string;
  interpreter?: string | undefined;
  filename?: string | undefined;
}

/** What the name of the file ends with: the name that the request gives, or an ending that fits the interpreter. */
export function scriptFileName({ source, interpreter, filename }: NamedScript): string {
  if (filename !== undefined) return filename;
  const ending = ENDING_OF.get(languageOf(interpreter ?? shebangOf(source))) ?? OTHER_ENDING;
  return ending === 'js' ? endingForNode(source) : ending;
}

/** Node.js strips types from files that end as TypeScript does (22.18 and later), and from no others. */
function endingForNode(source: string): 'js' | 'mjs' | 'ts' | 'mts' {
  const isModule = isEsModule(source);
  if (TYPES.test(source) && (isModule || !isCommonJs(source))) return isModule ? 'mts' : 'ts';
  return isModule ? 'mjs' : 'js';
}

/** Declarations that JavaScript does not have, at the beginning of a line. */
const TYPES = new RegExp(
  [
    String.raw`^[ \t]*(?:export[ \t]+)?(?:declare[ \t]+\w|interface[ \t]+\w+[^\n;=]{0,200}\{|type[ \t]+\w+(?:<[^=\n]{0,200}>)?[ \t]*=)`,
    String.raw`^[ \t]*import[ \t]+type[ \t]+[\w{*]`,
    String.raw`^[ \t]*(?:export[ \t]+)?(?:const|let|var)[ \t]+\w+[ \t]*:[ \t]*[\w{[(]`,
    String.raw`^[ \t]*(?:export[ \t]+)?(?:default[ \t]+)?(?:async[ \t]+)?function[ \t]*\w*\([^)]{0,500}?\w\??[ \t]*:[ \t]*[\w{[(]`,
  ].join('|'),
  'm',
);

const IMPORT_OR_EXPORT = /^[ \t]*(import|export)\b/m;
/** What is longer is left to Node.js: to compile it would take the time of others. */
const MAX_COMPILED = 65_536;

/**
 * Whether Node.js would find an ES module. It finds out by itself, but complains about it on standard error where a
 * `package.json` above the file gives no type.
 */
function isEsModule(source: string): boolean {
  if (source.length > MAX_COMPILED || !IMPORT_OR_EXPORT.test(source)) return false;
  // The words may stand in a text of a CommonJS module.
  return !isCommonJs(source);
}

function isCommonJs(source: string): boolean {
  if (source.length > MAX_COMPILED) return true;
  try {
    // Only compiled, never called.
    compileFunction(source.replace(/^#!.*/, ''), ['exports', 'require', 'module', '__filename', '__dirname']);
    return true;
  } catch {
    return false;
  }
}

/** They know a byte order mark, and run the line that follows it. */
const TAKE_MARK = new Set('node nodejs deno bun tsx ts-node python pypy ruby jruby perl lua pwsh'.split(' '));

/** Whether an interpreter skips a byte order mark at the beginning of a file. */
export const takesMark = (interpreter: string): boolean => TAKE_MARK.has(languageOf(interpreter));

/** `/usr/bin/python3.12` is `python`. */
function languageOf(interpreter: string): string {
  const name = interpreter.slice(interpreter.lastIndexOf('/') + 1).toLowerCase();
  return name.replace(/[-.]?\d[\d.]*$/, '');
}

/** The program that a script names after `#!`, also through `env`; empty when it names none. */
function shebangOf(source: string): string {
  const line = /^#![ \t]*([^\r\n]{0,1000})/.exec(source)?.[1] ?? '';
  const [program = '', ...words] = line.split(/[ \t]+/);
  if (!/(^|\/)env$/.test(program)) return program;
  return words.find((word) => !word.startsWith('-') && !word.includes('=')) ?? '';
}
