// Whatever is done in whatever order.
import type { Test } from 'tap';
import fc from 'fast-check';
import { isFinished } from '../../../src/domain/execution/execution.ts';
import type { Group } from '../../../src/domain/ports/group.ts';
import { accept, newExecution, settle } from '../records.ts';
import { rounds } from '../rounds.ts';
import { type MakeWorld, CLAIM, cancel, requeue, remove } from './given.ts';

export function anyOrder(t: Test, makeWorld: MakeWorld): void {
  t.test('whatever is done in whatever order, the counts are right and an end is final', async (t) => {
    const { store } = await makeWorld(t);
    const ends = new Map<string, string>();
    const ids: string[] = [];
    const step = fc.record({
      what: fc.constantFrom('accept', 'claimed', 'claim', 'cancel', 'settle', 'requeue', 'remove'),
      which: fc.nat(30),
      attempt: fc.integer({ min: 0, max: 3 }),
    });
    const groupOf = ({ what, which, attempt }: { what: string; which: number; attempt: number }): Group => {
      const id = ids[which % Math.max(1, ids.length)] ?? newExecution().id;
      if (what === 'accept' || what === 'claimed') {
        const execution = newExecution();
        ids.push(execution.id);
        return [accept(execution, { claim: what === 'claimed' ? CLAIM : null })];
      }
      if (what === 'claim') return [{ type: 'claim_next', pools: ['process'], limit: 2, claim: CLAIM }];
      if (what === 'cancel') return [cancel(id)];
      if (what === 'settle') return [settle(id, attempt)];
      return what === 'requeue' ? [requeue(id, attempt)] : [remove(id)];
    };
    // In one batch, whose rules know nothing of it before.
    const allOfALife = ['claimed', 'settle', 'remove'].map((what) => ({ what, which: 0, attempt: 1 }));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const groups = steps.map(groupOf);
        const results = await store.commit(groups);
        results.forEach((result, i) => {
          if (result.status !== 'applied') return;
          const isRemoval = groups[i]?.[0]?.type === 'remove';
          for (const execution of result.executions) {
            const known = ends.get(execution.id);
            if (known !== undefined && (!isFinished(execution) || execution.status !== known))
              throw new Error('an end changed');
            if (isRemoval) ends.delete(execution.id);
            else if (isFinished(execution)) ends.set(execution.id, execution.status);
          }
        });
        const { executions: stored } = await store.list({ userId: null }, 100_000, null);
        const counts = await store.counts();
        const count = (status: string) => stored.filter((execution) => execution.status === status).length;
        if (count('pending') !== counts.pending || count('running') !== counts.running)
          throw new Error('counts are off');
        if (count('completed') !== counts.finished.completed) throw new Error('counts of ends are off');
        const waiting = stored.filter(({ status }) => status === 'pending');
        const positions = await Promise.all(waiting.map(({ id }) => store.queuePosition(id)));
        positions.sort((a, b) => (a ?? -1) - (b ?? -1));
        if (positions.some((position, i) => position !== i)) throw new Error('positions are off');
      }),
      { numRuns: rounds(4), examples: [[allOfALife]] },
    );
    t.pass();
  });
}
