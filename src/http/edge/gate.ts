// The gate: what every request must pass before anything else looks at it. First its head (request-head.ts), then who calls,
// and for whom. Every route says which scope it needs, or that it is public; one that says nothing is closed to all.
import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Caller, type Scope, userId as userIdSchema } from '../../domain/spec/access.ts';
import { quoted, RefusedError } from '../../domain/errors.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import { Connections } from './connections.ts';
import type { HOLDS } from '../../domain/shares.ts';
import { FairShare } from './fair-share.ts';
import { type Authenticate, OpenRequests } from './open-requests.ts';
import type { RequestHeader } from './response-headers.ts';
import { headCheck, type HeadOptions } from './request-head.ts';
import { authorizationOf } from './socket-key.ts';

export interface GateOptions extends HeadOptions {
  authenticate: Authenticate;
  clock: Clock;
  /** Connections that the server may have. */
  maxConnections: number;
}

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
  }
  interface FastifyContextConfig {
    /** What a caller needs to use the route. `signature`: the route finds out itself, from the whole request. */
    access?: Scope | 'public' | 'signature';
    /** False: what it does is written to the audit log by the requests that it makes in turn. Refusals are always written. */
    isAudited?: boolean;
    /** Media type of its body in the document, where that is not JSON. */
    bodyType?: string;
    /** Its body is a file: it may take long, and has bounds of its own. */
    takesLong?: boolean;
    /** Query parameters that it does not know are no matter. */
    anyQuery?: boolean;
    /** Members that the objects of its body may have together; default: `MAX_MEMBERS`. */
    maxMembers?: number;
    /** Request headers that mean something to the route. */
    headers?: readonly RequestHeader[];
    /** Statuses of its refusals beside those that all routes have. */
    refuses?: readonly number[];
  }
}

/** Set once for every answer. An API answers no page: what a browser shows of it may load nothing, and be framed by none. */
export const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
} as const;

/** Ends the open requests of credentials that are no longer good; for when a key was revoked. */
export interface Gate {
  recheck(): void;
}

/** What a request takes when it is let in. */
interface Door {
  open: OpenRequests;
  connections: Connections;
  requests: FairShare;
}

export function gate(app: FastifyInstance, options: GateOptions): Gate {
  const checkHead = headCheck(options);
  const open = new OpenRequests(options.authenticate, options.clock);
  const connections = new Connections(options.maxConnections, options.clock);
  connections.guard(app.server);
  const door: Door = { open, connections, requests: new FairShare(options.maxConnections) };
  app.decorateRequest('caller', null as unknown as Caller);
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(SECURITY_HEADERS);
    const refusal = checkHead(request);
    if (refusal !== null) return done(refusal);
    // Unknown routes are answered alike with and without a key.
    if (isOpen(request.routeOptions.config.access) || request.is404) return done();
    const answer = options.authenticate.callerOf(authorizationOf(request));
    if (!(answer instanceof Promise)) return done(admit(request, reply, answer, door) ?? undefined);
    answer.then(
      (caller) => done(admit(request, reply, caller, door) ?? undefined),
      (error: unknown) => done(error as Error),
    );
  });
  app.addHook('onClose', async () => open.close());
  return { recheck: () => open.recheck() };
}

/** Lets a caller in, for themselves or for the user that an administrator names. */
function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: Caller | RefusedError,
  door: Door,
): RefusedError | null {
  if (answer instanceof RefusedError) return answer;
  const caller = actingFor(answer, request.headers['execution-user']);
  if (caller instanceof RefusedError) {
    request.caller = answer;
    return caller;
  }
  request.caller = caller;
  const { access } = request.routeOptions.config;
  if (access === undefined || isOpen(access) || !caller.scopes.has(access)) {
    return new RefusedError(
      'forbidden',
      `This request requires the scope "${access ?? 'none'}", which the credential does not have.`,
    );
  }
  if (!door.requests.hasRoom(caller.userId, shareOf(request, caller))) {
    const detail = tooManyRequests(door.requests, caller.userId);
    return new RefusedError('too_many_open_requests', detail, { retryAfterS: RETRY_AFTER_S });
  }
  const ended = [door.requests.take(caller.userId), door.connections.use(request.raw.socket)];
  reply.raw.once('close', () => {
    for (const end of ended) end();
  });
  if (caller.credential !== undefined) door.open.add(caller.credential, reply.raw);
  return null;
}

/** No credential is asked for at the gate. */
const isOpen = (access: FastifyContextConfig['access']): access is 'public' | 'signature' =>
  access === 'public' || access === 'signature';

const RETRY_AFTER_S = 1;

/** Without keys there is one user. Else it matters whether the request is to be open for long: a wait, a log, a stream. */
function shareOf(request: FastifyRequest, caller: Caller): keyof typeof HOLDS {
  if (caller.credential === undefined) return 'all';
  const { url, headers } = request;
  const isLong =
    /[?&](wait|follow)=|\/(events|v1\/run|mcp|stdin|attach)(\?|$)/.test(url) ||
    /\bwait\b/i.test(String(headers.prefer ?? ''));
  return isLong ? 'long' : 'short';
}

function tooManyRequests(requests: FairShare, userId: string): string {
  const held = requests.heldBy(userId);
  return (
    `User ${quoted(userId)} has ${held} requests under way at the same time; this server has ${requests.max} connections ` +
    '(EXECUTION_MAX_CONNECTIONS), and keeps some free for other users. Wait for some of them to end, and try again.'
  );
}

const HEADER = 'Execution-User';

function actingFor(caller: Caller, header: string | string[] | undefined): Caller | RefusedError {
  if (header === undefined || header === caller.userId) return caller;
  if (!caller.scopes.has('admin')) {
    return new RefusedError('forbidden', `${HEADER} requires the scope "admin".`);
  }
  const user = userIdSchema.safeParse(header);
  if (!user.success) {
    const fields = [{ field: HEADER, message: 'must be 1 to 255 printable ASCII characters without spaces' }];
    return new RefusedError('validation', `${HEADER} is not a valid user.`, { fields });
  }
  // The local user has shown nothing, and nothing of it can end.
  const credential = caller.credential ?? { type: 'key', id: null, userId: caller.userId, expiresAt: null };
  return { ...caller, userId: user.data, credential };
}
