// What the service does in a second, each figure beside its yardstick in the same run. The two take turns, and what is said is
// the ratio: it means something on another machine, the figures themselves do not. The results are written to bench/results.
//
//   npm run bench                                      all sections, at most ten minutes
//   npm run bench -- polls hits                        some of them
//   npm run bench -- tracing --rounds 5 --seconds 2    rounds of each figure, and seconds of each round
//   npm run bench -- before --before DIR               beside another checkout, built
import { execa } from 'execa';
import { until } from '../test/helpers/processes.ts';
import { measureBefore } from './before.ts';
import { measureBusy } from './busy.ts';
import { measureDispatch } from './dispatch.ts';
import { measureFairness } from './fairness.ts';
import {
  ASKED,
  BEFORE,
  json,
  measure,
  perSecond,
  ROUNDS,
  runsPerSecond,
  SECONDS,
  start,
  TRUE,
} from './figures.ts';
import { measureByHand } from './by-hand.ts';
import { measureLists } from './lists.ts';
import { measureNative } from './native.ts';
import { measurePlans } from './plans.ts';
import { measurePostgres } from './postgres.ts';
import { writeResults } from './results.ts';
import { measureServers, measureTakeover } from './servers.ts';
import { measureTail } from './tail.ts';
import { measureTracing } from './tracing.ts';
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

async function polls(): Promise<void> {
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
}

async function submits(): Promise<void> {
  const bare = await startBare('{}');
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
}

async function hits(): Promise<void> {
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
}

async function nodeHost(): Promise<void> {
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
}

/** By name, in their order. */
const SECTIONS: Readonly<Record<string, () => Promise<void>>> = {
  ...{ polls, submits, hits, 'hit-ratio': measureHitRatio, 'node-host': nodeHost, native: measureNative },
  ...{ 'by-hand': measureByHand, lists: measureLists, tracing: measureTracing },
  ...{ plans: () => measurePlans(ROUNDS), fairness: measureFairness, busy: measureBusy },
  ...{ postgres: measurePostgres, tail: measureTail, dispatch: measureDispatch, servers: measureServers },
  takeover: measureTakeover,
  ...(BEFORE === undefined ? {} : { before: measureBefore.bind(null, BEFORE) }),
};
/** A bench that hangs says nothing. */
const MOST_MS = 10 * 60_000;

const unknown = ASKED.filter((name) => SECTIONS[name] === undefined);
if (unknown.length > 0) {
  console.error(`There is no section ${unknown.join(', ')}; there are ${Object.keys(SECTIONS).join(', ')}.`);
  process.exit(2);
}
const began = performance.now();
const left: string[] = [];
console.log(`${''.padEnd(62)} ${'execd'.padStart(8)}  ${'yardstick'.padStart(8)}  ratio`);
for (const [name, section] of Object.entries(SECTIONS)) {
  if (ASKED.length > 0 && !ASKED.includes(name)) continue;
  if (performance.now() - began > MOST_MS) left.push(name);
  else await section();
}
if (left.length > 0) console.log(`Left out after ten minutes: ${left.join(', ')}`);
console.log(`Written to ${writeResults(left)}`);
process.exit();
