import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { StoreError } from '../../src/domain/ports/store.ts';
import { migrate, MIGRATIONS } from '../../src/store/sqlite/migrations.ts';
import { SqliteStore } from '../../src/store/sqlite/store.ts';
import { accept, newExecution, settle } from '../helpers/records.ts';
import { everythingIn, expected, PLAN_ID, restore } from '../fixtures/kept-directory.ts';
import { until } from '../helpers/processes.ts';
import { anyOrder, BEGINNING, storeContract } from '../helpers/store-contract.ts';
import { smallDisk, tempDir } from '../helpers/temp.ts';

async function openStore(
  t: Test,
  dir: string,
  isStrict = false,
  now = () => Date.now(),
): Promise<SqliteStore> {
  const store = new SqliteStore({
    ...{ dir, now, maxInMemory: 50, owner: 'pid 1', maxDeliveries: 1000, isStrict },
  });
  t.teardown(() => store.close());
  await store.open();
  return store;
}

const makeWorld = (isStrict: boolean) => async (t: Test) => {
  const dir = tempDir(t);
  const clock = { now: BEGINNING };
  const open = () => openStore(t, dir, isStrict, () => clock.now);
  const store = await open();
  return {
    ...{ store, clock },
    async reopen() {
      await store.close();
      return open();
    },
  };
};

// Where only what the parts name is loaded, each rule shows that its needs name all that it looks at.
storeContract(t, makeWorld(true));
// Looking at what is there only when it is asked for must come to the same.
anyOrder(t, makeWorld(false));

t.test('where much runs, ends are written together, and none waits for long', async (t) => {
  const waits: { ms: number; end: () => void }[] = [];
  const store = new SqliteStore({
    ...{ dir: tempDir(t), now: () => 0, maxInMemory: 50, owner: '', maxDeliveries: 1000 },
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        waits.push({ ms, end: resolve });
        signal?.addEventListener('abort', () => resolve());
      }),
  });
  t.teardown(() => store.close());
  await store.open();
  const running = Array.from({ length: 8 }, () => newExecution());
  const claim = { runner: 'test' };
  await store.commit(running.map((execution) => [accept(execution, { claim })]));
  const settles = running.map(({ id }) => [settle(id, 1)]);
  const settleNext = () => store.commit(settles.splice(0, 1));
  const { commits } = store.stats();

  const first = settleNext();
  await until('it waits', () => waits.length === 1);
  t.equal(waits[0]?.ms, 8);
  await Promise.all([first, settleNext()]);
  t.equal(store.stats().commits, commits + 1, 'a quarter of what runs is enough');

  const alone = settleNext();
  await until('it waits', () => waits.length === 2);
  waits[1]?.end();
  await alone;
  t.equal(store.stats().commits, commits + 2, 'the wait has an end');

  await settleNext();
  t.equal(waits.length, 2, 'where the last came alone, the next does not wait');
});

t.test('no limit is bound bare: its statement would be prepared anew each time', async (t) => {
  const dir = fileURLToPath(new URL('../../src/store', import.meta.url));
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const limits = files.flatMap((name) =>
    Array.from(readFileSync(join(dir, name), 'utf8').matchAll(/(LIMIT|OFFSET) \?.{0,5}/g), ([sql]) => sql),
  );
  t.ok(limits.length > 10);
  t.same(
    limits.filter((sql) => !/\?\d? \+ 0/.test(sql)),
    [],
  );
});

t.test('a second server on the same directory is refused, by the name of the first', async (t) => {
  const dir = tempDir(t);
  const first = await openStore(t, dir);
  const second = new SqliteStore({ dir, now: () => 0, maxInMemory: 1, owner: 'pid 2', maxDeliveries: 1000 });
  await t.rejects(second.open(), { message: /in use by another execd \(pid 1\)/ });
  await first.close();
  await second.open();
  await second.close();
});

