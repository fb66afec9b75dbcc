// API keys on the wire.
import { z } from 'zod';
import { mayRun, SCOPES } from '../domain/access.ts';
import { type ApiKey, keyId, keyRequest, whyNotUsable } from '../domain/api-key.ts';

const time = z.iso.datetime({ precision: 3 });
const DAY_S = 86_400;

export const apiKey = z.strictObject({
  id: z.string(),
  user: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  may_run: mayRun,
  description: z.string().nullable(),
  source: z.enum(['store', 'file']).describe('keys of the keys file are changed there'),
  status: z.enum(['active', 'expired', 'revoked']),
  created_at: time.nullable(),
  created_by: z
    .string()
    .nullable()
    .describe('the user who has made it; null for the command and the keys file'),
  replaces: z.string().nullable().describe('the key before'),
  expires_at: time.nullable(),
  revoked_at: time.nullable(),
  last_used_at: time.nullable().describe('to the minute; not known of keys of the file'),
});
export const newApiKey = apiKey.extend({
  key: z.string().describe('the key itself, which is shown only now'),
});
export const apiKeyList = z.strictObject({ items: z.array(apiKey) });
export const keyIdParams = z.strictObject({ id: keyId });
export const rotation = z.strictObject({
  overlap_s: z
    .int()
    .min(0)
    .max(365 * DAY_S)
    .optional()
    .describe('how long the key before goes on; default: a day'),
});
/** A body that may be left out. */
export const rotationBody = z
  .preprocess((body) => body ?? {}, rotation)
  .meta({ isOptional: true, shownAs: { $ref: '#/components/schemas/KeyRotation' } });

/** What stands under its own name in the OpenAPI document. */
export const keyComponents = {
  ApiKey: apiKey,
  NewApiKey: newApiKey,
  ApiKeyList: apiKeyList,
  ApiKeyRequest: keyRequest,
  KeyRotation: rotation,
};

const isoOrNull = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

/** A key without its hash. `now` is ms since the epoch. */
export function toKeyWire(key: ApiKey, source: 'store' | 'file', now: number): z.infer<typeof apiKey> {
  return {
    id: key.id,
    user: key.userId,
    scopes: [...key.scopes],
    may_run: key.mayRun,
    description: key.description,
    source,
    status: whyNotUsable(key, now) ?? 'active',
    created_at: isoOrNull(key.createdAt),
    created_by: key.createdBy,
    replaces: key.replaces,
    expires_at: isoOrNull(key.expiresAt),
    revoked_at: isoOrNull(key.revokedAt),
    last_used_at: isoOrNull(key.lastUsedAt),
  };
}
