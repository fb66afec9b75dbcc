// What the longer checks share: a server as it is shipped, its figures, and a report whose last line counts.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { until } from '../helpers/processes.ts';

export { freePort } from '../helpers/ports.ts';
export { descriptorsOf, memoryOf, zombiesOf } from '../helpers/processes.ts';

let passed = 0;
let failed = 0;

export function check(isOk: boolean, what: string): void {
  if (isOk) passed += 1;
  else failed += 1;
  console.log(`${isOk ? '  ok ' : 'FAIL '} ${what}`);
}

export function finish(): void {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

/** A directory that is gone at the end of the process. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'execd-long-'));
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export interface Server {
  url: string;
  pid: number;
  hostPid(): Promise<number>;
  call<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T>;
  submit(spec: object): Promise<ExecutionWire>;
  finished(id: string): Promise<ExecutionWire>;
  readonly hasEnded: () => boolean;
  /** Settles when its process has ended, with its exit code. */
  readonly ended: Promise<number | undefined>;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the built server; `flags` are for Node. */
/** @param cwd a checkout that is built */
export async function startServer(
  env: Record<string, string>,
  flags: string[] = [],
  cwd = '.',
): Promise<Server> {
  const child = execa(process.execPath, [...flags, 'dist/bin/server.js'], {
    cwd,
    ...{ extendEnv: false, buffer: false, reject: false, killSignal: 'SIGKILL' },
    ...{ stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' },
    env: { PATH: process.env.PATH, EXECUTION_PORT: '0', EXECUTION_LOG_LEVEL: 'warn', ...env },
  });
  let out = '';
  let hasEnded = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out = (out + text).slice(-10_000)));
  void child.then(() => (hasEnded = true));
  const port = env.EXECUTION_PORT;
  const address = () =>
    port === undefined ? /"address":"([^"]+)"/.exec(out)?.[1] : `http://127.0.0.1:${port}`;
  await until(
    'the server is ready',
    async () => {
      if (hasEnded) throw new Error(`the server has ended: ${out}`);
      const url = address();
      return url !== undefined && (await fetch(`${url}/readyz`).catch(() => null))?.status === 200;
    },
    60_000,
  ).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  const url = address() ?? '';
  const call = async <T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<T> => {
    const response = await fetch(url + path, {
      method,
      ...(body === undefined
        ? { headers }
        : { headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? null : JSON.parse(text)) as T;
  };
  const gone = () => until('the server is gone', () => hasEnded, 120_000);
  return {
    url,
    pid: child.pid ?? 0,
    hostPid: async () => (await call<{ runner_host: { pid: number } }>('GET', '/v1/stats')).runner_host.pid,
    call,
    submit: (spec) => call('POST', '/v1/executions', spec),
    async finished(id) {
      for (;;) {
        const execution = await call<ExecutionWire>('GET', `/v1/executions/${id}?wait=30`);
        if (execution.phase === 'done') return execution;
      }
    },
    hasEnded: () => hasEnded,
    ended: child.then(({ exitCode }) => exitCode),
    async kill() {
      child.kill('SIGKILL');
      await gone();
    },
    async stop() {
      child.kill('SIGTERM');
      await gone();
    },
  };
}

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

/** Runs jobs, so many at a time. */
export async function inFlight<T>(limit: number, jobs: readonly (() => Promise<T>)[]): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < jobs.length; i = next++) results[i] = await (jobs[i] as () => Promise<T>)();
  };
  await Promise.all(Array.from({ length: limit }, worker));
  return results;
}

/** The files below a directory, also while some of them are being removed. */
export function filesBelow(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true }).flatMap((one) => {
      const path = join(dir, one.name);
      return one.isDirectory() ? filesBelow(path) : one.isFile() ? [path] : [];
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
