// 1 GiB of output with each strategy: memory stays flat, flags and totals are exact, what is kept is exact to the byte.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { check, finish, freePort, megabytes, memoryOf, scratch, startServer } from './support.ts';

const GIB = 1024 ** 3;
const LIMIT = 10 * 1024 * 1024;
const server = await startServer({
  EXECUTION_DATA_DIR: join(scratch(), 'data'),
  EXECUTION_PORT: await freePort(),
});
const hostPid = await server.hostPid();

// The bytes can be made again for comparison: a block of every byte value, many times.
const BLOCK = Buffer.alloc(65_536, Buffer.from(Array.from({ length: 256 }, (_, i) => (i * 7) % 256)));
const SCRIPT = `
import sys
block = bytes((i * 7) % 256 for i in range(256)) * 256
for _ in range(${GIB / BLOCK.length}):
    sys.stdout.buffer.write(block)
`;

function expectedHash(bytes: number): string {
  const hash = createHash('sha256');
  for (let left = bytes; left > 0; left -= BLOCK.length)
    hash.update(BLOCK.subarray(0, Math.min(left, BLOCK.length)));
  return hash.digest('hex');
}

async function run(
  oversized: string,
): Promise<{ end: ExecutionWire; peak: number; hostPeak: number; seconds: number }> {
  const began = performance.now();
  const { id } = await server.submit({
    kind: 'script',
    source: SCRIPT,
    interpreter: 'python3',
    output: { oversized },
  });
  let [peak, hostPeak] = [0, 0];
  const watch = setInterval(() => {
    peak = Math.max(peak, memoryOf(server.pid));
    hostPeak = Math.max(hostPeak, memoryOf(hostPid));
  }, 50);
  const end = await server.finished(id);
  clearInterval(watch);
  return { end, peak, hostPeak, seconds: (performance.now() - began) / 1000 };
}

const base = { server: memoryOf(server.pid), host: memoryOf(hostPid) };
console.log(`at rest: server ${megabytes(base.server)}, host ${megabytes(base.host)}`);
for (const [strategy, kept, written] of [
  ['truncate', LIMIT, GIB],
  ['fail', LIMIT, null],
  ['spool', GIB, GIB],
] as const) {
  const { end, peak, hostPeak, seconds } = await run(strategy);
  console.log(
    `${strategy}: ${seconds.toFixed(1)} s, at most server ${megabytes(peak)}, host ${megabytes(hostPeak)}`,
  );
  const { output } = end;
  check(
    output.strategy === strategy && output.stdout_kept_bytes === kept,
    `${strategy}: ${output.stdout_kept_bytes} bytes are kept`,
  );
  check(
    written === null ? output.stdout_bytes > LIMIT : output.stdout_bytes === written,
    `${strategy}: ${output.stdout_bytes} bytes were written`,
  );
  check(output.truncated === (strategy !== 'spool'), `${strategy}: truncated is ${output.truncated}`);
  check(
    strategy === 'fail' ? end.outcome?.cause === 'output_limit' : end.status === 'completed',
    `${strategy}: it ended as ${end.outcome?.cause}`,
  );
  check(hostPeak < base.host + 60e6, `${strategy}: the memory of the host stays flat`);
  check(peak < base.server + 60e6, `${strategy}: the memory of the server stays flat`);

  const hash = createHash('sha256');
  let bytes = 0;
  const response = await fetch(`${server.url}/v1/executions/${end.id}/logs?format=raw`);
  for await (const piece of response.body ?? []) {
    hash.update(piece as Uint8Array);
    bytes += (piece as Uint8Array).length;
  }
  check(
    bytes === kept && hash.digest('hex') === expectedHash(kept),
    `${strategy}: the log is exact to the byte`,
  );
  check(
    memoryOf(server.pid) < base.server + 80e6,
    `${strategy}: reading it leaves the memory flat (${megabytes(memoryOf(server.pid))})`,
  );
  await server.call('DELETE', `/v1/executions/${end.id}`);
}
await server.stop();
finish();
