import fc from 'fast-check';
import t from 'tap';
import { exactly, holdsExact, parseJson, readJson, writeJson } from '../../src/domain/exact-json.ts';
import { ExactNumber } from '../../src/domain/exact-number.ts';
import { canonicalJson, measureJson } from '../../src/domain/json.ts';

const NO_BOUND = { depth: Infinity, members: Infinity, width: Infinity };
const mayHaveExact = (text: string) => measureJson(Buffer.from(text), NO_BOUND).mayHaveExact;

const digits = fc.stringMatching(/^(0|[1-9]\d{0,24})$/);
const jsonNumber = fc
  .tuple(
    fc.constantFrom('', '-'),
    digits,
    fc.option(fc.stringMatching(/^\d{1,24}$/), { nil: null }),
    fc.option(fc.stringMatching(/^[eE][+-]?\d{1,3}$/), { nil: '' }),
  )
  .map(([sign, whole, fraction, power]) => sign + whole + (fraction === null ? '' : `.${fraction}`) + power);
const scalar = fc.oneof(
  jsonNumber,
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.integer().map(String),
  fc.string().map((text) => JSON.stringify(text)),
  fc.constantFrom('null', 'true', 'false', '"\\\\"', '"\\\\\\" 1.10"', '"1.10"'),
);
/** JSON texts without white space and without a name that is there twice. */
const json = fc.letrec<{ value: string; list: string; object: string }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, scalar, tie('list'), tie('object')),
  list: fc.array(tie('value'), { maxLength: 5 }).map((items) => `[${items.join(',')}]`),
  object: fc
    .dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), tie('value'), { maxKeys: 5 })
    // As an object keeps them: names that look like indices come first.
    .map((members) => Object.keys(members).map((name) => `${JSON.stringify(name)}:${members[name]}`))
    .map((members) => `{${members.join(',')}}`),
})).value;

t.test('a text leaves as it came, and is kept as it is', async () => {
  fc.assert(
    fc.property(json, (text) => {
      const value = parseJson(text);
      return JSON.stringify(value) === text && JSON.stringify(readJson(writeJson(value))) === text;
    }),
  );
});

t.test('white space and strings change nothing, and a number that a double keeps is one', async (t) => {
  const text = ' {"a" : [ 1.10 ,\t-0\n, 5 ] ,\r\n"1.10\\"": "-0\\\\" , "n": 9007199254740993 }\n';
  t.equal(JSON.stringify(parseJson(text)), '{"a":[1.10,-0,5],"1.10\\"":"-0\\\\","n":9007199254740993}');
  const plain = '{"a":[0.5,-7,1e+21,9007199254740991,0.000001]}';
  t.same(parseJson(plain), JSON.parse(plain));
  t.equal(holdsExact(parseJson(plain)), false);
  const value: unknown = JSON.parse(plain);
  t.equal(exactly(plain, value), value);
  const poisoned = parseJson('{"__proto__":{"a":1.10}}') as object;
  t.same(Object.keys(poisoned), ['__proto__']);
  t.equal(Object.getPrototypeOf(poisoned), Object.prototype);
  for (const wrong of ['01.10', '1.10.', '[1.10', '{1.10:1}', '-', '1.'])
    t.throws(() => parseJson(wrong), SyntaxError);
});

t.test('measuring misses no number that a double would change', async (t) => {
  fc.assert(fc.property(json, (text) => mayHaveExact(text) || JSON.stringify(JSON.parse(text)) === text));
  for (const text of ['1', '-1', '123456789012345', '0.5', '-0.25', '0.00000125', '"1.10"', '[true,"-0"]']) {
    t.equal(mayHaveExact(text), false, text);
  }
  for (const text of ['-0', '1.0', '9007199254740993', '0.0000001', '1e2', '[1E5]', '{"a":-0.0}']) {
    t.equal(mayHaveExact(text), true, text);
  }
});

t.test('what a number is worth', async (t) => {
  const worth = (text: string) => {
    const { double, integer, isInteger } = new ExactNumber(text);
    return [double, integer, isInteger];
  };
  t.same(worth('7615917337495251231'), [null, 7615917337495251231n, true]);
  t.same(worth('-18446744073709551616'), [null, -18446744073709551616n, true]);
  t.same(worth('9007199254740992.0'), [9007199254740992, 9007199254740992n, true]);
  t.same(worth('1.10'), [1.1, null, false]);
  t.same(worth('-12.50e1'), [-125, -125n, true]);
  t.same(worth('0.10000000000000001'), [0.1, null, false], 'as C prints a double');
  t.same(worth('0.1234567890123456789'), [null, null, false]);
  t.same(worth('1e400'), [null, null, true]);
  t.same(worth('1e-400'), [null, null, false]);
  t.same(worth('0e400'), [0, 0n, true]);
  t.ok(Object.is(worth('-0')[0], -0));
  t.same(worth(`1e${'9'.repeat(400)}`), [null, null, true]);
});

t.test('numbers are in the order of their values', async (t) => {
  const inOrder = [
    ...['-1e400', '-7615917337495251232', '-7615917337495251231', '-1.5', '-1e-400', '0', '1e-400', '0.1'],
    ...[
      '0.1000000000000000001',
      '1.4',
      '15e-1',
      '7615917337495251231',
      '7615917337495251232',
      '1e19',
      '1e400',
    ],
  ].map((text) => new ExactNumber(text));
  for (const [i, a] of inOrder.entries()) {
    for (const [j, b] of inOrder.entries())
      t.equal(Math.sign(a.compare(b)), Math.sign(i - j), `${a.shown} ${b.shown}`);
  }
  t.equal(new ExactNumber('1.50').compare(1.5), 0);
  t.equal(new ExactNumber('-0').compare(0), 0);
  t.equal(new ExactNumber('150e-2').compare(new ExactNumber('1.5')), 0);
});

t.test('numbers of other digits have other keys', async (t) => {
  const texts = [
    '7615917337495251231',
    '7615917337495251232',
    '1.10',
    '1.1',
    '1',
    '1.0',
    '1e400',
    '"1.10"',
    '{}',
  ];
  t.equal(new Set(texts.map((text) => canonicalJson(parseJson(`{"a":${text}}`)))).size, texts.length);
  t.equal(
    canonicalJson(parseJson('{"b":[1.10],"a":7615917337495251231}')),
    '{"a":7615917337495251231,"b":[1.10]}',
  );
});

t.test('one is not copied to another thread as something else', async (t) => {
  t.throws(() => structuredClone(parseJson('{"a":[1.10]}')));
});
