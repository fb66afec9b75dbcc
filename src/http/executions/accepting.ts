// What the routes that accept work have in common: their headers and their refusals.
import { z } from 'zod';
import { boundedRecord } from '../../domain/spec/bounded.ts';
import { optional } from '../edge/schemas.ts';

export const ACCEPT_HEADERS = ['IdempotencyKey', 'Prefer', 'Traceparent'] as const;
/** Beside those that every route refuses with: no credit, a reused key. */
export const ACCEPT_REFUSALS = [402, 410, 422] as const;
/** When a client that did not wait should look for the first time, seconds. */
export const FIRST_LOOK_S = '1';

/** What may change when something is run again. */
export const againRequest = z
  .strictObject({
    params: boundedRecord(z.string().min(1).max(100), z.unknown(), { most: 10_000, what: 'parameters' })
      .optional()
      .describe('Parameters of the operation or the plan that change; the others stay.'),
  })
  .describe('The changes of the new run.');
export const againBody = optional(againRequest, 'AgainRequest');
export type AgainBody = z.output<typeof againRequest>;
