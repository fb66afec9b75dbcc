import t from 'tap';
import type { EndPlace } from '../../../src/domain/ports/store.ts';
import { type OldEnd, Removals } from '../../../src/store/removals.ts';
import { Usages } from '../../../src/store/usages.ts';

/** Ends in the order of their times; what is odd is a plan. */
function world(many: number, isKept: (id: string) => boolean) {
  let ends = Array.from({ length: many }, (_, i): OldEnd => {
    const id = String(i).padStart(4, '0');
    return {
      id: id,
      kind: i % 2 === 1 ? 'plan' : 'exec',
      finishedAt: 100 + Math.floor(i / 3),
    };
  });
  const looked: string[] = [];
  const isAfter = (one: OldEnd, { finishedAt, id }: EndPlace) =>
    one.finishedAt > finishedAt || (one.finishedAt === finishedAt && one.id > id);
  const removals = new Removals(() => new Usages(), {
    endedBefore: async (hasFailed, before, after, limit) =>
      hasFailed ? [] : ends.filter((one) => one.finishedAt < before && isAfter(one, after)).slice(0, limit),
    hasFailedStep: async (id) => {
      looked.push(id);
      return isKept(id);
    },
    leastWanted: async () => [],
    hasLogs: async () => true,
    pause: async () => undefined,
  });
  /** One round: all that is found is removed. */
  const round = async (finishedBefore: number, failedBefore: number, limit = 10) => {
    const gone: string[] = [];
    for (;;) {
      const found = await removals.expired({ finishedBefore, failedBefore }, Infinity, limit);
      if (found.length === 0) return gone;
      const ids = new Set(found.map(({ id }) => id));
      ends = ends.filter(({ id }) => !ids.has(id));
      gone.push(...ids);
    }
  };
  return { round, looked, left: () => ends.map(({ id }) => id), rename: (to: OldEnd[]) => (ends = to) };
}

t.test(
  'plans that are kept for a failed step are looked at once, and go when their time is over',
  async (t) => {
    const isKept = (id: string) => Number(id) % 4 === 1;
    const on = world(90, isKept);
    t.equal((await on.round(115, 0)).length, 45 - 11);
    const before = on.looked.length;
    t.same(await on.round(115, 0), [], 'nothing more goes');
    t.equal(on.looked.length, before, 'and nothing is looked at again');
    const more = await on.round(200, 0);
    t.ok(more.every((id) => !isKept(id)));
    const fresh = on.looked.slice(before);
    t.ok(
      fresh.every((id) => Number(id) >= 44),
      'only what has ended since is looked at',
    );
    t.ok(on.left().every(isKept));
    t.ok(new Set(fresh).size === fresh.length || fresh.length < 2 * new Set(fresh).size);
    await on.round(200, 110);
    t.ok(
      on.left().every((id) => Number(id) >= 30),
      'after their own time they go without a look',
    );
    await on.round(200, 200);
    t.same(on.left(), []);
  },
);

t.test('a clock that is set back begins from the first again', async (t) => {
  const on = world(6, () => true);
  await on.round(200, 0);
  on.rename([{ id: '0001', kind: 'exec', finishedAt: 50 }]);
  t.same(await on.round(100, 0), ['0001']);
});
