// How a command tells of its progress: by lines of its output.
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
      z.literal('json'),
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
    { error: 'must be "json", or an object with pattern' },
  )
  .describe(
    'How the command reports progress in lines of its output. `json`: lines such as `{"percent": 40, "message": "…", "metrics": {"rows": 7}}`. `{"pattern": …}`: lines that match. The last such line is `progress` of the execution while it runs.',
  );
export type ProgressSpec = z.infer<typeof progress>;
