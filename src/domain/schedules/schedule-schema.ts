// What a client may ask for of a schedule, but for its work, which other schemas describe.
import { z } from 'zod';
import { osString } from '../spec/spec.ts';

export const OVERLAPS = ['skip', 'queue', 'cancel_previous', 'allow'] as const;
export type Overlap = (typeof OVERLAPS)[number];
export const MISFIRES = ['skip', 'once', 'catch_up'] as const;
export type Misfire = (typeof MISFIRES)[number];

/** The shortest interval, milliseconds. */
export const MIN_EVERY_MS = 1000;
const YEAR_MS = 366 * 24 * 3600 * 1000;
const MAX_CATCH_UP = 100;

export const scheduleName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/,
    'must be 1 to 100 of A-Z a-z 0-9 _ . - and begin with a letter or digit',
  );

const instant = z.iso.datetime({
  offset: true,
  error: 'must be a time such as 2030-01-31T09:00:00Z, with Z or an offset',
});

const timezone = z
  .string()
  .max(100)
  .refine(isZone, {
    error: ({ input }) => `must be an IANA time zone such as Europe/Berlin, not ${JSON.stringify(input)}`,
  });

function isZone(timeZone: string): boolean {
  try {
    const zone = new Intl.DateTimeFormat('en', { timeZone });
    return /^[A-Za-z]/.test(zone.resolvedOptions().timeZone) && /^[A-Za-z]/.test(timeZone);
  } catch {
    return false;
  }
}

const whenShape = {
  cron: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe(
      'When, as cron: minute, hour, day, month, weekday; a sixth field in front is the second. For example `0 9 * * MON-FRI`. Give exactly one of `cron`, `every_ms` and `at`.',
    ),
  every_ms: z
    .int()
    .min(MIN_EVERY_MS)
    .max(YEAR_MS)
    .optional()
    .describe('Interval, milliseconds, counted from the creation of the schedule or its last change.'),
  at: instant.optional().describe('Once, at this time.'),
  timezone: timezone.optional().describe('Time zone of `cron`, for example `Europe/Berlin`. Default: UTC.'),
};
export type When = Readonly<z.infer<z.ZodObject<typeof whenShape>>>;

export const scheduleShape = {
  ...whenShape,
  description: osString.max(1000).optional().describe('A text of your choice.'),
  overlap: z
    .enum(OVERLAPS)
    .default('skip')
    .describe(
      'The effect if the run before has not ended. `skip` (default): skip this one. `queue`: start when it has ended. `cancel_previous`: cancel it, then start. `allow`: start at once.',
    ),
  misfire: z
    .enum(MISFIRES)
    .default('once')
    .describe(
      'The effect if execd was down or late at due times. `skip`: skip them. `once` (default): start once, for the latest. `catch_up`: start once for each, at most `max_catch_up`.',
    ),
  max_catch_up: z
    .int()
    .min(1)
    .max(MAX_CATCH_UP)
    .default(10)
    .describe('With `catch_up`: most missed due times that are made up for, the latest ones.'),
  jitter_ms: z
    .int()
    .min(0)
    .max(24 * 3600 * 1000)
    .default(0)
    .describe(
      'Each start is late by a part of this, milliseconds. The part is the same for the same due time.',
    ),
  max_runs: z.int().min(1).max(1_000_000_000).optional().describe('Ends after this many runs.'),
  ends_at: instant.optional().describe('No run is due after this time.'),
  silent_after_ms: z
    .int()
    .min(MIN_EVERY_MS)
    .max(YEAR_MS)
    .optional()
    .describe(
      'Reports the schedule as silent if none of its runs has completed for this time, milliseconds: once, with the webhook event `silent`, until a run completes. Default: never.',
    ),
  paused: z.boolean().default(false).describe('Create it paused.'),
};
