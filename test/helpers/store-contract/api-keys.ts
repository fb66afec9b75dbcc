// API keys.
import type { Test } from 'tap';
import type { ApiKey } from '../../../src/domain/access/api-key.ts';
import type { Group } from '../../../src/domain/ports/group.ts';
import { type MakeWorld, applied, one } from './given.ts';

export function apiKeys(t: Test, makeWorld: MakeWorld): void {
  const apiKey = (id: string, more: Partial<ApiKey> = {}): ApiKey => ({
    ...{ id, sha256: 'ab'.repeat(32), userId: 'ann', scopes: ['read', 'admin'], mayRun: 'any' },
    ...{ description: null, createdAt: 1, createdBy: 'root', replaces: null },
    ...{ expiresAt: null, revokedAt: null, lastUsedAt: null },
    ...more,
  });
  t.test('keys are kept as they were made, and their version tells that there are others', async (t) => {
    const { store, reopen } = await makeWorld(t);
    t.same(await store.apiKeys(-1), { version: 0, keys: [] });
    const keys = [apiKey('one'), apiKey('two', { createdAt: 2, mayRun: [{ program: '/x', env: ['A'] }] })];
    applied(await one(store, [{ type: 'api_keys', add: keys }]));
    const read = await store.apiKeys(0);
    t.same(read?.keys, keys);
    t.equal(await store.apiKeys(read?.version ?? 0), null);
    applied(await one(store, [{ type: 'api_keys', used: [{ id: 'one', at: 7 }] }]));
    t.equal(await store.apiKeys(read?.version ?? 0), null, 'use is no change');
    const again = await reopen();
    t.match(await again.apiKeys(-1), { version: read?.version, keys: [{ id: 'one', lastUsedAt: 7 }, {}] });
  });

  t.test(
    'an end of a key is only brought forward, a revocation stands, and no id is used twice',
    async (t) => {
      const { store, clock } = await makeWorld(t);
      applied(await one(store, [{ type: 'api_keys', add: [apiKey('one')] }]));
      for (const expiresAt of [50, 90, 20, 60])
        applied(await one(store, [{ type: 'api_keys', end: [{ id: 'one', expiresAt }] }]));
      for (const now of [5, 6]) {
        clock.now = now;
        applied(await one(store, [{ type: 'api_keys', revoke: ['one'] }]));
      }
      const again: Group = [{ type: 'api_keys', add: [apiKey('two'), apiKey('one')] }];
      t.match(await one(store, again), { status: 'refused', reason: 'key_exists' });
      t.match(await store.apiKeys(-1), { keys: [{ id: 'one', expiresAt: 20, revokedAt: 5 }] });
      t.equal((await store.apiKeys(-1))?.keys.length, 1);
    },
  );
}
