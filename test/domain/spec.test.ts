import t from 'tap';
import { parseFields } from '../../src/domain/exact-fields.ts';
import { fieldProblems } from '../../src/domain/field-messages.ts';
import { planRequest } from '../../src/domain/spec/plan.ts';
import { batchItemSchema, MAX_ARGUMENT_BYTES, specSchema } from '../../src/domain/spec/spec.ts';

const limits = {
  ...{ maxAttemptMs: 3_600_000, maxOutputBytes: 10_485_760, spoolMaxBytes: 1_073_741_824 },
  maxGraceMs: 60_000,
};
const schema = specSchema(limits);

/** Paths of what is wrong. */
function problems(spec: unknown): string[] {
  const parsed = schema.safeParse(spec);
  return parsed.success
    ? []
    : parsed.error.issues.map((issue) => [...issue.path, ...keysOf(issue)].join('.'));
}
const keysOf = (issue: object): string[] => (issue as { keys?: string[] }).keys ?? [];

const exec = (more: object) => ({ kind: 'exec', program: 'true', ...more });

const http = (more: object) => ({ kind: 'http', url: 'http://example.com/', ...more });

t.test('every kind is accepted with its parameters', async (t) => {
  const good: unknown[] = [
    { kind: 'exec', program: '/usr/bin/make', args: ['-j2'], cwd: '/src', env: { CC: 'gcc' }, stdin: 'text' },
    { kind: 'shell', command: 'echo $HOME', shell: 'sh' },
    { kind: 'script', path: '/opt/run.sh', args: ['x'] },
    { kind: 'script', source: '#!/bin/sh\necho', env: {} },
    { kind: 'script', source: 'print(1)', interpreter: 'python3' },
    { kind: 'script', source: 'let x: 1', interpreter: 'node', filename: 'my-Main_2.test.ts' },
    { kind: 'aws_cli', service: 's3api', operation: 'list-buckets', profile: 'p', region: 'eu-west-1' },
    exec({
      stdin: { base64: 'AAEC' },
      labels: { team: 'infra' },
      priority: -5,
      on_limit: 'reject',
      task_id: 't',
    }),
    exec({ timeouts: { queue_ms: 1, attempt_ms: 3_600_000, total_ms: 604_800_000, idle_ms: 1 } }),
    exec({ output: { max_bytes: 10_485_760, oversized: 'fail', parse: 'json' } }),
    exec({ stop: {} }),
    exec({ stop: { signal: 'SIGUSR2', grace_ms: 0, scope: 'main' } }),
    { kind: 'operation', name: 'x', stop: { grace_ms: 60_000 } },
    exec({ output: { max_bytes: 1_073_741_824, oversized: 'spool' } }),
  ];
  good.push(
    exec({ retry: {}, retry_safe: true }),
    exec({ retry: { retry_on: { causes: ['lost', 'attempt_timeout'] } }, retry_safe: true }),
    http({}),
    http({
      method: 'POST',
      body: { json: null },
      headers: { 'x-a': 'b\tc' },
      query: { a: ['1', '2'], b: '' },
    }),
    http({ expect: { statuses: [200, '3xx'] }, max_redirects: 0, tls: { verify: false } }),
    { kind: 'operation', name: 'resize.image', params: { width: 5, nested: [null] } },
  );
  for (const spec of good) t.same(problems(spec), [], JSON.stringify(spec));
});

