import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { stringify } from 'yaml';
import { ConfigError } from '../../src/config/load.ts';
import { RefusedError } from '../../src/domain/errors.ts';
import type { ProcessWork } from '../../src/domain/spec/spec.ts';
import { loadFiles, reloadFiles } from '../../src/operator-files/live-files.ts';
import {
  liveOperations,
  parseOperations,
  readOperationsFile,
} from '../../src/operator-files/operations-file.ts';
import { fileWith, LIMITS, problemsOf, registryOf, resolve } from '../helpers/operations.ts';
import { tempDir } from '../helpers/temp.ts';

const EXAMPLES = 'examples/operations.yaml';
const string = { type: 'string' };
const exec = (...args: string[]) => ({ kind: 'exec', program: 'tool', args });

function errorOf(fn: () => unknown): unknown {
  try {
    fn();
    return null;
  } catch (error) {
    return error;
  }
}

t.test('all problems are told at once, each with its line and its path', async (t) => {
  const text = `
operations:
  first:
    description: 5
    params:
      properties: { p: { type: strin } }
      required: [p]
    run:
      kind: exec
      program: bin/x
      args: ['{{p}}', '{{q}}']
    retries: 3
  Second:
    run: { kind: exec, program: x }
  third:
    params: { properties: { p: { type: string, maxlength: 3 } } }
    run: { kind: shell, command: x }
    timeouts: { attempt_ms: 3600001 }
  "a.b":
    run: { kind: operation, name: x }
circuits:
  - program: x
    ratio: 1
credits: {}
`;
  const read = parseOperations(text, LIMITS);
  const problems = 'problems' in read ? read.problems.map(({ path, line }) => `${line} ${path}`) : [];
  t.same(
    new Set(problems),
    new Set([
      '4 operations.first.description',
      '6 operations.first.params.properties.p.type',
      '11 operations.first.run.args[1]',
      '12 operations.first.retries',
      '13 operations.Second',
      '16 operations.third.params',
      '18 operations.third.timeouts.attempt_ms',
      '20 operations["a.b"].run.kind',
      '23 circuits[0].ratio',
      '24 credits',
    ]),
  );
  t.same(
    problems.map((one) => parseInt(one)),
    problems.map((one) => parseInt(one)).sort((a, b) => a - b),
  );
});

t.test('JSON and YAML say the same, with tabs in JSON', async (t) => {
  const file = fileWith(
    exec('{{p}}', 'no', 'é\n'),
    { p: { ...string, minLength: 1 } },
    { retry: { attempts: 5 } },
  );
  const definitionOf = (text: string) => registryOf(text).get('op')?.definition;
  t.same(definitionOf(JSON.stringify(file, null, '\t')), definitionOf(stringify(file)));
  t.same(definitionOf(JSON.stringify(file)), definitionOf(stringify(file)));
});

