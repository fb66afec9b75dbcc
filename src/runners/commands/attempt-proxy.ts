// The proxy of one attempt whose command may reach listed hosts: its socket, and how programs within find it.
import { mkdirSync } from 'node:fs';
import type { NetworkEnd } from '../../domain/network.ts';
import type { NetworkProxy } from '../../domain/ports/runner.ts';
import { PROXY_PORT } from '../../runner-host/protocol.ts';

export interface AttemptProxy {
  /** Of its socket. */
  path: string;
  /** Ends its connections. Further calls do nothing and return the same. */
  close(): NetworkEnd;
}

/** Of the kernel, without the NUL at the end (unix(7)). */
const MAX_PATH_BYTES = 107;

/**
 * @param from.dir holds the sockets of all attempts; it is made where it is missing
 * @throws an Error where nothing can listen there
 */
export function openProxy(
  proxy: NetworkProxy,
  { dir, ref, userId, hosts }: { dir: string; ref: number; userId: string; hosts: readonly string[] },
): AttemptProxy {
  const path = `${dir}/${ref}`;
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_PATH_BYTES)
    throw new Error(
      `the path of its socket, ${path}, has ${bytes} bytes, and a socket takes at most ${MAX_PATH_BYTES}; mount /dev/shm, or use a shorter EXECUTION_DATA_DIR`,
    );
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const open = proxy.open({ path, userId, hosts });
  let end: NetworkEnd | null = null;
  return { path, close: () => (end ??= open.close()) };
}

const URL_WITHIN = `http://127.0.0.1:${PROXY_PORT}`;
const VARIABLES = {
  HTTP_PROXY: URL_WITHIN,
  HTTPS_PROXY: URL_WITHIN,
  ALL_PROXY: URL_WITHIN,
  NO_PROXY: 'localhost,127.0.0.1,::1',
};

/** What programs read to find a proxy: some in upper case, some in lower case. Node.js is told to look at all. */
const LINES: readonly string[] = [
  ...Object.entries(VARIABLES).flatMap(([name, value]) => [
    `${name}=${value}`,
    `${name.toLowerCase()}=${value}`,
  ]),
  'NODE_USE_ENV_PROXY=1',
];

const nameOf = (line: string): string => line.slice(0, line.indexOf('=') + 1);

/** An environment with the proxy, where it does not name one of its own. */
export function withProxy(env: readonly string[]): string[] {
  const own = new Set(env.map(nameOf));
  return [...env, ...LINES.filter((line) => !own.has(nameOf(line)))];
}
