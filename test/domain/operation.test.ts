import fc from 'fast-check';
import t, { type Test } from 'tap';
import { effectivePolicy } from '../../src/domain/operations/operation.ts';
import { environmentName } from '../../src/domain/operations/params-schema.ts';
import { parseSlotTemplate } from '../../src/domain/operations/template.ts';
import { fileWith, problemsOf, registryOf, resolve } from '../helpers/operations.ts';
import { rounds } from '../helpers/rounds.ts';

const string = { type: 'string' };
const optional = { params: { properties: { p: string } } };
const exec = (...args: string[]) => ({ kind: 'exec', program: 'tool', args });
const http = (url: string, more: object = {}) => ({ kind: 'http', url, ...more });

/** The work, or the fields that were refused. */
function made(file: object, params: Record<string, unknown> = {}, request: object = {}): unknown {
  const resolved = resolve(registryOf(file), { params, ...request });
  return 'work' in resolved ? resolved.work : resolved.fields;
}

function argsOf(file: object, params: Record<string, unknown>): unknown {
  const work = made(file, params);
  return Array.isArray(work) ? work : (work as { args?: unknown }).args;
}

function refusesField(t: Test, answer: unknown, field: string, message: RegExp): void {
  t.match(answer, [{ field, message }]);
}

t.test('a text is literals and slots, and four braces are two', async (t) => {
  const slot = (param: string, path: string[] = [], isOptional = false) => ({ param, path, isOptional });
  t.match(parseSlotTemplate('a{{b}}c'), ['a', slot('b'), 'c']);
  t.match(parseSlotTemplate('{{ b.c.0? }}'), [slot('b', ['c', '0'], true)]);
  t.same(parseSlotTemplate('{{{{b}}'), ['{{b}}']);
  t.same(parseSlotTemplate(''), ['']);
  t.same(parseSlotTemplate('} }} { {}'), ['} }} { {}']);
  for (const bad of [
    '{{',
    '{{b',
    '{{}}',
    '{{b-}c}}',
    '{{{b}}',
    '{{1b}}',
    '{{b.}}',
    '{{b c}}',
    '{{__proto__}}',
  ])
    t.type(parseSlotTemplate(bad), 'string', bad);
});

t.test('a value takes the place of its slot in its own argument', async (t) => {
  const file = fileWith(exec('{{p}}', '--name={{p}}', 'a{{p}}b{{p}}', '{{{{p}}'), { p: string });
  t.same(argsOf(file, { p: 'x y' }), ['x y', '--name=x y', 'ax ybx y', '{{p}}']);
  t.same(
    argsOf(file, { p: '{{p}}' }),
    ['{{p}}', '--name={{p}}', 'a{{p}}b{{p}}', '{{p}}'],
    'and is no template',
  );
});

t.test('numbers and booleans become texts, other values are refused by their name', async (t) => {
  const file = fileWith(exec('a{{p}}'), { p: {} });
  t.same(argsOf(file, { p: 1.5 }), ['a1.5']);
  t.same(argsOf(file, { p: false }), ['afalse']);
  for (const p of [null, {}, []]) refusesField(t, argsOf(file, { p }), '/params/p', /must be a string/);
});

t.test('a list as a whole element is an argument for each of its items', async (t) => {
  const file = fileWith(exec('a', '{{p}}', 'b'), { p: { type: 'array' } });
  t.same(argsOf(file, { p: ['x', 2, true] }), ['a', 'x', '2', 'true', 'b']);
  t.same(argsOf(file, { p: [] }), ['a', 'b']);
  refusesField(t, argsOf(file, { p: ['x', ['y']] }), '/params/p/1', /must be a string/);
  refusesField(t, argsOf(file, { p: ['x', 'a\0'] }), '/params/p/1', /NUL/);
  refusesField(t, argsOf(file, { p: ['x', 'é'.repeat(70_000)] }), '/params/p/1', /too long/);
});

