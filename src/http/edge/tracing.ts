// Spans of requests. Reads are left out, unless whoever asks records a trace: most of them are polls.
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { RequestSpan, Tracing } from '../../domain/ports/tracing.ts';
import { readTraceparent } from './request-headers.ts';

const READS = ['GET', 'HEAD', 'OPTIONS'];

/** To be added before all that looks at the headers. */
export function traceRequests(app: FastifyInstance, tracing: Tracing): void {
  const open = new WeakMap<IncomingMessage, RequestSpan>();
  app.addHook('onRequest', (request, _reply, done) => {
    const parent = readTraceparent(request.headers.traceparent);
    if (parent === null && READS.includes(request.method)) return done();
    const span = tracing.beginRequest(parent);
    open.set(request.raw, span);
    // What the request begins belongs to this span.
    request.headers.traceparent = span.traceparent;
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { method, routeOptions, url } = request;
    const [path = ''] = url.split('?');
    const route = routeOptions.url?.replaceAll(/:(\w+)/g, '{$1}') ?? 'unknown';
    open.get(request.raw)?.end({ method, route, path, status: reply.statusCode });
    done();
  });
}
