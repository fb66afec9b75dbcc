// 1 GiB through standard input, with both hosts: memory stays flat, every byte arrives once, also when requests are cut and sent
// again; 40 commands that never read while their writers push; 40 writers that have gone; the end of input.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { check, finish, freePort, megabytes, memoryOf, scratch, startServer } from './support.ts';

const GIB = 1024 ** 3;
const BLOCK = Buffer.alloc(1024 * 1024, Buffer.from(Array.from({ length: 251 }, (_, i) => (i * 7) % 256)));
/** Bytes of one request. */
const PART = 64 * BLOCK.length;
const CUTS = 8;
const DEAF = 40;
const FLAT_BYTES = 80e6;

type Server = Awaited<ReturnType<typeof startServer>>;

/** Sends a part; one that is cut ends in the middle, as when a connection breaks. */
async function sendPart(
  server: Server,
  { id, at, all, isCut }: { id: string; at: number; all: number; isCut: boolean },
): Promise<number> {
  const cut = new AbortController();
  let sent = 0;
  async function* bytes() {
    for (let from = at; from < at + PART; from += BLOCK.length) {
      if (isCut && sent >= PART / 2) cut.abort();
      sent += BLOCK.length;
      yield BLOCK;
    }
  }
  const isLast = at + PART === all;
  const response = await fetch(`${server.url}/v1/executions/${id}/stdin?offset=${at}&close=${isLast}`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: bytes() as never,
    duplex: 'half',
    signal: cut.signal,
  }).catch(() => null);
  if (response === null) return at;
  const { offset } = (await response.json()) as { offset?: number };
  if (offset === undefined) throw new Error(`a part was answered with ${response.status}`);
  return offset;
}

async function through(server: Server, all: number): Promise<boolean> {
  const { id } = await server.submit({ kind: 'exec', program: 'sha256sum', stdin: { open: true } });
  for (let at = 0, i = 0; at < all; i++)
    at = await sendPart(server, { id, at, all, isCut: i < CUTS && i % 2 === 0 });
  const { result } = (await server.finished(id)) as unknown as { result: { stdout: string } };
  const hash = createHash('sha256');
  for (let at = 0; at < all; at += BLOCK.length) hash.update(BLOCK);
  return result.stdout.startsWith(hash.digest('hex'));
}

/** Commands that never read: what is held for each is bounded, and its writer is told. */
async function deaf(server: Server, host: string): Promise<void> {
  const ids = await Promise.all(
    Array.from({ length: DEAF }, async () => {
      const { id } = await server.submit({
        kind: 'exec',
        program: 'sleep',
        args: ['600'],
        stdin: { open: true },
      });
      return id;
    }),
  );
  const answers = await Promise.all(
    ids.map(async (id) => {
      const response = await fetch(`${server.url}/v1/executions/${id}/stdin?wait=20`, {
        method: 'POST',
        headers: { 'content-type': 'application/octet-stream' },
        body: Buffer.concat([BLOCK, BLOCK, BLOCK, BLOCK]),
      });
      return ((await response.json()) as { type?: string }).type;
    }),
  );
  check(
    answers.every((type) => type === 'urn:execd:error:input_not_read'),
    `${host}: ${DEAF} writers to commands that do not read are told so`,
  );
  await Promise.all(ids.map((id) => server.call('POST', `/v1/executions/${id}/cancel`)));
  await Promise.all(ids.map((id) => server.finished(id)));
}

/** Writers that have gone: a command waits for its limit, and nothing else. */
async function absent(server: Server, host: string): Promise<void> {
  const ends = await Promise.all(
    Array.from({ length: DEAF }, async () => {
      const spec = { kind: 'exec', program: 'cat', stdin: { open: true }, timeouts: { attempt_ms: 3000 } };
      return server.finished((await server.submit(spec)).id);
    }),
  );
  check(
    ends.every(({ status }) => status === 'timed_out'),
    `${host}: ${DEAF} commands without a writer end by their limit`,
  );
}

for (const host of ['native', 'node']) {
  const server = await startServer({
    EXECUTION_DATA_DIR: join(scratch(), `data-${host}`),
    EXECUTION_PORT: await freePort(),
    EXECUTION_RUNNER_HOST: host,
    EXECUTION_MAX_CONCURRENT: String(DEAF),
  });
  const hostPid = await server.hostPid();
  // Once it has done what it is to do: a heap that has not been used yet is smaller.
  await through(server, PART);
  const base = { server: memoryOf(server.pid), host: memoryOf(hostPid) };
  const peak = { ...base };
  const watch = setInterval(() => {
    peak.server = Math.max(peak.server, memoryOf(server.pid));
    peak.host = Math.max(peak.host, memoryOf(hostPid));
  }, 50);
  const began = performance.now();
  check(await through(server, GIB), `${host}: 1 GiB arrived, each byte once`);
  console.log(`${host}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  await deaf(server, host);
  await absent(server, host);
  clearInterval(watch);
  console.log(
    `${host}: server ${megabytes(base.server)} after 64 MiB, at most ${megabytes(peak.server)}; host ${megabytes(base.host)}, ${megabytes(peak.host)}`,
  );
  check(peak.server < base.server + FLAT_BYTES, `${host}: the memory of the server stays flat`);
  check(peak.host < base.host + FLAT_BYTES, `${host}: the memory of the host stays flat`);
  await server.stop();
}
finish();
