// How much of a usual load the cache answers: requests of very different popularity (Zipf), of more commands than the
// cache has room for.
import { freePort, inFlight, scratch, startServer } from '../test/long/support.ts';
import { join } from 'node:path';

const EXPONENT = 1.1;
const COMMANDS = 2000;
const ENTRIES = 1000;
const WARM_UP = 10_000;
const REQUESTS = 20_000;
const IN_FLIGHT = 32;
const EXPECTED = 0.9;

interface CacheStats {
  hits: number;
  misses: number;
  joined: number;
  evictions: number;
}

/** Numbers below `count`, 0 the most frequent; the same ones in every run. */
function zipf(count: number, exponent: number): () => number {
  const sums: number[] = [];
  for (let i = 0; i < count; i++) sums.push((sums[i - 1] ?? 0) + 1 / (i + 1) ** exponent);
  const whole = sums.at(-1) ?? 0;
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const at = (state / 2 ** 32) * whole;
    return sums.findIndex((sum) => sum > at);
  };
}

export async function measureHitRatio(): Promise<void> {
  const server = await startServer({
    EXECUTION_DATA_DIR: join(scratch(), 'data'),
    EXECUTION_PORT: await freePort(),
    EXECUTION_CACHE_SIZE: String(ENTRIES),
  });
  const next = zipf(COMMANDS, EXPONENT);
  const send = (count: number) =>
    inFlight(
      IN_FLIGHT,
      Array.from({ length: count }, () => () => {
        const spec = { kind: 'exec', program: '/bin/true', args: [String(next())], cache: {} };
        return server.call('POST', '/v1/executions', spec, { prefer: 'wait=30' });
      }),
    );
  const stats = () => server.call<CacheStats>('GET', '/v1/cache');
  await send(WARM_UP);
  const before = await stats();
  await send(REQUESTS);
  const after = await stats();
  await server.stop();
  const grown = (name: keyof CacheStats) => after[name] - before[name];
  const ratio = grown('hits') / (grown('hits') + grown('misses'));
  console.log(
    `hits of a Zipf load: exponent ${EXPONENT}, ${COMMANDS} commands, ${ENTRIES} entries, ${REQUESTS} requests after ${WARM_UP}: ` +
      `${grown('hits')} hits, ${grown('misses')} misses (${grown('joined')} of them joined), ${grown('evictions')} evictions, ` +
      `ratio ${ratio.toFixed(3)}   expected more than ${EXPECTED.toFixed(2)}${ratio <= EXPECTED ? ': BELOW' : ''}`,
  );
}
