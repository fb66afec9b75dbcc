// What the service does in a second, each figure beside its yardstick in the same run. The two take turns, the best round of
// each counts, and what is said is the ratio: it means something on another machine, the figures themselves do not.
import { execa } from 'execa';
import { until } from '../test/helpers/processes.ts';
import { measureBusy } from './busy.ts';
import { measureFairness } from './fairness.ts';
import { json, measure, perSecond, ROUNDS, runsPerSecond, SECONDS, start, TRUE } from './figures.ts';
import { measureNative } from './native.ts';
import { measurePlans } from './plans.ts';
import { measureHitRatio } from './zipf.ts';

/** The bare server; answers its address. */
async function startBare(document: string): Promise<string> {
  const child = execa(process.execPath, ['bench/bare-server.ts'], {
    ...{ buffer: false, reject: false, extendEnv: false },
    env: { PATH: process.env.PATH, DOCUMENT: document },
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await until('the bare server listens', () => said.includes('\n'));
  return (JSON.parse(said) as { address: string }).address;
}

const spec = JSON.stringify(TRUE);
const spawnLoop = (stdio: string) => async () => {
  const loop = await execa(process.execPath, ['bench/spawn-loop.ts', String(SECONDS), '64', stdio]);
  return Number(loop.stdout);
};

console.log(`${''.padEnd(62)} ${'execd'.padStart(8)}  ${'yardstick'.padStart(8)}  ratio`);

const polled = await start({});
const done = await polled.call<{ id: string }>('POST', '/v1/executions', JSON.parse(spec), {
  prefer: 'wait=10',
});
const bare = await startBare(JSON.stringify(done));
const poll = () => perSecond(`${polled.url}/v1/executions/${done.id}`, { connections: 64 });
await measure({
  name: 'polls, beside a bare Fastify GET route of a small object',
  expected: 0.6,
  ours: poll,
  yardstick: () => perSecond(`${bare}/small/x`, { connections: 64 }),
});
await measure({
  name: 'polls, beside a bare Fastify GET route of the same document',
  expected: null,
  ours: poll,
  yardstick: () => perSecond(`${bare}/document/x`, { connections: 64 }),
});
await polled.stop();

const queueing = await start({ EXECUTION_MAX_CONCURRENT: '1', EXECUTION_MAX_QUEUED: '10000000' });
await queueing.submit({ kind: 'exec', program: 'sleep', args: ['3600'] });
await measure({
  name: 'durable submits, beside a bare Fastify POST route with a schema',
  expected: 0.12,
  ours: () =>
    perSecond(`${queueing.url}/v1/executions`, {
      connections: 128,
      method: 'POST',
      headers: json,
      body: spec,
    }),
  yardstick: () =>
    perSecond(`${bare}/submit`, { connections: 128, method: 'POST', headers: json, body: spec }),
});
await queueing.kill();

const caching = await start({});
const cachedSpec = { kind: 'exec', program: '/bin/true', args: [], cache: {} };
const cached = JSON.stringify(cachedSpec);
await caching.call('POST', '/v1/executions', cachedSpec, { prefer: 'wait=10' });
const hit = await caching.submit(cachedSpec);
if (hit.cache?.status !== 'hit') throw new Error('a request that was to be a hit is none');
const bareHits = await startBare(JSON.stringify(hit));
const post = (url: string) => () =>
  perSecond(url, { connections: 128, method: 'POST', headers: json, body: cached });
await measure({
  name: 'hits, beside a bare Fastify POST route of the same document',
  expected: 0.35,
  ours: post(`${caching.url}/v1/executions`),
  yardstick: post(`${bareHits}/document`),
});
await measure({
  name: 'hits, beside a bare Fastify POST route of a small object',
  expected: null,
  ours: post(`${caching.url}/v1/executions`),
  yardstick: post(`${bareHits}/submit`),
});
await caching.stop();
await measureHitRatio();

const running = await start({ EXECUTION_RUNNER_HOST: 'node' });
const run = () => runsPerSecond(running.url, 64);
await measure({
  name: 'executions with the Node host, beside a loop of child_process.spawn',
  expected: 0.5,
  ours: run,
  yardstick: spawnLoop('pipe'),
});
await measure({
  name: 'the same, beside a loop that takes no output',
  expected: null,
  ours: run,
  yardstick: spawnLoop('ignore'),
});
await running.stop();
await measureNative();
await measurePlans(ROUNDS);
await measureFairness();
await measureBusy();
process.exit();
