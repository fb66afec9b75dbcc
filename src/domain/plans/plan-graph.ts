// The graph of a plan: which steps come before which. Steps are numbered as they are written; everything here is pure.
import type { PlanSpec, RunIf, StepSpec } from '../spec/plan.ts';

export interface Node {
  name: string;
  step: StepSpec;
  /** Numbers of the steps that end before it, each once. */
  before: readonly number[];
  runIf: RunIf;
  continueOnError: boolean;
  /** Of a round in a loop: what is known to it alone. */
  round: Readonly<Record<string, unknown>> | null;
}

export interface Graph {
  nodes: readonly Node[];
  /** Steps at a time; null is no limit. */
  maxLive: number | null;
  /** Whether what has failed keeps everything from being begun that has not. */
  stopsOnError: boolean;
}

/** What a strategy says of the order: for each step those before it, by number. Unknown names are left out. */
export function stepsBefore(plan: Pick<PlanSpec, 'strategy' | 'steps'>): number[][] {
  const { strategy, steps } = plan;
  switch (strategy.type) {
    case 'serial':
      return steps.map((_, i) => (i === 0 ? [] : [i - 1]));
    case 'parallel':
      return steps.map(() => []);
    case 'dependency_graph': {
      const numbers = new Map(steps.map(({ name }, i) => [name, i]));
      return steps.map((step, i) => {
        const named = (step.depends_on ?? []).flatMap((name) => numbers.get(name) ?? []);
        const indexed = (strategy.dependencies?.[String(i)] ?? []).filter((j) => j < steps.length);
        return [...new Set([...named, ...indexed])];
      });
    }
    default:
      return strategy satisfies never;
  }
}

/** The graph of a valid plan; of a loop over a list its rounds. A loop on a condition has none yet. */
export function graphOf(plan: PlanSpec): Graph {
  const { strategy, steps, loop } = plan;
  const maxLive = strategy.type === 'serial' ? 1 : (strategy.max_concurrency ?? null);
  if (loop !== undefined) {
    const [step] = steps as [StepSpec];
    if (!('items' in loop)) return { nodes: [], maxLive, stopsOnError: true };
    const nodes = loop.items.map((item, index) => roundOf(step, index, { item, index }));
    return { nodes, maxLive, stopsOnError: loop.stopOnError };
  }
  const before = stepsBefore(plan);
  const nodes = steps.map((step, i): Node => ({
    name: step.name,
    step,
    before: before[i] as number[],
    runIf:
      strategy.type === 'serial' && strategy.stop_on_error === false
        ? (step.run_if ?? 'always')
        : (step.run_if ?? 'success'),
    continueOnError: step.continue_on_error ?? false,
    round: null,
  }));
  return { nodes, maxLive, stopsOnError: false };
}

/** One round of a loop: the same step under a name of its own. */
export function roundOf(step: StepSpec, index: number, round: Readonly<Record<string, unknown>>): Node {
  return {
    name: `${step.name}[${index}]`,
    step,
    before: [],
    runIf: 'success',
    continueOnError: false,
    round,
  };
}

/** The steps by level: each level needs only steps of those before. Null when they go round in a circle. */
export function levelsOf(before: readonly (readonly number[])[]): number[][] | null {
  const after = followersOf(before);
  const open = before.map((list) => list.length);
  const levels: number[][] = [];
  let level = open.flatMap((n, i) => (n === 0 ? [i] : []));
  let seen = 0;
  while (level.length > 0) {
    levels.push(level);
    seen += level.length;
    const next: number[] = [];
    for (const i of level) {
      for (const j of after[i] as number[]) {
        open[j] = (open[j] as number) - 1;
        if (open[j] === 0) next.push(j);
      }
    }
    level = next.sort((a, b) => a - b);
  }
  return seen === before.length ? levels : null;
}

/** For each step those that come right after it. */
export function followersOf(before: readonly (readonly number[])[]): number[][] {
  const after: number[][] = before.map(() => []);
  before.forEach((list, i) => {
    for (const j of list) (after[j] as number[]).push(i);
  });
  return after;
}

/** One circle, beginning and ending with the same step; null when there is none. */
export function circleOf(before: readonly (readonly number[])[]): number[] | null {
  const state = new Uint8Array(before.length);
  for (let root = 0; root < before.length; root++) {
    if (state[root] !== 0) continue;
    // A plan may be a chain of thousands: the way is kept here, not on the stack.
    const way: { step: number; next: number }[] = [{ step: root, next: 0 }];
    state[root] = 1;
    while (way.length > 0) {
      const here = way.at(-1) as { step: number; next: number };
      const to = before[here.step]?.[here.next];
      here.next += 1;
      if (to === undefined) {
        state[here.step] = 2;
        way.pop();
      } else if (state[to] === 1) {
        const circle = way.map(({ step }) => step);
        return [...circle.slice(circle.indexOf(to)), to].reverse();
      } else if (state[to] === 0) {
        state[to] = 1;
        way.push({ step: to, next: 0 });
      }
    }
  }
  return null;
}

/** Which steps end before which, directly or not: one bit each. */
export class Ancestors {
  readonly #words: number;
  readonly #bits: Uint32Array;

  private constructor(size: number) {
    this.#words = Math.ceil(size / 32);
    this.#bits = new Uint32Array(this.#words * size);
  }

  /** Works them out, in pieces of a few milliseconds. */
  static *of(
    before: readonly (readonly number[])[],
    levels: readonly (readonly number[])[],
  ): Generator<undefined, Ancestors> {
    const ancestors = new Ancestors(before.length);
    let left = PIECE_OF_ANCESTORS;
    for (const i of levels.flat()) {
      for (const j of before[i] as number[]) {
        ancestors.#add(i, j);
        if (--left > 0) continue;
        left = PIECE_OF_ANCESTORS;
        yield;
      }
    }
    return ancestors;
  }

  #add(step: number, before: number): void {
    const to = step * this.#words;
    const from = before * this.#words;
    for (let k = 0; k < this.#words; k++) {
      this.#bits[to + k] = (this.#bits[to + k] as number) | (this.#bits[from + k] as number);
    }
    const at = to + (before >>> 5);
    this.#bits[at] = (this.#bits[at] as number) | (1 << (before & 31));
  }

  has(step: number, before: number): boolean {
    return ((this.#bits[step * this.#words + (before >>> 5)] as number) & (1 << (before & 31))) !== 0;
  }
}

/** Dependencies; each costs as many words as there are steps by 32. */
const PIECE_OF_ANCESTORS = 2000;

/** A longest way through the graph, by what each step has taken, milliseconds. */
export function criticalPath(
  before: readonly (readonly number[])[],
  durationMs: readonly number[],
): { steps: number[]; durationMs: number } {
  const total = new Array<number>(before.length).fill(0);
  const via = new Array<number>(before.length).fill(-1);
  let last = -1;
  for (const i of (levelsOf(before) ?? []).flat()) {
    let longest = 0;
    for (const j of before[i] as number[]) {
      if ((total[j] as number) <= longest && via[i] !== -1) continue;
      longest = total[j] as number;
      via[i] = j;
    }
    total[i] = longest + (durationMs[i] ?? 0);
    if (last === -1 || total[i] > (total[last] as number)) last = i;
  }
  const steps: number[] = [];
  for (let i = last; i !== -1; i = via[i] as number) steps.push(i);
  return { steps: steps.reverse(), durationMs: last === -1 ? 0 : (total[last] as number) };
}