t.test('the instance stays and the epoch grows', async (t) => {
  const dir = tempDir(t);
  const open = async () => {
    const store = new SqliteStore({ dir, now: () => 0, maxInMemory: 1, owner: '', maxDeliveries: 1000 });
    const identity = await store.open();
    await store.close();
    return identity;
  };
  const [first, second] = [await open(), await open()];
  t.equal(first.instanceId, second.instanceId);
  t.equal(second.epoch, first.epoch + 1);
});

t.test('after a restart of the machine an interrupted attempt is known to be of another boot', async (t) => {
  const dir = tempDir(t);
  const store = await openStore(t, dir);
  await store.commit([[accept(newExecution(), { claim: { runner: 'test' } })]]);
  await store.close();
  const db = new DatabaseSync(join(dir, 'execd.db'));
  db.exec(`UPDATE epochs SET boot_id = 'another'`);
  db.close();
  const again = await openStore(t, dir);
  t.match(await again.interrupted(), [{ isOtherBoot: true }]);
});

for (const name of ['schema-12', 'schema-18']) {
  t.test(`a directory that an older version has written opens with everything in it: ${name}`, async (t) => {
    const dir = tempDir(t);
    restore(name, dir);
    const now = () => 1_800_000_000_000;
    const store = await openStore(t, dir, false, now);
    t.match(await everythingIn(store, PLAN_ID), expected(name));
    const id = newExecution().id;
    const [driven] = await store.commit([[{ type: 'drive', planId: PLAN_ID }]]);
    t.equal(driven?.status, 'applied');
    const key = { type: 'idempotency', userId: 'ann', key: 'first', bodyHash: 'h', executionId: id } as const;
    t.match(await store.commit([[{ ...key, lifetimeMs: 1 }]]), [{ reason: 'key_replayed' }]);
    const claim = { type: 'claim_next', pools: ['process'], limit: 10, claim: { runner: 'x' } } as const;
    t.match(await store.commit([[claim]]), [{ executions: { length: 3 } }], 'and goes on');
  });
}

t.test('what was asked for is written once, whatever happens to it', async (t) => {
  const dir = tempDir(t);
  const store = await openStore(t, dir);
  const stdin = 'x'.repeat(1_000_000);
  const execution = newExecution({ spec: { kind: 'shell', command: 'cat', stdin } });
  await store.commit([[accept(execution)]]);
  const written = () => statSync(join(dir, 'execd.db-wal')).size;
  const before = written();
  await store.commit([[{ type: 'claim_next', pools: ['process'], limit: 1, claim: { runner: 'x' } }]]);
  await store.commit([[settle(execution.id, 1)]]);
  t.ok(written() - before < 500_000, `${written() - before} bytes`);
  t.match(await store.finished('ann', execution.id), { spec: { stdin }, result: { type: 'tails' } });
});

t.test('other users cannot read the store, whatever the umask is and whoever made it', async (t) => {
  const dir = tempDir(t);
  const before = process.umask(0o000);
  t.teardown(() => process.umask(before));
  writeFileSync(join(dir, 'execd.db'), '', { mode: 0o644 });
  const store = await openStore(t, dir);
  await store.commit([[accept(newExecution())]]);
  for (const name of ['execd.db', 'execd.db-wal', 'execd.db-shm', 'lock'])
    t.equal(statSync(join(dir, name)).mode & 0o777, 0o600, name);
});

