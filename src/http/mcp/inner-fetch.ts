// Requests to this server that do not leave the process: on behalf of a request that came from outside, with its credential and
// its address. They pass the same gate, routes, quotas and audit as all requests do.
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Headers of the outer request that say who asks, and for whom. */
const OF_CALLER = ['authorization', 'execution-user', 'host', 'traceparent'] as const;

export type InnerFetch = (request: Request) => Promise<Response>;

export function innerFetch(app: FastifyInstance, outer: FastifyRequest): InnerFetch {
  const ofCaller: Record<string, string> = {};
  for (const name of OF_CALLER) {
    const value = outer.headers[name];
    if (typeof value === 'string') ofCaller[name] = value;
  }
  return async (request) => {
    const { pathname, search } = new URL(request.url);
    const body = request.body === null ? null : Buffer.from(await request.arrayBuffer());
    const answer = await app.inject({
      method: request.method as 'GET',
      url: pathname + search,
      headers: { ...Object.fromEntries(request.headers), ...ofCaller },
      remoteAddress: outer.ip,
      ...(body === null ? {} : { payload: body }),
      payloadAsStream: true,
      signal: request.signal,
    });
    const stream = answer.stream();
    // Whoever reads no further is gone, as far as the route is concerned.
    stream.once('close', () => answer.raw.res.destroy());
    const hasBody = ![204, 304].includes(answer.statusCode);
    if (!hasBody) stream.resume();
    return new Response(hasBody ? (Readable.toWeb(stream) as ReadableStream<Uint8Array>) : null, {
      status: answer.statusCode,
      headers: headersOf(answer.headers),
    });
  };
}

function headersOf(headers: Record<string, number | string | string[] | undefined>): Headers {
  const all = new Headers();
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) for (const one of [value].flat()) all.append(name, String(one));
  return all;
}
