// What traces cost: executions for each second of processor time that a server takes which sends each span to a collector, beside
// one without traces. Processor time, because what else the machine does matters less for it.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inFlight, type Server } from '../test/long/support.ts';
import { measure, SECONDS, start, TRUE } from './figures.ts';

const EACH_SECOND = 100;
/** Of the kernel's clock that counts processor time. */
const TICKS_A_SECOND = 100;

/** Seconds of processor time that a process has taken, its children not counted. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

const perCpuSecond = (server: Server) => async () => {
  const runs = EACH_SECOND * SECONDS;
  const before = cpuOf(server.pid);
  const run = () => server.call('POST', '/v1/executions', TRUE, { prefer: 'wait=60' });
  await inFlight(
    16,
    Array.from({ length: runs }, () => run),
  );
  return runs / (cpuOf(server.pid) - before);
};

export async function measureTracing(): Promise<void> {
  let requests = 0;
  const collector = createServer((request, response) => {
    requests += 1;
    request.resume().on('end', () => response.end());
  });
  await new Promise<void>((done) => collector.listen(0, '127.0.0.1', done));
  const { port } = collector.address() as AddressInfo;
  const on = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    // Room for all of them: what is dropped costs less.
    OTEL_BSP_MAX_QUEUE_SIZE: '100000',
  };
  const [traced, plain] = [await start(on), await start({})];
  await measure({
    name: 'executions a CPU second with traces, beside those without',
    expected: 0.8,
    ours: perCpuSecond(traced),
    yardstick: perCpuSecond(plain),
  });
  for (const server of [traced, plain]) await server.stop();
  if (requests === 0) throw new Error('no span has reached the collector');
  collector.close();
  collector.closeAllConnections();
}
