// Streams under stress: cut at random and across restarts of the server they tell every byte and every event once, in
// order; thousands of followers share the work; following costs the run nothing.
//
//   npm run test:streams -- cuts | events | followers | cost       one part only
import { createHash } from 'node:crypto';
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../helpers/processes.ts';
import { type Message, openStream } from '../helpers/sse.ts';
import {
  check,
  finish,
  freePort,
  inFlight,
  megabytes,
  memoryOf,
  scratch,
  type Server,
  startServer,
} from './support.ts';

process.setMaxListeners(50);
const wanted = process.argv.slice(2);
const isWanted = (part: string) => wanted.length === 0 || wanted.includes(part);
const env = async (more: Record<string, string> = {}) => ({
  EXECUTION_DATA_DIR: join(scratch(), 'data'),
  EXECUTION_PORT: await freePort(),
  EXECUTION_MAX_OUTPUT_BYTES: '1000000000',
  ...more,
});
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const random = (max: number) => Math.floor(Math.random() * max);

/** A server that is killed and started again where it was. */
class Restarting {
  #server: Server;
  readonly #env: Record<string, string>;
  restarts = 0;

  private constructor(server: Server, env: Record<string, string>) {
    this.#server = server;
    this.#env = env;
  }
  static async start(env: Record<string, string>): Promise<Restarting> {
    return new Restarting(await startServer(env), env);
  }
  get now(): Server {
    return this.#server;
  }
  async restart(how: 'kill' | 'stop'): Promise<void> {
    await this.#server[how]();
    this.#server = await startServer(this.#env);
    this.restarts += 1;
  }
}

/** Follows a stream that is cut at random, and goes on after the last id each time, until it is told to stop there. */
async function followCut(
  url: () => string,
  take: (message: Message) => boolean,
  { cuts, everyMs }: { cuts: number; everyMs: number },
): Promise<number> {
  let lastId = '';
  let made = 0;
  for (;;) {
    const stream = await openStream(url(), lastId === '' ? {} : { 'last-event-id': lastId }).catch(
      () => null,
    );
    if (stream === null) {
      await sleep(50);
      continue;
    }
    if (stream.status === 503) continue;
    if (stream.status !== 200) throw new Error(`it was answered ${stream.status}`);
    const progress = { isOver: false };
    let seen = 0;
    const timer = made < cuts ? setTimeout(() => stream.cut(), 1 + random(2 * everyMs)) : undefined;
    await stream.until(() => {
      // Takes in what has come; never finds anything, so that it is asked until the end.
      for (; seen < stream.messages.length && !progress.isOver; seen++) {
        const message = stream.messages[seen] as Message;
        lastId = message.id;
        progress.isOver = take(message);
      }
      if (progress.isOver) stream.cut();
      return progress.isOver;
    });
    clearTimeout(timer);
    if (progress.isOver) return made;
    made += 1;
  }
}

const LINES = 300_000;
/** Numbered lines on both streams, over some time, the faster the later the attempt. */
const PRINT = `
import os, sys, time
for i in range(${LINES}):
    os.write(1 + i % 2, b'line %d of stream %d\\n' % (i, 1 + i % 2))
    if i % 500 == 0: time.sleep(0.02)
`;

