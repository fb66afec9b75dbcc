// How long the event loop stands still while 2,000 executions a minute run and one command prints 200 MB a second.
import type { ExecutionWire } from '../src/http/executions/schemas.ts';
import { TRUE } from './figures.ts';
import { told, watched } from './watched.ts';

const SECONDS = 30;
const PER_MINUTE = 2000;
const MEGABYTES_PER_S = 200;
const EXPECTED_MS = 20;

/** Prints so much a second, in pieces of 10 ms. */
const PRINTER = `
import os, time
piece = b'x' * ${MEGABYTES_PER_S * 10_000}
began = time.monotonic()
for i in range(${SECONDS * 100}):
    left = memoryview(piece)
    while left: left = left[os.write(1, left):]
    time.sleep(max(0, began + (i + 1) / 100 - time.monotonic()))
`;

export async function measureBusy(): Promise<void> {
  const { server, pauses } = await watched({ EXECUTION_SPOOL_MAX_BYTES: '20000000000' });
  for (let i = 0; i < 200; i++) await server.call('POST', '/v1/executions', TRUE, { prefer: 'wait=60' });
  const printer = await server.submit({
    kind: 'script',
    interpreter: 'python3',
    source: PRINTER,
    output: { oversized: 'spool' },
  });
  await pauses();
  const began = performance.now();
  const running: Promise<ExecutionWire>[] = [];
  for (let i = 0; i < (PER_MINUTE * SECONDS) / 60; i++) {
    running.push(server.call('POST', '/v1/executions', TRUE, { prefer: 'wait=60' }));
    const nextAt = began + ((i + 1) * 60_000) / PER_MINUTE;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, nextAt - performance.now())));
  }
  const ended = await Promise.all(running);
  const seen = await pauses();
  if (ended.some(({ status }) => status !== 'completed')) throw new Error('an execution failed');
  const { output, timestamps } = await server.finished(printer.id);
  const took = (Date.parse(timestamps.finished ?? '') - Date.parse(timestamps.started ?? '')) / 1000;
  const rate = output.stdout_kept_bytes / 1e6 / took;
  console.log(
    `${PER_MINUTE} executions a minute beside ${rate.toFixed(0)} MB/s of output: ${told(seen)}   ` +
      `expected p99 below ${EXPECTED_MS} ms${seen.p99 < EXPECTED_MS ? '' : ': ABOVE'}`,
  );
  await server.kill();
}
