// Fails the N-th system call of a kind in the server or in its runner host, N = 1, 2, … until none is hit any more, with
// strace. After each: what was accepted is there after a clean restart, no end is invented, errors are clear, nothing is
// left running.
//
//   npm run test:inject -- 5         at most so many steps of each (12)
//   npm run test:inject -- 12 node   on this runner host (native where it is built)
//   npm run test:inject -- 12 node 5 begins no step after so many minutes (20), but for the first of each kind
import { execa } from 'execa';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOGUE } from '../../src/domain/errors.ts';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { eventsIn, historyProblem } from '../helpers/history.ts';
import { until, withEnvironment } from '../helpers/processes.ts';
import { check, finish, freePort, scratch, type Server, startServer } from './support.ts';

const MOST_STEPS = Number(process.argv[2] ?? 12);
const HOST = process.argv[3] ?? (existsSync('build/runner-host') ? 'native' : 'node');
const BOUND_MIN = Number(process.argv[4] ?? 20);
/** How long a request may stay without an answer. */
const ANSWER_MS = 15_000;

interface Injection {
  into: 'server' | 'host';
  calls: string;
  error: string;
}
const INJECTIONS: readonly Injection[] = [
  { into: 'server', calls: 'pwrite64', error: 'EIO' },
  { into: 'server', calls: 'pwrite64', error: 'ENOSPC' },
  { into: 'server', calls: 'fsync,fdatasync', error: 'EIO' },
  { into: 'server', calls: 'openat', error: 'EMFILE' },
  { into: 'server', calls: 'clone,clone3,vfork', error: 'EAGAIN' },
  { into: 'host', calls: 'write,writev,pwrite64', error: 'ENOSPC' },
  { into: 'host', calls: 'openat', error: 'EMFILE' },
  { into: 'host', calls: 'clone,clone3,vfork', error: 'EAGAIN' },
];

if ((await execa('strace', ['-V'], { reject: false })).failed) {
  console.error('strace is not installed (apt-get install strace): nothing was checked');
  process.exit(2);
}

const dir = scratch();
let steps = 0;

interface Scene {
  env: Record<string, string>;
  /** What the commands write down. */
  side: string;
  accepted: Set<string>;
}

/** Attaches to all threads of a process; answers how to let go, which tells how many calls were failed. */
async function inject(pid: number, { calls, error }: Injection, step: number, file: string) {
  const threads = readdirSync(`/proc/${pid}/task`).flatMap((tid) => ['-p', tid]);
  const injection = ['-e', `trace=${calls}`, '-e', `inject=${calls}:error=${error}:when=${step}`];
  const tracer = execa('strace', ['-o', file, ...injection, ...threads], {
    ...{ buffer: false, reject: false, stdio: ['ignore', 'ignore', 'pipe'] },
  });
  let said = '';
  tracer.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  await until('it is attached', () => said.split('attached').length > threads.length / 2);
  return async () => {
    tracer.kill('SIGINT');
    await tracer;
    return readFileSync(file, 'utf8').split('(INJECTED)').length - 1;
  };
}

/** What goes on meanwhile: a bit of everything. Each answer is one that a client understands. */
async function play(
  server: Server,
  { side, accepted }: Scene,
  problem: (what: string) => void,
): Promise<void> {
  const note = (word: string) => `echo "$EXECUTION_ID ${word} $EXECUTION_ATTEMPT" >> ${side}`;
  const body = (work: string) => `${note('began')}; ${work}; ${note('ended')}`;
  const specs = [
    { kind: 'shell', command: body('seq 2000') },
    { kind: 'shell', command: body('cat'), stdin: 'x'.repeat(10_000) },
    { kind: 'script', source: `#!/bin/sh\n${body('setsid sleep 60 &')}` },
    { kind: 'shell', command: body('sleep 0.1') },
  ];
  const request = async (method: string, path: string, sent?: object): Promise<ExecutionWire | null> => {
    const answer = await fetch(server.url + path, {
      method,
      signal: AbortSignal.timeout(ANSWER_MS),
      headers: { 'content-type': 'application/json' },
      ...(sent === undefined ? {} : { body: JSON.stringify(sent) }),
    });
    const got = (await answer.json()) as ExecutionWire & { type?: string };
    if (answer.ok) return got;
    const type = (got.type ?? '').replace('urn:execd:error:', '');
    if (!Object.hasOwn(CATALOGUE, type))
      problem(`${method} ${path}: ${answer.status} ${JSON.stringify(got)}`);
    return null;
  };
  for (const [i, spec] of specs.entries()) {
    try {
      const execution = await request('POST', '/v1/executions', spec);
      if (execution === null) continue;
      accepted.add(execution.id);
      if (i === 3) await request('POST', `/v1/executions/${execution.id}/cancel`);
      await request('GET', `/v1/executions/${execution.id}?wait=2`);
    } catch (error) {
      // The server may have died of it, but it may not be silent.
      if ((error as Error).name === 'TimeoutError') problem(`no answer after ${ANSWER_MS} ms`);
    }
  }
}

