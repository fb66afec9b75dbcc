// Files at scale: 2 GiB up, through a command and down again with flat memory, each way beside cp(1); 10,000 small files; the first
// byte of a raw run beside `sh -c` alone; 1,000 schedules that are due in the same second on two slots. The times are written
// down, and not judged: other work on the machine changes them. Memory, digests and counts are.
//
//   npm run test:files                all of it
//   npm run test:files -- raw due     some of it: large, many, raw, due
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import {
  check,
  filesBelow,
  finish,
  freePort,
  inFlight,
  megabytes,
  memoryOf,
  scratch,
  type Server,
  startServer,
} from './support.ts';

const GIB = 1024 ** 3;
const SIZE = 2 * GIB;
/** What the process may grow by, whatever goes through it. */
const FLAT_BYTES = 80e6;
const SMALL = 10_000;
const RAW_RUNS = 100;
const [SCHEDULES, USERS] = [1000, 10];

const asked = process.argv.slice(2);
const dir = scratch();

/** Runs something while memory is looked at; milliseconds, and how far the process grew. */
async function watched<T>(
  server: Server,
  work: () => Promise<T>,
): Promise<{ ms: number; grown: number; value: T }> {
  const before = memoryOf(server.pid);
  let most = before;
  const look = setInterval(() => (most = Math.max(most, memoryOf(server.pid))), 50);
  const begun = performance.now();
  const value = await work();
  clearInterval(look);
  return { ms: performance.now() - begun, grown: most - before, value };
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

interface Ended {
  id: string;
  status: string;
  outcome: { artifacts: { count: number; bytes: number; problems: unknown[] } };
}

// ---------------------------------------------------------------------------------------------- one large file

async function largeFile(server: Server): Promise<void> {
  const [from, back] = [join(dir, 'large'), join(dir, 'back')];
  execFileSync('sh', [
    '-c',
    `head -c ${SIZE} /dev/zero | openssl enc -aes-128-ctr -pass pass:x -nosalt > ${from} 2>&-`,
  ]);
  const wanted = await digestOf(from);
  const begun = performance.now();
  execFileSync('cp', [from, back]);
  const cpMs = performance.now() - begun;
  rmSync(back);
  const told = (what: string, ms: number, grown: number) => {
    console.log(
      `       2 GiB ${what}: ${seconds(ms)}, ${(ms / cpMs).toFixed(1)} times cp (${seconds(cpMs)})`,
    );
    check(grown < FLAT_BYTES, `memory stays flat: it grew by ${megabytes(grown)}`);
  };
  const type = 'content-type: application/octet-stream';
  const up = await watched(server, () =>
    execa('curl', ['-sS', '-X', 'POST', '-T', from, '-H', type, `${server.url}/v1/uploads`]),
  );
  told('up', up.ms, up.grown);
  const upload = JSON.parse(up.value.stdout) as { id: string; digest: string; size: number };
  check(upload.digest === wanted && upload.size === SIZE, 'the upload has the digest of the file');
  rmSync(from);
  const through = await watched(server, async () => {
    const spec = {
      kind: 'shell',
      command: 'mv in out',
      files: [{ path: 'in', upload: upload.id }],
      artifacts: ['out'],
    };
    return (await server.finished((await server.submit(spec)).id)) as unknown as Ended;
  });
  told('through a command', through.ms, through.grown);
  check(through.value.outcome.artifacts.bytes === SIZE, 'the artifact is whole');
  const url = `${server.url}/v1/executions/${through.value.id}/artifacts/out`;
  const down = await watched(server, () => execa('curl', ['-sS', '-o', back, url]));
  told('down', down.ms, down.grown);
  check((await digestOf(back)) === wanted, 'and comes back as it was');
  rmSync(back);
  await server.call('DELETE', `/v1/executions/${through.value.id}`);
  await server.call('DELETE', `/v1/uploads/${upload.id}`);
}

// ------------------------------------------------------------------------------------------------ many files

async function manyFiles(server: Server): Promise<void> {
  const command = `mkdir -p out && cd out && for i in $(seq ${SMALL}); do echo "$i" > "$i"; done`;
  const alone = performance.now();
  execFileSync('bash', ['-c', command], { cwd: dir });
  const aloneMs = performance.now() - alone;
  const ran = await watched(server, async () => {
    const { id } = await server.submit({ kind: 'shell', command, artifacts: ['out'] });
    return (await server.finished(id)) as unknown as Ended;
  });
  const { artifacts } = ran.value.outcome;
  check(
    artifacts.count === SMALL && artifacts.problems.length === 0,
    `${artifacts.count} small files are kept in ${seconds(ran.ms)} (writing them alone: ${seconds(aloneMs)}), memory grew by ${megabytes(ran.grown)}`,
  );
  const tar = await watched(server, () =>
    execa('sh', [
      '-c',
      `curl -sS ${server.url}/v1/executions/${ran.value.id}/artifacts.tar.gz | tar -tz | wc -l`,
    ]),
  );
  check(Number(tar.value.stdout) === SMALL, `and come back in one archive, in ${seconds(tar.ms)}`);
  const removed = await watched(server, () => server.call('DELETE', `/v1/executions/${ran.value.id}`));
  const left = () => filesBelow(join(dir, 'data', 'files'));
  for (let i = 0; i < 600 && left().length > 0; i++) await new Promise((resolve) => setTimeout(resolve, 100));
  check(
    left().length === 0,
    `they are removed with their execution, which takes ${seconds(removed.ms)} to go`,
  );
}

// ---------------------------------------------------------------------------------------------- the first byte

async function firstByte(server: Server): Promise<void> {
  const alone: number[] = [];
  const raw: number[] = [];
  for (let i = 0; i < RAW_RUNS; i++) {
    let begun = performance.now();
    const child = spawn('sh', ['-c', 'echo one'], { stdio: ['ignore', 'pipe', 'ignore'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    alone.push(performance.now() - begun);
    begun = performance.now();
    const response = await fetch(`${server.url}/v1/run`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'shell', shell: 'sh', command: 'echo one' }),
    });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    raw.push(performance.now() - begun);
    for (let piece = await reader.read(); !piece.done;) piece = await reader.read();
  }
  const median = (all: number[]) => all.sort((a, b) => a - b)[all.length / 2] as number;
  const [one, other] = [median(alone), median(raw)];
  console.log(`       first byte of a raw run: ${other.toFixed(1)} ms; of sh -c alone: ${one.toFixed(1)} ms`);
}

// -------------------------------------------------------------------------------------- schedules in one second

async function dueAtOnce(server: Server): Promise<void> {
  const scopes = ['submit', 'read', 'cancel', 'admin'];
  const create = (user: string) => ({ user, scopes, may_run: 'any' });
  const first = await server.call<{ key: string }>('POST', '/v1/admin/keys', create('u0'));
  const keys = [first.key];
  for (let i = 1; i < USERS; i++)
    keys.push(
      (await server.call<{ key: string }>('POST', '/v1/admin/keys', create(`u${i}`), bearer(first.key))).key,
    );
  const make = (name: string, user: number, at: number) =>
    server.call(
      ...(['POST', '/v1/schedules'] as const),
      { name, at: new Date(at).toISOString(), execution: { kind: 'exec', program: 'true' } },
      bearer(keys[user] as string),
    );
  // How long it takes to make them here and now decides when they are due.
  const tried = Array.from({ length: 5 * USERS }, (_, i) => i);
  let begun = performance.now();
  await inFlight(
    8,
    tried.map((i) => () => make(`try${i}`, i % USERS, Date.now() + 1e9)),
  );
  const triedMs = performance.now() - begun;
  for (const i of tried)
    await server.call('DELETE', `/v1/schedules/try${i}`, undefined, bearer(keys[i % USERS] as string));
  const leadMs = 15_000 + (4 * triedMs * SCHEDULES) / tried.length;
  const due = Math.ceil((Date.now() + leadMs) / 1000) * 1000;
  begun = performance.now();
  await inFlight(
    8,
    Array.from({ length: SCHEDULES }, (_, i) => () => make(`s${i}`, i % USERS, due)),
  );
  const madeMs = performance.now() - begun;
  check(Date.now() < due, `${SCHEDULES} schedules are made in ${seconds(madeMs)}, before they are due`);
  const names = keys.flatMap((key, user) =>
    Array.from({ length: SCHEDULES / USERS }, (_, i) => ({ key, name: `s${i * USERS + user}` })),
  );
  const ends = await inFlight(
    4,
    names.map(({ key, name }) => async () => {
      for (;;) {
        const { items } = await server.call<{ items: { id: string | null; result: string }[] }>(
          ...(['GET', `/v1/schedules/${name}/runs`, undefined, bearer(key)] as const),
        );
        const id = items[0]?.id ?? null;
        if (id !== null) {
          const path = `/v1/executions/${id}?wait=30`;
          const one = await server.call<OfSchedule>('GET', path, undefined, bearer(key));
          if (one.phase === 'done') return { ...one, fires: items.length };
        } else await new Promise((resolve) => setTimeout(resolve, 250));
      }
    }),
  );
  const isRight = ends.every(({ status, fires }) => status === 'completed' && fires === 1);
  const started = ends.map(({ timestamps }) => Date.parse(timestamps.started)).sort((a, b) => a - b);
  const [earliest, last] = [started[0] as number, started.at(-1) as number];
  check(isRight && new Set(ends.map(({ id }) => id)).size === SCHEDULES, 'each of them has run once');
  check(earliest >= due, 'none of them early');
  console.log(
    `       due at once on two slots: the first starts after ${earliest - due} ms, the last after ${last - due} ms`,
  );
}

interface OfSchedule {
  id: string;
  status: string;
  phase: string;
  timestamps: { started: string };
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

const server = await startServer({
  EXECUTION_PORT: await freePort(),
  EXECUTION_DATA_DIR: join(dir, 'data'),
  EXECUTION_MAX_CONCURRENT: '2',
});
check(statSync(join(dir, 'data')).isDirectory(), 'the server is up');
const parts = { large: largeFile, many: manyFiles, raw: firstByte, due: dueAtOnce };
for (const [name, part] of Object.entries(parts))
  if (asked.length === 0 || asked.includes(name)) await part(server);
await server.stop();
finish();
