import fc from 'fast-check';
import t from 'tap';
import { jsonProblem } from '../../src/domain/json-problem.ts';

const TEXTS: [string, RegExp, number, number][] = [
  ['', /unexpected end/, 1, 1],
  ['{"a": ', /unexpected end/, 1, 7],
  ["{'a': 1}", /name in double quotes/, 1, 2],
  ['{"a": \'b\'}', /not single quotes/, 1, 7],
  ['{"a": 1,}', /a trailing comma/, 1, 8],
  ['[1,\n 2,\n]', /a trailing comma/, 2, 3],
  ['{"a" 1}', /colon/, 1, 6],
  ['{"a": 1 "b": 2}', /comma or "}"/, 1, 9],
  ['{} {}', /text after the end/, 1, 4],
  ['"abc', /ends within a string/, 1, 5],
  ['"a\nb"', /control character/, 1, 3],
  ['"\\x"', /escape/, 1, 2],
  ['01', /value was expected/, 1, 1],
  ['[True]', /value was expected, not "T"/, 1, 2],
  ['// x\n1', /value was expected, not "\/"/, 1, 1],
];

t.test('what is wrong with a text is found where it is', async (t) => {
  for (const [text, message, line, column] of TEXTS)
    t.match(jsonProblem(text), { message, line, column }, text);
});

t.test('it refuses what the parser refuses, and nothing else', async () => {
  const isJson = (text: string) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const texts = fc.oneof(
    fc.json({ maxDepth: 4 }),
    fc.tuple(fc.json({ maxDepth: 4 }), fc.nat(), fc.string({ maxLength: 2 })).map(([text, at, more]) => {
      const cut = at % (text.length + 1);
      return text.slice(0, cut) + more + text.slice(cut + 1);
    }),
  );
  fc.assert(fc.property(texts, (text) => (jsonProblem(text) === null) === isJson(text)));
});
