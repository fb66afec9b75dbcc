// What a claim costs with a long queue: a store with many waiting executions, claimed and settled one after the other, as
// the scheduler does it. `node bench/queue.ts [WAITING] [USERS]` prints accepts and claims per second.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Execution } from '../src/domain/execution/execution.ts';
import type { Group } from '../src/domain/ports/group.ts';
import { SqliteStore } from '../src/store/sqlite/store.ts';
import { accept, newExecution, settle } from '../test/helpers/records.ts';

const WAITING = Number(process.argv[2] ?? 100_000);
const USERS = Number(process.argv[3] ?? 1);
const CLAIMS = 20_000;
/** Groups of as many concurrent callers share a transaction. */
const AT_ONCE = 64;

const dir = mkdtempSync(join(tmpdir(), 'execd-bench-'));
const store = new SqliteStore({
  dir,
  now: () => Date.now(),
  maxDeliveries: 1000,
  maxInMemory: 1000,
  owner: 'bench',
});
await store.open();

async function timed(name: string, count: number, work: () => Promise<void>): Promise<void> {
  const began = performance.now();
  await work();
  const perSecond = (count / (performance.now() - began)) * 1000;
  console.log(`${name.padEnd(50)} ${perSecond.toFixed(0).padStart(7)}/s`);
}

await timed(`accepts of ${USERS} user(s)`, WAITING, async () => {
  for (let i = 0; i < WAITING; i += 1000) {
    const batch = Array.from({ length: 1000 }, (_, j) => newExecution({ userId: `user-${(i + j) % USERS}` }));
    await store.commit(batch.map((execution): Group => [accept(execution)]));
  }
});
let running: Execution[] = [];
await timed(`settles, each with a claim, ${WAITING} waiting`, CLAIMS, async () => {
  for (let i = 0; i < CLAIMS; i += AT_ONCE) {
    const groups = Array.from({ length: AT_ONCE }, (_, j): Group[] => {
      const ended = running[j];
      const claim: Group = [{ type: 'claim_next', pools: ['process'], limit: 1, claim: { runner: 'bench' } }];
      return ended === undefined ? [claim] : [[settle(ended.id, 1)], claim];
    });
    const results = await store.commit(groups.flat());
    running = results.flatMap((result) =>
      result.status === 'applied' ? result.executions.filter(({ status }) => status === 'running') : [],
    );
  }
});
await store.close();
rmSync(dir, { recursive: true, force: true });
