import t, { type Test } from 'tap';
import { celCompiler } from '../../src/expressions/cel.ts';
import { ConditionError } from '../../src/domain/plans/conditions.ts';
import { parseJson } from '../../src/domain/exact-json.ts';

const ROOTS = ['steps', 'plan', 'item', 'index', 'exit_code'];
const compiler = celCompiler();
const scope = JSON.parse(`{
  "steps": {
    "a": {
      "status": "completed",
      "result": {
        "count": 3, "float": 3.0, "ratio": 3.5, "big": 9007199254740993, "ok": true, "none": null, "empty": {},
        "list": [1, 2, 3], "name": "x && y || z", "quoted": "it's", "nested": {"a-b": {"c": [{"d": 1}]}}
      },
      "stdout": "line\\nFAILED\\n"
    },
    "b-1": {"status": "skipped", "result": {"count": 10}}
  },
  "plan": {"params": {"env": "prod", "count": 3}},
  "item": "z",
  "index": 2,
  "exit_code": 0
}`) as Record<string, unknown>;

const compile = (source: string) => compiler.condition(source, ROOTS);
const evaluate = (source: string, over = scope) => compile(source).evaluate(over);

function isTrue(t: Test, ...sources: string[]): void {
  for (const source of sources) t.equal(evaluate(source), true, source);
}

function isFalse(t: Test, ...sources: string[]): void {
  for (const source of sources) t.equal(evaluate(source), false, source);
}

function refuses(t: Test, act: () => unknown, pattern: RegExp, name: string): void {
  try {
    act();
    t.fail(`${name} was accepted`);
  } catch (error) {
    t.ok(error instanceof ConditionError, `${name}: ${String(error)}`);
    t.match((error as Error).message, pattern, name);
  }
}

const doesNotCompile = (t: Test, source: string, pattern: RegExp) =>
  refuses(t, () => compile(source), pattern, source);

function fails(t: Test, source: string, pattern: RegExp, over = scope): void {
  const condition = compile(source);
  refuses(t, () => condition.evaluate(over), pattern, source);
}

t.test('AND binds tighter than OR, NOT tighter than both, and parentheses decide', async (t) => {
  isTrue(t, 'true || false && false', '!false && true', '!(true && false)', '!!true', '!true || true');
  isFalse(t, '(true || false) && false', '!true && false', '!(true || false)');
  const bools = [true, false];
  for (const [a, b, c] of bools.flatMap((a) => bools.flatMap((b) => bools.map((c) => [a, b, c] as const)))) {
    t.equal(evaluate(`${a} || ${b} && ${c}`), a || (b && c));
    t.equal(evaluate(`${a} && ${b} || !${c}`), (a && b) || !c);
    t.equal(evaluate(`(${a} || ${b}) && ${c}`), (a || b) && c);
    t.equal(evaluate(`${a} ? ${b} : ${c}`), a ? b : c);
    t.equal(evaluate(`steps.a.result.ok == ${a} || ${b} && ${c}`), a || (b && c));
  }
});

t.test('operators within a text are text, and escapes and both quotes work', async (t) => {
  isTrue(
    t,
    'steps.a.result.name == "x && y || z"',
    "steps.a.result.name == 'x && y || z' && true",
    `steps.a.result.quoted == "it's"`,
    `steps.a.result.quoted == 'it\\'s'`,
    `'"' == "\\""`,
    'r"\\n" == "\\\\n"',
    '"\\u00e9" == "é"',
    'size("😀") == 1',
  );
});

t.test('null is null, not a text and not absent', async (t) => {
  isTrue(t, 'steps.a.result.none == null', 'steps.a.result.count != null', 'has(steps.a.result.none)');
  isTrue(t, '"none" in steps.a.result', 'steps.a.result.name != null', 'null == null');
  isFalse(t, 'steps.a.result.none == "null"', 'steps.a.result.count == null', 'steps.a.result.empty == null');
  fails(t, 'steps.a.result.none.x == 1', /steps\.a\.result\.none\.x is not there/);
});