async function cuts(): Promise<void> {
  const server = await Restarting.start(await env({ EXECUTION_DRAIN_SECS: '0' }));
  const { id } = await server.now.submit({
    ...{ kind: 'script', interpreter: 'python3', source: PRINT, retry_safe: true },
    retry: { attempts: 10, min_ms: 1, multiplier: 0 },
  });
  const hashes = new Map<string, ReturnType<typeof createHash>>();
  const counts: Record<string, { next: number; rest: string; bad: number; bytes: number }> = {};
  let end: Message | null = null;
  let pieces = 0;
  const following = followCut(
    () => `${server.now.url}/v1/executions/${id}/events?output=true`,
    (message) => {
      const { data, event } = message;
      if (event === 'output') {
        pieces += 1;
        const bytes =
          'text' in data ? Buffer.from(data.text as string) : Buffer.from(data.base64 as string, 'base64');
        const attempt = String(data.attempt);
        const hash = hashes.get(attempt) ?? createHash('sha256');
        hashes.set(attempt, hash.update(bytes));
        const of = (counts[`${attempt} ${String(data.stream)}`] ??= {
          next: data.stream === 'stdout' ? 0 : 1,
          rest: '',
          bad: 0,
          bytes: 0,
        });
        of.bytes += bytes.length;
        const lines = (of.rest + bytes.toString()).split('\n');
        of.rest = lines.pop() ?? '';
        for (const line of lines) {
          if (line !== `line ${of.next} of stream ${1 + (of.next % 2)}`) of.bad += 1;
          of.next += 2;
        }
      }
      if (!('outcome' in data)) return false;
      end = message;
      return true;
    },
    { cuts: 200, everyMs: 60 },
  );
  const restarting = (async () => {
    for (const how of ['kill', 'stop', 'kill'] as const) {
      await sleep(2500);
      await server.restart(how);
    }
  })();
  const made = await following;
  await restarting;
  const last = end as Message | null;
  const { attempts } = await server.now.finished(id);
  console.log(
    `cut ${made} times, restarted ${server.restarts} times, ${pieces} pieces of ${attempts.length} attempts`,
  );
  check(made >= 200, 'it was cut 200 times and more');
  check(
    server.restarts === 3 && attempts.length >= 3,
    'the server was restarted, and attempts were lost by it',
  );
  for (const { number } of attempts) {
    const hash = createHash('sha256');
    const response = await fetch(`${server.now.url}/v1/executions/${id}/logs?format=raw&attempt=${number}`);
    for await (const piece of response.body ?? []) hash.update(piece as Uint8Array);
    const seen = hashes.get(String(number)) ?? createHash('sha256');
    check(seen.digest('hex') === hash.digest('hex'), `attempt ${number}: every byte came once, in order`);
  }
  check(
    Object.values(counts).every(({ bad }) => bad === 0),
    'no line is missing, twice, or torn',
  );
  const final = String(attempts.length);
  check(
    counts[`${final} stdout`]?.next === LINES && counts[`${final} stderr`]?.next === LINES + 1,
    `the last attempt has printed ${LINES} lines`,
  );
  const total = (stream: string) =>
    Object.entries(counts).reduce((sum, [name, { bytes }]) => (name.endsWith(stream) ? sum + bytes : sum), 0);
  const { output } = (last?.data ?? { output: {} }) as { output: Record<string, number> };
  check(
    output.stdout_kept_bytes === total('stdout') && output.stderr_kept_bytes === total('stderr'),
    `the totals are those of the end: ${output.stdout_kept_bytes} and ${output.stderr_kept_bytes} bytes`,
  );
  await server.now.stop();
}

async function events(): Promise<void> {
  const server = await Restarting.start(await env({ EXECUTION_DRAIN_SECS: '1' }));
  const ids = new Set<string>();
  const ended = new Set<string>();
  const sequences = new Map<string, number>();
  const seenIds = new Set<string>();
  let bad = 0;
  let isAllSubmitted = false;
  const following = followCut(
    () => `${server.now.url}/v1/events`,
    ({ id, data }) => {
      if (seenIds.has(id)) bad += 1;
      seenIds.add(id);
      const execution = data.execution_id as string;
      if (data.sequence !== (sequences.get(execution) ?? 0) + 1) bad += 1;
      sequences.set(execution, data.sequence as number);
      if ('outcome' in data) ended.add(execution);
      return isAllSubmitted && [...ids].every((one) => ended.has(one));
    },
    { cuts: 200, everyMs: 40 },
  );
  const spec = {
    kind: 'shell',
    command: 'sleep 0.0$((RANDOM % 9))',
    retry: { attempts: 10, min_ms: 1 },
    retry_safe: true,
  };
  const submit = async () => {
    for (;;) {
      try {
        ids.add((await server.now.submit(spec)).id);
        await sleep(10);
        return;
      } catch {
        await sleep(100);
      }
    }
  };
  const submitting = inFlight(
    4,
    Array.from({ length: 1000 }, () => submit),
  );
  for (const how of ['kill', 'stop', 'kill'] as const) {
    await sleep(1500);
    await server.restart(how);
  }
  await submitting;
  isAllSubmitted = true;
  // One more, so that there is something to come.
  await server.now.submit(spec);
  const made = await following;
  console.log(
    `cut ${made} times, restarted ${server.restarts} times, ${seenIds.size} events of ${ids.size} executions`,
  );
  check(bad === 0, 'every event came once, those of each execution in their order without a gap');
  check(
    [...ids].every((id) => ended.has(id)),
    'every execution was seen to end',
  );
  await server.now.stop();
}

