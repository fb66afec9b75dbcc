import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import {
  decodeRecord,
  encodeRecords,
  INDEX_MAGIC,
  type IndexRecord,
  unfinishedUtf8,
} from '../../src/journal/journal-format.ts';
import { rounds } from '../helpers/rounds.ts';

const RECORDS: IndexRecord[] = [
  { offset: 0, length: 6, stream: 'stdout', time: 1_700_000_000_000 },
  { offset: 6, length: 65_536, stream: 'stderr', time: 1_700_000_000_001 },
  { offset: 2 ** 33, length: 1, stream: 'stdout', time: 1_999_999_999_999 },
];

t.test('the index is written as the golden file has it', async (t) => {
  const golden = readFileSync(new URL('../fixtures/journal/three-records.idx', import.meta.url));
  t.ok(Buffer.concat([INDEX_MAGIC, encodeRecords(RECORDS)]).equals(golden));
});

t.test('the golden file is read as it was meant', async (t) => {
  const golden = readFileSync(new URL('../fixtures/journal/three-records.idx', import.meta.url));
  t.same(
    RECORDS.map((_, i) => decodeRecord(golden, INDEX_MAGIC.length + i * 24)),
    RECORDS,
  );
});

t.test('zeros, as a crash of the machine may leave them, are no record', async (t) => {
  t.equal(decodeRecord(Buffer.alloc(24), 0), null);
});

t.test('a cut before an unfinished character leaves valid UTF-8 on its left', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 20 }), fc.nat(), (text, where) => {
      const bytes = Buffer.from(text.toWellFormed());
      const head = bytes.subarray(0, where % (bytes.length + 1));
      const whole = head.subarray(0, head.length - unfinishedUtf8(head));
      new TextDecoder('utf-8', { fatal: true }).decode(whole);
      return head.length - whole.length <= 3;
    }),
    { numRuns: rounds(100) },
  );
  t.equal(
    unfinishedUtf8(Buffer.from([0x80, 0x80, 0x80, 0x80])),
    0,
    'what can never become a character is not held back',
  );
  t.equal(unfinishedUtf8(Buffer.alloc(0)), 0);
});
