// 2,000 mixed executions through the API, 64 at a time: all end, each as it must; afterwards nothing of them is left.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { until, withEnvironment } from '../helpers/processes.ts';
import {
  check,
  descriptorsOf,
  finish,
  freePort,
  inFlight,
  megabytes,
  memoryOf,
  scratch,
  startServer,
  zombiesOf,
} from './support.ts';

const COUNT = 2000;
const IN_FLIGHT = 64;

const dir = scratch();
// A bounded heap, so that memory says what is held and not what has not been collected yet.
const server = await startServer(
  {
    EXECUTION_DATA_DIR: dir,
    EXECUTION_PORT: await freePort(),
    EXECUTION_KILL_GRACE_MS: '500',
    EXECUTION_RETENTION_SECS: '36000',
  },
  ['--max-old-space-size=128', '--max-semi-space-size=8'],
);
const hostPid = await server.hostPid();

interface Sort {
  spec: (i: number) => object;
  isRight: (end: ExecutionWire, i: number) => boolean;
  cancel?: boolean;
}

const shell = (command: string, more: object = {}) => ({ kind: 'shell', command, ...more });
const stdout = (end: ExecutionWire) => (end.result as { stdout: string } | null)?.stdout;
const SORTS: Record<string, Sort> = {
  success: {
    spec: (i) => shell(`echo ${i}`),
    isRight: (end, i) => end.status === 'completed' && stdout(end) === `${i}\n`,
  },
  'exit code': {
    spec: (i) => shell(`exit ${(i % 255) + 1}`),
    isRight: (end, i) => end.status === 'failed' && end.outcome?.exit_code === (i % 255) + 1,
  },
  signal: {
    spec: () => shell('kill -ABRT $$'),
    isRight: (end) => end.outcome?.cause === 'signalled' && end.outcome.signal === 'SIGABRT',
  },
  'not found': {
    spec: () => ({ kind: 'exec', program: '/no/such/program' }),
    isRight: (end) => end.error?.type === 'program_not_found',
  },
  'no directory': {
    spec: () => ({ kind: 'exec', program: 'true', cwd: '/no/such' }),
    isRight: (end) => end.error?.type === 'cwd_not_found',
  },
  timeout: {
    spec: () => shell('sleep 100 & setsid sleep 100 & sleep 100', { timeouts: { attempt_ms: 150 } }),
    isRight: (end) => end.status === 'timed_out' && end.outcome?.process?.survivors === 0,
  },
  stubborn: {
    spec: () => shell('trap "" TERM; while :; do sleep 0.05; done', { timeouts: { idle_ms: 150 } }),
    isRight: (end) => end.outcome?.cause === 'idle_timeout' && end.outcome.process?.forced === true,
  },
  cancel: {
    spec: () => shell('setsid sleep 100 & sleep 100'),
    isRight: (end) => end.status === 'cancelled',
    cancel: true,
  },
  leftovers: {
    spec: () => shell('sleep 100 & setsid sleep 100 > /dev/null 2>&1 & echo left'),
    isRight: (end) => end.status === 'completed' && end.outcome?.process?.leftover_processes === 2,
  },
  'much output': {
    spec: () => shell('head -c 500000 /dev/urandom', { output: { max_bytes: 1000 } }),
    isRight: (end) =>
      end.output.stdout_bytes === 500_000 && end.output.stdout_kept_bytes === 1000 && end.output.truncated,
  },
  'too much output': {
    spec: () => shell('yes', { output: { max_bytes: 5000, oversized: 'fail' } }),
    isRight: (end) => end.outcome?.cause === 'output_limit',
  },
  input: {
    spec: (i) => ({ kind: 'exec', program: 'sha256sum', stdin: `input ${i} `.repeat(1000) }),
    isRight: (end) => /^[0-9a-f]{64} {2}-\n$/.test(stdout(end) ?? ''),
  },
  script: {
    spec: (i) => ({
      kind: 'script',
      source: 'print(int(__import__("sys").argv[1]) * 2)',
      interpreter: 'python3',
      args: [String(i)],
    }),
    isRight: (end, i) => stdout(end) === `${i * 2}\n`,
  },
  mess: {
    spec: () => shell('mkdir -p a/b; touch a/b/c; chmod 0 a; echo x > /dev/stderr'),
    isRight: (end) => end.status === 'completed' && end.output.stderr_bytes === 2,
  },
  json: {
    spec: (i) => shell(`echo '{"n": ${i}}'`, { output: { parse: 'json' } }),
    isRight: (end, i) => (end.result as { n: number }).n === i,
  },
};