t.test('numbers that no double keeps are compared as they are, or not at all', async (t) => {
  const exact = parseJson(`{"steps": {"a": {
    "id": 7615917337495251231, "same": 7615917337495251231, "next": 7615917337495251232, "round": 7615917337495251000,
    "unsigned": 18446744073709551615, "huge": 1e400, "long": 0.1234567890123456789, "money": 1.10, "one": 1.0,
    "list": [1.0, 7615917337495251231, 1e400], "object": {"id": 7615917337495251231}
  }, "b": {"object": {"id": 7615917337495251232}}, "c": {"object": {"id": 7615917337495251231}}}}`) as typeof scope;
  for (const source of [
    'steps.a.id == 7615917337495251231',
    'steps.a.id != 7615917337495251000',
    'steps.a.round == 7615917337495251000',
    'steps.a.round != 7615917337495250944',
    'steps.a.id == steps.a.same',
    'steps.a.id != steps.a.next',
    'steps.a.id != steps.a.round',
    'steps.a["id"] < steps.a.next',
    'steps.a.id > 1.5',
    'steps.a.id + 1 == steps.a.next',
    'string(steps.a.id) == "7615917337495251231"',
    'steps.a.unsigned == 18446744073709551615u',
    'steps.a.money == 1.1',
    'steps.a.one == 1',
    '1 in steps.a.list',
    'steps.a.id in steps.a.list',
    '!(steps.a.next in steps.a.list)',
    'steps.a.list.exists(x, x == steps.a.id)',
    'steps.a.object == steps.c.object',
    'steps.a.object != steps.b.object',
    'size(steps.a.list) == 3',
  ]) {
    t.equal(evaluate(source, exact), true, source);
  }
  fails(
    t,
    'steps.a.huge > 5',
    /^steps\.a\.huge is 1e400; conditions and calculations take numbers of at most 17 digits/,
    exact,
  );
  fails(t, 'steps.a.huge == steps.a.huge', /steps\.a\.huge is 1e400/, exact);
  fails(t, 'steps.a.list[2] > 5', /steps\.a\.list\.2 is 1e400/, exact);
  fails(t, 'steps.a.list.all(x, x > 0)', /steps\.a\.list\.2 is 1e400/, exact);
  fails(t, 'steps.a.long > 0.1', /steps\.a\.long is 0\.1234567890123456789/, exact);
});

t.test('numbers of JSON compare with integers and doubles alike', async (t) => {
  isTrue(
    t,
    'steps.a.result.count == 3',
    'steps.a.result.count == 3.0',
    'steps.a.result.float == 3',
    'steps.a.result.count > 2',
    'steps.a.result.count >= 3.0',
    'steps.a.result.count < 3.5',
    'steps.a.result.ratio > 3',
    'steps.a.result.count == plan.params.count',
    'steps.a.result.count != 4',
    'steps["b-1"].result.count > steps.a.result.count',
    'exit_code == 0',
    'index < 9007199254740993',
    '-index == -2.0',
    '3 in steps.a.result.list',
    '3.0 in steps.a.result.list',
    'steps.a.result.list == [1, 2, 3]',
    'int(steps.a.result.count) % 2 == 1',
    'steps.a.result.count + 1.0 == 4.0',
    'steps.a.result.count + 1 == 4 && 2 * steps.a.result.ratio == 7 && index - 1 == 1 && index / 4 == 0.5',
    'steps.a.result.list[index] == 3',
  );
  isFalse(t, 'steps.a.result.count == "3"', 'steps.a.result.ratio == 3', 'steps.a.result.count > 3');
  fails(
    t,
    'steps.a.result.count + plan.params.env == 4',
    /no such overload: double \+ string \(at character 1\)/,
  );
  fails(t, 'steps.a.result.count > "2"', /no such overload: double > string/);
});

