// What a request asks for of the isolation of its process. It is never weaker than what the policy asks for.
import { z } from 'zod';
import { type Network, network, networkOf } from '../network.ts';
import { type Confinement, ISOLATION_TIERS, NOT_CONFINED, stronger } from '../isolation.ts';

export const rootName = z
  .string()
  .regex(/^[a-z][a-z0-9_.-]{0,99}$/, 'must be 1 to 100 of a-z 0-9 _ . - and begin with a letter');

export const sandboxShape = {
  isolation: z
    .enum(ISOLATION_TIERS)
    .optional()
    .describe('The least isolation of its process. Default, and never less: as the policy has it.'),
  network: network.optional(),
  root: rootName
    .optional()
    .describe(
      'Name of a root directory of this server (EXECUTION_ROOTS_FILE): it sees only the files of that directory. Implies `isolation: sandbox`.',
    ),
};

interface Asked {
  isolation?: Confinement['isolation'] | undefined;
  network?: z.infer<typeof network> | undefined;
  root?: string | undefined;
}

export function askedConfinement({ isolation = 'none', network, root }: Asked): Confinement {
  return {
    isolation: stronger(isolation, root === undefined ? NOT_CONFINED.isolation : 'sandbox'),
    network: askedNetwork({ network }),
  };
}

/** Null: as it is allowed. To ask for the whole network is no more than that: the policy says who may have it. */
function askedNetwork({ network: said }: Pick<Asked, 'network'>): Network | null {
  return said === undefined || said === true ? null : networkOf(said);
}

/** The root directories that there are. */
export interface Roots {
  /** Null where there is none of this name for the user, or for the operation. `writableBytes`: null for read-only. */
  find(
    name: string,
    whose: { userId: string; operation: string | null },
  ): { path: string; writableBytes: number | null } | null;
}

export const NO_ROOTS: Roots = Object.freeze({ find: () => null });