t.test('an absent slot leaves its element or field out, and is nothing inside a text', async (t) => {
  const run = { ...exec('{{p?}}', 'x{{p?}}'), cwd: '{{p?}}', env: { A: '{{p?}}', B: 'b' } };
  const file = { operations: { op: { ...optional, run } } };
  t.same(made(file), { kind: 'exec', program: 'tool', args: ['x'], env: { B: 'b' } });
  t.match(made(file, { p: '/d' }), { args: ['/d', 'x/d'], cwd: '/d', env: { A: '/d' } });
});

t.test('a parameter that may be absent needs a slot that may be', async (t) => {
  const file = { operations: { op: { ...optional, run: exec('{{p}}') } } };
  t.match(problemsOf(file), [/^operations\.op\.run\.args\[0\]: \{\{p\}\} may be absent/]);
  const withDefault = fileWith(
    exec('{{p}}'),
    {},
    { params: { properties: { p: { ...string, default: 'd' } } } },
  );
  t.same(argsOf(withDefault, {}), ['d']);
});

t.test('nested values are reached by keys and indices, never by what an object inherits', async (t) => {
  const file = fileWith(exec('{{p.a.0}}', '{{p.constructor?}}', '{{p.a.length?}}'), {
    p: { type: 'object' },
  });
  t.same(argsOf(file, { p: { a: ['x'] } }), ['x', '1']);
  refusesField(t, argsOf(file, { p: { a: [] } }), '/params/p/a/0', /is required/);
  const strict = { type: 'object', properties: { a: string }, additionalProperties: false };
  t.match(problemsOf(fileWith(exec('{{p.b?}}'), { p: strict })), [
    /is not a field that the parameter can have/,
  ]);
  t.match(problemsOf(fileWith(exec('{{p.x.y?}}'), { p: { type: 'object', properties: { x: strict } } })), [
    /is not a field that the parameter can have/,
  ]);
});

t.test('a value does not become an option', async (t) => {
  const plain = fileWith(exec('{{p}}'), { p: string });
  refusesField(t, argsOf(plain, { p: '-rf' }), '/params/p', /must not begin with "-"/);
  refusesField(
    t,
    argsOf(fileWith(exec('{{p}}x'), { p: string }), { p: '--' }),
    '/params/p',
    /begin with "-"/,
  );
  refusesField(t, argsOf(fileWith(exec('{{p}}'), { p: { type: 'number' } }), { p: -1 }), '/params/p', /"-"/);
  const twice = fileWith(exec('{{a}}{{b}}'), { a: string, b: string });
  refusesField(t, argsOf(twice, { a: '', b: '-x' }), '/params/b', /"-"/);
  t.same(argsOf(fileWith(exec('{{p}}-x'), { p: string }), { p: '' }), ['-x'], 'a dash of the author stays');
  t.same(argsOf(fileWith(exec('--n={{p}}'), { p: string }), { p: '-1' }), ['--n=-1'], 'nor is this one');
  t.same(argsOf(fileWith(exec('{{p}}'), { p: { ...string, 'x-allow-dash': true } }), { p: '-1' }), ['-1']);
  t.same(argsOf(fileWith(exec('{{p}}'), { p: { enum: ['-a', '-b'] } }), { p: '-b' }), ['-b']);
});

t.test('nor do the items of a list', async (t) => {
  const list = (items: object) => fileWith(exec('{{p}}'), { p: { type: 'array', items } });
  refusesField(t, argsOf(list(string), { p: ['a', '-b'] }), '/params/p/1', /"-"/);
  t.same(argsOf(list({ enum: ['-b'] }), { p: ['-b'] }), ['-b']);
  t.same(argsOf(list({ ...string, 'x-allow-dash': true }), { p: ['-b'] }), ['-b']);
  const either = { type: ['array', 'string'], items: { enum: ['-b'] } };
  const eitherFile = fileWith(exec('{{p}}'), { p: either });
  refusesField(t, argsOf(eitherFile, { p: '-x' }), '/params/p', /"-"/);
  const referred = {
    properties: { p: { type: 'array', items: { $ref: '#/$defs/flag' } } },
    required: ['p'],
    $defs: { flag: { enum: ['-x'] } },
  };
  t.same(argsOf(fileWith(exec('{{p}}'), {}, { params: referred }), { p: ['-x'] }), ['-x']);
});