t.test('paths lead through fields, indices and names in quotes', async (t) => {
  isTrue(
    t,
    'steps.a.result.nested["a-b"].c[0].d == 1',
    'steps["b-1"].status == "skipped"',
    'steps.a["result"]["count"] == 3',
    'has(steps.a.result.nested)',
    '!has(steps.a.result.nothing)',
    '!has(steps.c)',
    'item == "z"',
    'plan.params.env in ["prod", "staging"]',
    'size(steps.a.result.empty) == 0 && size(steps.a.result.list) == 3',
    'steps.a.stdout.contains("FAILED")',
    'steps.a.stdout.trim().endsWith("FAILED")',
    'steps.a.stdout.startsWith("line") && steps.a.stdout.matches("^line\\\\s+F")',
  );
  fails(t, 'steps.a.result.nothing == 1', /steps\.a\.result\.nothing is not there \(at character 1\)/);
  fails(t, 'true && steps.c.status == "x"', /steps\.c is not there \(at character 9\)/);
  fails(t, 'steps.a.result.list[9] == 1', /list\[9\] is not there/);
  fails(t, 'steps.a.result.list["length"] == 1', /is not there/);
  fails(t, 'steps.a.result.name[0] == "x"', /is not there/);
  fails(t, 'item == "z"', /item is not there/, {});
});

t.test('a side that decides hides the error of the other, from either side', async (t) => {
  isTrue(t, 'steps.c.x == 1 || true', 'true || steps.c.x == 1');
  isFalse(t, 'steps.c.x == 1 && false', 'has(steps.c) && steps.c.x == 1');
  fails(t, 'steps.c.x == 1 || false', /steps\.c is not there/);
});

t.test('comprehensions loop over lists and over the keys of objects', async (t) => {
  isTrue(
    t,
    'steps.a.result.list.exists(x, x > 2)',
    'steps.a.result.list.all(x, x > 0)',
    'steps.a.result.list.exists_one(x, x == 2)',
    'steps.a.result.list.filter(x, x > 1).size() == 2',
    'steps.a.result.list.map(x, x * 2.0) == [2.0, 4.0, 6.0]',
    'steps.a.result.list.map(x, x > 1, x + 1.0) == [3.0, 4.0]',
    'steps.exists(name, steps[name].status == "skipped")',
    '[1, 2].all(x, [3, 4].exists(y, y > x))',
  );
  isFalse(t, 'steps.all(name, steps[name].status == "completed")');
});

t.test('an empty context makes no error of a condition that does not need it', async (t) => {
  t.equal(evaluate('steps == {}', { steps: {} }), true);
  t.equal(evaluate('size(steps) == 0', { steps: {} }), true);
  t.equal(evaluate('true', {}), true);
});

t.test('what it reads is known without running it', async (t) => {
  const reads = (source: string) => {
    const { steps, roots, constant } = compile(source);
    return { steps, roots, constant };
  };
  t.same(reads('steps.a.result.x == 1 && steps["b-1"].ok'), {
    steps: ['a', 'b-1'],
    roots: ['steps'],
    constant: null,
  });
  t.same(reads('has(steps.a) || has(steps.c.result)').steps, ['a', 'c']);
  t.same(reads('steps.a.list.exists(x, x == steps.b.y && item)'), {
    steps: ['a', 'b'],
    roots: ['steps', 'item'],
    constant: null,
  });
  t.equal(reads('steps[item].ok').steps, null);
  t.equal(reads('size(steps) > 1 && steps.a.ok').steps, null);
  t.equal(reads('steps.exists(x, true)').steps, null);
  t.same(reads('plan.params.x == 1'), { steps: [], roots: ['plan'], constant: null });
  const params = (source: string) => compile(source).params;
  t.same(params('plan.params.x == 1 && plan["params"]["y"].z && has(plan.params.l)'), ['x', 'y', 'l']);
  t.same(params('plan.id == "a"'), []);
  t.equal(params('plan.params.all(k, true)'), null);
  t.equal(params('plan.params[item] == 1'), null);
  t.equal(params('plan == item'), null);
  t.same(params('[item].all(plan, plan.params.x == 1)'), [], 'a name of an item hides it');
  t.same(
    reads('plan.list.all(steps, steps.x)'),
    { steps: [], roots: ['plan'], constant: null },
    'a bound name is no root',
  );
  t.equal(reads('1 < 2').constant, true);
  t.equal(reads('[1, 2].exists(x, x == 3)').constant, null, 'a loop is not run before it is to be');
});

