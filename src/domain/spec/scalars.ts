// Numbers that a spec says of its process and that go to the runner host as they are: a line here, its use in each host, and
// nothing in between (docs/concepts/architecture.md shows which files).
import { z } from 'zod';

interface ScalarWords {
  least: number;
  most: number;
  about: string;
}

export const SCALARS = {
  nice: {
    least: 0,
    most: 19,
    about:
      'The niceness of its processes, as of nice(1): a higher number leaves more CPU time to others. Default: 0.',
  },
} as const satisfies Record<string, ScalarWords>;

export type ScalarName = keyof typeof SCALARS;
export const SCALAR_NAMES = Object.keys(SCALARS) as ScalarName[];

/** What is left out is as the system has it. */
export type Scalars = Partial<Record<ScalarName, number | undefined>>;

/** Their fields in a spec. */
export function scalarsShape() {
  const shape = Object.entries<ScalarWords>(SCALARS).map(([name, { least, most, about }]) => [
    name,
    z.int().min(least).max(most).optional().describe(about),
  ]);
  return Object.fromEntries(shape) as Record<ScalarName, z.ZodOptional<z.ZodInt>>;
}
