// Jobs whose server is killed while a command of theirs is under way: half of an upload, a raw run that streams, a terminal, a delivery that
// has failed once, work that waits for a key or for the end of a pause, progress, and what is kept how long. Part of npm run test:jobs.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type Server as Receiver } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { until, withEnvironment } from '../helpers/processes.ts';
import { check, freePort, scratch, type Server, startServer } from './support.ts';

const dir = scratch();
const env = {
  EXECUTION_DATA_DIR: join(dir, 'data'),
  EXECUTION_PORT: await freePort(),
  EXECUTION_EGRESS_ALLOW: '127.0.0.1',
};
let server: Server;

async function kill(more: Record<string, string> = {}): Promise<void> {
  await server.kill();
  server = await startServer({ ...env, ...more });
}

interface Curl {
  out: string;
  /** Null while it runs. */
  code: number | null;
}

/** curl at the server, with what it has printed so far. */
function curl(path: string, ...args: string[]): Curl {
  const child = spawn('curl', ['-sN', ...args, server.url + path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const seen: Curl = { out: '', code: null };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (seen.out += text));
  child.on('close', (code) => (seen.code = code ?? -1));
  return seen;
}

const json = (body: object) => ['-H', 'content-type: application/json', '-d', JSON.stringify(body)];
const textOf = async (path: string) => (await fetch(server.url + path)).text();
const isLost = ({ status, outcome }: ExecutionWire) => status === 'failed' && outcome?.cause === 'lost';
const nothingOf = (id: string) => withEnvironment(`EXECUTION_ID=${id}`).length === 0;

async function upload(): Promise<void> {
  const bytes = randomBytes(8_000_000);
  const path = join(dir, 'file');
  writeFileSync(path, bytes);
  const type = ['-H', 'content-type: application/octet-stream'];
  const { id } = await server.call<{ id: string }>('POST', `/v1/uploads?size=${bytes.length}`);
  const received = async () => (await server.call<{ received: number }>('GET', `/v1/uploads/${id}`)).received;
  const first = curl(
    `/v1/uploads/${id}?offset=0`,
    ...['-X', 'PATCH', '--limit-rate', '2M', ...type, '--data-binary', `@${path}`],
  );
  await until('a part has come', async () => (await received()) > 0, 60_000);
  const before = await received();
  await kill();
  await until('curl ends', () => first.code !== null, 60_000);
  const after = await received();
  check(first.code !== 0 && after < bytes.length, 'an upload is broken half way, and its client hears of it');
  check(after >= before, `what GET has told as received is there after the kill (${before}, then ${after})`);
  writeFileSync(path, bytes.subarray(after));
  const rest = curl(`/v1/uploads/${id}?offset=${after}`, '-X', 'PATCH', ...type, '--data-binary', `@${path}`);
  await until('curl ends', () => rest.code !== null, 60_000);
  const digest = createHash('sha256').update(bytes).digest('hex');
  check(
    (JSON.parse(rest.out) as { digest: string }).digest === digest,
    'the upload goes on at what was received, and has the digest of the file',
  );
}

/** @param more a terminal, or nothing */
async function rawRun(what: string, more: object): Promise<void> {
  const command = 'echo begun; sleep 600';
  const client = curl('/v1/run', '-D', join(dir, 'headers'), ...json({ kind: 'shell', command, ...more }));
  await until('it has begun', () => client.out.includes('begun'), 60_000);
  const { items } = await server.call<{ items: ExecutionWire[] }>('GET', '/v1/executions?status=running');
  const id = items[0]?.id ?? '';
  await kill();
  await until('curl ends', () => client.code !== null, 60_000);
  check(client.code !== 0, `${what}: the client of a broken stream does not take it for whole`);
  check(
    isLost(await server.finished(id)) && nothingOf(id),
    `${what}: it is told as lost, and nothing of it lives`,
  );
  check(
    (await textOf(`/v1/executions/${id}/logs`)).startsWith('begun'),
    `${what}: its log has what was written`,
  );
}

async function openInput(): Promise<void> {
  const { id } = await server.submit({ kind: 'shell', command: 'cat', stdin: { open: true } });
  const write = (offset: number, text: string) =>
    fetch(`${server.url}/v1/executions/${id}/stdin?offset=${offset}`, {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body: text,
    });
  const first = await write(0, 'one\n');
  await until('it comes back', async () => (await textOf(`/v1/executions/${id}/logs`)) === 'one\n', 60_000);
  await kill();
  await server.finished(id);
  const second = await write(4, 'two\n');
  check(
    first.ok && second.status === 409,
    'input that comes after the kill is refused, and not dropped in silence',
  );
  check(
    (await textOf(`/v1/executions/${id}/logs`)) === 'one\n',
    'live input: the log has what the command answered',
  );
}

/** Answers 500 until it is told to be well. */
async function receive(): Promise<{ receiver: Receiver; url: string; tries: string[]; recover(): void }> {
  const tries: string[] = [];
  let isWell = false;
  const receiver = createServer((request, response) => {
    tries.push(String(request.headers['webhook-id']));
    request.resume().on('end', () => response.writeHead(isWell ? 204 : 500).end());
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  return { receiver, url, tries, recover: () => (isWell = true) };
}

async function delivery(): Promise<void> {
  const { receiver, url, tries, recover } = await receive();
  await server.call('POST', '/v1/webhooks', { url, events: ['completed'] });
  await server.submit({ kind: 'exec', program: 'true' });
  await until('a try has failed', () => tries.length > 0, 60_000);
  await kill();
  recover();
  const before = tries.length;
  await until('it is tried again', () => tries.length > before, 120_000);
  check(
    new Set(tries).size === 1,
    'a delivery that failed before the kill comes after it, under the same id',
  );
  receiver.close();
}

async function waiting(): Promise<void> {
  const keyed = (command: string) => ({ kind: 'shell', command, concurrency: { key: 'deploy', limit: 1 } });
  const first = await server.submit(keyed('echo begun; sleep 600'));
  await until('it runs', async () => (await textOf(`/v1/executions/${first.id}/logs`)) !== '', 60_000);
  const second = await server.submit(keyed('echo second'));
  await kill();
  check(isLost(await server.finished(first.id)), 'what had the key is told as lost');
  const { status } = await server.finished(second.id);
  check(status === 'completed', 'what waited for the key has it then, and runs');
  await server.call('PUT', '/v1/admin/pauses/queue', { reason: 'an upgrade' });
  const third = await server.submit({ kind: 'exec', program: 'true' });
  await kill();
  const { queue } = await server.call<ExecutionWire>('GET', `/v1/executions/${third.id}`);
  check(queue?.reason === 'paused', 'a pause holds after the kill');
  await server.call('DELETE', '/v1/admin/pauses/queue');
  check((await server.finished(third.id)).status === 'completed', 'what it held runs when it ends');
}

async function progress(): Promise<void> {
  const command = `echo '{"percent": 40, "message": "half"}' >&"$EXECUTION_PROGRESS_FD"; echo told; sleep 600`;
  const { id } = await server.submit({ kind: 'shell', command, progress: 'fd' });
  const percent = async () =>
    (await server.call<ExecutionWire>('GET', `/v1/executions/${id}`)).progress?.percent;
  await until('it is told', async () => (await percent()) === 40, 60_000);
  await kill();
  check(isLost(await server.finished(id)), 'progress: what told it is told as lost');
}

async function retention(): Promise<void> {
  const good = await server.submit({ kind: 'exec', program: 'true' });
  const bad = await server.submit({ kind: 'exec', program: 'false' });
  for (const { id } of [good, bad]) await server.finished(id);
  await kill({ EXECUTION_RETENTION_SECS: '1', EXECUTION_CLEANUP_INTERVAL: '1' });
  const status = async (id: string) => (await fetch(`${server.url}/v1/executions/${id}`)).status;
  await until('the success is gone', async () => (await status(good.id)) !== 200, 120_000);
  check(
    (await status(bad.id)) === 200,
    'after the kill a success goes when its time is over, and a failure stays',
  );
}

/** All of them, one after the other. */
export async function midway(): Promise<void> {
  server = await startServer(env);
  await upload();
  await rawRun('raw run', {});
  await rawRun('terminal', { tty: { cols: 80, rows: 24 } });
  await openInput();
  await delivery();
  await waiting();
  await progress();
  await retention();
  await server.stop();
}