const BAD: [string, unknown, string][] = [
  ['a kind that there is not', { kind: 'fortran' }, 'kind'],
  ['no kind', { program: 'true' }, 'kind'],
  ['an unknown field', exec({ uid: 0 }), 'uid'],
  ['a field of another kind', exec({ command: 'x' }), 'command'],
  ['a kind that is not there: plan', { kind: 'plan', steps: [] }, 'kind'],
  ['a feature that is not there: condition', exec({ condition: 'true OR false AND false' }), 'condition'],
  ['a limit that is not there', exec({ limits: { ram_bytes: 1 } }), 'limits.ram_bytes'],
  ['a limit that is a text', exec({ limits: { cpu_s: '1' } }), 'limits.cpu_s'],
  ['limits of an HTTP call', http({ limits: { cpu_s: 1 } }), 'limits'],
  ['a feature that is not there: concurrency_key', exec({ concurrency_key: 'x' }), 'concurrency_key'],
  ['a number for a program', { kind: 'exec', program: 5 }, 'program'],
  ['a list for a program', { kind: 'exec', program: ['ls'] }, 'program'],
  ['an empty program', { kind: 'exec', program: '' }, 'program'],
  ['NUL in the program', { kind: 'exec', program: 'a\0b' }, 'program'],
  ['NUL in an argument', exec({ args: ['ok', 'a\0b'] }), 'args.1'],
  ['a lone surrogate in an argument', exec({ args: ['\ud800'] }), 'args.0'],
  ['a number among the arguments', exec({ args: ['a', 5] }), 'args.1'],
  ['an argument that is too long', exec({ args: ['x'.repeat(MAX_ARGUMENT_BYTES + 1)] }), 'args.0'],
  [
    'an argument that is too long in bytes',
    exec({ args: ['é'.repeat(MAX_ARGUMENT_BYTES / 2 + 1)] }),
    'args.0',
  ],
  ['arguments that are too long together', exec({ args: Array(11).fill('x'.repeat(100_000)) }), 'args'],
  ['NUL in an environment value', exec({ env: { A: 'a\0b' } }), 'env.A'],
  ['an environment name with =', exec({ env: { 'A=B': 'x' } }), 'env.A=B'],
  ['an empty environment name', exec({ env: { '': 'x' } }), 'env.'],
  ['a reserved environment name', exec({ env: { EXECUTION_ID: 'x' } }), 'env.EXECUTION_ID'],
  ['the marker as an environment name', exec({ env: { EXECD_RUN: 'x' } }), 'env.EXECD_RUN'],
  ['a relative working directory', exec({ cwd: 'src' }), 'cwd'],
  ['NUL in the working directory', exec({ cwd: '/a\0b' }), 'cwd'],
  ['stdin that is not base64', exec({ stdin: { base64: '***' } }), 'stdin.base64'],
  ['a label name with a space', exec({ labels: { 'a b': 'x' } }), 'labels.a b'],
  ['a fractional priority', exec({ priority: 1.5 }), 'priority'],
  ['a priority out of bounds', exec({ priority: 1001 }), 'priority'],
  ['an attempt limit over the maximum', exec({ timeouts: { attempt_ms: 3_600_001 } }), 'timeouts.attempt_ms'],
  ['an idle limit over the maximum', exec({ timeouts: { idle_ms: 3_600_001 } }), 'timeouts.idle_ms'],
  ['a total limit over a week', exec({ timeouts: { total_ms: 604_800_001 } }), 'timeouts.total_ms'],
  ['a limit of zero', exec({ timeouts: { attempt_ms: 0 } }), 'timeouts.attempt_ms'],
  ['a limit as text', exec({ timeouts: { attempt_ms: '10' } }), 'timeouts.attempt_ms'],
  ['an unknown clock', exec({ timeouts: { wall_ms: 10 } }), 'timeouts.wall_ms'],
  ['more output than may be kept', exec({ output: { max_bytes: 10_485_761 } }), 'output.max_bytes'],
  ['a script without path and source', { kind: 'script' }, 'source'],
  ['a script with path and source', { kind: 'script', path: '/x', source: '#!/bin/sh' }, 'source'],
  ...['', '.', '..', 'a/b.ts', '../a', '-e', '.env', 'a b', 'a\n', 'a\0', 'ä.ts', 'x'.repeat(101)].map(
    (filename): [string, unknown, string] => [
      `the file name ${JSON.stringify(filename)}`,
      { kind: 'script', source: '#!/bin/sh', filename },
      'filename',
    ],
  ),
  ['a file name for a path', { kind: 'script', path: '/x.sh', filename: 'x.sh' }, 'filename'],
  ['a source that nothing can run', { kind: 'script', source: 'echo' }, 'interpreter'],
  [
    'an aws operation that is an option',
    { kind: 'aws_cli', service: 's3', operation: '--debug' },
    'operation',
  ],
  ['a signal that asks for nothing', exec({ stop: { signal: 'SIGKILL' } }), 'stop.signal'],
  ['a scope that there is not', exec({ stop: { scope: 'group' } }), 'stop.scope'],
  ['a grace over the maximum', exec({ stop: { grace_ms: 60_001 } }), 'stop.grace_ms'],
  ['a grace below zero', exec({ stop: { grace_ms: -1 } }), 'stop.grace_ms'],
  ['a stop of a call', http({ stop: {} }), 'stop'],
  ['no attempts', exec({ retry: { attempts: 0 } }), 'retry.attempts'],
  ['a ceiling below the floor', exec({ retry: { min_ms: 5000, max_ms: 4000 } }), 'retry.max_ms'],
  ['a ceiling below the default floor', exec({ retry: { max_ms: 999 } }), 'retry.max_ms'],
  ['a jitter above one', exec({ retry: { jitter: 1.1 } }), 'retry.jitter'],
  ['an empty retry_on', exec({ retry: { retry_on: {} } }), 'retry.retry_on'],
  [
    'a cause that is never retried',
    exec({ retry: { retry_on: { causes: ['cancelled'] } } }),
    'retry.retry_on.causes.0',
  ],
  ['lost without retry_safe', exec({ retry: { retry_on: { causes: ['lost'] } } }), 'retry.retry_on.causes'],
  ['a time to live below zero', exec({ cache: { ttl_s: -1 } }), 'cache.ttl_s'],
  ['a call without a URL', { kind: 'http' }, 'url'],
  ['a relative URL', http({ url: '/x' }), 'url'],
  ['a URL of another scheme', http({ url: 'file:///etc/passwd' }), 'url'],
  ['a URL with a password', http({ url: 'http://u:p@h/' }), 'url'],
  ['a URL with a fragment', http({ url: 'http://h/#x' }), 'url'],
  ['a URL with a line break', http({ url: 'http://h/\r\nx' }), 'url'],
  ['an unknown method', http({ method: 'BREW' }), 'method'],
  ['a header with a line break', http({ headers: { 'x-a': 'a\r\nb: c' } }), 'headers.x-a'],
  ['a header name with a space', http({ headers: { 'x a': 'b' } }), 'headers.x a'],
  ['a header of the connection', http({ headers: { 'Content-Length': '5' } }), 'headers.Content-Length'],
  ['a header that the service sets', http({ headers: { 'Execution-Id': '5' } }), 'headers.Execution-Id'],
  ['two bodies', http({ body: { text: 'a', json: 1 } }), 'body'],
  ['a status that there is not', http({ expect: { statuses: [99] } }), 'expect.statuses.0'],
  ['too many redirects', http({ max_redirects: 21 }), 'max_redirects'],
  ['an environment for a call', http({ env: { A: 'x' } }), 'env'],
  ['an operation without a name', { kind: 'operation' }, 'name'],
  ['an operation with a program', { kind: 'operation', name: 'x', program: 'y' }, 'program'],
  ['null for a list', exec({ args: null }), 'args'],
  ['an array for the whole', [], ''],
];

