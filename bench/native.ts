// What the native runner host does, beside what the system itself and the fastest comparable service do: a loop of
// posix_spawn in C, Debian's webhook, cat.
import { execa } from 'execa';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { until } from '../test/helpers/processes.ts';
import { freePort, scratch, type Server } from '../test/long/support.ts';
import { measure, perSecond, ROUNDS, runsPerSecond, SECONDS, start, TRUE } from './figures.ts';

const AT_A_TIME = 64;
const MIB = 1024 * 1024;
const LOG_MIB = 256;
const SAMPLES = 300;

const isThere = async (program: string) =>
  !(await execa('sh', ['-c', `command -v ${program}`], { reject: false })).failed;

interface Loop {
  perSecond: number;
  medianMs: number;
  p99Ms: number;
}

/** Builds the loop; answers what runs it with so many processes at a time. */
async function spawnLoop(): Promise<(atATime: number) => Promise<Loop>> {
  const program = join(scratch(), 'spawn-loop');
  await execa('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, 'bench/spawn-loop.c']);
  return async (atATime) => {
    const { stdout } = await execa(program, [String(SECONDS), String(atATime), '/bin/true']);
    const [perSecond = 0, medianMs = 0, p99Ms = 0] = stdout.split(' ').map(Number);
    return { perSecond, medianMs, p99Ms };
  };
}

/** Starts webhook with one hook that runs /bin/true and answers at its end; answers the address of the hook. */
async function startWebhook(): Promise<string> {
  const hooks = join(scratch(), 'hooks.json');
  const hook = { id: 'true', 'execute-command': '/bin/true', 'include-command-output-in-response': true };
  writeFileSync(hooks, JSON.stringify([hook]));
  const port = await freePort();
  const args = ['-hooks', hooks, '-ip', '127.0.0.1', '-port', port];
  void execa('webhook', args, { stdio: 'ignore', reject: false });
  const url = `http://127.0.0.1:${port}/hooks/true`;
  await until('webhook listens', async () => (await fetch(url).catch(() => null))?.ok === true);
  return url;
}

const sorted = (values: number[]) => values.sort((a, b) => a - b);
const at = (values: number[], share: number) => values[Math.floor(values.length * share)] ?? NaN;

async function latency(server: Server, loop: Loop): Promise<void> {
  const took: number[] = [];
  for (let i = 0; i < SAMPLES; i++) {
    const began = performance.now();
    await server.call('POST', '/v1/executions', TRUE, { prefer: 'wait=60' });
    took.push(performance.now() - began);
  }
  sorted(took);
  console.log(
    `one run at a time, over HTTP and durable: median ${at(took, 0.5).toFixed(2)} ms, p99 ${at(took, 0.99).toFixed(2)} ms; ` +
      `posix_spawn alone: median ${loop.medianMs.toFixed(2)} ms, p99 ${loop.p99Ms.toFixed(2)} ms`,
  );
}

/** From the request of a cancel to the proof that the whole tree is dead. */
async function cancelling(server: Server): Promise<void> {
  const took: number[] = [];
  const command = 'setsid sleep 1000 & (sleep 1000 & exec sleep 1000) & echo up; sleep 1000';
  for (let i = 0; i < 40; i++) {
    const { id } = await server.submit({ kind: 'shell', command });
    const written = async () =>
      (await server.call<{ output?: { stdout_bytes: number } }>('GET', `/v1/executions/${id}`)).output
        ?.stdout_bytes === 3;
    await until('the tree is there', written);
    const began = performance.now();
    await server.call('POST', `/v1/executions/${id}/cancel`, {});
    await server.call('GET', `/v1/executions/${id}?wait=30`);
    took.push(performance.now() - began);
  }
  sorted(took);
  console.log(
    `from a cancel to the proof that a tree of five is dead: median ${at(took, 0.5).toFixed(1)} ms, worst ${at(took, 1 - 1e-9).toFixed(1)} ms`,
  );
}

async function logThroughput(server: Server): Promise<void> {
  // As logs do, copies stay: what is removed before it has reached the disk costs less.
  const dir = scratch();
  let copies = 0;
  const command = `head -c ${LOG_MIB * MIB} /dev/zero`;
  const perRun = async (run: () => Promise<unknown>) => {
    const began = performance.now();
    await run();
    return LOG_MIB / ((performance.now() - began) / 1000);
  };
  await measure({
    name: 'MiB a second of one command into its log, beside cat > file',
    expected: 0.5,
    ours: () =>
      perRun(() =>
        server.call(
          'POST',
          '/v1/executions',
          { kind: 'shell', command, output: { oversized: 'spool' } },
          { prefer: 'wait=60' },
        ),
      ),
    yardstick: () =>
      perRun(() => execa('bash', ['-c', `${command} | cat > ${dir}/${copies++}`], { stdio: 'ignore' })),
  });
}

/** Everything that is measured of the native host; says why where something cannot be. */
export async function measureNative(): Promise<void> {
  const server = await start({ EXECUTION_SPOOL_MAX_BYTES: String(2048 * MIB) });
  const { components } = await server.call<{ components: { runner_host: { name: string } } }>(
    'GET',
    '/health',
  );
  if (components.runner_host.name !== 'native') {
    console.log('the native runner host was not built: its figures are left out (npm run build:native)');
    return server.stop();
  }
  const ours = () => runsPerSecond(server.url, AT_A_TIME);
  const loop = await spawnLoop();
  await measure({
    name: 'executions, beside a loop of posix_spawn in C',
    expected: 0.45,
    ours,
    yardstick: async () => (await loop(availableParallelism())).perSecond,
  });
  if (await isThere('webhook')) {
    const hook = await startWebhook();
    await measure({
      name: 'executions, beside webhook running the same command',
      expected: 1,
      ours,
      yardstick: () => perSecond(hook, { connections: AT_A_TIME }),
    });
  } else {
    console.log('webhook is not installed: the comparison with it is left out (apt-get install webhook)');
  }
  await latency(server, await loop(1));
  await cancelling(server);
  await logThroughput(server);
  console.log(`${ROUNDS} rounds of ${SECONDS} s; ${availableParallelism()} cores`);
  await server.stop();
}