async function one(i: number): Promise<string | null> {
  const names = Object.keys(SORTS);
  const name = names[i % names.length] as string;
  const { spec, isRight, cancel } = SORTS[name] as Sort;
  const { id } = await server.submit(spec(i));
  if (cancel === true) {
    if (i % 2 === 0) await new Promise((resolve) => setTimeout(resolve, i % 50));
    await server.call('POST', `/v1/executions/${id}/cancel`);
  }
  const end = await server.finished(id);
  return isRight(end, i) ? null : `${name}: ${JSON.stringify({ ...end, spec: null })}`;
}

// The first round fills what is filled once: the heap, the caches, the connections of this client.
await inFlight(
  IN_FLIGHT,
  Array.from({ length: COUNT }, (_, i) => () => one(i)),
);
const before = {
  memory: memoryOf(server.pid),
  host: memoryOf(hostPid),
  fds: descriptorsOf(server.pid),
  hostFds: descriptorsOf(hostPid),
};
const began = performance.now();
const wrong = (
  await inFlight(
    IN_FLIGHT,
    Array.from({ length: COUNT }, (_, i) => () => one(i)),
  )
).filter((one) => one !== null);
const seconds = (performance.now() - began) / 1000;
console.log(`${COUNT} executions in ${seconds.toFixed(1)} s, ${IN_FLIGHT} in flight`);
for (const text of wrong.slice(0, 10)) console.log(text);
check(wrong.length === 0, `each of ${COUNT} executions ended as it must (${wrong.length} did not)`);
const stats = await server.call<{ executions: Record<string, number>; concurrency: { running: number } }>(
  'GET',
  '/v1/stats',
);
check(stats.executions.pending === 0 && stats.executions.running === 0, 'all are terminal');
check(stats.concurrency.running === 0, 'no slot is held');

await until('no private directory is left', () => readdirSync(join(dir, 'work/1')).length === 0).then(
  () => check(true, 'no private directory is left'),
  () => check(false, `private directories are left: ${readdirSync(join(dir, 'work/1')).length}`),
);
check(withEnvironment(`${dir}/work`).length === 0, 'no process is left');
check(zombiesOf(server.pid).length + zombiesOf(hostPid).length === 0, 'no zombie is left');
check(hostPid === (await server.hostPid()), 'the runner host is the same');
const after = {
  memory: memoryOf(server.pid),
  host: memoryOf(hostPid),
  fds: descriptorsOf(server.pid),
  hostFds: descriptorsOf(hostPid),
};
check(
  Math.abs(after.fds - before.fds) <= 70,
  `descriptors of the server: ${before.fds} before, ${after.fds} after (connections of this client among them)`,
);
check(
  Math.abs(after.hostFds - before.hostFds) <= 5,
  `descriptors of the host: ${before.hostFds} before, ${after.hostFds} after`,
);
console.log(
  `memory of the server: ${megabytes(before.memory)} before, ${megabytes(after.memory)} after; of the host: ${megabytes(before.host)}, ${megabytes(after.host)}`,
);
check(after.memory < before.memory * 1.2 + 10e6, 'the memory of the server is back to its level');
check(after.host < before.host * 1.2 + 10e6, 'the memory of the host is back to its level');
await server.stop();
finish();