for (const [what, spec, path] of BAD) {
  t.test(`${what} is refused by its name`, async (t) => {
    t.ok(problems(spec).includes(path), `${JSON.stringify(problems(spec))} names ${path}`);
  });
}

t.test(
  'what an editor has put in front of a script or at the ends of its lines is refused by name',
  async (t) => {
    const script = (source: string, more: object = {}) => ({ kind: 'script', source, ...more });
    const cases: [object, string, RegExp][] = [
      [script('\ufeff#!/bin/bash\necho hi\n'), 'source', /byte order mark \(U\+FEFF\)/],
      [script('\ufeffset -e\nfalse\n', { interpreter: 'bash' }), 'source', /byte order mark/],
      [{ kind: 'shell', command: '\ufeffset -e; false; echo went on' }, 'command', /byte order mark/],
      [script('#!/bin/bash\r\necho hi\r\n'), 'source', /first line ends with a carriage return/],
      [script('#!/usr/bin/env python3\r'), 'source', /first line ends with a carriage return/],
      [script('\u200b#!/bin/sh\n'), 'interpreter', /begins with "\\u200b#!\/bin\/sh\\n"$/],
      [
        script('echo'),
        'interpreter',
        /must be given unless the source begins with "#!"; it begins with "echo"$/,
      ],
    ];
    for (const [spec, field, message] of cases) {
      const { error } = schema.safeParse(spec);
      const issue = error?.issues.find(({ path }) => path.join('.') === field);
      t.match(issue?.message, message, JSON.stringify(spec));
    }
    const fine = [
      script('#!/bin/sh\necho "a\r"\n'),
      script('#!x\r\nprint()\r\n', { interpreter: 'python3' }),
      script('#!/bin/sh\n\ufeff'),
      { kind: 'exec', program: 'cat', args: ['\ufeff'], stdin: '\ufeffa;b\r\n', env: { A: '\ufeff' } },
    ];
    for (const spec of fine) t.ok(schema.safeParse(spec).success, JSON.stringify(spec));
  },
);

