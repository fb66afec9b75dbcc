import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { MARK, Redactor, redactText } from '../../src/runner-host/redactor.ts';

interface Case {
  patterns: string[];
  pieces: string[];
  output: string;
}

function redact({ patterns, pieces }: Pick<Case, 'patterns' | 'pieces'>): string {
  const redactor = new Redactor(patterns.map((one) => Buffer.from(one)));
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
      { numRuns: 3000 },
    );
  },
);

t.test('no more is held back than the longest pattern, however long a run goes on', async (t) => {
  const redactor = new Redactor([Buffer.from('aaaaaa')]);
  let given = 0;
  for (let i = 0; i < 1000; i++) given += redactor.push(Buffer.from('a'.repeat(100))).length;
  t.equal(given, MARK.length);
  t.equal(redactor.end().length, 0);
});

t.test('a text that is no valid UTF-8 is left as it is around what is taken out', async (t) => {
  const redactor = new Redactor([Buffer.from('secret')]);
  const out = Buffer.concat([
    redactor.push(Buffer.from([0xff, 0, ...Buffer.from('secret'), 0xfe])),
    redactor.end(),
  ]);
  t.same([...out], [0xff, 0, ...MARK, 0xfe]);
  t.equal(redactText('ä secret ö', [Buffer.from('secret')]), 'ä [redacted] ö');
});
