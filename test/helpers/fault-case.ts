// A case of the list of faults: a server that something bad is done to, and what has to hold afterwards whatever was done.
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { eventsIn, historyProblem } from './history.ts';
import { filesOf, killSeen, memoryOf, until, withEnvironment, zombiesOf } from './processes.ts';
import { type Lifetime, Scope } from './lifetime.ts';
import { ofFile } from './scope.ts';
import { server, type ServerProcess } from './server-process.ts';
import { isBelow, tempDir } from './temp.ts';

const MAIN = fileURLToPath(new URL('../../dist/bin/server.js', import.meta.url));
const MORE_FILES = 5;
const MORE_MEMORY_BYTES = 150e6;
/** Larger files of the data directory are not searched. */
const SEARCHED_BYTES = 20e6;

export interface FaultOptions {
  env?: Record<string, string> | ((t: Lifetime) => Record<string, string>);
  /** True: cases of the file with this same function for `env` have one server. */
  isShared?: boolean;
  skip?: boolean | string;
  /** Where the data is to be; null where there cannot be such a place, and the case is left out. */
  dataDir?: (t: Test) => string | null;
  /** The program of the first server, when it is not the one that is shipped. */
  program?: string[];
  /** By how much its memory may grow, bytes. */
  memory?: number;
  /** Errors that the server has to log, because of what is done to it. */
  logs?: RegExp;
  /** True: it leaves data behind that others would stumble over. */
  isAlone?: boolean;
}

interface Before {
  pid: number;
  hostPid: number;
  files: number;
  hostFiles: number;
  memory: number;
  /** Characters of the log. */
  logged: number;
}

/** The server, and those that are started after it on the same data. */
export class Victim {
  readonly dir: string;
  readonly dataDir: string;
  /** Answered with 2xx. */
  readonly accepted = new Set<string>();
  readonly env: Record<string, string>;
  readonly #lifetime: Lifetime;
  /** Those of cases that are over. */
  readonly #earlier = new Set<string>();
  readonly #canary = `canary-${String(Math.random()).slice(2)}`;
  #server: ServerProcess | null = null;
  #before: Before | null = null;
  #isKilled = false;

  constructor(lifetime: Lifetime, env: Record<string, string>, dataDir?: string) {
    this.#lifetime = lifetime;
    this.dir = tempDir(lifetime);
    this.dataDir = dataDir ?? join(this.dir, 'data');
    mkdirSync(join(this.dir, 'home'));
    this.env = {
      EXECUTION_DATA_DIR: this.dataDir,
      CANARY_OF_THE_SERVER: this.#canary,
      HOME: join(this.dir, 'home'),
      ...env,
    };
  }