t.test('YAML holds no surprises', async (t) => {
  const run = (more: string) => `operations:\n  op:\n    run:\n      kind: exec\n      program: x\n${more}`;
  const argsOf = (list: string) => resolve(registryOf(run(`      args: ${list}`)), {});
  t.match(argsOf('[no, on, y, off, 2020-01-01, 1:30, ~x]'), {
    work: { args: ['no', 'on', 'y', 'off', '2020-01-01', '1:30', '~x'] },
  });
  t.match(argsOf('&a [x]'), { work: { args: ['x'] } }, 'an anchor does no harm');
  const bad: [string, RegExp][] = [
    [run('      program: y'), /keys must be unique/],
    ['{"operations": {}, "operations": {}}', /keys must be unique/],
    ['operations:\n\top: {}', /Tabs/],
    [run('      args: [!secret x]'), /Unresolved tag/],
    [run('      args: [!!binary eA==]'), /Unresolved tag/],
    ['%YAML 1.1\n---\noperations: {}', /YAML 1\.2/],
    ['operations: {}\n---\noperations: {}', /multiple documents/],
    ['operations: *nowhere', /alias/i],
    ['operations: &x { op: *x }', /nested deeper/],
    [`${'['.repeat(5000)}${']'.repeat(5000)}`, /nested deeper|call stack/],
    ['operations: { op: { priority: .inf } }', /Infinity/],
    [run('      args: [yes, 010]'), /expected string/],
    [
      'operations: { op: { priority: 9007199254740993 } }',
      /^operations\.op\.priority: is 9007199254740993, which becomes/,
    ],
    [
      'operations:\n  op:\n    cost: [0, {a: 1e400}]',
      /operations\.op\.cost\[1\]\.a.*1e400.*write it in quotes/,
    ],
    [
      'operations: { op: { priority: 0.1234567890123456789 } }',
      /which becomes 0\.12345678901234568 as a number/,
    ],
    ['operations: { op: { priority: 0xFFFFFFFFFFFFFFFF } }', /0xFFFFFFFFFFFFFFFF/],
    ['? [a]\n: b', /keys must be strings/],
    ['', /expected object/],
    ['just text', /expected object/],
    ['operations: { op: { <<: { run: { kind: exec, program: x } } } }', /unknown field/],
    ['operations: { __proto__: { run: { kind: exec, program: x } } }', /key __proto__/],
  ];
  for (const [text, message] of bad) t.match(problemsOf(text).join('\n'), message, text.slice(0, 60));
});

