// The files of the native runner host stand in layers: none uses what one above it defines. What is beneath tells facts, and
// what is above decides (`struct facts` of host.h).
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';

const DIR = 'src/runner-host/native';
/** A function or variable that other files can use. */
const DEFINED = /^(?!static|extern|typedef|#|struct \w+ \{)[a-z][\w ]*?[ *]+(\w+)(?:\(|\[|;| =|, \*).*$/gm;

const files = readdirSync(DIR).filter((name) => name.endsWith('.c'));
const sources = new Map(files.map((name) => [name, withoutComments(readFileSync(`${DIR}/${name}`, 'utf8'))]));

function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|"(?:\\.|[^"\\\n])*"/g, ' ');
}

function usesOf(): Map<string, Set<string>> {
  const homes = new Map<string, string>();
  for (const [file, source] of sources)
    for (const [line, name = ''] of source.matchAll(DEFINED)) {
      homes.set(name, file);
      if (!line.includes('(')) for (const more of line.matchAll(/\*(\w+)/g)) homes.set(more[1] ?? '', file);
    }
  return new Map(
    [...sources].map(([file, source]) => {
      const words = new Set(source.match(/(?<![.>\w])\w+/g));
      const used = [...words].map((word) => homes.get(word)).filter((home) => home !== undefined);
      return [file, new Set(used.filter((home) => home !== file))];
    }),
  );
}

t.test('no file of the native host needs one that needs it', async (t) => {
  const left = usesOf();
  t.ok(left.get('main.c')?.has('attempt.c') && left.get('attempt.c')?.has('ending.c'), 'uses are found');
  t.ok(left.get('journal.c')?.has('loop.c'), 'those of variables, too');
  for (let isSmaller = true; isSmaller;) {
    const done = [...left].filter(([, used]) => [...used].every((file) => !left.has(file)));
    for (const [file] of done) left.delete(file);
    isSmaller = done.length > 0;
  }
  t.same(
    [...left].map(([file, used]) => `${file} uses ${[...used].filter((one) => left.has(one)).join(', ')}`),
    [],
  );
});