  get server(): ServerProcess {
    if (this.#server === null) throw new TypeError('there is no server');
    return this.#server;
  }
  get url(): string {
    return this.server.url;
  }
  get pid(): number {
    return this.server.pid;
  }

  async start(more: Record<string, string> = {}, program = [MAIN]): Promise<void> {
    Object.assign(this.env, more);
    this.#server = await server(this.#lifetime, this.env, { program, cwd: join(this.dir, 'home') });
    if (program[0] !== MAIN) return;
    // The first of everything costs files and memory that stay.
    await this.run({ kind: 'exec', program: '/bin/true' });
    await this.#look();
  }

  async #look(): Promise<void> {
    const hostPid = await this.hostPid();
    this.#before = {
      pid: this.pid,
      hostPid,
      files: filesOf(this.pid),
      hostFiles: filesOf(hostPid),
      memory: memoryOf(this.pid),
      logged: this.server.output().length,
    };
  }

  /** Another case begins: it is not held to what those before have left. */
  async begin(): Promise<void> {
    for (const { id } of await this.all()) this.#earlier.add(id);
    this.accepted.clear();
    this.#isKilled = false;
    await this.#look();
  }

  /** Kills the server, and starts one again. */
  async restart(more: Record<string, string> = {}, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.server.signal(signal);
    await this.died();
    await this.start(more);
  }

  async died(): Promise<void> {
    await this.server.ended();
    this.#isKilled = true;
  }

  async hostPid(): Promise<number> {
    let pid: number | null = null;
    await until('there is a runner host', async () => {
      const { runner_host: host } = await this.get<{ runner_host: { pid: number | null } }>('/v1/stats');
      pid = host.pid;
      return pid !== null;
    });
    return pid as unknown as number;
  }

  async killHost(): Promise<void> {
    killSeen([await this.hostPid()]);
  }

  get<T = ExecutionWire>(path: string): Promise<T> {
    return this.server.get<T>(path);
  }
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Response> {
    return this.server.post(path, body, headers);
  }
  async text(path: string, headers: Record<string, string> = {}): Promise<string> {
    return (await fetch(this.url + path, { headers })).text();
  }
  async log(id: string): Promise<Buffer> {
    const response = await fetch(`${this.url}/v1/executions/${id}/logs?format=raw`);
    return Buffer.from(await response.arrayBuffer());
  }

  /** Submits a command of the shell, or a spec. */
  async submit(spec: object | string, more: object = {}, headers: Record<string, string> = {}) {
    const body = typeof spec === 'string' ? { kind: 'shell', command: spec, ...more } : spec;
    const execution = await this.server.submit(body, headers);
    this.accepted.add(execution.id);
    return execution;
  }
  finished(id: string): Promise<ExecutionWire> {
    return this.server.finished(id);
  }
  async run(spec: object | string, more: object = {}): Promise<ExecutionWire> {
    return this.finished((await this.submit(spec, more)).id);
  }
  /** Submits a command, and waits for its first output. */
  async begun(command: string, more: object = {}): Promise<ExecutionWire> {
    const execution = await this.submit(command, more);
    await until('it has begun', async () => {
      const { output, phase } = await this.get(`/v1/executions/${execution.id}`);
      if (phase === 'done') throw new Error('it is over');
      return output.stdout_bytes > 0;
    });
    return execution;
  }
  async cancel(id: string): Promise<ExecutionWire> {
    await this.post(`/v1/executions/${id}/cancel`);
    return this.finished(id);
  }
  /** Status and problem of what is refused. */
  async refused(body: unknown, path = '/v1/executions'): Promise<{ status: number; body: object }> {
    const response = await this.post(path, body);
    return { status: response.status, body: (await response.json()) as object };
  }

  /** Every execution that there is. */
  async all(): Promise<ExecutionWire[]> {
    const found: ExecutionWire[] = [];
    for (let cursor = ''; ;) {
      const page = await this.get<{ items: ExecutionWire[]; next_cursor: string | null }>(
        `/v1/executions?limit=1000${cursor}`,
      );
      found.push(...page.items);
      if (page.next_cursor === null) return found;
      cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
    }
  }

  /** What has to hold after every case. */
  async checkInvariants(t: Test, { logs, memory = MORE_MEMORY_BYTES }: FaultOptions): Promise<void> {
    const health = await fetch(`${this.url}/health`);
    t.match(await health.json(), { status: 'healthy' }, 'the server is healthy');
    if (!this.#isKilled) t.equal(this.#before?.pid, this.pid, 'it is the same process');
    const all = (await this.all()).filter(({ id }) => !this.#earlier.has(id));
    for (const { id, phase } of all) if (phase !== 'done') await this.cancel(id);
    for (const id of this.accepted)
      if (!all.some((one) => one.id === id)) t.fail(`${id} was accepted, and is gone`);
    for (const { id } of all) {
      const problem = historyProblem(eventsIn(await this.text(`/v1/executions/${id}/events`)));
      if (problem !== null) t.fail(`${id}: ${problem}`);
    }
    t.same(withEnvironment(`${this.dataDir}/work/`), [], 'no process of a command is alive');
    await this.#checkResources(t, memory);
    const here = readdirSync(this.dir).filter((name) => name !== 'data');
    t.same(here, ['home'], 'no file was made outside the data directory');
    t.same(readdirSync(join(this.dir, 'home')), [], 'nor where the server runs');
    await this.#checkCanary(t);
    const errors = this.server
      .output()
      .slice(this.#isKilled ? 0 : this.#before?.logged)
      .split('\n')
      .filter((line) => /"level":[56]0/.test(line) && !(logs?.test(line) ?? false));
    t.same(errors, [], 'the server has logged no error');
  }

  async #checkResources(t: Test, most: number): Promise<void> {
    const before = this.#before;
    if (before === null) return;
    const hostPid = await this.hostPid();
    await until('the open files are as before', () => filesOf(this.pid) <= before.files + MORE_FILES);
    if (hostPid === before.hostPid)
      await until('those of the host too', () => filesOf(hostPid) <= before.hostFiles + MORE_FILES);
    await until('no zombie is left', () => [this.pid, hostPid].every((pid) => zombiesOf(pid).length === 0));
    const grown = memoryOf(this.pid) - before.memory;
    t.ok(grown < most, `the memory has grown by ${grown} bytes`);
  }

  async #checkCanary(t: Test): Promise<void> {
    const told = [this.server.output(), await this.text('/metrics'), await this.text('/v1/executions')];
    t.notOk(
      told.some((text) => text.includes(this.#canary)),
      "no answer tells of the server's environment",
    );
    t.notOk(isBelow(this.dataDir, this.#canary, SEARCHED_BYTES), 'no file holds it');
  }
}

/** A case: named as in the list. */
export function fault(
  name: string,
  play: (t: Test, it: Victim) => Promise<void>,
  options: FaultOptions = {},
): void {
  const { env = {}, skip = false, program } = options;
  t.test(name, { skip }, async (t) => {
    const dataDir = options.dataDir?.(t);
    if (dataDir === null) {
      t.pass('only a privileged user can mount a small disk');
      return;
    }
    const isOwn = options.env !== undefined && options.isShared !== true;
    const isAlone = isOwn || options.dataDir !== undefined || program !== undefined;
    if (!isAlone && options.isAlone !== true) {
      await playShared(t, play, options);
      return;
    }
    const it = new Victim(t, typeof env === 'function' ? env(t) : env, dataDir);
    await it.start({}, program);
    await play(t, it);
    await it.checkInvariants(t, options);
  });
}

interface Shared {
  of: Lifetime;
  it: Victim;
  lifetime: Scope;
}

/** The cases of a file with the same settings, as those that ask for nothing special, have one server until a case fails. */
const shared = new Map<FaultOptions['env'], Shared>();

async function sharedBy(env: FaultOptions['env']): Promise<Shared> {
  const of = ofFile();
  const found = shared.get(env);
  if (found?.of === of) return found;
  const lifetime = new Scope();
  of.teardown(() => lifetime.end());
  const it = new Victim(lifetime, typeof env === 'function' ? env(lifetime) : { ...env });
  const one = { of, it, lifetime };
  shared.set(env, one);
  await it.start();
  return one;
}

async function playShared(t: Test, play: (t: Test, it: Victim) => Promise<void>, options: FaultOptions) {
  const { it, lifetime } = await sharedBy(options.env);
  let isWell = false;
  try {
    await it.begin();
    await play(t, it);
    await it.checkInvariants(t, options);
    isWell = t.passing();
  } finally {
    if (!isWell) {
      shared.delete(options.env);
      await lifetime.end();
    }
  }
}
