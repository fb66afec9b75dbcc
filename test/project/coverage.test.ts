// test/project/coverage.md promises tests, settings, routes and metrics: each of them has to be there.
import { existsSync, globSync, readFileSync } from 'node:fs';
import t from 'tap';

const read = (path: string): string => readFileSync(path, 'utf8');
const text = read('test/project/coverage.md');
/** Cells of all rows, without the headings. */
const rows = text
  .split('\n')
  .filter((line) => /^\| (?!---|item|#)/.test(line))
  .map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );

t.test('every test that the coverage names is there', async (t) => {
  const named = [...text.matchAll(/`(test\/[\w./-]+\.ts)`: "([^"]+)"/g)];
  t.ok(named.length > 100);
  for (const [, file = '', title = ''] of named) {
    const isThere = existsSync(file) && read(file).replaceAll("\\'", "'").includes(title);
    t.ok(isThere, `${file}: ${title}`);
  }
});

t.test('every item is provided with a test, or says that it is not here', async (t) => {
  t.ok(rows.length > 100);
  for (const cells of rows) {
    const [item = '', here = '', tests = ''] = cells;
    t.equal(cells.length, 3, item);
    t.ok(tests.startsWith('`test/') || here.includes('not here'), item);
  }
});

/** Of what first readers stumbled over: things that speak, nouns that are missing, two facts in one sentence. */
const HARD_TO_READ = [
  'What it has accepted is on the disk',
  'what one says, the next one can use',
  'Let a failure be tried again',
  'went into sessions of their own',
  'it does not set one that is off',
  'A limit that a machine has no means for',
  'says that it would have been tried again',
  'so is a name that an object has twice',
  'What may stand around a run',
  'in the same breath',
  'it runs when these have come to',
  'Who wants finer prices',
  'So credits for ten are ten',
  'keys are asked for, for good',
  'it is told there and never again',
  'Where that shows only on the way',
  'as many bytes has seen everything',
  'A tier that was asked for',
  'nobody is believed',
  'It asks for more than its template allows',
];

t.test('what was hard to read does not come back', async (t) => {
  for (const file of ['README.md', '.env.example', 'openapi/openapi.json', ...globSync('docs/**/*.md')]) {
    const said = read(file).replaceAll(/\s+/g, ' ');
    t.same(
      HARD_TO_READ.filter((one) => said.includes(one)),
      [],
      file,
    );
  }
});

t.test('every weakness has a test', async (t) => {
  const numbers = rows.map(([first = '']) => first).filter((first) => /^\d+$/.test(first));
  t.same(numbers, ['1', '2', '3', '4', '5', '6', '7', '8', '9', '15', '17', '20', '26']);
});

t.test('every setting, route and metric that the coverage names is there', async (t) => {
  const settings = read('.env.example');
  for (const [name] of text.matchAll(/\bEXECUTION_[A-Z_]+/g)) t.match(settings, `${name}=`, name);
  const { paths } = JSON.parse(read('openapi/openapi.json')) as { paths: Record<string, object> };
  const routes = [...text.matchAll(/`(GET|POST|PUT|PATCH|DELETE) (\/[^`]*)`/g)];
  t.ok(routes.length > 20);
  for (const [route, method = '', path = ''] of routes)
    t.ok(method.toLowerCase() in (paths[path] ?? {}), route);
  const metrics = read('src/observe/metric-catalogue.ts');
  const named = text.matchAll(/`([a-z_]+_(?:total|seconds|ratio|size))`/g);
  for (const [, name = ''] of named) {
    if (name !== 'hit_ratio') t.match(metrics, `'${name}'`, name);
  }
});
