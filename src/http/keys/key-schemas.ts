// API keys on the wire.
import { z } from 'zod';
import { grant, mayRun, SCOPES } from '../../domain/spec/access.ts';
import { type ApiKey, whyNotUsable } from '../../domain/access/api-key.ts';
import { keyId, keyRequest } from '../../domain/access/api-key-schema.ts';
import { time } from '../edge/schemas.ts';

const DAY_S = 86_400;

export const apiKey = z
  .strictObject({
    id: z.string().describe('Id of the key.'),
    user: z.string().describe('The user of the execution.'),
    scopes: z.array(z.enum(SCOPES)).describe('The rights of the key on the API.'),
    may_run: mayRun.describe('The work that the key may run.'),
    description: z.string().nullable().describe('The description of the request.'),
    source: z.enum(['store', 'file']).describe('`file`: the key is in the keys file; change it there.'),
    status: z.enum(['active', 'expired', 'revoked']).describe('Only an active key is accepted.'),
    created_at: time.nullable().describe('When it was created; null for keys of the keys file.'),
    created_by: z
      .string()
      .nullable()
      .describe('The administrator who created it; null for keys of the CLI and the keys file.'),
    replaces: z.string().nullable().describe('Id of the key that it replaces.'),
    expires_at: time.nullable().describe('When it expires; null: never.'),
    revoked_at: time.nullable().describe('When it was revoked; null if it was not.'),
    last_used_at: time
      .nullable()
      .describe('When it was last used, to the minute; null for keys of the keys file.'),
  })
  .describe('An API key, without the key itself.');
export const newApiKey = apiKey
  .extend({
    key: z.string().describe('The key itself. It is shown only once, here.'),
  })
  .describe('A new API key.');
export const apiKeyList = z
  .strictObject({ items: z.array(apiKey).describe('The keys of all users.') })
  .describe('API keys.');
export const keyIdParams = z.strictObject({ id: keyId.describe('Id of the key.') });
export const rotation = z
  .strictObject({
    overlap_s: z
      .int()
      .min(0)
      .max(365 * DAY_S)
      .optional()
      .describe('How long the old key stays valid, seconds. Default: 86400 (one day).'),
  })
  .describe('How to rotate a key.');
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
  MayRun: mayRun,
  Grant: grant,
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