t.test('what decides what runs is one of a closed set', async (t) => {
  const decides = /decides what runs/;
  const runs = [
    { kind: 'exec', program: '{{p}}' },
    { kind: 'exec', program: '/usr/bin/{{p}}' },
    { kind: 'script', path: '/opt/{{p}}' },
    { kind: 'script', source: 'x', interpreter: '{{p}}' },
    { kind: 'shell', command: 'x', shell: '{{p}}' },
    { kind: 'aws_cli', service: '{{p}}', operation: 'x' },
    { kind: 'aws_cli', service: 'x', operation: '{{p}}' },
    http('https://x.test/', { method: '{{p}}' }),
  ];
  for (const run of runs) t.match(problemsOf(fileWith(run, { p: string })), [decides], JSON.stringify(run));
  const choice = fileWith({ kind: 'exec', program: '/bin/{{p}}' }, { p: { enum: ['ls', 'cat'] } });
  t.match(made(choice, { p: 'cat' }), { program: '/bin/cat' });
});

t.test('a closed set that a value of another type gets around is none', async (t) => {
  const list = (type: unknown) =>
    fileWith({ kind: 'exec', program: '{{p.0}}' }, { p: { type, items: { enum: ['ls'] } } });
  t.same(problemsOf(list('array')), []);
  t.match(problemsOf(list(['array', 'object'])), [/decides what runs/]);
});

t.test('a program is absolute or a name', async (t) => {
  t.match(problemsOf(fileWith({ kind: 'exec', program: 'bin/x' })), [
    /run\.program: must be an absolute path/,
  ]);
  t.match(problemsOf(fileWith({ kind: 'exec', program: './x' })), [/must be an absolute path/]);
  const chosen = fileWith({ kind: 'exec', program: '{{p}}' }, { p: { enum: ['x', 'a/b'] } });
  refusesField(t, made(chosen, { p: 'a/b' }), '/params/p', /absolute path/);
});

t.test('no parameter gets into the text of a command or a script', async (t) => {
  const shell = (command: string) => ({ kind: 'shell', command });
  t.match(problemsOf(fileWith(shell('rm {{p}}'), { p: string })), [
    'operations.op.run.command: must not contain slots: parameters are in the environment, as PARAM_NAME',
  ]);
  t.match(problemsOf(fileWith({ kind: 'script', source: '#!/bin/sh\n{{p}}' }, { p: string })), [
    /source: must not contain/,
  ]);
  t.same(problemsOf(fileWith(shell("awk '{{print}}' | x '{{.Name}}' '{{json .}}'"))).length, 1);
  t.same(problemsOf(fileWith(shell("awk '{ if (1) { print }}' | x '{{.Name}}' '{{json .}}'"))), []);
});

t.test('a shell and a script have their parameters in the environment', async (t) => {
  const properties = { userId: string, list: {}, flag: {}, n: {}, nothing: {}, absent: string };
  const params = { properties, required: ['userId'] };
  const run = { kind: 'shell', command: 'x "$PARAM_USER_ID"', env: { A: 'a' } };
  const file = { operations: { op: { params, run } } };
  t.same(made(file, { userId: '$(rm)', list: [1, { a: 'b' }], flag: true, n: -1.5, nothing: null }), {
    kind: 'shell',
    command: 'x "$PARAM_USER_ID"',
    env: {
      A: 'a',
      PARAM_USER_ID: '$(rm)',
      PARAM_LIST: '[1,{"a":"b"}]',
      PARAM_FLAG: 'true',
      PARAM_N: '-1.5',
      PARAM_NOTHING: 'null',
    },
  });
  refusesField(t, made(file, { userId: 'a\0b' }), '/params/userId', /NUL/);
  const script = fileWith({ kind: 'script', source: '#!/bin/sh', args: ['{{p}}'] }, { p: string });
  t.match(made(script, { p: 'x' }), { args: ['x'], env: { PARAM_P: 'x' } });
});

