// The words of the documents are in the dictionary of hunspell, or in the list of our own words beside this file.
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import t from 'tap';

const run = (input: string) =>
  spawnSync('hunspell', ['-d', 'en_US', '-l'], { input, encoding: 'utf8', timeout: 60_000 });
/** Why it cannot be judged; false: it can. */
const whyUnjudged = run('').status !== 0 && 'there is no hunspell with an American dictionary';

/** The words of a text, without code, names of files and addresses. */
function wordsOf(text: string): string[] {
  const prose = text
    .replaceAll(/```[^]*?```|`[^`]*`|<!--[^]*?-->/g, ' ')
    .replaceAll(/\]\([^)]*\)/g, ']')
    .replaceAll(/https?:\S+/g, ' ');
  return prose.match(/[A-Za-z][A-Za-z'’]+/g) ?? [];
}

t.test(
  'every word of the documents is in the dictionary, or is one of ours',
  { skip: whyUnjudged },
  async (t) => {
    const own = new Set(readFileSync('test/project/words.txt', 'utf8').split('\n'));
    const documents = [
      'README.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      'CHANGELOG.md',
      ...globSync('docs/**/*.md'),
    ];
    const words = new Set(documents.flatMap((file) => wordsOf(readFileSync(file, 'utf8'))));
    const unknown = new Set(run([...words].join('\n')).stdout.split('\n'));
    t.same(
      [...unknown].filter((word) => word !== '' && !own.has(word)),
      [],
      'mend them, or add them to words.txt',
    );
  },
);
