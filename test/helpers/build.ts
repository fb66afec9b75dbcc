// A service of its own for a test: a real server with its runner host, store and logs in a directory that is gone
// afterwards. Nothing of it outlives the test.
import { writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Test } from 'tap';
import { type App, buildApp, type Overrides } from '../../src/app/build-app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { ONLY } from '../../src/domain/ports/replica.ts';
import { serviceLogOptions } from '../../src/observe/service-log.ts';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { checkedHost } from './checked-host.ts';
import { answerCheck } from './openapi-check.ts';
import { type Lifetime, ofFile } from './scope.ts';
import { until, withEnvironment } from './processes.ts';
import { isOnPostgres, storeOf } from './store-of.ts';
import { tempDir } from './temp.ts';

export interface Answer<Body = unknown> {
  status: number;
  headers: Headers;
  body: Body;
  text: string;
}

interface Client {
  call<Body = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer<Body>>;
  /** Submits, and answers the execution as it is then. */
  submit(spec: object, headers?: Record<string, string>): Promise<ExecutionWire>;
  /** Submits, and waits for the end. */
  run(spec: object, headers?: Record<string, string>): Promise<ExecutionWire>;
  /** Waits for the end. */
  finished(id: string): Promise<ExecutionWire>;
  /** Waits until the execution is in a phase. */
  inPhase(id: string, phase: ExecutionWire['phase']): Promise<ExecutionWire>;
}

export interface SharedService extends Client {
  app: App;
  url: string;
  dataDir: string;
  /** Lines of the server's own log. */
  lines: { msg: string; level: number }[];
}

export interface Service extends SharedService {
  stop(): Promise<void>;
}

export const RUNTIME = { execPath: process.execPath, pid: process.pid };

/** No lease lives through a test that moves time on by days: its server has the database for itself. */
const aloneWith = ({ clock }: Overrides): Overrides =>
  isOnPostgres && clock !== undefined ? { replica: ONLY } : {};

export async function service(
  t: Lifetime,
  env: Record<string, string> = {},
  overrides: Overrides = {},
  /** The environment of the process, as far as secrets come from it. */
  ofProcess: Record<string, string> = {},
): Promise<Service> {
  const dataDir = env.EXECUTION_DATA_DIR ?? tempDir(t);
  const lines: SharedService['lines'] = [];
  const sink = { write: (line: string) => void lines.push(JSON.parse(line) as Service['lines'][number]) };
  const config = loadConfig({
    EXECUTION_PORT: '0',
    EXECUTION_DATA_DIR: dataDir,
    EXECUTION_KILL_GRACE_MS: '1000',
    ...(await storeOf(t, dataDir)),
    ...env,
  });
  const app = await buildApp(
    config,
    pino(serviceLogOptions('debug'), sink),
    { ...RUNTIME, env: ofProcess },
    { ...(await checkedHost(config)), ...aloneWith(overrides), ...overrides },
  );
  let hasStopped = false;
  const stop = async () => {
    hasStopped = true;
    await app.stop();
  };
  t.teardown(async () => {
    if (!hasStopped) {
      // What still runs is not worth waiting for.
      await cancelAll(app);
      await stop();
    }
    const left = withEnvironment(`${dataDir}/work`);
    if (left.length > 0) throw new Error(`processes have outlived the test: ${left.join(', ')}`);
  });
  const url = await app.start().catch((error: unknown) => {
    hasStopped = true;
    throw error;
  });
  return { app, url, dataDir, lines, stop, ...client(url) };
}

