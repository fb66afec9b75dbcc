// The graph of a plan, from a file or from what runs: as text, and as Mermaid.
import type { Plan, PlanRequest } from '../client/index.ts';
import { plain } from './units.ts';

export interface Step {
  name: string;
  before: string[];
  status?: string;
}

export function stepsOfFile({ strategy, steps }: PlanRequest): Step[] {
  const names = steps.map(({ name }, i) => name ?? `step_${i}`);
  return steps.map((step, i) => {
    const name = names[i] as string;
    if (strategy.type === 'serial') return { name, before: i === 0 ? [] : [names[i - 1] as string] };
    if (strategy.type === 'parallel') return { name, before: [] };
    const { dependencies = {} } = strategy as { dependencies?: Record<string, number[]> };
    const byIndex = (dependencies[String(i)] ?? []).map((one) => names[one] ?? String(one));
    return { name, before: [...new Set([...(step.depends_on ?? []), ...byIndex])] };
  });
}

export function stepsOfPlan({ steps = [] }: Plan): Step[] {
  return steps.map(({ name, depends_on: before, status }) => ({ name, before, status }));
}

/** Levels from top to bottom; each step with those that it waits for. */
export function asText(steps: readonly Step[]): string {
  const level = levelsOf(steps);
  const depth = Math.max(0, ...level.values());
  const lines: string[] = [];
  for (let i = 0; i <= depth; i++) {
    for (const { name, before, status } of steps.filter((step) => level.get(step.name) === i)) {
      const waits = before.length === 0 ? '' : `  <- ${before.map(plain).join(', ')}`;
      lines.push(`${'  '.repeat(i)}${plain(name)}${status === undefined ? '' : ` (${status})`}${waits}`);
    }
  }
  return lines.join('\n');
}

/** How many steps are before each, in its longest chain. */
export function levelsOf(steps: readonly Step[]): Map<string, number> {
  const levels = new Map<string, number>();
  const byName = new Map(steps.map((step) => [step.name, step]));
  // As many rounds as the longest chain can have; a circle, which the server refuses, ends with them.
  for (let round = 0, isChanged = true; isChanged && round <= steps.length; round++) {
    isChanged = false;
    for (const { name, before } of steps) {
      const level =
        Math.max(-1, ...before.filter((one) => byName.has(one)).map((one) => levels.get(one) ?? 0)) + 1;
      if (levels.get(name) !== level) isChanged = true;
      levels.set(name, level);
    }
  }
  return levels;
}

export function asMermaid(steps: readonly Step[]): string {
  const idOf = new Map(steps.map(({ name }, i) => [name, `s${i}`]));
  const label = (text: string) => plain(text).replaceAll('"', '#quot;').replaceAll('<', '#lt;');
  const nodes = steps.map(({ name, status }) => {
    const kind = status === undefined ? '' : `:::${status}`;
    return `  ${idOf.get(name) ?? ''}["${label(name)}"]${kind}`;
  });
  const arrows = steps.flatMap(({ name, before }) =>
    before.map((one) => `  ${idOf.get(one) ?? ''} --> ${idOf.get(name) ?? ''}`),
  );
  const classes = Object.entries(COLOURS).map(([status, fill]) => `  classDef ${status} fill:${fill}`);
  const hasStatus = steps.some(({ status }) => status !== undefined);
  return ['graph TD', ...nodes, ...arrows, ...(hasStatus ? classes : [])].join('\n');
}

const COLOURS = {
  ...{ completed: '#c8e6c9', failed: '#ffcdd2', timed_out: '#ffcdd2', cancelled: '#fff9c4' },
  ...{ running: '#bbdefb', pending: '#eeeeee', skipped: '#f5f5f5' },
};