t.test('names of the environment are told apart', async (t) => {
  t.same(['userId', 'user-id', 'user_id', 'URL2x', 'a'].map(environmentName), [
    ...['PARAM_USER_ID', 'PARAM_USER_ID', 'PARAM_USER_ID', 'PARAM_URL2X', 'PARAM_A'],
  ]);
  const shell = { kind: 'shell', command: 'x' };
  t.match(problemsOf(fileWith(shell, { userId: string, user_id: string })), [/user_id: is PARAM_USER_ID/]);
  t.match(problemsOf(fileWith({ ...shell, env: { PARAM_P: 'x' } }, { p: string })), [
    /PARAM_P: is a parameter/,
  ]);
});

t.test('a value in a URL is one component of it', async (t) => {
  const file = fileWith(http('https://x.test/a/{{p}}/b?q={{p}}'), { p: string });
  const url = (p: string) => (made(file, { p }) as { url: string }).url;
  t.equal(
    url('a/b?c#d%2f&e=f g'),
    `https://x.test/a/${encodeURIComponent('a/b?c#d%2f&e=f g')}/b?q=a%2Fb%3Fc%23d%252f%26e%3Df%20g`,
  );
  for (const p of ['', '.', '..']) refusesField(t, made(file, { p }), '/params/p', /segment of a path/);
  refusesField(t, made(file, { p: '\ud800' }), '/params/p', /lone surrogate/);
  const sly = fileWith(http('https://x.test/%2e{{p}}/b'), { p: string });
  refusesField(t, made(sly, { p: '.' }), '/params/p', /segment of a path/);
  t.match(made(sly, { p: 'x' }), { url: 'https://x.test/%2ex/b' });
});

t.test('only a closed set decides which host is asked', async (t) => {
  const open = [
    'https://{{p}}/',
    'https://{{p}}.x.test/',
    'https://x.test:{{p}}/',
    'https://{{p}}@x.test/',
    'https://x.test{{p}}/',
  ];
  for (const url of open)
    t.match(problemsOf(fileWith(http(url), { p: string })), [/decides which host/], url);
  for (const url of [
    '{{p}}',
    '{{p}}://x.test',
    'https:/{{p}}/x',
    'https:{{p}}',
    'https:///{{p}}/',
    'https:\\\\{{p}}/',
    'ftp://x/{{p}}',
  ])
    t.match(
      problemsOf(fileWith(http(url), { p: string })).join('\n'),
      /must (begin with http|be an http)/,
      url,
    );
  const closed = fileWith(http('https://{{p}}.x.test/'), { p: { enum: ['eu', 'us'] } });
  t.match(made(closed, { p: 'us' }), { url: 'https://us.x.test/' });
});

t.test('headers, query and body take values as far as they can hold them', async (t) => {
  const run = http('https://x.test/', {
    method: 'POST',
    headers: { 'x-p': 'v={{p}}' },
    query: { one: '{{p}}', many: '{{list}}', mixed: ['a', '{{list}}'], none: '{{absent?}}' },
    body: {
      json: {
        whole: '{{obj}}',
        list: ['{{list}}', '{{absent?}}'],
        text: 'a{{n}}',
        n: '{{n}}',
        z: '{{z}}',
        gone: '{{absent?}}',
      },
    },
  });
  const properties = { p: string, list: {}, obj: {}, n: {}, z: {}, absent: {} };
  const file = {
    operations: { op: { params: { properties, required: ['p', 'list', 'obj', 'n', 'z'] }, run } },
  };
  const params = { p: 'é', list: ['x', 1], obj: { a: [null] }, n: 1, z: null };
  t.match(made(file, params), {
    headers: { 'x-p': 'v=é' },
    query: { one: 'é', many: ['x', '1'], mixed: ['a', 'x', '1'] },
    body: { json: { whole: { a: [null] }, list: [['x', 1]], text: 'a1', n: 1, z: null } },
  });
  const { query, body } = made(file, params) as { query: object; body: { json: object } };
  t.notOk('none' in query || 'gone' in body.json);
  for (const p of ['a\r\nx: y', 'a\nb', '\u0001', '\u0100'])
    refusesField(t, made(file, { ...params, p }), '/params/p', /control characters/);
});

