// Events by position.
import type { Test } from 'tap';
import type { EventFilter } from '../../../src/domain/execution/events.ts';
import { type MakeWorld, one, ran } from './given.ts';

export function eventsByPosition(t: Test, makeWorld: MakeWorld): void {
  t.test('events are read by position, page by page, those of the user that fit and no others', async (t) => {
    const { store } = await makeWorld(t);
    const first = await ran(store, { labels: { team: 'a' }, taskId: 'x' });
    await ran(store, { userId: 'bob' });
    const last = await ran(store, { labels: { team: 'b' }, spec: { kind: 'shell', command: 'true' } });
    const read = async (filter: Partial<EventFilter>) => {
      const { records, upTo } = await store.eventsAfter({ userId: 'ann', ...filter }, 0, 100);
      t.equal(upTo, 9);
      return records.map(({ executionId, type }) => `${executionId === first ? 'first' : 'last'} ${type}`);
    };
    const of = (name: string) => ['accepted', 'started', 'completed'].map((type) => `${name} ${type}`);
    t.same(await read({}), [...of('first'), ...of('last')]);
    t.same(await read({ taskId: 'x' }), of('first'));
    t.same(await read({ label: [{ name: 'team', value: 'b' }] }), of('last'));
    t.same(await read({ kind: ['shell'], types: ['completed'] }), ['last completed']);
    t.same(await read({ status: ['running'] }), ['first started', 'last started']);
    t.same(await read({ label: [{ name: 'toString', value: 'x' }] }), []);
    const page = await store.eventsAfter({ userId: 'ann' }, 2, 3);
    t.match(page, { records: [{ position: 3, executionId: first, type: 'completed' }], upTo: 5 });
    t.same(await store.eventsAfter({ userId: 'ann' }, 9, 3), { records: [], upTo: 9 });
    t.match(page.records[0], {
      end: {
        outcome: { cause: 'exited' },
        output: { stdoutBytes: 5 },
        isComplete: true,
        log: { attempt: 1, records: 1, bytes: 5 },
      },
    });
    const [again] = await store.events('ann', last, 2);
    t.match(again, { type: 'completed', end: { output: { stdoutBytes: 5 } } });
  });

  t.test('it is known up to where events of a user have gone, also after a restart', async (t) => {
    const { store, reopen } = await makeWorld(t);
    const [first, second] = [await ran(store), await ran(store, { userId: 'bob' })];
    t.same(await store.eventEnds('ann'), { last: 6, swept: 0 });
    for (const executionId of [first, second])
      await one(store, [{ type: 'remove', userId: null, executionId }]);
    const again = await reopen();
    t.same(await again.eventEnds('ann'), { last: 6, swept: 3 });
    t.same(await again.eventEnds('bob'), { last: 6, swept: 6 });
    t.same(await again.eventEnds('eve'), { last: 6, swept: 0 });
    t.same((await again.eventsAfter({ userId: 'ann' }, 0, 100)).records, []);
  });
}
