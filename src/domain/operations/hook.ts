// Hooks: how other systems start an operation by a signed request. The words of the operations file, and what the route needs
// of whoever carries them out; signatures and expressions are worked out elsewhere.
import { z } from 'zod';
import { secretName } from '../secret-ref.ts';
import { type Caller, userId } from '../spec/access.ts';
import type { Spec } from '../spec/spec.ts';
import { PARAM_NAME } from './template.ts';

/** What an expression of a hook may read. */
export const HOOK_ROOTS = ['headers', 'query', 'body'] as const;
/** How far the time of a signature may be from now, unless the hook says otherwise, seconds. */
export const DEFAULT_WINDOW_S = 300;

const expression = z.string().min(1).max(4096);
const headerName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, 'must be the name of a header')
  .transform((name) => name.toLowerCase());
const secret = z
  .union([secretName, z.array(secretName).min(1).max(4)], {
    error: ({ input }) =>
      Array.isArray(input) ? undefined : 'must be the name of a secret, or a list of 1 to 4 names',
  })
  .transform((names) => [names].flat());
const windowS = z.int().min(1).max(86_400).describe('how old or early the signed time may be, seconds');

const every = {
  secret: secret.describe('names of secrets; a signature with any of them is valid'),
  user: userId.describe('the user for whom the operation runs'),
  when: expression.optional().describe('CEL; if it is false, the delivery is skipped'),
  params: z
    .record(z.string().regex(PARAM_NAME, 'must be a parameter name'), expression)
    .default({})
    .describe('CEL for each parameter; null leaves it out'),
  delivery_id: expression.optional().describe('CEL; execd runs one delivery of those with the same text'),
  answer: z
    .enum(['accepted', 'wait', 'raw'], { error: 'must be "accepted", "wait" or "raw"' })
    .default('accepted'),
  wait_s: z.int().min(1).max(60).default(10).describe('how long `wait` waits for the end, seconds'),
  rate_per_s: z.number().gt(0).max(10_000).default(10).describe('deliveries in a second, on average'),
};

/** How a request shows that it comes from where the hook expects it. */
export const hook = z.discriminatedUnion('scheme', [
  z.strictObject({ scheme: z.literal('github'), ...every }),
  z.strictObject({ scheme: z.literal('gitlab'), ...every }),
  z.strictObject({ scheme: z.literal('slack'), window_s: windowS.default(DEFAULT_WINDOW_S), ...every }),
  z.strictObject({ scheme: z.literal('standard'), window_s: windowS.default(DEFAULT_WINDOW_S), ...every }),
  z
    .strictObject({
      scheme: z.literal('hmac'),
      header: headerName.describe('holds the signature'),
      prefix: z.string().max(100).default('').describe('text before the signature'),
      algorithm: z.enum(['sha256', 'sha512', 'sha1']).default('sha256'),
      encoding: z.enum(['hex', 'base64']).default('hex'),
      timestamp_header: headerName.optional().describe('holds seconds; then `time.body` is signed'),
      window_s: windowS.optional(),
      ...every,
    })
    .refine(({ timestamp_header, window_s }) => window_s === undefined || timestamp_header !== undefined, {
      path: ['window_s'],
      error: 'requires timestamp_header, because without it no time is signed',
    }),
  z
    .strictObject({
      scheme: z.literal('token'),
      header: headerName.optional().describe('holds the token'),
      prefix: z.string().max(100).optional().describe('text before the token'),
      query: z.string().min(1).max(100).optional().describe('parameter of the URL that holds the token'),
      ...every,
    })
    .refine(({ header, query }) => (header === undefined) !== (query === undefined), {
      path: ['header'],
      error: 'is required without query, and must be left out with query',
    })
    .refine(({ prefix, header }) => prefix === undefined || header !== undefined, {
      path: ['prefix'],
      error: 'requires header',
    }),
]);
export type Hook = z.infer<typeof hook>;
export const HOOK_SCHEMES = [
  'github',
  'gitlab',
  'slack',
  'standard',
  'hmac',
  'token',
] as const satisfies Hook['scheme'][];

/** A request to the hook of an operation, before anything of it is believed. */
export interface HookDelivery {
  operation: string;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  query: Readonly<Record<string, unknown>>;
  /** As it came; signatures are of these bytes. */
  bytes: Uint8Array;
  /**
   * What the bytes say, for a user. Called when their signature is found good, and not before.
   *
   * @throws RefusedError
   */
  read: (userId: string) => unknown;
}

/** How a delivery that runs is answered: at once, after the end or `s` seconds, or with the output of the command. */
export type HookAnswering = { type: 'accepted' } | { type: 'wait'; s: number } | { type: 'raw' };

/** What a delivery with a good signature asks for. */
export type HookVerdict = { caller: Caller } & (
  | { type: 'skipped' }
  /** Slack asks whether an address is its owner's. */
  | { type: 'challenge'; challenge: string }
  | {
      type: 'run';
      spec: Extract<Spec, { kind: 'operation' }>;
      idempotency: { key: string; bodyHash: string } | null;
      answer: HookAnswering;
    }
);

export interface Hooks {
  /**
   * Judges a delivery.
   *
   * @throws RefusedError `hook_refused`, alike whatever is wrong; `too_many_deliveries`, `hook_failed`, what `read` throws
   */
  judge(delivery: HookDelivery): Promise<HookVerdict>;
}
