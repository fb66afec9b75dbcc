// Executions per second and the delay of the event loop, of a server as it is and of one that holds 450 MB more. They must
// be the same: the server does not fork. The rounds alternate, so that what else the machine does meets both.
import { join } from 'node:path';
import { check, finish, freePort, inFlight, megabytes, memoryOf, scratch, startServer } from './support.ts';

const COUNT = 600;
const IN_FLIGHT = 16;
const ROUNDS = 3;

async function measure(ballastMb: number): Promise<{ perSecond: number; lagMs: number; memory: number }> {
  const env = {
    EXECUTION_DATA_DIR: join(scratch(), 'data'),
    EXECUTION_PORT: await freePort(),
    BALLAST_MB: String(ballastMb),
  };
  const server = await startServer(env, ['--import', './test/fixtures/ballast.ts']);
  const job = () =>
    server.call('POST', '/v1/executions', { kind: 'exec', program: '/bin/true' }, { prefer: 'wait=30' });
  await inFlight(
    IN_FLIGHT,
    Array.from({ length: 100 }, () => job),
  );
  await fetch(`${server.url}/metrics`);
  const began = performance.now();
  await inFlight(
    IN_FLIGHT,
    Array.from({ length: COUNT }, () => job),
  );
  const perSecond = COUNT / ((performance.now() - began) / 1000);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  const lagMs = Number(/^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(metrics)?.[1]) * 1000;
  const memory = memoryOf(server.pid);
  await server.stop();
  return { perSecond, lagMs, memory };
}

const best = { small: { perSecond: 0, lagMs: Infinity }, large: { perSecond: 0, lagMs: Infinity } };
for (let round = 1; round <= ROUNDS; round++) {
  for (const [name, ballast] of [
    ['small', 0],
    ['large', 450],
  ] as const) {
    const { perSecond, lagMs, memory } = await measure(ballast);
    console.log(
      `${name}: ${megabytes(memory)}, ${perSecond.toFixed(0)} executions/s, event loop p99 ${lagMs.toFixed(1)} ms`,
    );
    best[name].perSecond = Math.max(best[name].perSecond, perSecond);
    best[name].lagMs = Math.min(best[name].lagMs, lagMs);
  }
}
const ratio = best.large.perSecond / best.small.perSecond;
check(
  ratio > 0.8,
  `executions per second of the large server are ${ratio.toFixed(2)} of those of the small one`,
);
check(
  best.large.lagMs < best.small.lagMs + 10,
  `event loop p99: ${best.small.lagMs.toFixed(1)} ms small, ${best.large.lagMs.toFixed(1)} ms large`,
);
finish();