t.test('aliases cannot make a small file large', async (t) => {
  const laughs = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 9; i++)
    laughs.push(
      `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
    );
  t.match(problemsOf(laughs.join('\n')), [/Excessive alias count/]);
  const wide = `a: &a [${Array(10_000).fill('x').join(', ')}]\nb: [${Array(30).fill('*a').join(', ')}]`;
  t.match(problemsOf(wide), [/more than 200000 values/]);
});

t.test('typing errors in a schema are found', async (t) => {
  const params: [object, RegExp][] = [
    [{ properties: { p: { type: 'string', minlength: 1 } } }, /unknown keyword: "minlength"/],
    [{ properties: { p: { type: 'text' } } }, /./],
    [{ properties: { p: { type: 'string', format: 'no-such' } } }, /unknown format/],
    [{ properties: { p: { type: 'string', pattern: '(' } } }, /regular expression/],
    [{ properties: { p: { $ref: 'https://elsewhere.test/schema' } } }, /can't resolve reference/],
    [{ properties: { p: { $ref: '#/$defs/none' } } }, /can't resolve reference/],
    [
      { properties: { p: { type: 'integer', default: 'x' } } },
      /params\.properties\.p\.default: must be integer/,
    ],
    [{ properties: { p: { type: 'array', uniqueItems: true } } }, /uniqueItems needs a maxItems/],
    [{ type: 'array' }, /params\.type/],
    [{ properties: { '1p': {} } }, /begin with a letter/],
    [{ properties: { p: { type: 'string', 'x-alow-dash': true } } }, /unknown keyword/],
  ];
  for (const [schema, message] of params) {
    const file = { operations: { op: { params: schema, run: { kind: 'shell', command: 'x' } } } };
    t.match(problemsOf(file).join('\n'), message, JSON.stringify(schema));
  }
});

t.test('parameters are checked as they are, get their defaults, and are never changed', async (t) => {
  const properties = {
    n: { type: 'integer' },
    d: { type: 'object', default: {}, properties: { e: { default: 1 } } },
  };
  const registry = registryOf(
    fileWith(exec('{{n}}', '{{d.e}}'), {}, { params: { properties, required: ['n'] } }),
  );
  const given = Object.freeze({ n: 1 });
  t.same(registry.check('op', given), { ok: true, params: { n: 1, d: { e: 1 } } });
  t.same(given, { n: 1 });
  t.match(registry.check('op', { n: '1' }), {
    ok: false,
    problems: [{ field: '/params/n', message: 'must be integer' }],
  });
  t.match(registry.check('nope', {}), { ok: false, problems: [{ field: '/name' }] });
});

t.test('what takes long to check is bounded', async (t) => {
  const p = { type: 'string', pattern: '^a*$' };
  const mail = { type: 'string', format: 'email' };
  const registry = registryOf(
    fileWith(
      exec('{{p}}'),
      { p },
      { params: { properties: { p, mail }, required: [] }, run: exec('{{p?}}', '{{mail?}}') },
    ),
  );
  t.equal(registry.check('op', { p: 'a'.repeat(10_000) }).ok, true);
  t.match(registry.check('op', { p: 'a'.repeat(10_001) }), {
    problems: [{ field: '/params/p', message: /at most 10000 characters/ }],
  });
  t.equal(registry.check('op', { mail: 'a@example.com' }).ok, true);
  t.equal(registry.check('op', { mail: `${'a'.repeat(10_000)}@example.com` }).ok, false);
});

t.test('a registry does not change', async (t) => {
  const registry = registryOf(fileWith(exec('{{p}}'), { p: string }, { labels: { a: 'b' } }));
  const operation = registry.get('op');
  t.throws(() => Object.assign(operation?.definition.labels ?? {}, { a: 'c' }));
  t.throws(() => Object.assign(operation ?? {}, { name: 'x' }));
  t.equal(registry.get('constructor'), undefined);
});

t.test('a bad file leaves the operations as they were', async (t) => {
  const path = join(tempDir(t), 'operations.yaml');
  const good = (program: string) => stringify(fileWith({ kind: 'exec', program }));
  const live = liveOperations(path, LIMITS);
  const program = () => (live.get('op')?.definition.run as { program?: string } | undefined)?.program;
  const failure = errorOf(() => loadFiles([live.file]));
  t.ok(
    failure instanceof ConfigError && /^EXECUTION_OPERATIONS_FILE: .*ENOENT/.test(failure.problems[0] ?? ''),
  );
  writeFileSync(path, good('one'));
  loadFiles([live.file]);
  t.equal(program(), 'one');
  const before = live.get('op');
  writeFileSync(path, 'operations: { op: { run: { kind: exec } }, two: 5 }\nx: 1');
  t.match(
    errorOf(() => reloadFiles([live.file])),
    {
      type: 'invalid_operations_file',
      fields: [
        { field: 'operations.op.run.program', message: /^line 1: / },
        { field: 'operations.two', message: /^line 1: / },
        { field: 'x', message: 'line 2: unknown field' },
      ],
    },
  );
  t.equal(live.get('op'), before);
  writeFileSync(path, good('two') + 'circuits: [{ host: a }]\n');
  reloadFiles([live.file]);
  t.same(live.counts(), { operations: 1, circuits: 1 });
  t.equal(program(), 'two');
  t.match(live.circuits, [{ host: 'a', failures: 5 }]);
  writeFileSync(path, 'operations: { op: 5 }');
  t.ok(errorOf(() => reloadFiles([live.file])) instanceof RefusedError);
  t.match(
    errorOf(() => loadFiles([liveOperations(path, LIMITS).file])),
    { problems: [/operations\.yaml:1: operations\.op: /] },
  );
});

t.test('without a file there are no operations', async (t) => {
  const live = liveOperations(null, LIMITS);
  loadFiles([live.file]);
  reloadFiles([live.file]);
  t.same(live.counts(), { operations: 0, circuits: 0 });
  t.same(live.all(), []);
  t.match(resolve(live, {}), { refused: 'unknown_operation' });
});

t.test('a file that strangers can change, or that is no text, is refused', async (t) => {
  const path = join(tempDir(t), 'operations.yaml');
  writeFileSync(path, '{}');
  chmodSync(path, 0o666);
  t.match(readOperationsFile(path, LIMITS), { problems: [{ message: /chmod o-w/ }] });
  chmodSync(path, 0o644);
  t.match(readOperationsFile(path, LIMITS), { registry: {} });
  writeFileSync(path, Buffer.from([0x61, 0xff]));
  t.match(readOperationsFile(path, LIMITS), { problems: [{ message: /encoded data/ }] });
  writeFileSync(path, ' '.repeat(4 * 1024 * 1024 + 1));
  t.match(readOperationsFile(path, LIMITS), { problems: [{ message: /larger than/ }] });
});

// ---------------------------------------------------------------------------------------------- examples

/** Runs the work of an operation here, as the server would. */
function runHere(
  t: Test,
  name: string,
  params: Record<string, unknown>,
): { status: number | null; stdout: string } {
  const read = readOperationsFile(EXAMPLES, LIMITS);
  if ('problems' in read) throw new Error(JSON.stringify(read.problems));
  const resolved = resolve(read.registry, { name, params });
  if (!('work' in resolved)) throw new Error(JSON.stringify(resolved.fields));
  const work = resolved.work as ProcessWork;
  const [program, args]: [string, string[]] =
    work.kind === 'exec'
      ? [work.program, work.args ?? []]
      : [
          'bash',
          [
            '--norc',
            '-c',
            work.kind === 'shell' ? work.command : ((work as { source?: string }).source ?? ''),
          ],
        ];
  const input = typeof work.stdin === 'string' ? work.stdin : '';
  const env = { PATH: process.env.PATH ?? '', ...work.env };
  const { status, stdout, stderr } = spawnSync(program, args, {
    env,
    input,
    encoding: 'utf8',
    cwd: tempDir(t),
  });
  t.equal(stderr, '', name);
  return { status, stdout };
}

t.test('the examples can be used, with the presets of retries', async (t) => {
  const read = readOperationsFile(EXAMPLES, LIMITS);
  t.notOk('problems' in read, JSON.stringify(read));
  if ('problems' in read) return;
  const retryOf = (name: string) => read.registry.get(name)?.definition.retry;
  t.match(retryOf('api_call'), { attempts: 5, multiplier: 2 });
  t.match(retryOf('database_query'), { attempts: 3, multiplier: 1 });
  t.match(retryOf('file_operation'), { attempts: 2, multiplier: 0.5 });
  const of = (name: string, params: Record<string, unknown>) => resolve(read.registry, { name, params });
  t.match(of('api_call', { owner: 'a/../b', repository: 'c' }), {
    work: { kind: 'http', url: 'https://api.github.com/repos/a%2F..%2Fb/c', retry: { attempts: 5 } },
  });
  t.match(of('database_query', { customer: "'; DROP TABLE orders; --" }), {
    work: {
      args: [
        '--no-psqlrc',
        '--no-password',
        '--csv',
        '--set=ON_ERROR_STOP=1',
        "--set=customer='; DROP TABLE orders; --",
        '--set=limit=100',
        'service=orders',
      ],
    },
  });
  t.match(of('create_ticket', { title: 'x', severity: 2, region: 'us' }), {
    work: {
      url: 'https://us.tickets.example.com/api/tickets',
      body: { json: { title: 'x', severity: 2, tags: [] } },
    },
  });
  t.match(of('create_ticket', { title: 'x', severity: 2, region: 'evil.test/' }), { refused: 'validation' });
});

t.test('the examples that need no server work', async (t) => {
  const dir = tempDir(t);
  const files = join(dir, 'files');
  mkdirSync(files);
  writeFileSync(join(files, 'a'), 'hello');
  writeFileSync(join(dir, 'log'), 'one\ntwo $(id)\nthree $(id)\n');
  t.match(runHere(t, 'checksum', { files: [join(files, 'a')] }), { status: 0, stdout: /^2cf24dba/ });
  t.match(runHere(t, 'sort_lines', { text: 'b\na\nb\n', flags: ['--unique', '--reverse'] }), {
    stdout: 'b\na\n',
  });
  t.match(runHere(t, 'word_count', { text: 'a b c' }), { stdout: '3\n' });
  t.match(runHere(t, 'directory_report', { directory: files }), { stdout: '{"files": 1, "bytes": 5}\n' });
  t.match(runHere(t, 'log_matches', { file: join(dir, 'log'), word: '$(id)', lines: 1 }), {
    stdout: 'three $(id)\n',
  });
  const archive = join(dir, 'a.tar.gz');
  t.match(runHere(t, 'file_operation', { directory: files, archive }), { status: 0 });
  t.match(spawnSync('tar', ['-tzf', archive], { encoding: 'utf8' }).stdout, './a\n');
});
