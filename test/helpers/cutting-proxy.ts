// A network that breaks: a proxy that cuts connections, and a clock that does not wait before the next one.
import { once } from 'node:events';
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Lifetime } from './scope.ts';

/** A clock whose waits take no time, so that a retry costs none. */
export const noWaits = () => {
  const slept: number[] = [];
  return {
    slept,
    now: () => performance.now(),
    sleep: async (ms: number, signal?: AbortSignal) => {
      signal?.throwIfAborted();
      // Watchdogs wait for long, and are left to it.
      if (ms >= 20_000)
        return new Promise<void>((_, reject) =>
          signal?.addEventListener('abort', () => reject(signal.reason as Error)),
        );
      slept.push(ms);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
};

export interface Cuts {
  /** How many connections are cut; the first ones. */
  cuts: number;
  /** After how many bytes; of what the server sends unless `of` is `client`. */
  after?: (made: number) => number;
  of?: 'server' | 'client';
}

/** Cuts each connection after some bytes; the first ones early, later ones less so. */
export async function cuttingProxy(
  t: Lifetime,
  target: string,
  { cuts, after = (made) => 350 + made * 30, of = 'server' }: Cuts,
): Promise<{ url: string; made: () => number }> {
  const { hostname, port } = new URL(target);
  let made = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const upstream = connectTcp(Number(port), hostname);
    for (const one of [socket, upstream]) {
      sockets.add(one);
      one.on('error', () => undefined).on('close', () => sockets.delete(one));
    }
    const [from, to] = of === 'server' ? [upstream, socket] : [socket, upstream];
    to.pipe(from);
    let left = made++ < cuts ? after(made) : Infinity;
    from.on('data', (bytes: Buffer) => {
      to.write(bytes.subarray(0, left));
      left -= bytes.length;
      if (left > 0) return;
      socket.resetAndDestroy();
      upstream.destroy();
    });
    upstream.on('close', () => socket.end());
    socket.on('close', () => upstream.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, made: () => made };
}
