// test/project/coverage.md promises tests, settings, routes and metrics: each of them has to be there.
import { existsSync, readFileSync } from 'node:fs';
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

t.test('every weakness has a test', async (t) => {
  const numbers = rows.map(([first = '']) => first).filter((first) => /^\d+$/.test(first));
  t.same(numbers, ['1', '2', '3', '4', '5', '6', '7', '8', '9', '15', '17', '20', '26']);
});

t.test('every setting, route and metric that the coverage names is there', async (t) => {
  const settings = read('.env.example');
  for (const [name] of text.matchAll(/\bEXECUTION_[A-Z_]+/g)) t.match(settings, `${name}=`, name);
  const { paths } = JSON.parse(read('openapi/openapi.json')) as { paths: Record<string, object> };
  const routes = [...text.matchAll(/`(GET|POST|PATCH|DELETE) (\/[^`]*)`/g)];
  t.ok(routes.length > 20);
  for (const [route, method = '', path = ''] of routes)
    t.ok(method.toLowerCase() in (paths[path] ?? {}), route);
  const metrics = read('src/observe/metric-catalogue.ts');
  const named = text.matchAll(/`([a-z_]+_(?:total|seconds|ratio|size))`/g);
  for (const [, name = ''] of named) {
    if (name !== 'hit_ratio') t.match(metrics, `'${name}'`, name);
  }
});
