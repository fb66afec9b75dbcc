import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { callFunction } from '../../src/domain/plans/functions.ts';
import { interpreterOf, isPosixShell, whyUnsafe } from '../../src/domain/plans/shell-text.ts';
import { tempDir } from '../helpers/temp.ts';
import { rounds } from '../helpers/rounds.ts';

/** Stands for a value in the texts here. */
const VALUE = '@';

/** What makes a file called pwned where any of it is read as code. */
const EVIL = [
  `'; : > pwned; '`,
  '"; : > pwned; "',
  '$(: > pwned)',
  '`: > pwned`',
  '\n: > pwned\n',
  'a[$(: > pwned)]',
  `\\'; : > pwned; #`,
  'A\n: > pwned\n',
];

const partsOf = (text: string) =>
  text.split(VALUE).flatMap((part, i) => (i === 0 ? [part] : [{ value: true }, part]));
const why = (text: string) => whyUnsafe(partsOf(text));

/** Whether a value becomes code where a text is handed to real shells with its quoted values in place. */
function runsData(dir: string, text: string): boolean {
  const filled = EVIL.map((evil) => text.replaceAll(VALUE, () => callFunction('quote', evil) as string));
  const pwned = join(dir, 'pwned');
  rmSync(pwned, { force: true });
  const each = 'for text; do bash -c "$text"; sh -c "$text"; done';
  spawnSync('sh', ['-c', each, 'sh', ...filled], { cwd: dir, env: {}, stdio: 'ignore' });
  return existsSync(pwned);
}

const SAFE = [
  'echo @',
  '@',
  'echo a@b',
  'echo "a "@" b"',
  "echo 'a '@' b'",
  'A=@ true; echo "$A"',
  'echo $(echo @)',
  'echo "$(echo @)"',
  'echo "$(echo "$(echo @)" x)" @',
  "cat <<A\nit's\nA\necho @",
  "cat <<'A' <<-B\n$(\nA\n\t'\n\tB\necho @",
  "echo it # it's\necho @",
  "echo a \\\n# it's\necho @",
  'echo a#b @',
  'echo ${#} $# @',
  'echo ${HOME} "${x:-y}" @',
  'echo $((1 + (2))) @',
  'for i in @ b; do echo "$i"; done',
  'case a in a) echo @;; esac',
  '(echo @); { echo @; }',
  'echo \\" @',
  'echo \\\\ @',
  'a=(1 \'b c\' @); echo "${#a}" @',
  'a=(\n1\n); echo @',
  'f() { local a=@; echo "$a"; }; f',
  'declare a=@ b="c"@; echo "$a" read @',
  'A="b"@ C=d@ echo @',
  'export A=@; readonly B=@',
  'printf %s @; printf -- %s @',
  'wait; test -n @ -o -e @',
  '[[ @ = b && a < @ ]]',
  'echo a[0-9] @',
  'echo -v @ PS4 @',
  'A=/bin/echo; $A @; "$A" @; ${A} @; "$HOME/x" @; \'/bin/echo\' @; ./x"y" @',
  'echo > "$HOME" @; > @ echo @; 2> @ echo read @',
  'diff <(echo @) <(echo @) @',
  'A="b c" D=$(echo e) echo @',
  '@ @',
  '[ @ = b ] || echo "no"',
  "echo $'a' @",
  'wc -w < @',
  'eval "$x"; echo @',
  'echo "a\\"b" @ >&2',
];

t.test('what is handed to the shells here shows a value that is run as code', async (t) => {
  t.ok(runsData(tempDir(t), 'echo "@"'));
});

for (const text of SAFE) {
  t.test(`a quoted value is data in ${JSON.stringify(text)}`, async (t) => {
    t.ok(
      why(text).every((reason) => reason === null),
      JSON.stringify(why(text)),
    );
    t.notOk(runsData(tempDir(t), text));
  });
}

