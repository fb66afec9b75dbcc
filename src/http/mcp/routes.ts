// The endpoint of the Model Context Protocol: hands a request to the MCP server, and writes what it answers. The MCP server reaches
// execd only by requests to this server, so that nothing is allowed here that the API does not allow.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import { clientGone } from '../edge/client-gone.ts';
import { pump } from '../edge/pump.ts';
import { innerFetch } from './inner-fetch.ts';

/** What serves the protocol. */
export interface McpServing {
  serve(call: {
    request: Request;
    body: unknown;
    userId: string;
    fetch: (request: Request) => Promise<Response>;
  }): Promise<Response>;
}

export interface McpRouteOptions {
  /** Loads it at the first request: most servers have no agents. */
  load: () => Promise<McpServing>;
  clock: Clock;
  log: Log;
}

export const MCP = '/mcp';
/** Request headers of the protocol. */
const HEADERS = [
  ...['accept', 'content-type', 'mcp-session-id', 'mcp-protocol-version', 'mcp-method', 'mcp-name'],
] as const;

export function mcpRoute(app: FastifyInstance, { load, clock, log }: McpRouteOptions): void {
  const closing = new AbortController();
  app.addHook('preClose', (done) => {
    closing.abort();
    done();
  });
  app.route({
    method: 'POST',
    url: MCP,
    // What a call does is audited where it is done.
    config: { access: 'read', isAudited: false },
    schema: { hide: true, body: z.unknown() },
    async handler(request, reply) {
      const mcp = await load();
      const signal = AbortSignal.any([clientGone(reply), closing.signal]);
      const answer = await mcp.serve({
        request: toWebRequest(request, signal),
        body: request.body,
        userId: request.caller.userId,
        fetch: innerFetch(app, request),
      });
      return send(reply, answer, { clock, log });
    },
  });
}

function toWebRequest({ headers, url }: FastifyRequest, signal: AbortSignal): Request {
  const kept = new Headers();
  for (const name of HEADERS) {
    const value = headers[name];
    if (typeof value === 'string') kept.set(name, value);
  }
  return new Request(`http://execd.internal${url}`, { method: 'POST', headers: kept, signal });
}

async function send(reply: FastifyReply, answer: Response, options: { clock: Clock; log: Log }) {
  const head = Object.fromEntries(answer.headers);
  if (answer.body === null || !head['content-type']?.startsWith('text/event-stream')) {
    reply.code(answer.status).headers(head);
    return reply.send(await answer.text());
  }
  const { body, status } = answer;
  // A comment first, so that the head goes out before anything happens.
  const pieces = piecesOf(body);
  await pump(reply, { status, head: { ...head, 'x-accel-buffering': 'no' }, pieces }, options);
  return undefined;
}

async function* piecesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<{ bytes: Uint8Array | string }> {
  yield { bytes: ':\n\n' };
  yield* read(body);
}

async function* read(body: ReadableStream<Uint8Array>): AsyncGenerator<{ bytes: Uint8Array }> {
  const reader = body.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield { bytes: next.value };
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
