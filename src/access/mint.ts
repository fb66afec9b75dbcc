// Makes keys, and knows one by its hash. A key is `ek_ID_SECRET`; the secret has 256 bits, so that a plain SHA-256 of the
// whole is as good as any slow hash.
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ApiKey } from '../domain/access/api-key.ts';
import type { KeyRequest } from '../domain/access/api-key-schema.ts';

/** A new key: the only time that it can be seen. */
export interface NewKey {
  secret: string;
  key: ApiKey;
}

const SECRET_BYTES = 32;
/** Random ids are short: they need not be secret. */
const ID_BYTES = 6;

/** Makes a key. `now` is ms since the epoch. */
export function mintKey(
  request: KeyRequest,
  { now, createdBy, replaces = null }: { now: number; createdBy: string | null; replaces?: string | null },
): NewKey {
  const id = request.id ?? randomBytes(ID_BYTES).toString('hex');
  const secret = `ek_${id}_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  const { user, scopes, may_run: mayRun, description = null, expires_at: expires } = request;
  const key: ApiKey = {
    ...{ id, sha256: hash('sha256', secret), userId: user, scopes, mayRun, description },
    ...{ createdAt: now, createdBy, replaces, revokedAt: null, lastUsedAt: null },
    expiresAt: expires === undefined ? null : Date.parse(expires),
  };
  return { secret, key };
}

/** A new key for the user of another one, which may do the same for as long. */
export function mintSuccessor(key: ApiKey, options: { now: number; createdBy: string | null }): NewKey {
  const { userId: user, scopes, mayRun: may_run, description, expiresAt } = key;
  const request = {
    ...{ user, scopes: [...scopes], may_run },
    ...(description === null ? {} : { description }),
    ...(expiresAt === null ? {} : { expires_at: new Date(expiresAt).toISOString() }),
  };
  return mintKey(request, { ...options, replaces: key.id });
}

const API_KEY = /^ek_([A-Za-z0-9-]{1,64})_[A-Za-z0-9_-]{32,256}$/;

/** The id in a key; null when it does not look like one. */
export function idIn(token: string): string | null {
  return API_KEY.exec(token)?.[1] ?? null;
}

const NO_HASH = '0'.repeat(64);

/** Whether a token is the key. One that is not there costs as much as a wrong secret. */
export function isKey(token: string, key: ApiKey | undefined): key is ApiKey {
  const expected = Buffer.from(key?.sha256 ?? NO_HASH, 'hex');
  const isRight = timingSafeEqual(hash('sha256', token, 'buffer'), expected);
  return isRight && key !== undefined;
}