const UNSAFE: [string, RegExp][] = [
  ['echo "@"', /double quotes/],
  ['echo "a @ b"', /double quotes/],
  ["echo '@'", /single quotes/],
  ["echo $'@'", /single quotes/],
  ['echo $"@"', /double quotes/],
  ['cat <<A\n@\nA', /here-document/],
  ["cat <<'A'\n@\nA\n", /here-document/],
  ['cat <<-A\n\t@\n\tA\n', /here-document/],
  ['echo `echo @`', /backticks/],
  ['echo "`echo @`"', /backticks/],
  ['# @', /comment/],
  ['echo a;# @', /comment/],
  ['echo \\@', /backslash/],
  ['echo $@', /"\$"/],
  ['echo $((@))', /arithmetic/],
  ['((@))', /arithmetic/],
  ['echo "$((@))"', /arithmetic/],
  ['echo ${x:-@}', /\$\{…\}/],
  ['echo "$(echo "@")"', /double quotes/],
  ['echo "$(echo @) @"', /double quotes/],
  ['eval echo @', /eval/],
  ['eval "$(echo @)"', /eval/],
  ['true && let @', /eval, let/],
  ['cat <<@\nx\n', /here-document/],
  ['echo "$(case a in a) echo @;; esac)"', /case/],
  ["echo ${x:-'} @", /\$\{…\}/],
  ["echo $'a\\'b' @", /backslash/],
  ['a=( && @', /array/],
  ['a=(1; @', /array/],
  ['a+=(1 | @', /array/],
  ['a=(\n&& @', /array/],
  ['echo "$(a=( > @)"', /array/],
  ['declare a=( && @', /array/],
  ['a=([@]=1)', /array/],
  ['a[@]=1', /arithmetic/],
  ['a[x@]+=1', /arithmetic/],
  ['[[ @ -eq 1 ]]', /\[\[/],
  ['[[ a = b && 1 -lt @ ]]', /\[\[/],
  ['[[ -v @ ]]', /\[\[/],
  ['[ -v @ ]', /name/],
  ['if test -v @; then :; fi', /name/],
  ['printf -v @ x', /name/],
  ['read -r @ <<< x', /name/],
  ['command read @ <<< x', /name/],
  ['x=1 read @ <<< x', /name/],
  ['declare @=1', /name/],
  ['declare -i b=@', /name/],
  ['f() { local @=1; }; f', /name/],
  ['typeset -n b=@', /name/],
  ['compgen -W @', /name/],
  ['sleep 0 & wait -n -p @', /name/],
  ['mapfile -C @ -c 1', /name/],
  ['PS4=@; set -x; :', /variable/],
  ['"read" @', /name/],
  ['re"ad" @', /name/],
  ['\\read @', /name/],
  ['"$()"read @', /name/],
  ['$x"read" @', /name/],
  ["'eval' @", /name/],
  ['> f read @', /name/],
  ['2>&1 read @', /name/],
  ['< "f" read @', /name/],
  ['eval "$(echo)" @', /eval/],
  ['eval $(echo) @', /eval/],
  ['read <(echo) @', /name/],
  ['read "$(:; echo @)"', /name/],
  ['f() { read @; }; f', /name/],
  ['case a in a) read @;; esac', /name/],
  ['if read @; then :; fi', /name/],
  ['PS4=x@; set -x; :', /variable/],
  ['export PS4="x"@; set -x; :', /variable/],
  ['declare a@=1', /name/],
  ['declare "a"@=1', /name/],
  ['declare $(: b=c)@=1', /name/],
  ['[[ "]]" && @ -eq 1 ]]', /\[\[/],
  ['RANDOM=@', /variable/],
  ['BASH_ENV=@ bash -c :', /variable/],
];

for (const [text, reason] of UNSAFE) {
  t.test(`a quoted value is refused in ${JSON.stringify(text)}`, async (t) => {
    t.match(why(text).find((one) => one !== null) ?? 'nothing', reason);
  });
}

t.test('what is accepted runs nothing of a value, however a text is put together', async (t) => {
  const dir = tempDir(t);
  const fragments = fc.constantFrom(
    ...[
      VALUE,
      VALUE,
      ' ',
      ' ',
      '\n',
      ';',
      "'",
      '"',
      '"',
      '`',
      '\\',
      '$',
      '$(',
      ')',
      '$((',
      '))',
      '(',
      '#',
      '[',
    ],
    ...[
      'echo ',
      'echo ',
      ' "',
      ' "$(',
      ')"',
      "$'",
      '${x:-',
      '}',
      '<<A',
      "<<'A'",
      '<<-A',
      '\nA\n',
      '\tA\n',
      '<<<',
    ],
    ...[
      'case a in a) ',
      ';; esac',
      '[[ a = ',
      ' ]]',
      'eval ',
      ' && ',
      '\\\n',
      '$[',
      '$"',
      '((',
      'a=(',
      'a[',
      ']=1',
      'read ',
      '-v ',
      ' -eq ',
    ],
  );
  // About one text in ten is accepted.
  const accepted = fc
    .array(fragments, { minLength: 2, maxLength: 9 })
    .map((some) => some.join(''))
    .filter((text) => {
      const reasons = why(text);
      return reasons.length > 0 && reasons.every((reason) => reason === null);
    });
  fc.assert(
    fc.property(accepted, (text) => {
      if (runsData(dir, text)) throw new Error(`a value was run in ${JSON.stringify(text)}`);
    }),
    { numRuns: rounds(4) },
  );
});

t.test('a script is read by what it names, and only POSIX shells quote as such', async (t) => {
  t.equal(interpreterOf('#!/bin/bash -e\necho'), '/bin/bash');
  t.equal(interpreterOf('#! /usr/bin/env -S A=1 python3 -u\n'), 'python3');
  t.equal(interpreterOf('echo'), null);
  t.equal(interpreterOf('#!\n'), null);
  t.same(['bash', '/bin/sh', 'zsh'].map(isPosixShell), [true, true, true]);
  t.same(['fish', 'python3', '/usr/bin/node', 'bash5', ''].map(isPosixShell), [
    false,
    false,
    false,
    false,
    false,
  ]);
});
