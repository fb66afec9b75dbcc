import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { parseJson } from '../../src/domain/exact-json.ts';
import {
  CHAINED,
  findReferences,
  hasReferences,
  MAX_INSERTED,
  MAX_TEXT_LENGTH,
  parseReferences,
  type Place,
  readPath,
  type Reference,
  resolve as resolveWith,
  ROOTS,
  type Scope,
  BadReferenceError,
  UnresolvedError,
  valueAt,
  type Worked,
} from '../../src/domain/plans/references.ts';
import { ConditionError } from '../../src/domain/plans/conditions.ts';
import { celCompiler } from '../../src/expressions/cel.ts';
import { rounds } from '../helpers/rounds.ts';

const world = {
  steps: {
    'fetch-all': {
      result: { items: [{ id: 7, ok: true }], 'a b': 'spaced', none: null },
      stdout: ' one\ntwo\n',
    },
  },
  plan: {
    params: { tag: 'v1', count: 3, ratio: 0.5, empty: '', json: '{"a":[1]}', evil: "x'; rm -rf /; '" },
  },
  item: 'it',
  index: 2,
};
const scope = ({ root, path }: Place) => readPath(world, [root, ...path]);
const fill = (value: unknown) => resolve(value, scope);
const compiler = celCompiler();

function workedOut({ place, expression }: Reference & { expression: string }, scope: Scope): Worked {
  const value = place === null ? undefined : valueAt(place, scope);
  if (place !== null && value === undefined) return { value };
  try {
    const program = compiler.value(expression, place === null ? ROOTS : [CHAINED]);
    return { value: program.evaluate(place === null ? world : { [CHAINED]: value }) };
  } catch (error) {
    if (error instanceof ConditionError) return { wrong: error.message };
    throw error;
  }
}

/** Works out the expressions, then resolves. */
function resolve(value: unknown, scope: Scope, keep?: (reference: Reference) => boolean): unknown {
  const worked = new Map<string, Worked>();
  for (const { reference } of findReferences(value).references)
    if (reference.expression !== null && keep?.(reference) !== true)
      worked.set(reference.text, workedOut(reference as Reference & { expression: string }, scope));
  return resolveWith(value, scope, keep, worked);
}

function unresolved(t: Test, value: unknown, pattern: RegExp): UnresolvedError {
  try {
    resolve(value, scope);
  } catch (error) {
    t.ok(error instanceof UnresolvedError, String(error));
    t.match((error as Error).message, pattern);
    return error as UnresolvedError;
  }
  throw new Error(`${JSON.stringify(value)} was resolved`);
}

t.test('a text that is one reference becomes the value with its type', async (t) => {
  t.equal(fill('${plan.params.count}'), 3);
  t.equal(fill('${ steps.fetch-all.result.items[0].ok }'), true);
  t.same(fill('${steps.fetch-all.result.items}'), [{ id: 7, ok: true }]);
  t.equal(fill('${steps["fetch-all"].result["a b"]}'), 'spaced');
  t.equal(fill('${steps.fetch-all.result.none}'), null);
  t.same(fill({ a: ['${item}', '${index}'] }), { a: ['it', 2] });
});

t.test('a reference within a text becomes its text', async (t) => {
  t.equal(fill('V=${plan.params.tag}-${plan.params.count}/${plan.params.ratio}'), 'V=v1-3/0.5');
  t.equal(fill('ok: ${steps.fetch-all.result.items[0].ok}!'), 'ok: true!');
  t.equal(fill('[${plan.params.empty}]'), '[]');
  unresolved(t, 'a ${steps.fetch-all.result.items}', /a list.*use json\(…\)/);
  unresolved(t, 'a ${steps.fetch-all.result.none}', /null.*use json\(…\)/);
  unresolved(t, 'a ${plan.params}', /an object.*use json\(…\)/);
  t.equal(fill('a ${steps.fetch-all.result.items | json}'), 'a [{"id":7,"ok":true}]');
});

t.test('an escape is a literal, and other dollars and braces are what they are', async (t) => {
  t.equal(fill('$${HOME}'), '${HOME}');
  t.equal(fill('a $${x} ${item} $$ {} $1 } $'), 'a ${x} it $$ {} $1 } $');
  t.equal(fill('$$${item}'), '$${item}');
  t.equal(fill('$${$${item}'), '${${item}');
  t.equal(fill('${"$"}${item}'), '$it', 'a dollar before a reference');
  t.equal(fill('${"a\\"}"}'), 'a"}');
  t.equal(fill(''), '');
});

