// Turns everything that a request can fail with into a problem document (RFC 9457). Nothing of the inside gets out.
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CATALOGUE, classOf, RefusedError, type RefusalType } from '../../domain/errors.ts';
import { StoreError } from '../../domain/ports/store.ts';
import { JournalError } from '../../domain/ports/journal.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import { RefusalLog } from './refusal-log.ts';
import type { z } from 'zod';
import type { problem } from './schemas.ts';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** The document of a refusal. */
export function toProblem(error: RefusedError): z.infer<typeof problem> {
  const { status, title, code, fault, retryable } = CATALOGUE[error.type];
  return {
    type: `urn:execd:error:${error.type}`,
    title,
    status,
    code,
    class: classOf(code),
    fault,
    detail: error.message,
    retryable,
    ...(error.fields.length > 0 ? { errors: [...error.fields] } : {}),
    ...(error.oldest === undefined ? {} : { oldest: error.oldest }),
  };
}

export function sendProblem(reply: FastifyReply, error: RefusedError): FastifyReply {
  const body = toProblem(error);
  if (error.retryAfterS !== undefined) reply.header('retry-after', String(error.retryAfterS));
  if (error.type === 'unauthorized') reply.header('www-authenticate', 'Bearer');
  return reply.code(body.status).type(PROBLEM_TYPE).send(JSON.stringify(body));
}

/** Fastify's own refusals, as they stand in the catalogue. */
const OF_FASTIFY: Record<string, [RefusalType, string]> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'Send the body as application/json.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'malformed_request',
    'The body is shorter or longer than Content-Length.',
  ],
  FST_ERR_BAD_URL: ['malformed_request', 'The path of the URL cannot be decoded.'],
  FST_STATIC_FORBIDDEN_PATH: ['route_not_found', 'There is no file at this path.'],
};

export function errorHandler(log: Log, clock: Pick<Clock, 'monotonic'>, onRefused: (type: string) => void) {
  const refusals = new RefusalLog(log, () => clock.monotonic());
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
    const refused = tooLarge(error, request) ?? asRefusal(error);
    const facts = { request_id: request.id, method: request.method, route: request.routeOptions.url };
    if (refused.type === 'internal_error') log.error({ err: error, ...facts }, 'A request failed');
    else refusals.write(request, refused);
    onRefused(refused.type);
    request.refusal = refused;
    sendProblem(reply, refused);
  };
}

/** A body over the bound of its route; Fastify does not name the bound. */
function tooLarge(error: FastifyError, request: FastifyRequest): RefusedError | null {
  if (error.code !== 'FST_ERR_CTP_BODY_TOO_LARGE') return null;
  const { 'content-length': length } = request.headers;
  const most = request.routeOptions.bodyLimit;
  const subject = length === undefined ? 'The body is too large' : `The body has ${length} bytes`;
  return new RefusedError('body_too_large', `${subject}; this route accepts at most ${most} bytes.`);
}

/** Refuses what no route is there for, before its body is looked at: a known path with another method is a 405. */
export function refuseUnknownRoutes(app: FastifyInstance): void {
  const methodsAt = gatherMethods(app);
  app.addHook('onRequest', (request, reply, done) => {
    const path = request.url.replace(/\?.*$/s, '');
    // Else it would be an execution with an empty id.
    const hasSlash = path.startsWith('/v1/') && path.endsWith('/');
    if (!request.is404 && !hasSlash) return done();
    const allowed = hasSlash ? '' : methodsAt(path).join(', ');
    if (allowed !== '') {
      reply.header('allow', allowed);
      return done(new RefusedError('method_not_allowed', `${request.method} is not one of ${allowed}.`));
    }
    const hint = hasSlash
      ? 'leave out the slash at the end'
      : 'the API is under /v1, and /docs lists all routes';
    const shown = path.length > MAX_SHOWN_PATH ? `${path.slice(0, MAX_SHOWN_PATH)}…` : path;
    done(new RefusedError('route_not_found', `There is no route ${request.method} ${shown}; ${hint}.`));
  });
}

/** Gives the methods of all routes that fit a path. */
function gatherMethods(app: FastifyInstance): (path: string) => string[] {
  const routes: { methods: string | string[]; parts: string[] }[] = [];
  app.addHook('onRoute', ({ method, url }) => void routes.push({ methods: method, parts: url.split('/') }));
  return (path) => {
    const parts = path.split('/');
    const fitting = routes.filter((route) => fits(route.parts, parts));
    return [...new Set(fitting.flatMap(({ methods }) => methods))].sort();
  };
}

/** `:name` stands for what is between two slashes, `*` for the rest. */
function fits(pattern: readonly string[], path: readonly string[]): boolean {
  if (pattern.at(-1) !== '*' && pattern.length !== path.length) return false;
  return pattern.every(
    (part, i) => part === path[i] || part === '*' || (part.startsWith(':') && (path[i] ?? '') !== ''),
  );
}

const MAX_SHOWN_PATH = 200;

/** What a failure is refused as; what is not known is a fault of the server. */
export function asRefusal(error: FastifyError): RefusedError {
  if (error instanceof RefusedError) return error;
  if (error instanceof JournalError)
    return new RefusedError('log_unreadable', 'The log exists, but execd cannot read it.', { cause: error });
  if (error instanceof StoreError)
    return new RefusedError('store_unavailable', 'The store cannot be used now.', {
      cause: error,
      retryAfterS: 5,
    });
  const known = OF_FASTIFY[error.code];
  if (known !== undefined) return new RefusedError(...known);
  const { statusCode = 500 } = error;
  if (statusCode >= 400 && statusCode < 500)
    return new RefusedError('malformed_request', `The request cannot be used: ${error.message}.`, {
      cause: error,
    });
  return new RefusedError(
    'internal_error',
    'execd failed to handle the request. Its log contains the reason.',
    {
      cause: error,
    },
  );
}
