import t from 'tap';
import { streamEnd } from '../../src/domain/execution/result-text.ts';

t.test('the end of a stream begins with a line or a character, and says whether it is all', async (t) => {
  const rows: [about: string, text: string, most: number, isWhole: boolean, shown: string, isCut: boolean][] =
    [
      ['all of it', 'one\ntwo\n', 8, true, 'one\ntwo\n', false],
      ['nothing', '', 0, true, '', false],
      ['a line too many', 'one\ntwo\n', 7, true, 'two\n', true],
      ['a line that fits exactly', 'one\ntwo\n', 4, true, 'two\n', true],
      ['an end, though it would fit', 'e\ntwo\nthree\n', 20, false, 'two\nthree\n', true],
      ['a line longer than what may be shown', `${'x'.repeat(9)}y\n`, 4, true, 'xxy\n', true],
      [
        'a long line before a short one',
        `a\n${'x'.repeat(50)}\nb\n`,
        40,
        true,
        `${'x'.repeat(37)}\nb\n`,
        true,
      ],
      ['characters of two bytes', 'éééé', 3, true, 'é', true],
      ['characters of four bytes', '😀😀', 7, true, '😀', true],
      ['a byte order mark', '\ufeffa', 9, true, '\ufeffa', false],
      ['nothing may be shown', 'one\n', 0, true, '', true],
    ];
  for (const [about, text, most, isWhole, shown, isCut] of rows) {
    t.same(streamEnd(Buffer.from(text), most, isWhole), { text: shown, isCut }, about);
  }
});
