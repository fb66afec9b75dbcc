// What a queue of 10,000 of one user means for ten executions that come after it: of another user, who has every other turn,
// and beside that of the same user, among whose own the order of arrival holds.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionWire } from '../src/http/executions/schemas.ts';
import { bearer, keysText } from '../test/helpers/key-texts.ts';
import { freePort, scratch, startServer } from '../test/long/support.ts';
import { TRUE } from './figures.ts';

const WAITING = 10_000;
const BATCH = 1000;
const LATE = 10;
const SLOTS = 4;

/** Milliseconds from acceptance to start of each of the late ones. */
async function waits(late: 'greedy' | 'modest'): Promise<number[]> {
  const keys = join(scratch(), 'keys.json');
  writeFileSync(keys, keysText({ greedy: {}, modest: {} }), { mode: 0o600 });
  const server = await startServer({
    EXECUTION_DATA_DIR: join(scratch(), 'data'),
    EXECUTION_PORT: await freePort(),
    EXECUTION_API_KEYS_FILE: keys,
    EXECUTION_MAX_CONCURRENT: String(SLOTS),
    EXECUTION_MAX_QUEUED: String(2 * WAITING),
  });
  const batch = async (user: string, size: number) => {
    const executions = Array.from({ length: size }, () => TRUE);
    const answer = await server.call<{ items: { execution: ExecutionWire }[] }>(
      ...(['POST', '/v1/executions/batch', { executions }, bearer(user)] as const),
    );
    return answer.items.map(({ execution }) => execution.id);
  };
  for (let i = 0; i < WAITING; i += BATCH) await batch('greedy', BATCH);
  const waited: number[] = [];
  for (const id of await batch(late, LATE)) {
    for (;;) {
      const path = `/v1/executions/${id}?wait=60`;
      const { phase, timestamps } = await server.call<ExecutionWire>('GET', path, undefined, bearer(late));
      if (phase !== 'done') continue;
      waited.push(Date.parse(timestamps.started ?? '') - Date.parse(timestamps.created));
      break;
    }
  }
  await server.kill();
  return waited.sort((a, b) => a - b);
}

/** Prints how long the late ones waited. */
export async function measureFairness(): Promise<void> {
  for (const [late, what] of [
    ['modest', 'of another user'],
    ['greedy', 'of the same user, in the order of arrival'],
  ] as const) {
    const waited = await waits(late);
    const [least, median, most] = [waited[0], waited[LATE >> 1], waited.at(-1)];
    console.log(
      `${LATE} behind ${WAITING} on ${SLOTS} slots, ${what}: started after ${least}, ${median}, ${most} ms (least, median, most)`,
    );
  }
}
