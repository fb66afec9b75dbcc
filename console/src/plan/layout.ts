// Where the steps of a plan are drawn: dagre for what one can look at, plain columns for what one can only scroll through.
import { graphlib, layout } from '@dagrejs/dagre';
import type { StepState } from '../../../src/client/types.ts';

export const NODE = { width: 138, height: 42 } as const;
/** dagre takes more than a second for more. */
const MOST_FOR_DAGRE = 250;
const GAP = { x: 30, y: 14 };

export interface Place {
  x: number;
  y: number;
}

type Shape = readonly Pick<StepState, 'name' | 'depends_on'>[];

export function placesOf(steps: Shape): Map<string, Place> {
  return steps.length > MOST_FOR_DAGRE ? inColumns(steps) : byDagre(steps);
}

function byDagre(steps: Shape): Map<string, Place> {
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: GAP.y, ranksep: GAP.x });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { name } of steps) graph.setNode(name, { ...NODE });
  for (const { name, depends_on: before } of steps) for (const one of before) graph.setEdge(one, name);
  layout(graph);
  return new Map(
    steps.map(({ name }) => {
      const { x, y } = graph.node(name) as Place;
      return [name, { x: x - NODE.width / 2, y: y - NODE.height / 2 }];
    }),
  );
}

/** A column for each level: a step is one level after the last of those that it waits for. */
function inColumns(steps: Shape): Map<string, Place> {
  const byName = new Map(steps.map((step) => [step.name, step]));
  const levels = new Map<string, number>();
  const levelOf = (name: string): number => {
    const known = levels.get(name);
    if (known !== undefined) return known;
    // Of a circle, which a plan cannot have.
    levels.set(name, 0);
    const before = byName.get(name)?.depends_on ?? [];
    const level = before.reduce((most, one) => Math.max(most, levelOf(one) + 1), 0);
    levels.set(name, level);
    return level;
  };
  const filled = new Map<number, number>();
  return new Map(
    steps.map(({ name }) => {
      const level = levelOf(name);
      const row = filled.get(level) ?? 0;
      filled.set(level, row + 1);
      return [name, { x: level * (NODE.width + GAP.x), y: row * (NODE.height + GAP.y) }];
    }),
  );
}