t.test('what cannot be a condition is refused before anything runs, with its place', async (t) => {
  const cases: [string, RegExp][] = [
    ['', /unexpected end of the expression/],
    ['   ', /unexpected end of the expression/],
    ['true true', /unexpected true \(at character 6\)/],
    ['true and false', /unexpected and/],
    ['(true', /unexpected end of the expression/],
    ['true &&', /unexpected end of the expression/],
    ['true & false', /./],
    ['"open', /./],
    ['steps.a. == 1', /unexpected ==/],
    ['foo == 1', /unknown variable "foo"; there are steps, plan, item, index, exit_code \(at character 1\)/],
    ['true && steps.a-b.x', /unknown variable "b".*steps\["a-b"\].*character 17/],
    ['constructor == 1', /unknown variable "constructor"/],
    ['__proto__ == 1', /__proto__/],
    ['foo(1)', /unknown function "foo"/],
    ['item.foo()', /unknown function "foo"/],
    ['item.toString() == ""', /unknown function "toString"/],
    ['cel.bind(x, 1, true)', /unknown variable "cel"/],
    ['google.protobuf == 1', /unknown variable "google"/],
    ['["a"].join() == ""', /unknown function "join"/],
    ['size() == 1', /size takes 1 arguments, not 0/],
    ['1 + 1', /of type int, not bool/],
    ["'x'", /of type string, not bool/],
    ['size(steps)', /of type int, not bool/],
    ['[true]', /of type list/],
    ['null', /of type null/],
    ['1 ? true : false', /must be bool, got 'int' \(at character 1\)/],
    ['size(steps) && true', /bool operands/],
    ['!1', /no such overload/],
    ['1 == "x"', /no such overload: int == string/],
    ['"a" + 1 == "a1"', /no such overload/],
    ['1 / 0 == 1', /division by zero/],
    ['has(item)', /has\(\) invalid argument/],
    ['item.exists(x.y, true)', /exists.* invalid predicate iteration variable/],
    ['item.all(x)', /all takes an item name and an expression/],
    ['item.matches("(")', /invalid regular expression/],
    ['item.matches(plan.x)', /matches takes a literal text in quotes/],
    ['item.contains(item)', /contains takes a literal text in quotes/],
    [`item.contains("${'x'.repeat(300)}")`, /longer than 256/],
    ['true /* c */', /unexpected/],
  ];
  for (const [source, pattern] of cases) doesNotCompile(t, source, pattern);
  t.throws(() => compiler.condition('item', ['steps']), /unknown variable "item"; there are steps/);
});

t.test('a value that is no boolean is an error that names its type', async (t) => {
  fails(t, 'steps.a.result.name', /its value is a text, not true or false/);
  fails(t, 'steps.a.result', /an object/);
  fails(t, 'steps.a.result.count', /a number/);
  fails(t, 'steps.a.result.none', /null/);
  fails(t, 'steps.a.result.count && true', /bool operands, got 'double'/);
  fails(t, 'steps.a.result.count ? true : false', /must be bool/);
});

t.test('long, large and deep expressions are refused', async (t) => {
  doesNotCompile(t, `true${' '.repeat(5000)}`, /longer than 4096 bytes/);
  doesNotCompile(t, `"${'é'.repeat(2047)}" == ""`, /longer than 4096 bytes/);
  doesNotCompile(t, `${'('.repeat(100)}true${')'.repeat(100)}`, /too large or nested too deeply/);
  doesNotCompile(t, `${'!'.repeat(4000)}true`, /too large or nested too deeply/);
  doesNotCompile(t, `item${'.a'.repeat(200)}`, /too large or nested too deeply/);
  doesNotCompile(t, `item in [${'1,'.repeat(600)}1]`, /too large or nested too deeply/);
  doesNotCompile(t, `${'1<2&&'.repeat(700)}true`, /too large/);
  doesNotCompile(t, `${'item + '.repeat(17)}item == ""`, /more than 16 "\+"/);
  t.equal(evaluate(Array<string>(300).fill('true').join('&&')), true);
  t.equal(evaluate(`item in [${'"y",'.repeat(400)}"z"]`), true);
});