t.test('a fallback applies where nothing is there, or null', async (t) => {
  t.equal(fill('${steps.other.result ?? 5}'), 5);
  t.equal(fill('${steps.fetch-all.result.none??"x|}"}'), 'x|}');
  t.same(fill('${plan.params.nope ?? {"a": ["}", {"b": null}]}}'), { a: ['}', { b: null }] });
  t.equal(fill('${plan.params.nope ?? null}'), null);
  t.equal(fill('${plan.params.nope ?? -1.5e3 | json}'), '-1.5e3', 'with the digits that it has');
  t.equal(fill('${plan.params.empty ?? "x"}'), '');
});

t.test('numbers are inserted with their digits, and are one value', async (t) => {
  const list = '[1.10,-0,7615917337495251231]';
  const found = parseJson(`{"id": 7615917337495251231, "list": ${list}, "text": "${list}"}`);
  const fillIn = (template: string) => resolve(template, ({ path }) => readPath(found, path));
  t.equal(JSON.stringify(fillIn('${steps.list}')), list);
  t.equal(fillIn('${steps.list | json}'), list);
  t.equal(fillIn('${steps.text | parse | json}'), list);
  t.equal(fillIn('id-${steps.id}'), 'id-7615917337495251231');
  t.equal(fillIn('${steps.id | quote}'), "'7615917337495251231'");
  t.equal(fillIn('${steps.list | quote}'), "'1.10' '-0' '7615917337495251231'");
  t.equal(JSON.stringify(fillIn('${steps.id}')), '7615917337495251231');
  t.equal(JSON.stringify(fillIn('${steps.none ?? [1.10, 1e400] }')), '[1.10,1e400]');
  t.throws(() => fillIn('${steps.id.notClonable}'), /is not there/);
  t.throws(() => fillIn('${steps.id | trim}'), /trim takes a text, not a number/);
  t.throws(() => fillIn('a ${steps.list}'), /a list, which has no text/);
});

t.test('filters apply from left to right', async (t) => {
  t.equal(fill('${steps.fetch-all.stdout | trim}'), 'one\ntwo');
  t.same(fill('${steps.fetch-all.stdout | lines}'), [' one', 'two']);
  t.same(fill('${plan.params.empty | lines}'), []);
  t.same(fill('${plan.params.json | parse}'), { a: [1] });
  t.equal(fill('${steps.fetch-all.stdout|trim|lines|quote}'), "'one' 'two'");
  t.equal(fill('${plan.params.count | quote}${index | quote}'), "'3''2'");
  unresolved(t, '${plan.params.count | trim}', /trim takes a text, not a number/);
  unresolved(t, '${plan.params.tag | parse}', /parse takes JSON text/);
  unresolved(t, '${plan.params | quote}', /quote takes .* not an object/);
  unresolved(t, '${plan.params.nope ?? [[1]] | quote}', /not a list/);
  unresolved(t, '${plan.params.nope ?? "a\\u0000" | quote}', /NUL/);
});

t.test('quote makes one word of a shell of any text', async (t) => {
  const texts = ['', ' ', "'", "''", '$(id)', '`id`', '"', '\\', 'a\nb', '-n', '*', '~', '!x', '\u{1f600}'];
  const script = resolve('printf "%s\\n" ${item | quote} | od -An -tx1', () => texts) as string;
  const printed = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }).replaceAll(/\s/g, '');
  t.equal(printed, Buffer.from(texts.map((text) => `${text}\n`).join('')).toString('hex'));
});

t.test('what is no reference says where, why, and how a literal is written', async (t) => {
  const cases: [string, RegExp, number][] = [
    [
      '${HOME ?? 1}',
      /unknown "HOME"; there are steps, plan.*character 3.*literal is written \$\$\{HOME \?\? 1\}/,
      2,
    ],
    ['${', /an expression is missing/, 2],
    ['${}', /an expression is missing.*\$\$\{\}/, 2],
    ['${ }', /an expression is missing/, 3],
    ['${item', /"}" is missing/, 6],
    ['${item + "}', /unexpected "\+"/, 7],
    ['${[item}', /an expression is missing/, 2],
    ['${item ?? }', /nothing is not JSON/, 10],
    ['${item ?? nope}', /nope is not JSON/, 10],
    ['${item ?? [1', /closing bracket is missing/, 10],
    ['${item ?? [1}', /is not JSON/, 10],
    ['${item ?? [1,]}', /is not JSON/, 10],
    [
      '${item | upper}',
      /unknown function "upper" after "\|"; there are trim, lines, join, json, parse, quote/,
      9,
    ],
    ['${item |}', /unknown function ""/, 8],
    ['${item ?? 1 ?? 2}', /unexpected "\?"/, 12],
    ['$${ok} ${item} ${bad | trim}', /unknown "bad"/, 17],
  ];
  for (const [text, pattern, position] of cases) {
    try {
      parseReferences(text);
      t.fail(`${text} was parsed`);
    } catch (error) {
      t.ok(error instanceof BadReferenceError, text);
      t.match((error as Error).message, pattern, text);
      t.equal((error as BadReferenceError).position, position, text);
    }
  }
});

