// What traces cost: executions and submits of a server that sends each span to a collector, beside one without traces.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json, measure, perSecond, runsPerSecond, start, TRUE } from './figures.ts';

export async function measureTracing(): Promise<void> {
  const collector = createServer((request, response) => {
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
    name: 'executions with traces, beside those without',
    expected: 0.8,
    ours: () => runsPerSecond(traced.url, 64),
    yardstick: () => runsPerSecond(plain.url, 64),
  });
  const replay = (url: string) =>
    perSecond(`${url}/v1/executions/dry-run`, {
      connections: 64,
      method: 'POST',
      headers: json,
      body: JSON.stringify(TRUE),
    });
  await measure({
    name: 'dry runs with a span each, beside those without',
    expected: null,
    ours: () => replay(traced.url),
    yardstick: () => replay(plain.url),
  });
  for (const server of [traced, plain]) await server.stop();
  collector.close();
  collector.closeAllConnections();
}
