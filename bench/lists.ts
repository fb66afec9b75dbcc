// Lists and batches: a page of 50 executions beside the poll of one, and executions accepted in batches of 100 beside those that
// are accepted one by one.
import { json, measure, perSecond, start } from './figures.ts';

const BATCH = 100;
const KEPT = 2000;

export async function measureLists(): Promise<void> {
  const server = await start({ EXECUTION_MAX_CONCURRENT: '1', EXECUTION_MAX_QUEUED: '10000000' });
  const spec = { kind: 'exec', program: 'sleep', args: ['3600'] };
  const { id } = await server.submit(spec);
  const batch = { executions: Array.from({ length: BATCH }, () => spec) };
  for (let i = 0; i < KEPT; i += BATCH) await server.call('POST', '/v1/executions/batch', batch);
  const get = (path: string) => () => perSecond(server.url + path, { connections: 32 });
  await measure({
    name: 'lists of 50 executions, beside polls of one',
    expected: null,
    ours: get('/v1/executions?limit=50'),
    yardstick: get(`/v1/executions/${id}`),
  });
  const post = (path: string, body: object) =>
    perSecond(server.url + path, {
      connections: 16,
      method: 'POST',
      headers: json,
      body: JSON.stringify(body),
    });
  await measure({
    name: 'executions accepted in batches of 100, beside one by one',
    expected: null,
    ours: async () => (await post('/v1/executions/batch', batch)) * BATCH,
    yardstick: () => post('/v1/executions', spec),
  });
  await server.kill();
}
