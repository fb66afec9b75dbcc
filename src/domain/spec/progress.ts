// How a command tells of its progress: by lines of its output, or of a descriptor for that alone.
import { z } from 'zod';

const NAMED = /\(\?<(?:percent|message)>/;
/** What RE2 does not have: its time is in proportion to the text. */
const NOT_LINEAR = /\(\?<?[=!]|\\[1-9]|\\k</;

function isPattern(source: string): boolean {
  try {
    return new RegExp(source, 'u').source !== '';
  } catch {
    return false;
  }
}

export const progress = z
  .union(
    [
      z.enum(['json', 'fd']),
      z.strictObject({
        pattern: z
          .string()
          .min(1)
          .max(500)
          .refine(isPattern, 'must be a regular expression')
          .refine(
            (source) => !NOT_LINEAR.test(source),
            'must have neither look-around nor back-references (RE2)',
          )
          .refine((source) => NAMED.test(source), 'must have a group (?<percent>…) or (?<message>…)')
          .describe('RE2 with a group `percent`, a group `message`, or both.'),
      }),
    ],
    { error: 'must be "json", "fd", or an object with pattern' },
  )
  .describe(
    'How the command reports progress. `json`: lines such as `{"percent": 40, "message": "…", "metrics": {"rows": 7}}` among its output. `fd`: such lines on the descriptor that `EXECUTION_PROGRESS_FD` names, apart from its output. `{"pattern": …}`: lines of its output that match. The last such line is `progress` of the execution while it runs.',
  );
export type ProgressSpec = z.infer<typeof progress>;
