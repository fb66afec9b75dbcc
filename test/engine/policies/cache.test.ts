import { spawnSync } from 'node:child_process';
import t from 'tap';
import fc from 'fast-check';
import { cacheId } from '../../../src/domain/cache.ts';
import { cacheUse, without } from '../../../src/engine/policies/cache-key.ts';
import type { CacheEntry } from '../../../src/domain/ports/group.ts';
import { ResultCache } from '../../../src/engine/policies/cache.ts';
import { EXIT_0 } from '../../helpers/records.ts';

const entry = (key: string, more: Partial<CacheEntry> = {}): CacheEntry => ({
  key,
  userId: 'ann',
  operation: null,
  runId: 'r',
  outcome: EXIT_0,
  result: { type: 'json', value: null },
  storedAt: 0,
  expiresAt: null,
  ...more,
});

t.test('null and empty results are results', async (t) => {
  const cache = new ResultCache({ maxEntries: 10, maxBytes: 1e6 }, () => 0);
  for (const value of [null, '', 0, false, [], {}]) {
    cache.put(entry('k', { result: { type: 'json', value } }));
    t.same(cache.find('ann', 'k')?.result, { type: 'json', value });
  }
  cache.put(entry('none', { result: null }));
  t.equal(cache.find('ann', 'none')?.result, null);
  cache.countMiss();
  t.match(cache.stats(), { hits: 7, misses: 1 });
});

t.test('a hundred thousand entries in a cache of a hundred leave a hundred, and nothing else', async (t) => {
  const cache = new ResultCache({ maxEntries: 100, maxBytes: 1e9 }, () => 0);
  for (let i = 0; i < 100_000; i++) cache.put(entry(`k${i}`, { expiresAt: i % 2 === 0 ? null : 10 }));
  t.match(cache.stats(), { entries: 100, evictions: 99_900 });
  t.ok(cache.stats().bytes < 100 * 2000);
});

t.test('an entry that is put again has its new time to live', async (t) => {
  let now = 0;
  const cache = new ResultCache({ maxEntries: 10, maxBytes: 1e6 }, () => now);
  cache.put(entry('k', { expiresAt: 10 }));
  cache.put(entry('k', { expiresAt: null }));
  now = 1e12;
  t.ok(cache.find('ann', 'k') !== null);
});

t.test('bytes bound it too, and a single result cannot take it all', async (t) => {
  const cache = new ResultCache({ maxEntries: 1000, maxBytes: 100_000 }, () => 0);
  const large = (key: string, length: number) =>
    entry(key, { result: { type: 'json', value: 'x'.repeat(length) } });
  t.notOk(cache.put(large('too large', 20_000)));
  t.equal(cache.find('ann', 'too large'), null);
  for (let i = 0; i < 50; i++) t.ok(cache.put(large(`k${i}`, 5000)));
  t.ok(cache.stats().bytes <= 100_000);
  t.ok(cache.stats().entries < 10);
});

t.test(
  'nobody drives out all that others keep, and a value of one owner is not found by another',
  async (t) => {
    const cache = new ResultCache({ maxEntries: 10, maxBytes: 1e6 }, () => 0);
    for (let i = 0; i < 4; i++) cache.put(entry(`a${i}`, { userId: 'ann' }));
    cache.find('ann', 'a0');
    for (let i = 0; i < 1000; i++) cache.put(entry(`b${i}`, { userId: 'bob' }));
    const kept = (userId: string) =>
      cache.list([userId], () => true, { after: '', limit: 100 }).map(({ key }) => key);
    t.same(kept('ann'), ['a0', 'a1', 'a2', 'a3']);
    t.same(kept('bob'), ['b994', 'b995', 'b996', 'b997', 'b998', 'b999']);
    cache.put(entry('a0', { userId: 'bob', result: { type: 'json', value: 'of bob' } }));
    t.same(cache.find('ann', 'a0')?.result, { type: 'json', value: null });
    t.equal(cache.find(null, 'a0'), null);
    // Alone, one owner has all of it.
    const alone = new ResultCache({ maxEntries: 10, maxBytes: 1e6 }, () => 0);
    for (let i = 0; i < 30; i++) alone.put(entry(`k${i}`));
    t.match(alone.stats(), { entries: 10, evictions: 20 });
  },
);

