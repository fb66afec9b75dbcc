// What a webhook sends in place of an event: its place among the ends before, and ready messages.
import t from 'tap';
import type { EventRecord } from '../../src/domain/execution/events.ts';
import { courseOf } from '../../src/webhooks/courses.ts';
import { readyBody } from '../../src/webhooks/ready.ts';

const end = (position: number, type: string, operation: string | null = 'a'): EventRecord =>
  ({ position, type, phase: 'done', operation, taskId: null, end: {} }) as unknown as EventRecord;

t.test('ends are counted in a row, each once, by operation', async (t) => {
  let kept: string | null = null;
  const look = (record: EventRecord) => {
    const { course, isCounted, state } = courseOf(kept, record);
    kept = state ?? kept;
    return [course.failures, course.previous, isCounted];
  };
  t.same(look(end(1, 'failed')), [1, null, false]);
  t.same(look(end(2, 'failed', 'b')), [1, null, false], 'of another operation');
  t.same(look(end(3, 'timed_out')), [2, 'failed', false]);
  t.same(look(end(3, 'timed_out')), [2, 'failed', true], 'looked at again, after a crash');
  t.same(look(end(4, 'cancelled')), [2, 'timed_out', false], 'a cancel changes nothing');
  t.same(look({ ...end(5, 'started'), end: null }), [2, 'timed_out', false]);
  t.same(look(end(6, 'failed')), [3, 'timed_out', false]);
  t.same(look(end(1, 'failed')), [1, null, true], 'a retry has its own course');
  t.same(look(end(7, 'completed')), [0, 'failed', false]);
  t.same(look(end(8, 'completed')), [0, 'completed', false]);
  t.same(look(end(1, 'failed')), [2, 'failed', true], 'beyond the last few: as the oldest of them');
  for (let i = 0; i < 1000; i++) look(end(100 + i, 'failed', `o${i}`));
  t.ok((kept as unknown as string).length < 40_000, 'bounded');
  t.same(look(end(2000, 'failed', '__proto__')), [1, null, false]);
  t.same(look(end(2001, 'failed', '__proto__')), [2, 'failed', false]);
});

t.test('ready messages hold what a command says as text', async (t) => {
  const event = {
    type: 'failed',
    status: 'failed',
    kind: 'shell',
    operation: null,
    step: null,
    execution_id: 'id',
    error: { message: '<!channel> *a* @everyone [x](http://y)\nb' },
  };
  const course = { failures: 3, previous: 'failed' };
  t.same(readyBody('slack', event, course), {
    text: '❌ shell failed (3 in a row): &lt;!channel&gt; \u200b*a\u200b* @everyone [x](http://y) b – id',
  });
  t.match(readyBody('discord', event, course), {
    allowed_mentions: { parse: [] },
    content:
      String.raw`❌ shell failed \(3 in a row\): \<!channel\> \*a\* @everyone \[x\]\(http://y\) b – id`.replace(
        String.raw`\<`,
        '<',
      ),
  });
  t.match(readyBody('teams', event, course), {
    type: 'message',
    attachments: [{ content: { body: [{ wrap: true }] } }],
  });
  const low = { type: 'low_balance', user_id: 'ann', balance: 4, threshold: 5 };
  t.match(readyBody('slack', low, course), { text: /balance of ann is 4, below 5/ });
  const long = { ...event, error: { message: 'x'.repeat(100_000) } };
  for (const name of ['slack', 'discord', 'teams'] as const)
    t.ok(JSON.stringify(readyBody(name, long, course)).length < 2500, name);
});