t.test('every reference and every issue of a value is found, with its place; keys are names', async (t) => {
  const value = {
    '${nope}': ['a ${steps.a.stdout} b ${item|json}', { x: '${plan.params.a ?? 1}' }],
    bad: '${nope | trim}',
    rest: [1, null, true, 'plain', '$${x}'],
  };
  const { references, issues } = findReferences(value);
  t.same(
    references.map(({ at, isWhole, reference: { text } }) => [at.join('/'), isWhole, text]),
    [
      ['${nope}/0', false, '${steps.a.stdout}'],
      ['${nope}/0', false, '${item|json}'],
      ['${nope}/1/x', true, '${plan.params.a ?? 1}'],
    ],
  );
  t.match(issues, [{ path: ['bad'], message: /unknown "nope"/ }]);
  t.equal(issues.length, 1);
  t.same(references[2]?.reference, {
    place: { root: 'plan', path: ['params', 'a'], fallback: { value: 1 } },
    expression: null,
    text: '${plan.params.a ?? 1}',
  });
  t.ok(hasReferences(value));
  t.ok(hasReferences(['$${x}']));
  t.notOk(hasReferences({ '${item}': ['$', '{}', 1, null] }));
});

t.test('what is not there is an error that names the reference and its place', async (t) => {
  const error = unresolved(t, { args: ['x', '${steps.none.result.y | trim}'] }, /steps\.none.* is not there/);
  t.same(error.at, ['args', 1]);
  t.equal(error.reference.place?.root, 'steps');
});

t.test('paths lead through own properties and items only', async (t) => {
  const list = ['a'];
  const own = JSON.parse('{"__proto__": {"x": 1}, "constructor": 2}') as unknown;
  t.equal(readPath(own, ['__proto__', 'x']), 1);
  t.equal(readPath(own, ['constructor']), 2);
  for (const name of ['__proto__', 'constructor', 'toString', 'length']) {
    t.equal(readPath({}, [name]), undefined, name);
    t.equal(readPath(list, [name]), undefined, name);
    t.equal(readPath('text', [name]), undefined, name);
  }
  t.equal(readPath('text', [0]), undefined);
  t.equal(readPath(list, ['0']), undefined);
  t.equal(readPath(list, [1]), undefined);
  t.equal(readPath({ 0: 1 }, [0]), undefined);
  t.equal(readPath(null, ['a']), undefined);
  t.equal(readPath(list, [0]), 'a');
  t.equal(readPath(list, []), list);
});

t.test(
  'the input stays, what has no reference is the same object, and keys of any name survive',
  async (t) => {
    const value = { kept: { a: [1] }, changed: ['${item}'] };
    const before = JSON.stringify(value);
    const resolved = fill(value) as typeof value;
    t.equal(JSON.stringify(value), before);
    t.equal(resolved.kept, value.kept);
    t.not(resolved.changed, value.changed);
    t.equal(fill(value.kept), value.kept);
    const odd = JSON.parse('{"__proto__": "${item}"}') as object;
    t.equal(JSON.stringify(fill(odd)), '{"__proto__":"it"}');
  },
);

