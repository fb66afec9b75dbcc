// Which test files concern the files that have changed: those that use them, directly or through others, the nearest first.
// A change of something that everything uses concerns nearly all tests; as many are run as fit into a short time, and the
// others are named.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, matchesGlob, normalize } from 'node:path';
import type { Cost } from './cost.ts';

/** What the tests of a change may take together, in seconds, by what they took when they were last run. */
const BUDGET_S = 25;
/** For a file that has not been run here yet. */
const UNKNOWN_S = 5;

export interface Concerned {
  /** Files that have changed and are there. */
  changed: string[];
  tests: string[];
  /** Tests that use a changed file, too, and do not fit into the time. */
  left: string[];
}

const git = (...args: string[]) =>
  execFileSync('git', args, { encoding: 'utf8' }).split('\n').filter(Boolean);

export function concerned(commit: string, times: Record<string, Cost>): Concerned {
  const changed = new Set([
    ...git('diff', '--name-only', commit, '--'),
    ...git('ls-files', '--others', '--exclude-standard'),
  ]);
  const uses = usesOf(globSync('{src,test,scripts,bench}/**/*.ts'), changed);
  const found = globSync('test/**/*.test.ts').flatMap((test) => {
    const distance = distanceTo(test, changed, uses);
    return distance === null ? [] : [{ test, distance: isNamesake(test, changed) ? 0 : distance }];
  });
  const secondsOf = (test: string) => times[test]?.wall ?? UNKNOWN_S;
  found.sort((a, b) => a.distance - b.distance || secondsOf(a.test) - secondsOf(b.test));
  const [tests, left]: [string[], string[]] = [[], []];
  let seconds = 0;
  for (const { test } of found) {
    const fits = changed.has(test) || seconds + secondsOf(test) <= BUDGET_S;
    if (fits) seconds += secondsOf(test);
    (fits ? tests : left).push(test);
  }
  return { changed: [...changed].filter((file) => existsSync(file)), tests, left };
}

/** Files that each file imports, starts or reads; a type that it imports alone is the matter of the compiler. */
function usesOf(files: string[], changed: ReadonlySet<string>): ReadonlyMap<string, string[]> {
  return new Map(
    files.map((file) => {
      const text = readFileSync(file, 'utf8').replaceAll(/^(import|export) type [^;]*;/gm, '');
      const imported = [...text.matchAll(/['"](\.\.?\/[^'"]*)['"]/g)].map(([, path = '']) =>
        normalize(join(dirname(file), path)),
      );
      const named = [...text.matchAll(/['"`]((?:\w[\w.*-]*\/)*\w[\w.*-]*)['"`]/g)].map(
        ([, path = '']) => path,
      );
      return [file, [...imported, ...named.flatMap((path) => sourcesOf(path, changed))]];
    }),
  );
}

/** What a path in a string stands for: the source of what is built, the changed files that it matches, or itself. */
function sourcesOf(path: string, changed: ReadonlySet<string>): string[] {
  if (path.startsWith('dist/')) return [path.replace(/^dist(.*)\.js$/, 'src$1.ts')];
  if (path.startsWith('build/runner-host'))
    return [...changed].filter((file) => file.startsWith('src/runner-host/native/'));
  return path.includes('*') ? [...changed].filter((file) => matchesGlob(file, path)) : [path];
}

/** How many steps lead from a test to a changed file; null where none does. */
function distanceTo(
  test: string,
  changed: ReadonlySet<string>,
  uses: ReadonlyMap<string, string[]>,
): number | null {
  const seen = new Set([test]);
  let [front, steps] = [[test], 0];
  while (front.length > 0) {
    if (front.some((file) => changed.has(file))) return steps;
    front = front.flatMap((file) => uses.get(file) ?? []).filter((file) => !seen.has(file) && seen.add(file));
    steps += 1;
  }
  return null;
}

/** test/http/logs.test.ts is near to src/http/logs/routes.ts however many steps lie between. */
function isNamesake(test: string, changed: ReadonlySet<string>): boolean {
  const [, room] = test.split('/');
  const stem = basename(test, '.test.ts');
  return [...changed].some(
    (file) => file.startsWith(`src/${room}`) && basename(file).replace(/\.\w+$/, '') === stem,
  );
}
