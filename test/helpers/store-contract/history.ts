// Revisions and events: each change has its own, without a gap.
import type { Test } from 'tap';
import type { Group } from '../../../src/domain/ports/group.ts';
import { accept, newExecution, settle } from '../records.ts';
import { type MakeWorld, CLAIM, applied, one, given, get, cancel, requeue, remove } from './given.ts';

export function history(t: Test, makeWorld: MakeWorld): void {
  t.test(
    'each group that touches an execution grows its revision by one and announces itself without a gap',
    async (t) => {
      const { store } = await makeWorld(t);
      const [id] = (await given(store, newExecution())) as [string];
      const seen = [await get(store, id)];
      for (const group of [
        [{ type: 'claim_next', pools: ['process'], limit: 1, claim: CLAIM }],
        [requeue(id, 1)],
        [{ type: 'claim_next', pools: ['process'], limit: 1, claim: CLAIM }],
        [cancel(id)],
        [settle(id, 2, { outcome: { cause: 'lost', detail: 'server_crash' } })],
      ] satisfies Group[]) {
        seen.push(...applied(await one(store, group)));
      }
      t.same(
        seen.map(({ revision }) => revision),
        [1, 2, 3, 4, 5, 6],
      );
      const events = await store.events('ann', id, 0);
      t.same(
        events.map(({ type }) => type),
        ['accepted', 'queued', 'started', 'queued', 'started', 'status_changed', 'lost', 'failed'],
      );
      t.same(
        events.map(({ sequence }) => sequence),
        [1, 2, 3, 4, 5, 6, 7, 8],
      );
      t.same(
        (await store.events('ann', id, 6)).map(({ type }) => type),
        ['lost', 'failed'],
      );
      t.equal((await get(store, id)).eventSequence, 8);
    },
  );

  t.test(
    'positions grow over all executions in the order of the commits, and are never given out twice',
    async (t) => {
      const { store, reopen } = await makeWorld(t);
      const first = await one(store, [accept(newExecution())]);
      const second = await one(store, [accept(newExecution(), { claim: CLAIM })]);
      const positions = [first, second].flatMap((result) =>
        result.status === 'applied' ? result.events.map(({ position }) => position) : [],
      );
      t.same(
        positions,
        [...positions].sort((a, b) => a - b),
      );
      const id = applied(second)[0]?.id as string;
      applied(await one(store, [settle(id, 1)]));
      applied(await one(store, [remove(id)]));
      const again = await reopen();
      const third = await one(again, [accept(newExecution())]);
      const last = third.status === 'applied' ? (third.events[0]?.position ?? 0) : 0;
      t.ok(last > (positions.at(-1) ?? 0) + 1, 'not even those of what was removed');
    },
  );
}
