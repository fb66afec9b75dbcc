// This checkout beside another one, which is built, in turns: what a change has cost.
import { json, measure, perSecond, runsPerSecond, start, TRUE } from './figures.ts';

const body = JSON.stringify(TRUE);
const FULL = { EXECUTION_MAX_CONCURRENT: '1', EXECUTION_MAX_QUEUED: '10000000' };
const BATCH = 100;
const KEPT = 2000;

/** @param dir the other checkout */
export async function measureBefore(dir: string): Promise<void> {
  await executions(dir);
  await requests(dir);
}

async function executions(dir: string): Promise<void> {
  const [ours, theirs] = [await start({}), await start({}, dir)];
  for (const connections of [1, 64]) {
    await measure({
      name: `executions of /bin/true, ${connections} at a time, beside ${dir}`,
      expected: null,
      ours: () => runsPerSecond(ours.url, connections),
      yardstick: () => runsPerSecond(theirs.url, connections),
    });
  }
  await ours.stop();
  await theirs.stop();
}

/** What does not start processes: both have the same queue, and nothing of it begins. */
async function requests(dir: string): Promise<void> {
  const servers = [await start(FULL), await start(FULL, dir)] as const;
  const first = new Map<string, string>();
  for (const server of servers) {
    first.set(server.url, (await server.submit({ kind: 'exec', program: 'sleep', args: ['3600'] })).id);
    const executions = Array.from({ length: BATCH }, () => TRUE);
    for (let i = 0; i < KEPT; i += BATCH) await server.call('POST', '/v1/executions/batch', { executions });
  }
  const post = { method: 'POST', headers: json, body } as const;
  const figures = {
    polls: (url: string) => perSecond(`${url}/v1/executions/${first.get(url)}`, { connections: 64 }),
    'lists of 50': (url: string) => perSecond(`${url}/v1/executions?limit=50`, { connections: 32 }),
    submits: (url: string) => perSecond(`${url}/v1/executions`, { connections: 128, ...post }),
  };
  const [ours, theirs] = servers;
  for (const [name, figure] of Object.entries(figures)) {
    await measure({
      ...{ name: `${name}, beside ${dir}`, expected: null },
      ours: () => figure(ours.url),
      yardstick: () => figure(theirs.url),
    });
  }
  for (const server of servers) await server.kill();
}
