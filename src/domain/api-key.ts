// API keys as they are kept: what a key may do, and the hash of it, never the key itself.
import { z } from 'zod';
import { mayRun, type MayRun, type Scope, SCOPES, userId } from './access.ts';

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
    user: userId.describe('The user whom the key belongs to.'),
    scopes: scopes.describe('What the key may do.'),
    may_run: mayRun.default('policy').describe('What the key may run.'),
    expires_at: z.iso.datetime({ offset: true }).optional().describe('When it expires. Default: never.'),
    description: z.string().max(200).optional().describe('A text of your choice.'),
  })
  .describe('A request for an API key.');
export type KeyRequest = z.infer<typeof keyRequest>;

export interface ApiKey {
  id: string;
  /** Lower-case hex of the SHA-256 of the whole key. */
  sha256: string;
  userId: string;
  scopes: readonly Scope[];
  mayRun: MayRun;
  description: string | null;
  createdAt: number | null;
  /** The user who has made it; null for the command and the keys file. */
  createdBy: string | null;
  /** The key that it takes the place of. */
  replaces: string | null;
  /** Milliseconds since the epoch; null is never. */
  expiresAt: number | null;
  revokedAt: number | null;
  /** To the minute. */
  lastUsedAt: number | null;
}

/** How many keys a store holds at most; every server has all of them in memory. */
export const MAX_KEYS = 10_000;
/** How long the key before goes on after a rotation, unless it is said, seconds. */
export const ROTATION_OVERLAP_S = 24 * 3600;

/** Null when the key can be used now. */
export function whyNotUsable(key: ApiKey, now: number): 'revoked' | 'expired' | null {
  if (key.revokedAt !== null) return 'revoked';
  return key.expiresAt !== null && key.expiresAt <= now ? 'expired' : null;
}
