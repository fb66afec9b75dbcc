// How long a line of a log takes from the command to one who follows it: at the server that runs the command, and at another
// server on the same database. Both on this machine, so that one clock tells the time.
import { join } from 'node:path';
import { startDurable } from './durable.ts';
import { freePort, scratch, type Server, startServer } from '../test/long/support.ts';
import { quantile } from './quantile.ts';

const LINES = 60;
/** Between two lines, seconds: as from a build, and from something that says little. */
const PAUSES = ['0.1', '0.7'];

export async function measureTail(): Promise<void> {
  const { cluster, stop } = await startDurable();
  try {
    const url = await cluster.database();
    const start = async (name: string) =>
      startServer({
        ...{ EXECUTION_DATABASE_URL: url, EXECUTION_REPLICA_NAME: name, EXECUTION_PORT: await freePort() },
        EXECUTION_DATA_DIR: join(scratch(), name),
      });
    const [first, second] = [await start('first'), await start('second')];
    for (const pause of PAUSES) {
      const lines = pause === '0.1' ? LINES : LINES / 4;
      const command = `for i in $(seq ${lines}); do date +%s%N; sleep ${pause}; done`;
      // In slots of the first one: the second one is there to be asked.
      const { id } = await first.submit({ kind: 'shell', command });
      const [here, there] = await Promise.all([delays(first, id), delays(second, id)]);
      tell(`a line each ${pause} s, followed where it runs`, here);
      tell(`a line each ${pause} s, followed at another server`, there);
    }
    await Promise.all([first.stop(), second.stop()]);
  } finally {
    await stop();
  }
}

/** Milliseconds from the time that each line says to when it is here; the first second is for getting to know each other. */
async function delays({ url }: Server, id: string): Promise<number[]> {
  const response = await fetch(`${url}/v1/executions/${id}/logs?follow=true&format=raw`);
  const all: { at: number; ms: number }[] = [];
  let left = '';
  for await (const bytes of response.body ?? []) {
    const at = performance.timeOrigin + performance.now();
    const lines = (left + Buffer.from(bytes as Uint8Array).toString()).split('\n');
    left = lines.pop() ?? '';
    for (const line of lines) all.push({ at, ms: at - Number(line) / 1e6 });
  }
  const began = all[0]?.at ?? 0;
  return all.filter(({ at }) => at - began > 1000).map(({ ms }) => ms);
}

function tell(what: string, delays: number[]): void {
  const [p50, p99] = [quantile(delays, 0.5), quantile(delays, 0.99)];
  console.log(
    `${what.padEnd(62)} p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms (${delays.length} lines)`,
  );
}