/** What has to hold afterwards, of a server that was started anew. */
async function judge(server: Server, scene: Scene, problem: (what: string) => void): Promise<void> {
  const { items } = await server.call<{ items: ExecutionWire[] }>('GET', '/v1/executions?limit=1000');
  for (const id of scene.accepted)
    if (!items.some((one) => one.id === id)) problem(`${id} was accepted, and is gone`);
  // What waited runs only now.
  for (const { id } of items) await server.finished(id);
  const lines = readFileSync(scene.side, 'utf8').split('\n');
  for (const { id } of items) {
    const { status, outcome, error, attempts } = await server.finished(id);
    const own = lines.filter((line) => line.startsWith(id));
    const what = `${id} is ${status} by ${JSON.stringify(outcome)}, and wrote ${own.join(', ')}`;
    const last = attempts.at(-1)?.number;
    const hasEnded = own.includes(`${id} ended ${last}`);
    if (status === 'completed' && !hasEnded) problem(`an end is invented: ${what}`);
    if (new Set(own).size !== own.length) problem(`it ran twice: ${what}`);
    if (own.filter((line) => line.includes(' began ')).length > 1) problem(`it began twice: ${what}`);
    if (status !== 'completed' && (error === null || error.message === ''))
      problem(`no clear error: ${what}`);
    const stream = await (await fetch(`${server.url}/v1/executions/${id}/events`)).text();
    const history = historyProblem(eventsIn(stream));
    if (history !== null) problem(`${what}: ${history}`);
  }
}

/** One step; answers how many calls were failed. */
async function runStep(injection: Injection, step: number): Promise<number> {
  const place = join(dir, String((steps += 1)));
  mkdirSync(place);
  const side = join(place, 'side');
  appendFileSync(side, '');
  const scene: Scene = {
    env: {
      EXECUTION_DATA_DIR: join(place, 'data'),
      EXECUTION_RUNNER_HOST: HOST,
      EXECUTION_KILL_GRACE_MS: '500',
      EXECUTION_DRAIN_SECS: '2',
      EXECUTION_LOG_LEVEL: 'info',
      EXECUTION_LOG_FILE: join(place, 'log'),
      EXECUTION_PORT: await freePort(),
    },
    side,
    accepted: new Set(),
  };
  const name = `${injection.into}, ${injection.calls}: ${injection.error}, call ${step}`;
  const problem = (what: string) => check(false, `${name}: ${what}`);
  const first = await startServer(scene.env);
  const hostPid = await first.hostPid();
  const letGo = await inject(
    injection.into === 'server' ? first.pid : hostPid,
    injection,
    step,
    join(place, 'trace'),
  );
  // The server itself starts nothing but its host.
  if (injection.into === 'server' && injection.calls.startsWith('clone')) process.kill(hostPid, 'SIGKILL');
  await play(first, scene, problem);
  const hits = await letGo();
  await first.stop();
  const left = withEnvironment(`${scene.env.EXECUTION_DATA_DIR}/`);
  if (left.length > 0) problem(`${left.length} processes are left after the stop`);
  const second = await startServer(scene.env);
  await judge(second, scene, problem);
  if ((await second.submit({ kind: 'exec', program: 'true' })).id === '') problem('it does not go on');
  await second.stop();
  return hits;
}

const since = performance.now();
const isTimeUp = () => performance.now() - since > BOUND_MIN * 60_000;

/** How far each has come. */
const tallies = INJECTIONS.map((injection) => ({ injection, hits: 0, done: 0, isExhausted: false }));
// The first call of every kind comes before the second of any: a bound leaves out the later ones.
for (let step = 1; step <= MOST_STEPS && !isTimeUp(); step++) {
  for (const tally of tallies.filter(({ isExhausted }) => !isExhausted)) {
    if (step > 1 && isTimeUp()) break;
    const failed = await runStep(tally.injection, step);
    tally.hits += failed;
    tally.done = step;
    tally.isExhausted = failed === 0;
  }
}
for (const { injection, hits, done, isExhausted } of tallies) {
  const { into, calls, error } = injection;
  const left = isExhausted || done === MOST_STEPS ? '' : `; ${BOUND_MIN} minutes were over`;
  check(hits > 0, `${into}, ${calls}: ${error}: ${hits} calls failed in ${done} steps${left}`);
}
finish();
