// The service in a container that is as locked down as in Kubernetes, and what is asked of it over HTTP.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import type { Containers } from './containers.ts';

export const IMAGE = 'execd:check';
export const UID_IN_IMAGE = 10_001;
export const HARDENED = [
  ...['--read-only', '--read-only-tmpfs=false', '--tmpfs', '/tmp:rw,nosuid,nodev,size=64m'],
  ...['--cap-drop', 'all', '--security-opt', 'no-new-privileges'],
  ...['--memory', '512m', '--memory-swap', '512m', '--pids-limit', '256'],
];
const REQUEST_MS = 60_000;

/** Asks for a fact again and again until it holds; what throws does not hold yet. */
export async function within(seconds: number, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    let seen: unknown = 'it does not hold';
    const isSo = await holds().catch((error: unknown) => {
      seen = error;
      return false;
    });
    if (isSo) return;
    if (Date.now() >= end) throw new Error(`not within ${seconds} seconds`, { cause: seen });
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

export class Service {
  readonly #containers: Containers;
  readonly #port: number;
  readonly #metricsPort: number;
  readonly key = `ek_check_${randomBytes(32).toString('hex')}`;

  private constructor(containers: Containers, ports: readonly [number, number]) {
    this.#containers = containers;
    [this.#port, this.#metricsPort] = ports;
  }

  static async prepare(containers: Containers): Promise<Service> {
    const service = new Service(containers, [await freePort(), await freePort()]);
    const sha256 = createHash('sha256').update(service.key).digest('hex');
    const scopes = ['submit', 'read', 'cancel', 'admin'];
    const keys = [{ id: 'check', sha256, user: 'check', scopes, may_run: 'any' }];
    await writeFile(service.#keysFile, JSON.stringify({ keys }));
    await chown(service.#keysFile, UID_IN_IMAGE, UID_IN_IMAGE);
    await chmod(service.#keysFile, 0o400);
    return service;
  }

  get #keysFile(): string {
    return join(this.#containers.dir, 'keys.json');
  }

  get withKeys(): string[] {
    const inside = '/etc/execd/keys.json';
    return ['-v', `${this.#keysFile}:${inside}:ro`, '-e', `EXECUTION_API_KEYS_FILE=${inside}`];
  }

  get metricsUrl(): string {
    return `http://127.0.0.1:${this.#metricsPort}/metrics`;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.#port}${path}`;
  }

  /** On the loopback of this machine, over the volume "data": ready within 20 seconds. */
  async start(name: string): Promise<void> {
    const { podman } = this.#containers;
    const ports = ['EXECUTION_HOST=127.0.0.1', `EXECUTION_PORT=${this.#port}`];
    const env = [...ports, `EXECUTION_METRICS_PORT=${this.#metricsPort}`].flatMap((one) => ['-e', one]);
    const options = ['-d', '--name', name, '--network', 'host', ...HARDENED, ...this.withKeys];
    await podman('run', ...options, '-v', 'data:/data', ...env, IMAGE);
    try {
      await within(20, () => this.isReady());
    } catch (error) {
      throw new Error(await podman('logs', name), { cause: error });
    }
  }

  async statusOf(url: string, headers: Record<string, string> = {}): Promise<number> {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(REQUEST_MS) });
    await response.arrayBuffer();
    return response.status;
  }

  async isReady(): Promise<boolean> {
    return (await this.statusOf(this.url('/readyz'))) === 200;
  }

  /** @throws for a status other than 2xx, with the answer */
  async text(path: string, body?: object, headers: Record<string, string> = {}): Promise<string> {
    const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const json: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await fetch(this.url(path), {
      ...sent,
      headers: { authorization: `Bearer ${this.key}`, ...json, ...headers },
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return text;
  }

  async get<T = ExecutionWire>(path: string): Promise<T> {
    return JSON.parse(await this.text(path)) as T;
  }

  /** An execution of sh, as it is when it is accepted. */
  async submit(command: string, headers: Record<string, string> = {}): Promise<ExecutionWire> {
    const spec = { kind: 'exec', program: 'sh', args: ['-c', command] };
    return JSON.parse(await this.text('/v1/executions', spec, headers)) as ExecutionWire;
  }

  /** An execution of sh, as it is when it has finished. */
  async run(command: string): Promise<ExecutionWire> {
    const { id } = await this.submit(command, { prefer: 'wait=10' });
    let last = await this.get(`/v1/executions/${id}`);
    await within(120, async () => {
      last = await this.get(`/v1/executions/${id}?wait=20`);
      return last.phase === 'done';
    });
    return last;
  }

  async runs(id: string): Promise<void> {
    await within(60, async () => (await this.get(`/v1/executions/${id}`)).phase === 'running');
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
