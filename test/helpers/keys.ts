// Keys for tests: known secrets, and keys files with them.
import { chmodSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type Lifetime, ofFile } from './scope.ts';
import { tempDir } from './temp.ts';

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

export function keysFile(t: Lifetime, keys: Record<string, KeyOptions>, mode = 0o600): string {
  const file = join(tempDir(t), 'keys.json');
  writeFileSync(file, keysText(keys));
  chmodSync(file, mode);
  return file;
}

const shared = new WeakMap<Lifetime, Map<string, string>>();

/** Settings with these keys, the same for all tests of a file: for a service that they share. */
export function sharedKeys(keys: Record<string, KeyOptions>): { EXECUTION_API_KEYS_FILE: string } {
  const file = ofFile();
  const made = shared.get(file) ?? new Map<string, string>();
  shared.set(file, made);
  const text = keysText(keys);
  const path = made.get(text) ?? keysFile(file, keys);
  made.set(text, path);
  return { EXECUTION_API_KEYS_FILE: path };
}
