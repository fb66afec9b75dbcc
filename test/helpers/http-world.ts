// A runner of HTTP requests, and servers on 127.0.0.1 for it to ask.
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Test } from 'tap';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { AttemptReport, RequestStart, RunningAttempt } from '../../src/domain/ports/runner.ts';
import type { Clock } from '../../src/domain/ports/clock.ts';
import { FileJournal, journalPath } from '../../src/journal/reader.ts';
import { RequestRunner, type RequestRunnerOptions } from '../../src/runners/requests/http.ts';
import { type FakeClock, fakeClock } from './clock.ts';
import { tempDir } from './temp.ts';

export type Ended = Extract<AttemptReport, { type: 'ended' }>;
export type Asked = Omit<Partial<RequestStart>, 'work'> & Partial<RequestStart['work']>;

export interface Request extends RunningAttempt {
  start: RequestStart;
  report: Promise<Ended>;
  /** What the listener was told. */
  told: { started: number[]; growth: number[] };
}

export interface HttpWorld {
  clock: FakeClock;
  runner: RequestRunner;
  dir: string;
  ask(url: string, more?: Asked): Request;
  /** Asks, and waits for the end. */
  get(url: string, more?: Asked): Promise<Ended>;
  /** All bytes that the log keeps of it; null when there is no log. */
  log(start: RequestStart): Promise<Buffer | null>;
}

const tlsFile = (name: string) =>
  readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), 'utf8');
export const TLS = {
  key: tlsFile('server-key'),
  ca: tlsFile('ca'),
  good: tlsFile('good'),
  expired: tlsFile('expired'),
  selfSigned: tlsFile('self-signed'),
};

let runs = 0;

export function httpWorld(
  t: Test,
  { clock, ...options }: Partial<RequestRunnerOptions> & { clock?: Clock } = {},
): HttpWorld {
  const dir = tempDir(t);
  const fake = (clock as FakeClock | undefined) ?? fakeClock();
  const runner = new RequestRunner({
    journalPath: (name) => {
      const path = journalPath(dir, name);
      mkdirSync(dirname(path), { recursive: true });
      return path;
    },
    clock: fake,
    egressAllow: ['127.0.0.1', 'localhost'],
    ...options,
  });
  t.teardown(() => runner.close());
  const ask: HttpWorld['ask'] = (url, more = {}) => {
    const runId = `01900000-0000-7000-8000-${(runs += 1).toString(16).padStart(12, '0')}`;
    const {
      keepBytes,
      failOnLimit,
      attemptMs,
      idleMs,
      attempt,
      redact,
      secretHeaders,
      userId,
      redirectHosts,
      ...work
    } = more;
    const start: RequestStart = {
      runId,
      executionId: runId,
      userId: userId ?? 'ann',
      attempt: attempt ?? 1,
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      keepBytes: keepBytes ?? 1_000_000,
      redact: redact ?? [],
      secretHeaders: secretHeaders ?? [],
      redirectHosts: redirectHosts ?? null,
      failOnLimit: failOnLimit ?? false,
      attemptMs: attemptMs ?? 3_600_000,
      idleMs: idleMs ?? null,
      work: { kind: 'http', url, ...work },
    };
    const told: Request['told'] = { started: [], growth: [] };
    const running = runner.run(start, {
      started: (pid, at) => {
        if (pid !== null) throw new Error('a request has no process');
        told.started.push(at);
      },
      growth: ({ stdoutBytes }) => told.growth.push(stdoutBytes),
    });
    return { ...running, start, told, report: running.ended.then(ended) };
  };
  return {
    clock: fake,
    runner,
    dir,
    ask,
    get: (url, more) => ask(url, more).report,
    log: async (start) => {
      const log = await new FileJournal(dir).open(start);
      if (log === null) return null;
      const pieces: Uint8Array[] = [];
      for await (const { bytes } of log.read(0)) pieces.push(bytes);
      await log.close();
      return Buffer.concat(pieces);
    },
  };
}

function ended(report: AttemptReport): Ended {
  if (report.type !== 'ended') throw new Error('the attempt was interrupted');
  return report;
}

/** The outcome of a request that got no answer, checked to be one. */
export function failureOf({ outcome }: Ended): Extract<Outcome, { cause: 'request_failed' }> {
  if (outcome.cause !== 'request_failed') throw new Error(`it ended by ${JSON.stringify(outcome)}`);
  return outcome;
}

async function listening(t: Test, server: Server, scheme: string): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Its origin. */
export async function httpServer(t: Test, answer: RequestListener): Promise<string> {
  return listening(t, createServer(answer), 'http');
}

export async function httpsServer(t: Test, cert: string, answer: RequestListener): Promise<string> {
  const server = createSecureServer({ key: TLS.key, cert }, answer);
  server.on('tlsClientError', () => undefined);
  return listening(t, server, 'https');
}

/** A server that is handed the connection and the head of the request. */
export async function rawServer(t: Test, answer: (socket: Socket, head: string) => void): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    let head = '';
    socket.on('data', (bytes) => {
      head += bytes.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      const whole = head;
      head = '';
      answer(socket, whole);
    });
  });
  return listening(t, server, 'http');
}

/** A port that nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A promise and its resolver: a fact to wait for. */
export function fact<T = void>(): { come: (value: T) => void; seen: Promise<T> } {
  let come: (value: T) => void = () => undefined;
  const seen = new Promise<T>((resolve) => (come = resolve));
  return { come, seen };
}

/** Resolves when a part of a body has come that growth has not told yet; time stands still meanwhile. */
export async function bodyArrived(clock: FakeClock): Promise<void> {
  while (!clock.hasTimer(50)) await clock.advance(0);
}