// -------------------------------------------------------------------------------------- followers

interface Report {
  open: number;
  latencies: number[];
  ended: number;
  failed: number;
}

/** Clients in processes of their own. */
async function clients(
  urls: string[],
  processes: number,
): Promise<{
  until(what: 'open' | 'ended', count: number): Promise<void>;
  reports(): Report[];
  end(): void;
}> {
  const children = Array.from({ length: processes }, () =>
    fork(new URL('stream-clients.ts', import.meta.url)),
  );
  const reports: Report[] = children.map(() => ({ open: 0, latencies: [], ended: 0, failed: 0 }));
  children.forEach((child, i) => {
    child.on('message', (report: Report) => (reports[i] = report));
    child.send(urls.filter((_, at) => at % processes === i));
  });
  return {
    until: (what, count) =>
      until(
        `${count} are ${what}`,
        () => reports.reduce((sum, report) => sum + report[what] + report.failed, 0) >= count,
        300_000,
      ),
    reports: () => reports,
    end: () => children.forEach((child) => child.kill()),
  };
}

const quantile = (sorted: number[], q: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;

async function lag(url: string): Promise<{ p99: number; max: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const of = (name: string) =>
    Number(new RegExp(`^nodejs_eventloop_lag_${name}_seconds (\\S+)$`, 'm').exec(text)?.[1] ?? 0) * 1000;
  return { p99: of('p99'), max: of('max') };
}

/** Prints the time, so that its readers can tell how old it is. */
const CLOCK = (times: number, everyS: number) => `
import time, sys
time.sleep(${everyS})
for _ in range(${times}):
    print('%d' % (time.time() * 1000), flush=True)
    time.sleep(${everyS})
`;

async function followers(count: number, executions: number): Promise<void> {
  const server = await startServer(
    await env({ EXECUTION_MAX_CONCURRENT: '1100', EXECUTION_KILL_GRACE_MS: '500' }),
  );
  const go = join(scratch(), 'go');
  const wait = `import os, time\nwhile not os.path.exists('${go}'): time.sleep(0.2)\n`;
  const times = executions === 1 ? 10 : 5;
  const spec = {
    ...{ kind: 'script', interpreter: 'python3', source: wait + CLOCK(times, executions === 1 ? 1 : 2) },
    timeouts: { attempt_ms: 600_000 },
  };
  const ids: string[] = [];
  await inFlight(
    8,
    Array.from({ length: executions }, () => async () => {
      ids.push((await server.submit(spec)).id);
    }),
  );
  await until(
    'all run',
    async () => {
      const { executions: by } = await server.call<{ executions: { running: number } }>('GET', '/v1/stats');
      return by.running === executions;
    },
    120_000,
  );
  await sleep(2000);
  const before = memoryOf(server.pid);
  await lag(server.url);
  const urls = Array.from(
    { length: count },
    (_, i) => `${server.url}/v1/executions/${ids[i % executions]}/events?output=true`,
  );
  const began = performance.now();
  const them = await clients(urls, 2);
  await them.until('open', count);
  const openS = (performance.now() - began) / 1000;
  await sleep(1000);
  const open = memoryOf(server.pid);
  await lag(server.url);
  writeFileSync(go, '');
  await them.until('ended', count);
  const { p99, max } = await lag(server.url);
  const after = memoryOf(server.pid);
  const reports = them.reports();
  them.end();
  const latencies = reports.flatMap((report) => report.latencies).sort((a, b) => a - b);
  const failed = reports.reduce((sum, report) => sum + report.failed, 0);
  console.log(
    `${count} followers of ${executions}: open in ${openS.toFixed(1)} s; memory ${megabytes(before)} → ${megabytes(open)} → ${megabytes(after)}, ` +
      `${((open - before) / count / 1024).toFixed(1)} KiB each; delivery p50 ${quantile(latencies, 0.5)} ms, p99 ${quantile(latencies, 0.99)} ms, ` +
      `max ${latencies.at(-1)} ms; event loop p99 ${p99.toFixed(0)} ms, max ${max.toFixed(0)} ms`,
  );
  check(failed === 0, 'no follower failed');
  check(latencies.length === count * times, `each got all ${times} lines (${latencies.length} in all)`);
  await server.stop();
}

// ------------------------------------------------------------------------------------------ cost

/** Output as fast as it can, and at a pace that leaves the machine room for its readers. */
const FLOOD = { megabytes: 120, source: `for _ in range(2000): os.write(1, line * 600)` };
const PACED = {
  megabytes: 8,
  source: `
began = time.monotonic()
for i in range(400):
    os.write(1, line * 200)
    time.sleep(max(0, began + (i + 1) * 0.01 - time.monotonic()))
`,
};

async function cost(): Promise<void> {
  const server = await startServer(await env());
  const run = async (output: string, following: number, isSlow: boolean): Promise<number> => {
    const go = join(scratch(), 'go');
    const wait = `import os, time\nline = b'x' * 99 + b'\\n'\nwhile not os.path.exists('${go}'): time.sleep(0.02)\nt0 = time.time()`;
    const report = `\nos.write(2, b'%d' % ((time.time() - t0) * 1000))`;
    const source = `${wait}\n${output}${report}`;
    const { id } = await server.submit({ kind: 'script', interpreter: 'python3', source });
    const url = `${server.url}/v1/executions/${id}/events?output=true`;
    const slow = isSlow ? await openStream(url) : null;
    slow?.pause();
    const them =
      following === 0
        ? null
        : await clients(
            Array.from({ length: following }, () => url),
            1,
          );
    await them?.until('open', following);
    writeFileSync(go, '');
    const end = await server.finished(id);
    them?.end();
    slow?.cut();
    await server.call('DELETE', `/v1/executions/${id}`);
    return Number((end.result as { stderr: string }).stderr);
  };
  const ways = [
    ['nobody', 0, false],
    ['1 follower', 1, false],
    ['1 that never reads', 0, true],
    ['100 followers', 100, false],
    ['100, and 1 that never reads', 100, true],
  ] as const;
  for (const [what, output] of Object.entries({ flood: FLOOD, paced: PACED })) {
    const took = new Map<string, number[]>(ways.map(([name]) => [name, []]));
    for (let round = 0; round < 3; round++)
      for (const [name, following, isSlow] of ways)
        took.get(name)?.push(await run(output.source, following, isSlow));
    const median = (name: string) => [...(took.get(name) ?? [])].sort((a, b) => a - b)[1] ?? 0;
    for (const [name] of ways) {
      const ms = median(name);
      console.log(
        `${what}, ${output.megabytes} MB, ${name}: ${ms} ms, ${((output.megabytes * 1000) / ms).toFixed(1)} MB/s`,
      );
    }
    if (what === 'paced')
      for (const [name] of ways)
        check(median(name) < median('nobody') * 1.1 + 100, `with ${name} it prints as fast as without`);
  }
  await server.stop();
}

if (isWanted('cuts')) await cuts();
if (isWanted('events')) await events();
if (isWanted('followers')) {
  await followers(10_000, 1);
  if (!wanted.includes('one')) await followers(1000, 1000);
}
if (isWanted('cost')) await cost();
finish();