t.test('slots stand only where a value can be kept from doing harm', async (t) => {
  const p = { p: string };
  t.match(problemsOf(fileWith(http('https://x.test/', { tls: { server_name: '{{p}}' } }), p)), [
    /must not contain slots/,
    /is not used/,
  ]);
  t.match(problemsOf(fileWith({ ...exec('{{p}}'), env: { '{{p}}': 'x' } }, p)), [/must not contain slots/]);
  t.match(problemsOf(fileWith(http('https://x.test/', { body: '{{p}}' }), p)), [
    /must not contain slots/,
    /is not used/,
  ]);
});

t.test('names that nobody declared and parameters that nobody uses are typing errors', async (t) => {
  t.same(
    new Set(problemsOf(fileWith(exec('{{q}}'), { p: string }))),
    new Set([
      'operations.op.run.args[0]: {{q}} is not a parameter of the operation',
      'operations.op.params.properties.p: is not used: no field of run has the slot {{NAME}} for it',
    ]),
  );
  t.match(problemsOf(fileWith(exec(), {}, { params: { required: ['p'] } })), [
    /is p, which is not a parameter/,
  ]);
  t.match(problemsOf(fileWith({ ...exec(), arguments: [] })), ['operations.op.run.arguments: unknown field']);
  t.match(problemsOf(fileWith({ ...exec(), retry: {} })), [
    /run\.retry: unknown field; put retry beside run/,
  ]);
  t.match(problemsOf(fileWith(exec(), {}, { price: 1 })), ['operations.op.price: unknown field']);
});

t.test('what was made must fit a request, and says which parameter did not', async (t) => {
  const file = fileWith({ ...exec('a'), cwd: '{{p}}' }, { p: string });
  refusesField(t, made(file, { p: 'relative' }), '/params/p', /absolute path/);
  t.match(problemsOf(fileWith({ ...exec('a'), cwd: 'x/{{p}}' }, { p: string })), [
    /cwd: must be an absolute path/,
  ]);
  const bytes = fileWith({ ...exec(), stdin: { base64: '{{p}}' } }, { p: string });
  t.match(made(bytes, { p: 'AAEC' }), { stdin: { base64: 'AAEC' } });
  refusesField(t, made(bytes, { p: '***' }), '/params/p', /base64/i);
  const many = fileWith(exec('{{p}}'), { p: { type: 'array' } });
  const long = Array(11).fill('x'.repeat(100_000));
  t.match(argsOf(many, { p: long }), [{ field: /^\/params\/p/, message: /argument list too long/ }]);
});

t.test('a request is over its operation, part by part', async (t) => {
  const policy = {
    timeouts: { attempt_ms: 1000, total_ms: 5000 },
    retry: { attempts: 5, multiplier: 2 },
    retry_safe: true,
    priority: 3,
    output: { parse: 'json' },
    labels: { a: '1', b: '2' },
  };
  const file = fileWith(exec(), {}, policy);
  const { output, ...same } = policy;
  t.match(made(file), { ...same, output });
  const request = {
    task_id: 't',
    timeouts: { total_ms: 9 },
    retry: { attempts: 1 },
    retry_safe: false,
    priority: 0,
    on_limit: 'reject',
    labels: { b: '3' },
  };
  t.match(made(file, {}, request), {
    task_id: 't',
    timeouts: { attempt_ms: 1000, total_ms: 9 },
    retry: { attempts: 1, multiplier: 2 },
    retry_safe: false,
    priority: 0,
    on_limit: 'reject',
    output,
    labels: { a: '1', b: '3' },
  });
  t.match(made(file, {}, { retry: { min_ms: 20_000 } }), [{ field: '/retry/max_ms' }]);
  t.match(problemsOf(fileWith(exec(), {}, { retry: { retry_on: { causes: ['lost'] } } })), [
    /^operations\.op\.retry\.retry_on\.causes: "lost"/,
  ]);
});

