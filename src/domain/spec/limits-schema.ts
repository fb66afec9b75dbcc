// Limits as a request or an operation gives them.
import { z } from 'zod';
import { eachLimit, LIMITS, type ResourceLimits } from '../limits.ts';

/** The fields of a block of limits; none may be above its maximum. */
export function limitsShape(most: ResourceLimits) {
  return eachLimit((name) => {
    const { least, about, setting } = LIMITS[name];
    const max = most[name] ?? Number.MAX_SAFE_INTEGER;
    const message =
      most[name] === undefined
        ? undefined
        : {
            error: ({ input }: { input?: unknown }) =>
              `must be at most ${max} (${setting}), not ${String(input)}`,
          };
    // An operator may set less than anybody could sensibly ask for.
    return z.int().min(Math.min(least, max)).max(max, message).optional().describe(about);
  });
}