t.test('texts, filters and what is inserted in all are bounded', async (t) => {
  const half = 'x'.repeat(MAX_TEXT_LENGTH / 2);
  const answer = (value: unknown) => () => value;
  const error = (value: unknown, inserted: unknown) => {
    try {
      resolve(value, answer(inserted));
      return 'resolved';
    } catch (error) {
      return error instanceof UnresolvedError ? error.message : String(error);
    }
  };
  t.equal(error('${item}${item}', half), 'resolved');
  t.match(error('${item}${item}.${item}', half), /longer than 1048576/);
  t.equal(error('${item | quote}', half), 'resolved');
  t.match(error('${item | quote}', "'".repeat(MAX_TEXT_LENGTH / 2)), /longer than 1048576/);
  t.match(error('${item | quote}', Array(4).fill(half)), /longer than 1048576/);
  t.match(error('${item | json}', [half, half]), /longer than 1048576/);
  t.match(error('${item | trim}', `${half}${half}x`), /longer than 1048576/);
  t.match(error('${item | join}', [half, half, 'x']), /longer than 1048576/);
  t.match(error('${item | parse}', '['.repeat(300) + ']'.repeat(300)), /levels of nesting/);
  t.match(error('${item | parse}', '['.repeat(100_000) + ']'.repeat(100_000)), /levels of nesting/);
  const many = Array<number>(100_000).fill(1);
  t.equal(error('${item | parse | json}', JSON.stringify(many)), 'resolved');
  t.match(error('${item | parse}', `[${[...many, 1].join()}]`), /parse takes at most 100000 values/);
  t.match(error('${item | parse}', `[${'[1],'.repeat(50_001)}1]`), /parse takes at most 100000 values/);
  t.match(error('${item | lines}', '\n'.repeat(100_001)), /lines takes at most 100000 lines/);
  t.match(error('${item | quote}', [...many, 1]), /quote takes at most 100000 values/);
  const times = (n: number) => Array<string>(n).fill('${item}');
  t.equal(error(times(MAX_INSERTED / half.length), half), 'resolved');
  t.match(error(times(MAX_INSERTED / half.length + 1), half), /insert more than \d+ bytes/);
  t.match(error(times(40), Array(100_000).fill(null)), /insert more than \d+ bytes/);
});

t.test('any other expression is CEL, up to the brace that closes it', async (t) => {
  const cases: [string, string][] = [
    ['${index + 1}', 'index + 1'],
    ['${ {"a": {"b": "}"}}.a }', '{"a": {"b": "}"}}.a'],
    [`\${'}' + item}`, `'}' + item`],
    ['${"""}"}""" + item}', '"""}"}""" + item'],
    ['${r"\\" + item}', 'r"\\" + item'],
    ['${item.map(x, x || true)}', 'item.map(x, x || true)'],
    ['${trim(item) // }\n}', 'trim(item) // }'],
    ['${HOME}', 'HOME'],
    ['${item[-1]}', 'item[-1]'],
  ];
  for (const [text, expression] of cases)
    t.same(parseReferences(`a${text}b`), { parts: ['a', { text, place: null, expression }, 'b'] }, text);
});

t.test('expressions are worked out as conditions are, and their values are JSON', async (t) => {
  t.equal(fill('${index + 1}'), 3);
  t.equal(fill('${plan.params.count / 2}-${string(index)}'), '1.5-2');
  t.same(fill('${{"n": index, "tags": [plan.params.tag, item]}}'), { n: 2, tags: ['v1', 'it'] });
  t.same(fill('${lines(steps["fetch-all"].stdout).map(x, trim(x))}'), ['one', 'two']);
  t.equal(fill('${plan.params.count > 2.0 ? "many" : "few"}'), 'many');
  t.equal(fill('${has(plan.params.nope) ? plan.params.nope : "none"}'), 'none');
  t.equal(fill('${parse(plan.params.json).a[0]}'), 1);
  t.equal(fill('${join(steps["fetch-all"].result.items.map(x, string(x.id) + "!" + "?"))}'), '7!?');
  t.equal(fill('${join([item, index, true, "x"], ", ")}'), 'it, 2, true, x');
  unresolved(t, '${join([steps])}', /join takes texts, numbers and booleans, not an object: use json/);
  unresolved(t, '${join(item)}', /join takes a list, not a text/);
  t.equal(fill('${quote("it\'s " + item)}'), "'it'\\''s it'");
  t.equal(fill('${timestamp("2026-01-02T03:04:05Z")}'), '2026-01-02T03:04:05.000Z');
  t.equal(fill('${duration("90s")}'), '90s');
  unresolved(t, '${plan.params.nope + "x"}', /cannot be evaluated: plan\.params\.nope is not there/);
  unresolved(t, '${b"abc"}', /has bytes, which is not a JSON type/);
  unresolved(t, '${type(item)}', /has a type, which is not a JSON type/);
  unresolved(t, '${index / 0.0}', /Infinity, which JSON has no number for/);
  unresolved(t, '${trim(index)}', /trim takes a text, not a number/);
  unresolved(
    t,
    '${plan.params.count-1}',
    /"count-1" is one name: to subtract, write spaces around the hyphen/,
  );
});

