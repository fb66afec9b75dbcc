// Executions beside the server that people write by hand: Fastify and execa, one route, nothing kept.
import { execa } from 'execa';
import { until } from '../test/helpers/processes.ts';
import { json, measure, perSecond, runsPerSecond, start, TRUE } from './figures.ts';

export async function measureByHand(): Promise<void> {
  const child = execa(process.execPath, ['bench/by-hand-server.ts'], {
    ...{ buffer: false, reject: false, extendEnv: false },
    env: { PATH: process.env.PATH },
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await until('the server listens', () => said.includes('\n'));
  const { address } = JSON.parse(said) as { address: string };
  const server = await start({});
  await measure({
    name: 'executions, beside 20 lines of Fastify and execa',
    expected: 1,
    ours: () => runsPerSecond(server.url, 64),
    yardstick: () =>
      perSecond(`${address}/run`, {
        connections: 64,
        method: 'POST',
        headers: json,
        body: JSON.stringify(TRUE),
      }),
  });
  await server.stop();
  child.kill();
  await child;
}
