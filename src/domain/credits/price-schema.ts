// Prices as the credits file and operations give them.
import { z } from 'zod';
import { RUN_KINDS } from '../kinds.ts';
import { MAX_CREDITS } from '../cost.ts';

/** Greatest number in a price. */
export const MAX_PRICE = 1_000_000_000;
const DAY_S = 86_400;

const credits = z.int().min(0).max(MAX_PRICE);

/** So many credits for each so many executions of a user within a window. */
const everySchema = z.strictObject({
  executions: z.int().min(1).max(1_000_000_000),
  window_s: z
    .int()
    .min(1)
    .max(3650 * DAY_S)
    .default(DAY_S)
    .describe('seconds after which the count starts again'),
  credits: credits.min(1),
});
export type Every = z.infer<typeof everySchema>;

/** The price of an execution, in credits. */
export const priceSchema = z.strictObject({
  per_run: credits.default(0).describe('of each execution that has a run of its own'),
  per_second: credits.default(0).describe('of run time, all attempts together'),
  per_mb: credits.default(0).describe('of each million bytes of output that the log keeps'),
  every: everySchema.optional().describe('added to every n-th execution'),
  hit: credits.default(0).describe('of a result from the cache'),
  joined: credits.default(0).describe('of joining the run of another execution'),
});
export type Price = z.infer<typeof priceSchema>;

/** Kinds that run; an operation has a price of its own, or that of what it runs. */
type RunKind = (typeof RUN_KINDS)[number];
/** A plan runs nothing itself: its steps are executions of their own, each with its price. */
const planPriceSchema = priceSchema.pick({ per_run: true, every: true });

/** The credits file. */
export const creditsFileSchema = z.strictObject({
  prices: z
    .strictObject(
      Object.fromEntries(RUN_KINDS.map((kind) => [kind, priceSchema.optional()])) as Record<
        RunKind,
        z.ZodOptional<typeof priceSchema>
      >,
    )
    .extend({ plan: planPriceSchema.optional() })
    .default({}),
  every: everySchema.optional(),
  low_balance: z.int().min(1).max(MAX_CREDITS).optional(),
  /** `at_end` charges in the transaction that stores the end. */
  charge: z.enum(['background', 'at_end']).optional(),
});
export type CreditsFile = z.infer<typeof creditsFileSchema>;