t.test('a store of a newer program is not touched', async (t) => {
  const dir = tempDir(t);
  await (await openStore(t, dir)).close();
  const file = join(dir, 'execd.db');
  const db = new DatabaseSync(file);
  db.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`);
  db.close();
  const before = readFileSync(file);
  const store = new SqliteStore({ dir, now: () => 0, maxInMemory: 1, owner: '', maxDeliveries: 1000 });
  await t.rejects(store.open(), {
    message: /schema \d+, but this program supports only \d+: use a newer execd/,
  });
  t.ok(readFileSync(file).equals(before));
});

t.test(
  'an older store is copied before it is migrated, and a step that fails leaves it as it was',
  async (t) => {
    const file = join(tempDir(t), 'execd.db');
    const db = new DatabaseSync(file);
    t.teardown(() => db.close());
    const version = () => (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
    migrate(db, file, ['CREATE TABLE a (x)']);
    db.exec('INSERT INTO a VALUES (1)');
    const steps = ['', 'ALTER TABLE a ADD COLUMN y', 'UPDATE nothing SET x = 1'];
    t.throws(() => migrate(db, file, steps), /nothing/);
    t.equal(version(), 2, 'the step before it is done');
    const backup = new DatabaseSync(`${file}.schema-1.backup`, { readOnly: true });
    t.same({ ...backup.prepare('SELECT * FROM a').get() }, { x: 1 });
    backup.close();
    t.throws(
      () => migrate(db, file, steps),
      /nothing/,
      'a second try finds no obstacle in the copy of the first',
    );
  },
);

t.test('a file that is no database is refused with a clear error', async (t) => {
  const dir = tempDir(t);
  writeFileSync(join(dir, 'execd.db'), 'this is not a database, however long it may be'.repeat(100));
  const store = new SqliteStore({ dir, now: () => 0, maxInMemory: 1, owner: '', maxDeliveries: 1000 });
  await t.rejects(store.open(), { name: 'StoreError', message: /not a database/ });
  const next = new SqliteStore({ dir, now: () => 0, maxInMemory: 1, owner: '', maxDeliveries: 1000 });
  await t.rejects(next.open(), { message: /not a database/ }, 'the failed start has given the lock back');
});

t.test(
  'on a full disk a write is refused whole, reading goes on, and with room writing does too',
  async (t) => {
    const dir = smallDisk(t, 1024 * 1024);
    if (dir === null) {
      t.pass('only a privileged user can mount a small disk');
      return;
    }
    const store = await openStore(t, dir);
    const [first] = await store.commit([[accept(newExecution())]]);
    t.equal(first?.status, 'applied');
    const filler = join(dir, 'filler');
    fillDisk(filler);
    const big = newExecution({ spec: { kind: 'exec', program: 'x'.repeat(100_000) } });
    await t.rejects(store.commit([[accept(big)]]), StoreError);
    await t.rejects(store.probe(), StoreError);
    t.equal(await store.get(null, big.id), null);
    t.equal((await store.counts()).pending, 1, 'what was not written is not counted');
    writeFileSync(filler, '');
    await store.probe();
    const [again] = await store.commit([[accept(big)]]);
    t.equal(again?.status, 'applied');
    t.equal((await store.counts()).pending, 2, 'nor is it later');
    t.same(store.stats().queued, { process: 2, http: 0 });
  },
);

function fillDisk(file: string): void {
  for (let size = 512 * 1024; size >= 1024; size /= 2) {
    for (;;) {
      try {
        writeFileSync(file, Buffer.alloc(size), { flag: 'a' });
      } catch {
        break;
      }
    }
  }
}

t.test('a group that the database itself refuses fails alone', async (t) => {
  const store = await openStore(t, tempDir(t));
  const twice = newExecution();
  await store.commit([[accept(twice)]]);
  const good = newExecution();
  const [bad, ok] = await Promise.allSettled([
    store.commit([[accept(twice)]]),
    store.commit([[accept(good)]]),
  ]);
  t.equal(bad.status, 'rejected');
  t.equal(ok.status, 'fulfilled');
  t.ok(await store.get(null, good.id));
});

t.test('closing writes what is waiting, and can be done twice', async (t) => {
  const dir = tempDir(t);
  const store = await openStore(t, dir);
  const execution = newExecution();
  const written = store.commit([[accept(execution)]]);
  await store.close();
  await store.close();
  await written;
  await t.rejects(store.commit([[accept(newExecution())]]), StoreError);
  const again = await openStore(t, dir);
  t.ok(await again.get(null, execution.id));
  t.ok(existsSync(join(dir, 'lock')));
});