t.test(
  'numbers that are handed on keep their digits, and those that are calculated with their value',
  async (t) => {
    const value = parseJson('{"a": 1.10, "b": 7615917337495251231, "c": 1e400, "d": 9007199254740993}');
    const program = (source: string) => compiler.value(source, ['item']).evaluate({ item: value });
    const text = (source: string) => JSON.stringify(program(source));
    t.equal(text('item'), '{"a":1.10,"b":7615917337495251231,"c":1e400,"d":9007199254740993}');
    t.equal(text('{"x": [item.a, item.c]}'), '{"x":[1.10,1e400]}');
    t.equal(text('json(item.a)'), '"1.10"');
    t.equal(text('parse("[1.10, 1e400]")'), '[1.10,1e400]');
    t.equal(text('quote([item.a, item.b])'), `"'1.10' '7615917337495251231'"`);
    t.equal(text('has(item.x) ? item.x : item.c'), '1e400');
    t.equal(text('string(item.a)'), '"1.10"');
    t.equal(text('item.b + 1'), '7615917337495251232');
    t.equal(text('item.a + 1'), '2.1');
    t.equal(text('item.b > 1 ? item.b : 0'), '7615917337495251231');
    t.throws(() => program('item.c + 1'), /item\.c is 1e400/);
    t.throws(() => program('item.d + 0.5'), /9007199254740993 is not a double/);
  },
);

t.test('reading a template takes time in proportion to its length', async (t) => {
  const hostile = [
    ...['${item'.repeat(100_000), '$'.repeat(500_000), '${item ?? [['.repeat(50_000)],
    ...[
      '${("'.repeat(100_000),
      '${a + "'.repeat(100_000),
      '${a.b("x")} ${'.repeat(50_000),
      '${r'.repeat(200_000),
    ],
  ];
  for (const text of hostile) {
    try {
      parseReferences(text);
    } catch (error) {
      t.ok(error instanceof BadReferenceError);
    }
  }
  t.equal(parseReferences('${item}'.repeat(50_000)).parts.length, 50_000);
  t.same(parseReferences('plain'), { parts: ['plain'] });
});

const nasty = fc
  .array(fc.constantFrom('$', '{', '}', '${', '$${', '${item}', '"', '\\', 'a', "'"), { maxLength: 8 })
  .map((pieces) => pieces.join(''));
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    nasty,
    fc.constantFrom(null, true, 0, 1.5),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(nasty, fc.constantFrom('__proto__', 'constructor')), tie('value'), { maxKeys: 3 }),
  ),
})).value;
const literal = nasty.map((text) => text.replaceAll('${', () => '$${'));
/** Ends such that it cannot make an escape of what follows. */
const before = literal.map((text) => (text.endsWith('$') ? `${text}.` : text));
const reference = fc.constantFrom(...ROOTS.map((root) => `\${${root}}`));
const asText = reference.map((text) => text.replace('}', ' | json}'));
const template = fc.oneof(
  reference,
  literal,
  fc.array(fc.tuple(before, asText), { maxLength: 4 }).map((pairs) => pairs.flat().join('')),
  fc.array(asText, { maxLength: 4 }).map((texts) => texts.join('')),
);
const templates = fc.oneof(template, fc.array(template), fc.dictionary(nasty, template));

t.test('what was inserted comes out of a second round unchanged, whatever it holds', async (t) => {
  fc.assert(
    fc.property(
      templates,
      fc.array(json, { minLength: ROOTS.length, maxLength: ROOTS.length }),
      fc.uniqueArray(fc.constantFrom<string>(...ROOTS)),
      (value, values, kept) => {
        const answer = ({ root }: Place) => values[(ROOTS as readonly string[]).indexOf(root)];
        const keep = ({ place }: Reference) => kept.includes(place?.root ?? '');
        const atOnce = JSON.stringify(resolve(value, answer));
        const input = JSON.stringify(value);
        const first = resolve(value, answer, keep);
        t.equal(JSON.stringify(value), input);
        t.equal(JSON.stringify(resolve(first, answer)), atOnce);
        t.equal(
          JSON.stringify(
            resolve(
              resolve(first, answer, () => true),
              answer,
              () => false,
            ),
          ),
          JSON.stringify(resolve(first, answer, () => false)),
        );
        t.ok(findReferences(first).references.every(({ reference }) => keep(reference)));
      },
    ),
    { numRuns: rounds(300) },
  );
});

t.test('a dollar that is inserted before a kept reference stays a dollar', async (t) => {
  const first = resolve(
    '${item}${index}',
    () => 'a$$',
    ({ place }) => place?.root === 'index',
  );
  t.equal(
    resolve(first, () => 5),
    'a$$5',
  );
});
