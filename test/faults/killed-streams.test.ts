import { join } from 'node:path';
import { EventSource } from 'eventsource';
import t from 'tap';
import { freePort } from '../helpers/ports.ts';
import { until } from '../helpers/processes.ts';
import { receiver } from '../helpers/receiver.ts';
import { server } from '../helpers/server-process.ts';
import { tempDir } from '../helpers/temp.ts';

const shell = (command: string, more: object = {}) => ({ kind: 'shell', command, ...more });

t.test('after a kill -9 every delivery that waited is made, and none was forgotten', async (t) => {
  const port = await freePort();
  const env = { EXECUTION_DATA_DIR: join(tempDir(t), 'data'), EXECUTION_EGRESS_ALLOW: '127.0.0.1' };
  const first = await server(t, env);
  const url = `http://127.0.0.1:${port}`;
  const hook = (await (
    await first.post('/v1/webhooks', { url, events: ['started', 'completed'] })
  ).json()) as { id: string };
  const ids: string[] = [];
  for (let i = 0; i < 20; i++) ids.push((await first.submit(shell('true', { webhook: { url } }))).id);
  for (const id of ids) await first.finished(id);
  first.signal('SIGKILL');
  await first.ended();
  const to = await receiver(t, Number(port));
  const second = await server(t, env);
  const expected = ids.flatMap((id) => [`${id}.2 started`, `${id}.3 completed`, `${id}.3 completed`]).sort();
  const seen = () =>
    to.received
      .map(({ headers, body }) => `${String(headers['webhook-id'])} ${String(body.data.type)}`)
      .sort();
  await until('all are told', () => to.received.length >= expected.length);
  t.same(seen(), expected, 'the standing one of two events, that of each execution of its end');
  const pending = async () =>
    (await second.get<{ items: object[] }>(`/v1/webhooks/${hook.id}/deliveries?state=pending`)).items.length;
  await until('none waits', async () => (await pending()) === 0);
});

t.test('an EventSource misses and repeats nothing over a kill -9', async (t) => {
  const env = { EXECUTION_DATA_DIR: join(tempDir(t), 'data'), EXECUTION_PORT: await freePort() };
  const first = await server(t, env);
  const source = new EventSource(`${first.url}/v1/events`);
  t.teardown(() => source.close());
  const seen: { id: string; execution: string; sequence: number; type: string }[] = [];
  for (const type of ['accepted', 'queued', 'started', 'completed', 'failed', 'lost'])
    source.addEventListener(type, ({ lastEventId: id, data }) => {
      const { execution_id: execution, sequence } = JSON.parse(data as string) as {
        execution_id: string;
        sequence: number;
      };
      seen.push({ id, execution, sequence, type });
    });
  await first.finished((await first.submit(shell('true'))).id);
  const running = await first.submit(shell('sleep 60'));
  await until('it is seen', () =>
    seen.some(({ execution, type }) => execution === running.id && type === 'started'),
  );
  first.signal('SIGKILL');
  await first.ended();
  const second = await server(t, env);
  await second.finished((await second.submit(shell('true'))).id);
  await until('the last is seen', () => seen.filter(({ type }) => type === 'completed').length === 2);
  t.equal(new Set(seen.map(({ id }) => id)).size, seen.length, 'nothing came twice');
  for (const one of new Set(seen.map(({ execution }) => execution))) {
    const sequences = seen.filter(({ execution }) => execution === one).map(({ sequence }) => sequence);
    t.same(
      sequences,
      sequences.map((_, i) => i + 1),
      'nothing is missing',
    );
  }
  t.ok(seen.some(({ execution, type }) => execution === running.id && type === 'lost'));
});
