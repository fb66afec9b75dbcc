// Thousands of HTTP executions in flight at once, against a target that lets all of them wait. All finish; what they take
// of memory, descriptors and the event loop is shown, and nothing of them is left.
import { execa } from 'execa';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { until } from '../helpers/processes.ts';
import {
  check,
  descriptorsOf,
  finish,
  freePort,
  megabytes,
  memoryOf,
  scratch,
  startServer,
} from './support.ts';

const WANTED = 10_000;
const BATCH = 1000;
/** What the server needs beside its calls, descriptors. */
const RESERVE = 1000;
/** The target answers all the same after so long, seconds. */
const PATIENCE_S = 90;

// A waiting call has one connection, here and in the target. (Node raises the soft limit to the hard one by itself.)
const { stdout: limit } = await execa('sh', ['-c', 'ulimit -Hn']);
const most = limit === 'unlimited' ? WANTED : Math.max(1, Number(limit) - RESERVE);
const COUNT = Math.min(WANTED, most);
console.log(`descriptors: a process may have ${limit}; ${COUNT} executions in flight`);
if (COUNT < WANTED) console.log(`that is too few for ${WANTED}`);

const target = execa(process.execPath, ['test/long/slow-target.ts', String(COUNT), String(PATIENCE_S)], {
  ...{ buffer: false, reject: false, stdio: ['ignore', 'pipe', 'inherit'] },
});
let said = '';
target.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
await until('the target listens', () => said.includes('"port"'));
const targetUrl = `http://127.0.0.1:${/"port":(\d+)/.exec(said)?.[1]}/`;

const dir = join(scratch(), 'data');
const server = await startServer({
  EXECUTION_DATA_DIR: dir,
  EXECUTION_PORT: await freePort(),
  EXECUTION_MAX_CONCURRENT_HTTP: String(WANTED),
  EXECUTION_EGRESS_ALLOW: '127.0.0.1',
});

interface Stats {
  executions: Record<string, number>;
  http_concurrency: { running: number };
}
interface Sample {
  memory: number;
  descriptors: number;
}
const sample = (): Sample => ({ memory: memoryOf(server.pid), descriptors: descriptorsOf(server.pid) });
const show = (when: string, { memory, descriptors }: Sample): void =>
  console.log(`${when.padEnd(28)} ${megabytes(memory).padStart(7)}   ${descriptors} descriptors`);

/** Delays of the event loop since the last time that they were asked for. */
async function showDelay(when: string): Promise<void> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  const ms = (name: string) =>
    (
      Number(new RegExp(`^nodejs_eventloop_lag_${name}_seconds (\\S+)$`, 'm').exec(metrics)?.[1]) * 1000
    ).toFixed(0);
  console.log(
    `event loop ${when.padEnd(17)} mean ${ms('mean')} ms, p99 ${ms('p99')} ms, max ${ms('max')} ms`,
  );
}

const stats = () => server.call<Stats>('GET', '/v1/stats');

await showDelay('at the start');
const before = sample();
show('before', before);

const began = performance.now();
const seconds = () => ((performance.now() - began) / 1000).toFixed(1);
const ids: string[] = [];
for (let at = 0; at < COUNT; at += BATCH) {
  const executions = Array.from({ length: Math.min(BATCH, COUNT - at) }, () => ({
    kind: 'http',
    url: targetUrl,
  }));
  const { items } = await server.call<{ items: { status: number; execution: ExecutionWire }[] }>(
    'POST',
    '/v1/executions/batch',
    { executions },
  );
  for (const { status, execution } of items) if (status === 202) ids.push(execution.id);
}
console.log(`accepted after ${seconds()} s`);
check(ids.length === COUNT, `${ids.length} of ${COUNT} were accepted`);
check((await stats()).http_concurrency.running === COUNT, 'each has a slot at once');

const peak = { ...before };
const watch = setInterval(() => {
  const now = sample();
  peak.memory = Math.max(peak.memory, now.memory);
  peak.descriptors = Math.max(peak.descriptors, now.descriptors);
}, 20);
await until('the target answers', () => said.includes('"waiting"'), (PATIENCE_S + 30) * 1000);
console.log(`answered from ${seconds()} s on`);
show('while all wait', sample());
await showDelay('up to there');
check(said.includes(`"waiting":${COUNT}`), `all ${COUNT} waited at the same time`);

const isOver = async () => {
  const { executions } = await stats();
  return executions.pending === 0 && executions.running === 0;
};
await until('all have finished', isOver, 120_000);
console.log(`finished after ${seconds()} s`);
clearInterval(watch);
show('the most there was', peak);
await showDelay('of the answers');

let completed = 0;
let cursor: string | null = '';
while (cursor !== null) {
  const more: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
  const page: { items: ExecutionWire[]; next_cursor: string | null } = await server.call(
    'GET',
    `/v1/executions?limit=100${more}`,
  );
  for (const one of page.items) {
    if (one.status === 'completed' && one.attempts.length === 1 && one.output.stdout_bytes === 4)
      completed += 1;
    else console.log(JSON.stringify({ ...one, spec: null }));
  }
  cursor = page.next_cursor;
}
check(completed === COUNT, `${completed} of ${COUNT} completed at the first attempt, with their answer`);
check((await stats()).http_concurrency.running === 0, 'no slot is held');

/** Open files of the server below the directory of the logs. */
function openLogs(): number {
  return readdirSync(`/proc/${server.pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${server.pid}/fd/${fd}`).startsWith(join(dir, 'logs'));
    } catch {
      return false;
    }
  }).length;
}
check(openLogs() === 0, 'no log is open');
// Connections to the target are kept for some seconds; some of the descriptors are this client's.
const ALLOWED = 10;
const isBack = () => descriptorsOf(server.pid) <= before.descriptors + ALLOWED;
await until('the connections are closed', isBack).catch(() => undefined);
const after = sample();
show('after', after);
check(isBack(), `descriptors: ${before.descriptors} before, ${after.descriptors} after`);
await server.stop();
target.kill();
finish();