t.test('texts cannot grow with the items of a list', async (t) => {
  doesNotCompile(t, '[item].map(a, a + a).map(b, b + b)[0] == ""', /"\+" in a comprehension joins numbers/);
  doesNotCompile(t, 'plan.list.map(x, plan.list + plan.list) == []', /"\+" in a comprehension/);
  isTrue(t, 'steps.a.result.list.map(x, double(x) + x)[1] == 4.0', '[item + "!"].exists(x, x == "z!")');
});

t.test('an evaluation that takes too long is stopped, whatever it does', async (t) => {
  const list = Array.from({ length: 3000 }, (_, i) => i);
  const slow = {
    plan: { list, text: `${'a'.repeat(200_000)}!`, keys: Object.fromEntries(list.map((i) => [i, i])) },
  };
  const hostile = [
    'plan.list.all(a, plan.list.all(b, plan.list.all(c, a * b * c >= 0.0)))',
    'plan.list.exists(a, plan.list.exists(b, plan.list.exists(c, a.x)))',
    'plan.list.map(a, plan.list.map(b, plan.list.map(c, [a, b, c]))).size() > 0',
    'plan.keys.all(a, plan.keys.all(b, plan.keys.all(c, a != b || a == b)))',
    'plan.text.matches("^(a+)+$") || plan.text.matches("^(([a-z])+.)+[A-Z]([a-z])+$")',
    'plan.list.all(a, plan.list.all(b, plan.list == plan.list.map(x, x)))',
  ];
  for (const source of hostile) fails(t, source, /takes longer than 100 ms/, slow);
  t.equal(evaluate('plan.list.exists(a, a == 2)', slow), true, 'others go on');
  const fast = compile(hostile[0] as string);
  refuses(t, () => fast.evaluate(slow), /longer/, 'stopped');
  t.equal(fast.evaluate({ plan: { list: [1] } }), true, 'the same condition goes on, too');
});

t.test(
  'fields that are named as what every object inherits are data, and absent where they are not',
  async (t) => {
    const own = JSON.parse(
      '{"item": {"constructor": {"x": 1}, "toString": null}, "plan": [{"constructor": "c"}, {"b": 1}]}',
    ) as Record<string, unknown>;
    for (const source of [
      'item.constructor.x == 1',
      'has(item.constructor)',
      'item.toString == null',
      'plan.exists(x, has(x.b))',
      'plan.exists(x, has(x.constructor) && x.constructor == "c")',
      'plan.size() == 2 && size(item) == 2',
      'item == item && plan[0] != plan[1]',
      '"constructor" in item',
    ]) {
      t.equal(evaluate(source, own), true, source);
    }
    const odd = JSON.parse('{"item": {"__proto__": {}}, "plan": {"x": 1}}') as Record<string, unknown>;
    for (const source of [
      'item == plan',
      'plan == item',
      'item == {"x": 1}',
      '{"x": 1} == item',
      'item in [plan]',
    ]) {
      t.equal(evaluate(source, odd), false, source);
    }
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      t.equal(evaluate(`has(plan.${name})`), false, name);
      t.equal(evaluate(`"${name}" in plan`), false, name);
      fails(t, `plan.${name} == 1`, /is not there/);
      fails(t, `plan["${name}"] == 1`, /is not there/);
    }
  },
);

t.test('the scope stays as it is, and a condition can be evaluated again on another', async (t) => {
  const before = JSON.stringify(scope);
  const condition = compile('steps.a.result.list.map(x, x > 1, x).size() == 2 && steps.a == steps.a');
  t.equal(condition.evaluate(scope), true);
  t.equal(condition.evaluate(scope), true);
  t.equal(condition.evaluate({ steps: { a: { result: { list: [] } } } }), false);
  t.equal(JSON.stringify(scope), before);
});

t.test('times and durations of steps can be compared', async (t) => {
  const over = { item: { from: '2026-01-01T00:00:00Z', to: '2026-01-01T00:07:00Z' } };
  t.equal(evaluate('timestamp(item.to) - timestamp(item.from) > duration("5m")', over), true);
  t.equal(evaluate('timestamp(item.to).getMinutes() == 7', over), true);
  fails(t, 'timestamp(item) > timestamp(item)', /timestamp/, { item: 'x' });
});