t.test('an unknown operation and wrong parameters are refused by name', async (t) => {
  const operations = registryOf(fileWith(exec('{{p}}'), { p: { type: 'integer', minimum: 2 } }));
  t.match(resolve(operations, { name: 'nope' }), {
    refused: 'unknown_operation',
    fields: [{ field: '/name' }],
  });
  t.match(resolve(operations, { params: { p: '3', 'a/b': 1 } }), {
    refused: 'validation',
    fields: [
      { field: '/params/a~1b', message: 'unknown parameter' },
      { field: '/params/p', message: 'must be integer' },
    ],
  });
  t.match(resolve(operations, {}), { fields: [{ field: '/params/p', message: 'is required' }] });
});

t.test('the policy is shown with its defaults', async (t) => {
  const defaults = {
    attemptMs: 300_000,
    onLimit: 'queue',
    oversized: 'truncate',
    maxOutputBytes: 10,
    spoolMaxBytes: 99,
    resultBytes: 77,
    limits: { memory_bytes: 5_000_000 },
    retryAttempts: 3,
    retryMultiplier: 1,
    cacheTtlS: 3600,
    graceMs: 5000,
  } as const;
  const more = { retry: {}, circuit: {}, cache: {}, adaptive_timeout: {}, output: { oversized: 'spool' } };
  const policyOf = (policy: object) => {
    const operation = registryOf(fileWith(exec(), {}, policy)).get('op');
    return operation === undefined ? null : effectivePolicy(operation.definition, defaults);
  };
  t.match(policyOf(more), {
    timeouts: { queue_ms: null, attempt_ms: 300_000, total_ms: null, idle_ms: null },
    limits: { cpu_s: null, memory_bytes: 5_000_000, processes: null },
    stop: { signal: 'SIGTERM', grace_ms: 5000, scope: 'all' },
    adaptive_timeout: { factor: 3, min_ms: 1000, max_ms: 3_600_000, min_samples: 20 },
    retry: { attempts: 3, multiplier: 1, min_ms: 1000, max_ms: 10_000, jitter: 0.5, retry_on: null },
    retry_budget: { ratio: 0.2, per_second: 1, burst: 10 },
    circuit: { type: 'consecutive', failures: 5, open_ms: 60_000, probes: 1, count_user_faults: false },
    cache: { mode: 'read_write', ttl_s: 3600, scope: null, key_exclude: [], salt: null },
    cacheable: true,
    output: { max_bytes: 99, oversized: 'spool', result_bytes: 77, parse: null },
  });
  t.match(policyOf({}), { retry: null, circuit: null, cache: null, cacheable: false, retry_safe: false });
});

t.test(
  'an HTTP call has no limits of processes, neither those of its operation nor of a request',
  async (t) => {
    const run = http('https://example.com/');
    t.match(problemsOf(fileWith(run, {}, { limits: { cpu_s: 1 } })), [
      /operations.op.limits: must be left out for an HTTP call/,
    ]);
    t.match(resolve(registryOf(fileWith(run)), { limits: { cpu_s: 1 } }), {
      refused: 'validation',
      fields: [{ field: '/limits' }],
    });
    t.match(problemsOf(fileWith(run, {}, { stop: {} })), [/operations.op.stop: must be left out/]);
    t.match(resolve(registryOf(fileWith(run)), { stop: {} }), { fields: [{ field: '/stop' }] });
  },
);

