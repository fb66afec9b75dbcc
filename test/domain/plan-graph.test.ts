import fc from 'fast-check';
import t from 'tap';
import {
  Ancestors,
  circleOf,
  criticalPath,
  followersOf,
  type Graph,
  graphOf,
  levelsOf,
  type Node,
  stepsBefore,
} from '../../src/domain/plans/plan-graph.ts';
import type { PlanSpec, StepSpec } from '../../src/domain/spec/plan.ts';
import { PlanState } from '../../src/domain/plans/plan-state.ts';

const step = (name: string, more: Partial<StepSpec> = {}): StepSpec => ({ name, kind: 'exec', ...more });
const plan = (more: Partial<PlanSpec>): PlanSpec => ({
  ...{ kind: 'plan', strategy: { type: 'dependency_graph' }, steps: [] },
  ...more,
});

/** Steps that each come after some of those before; as they are, and under other numbers. */
const acyclic = fc.integer({ min: 1, max: 40 }).chain((size) =>
  fc
    .tuple(
      fc.tuple(
        ...Array.from({ length: size }, (_, i) =>
          i === 0 ? fc.constant<number[]>([]) : fc.uniqueArray(fc.nat(i - 1), { maxLength: 4 }),
        ),
      ),
      fc.shuffledSubarray(
        Array.from({ length: size }, (_, i) => i),
        { minLength: size },
      ),
    )
    .map(([before, names]) => {
      const shuffled: number[][] = before.map(() => []);
      before.forEach((list, i) => (shuffled[names[i] as number] = list.map((j) => names[j] as number)));
      return shuffled;
    }),
);

/** Whether a step comes before another, found by walking. */
function comesBefore(before: readonly (readonly number[])[], step: number, other: number): boolean {
  return (before[step] as number[]).some((j) => j === other || comesBefore(before, j, other));
}

function ancestorsOf(before: readonly (readonly number[])[]): Ancestors {
  const work = Ancestors.of(before, levelsOf(before) ?? []);
  for (;;) {
    const piece = work.next();
    if (piece.done === true) return piece.value;
  }
}

t.test('each strategy says which steps come right before which', async (t) => {
  const steps = [step('a'), step('b', { depends_on: ['a', 'a', 'no'] }), step('c', { depends_on: ['b'] })];
  t.same(stepsBefore(plan({ steps, strategy: { type: 'serial' } })), [[], [0], [1]]);
  t.same(stepsBefore(plan({ steps, strategy: { type: 'parallel' } })), [[], [], []]);
  const dependencies = { '2': [0, 1, 9] };
  t.same(stepsBefore(plan({ steps, strategy: { type: 'dependency_graph', dependencies } })), [
    [],
    [0],
    [1, 0],
  ]);
});

t.test('a loop over a list is a graph of its rounds, one on a condition has none yet', async (t) => {
  const steps = [step('each')];
  const over = graphOf(plan({ steps, loop: { items: ['x', 'y'], stopOnError: true } }));
  t.match(over, { stopsOnError: true, nodes: { length: 2 } });
  t.match(over.nodes[1], { name: 'each[1]', round: { item: 'y', index: 1 }, before: [] });
  t.same(graphOf(plan({ steps, loop: { condition: 'true', maxIterations: 3, steps: {} } })).nodes, []);
});

t.test('levels hold every step once, each after all that it needs', async () => {
  fc.assert(
    fc.property(acyclic, (before) => {
      const levels = levelsOf(before) ?? [];
      const levelOf = new Map(levels.flatMap((level, n) => level.map((i) => [i, n] as const)));
      const isLowest = before.every((list, i) => {
        const lowest = Math.max(-1, ...list.map((j) => levelOf.get(j) as number)) + 1;
        return levelOf.get(i) === lowest;
      });
      return levels.flat().length === before.length && levelOf.size === before.length && isLowest;
    }),
  );
});

t.test('there is a circle exactly where there are no levels, and it is one', async (t) => {
  const any = fc
    .integer({ min: 1, max: 12 })
    .chain((size) =>
      fc.array(fc.uniqueArray(fc.nat(size - 1), { maxLength: 3 }), { minLength: size, maxLength: size }),
    );
  fc.assert(
    fc.property(any, (before) => {
      const circle = circleOf(before);
      if (circle === null) return levelsOf(before) !== null;
      const follows = circle.slice(1).every((i, k) => before[i]?.includes(circle[k] as number));
      return levelsOf(before) === null && circle[0] === circle.at(-1) && circle.length > 1 && follows;
    }),
  );
  t.equal(circleOf(Array.from({ length: 10_000 }, (_, i) => (i === 0 ? [] : [i - 1]))), null, 'a long chain');
});

t.test('ancestors are those that come before, directly or not', async () => {
  fc.assert(
    fc.property(acyclic, (before) => {
      const ancestors = ancestorsOf(before);
      return before.every((_, i) =>
        before.every((_, j) => ancestors.has(i, j) === comesBefore(before, i, j)),
      );
    }),
  );
});

