import t from 'tap';
import { mayHold, mayTake, surplusOf } from '../../src/domain/shares.ts';

t.test(
  'a user alone may take all, others get an equal part beside, and twice the bound is the end',
  async (t) => {
    const table: [own: number, total: number, users: number, more: number, may: boolean][] = [
      [9, 9, 1, 1, true],
      [10, 10, 1, 1, false],
      [0, 10, 2, 5, true],
      [0, 10, 2, 6, false],
      [4, 14, 2, 1, true],
      [5, 15, 2, 1, false],
      [0, 19, 4, 1, true],
      [0, 19, 4, 2, false],
    ];
    for (const [own, total, users, more, may] of table)
      t.equal(
        mayTake({ own, total, users }, more, 10),
        may,
        `${own} of ${total}, ${users} users, ${more} more`,
      );
  },
);

t.test('what cannot go over its bound is held by nobody in so far that others find nothing', async (t) => {
  const table: [own: number, total: number, as: Parameters<typeof mayHold>[2], may: boolean][] = [
    [0, 0, 'long', true],
    [4, 4, 'long', true],
    [5, 5, 'long', false],
    [0, 9, 'long', true],
    [0, 10, 'long', false],
    [5, 5, 'short', true],
    [7, 7, 'short', true],
    [8, 8, 'short', false],
    [9, 9, 'all', true],
    [10, 10, 'all', false],
  ];
  for (const [own, total, as, may] of table)
    t.equal(mayHold({ own, total }, 10, as), may, `${own} of ${total}, ${as}`);
});

t.test('what is too much is taken from those who have most, down to one level', async (t) => {
  const table: [taken: Record<string, number>, surplus: number, cuts: Record<string, number>][] = [
    [{ a: 5 }, 0, {}],
    [{ a: 5 }, -3, {}],
    [{ a: 5 }, 2, { a: 2 }],
    [{ a: 5 }, 9, { a: 5 }],
    [{ a: 1, b: 400 }, 201, { b: 201 }],
    [{ a: 10, b: 30, c: 20 }, 10, { b: 10 }],
    [{ a: 10, b: 30, c: 20 }, 20, { b: 15, c: 5 }],
    [{ a: 10, b: 30, c: 20 }, 45, { b: 25, c: 15, a: 5 }],
    [{ a: 1, b: 1, c: 1, d: 0 }, 1, { a: 1 }],
    [{}, 5, {}],
  ];
  for (const [taken, surplus, cuts] of table)
    t.same(
      Object.fromEntries(surplusOf(Object.entries(taken), surplus)),
      cuts,
      JSON.stringify([taken, surplus]),
    );
});