t.test('several wrong fields are named together', async (t) => {
  const found = problems(exec({ args: [1], env: { A: 2 }, priority: 'high', colour: 3 }));
  t.same(new Set(found), new Set(['args.0', 'env.A', 'priority', 'colour']));
});

t.test('many wrong members are one problem, or as many as somebody needs', async (t) => {
  const many = (count: number, value: unknown, name = (i: number) => `k${i}`) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [name(i), value]));
  const http = (more: object) => ({ kind: 'http', url: 'http://example.test/', ...more });
  for (const [spec, most] of [
    [exec({ env: many(49_000, 5) }), 1],
    [exec({ env: many(49_000, 'x', (i) => `=${i}`) }), 1],
    [exec({ env: many(1000, 5) }), 100],
    [exec({ env: many(1000, 'x', (i) => `=${i}`) }), 100],
    [exec({ labels: many(49_000, 5) }), 1],
    [exec({ args: Array(10_000).fill(1) }), 100],
    [exec({ args: Array(10_000).fill('\0') }), 100],
    [exec({ args: Array(400_000).fill(1) }), 1],
    [http({ headers: many(49_000, 5) }), 1],
    [http({ headers: many(1000, 'x', (i) => ` ${i}`) }), 100],
    [http({ query: many(49_000, 5) }), 1],
    [http({ query: many(400, Array(1000).fill(1)) }), 100],
    [http({ query: { a: Array(1000).fill(1) } }), 1],
  ] as const) {
    const { length } = schema.safeParse(spec).error?.issues ?? [];
    t.equal(length, most, JSON.stringify(spec).slice(0, 80));
  }
  const whole = exec({ env: many(1000, 'x'), args: Array(10_000).fill('a'), labels: many(64, 'x') });
  t.same(schema.safeParse(whole).data, whole, 'as much as there may be stays whole');
  t.match(schema.safeParse(exec({ env: many(1001, 'x') })).error?.issues, [
    { path: ['env'], message: 'has 1001 environment names; at most 1000 are allowed' },
  ]);
});

t.test('an item of a batch takes a key of its own, a single request does not', async (t) => {
  const item = exec({ idempotency_key: 'k1' });
  t.ok(batchItemSchema(limits).safeParse(item).success);
  t.same(problems(item), ['idempotency_key']);
});

t.test('a word of another system leads to the field that execd has for it', async (t) => {
  const rows: [object, Record<string, RegExp>][] = [
    [
      { type: 'shell', kind: 'shell', command: 'x', working_dir: '/', timeout_ms: 5, metadata: {} },
      {
        '/type': /^unknown field; execd calls it \/kind$/,
        '/working_dir': /calls it \/cwd$/,
        '/timeout_ms': /calls it \/timeouts\/attempt_ms$/,
        '/metadata': /calls it \/labels$/,
      },
    ],
    [
      exec({ command: 'x', arguments: [], user_id: 'a' }),
      {
        '/command': /calls it \/program$/,
        '/arguments': /calls it \/args$/,
        '/user_id': /header Execution-User$/,
      },
    ],
    [
      exec({ max_retries: 3, id: 'a', colour: 1 }),
      {
        '/max_retries': /calls it \/retry\/attempts$/,
        '/id': /header Idempotency-Key$/,
        '/colour': /^unknown field$/,
      },
    ],
    [{ kind: 'operation', name: 'x', parameters: {} }, { '/parameters': /calls it \/params$/ }],
    [exec({ timeouts: { timeout_ms: 5 } }), { '/timeouts/timeout_ms': /^unknown field$/ }],
    [{ kind: 'plan', steps: [] }, { '/kind': /send a plan to POST \/v1\/plans$/ }],
  ];
  const found = (of: Parameters<typeof parseFields>[0], value: unknown) => {
    const { error } = parseFields(of, value);
    return Object.fromEntries(
      fieldProblems(error as never, 'body').map(({ field, message }) => [field, message]),
    );
  };
  for (const [spec, messages] of rows) t.match(found(schema, spec), messages);
  t.match(found(planRequest, { commands: [], type: 'serial', metadata: {}, stop_on_error: true }), {
    '/commands': /calls it \/steps$/,
    '/type': /calls it \/strategy\/type$/,
    '/stop_on_error': /calls it \/strategy\/stop_on_error$/,
    '/metadata': /calls it \/labels$/,
  });
});
