// Known secrets, and the texts of keys files. It loads no test runner, so that the longer checks and the bench can use it.
import { createHash } from 'node:crypto';

const SECRET = 's'.repeat(40);
export const token = (id: string) => `ek_${id}_${SECRET}`;
export const bearer = (id: string) => ({ authorization: `Bearer ${token(id)}` });
export const bearerOf = (secret: string) => ({ authorization: `Bearer ${secret}` });
export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

export interface KeyOptions {
  user?: string;
  scopes?: string[];
  may_run?: unknown;
  expires_at?: string;
}

/** The text of a keys file. A key's user has its id, and it may do everything, unless it says otherwise. */
export function keysText(keys: Record<string, KeyOptions>): string {
  const list = Object.entries(keys).map(([id, options]) => ({
    id,
    sha256: sha256(token(id)),
    user: id,
    scopes: ['submit', 'read', 'cancel', 'admin'],
    may_run: 'any',
    ...options,
  }));
  return JSON.stringify({ keys: list });
}