t.test('a list has what fits, in the order of the keys, page by page', async (t) => {
  const cache = new ResultCache({ maxEntries: 1000, maxBytes: 1e9 }, () => 5);
  const keys = Array.from({ length: 100 }, (_, i) => `k${String((i * 37) % 100).padStart(2, '0')}`);
  for (const key of keys)
    cache.put(entry(key, { userId: key < 'k50' ? null : 'ann', expiresAt: key === 'k07' ? 5 : null }));
  const seen: string[] = [];
  for (let after = ''; ;) {
    const page = cache.list([null, 'ann'], ({ key }) => key !== 'k60', { after, limit: 7 });
    seen.push(...page.map(({ key }) => key));
    if (page.length < 7) break;
    after = cacheId(page.at(-1) as CacheEntry);
  }
  t.same(
    seen,
    keys.toSorted().filter((key) => key !== 'k07' && key !== 'k60'),
  );
  t.match(cache.stats(), { entries: 100, expiring: 1 });
});

t.test('a probe leaves entries and counts alone, also where all is full', async (t) => {
  const cache = new ResultCache({ maxEntries: 1, maxBytes: 1e6 }, () => 0);
  cache.put(entry('k'));
  const before = cache.stats();
  t.equal(cache.probe(), null);
  t.same(cache.stats(), before);
});

t.test('what has expired is swept, and counted', async (t) => {
  let now = 0;
  const cache = new ResultCache({ maxEntries: 10, maxBytes: 1e6 }, () => now);
  cache.put(entry('a', { expiresAt: 5 }));
  cache.put(entry('b', { expiresAt: 50 }));
  now = 5;
  t.same(cache.sweep(), ['a ann']);
  t.match(cache.stats(), { entries: 1, expirations: 1 });
});

t.test('a cache of no entries keeps nothing and finds nothing', async (t) => {
  const cache = new ResultCache({ maxEntries: 0, maxBytes: 1e6 }, () => 0);
  t.notOk(cache.put(entry('k')));
  t.equal(cache.find('ann', 'k'), null);
  t.same(cache.sweep(), []);
});

const SUBJECT = {
  userId: 'ann',
  taskId: null,
  policyVersion: null,
  hosts: null,
  identity: { kind: 'exec', program: 'make', args: ['a', 'b'] },
  timeouts: { queueMs: null, attemptMs: 1000, totalMs: null, idleMs: null },
  output: { maxBytes: 5, oversized: 'truncate', parse: null },
  limits: { cpu_s: 5 },
} as const;

t.test('a key is the same in every process', async (t) => {
  const url = new URL('../../../src/engine/policies/cache-key.ts', import.meta.url).href;
  const program = `import(${JSON.stringify(url)}).then(({ cacheUse }) =>
    console.log(cacheUse({}, ${JSON.stringify(SUBJECT)}, { ttlMs: null, mostBytes: 1e6 }).key))`;
  const keys = [1, 2].map(() =>
    spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' }).stdout.trim(),
  );
  t.match(keys[0], /^[0-9a-f]{64}$/);
  t.equal(keys[0], keys[1]);
  t.equal(cacheUse({}, SUBJECT, { ttlMs: null, mostBytes: 1e6 })?.key, keys[0]);
});

t.test('other limits are another key', async (t) => {
  const keyOf = (limits: object) =>
    cacheUse({}, { ...SUBJECT, limits }, { ttlMs: null, mostBytes: 1e6 })?.key;
  t.equal(keyOf({ cpu_s: 5, processes: 2 }), keyOf({ processes: 2, cpu_s: 5 }));
  t.not(keyOf({ cpu_s: 5 }), keyOf({ cpu_s: 6 }));
  t.not(keyOf({ cpu_s: 5 }), keyOf({}));
});

t.test('the order of the fields does not change a key', async () => {
  const keyOf = (identity: unknown) =>
    cacheUse({}, { ...SUBJECT, identity }, { ttlMs: null, mostBytes: 1e6 })?.key;
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const reversed = Object.fromEntries(Object.entries(value).reverse());
      return keyOf(value) === keyOf(reversed);
    }),
  );
});

t.test('a field is left out by its path, whatever its name', async (t) => {
  const value = { env: { A: 1, 'B.C': 2 }, params: { a: { b: [1], c: 2 } } };
  t.same(without(value, 'env.A'), { ...value, env: { 'B.C': 2 } });
  t.same(without(value, 'env.B.C'), { ...value, env: { A: 1 } });
  t.same(without(value, 'params.a.b'), { ...value, params: { a: { c: 2 } } });
  t.same(without(value, 'env'), { params: value.params });
  t.same(without(value, 'nothing.there'), value);
});
