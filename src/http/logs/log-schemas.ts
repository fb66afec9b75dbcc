// Queries of logs.
import { z } from 'zod';
import { digits, flag, instant } from '../edge/query.ts';
import { searchQuery } from '../edge/search-query.ts';

/** Where to go on reading a log: attempt and offset. */
export const LOG_CURSOR = /^\d{1,7}\.\d{1,15}$/;

export const logStream = z
  .enum(['all', 'stdout', 'stderr'])
  .default('all')
  .describe('Which of the two streams.');
export const follow = flag()
  .default(false)
  .describe('Continue until the end, while output is being written.');
export const logsQuery = z.strictObject({
  stream: logStream,
  format: z
    .enum(['text', 'ndjson', 'sse', 'raw'])
    .default('text')
    .describe(
      '`text`: UTF-8. `ndjson`: one JSON object for each piece, with stream and time. `sse`: the same as server-sent events. `raw`: the bytes as they were written.',
    ),
  follow,
  attempt: digits(1, 1_000_000, 'Only this attempt.').optional(),
  cursor: z
    .string()
    .regex(LOG_CURSOR, 'must be ATTEMPT.OFFSET, as cursor in a record of the log')
    .optional()
    .describe('Continue after this position: the `cursor` of the last record that you have.'),
  since: instant.optional().describe('Only output that the command wrote at or after this time.'),
  tail: digits(0, 10_000_000, 'Only the last lines of the last attempt.').optional(),
  ...searchQuery,
  timestamps: flag().default(false).describe('With `text`: begin each line with the time of its beginning.'),
  download: flag()
    .default(false)
    .describe('Have browsers save the log as a file that is named after the execution.'),
  limit_bytes: digits(1, Number.MAX_SAFE_INTEGER, 'Stop after this number of bytes.').optional(),
});
export type LogsQuery = z.infer<typeof logsQuery>;
