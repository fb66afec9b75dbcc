import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { openapiText } from '../../scripts/openapi.ts';
import { headOf } from '../../scripts/client-types.ts';
import { notesOf, released } from '../../scripts/release.ts';
import { metricsDocument, tracingTable, withTables } from '../../scripts/docs.ts';
import { envExample, loadConfig } from '../../src/config/load.ts';
import { KINDS, takesProcess } from '../../src/domain/kinds.ts';
import { VERSION } from '../../src/app/version.ts';

const read = (path: string) => readFileSync(path, 'utf8');

t.test('openapi/openapi.json is what the code says (npm run generate)', async (t) => {
  t.equal(read('openapi/openapi.json'), await openapiText());
});

t.test('src/client/schema.ts has the types of openapi/openapi.json (npm run generate)', async (t) => {
  t.ok(read('src/client/schema.ts').startsWith(headOf(read('openapi/openapi.json'))));
});

t.test(
  'every reference of the OpenAPI document leads somewhere, and every operation says what it is',
  async (t) => {
    const text = read('openapi/openapi.json');
    const document = JSON.parse(text) as {
      components: { schemas: Record<string, unknown> };
      paths: Record<string, Record<string, { summary?: string; responses: Record<string, unknown> }>>;
    };
    for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
      t.ok(name in document.components.schemas, name);
    t.match(document, {
      components: {
        schemas: { BatchRequest: { properties: { executions: { items: { $ref: /BatchItem$/ } } } } },
      },
      paths: {
        '/v1/executions': { post: { requestBody: { required: true } } },
        '/v1/executions/{id}/cancel': {
          post: {
            requestBody: {
              required: false,
              content: { 'application/json': { schema: { $ref: /CancelRequest$/ } } },
            },
          },
        },
      },
    });
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, { summary, responses }] of Object.entries(methods)) {
        t.ok(summary !== undefined && Object.keys(responses).length > 0, `${method} ${path}`);
      }
    }
  },
);

t.test('docs/reference/errors.md lists the catalogue, no more and no less (npm run generate)', async (t) => {
  t.equal(read('docs/reference/errors.md'), withTables(read('docs/reference/errors.md')));
});

t.test('docs/operate/tracing.md lists every variable (npm run generate)', async (t) => {
  t.equal(withTables(read('docs/operate/tracing.md'), tracingTable()), read('docs/operate/tracing.md'));
});

t.test('docs/reference/metrics.md lists every metric (npm run generate)', async (t) => {
  t.equal(read('docs/reference/metrics.md'), metricsDocument());
});

t.test('.env.example is what the code says (npm run generate), and is itself a configuration', async (t) => {
  t.equal(read('.env.example'), envExample());
  const env = Object.fromEntries(
    read('.env.example')
      .split('\n')
      .filter((line) => /^[A-Z]/.test(line))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  ) as Record<string, string>;
  t.same(loadConfig(env), loadConfig({}), 'the defaults are the defaults');
});

t.test('the version is the same everywhere', async (t) => {
  const { version, engines, optionalDependencies } = JSON.parse(read('package.json')) as {
    version: string;
    engines: { node: string };
    optionalDependencies: Record<string, string>;
  };
  t.equal(VERSION, version);
  t.match(read('CHANGELOG.md'), `## ${version}`);
  t.equal(engines.node, '>=24');
  t.ok(Object.values(optionalDependencies).every((pinned) => /^24\.\d+\.\d+$/.test(pinned)));
});

t.test('packages are pinned exactly, and the lock file names no download addresses', async (t) => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
    string,
    Record<string, string>
  >;
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies }))
    t.match(version, /^(npm:[\w@/-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/, name);
  t.notMatch(read('package-lock.json'), /"resolved": "http/);
});

/** What may be used, changed and passed on without conditions on the rest. */
const LICENCES = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Unlicense',
];

t.test('every package that is shipped has a permissive licence', async (t) => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { dev?: boolean; license?: string }>;
  };
  const shipped = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true);
  t.ok(shipped.length > 100);
  t.same(
    shipped.filter(([, { license = '' }]) => !LICENCES.includes(license)).map(([path]) => path),
    [],
  );
});

t.test('a release moves the notes of what is not released under its version', async (t) => {
  const before = '# Changelog\n\n## Unreleased\n\n- New.\n\n## 0.1.0\n\n- Old.\n';
  const after = released(before, '0.2.0');
  t.equal(notesOf(after, '0.2.0'), '- New.\n');
  t.equal(released(after, '0.2.0'), after);
  t.throws(() => released(after, '0.3.0'), /no notes under "## Unreleased"/);
});

t.test('nothing in the project names the machine that it was made on', async (t) => {
  if (!existsSync('.git')) return;
  const files = execFileSync('git', ['ls-files'], { encoding: 'utf8' }).trim().split('\n');
  const machine = new RegExp(['/wor', 'k/(main|shared)|/ro', 'ot/|/tmp/bash_', 'jobs'].join(''));
  for (const file of files) {
    if (!existsSync(file) || file === 'package-lock.json') continue;
    t.notMatch(read(file), machine, file);
  }
});

t.test('the thread of the store and the runner host load no schemas and no server', async (t) => {
  const all = (file: string, seen = new Set<string>()): Set<string> => {
    if (seen.has(file)) return seen;
    seen.add(file);
    for (const [, name = ''] of read(file).matchAll(/(?:\bfrom|\bimport) ?["'](\.\/[^'"]+)["']/g))
      all(join(dirname(file), name), seen);
    return seen;
  };
  const sources = (file: string) =>
    existsSync(`${file}.map`) ? (JSON.parse(read(`${file}.map`)) as { sources: string[] }).sources : [];
  const isHeavy = (source: string) => /node_modules\/(?:zod|fastify)\//.test(source);
  for (const start of ['dist/bin/writer.js', 'dist/runner-host/node/main.js'])
    t.same([...all(start)].flatMap(sources).filter(isHeavy), [], start);
  const server = [...all('dist/bin/server.js')].flatMap(sources);
  t.same(
    server.filter((source) => source.includes('@opentelemetry')),
    [],
    'traces are loaded when they are on',
  );
  t.ok([...all('dist/bin/import.js')].flatMap(sources).some(isHeavy), 'sources are named');
});

t.test(
  'one table says what each kind is: nothing else compares a kind with the names of those without a process',
  async (t) => {
    const withoutProcess = KINDS.filter((kind) => !takesProcess({ kind }));
    const comparing = new RegExp(`\\bkind [!=]== '(${withoutProcess.join('|')})'`);
    const named = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.ts') && comparing.test(read(join('src', file))),
    );
    // The client knows the server by its API only; the other names the host that a call goes to.
    t.same(new Set(named), new Set(['client/kinds.ts', 'engine/policies/operations.ts']));
  },
);
