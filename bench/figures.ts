// How figures are measured: in turns with their yardsticks; the ratio of the best rounds, and the spread of the ratios.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import { freePort, scratch, startServer, type Server } from '../test/long/support.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    results: { type: 'string', default: 'bench/results' },
    before: { type: 'string' },
  },
});
export const ROUNDS = Number(values.rounds);
export const SECONDS = Number(values.seconds);
/** Sections that are asked for; none: all. */
export const ASKED: readonly string[] = positionals;
/** A checkout of another commit, built, that this one is measured beside. */
export const BEFORE = values.before;
/** Where the figures are written. */
export const RESULTS = values.results;

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

/** A figure that has been measured. */
export interface Measured {
  name: string;
  expected: number | null;
  ours: number[];
  yardstick: number[];
  /** Of the best rounds. */
  ratio: number;
  /** Of each round. */
  ratios: { min: number; median: number; max: number };
}
export const measured: Measured[] = [];

export async function measure({ name, expected, ours, yardstick }: Figure): Promise<void> {
  await ours();
  await yardstick();
  const all: number[] = [];
  const allOfYardstick: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    all.push(await ours());
    allOfYardstick.push(await yardstick());
  }
  const [best, bestYardstick] = [Math.max(...all), Math.max(...allOfYardstick)];
  const ratio = best / bestYardstick;
  const ratios = all.map((one, i) => one / (allOfYardstick[i] ?? NaN)).sort((a, b) => a - b);
  const [min = NaN, median = NaN, max = NaN] = [ratios[0], ratios[ratios.length >> 1], ratios.at(-1)];
  measured.push({
    ...{ name, expected, ours: all, yardstick: allOfYardstick, ratio },
    ratios: { min, median, max },
  });
  const verdict =
    expected === null
      ? ''
      : `   expected at least ${expected.toFixed(2)}${ratio < expected ? ': BELOW' : ''}`;
  console.log(
    `${name.padEnd(62)} ${best.toFixed(0).padStart(6)}/s  ${bestYardstick.toFixed(0).padStart(6)}/s  ${ratio.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})${verdict}`,
  );
}

export const json = { 'content-type': 'application/json' };
export const TRUE = { kind: 'exec', program: '/bin/true', args: [] };

export const start = async (more: Record<string, string>, dir = '.'): Promise<Server> => {
  const port = await freePort();
  return startServer({ EXECUTION_DATA_DIR: join(scratch(), 'data'), EXECUTION_PORT: port, ...more }, [], dir);
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