t.test('settings of one kind of circuit are none of the other', async (t) => {
  t.match(problemsOf(fileWith(exec(), {}, { circuit: { ratio: 0.5 } })), [
    'operations.op.circuit.ratio: unknown field',
  ]);
  t.match(problemsOf(fileWith(exec(), {}, { circuit: { type: 'sampling', failures: 1 } })), [
    /failures: unknown/,
  ]);
  const circuits = [
    {},
    { host: 'a', program: 'b' },
    { host: 'A' },
    { program: 'a/b' },
    { host: 'https://a' },
  ];
  for (const one of circuits) t.equal(problemsOf({ circuits: [one] }).length, 1, JSON.stringify(one));
  t.match(problemsOf({ circuits: [{ host: 'a' }, { host: 'a', failures: 2 }] }), [
    /circuits\[1\]: a is defined twice/,
  ]);
});

// ---------------------------------------------------------------------------------------------- any text

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom(...Array.from('-./\\?#%{}&=@:;$`"\' \n\0a2e')) }),
);

t.test('whatever a text is, an argument is exactly it or it is refused', async (t) => {
  const operations = registryOf(fileWith(exec('--', '{{p}}', 'a={{p}}', '{{p}}'), { p: string }));
  fc.assert(
    fc.property(anyText, (p) => {
      const resolved = resolve(operations, { params: { p } });
      if (!('work' in resolved)) return p.startsWith('-') || p.includes('\0') || !p.isWellFormed();
      const { args } = resolved.work as { args: string[] };
      return args.length === 4 && args[1] === p && args[2] === `a=${p}` && args[3] === p;
    }),
    { numRuns: rounds(100) },
  );
  t.pass();
});

t.test('whatever a text is, a URL keeps its host, its segments and its query', async (t) => {
  const operations = registryOf(
    fileWith(http('https://x.test:81/a/{{p}}/b{{p}}?q={{p}}&r=1'), { p: string }),
  );
  fc.assert(
    fc.property(anyText, (p) => {
      const resolved = resolve(operations, { params: { p } });
      if (!('work' in resolved)) return ['', '.', '..'].includes(p) || p.includes('\0') || !p.isWellFormed();
      const url = new URL((resolved.work as { url: string }).url);
      const segments = url.pathname.split('/');
      return (
        url.origin === 'https://x.test:81' &&
        segments.length === 4 &&
        decodeURIComponent(segments[2] ?? '') === p &&
        decodeURIComponent(segments[3] ?? '') === `b${p}` &&
        [...url.searchParams.keys()].join() === 'q,r' &&
        url.searchParams.get('q') === p &&
        url.hash === ''
      );
    }),
    { numRuns: rounds(100) },
  );
  t.pass();
});

t.test('whatever a text is, the command of a shell is the one of the file', async (t) => {
  const operations = registryOf(fileWith({ kind: 'shell', command: 'x "$PARAM_P"' }, { p: string }));
  fc.assert(
    fc.property(anyText, (p) => {
      const resolved = resolve(operations, { params: { p } });
      if (!('work' in resolved)) return p.includes('\0') || !p.isWellFormed();
      const { command, env } = resolved.work as { command: string; env: Record<string, string> };
      return command === 'x "$PARAM_P"' && Object.keys(env).join() === 'PARAM_P' && env.PARAM_P === p;
    }),
    { numRuns: rounds(60) },
  );
  t.pass();
});

t.test('a parameter in the path of a directory is one name', async (t) => {
  const file = fileWith({ ...exec('a'), cwd: '/srv/{{p}}/in' }, { p: string });
  t.match(made(file, { p: 'ann' }), { cwd: '/srv/ann/in' });
  for (const p of ['../../etc', '..', '.', '', 'a/b']) {
    refusesField(t, made(file, { p }), '/params/p', /name in a path/);
  }
});
