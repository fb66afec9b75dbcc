import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { type Form, MARK, pattern, Redactor, textRedactor } from '../../src/journal/redactor.ts';
import { rounds } from '../helpers/rounds.ts';

interface Case {
  form?: Form;
  patterns: string[];
  pieces: string[];
  output: string;
}

function redact({ form = 'exact', patterns, pieces }: Omit<Case, 'output'>): string {
  const redactor = new Redactor(patterns.map((one) => pattern(form, Buffer.from(one))));
  return Buffer.concat([...pieces.map((one) => redactor.push(Buffer.from(one))), redactor.end()]).toString();
}

/** The definition: each run of covered bytes is one mark. */
function byDefinition(text: string, patterns: string[]): string {
  const isCovered = new Array<boolean>(text.length).fill(false);
  for (const pattern of patterns) {
    for (let at = text.indexOf(pattern); at !== -1; at = text.indexOf(pattern, at + 1))
      isCovered.fill(true, at, at + pattern.length);
  }
  return Array.from(text)
    .map((char, i) => (isCovered[i] !== true ? char : isCovered[i - 1] === true ? '' : MARK.toString()))
    .join('');
}

t.test('the golden cases, which every host has to agree with', async (t) => {
  const cases = JSON.parse(readFileSync('test/fixtures/redaction.json', 'utf8')) as Case[];
  for (const one of cases) t.equal(redact(one), one.output, JSON.stringify(one));
});

t.test(
  'whatever the patterns, the text and its pieces, all that is covered is taken out, and nothing else',
  async () => {
    const word = (min: number, max: number) =>
      fc.string({ unit: fc.constantFrom('a', 'b'), minLength: min, maxLength: max });
    fc.assert(
      fc.property(
        fc.array(word(2, 6), { maxLength: 3 }),
        fc.array(word(0, 7), { maxLength: 12 }),
        (patterns, pieces) => {
          return redact({ patterns, pieces }) === byDefinition(pieces.join(''), patterns);
        },
      ),
      { numRuns: rounds(400) },
    );
  },
);

t.test('no more is held back than the longest pattern, however long a run goes on', async (t) => {
  const redactor = new Redactor([pattern('exact', Buffer.from('aaaaaa'))]);
  let given = 0;
  for (let i = 0; i < 1000; i++) given += redactor.push(Buffer.from('a'.repeat(100))).length;
  t.equal(given, MARK.length);
  t.equal(redactor.end().length, 0);
});

t.test('a text that is no valid UTF-8 is left as it is around what is taken out', async (t) => {
  const redactor = new Redactor([pattern('exact', Buffer.from('secret'))]);
  const out = Buffer.concat([
    redactor.push(Buffer.from([0xff, 0, ...Buffer.from('secret'), 0xfe])),
    redactor.end(),
  ]);
  t.same([...out], [0xff, 0, ...MARK, 0xfe]);
  t.equal(textRedactor([pattern('text', Buffer.from('secret'))])('ä secret ö'), 'ä [redacted] ö');
});

t.test('an escaped secret is found in whatever pieces it comes', async (t) => {
  const cases = (JSON.parse(readFileSync('test/fixtures/redaction.json', 'utf8')) as Case[]).filter(
    ({ form }) => form !== 'exact',
  );
  for (const one of cases) {
    const bytes = Buffer.from(one.pieces.join(''));
    const redactor = new Redactor(
      one.patterns.map((text) => pattern(one.form ?? 'exact', Buffer.from(text))),
    );
    const out = Array.from(bytes, (byte) => redactor.push(Buffer.of(byte)));
    t.equal(Buffer.concat([...out, redactor.end()]).toString(), one.output, one.output);
  }
});

t.test('what goes on without end like an escape or a line break holds nothing back', async (t) => {
  for (const [form, begin, endless] of [
    ['text', 'secre', '\\'],
    ['base64', 'abcd', '\n'],
  ] as const) {
    const redactor = new Redactor([pattern(form, Buffer.from(`${begin}tsecret`))]);
    let given = redactor.push(Buffer.from(begin)).length;
    for (let i = 0; i < 100; i++) given += redactor.push(Buffer.from(endless.repeat(10))).length;
    t.ok(given > 900, `${given} of 1000 are given out`);
  }
});
