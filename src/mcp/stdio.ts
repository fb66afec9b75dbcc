// MCP over standard input and output: for agents that start their tools as processes. The server of execd is reached by the client.
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Execd } from '../client/index.ts';
import { systemClock } from '../client/time.ts';
import { buildMcpServer } from './server.ts';

export interface StdioOptions {
  /** Standard input; it ends with the agent. */
  input: Readable;
  client: Execd;
  version: string;
  onError: (error: Error) => void;
}

/** Serves until the other side closes standard input, and then until what it had begun is cancelled. */
export async function serveMcp({ input, client, version, onError }: StdioOptions): Promise<void> {
  const underWay = new Set<Promise<unknown>>();
  const begin = () => {
    const { promise, resolve } = Promise.withResolvers<null>();
    underWay.add(promise);
    return {
      cancelled: new AbortController().signal,
      end: () => {
        underWay.delete(promise);
        resolve(null);
      },
    };
  };
  const handle = serveStdio(
    () => buildMcpServer({ client, version, begin, clock: systemClock, goneCancels: true }),
    { onerror: onError },
  );
  if (!input.readableEnded && !input.destroyed) await once(input, 'close');
  await handle.close();
  await Promise.all(underWay);
}
