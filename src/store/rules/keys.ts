// API keys: an end is only ever brought forward, and a revocation stands.
import { MAX_KEYS } from '../../domain/access/api-key.ts';
import type { ApiKeysPart } from '../../domain/ports/group.ts';
import { apiKeyRow, type ApiKeyRow } from '../key-rows.ts';
import type { Rule } from './parts.ts';
import type { WorkingSet } from './working-set.ts';

export const apiKeysPart: Rule<ApiKeysPart> = {
  needs: ({ add = [], end = [], revoke = [], used = [] }) => ({
    apiKeys: [...[...add, ...end, ...used].map(({ id }) => id), ...revoke],
    apiKeyCount: [''],
  }),
  apply({ add = [], end = [], revoke = [], used = [] }, set) {
    const count = set.get('apiKeyCount', '');
    if (add.length > 0 && count + add.length > MAX_KEYS)
      return { status: 'refused', reason: 'too_many_keys' };
    if (add.some(({ id }) => set.get('apiKeys', id) !== null))
      return { status: 'refused', reason: 'key_exists' };
    for (const key of add) set.put('apiKeys', key.id, apiKeyRow(key));
    if (add.length > 0) set.put('apiKeyCount', '', count + add.length);
    for (const { id, expiresAt } of end) {
      change(set, id, ({ expires_at: now }) => ({ expires_at: Math.min(now ?? expiresAt, expiresAt) }));
    }
    for (const id of revoke) change(set, id, ({ revoked_at: at }) => ({ revoked_at: at ?? set.now }));
    for (const { id, at } of used) {
      change(set, id, ({ last_used_at: now }) => ({ last_used_at: Math.max(now ?? 0, at) }));
    }
    if (add.length + end.length + revoke.length > 0) set.order({ type: 'keys_changed' });
    return null;
  },
};

function change(set: WorkingSet, id: string, by: (row: ApiKeyRow) => Partial<ApiKeyRow>): void {
  const row = set.get('apiKeys', id);
  if (row !== null) set.put('apiKeys', id, { ...row, ...by(row) });
}
