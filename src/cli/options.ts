// What options of several commands have in common.
import { pairs } from './units.ts';

/** Gathers an option that may be given more than once. */
export const many = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** Labels as a filter of the API takes them. */
export function labelFilter(labels: readonly string[] | undefined): string[] | undefined {
  if (labels === undefined) return undefined;
  return Object.entries(pairs(labels, '--label')).map((pair) => pair.join('='));
}

/** The first ones, as many as `--limit` says. */
export async function firstOf<Row>(rows: AsyncIterable<Row>, most: number): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of rows) if (found.push(row) >= most) break;
  return found;
}
