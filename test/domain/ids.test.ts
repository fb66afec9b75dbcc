import t from 'tap';
import { createIdGenerator, createTraceIds, isExecutionId } from '../../src/domain/ids.ts';

t.test('ids are UUIDs of version 7 that carry the time', async (t) => {
  const at = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  const id = createIdGenerator(() => at)();
  t.ok(isExecutionId(id), id);
  t.equal(parseInt(id.replaceAll('-', '').slice(0, 12), 16), at);
});

t.test('ids grow strictly, also within a millisecond and when the clock steps back', async (t) => {
  const times = [1000, 1000, 1000, 999, 500, 1001];
  let call = 0;
  const next = createIdGenerator(() => times[call++ % times.length] as number);
  const ids = Array.from({ length: 20_000 }, () => next());
  t.same(ids, [...ids].sort());
  t.equal(new Set(ids).size, ids.length);
  t.ok(ids.every(isExecutionId));
});

t.test('nothing but the exact form is an id', async (t) => {
  const good = createIdGenerator(() => 1)();
  const bad = [
    '',
    'x',
    good.toUpperCase(),
    `${good} `,
    good.slice(1),
    `${good.slice(0, 14)}4${good.slice(15)}`,
    '../etc',
  ];
  for (const text of bad) t.notOk(isExecutionId(text), text);
});

t.test('trace ids and span ids have their lengths and differ', async (t) => {
  const ids = createTraceIds();
  t.match(ids.traceId(), /^[0-9a-f]{32}$/);
  t.match(ids.spanId(), /^[0-9a-f]{16}$/);
  t.not(ids.spanId(), ids.spanId());
});