/** What a test asks a service for; each request has these headers beside its own. */
export function client(url: string, ofAll: Record<string, string> = {}): Client {
  const check = answerCheck();

  const call: Client['call'] = async <Body>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<Body>> => {
    const isText = typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...ofAll,
        ...headers,
      },
      ...(body === undefined ? {} : { body: isText ? (body as string) : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '');
    const parsed = isJson ? (JSON.parse(text) as Body) : (text as Body);
    if (isJson) check(method, path.split('?')[0] ?? '', response.status, parsed);
    return { status: response.status, headers: response.headers, body: parsed, text };
  };
  const expect = async (answer: Promise<Answer<ExecutionWire>>): Promise<ExecutionWire> => {
    const { status, body, text } = await answer;
    if (status >= 300) throw new Error(`${status}: ${text}`);
    return body;
  };
  const finished = async (id: string): Promise<ExecutionWire> => {
    for (;;) {
      const execution = await expect(call('GET', `/v1/executions/${id}?wait=30`));
      if (execution.phase === 'done') return execution;
    }
  };
  const submit: Client['submit'] = (spec, headers) => expect(call('POST', '/v1/executions', spec, headers));
  return {
    call,
    finished,
    submit,
    run: async (spec, headers) => finished((await submit(spec, headers)).id),
    async inPhase(id, phase) {
      let execution: ExecutionWire | undefined;
      await until(`it is ${phase}`, async () => {
        execution = await expect(call('GET', `/v1/executions/${id}`));
        if (execution.phase === 'done' && phase !== 'done')
          throw new Error(`it is over, and was not ${phase}`);
        return execution.phase === phase;
      });
      return execution as ExecutionWire;
    },
  };
}

async function cancelAll({ engine }: App): Promise<void> {
  const { views } = await engine.list({ userId: null, status: ['pending', 'running'] }, 10_000, null);
  const users = new Set(views.map(({ execution }) => execution.userId));
  for (const userId of users) await engine.cancelMany({ userId }, 'the test is over');
}

/** By the lifetime of their file, and their settings: what it shares is made by the first test that wants it. */
const shared = new WeakMap<Lifetime, Map<string, Promise<Service>>>();

/**
 * A service for all tests of a file that ask for the same settings, and do not mind what the others have left: executions that
 * have ended, counters, entries of the cache. What a test has begun is cancelled when it ends.
 */
export async function sharedService(t: Test, env: Record<string, string> = {}): Promise<SharedService> {
  const file = ofFile();
  const ofSettings = shared.get(file) ?? new Map<string, Promise<Service>>();
  shared.set(file, ofSettings);
  const settings = JSON.stringify(env);
  const made = ofSettings.get(settings) ?? service(file, env);
  ofSettings.set(settings, made);
  const one = await made;
  one.lines.length = 0;
  t.teardown(async () => {
    await cancelAll(one.app);
    await until('nothing of the test runs any more', async () => {
      const { views } = await one.app.engine.list({ userId: null, status: ['pending', 'running'] }, 1, null);
      return views.length === 0;
    });
  });
  return one;
}

/**
 * Runs a command that says each piece when the one before it is in the log. Without that, how many records there are, and
 * which of two streams comes first, is a matter of the machine.
 */
export async function sayOneByOne(t: Test, s: SharedService, pieces: string[]): Promise<ExecutionWire> {
  const dir = tempDir(t);
  const waits = (i: number) => `until [ -e ${dir}/${i} ]; do sleep 0.02; done`;
  const { id } = await s.submit(shell(pieces.map((piece, i) => `${piece}; ${waits(i)}`).join('; ')));
  let before = 0;
  for (const i of pieces.keys()) {
    await until('it is in the log', async () => {
      const { output } = (await s.call<ExecutionWire>('GET', `/v1/executions/${id}`)).body;
      const bytes = output.stdout_bytes + output.stderr_bytes;
      if (bytes === before) return false;
      before = bytes;
      return true;
    });
    writeFileSync(join(dir, String(i)), '');
  }
  return s.finished(id);
}

export const shell = (command: string, more: object = {}) => ({ kind: 'shell', command, ...more });

/** A request by hand, for headers that fetch does not send; answers when the body has come. */
export function rawRequest(
  url: string,
  options: { method?: string; path?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<{
  status: number;
  headers: IncomingMessage['headers'];
  trailers: IncomingMessage['trailers'];
  body: Buffer;
}> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      url + (options.path ?? ''),
      { method: options.method ?? 'GET', headers: options.headers },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode: status = 0, headers, trailers } = response;
          resolve({ status, headers, trailers, body: Buffer.concat(pieces) });
        });
      },
    );
    request.on('error', reject);
    request.end(options.body);
  });
}
