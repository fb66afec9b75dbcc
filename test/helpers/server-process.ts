// A server as a process of its own, as it is shipped.
import { type ChildProcess, spawn } from 'node:child_process';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { until } from './processes.ts';
import type { Lifetime } from './scope.ts';

export interface ServerProcess {
  url: string;
  pid: number;
  /** What it has written to its standard output so far. */
  output(): string;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  get<T = ExecutionWire>(path: string): Promise<T>;
  submit(spec: object, headers?: Record<string, string>): Promise<ExecutionWire>;
  finished(id: string): Promise<ExecutionWire>;
  signal(signal: NodeJS.Signals): void;
  /** Reads its standard output no more, as a log collector that hangs; or reads on. */
  readOutput(isReading: boolean): void;
  /** Closes its standard output and error, as a log collector that has died. */
  closeOutput(): void;
  /** Waits for the end of the process. */
  ended(): Promise<{ code: number | null; signal: string | null }>;
}

export interface ServerOptions {
  program?: string[];
  /** Where it runs; default: here. */
  cwd?: string | undefined;
}

interface Started {
  child: ChildProcess;
  said: { out: string; err: string };
  exit: { code: number | null; signal: string | null } | null;
}

/** Where Node keeps what it has compiled: a server starts in half the time. */
function compiled(): Record<string, string> {
  const { NODE_COMPILE_CACHE: dir } = process.env;
  return dir === undefined ? {} : { NODE_COMPILE_CACHE: dir };
}

/** Starts a program of the project with this environment and nothing else that matters to it. */
export function start(
  t: Lifetime,
  env: Record<string, string>,
  program: string[] = ['dist/bin/server.js'],
  cwd?: string,
): Started {
  const child = spawn(process.execPath, program, {
    cwd,
    env: { PATH: process.env.PATH, ...compiled(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const started: Started = { child, said: { out: '', err: '' }, exit: null };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (started.said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (started.said.err += text));
  child.on('close', (code, signal) => (started.exit = { code, signal }));
  t.teardown(async () => {
    child.kill('SIGKILL');
    await until('the server is gone', () => started.exit !== null);
  });
  return started;
}

export async function server(
  t: Lifetime,
  env: Record<string, string>,
  options: ServerOptions = {},
): Promise<ServerProcess> {
  const settings = { EXECUTION_PORT: '0', EXECUTION_KILL_GRACE_MS: '1000', ...env };
  const started = start(t, settings, options.program, options.cwd);
  const { child, said } = started;
  const address = () => /"address":"([^"]+)"/.exec(said.out)?.[1];
  await until('it listens', () => {
    if (started.exit !== null)
      throw new Error(`it ended with ${JSON.stringify(started.exit)}: ${said.out}${said.err}`);
    return address() !== undefined;
  });
  const url = address() ?? '';
  const get = async <T>(path: string): Promise<T> => (await (await fetch(url + path)).json()) as T;
  const post = (path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(url + path, {
      method: 'POST',
      ...(body === undefined
        ? { headers }
        : { headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) }),
    });
  return {
    url,
    pid: child.pid ?? 0,
    output: () => said.out,
    get,
    post,
    async submit(spec, headers) {
      const response = await post('/v1/executions', spec, headers);
      if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
      return (await response.json()) as ExecutionWire;
    },
    async finished(id) {
      for (;;) {
        const execution = await get<ExecutionWire>(`/v1/executions/${id}?wait=30`);
        if (execution.phase === 'done') return execution;
      }
    },
    signal: (signal) => void child.kill(signal),
    readOutput(isReading) {
      if (isReading) child.stdout?.resume();
      else child.stdout?.pause();
    },
    closeOutput() {
      child.stdout?.destroy();
      child.stderr?.destroy();
    },
    async ended() {
      await until('it ends', () => started.exit !== null);
      return started.exit as { code: number | null; signal: string | null };
    },
  };
}
