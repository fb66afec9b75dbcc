// The name of a pool of servers as a schema, apart from the words of pools: the thread of the store loads no schemas.
import { z } from 'zod';

const NAME = /^[a-z0-9][a-z0-9_.-]{0,62}$/;
const isPoolName = (name: string): boolean => NAME.test(name);

/** A pool as a request, a policy or a setting names it. */
export const poolName = z.string().refine(isPoolName, {
  error: ({ input }) =>
    `is ${JSON.stringify(String(input).slice(0, 80))}; the name of a pool must be 1 to 63 of a-z 0-9 _ . - and begin with a letter or digit`,
});
