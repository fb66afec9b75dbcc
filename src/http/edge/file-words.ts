// Files of executions, as answers show them.
import { z } from 'zod';
import { count } from './schemas.ts';

export const artifact = z
  .strictObject({
    path: z.string().describe('Path below the private directory.'),
    size: count.describe('Bytes.'),
    digest: z.string().describe('SHA-256 of the bytes, in hexadecimal digits.'),
    media_type: z.string().describe('Media type by the ending of the name.'),
  })
  .describe('A file that an execution has left.');

export const filesEnd = z
  .strictObject({
    items: z
      .array(artifact)
      .readonly()
      .describe('The first 200 artifacts; the others are listed by their route.'),
    count: count.describe('How many there are.'),
    bytes: count.describe('Bytes of all.'),
    problems: z
      .array(
        z.strictObject({
          path: z.string().describe('The path or pattern.'),
          reason: z.string().describe('Why.'),
        }),
      )
      .readonly()
      .describe('Requested artifacts that execd did not keep.'),
    left: z
      .strictObject({
        count: count.describe('How many.'),
        bytes: count.describe('Bytes of all.'),
        paths: z.array(z.string()).readonly().describe('The first 20.'),
      })
      .describe(
        'Files that the command left in the private directory, that `artifacts` does not name, and that execd removed.',
      ),
  })
  .describe('The files of the last attempt, kept and left.');