t.test('the critical path is a way through the graph, and none takes longer', async (t) => {
  const timed = acyclic.chain((before) =>
    fc.tuple(
      fc.constant(before),
      fc.array(fc.nat(50), { minLength: before.length, maxLength: before.length }),
    ),
  );
  fc.assert(
    fc.property(timed, ([before, took]) => {
      const { steps, durationMs } = criticalPath(before, took);
      const longest = (levelsOf(before) ?? []).flat().reduce<number[]>((sums, i) => {
        sums[i] = (took[i] as number) + Math.max(0, ...(before[i] as number[]).map((j) => sums[j] as number));
        return sums;
      }, []);
      const isWay = steps.slice(1).every((i, k) => before[i]?.includes(steps[k] as number));
      const sum = steps.reduce((total, i) => total + (took[i] as number), 0);
      return isWay && sum === durationMs && durationMs === Math.max(...longest);
    }),
  );
  t.same(criticalPath([], []), { steps: [], durationMs: 0 });
});

const graphFor = (
  before: readonly (readonly number[])[],
  more: Partial<Graph> & { node?: Partial<Node>[] } = {},
) => {
  const nodes = before.map((list, i): Node => ({
    ...{
      name: `s${i}`,
      step: step(`s${i}`),
      before: list,
      runIf: 'success',
      continueOnError: false,
      round: null,
    },
    ...more.node?.[i],
  }));
  return { maxLive: null, stopsOnError: false, ...more, nodes };
};

t.test(
  'every step begins after those before it, within the limit, ends once, and is told why it is not begun',
  async () => {
    const drawn = fc.tuple(
      acyclic,
      fc.infiniteStream(fc.nat(1000)),
      fc.option(fc.integer({ min: 1, max: 4 })),
    );
    fc.assert(
      fc.property(drawn, ([before, random, maxLive]) => {
        const draw = (n: number) => (random.next().value as number) % n;
        const node = before.map((): Partial<Node> => ({
          runIf: (['success', 'success', 'failure', 'always'] as const)[draw(4)] ?? 'success',
          continueOnError: draw(5) === 0,
        }));
        const state = new PlanState(graphFor(before, { node, maxLive }));
        const live: number[] = [];
        for (let moves = 0; !state.hasEnded; moves++) {
          if (moves > before.length * 4) return false;
          const due = state.next();
          if (due === null) {
            const [ended] = live.splice(draw(live.length), 1);
            if (ended === undefined) return false;
            state.end(ended, draw(3) === 0 ? 'failed' : 'completed');
            state.end(ended, 'failed');
            continue;
          }
          const open = (before[due.step] as number[]).filter((i) =>
            ['pending', 'running'].includes(state.step(i).status),
          );
          const areWell = (before[due.step] as number[]).every((i) => state.step(i).isWell);
          const expected = { success: areWell, failure: !areWell, always: true };
          if (open.length > 0 || state.step(due.step).status !== 'pending') return false;
          if ((due.skip === null) !== expected[node[due.step]?.runIf ?? 'success']) return false;
          if (due.skip !== null) state.skip(due.step, due.skip);
          else {
            state.begin(due.step);
            live.push(due.step);
          }
          if (state.live !== live.length || live.length > (maxLive ?? Infinity)) return false;
        }
        return live.length === 0 && state.next() === null;
      }),
    );
  },
);

t.test(
  'a step that could not be begun is the next again, and what comes twice changes nothing',
  async (t) => {
    const state = new PlanState(graphFor([[], []]));
    state.begin(0);
    state.begin(0);
    t.equal(state.live, 1);
    t.same(state.next(), { step: 1, skip: null }, 'what began elsewhere is not due');
    state.begin(1);
    state.putBack(1);
    state.putBack(1);
    t.equal(state.live, 1);
    t.same(state.next(), { step: 1, skip: null });
  },
);

t.test('a loop that stops on an error skips the rounds that have not begun', async (t) => {
  const state = new PlanState(graphFor([[], [], []], { stopsOnError: true, maxLive: 1 }));
  state.begin(0);
  state.end(0, 'failed');
  t.same(state.next(), { step: 1, skip: 'stopped' });
  state.skip(1, 'stopped');
  t.same(state.failed(), [0], 'which have not failed');
});

t.test('a round that is added is due, also after all others have ended', async (t) => {
  const state = new PlanState(graphFor([]));
  t.ok(state.hasEnded);
  const added = state.append(graphFor([[]]).nodes[0] as Node);
  t.notOk(state.hasEnded);
  t.same(state.next(), { step: added, skip: null });
});

t.test('followers are the same as what is before, seen from the other end', async () => {
  fc.assert(
    fc.property(acyclic, (before) => {
      const after = followersOf(before);
      return before.every((_, i) => before.every((list, j) => list.includes(i) === after[i]?.includes(j)));
    }),
  );
});
