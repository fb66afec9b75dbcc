// A process is killed in the middle of charging, again and again. Whatever the moment: a balance is the sum of its entries,
// and what has ended is charged once, by the next process if need be.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { isFinished } from '../../src/domain/execution/execution.ts';
import { SqliteStore } from '../../src/store/sqlite/store.ts';
import { tempDir } from '../helpers/temp.ts';
import { rounds } from '../helpers/rounds.ts';

const ROUNDS = rounds(2);

/** Kills the process as soon as it has said so often that it has charged. */
async function killed(t: Test, dir: string, after: number): Promise<void> {
  const child = spawn(process.execPath, ['test/fixtures/charging.ts', dir], {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  let said = 0;
  createInterface({ input: child.stdout }).on('line', () => {
    said += 1;
    if (said === after) child.kill('SIGKILL');
  });
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  t.equal(signal, 'SIGKILL', `killed after ${after} charges`);
}

interface Books {
  entries: number;
  live: number;
  due: number;
}

/** Checks the books of a store that nobody has open. */
async function audit(t: Test, dir: string): Promise<Books> {
  const store = new SqliteStore({
    dir,
    now: () => Date.now(),
    maxInMemory: 10,
    maxDeliveries: 10,
    owner: 'test',
    sleep: () => Promise.resolve(),
  });
  await store.open();
  try {
    const entries = await store.entries('ann', 1_000_000, null);
    const { balance, reserved } = (await store.account('ann')) ?? { balance: 0, reserved: 0 };
    t.equal(
      entries.reduce((sum, { amount }) => sum + amount, 0),
      balance,
      'the balance is the sum of its entries',
    );
    const of = new Map(entries.map((entry) => [entry.subjectId, entry]));
    t.equal(of.size, entries.length, 'nothing is in the ledger twice');
    const due = new Set(await store.dueCharges(0, 1, 1_000_000));
    let open = 0;
    let live = 0;
    const wrong: string[] = [];
    for (const one of (await store.list({ userId: null }, 1_000_000, null)).executions) {
      const { id, cost } = one;
      const entry = of.get(id);
      if (cost === null) throw new Error(`${id} has no cost`);
      if (entry === undefined) open += cost.reserved;
      if (!isFinished(one)) live += 1;
      const expected = isFinished(one) && one.outcome.cause === 'lost' ? 0 : cost.reserved;
      const isRight =
        entry === undefined
          ? cost.charged === null && due.has(id) === isFinished(one)
          : isFinished(one) && entry.amount === -expected && cost.charged === expected && !due.has(id);
      if (!isRight) wrong.push(id);
    }
    t.same(wrong, [], 'what has ended is charged once, or is due; what lives is neither');
    t.equal(open, reserved, 'what is reserved is what is not charged');
    return { entries: entries.length, live, due: due.size };
  } finally {
    await store.close();
  }
}

// Nothing is charged twice, and nothing is forgotten.
t.test('charge exactly once: crash at every step of reserve -> run -> capture/release', async (t) => {
  const dir = tempDir(t);
  for (let round = 0; round < ROUNDS; round++) {
    await killed(t, dir, 1 + Math.floor(Math.random() * 40));
    await audit(t, dir);
  }
  const finish = spawn(process.execPath, ['test/fixtures/charging.ts', dir, 'finish'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await once(finish, 'close');
  const { entries, live, due } = await audit(t, dir);
  t.same({ live, due }, { live: 0, due: 0 });
  t.ok(entries > ROUNDS * 20, `${entries} entries`);
});
