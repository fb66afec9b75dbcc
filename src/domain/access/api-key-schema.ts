// What is said when an API key is made.
import { z } from 'zod';
import { mayRun, SCOPES, userId } from '../spec/access.ts';

/** Stands in the key, and names it in lists and in the audit log. */
export const keyId = z.string().regex(/^[A-Za-z0-9-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 -');
export const scopes = z
  .array(z.enum(SCOPES))
  .min(1)
  .refine((all) => new Set(all).size === all.length, 'must not contain a scope twice');

/** What is said when a key is made. */
export const keyRequest = z
  .strictObject({
    id: keyId.optional().describe('Id of the key. Default: a random one.'),
    user: userId.describe('The user of the key.'),
    scopes: scopes.describe('The rights of the key on the API.'),
    may_run: mayRun.default('policy').describe('The work that the key may run.'),
    expires_at: z.iso.datetime({ offset: true }).optional().describe('When it expires. Default: never.'),
    description: z.string().max(200).optional().describe('A text of your choice.'),
  })
  .describe('A request for an API key.');
export type KeyRequest = z.infer<typeof keyRequest>;
