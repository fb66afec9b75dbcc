// How figures are measured: in turns with their yardsticks, the best round of each.
import { join } from 'node:path';
import autocannon from 'autocannon';
import { freePort, scratch, startServer, type Server } from '../test/long/support.ts';

export const ROUNDS = Number(process.argv[2] ?? 3);
export const SECONDS = 4;

export interface Load {
  connections: number;
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: string;
}

export async function perSecond(url: string, load: Load): Promise<number> {
  const result = await autocannon({ url, duration: SECONDS, ...load });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${url}: ${result.non2xx} refused, ${result.errors} failed`);
  return result.requests.total / result.duration;
}

export interface Figure {
  name: string;
  expected: number | null;
  ours: () => Promise<number>;
  yardstick: () => Promise<number>;
}

export async function measure({ name, expected, ours, yardstick }: Figure): Promise<void> {
  await ours();
  await yardstick();
  let [best, bestYardstick] = [0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    best = Math.max(best, await ours());
    bestYardstick = Math.max(bestYardstick, await yardstick());
  }
  const ratio = best / bestYardstick;
  const verdict =
    expected === null
      ? ''
      : `   expected at least ${expected.toFixed(2)}${ratio < expected ? ': BELOW' : ''}`;
  console.log(
    `${name.padEnd(62)} ${best.toFixed(0).padStart(6)}/s  ${bestYardstick.toFixed(0).padStart(6)}/s  ${ratio.toFixed(2)}${verdict}`,
  );
}

export const json = { 'content-type': 'application/json' };
export const TRUE = { kind: 'exec', program: '/bin/true', args: [] };

export const start = async (more: Record<string, string>): Promise<Server> => {
  return startServer({
    EXECUTION_DATA_DIR: join(scratch(), 'data'),
    EXECUTION_PORT: await freePort(),
    ...more,
  });
};

/** Executions of /bin/true, one request each, answered at their end; so many at a time. */
export function runsPerSecond(url: string, connections: number): Promise<number> {
  return perSecond(`${url}/v1/executions`, {
    connections,
    method: 'POST',
    headers: { ...json, prefer: 'wait=60' },
    body: JSON.stringify(TRUE),
  });
}
