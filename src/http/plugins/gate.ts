// The gate: what every request must pass before anything else looks at it. Web pages are kept away from a server that
// trusts its machine: the name in the Host header must be one of ours (a page can make any name point to 127.0.0.1), and
// a page of another origin is refused. Then it is asked who calls. Every route says which scope it needs, or that it is
// public; one that says nothing is closed to all.
import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Caller, LOCAL_CALLER, type Scope } from '../../domain/access.ts';
import { quoted, RefusedError } from '../../domain/errors.ts';

/** A key as the keys file has it: never the key itself. */
export interface ApiKey {
  id: string;
  /** Lower-case hex of the SHA-256 of the whole key. */
  sha256: string;
  caller: Caller;
  /** Milliseconds since the epoch; null is never. */
  expiresAt: number | null;
}

export interface GateOptions {
  /** Whether the server listens on a loopback address, and so must check what it is called. */
  isLoopback: boolean;
  /** Host names that are allowed beside those of the loopback. */
  allowedHosts: readonly string[];
  /** Null: no keys, everyone is the local user. */
  keys: readonly ApiKey[] | null;
  now: () => number;
}

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
  }
  interface FastifyContextConfig {
    /** What a caller needs to use the route. */
    access?: Scope | 'public';
    /** Query parameters that it does not know are no matter. */
    anyQuery?: boolean;
    /** Members that the objects of its body may have together; default: `MAX_MEMBERS`. */
    maxMembers?: number;
    /** Request headers that mean something to the route, with their description. */
    headers?: Record<string, string>;
  }
}

export function gate(app: FastifyInstance, options: GateOptions): void {
  const checkHost = options.isLoopback ? hostCheck(options.allowedHosts) : () => null;
  const authenticate = authentication(options);
  app.decorateRequest('caller', null as unknown as Caller);
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store');
    const refusal =
      checkHost(request.headers.host) ?? checkOrigin(request) ?? checkAccess(request, authenticate);
    if (refusal === null) done();
    else done(refusal);
  });
}

const LOOPBACK_NAME = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

function hostCheck(allowedHosts: readonly string[]): (host: string | undefined) => RefusedError | null {
  // Clients of a connection send the same header each time.
  let lastAllowed: string | undefined;
  return (host) => {
    if (host !== undefined && host === lastAllowed) return null;
    const name = (host ?? '').toLowerCase().replace(/:\d*$/, '');
    if (!LOOPBACK_NAME.test(name) && !allowedHosts.includes(name)) {
      const detail = `The host ${quoted(host ?? '')} is none of this server's names; EXECUTION_ALLOWED_HOSTS can add it.`;
      return new RefusedError('host_not_allowed', detail);
    }
    lastAllowed = host;
    return null;
  };
}

function checkOrigin({ headers: { origin, host } }: FastifyRequest): RefusedError | null {
  if (origin === undefined || URL.parse(origin)?.host === host) return null;
  const detail = `Pages from ${quoted(origin)} are refused; only those from ${quoted(host ?? '')} may send requests.`;
  return new RefusedError('origin_not_allowed', detail);
}

type Authenticate = (authorization: string | undefined) => Caller | RefusedError;

function checkAccess(request: FastifyRequest, authenticate: Authenticate): RefusedError | null {
  const { access } = request.routeOptions.config;
  // Unknown routes are answered alike with and without a key.
  if (access === 'public' || request.is404) return null;
  const caller = authenticate(request.headers.authorization);
  if (caller instanceof RefusedError) return caller;
  request.caller = caller;
  if (access !== undefined && caller.scopes.has(access)) return null;
  return new RefusedError('forbidden', `This needs the scope "${access ?? 'none'}".`);
}

const API_KEY = /^Bearer (ek_([A-Za-z0-9-]{1,64})_[A-Za-z0-9_-]{32,256})$/i;
const UNKNOWN: Pick<ApiKey, 'sha256'> = { sha256: '0'.repeat(64) };

/** Takes the key from a Bearer header. An unknown id costs as much as a wrong secret. */
function authentication({ keys, now }: GateOptions): Authenticate {
  if (keys === null) return () => LOCAL_CALLER;
  const byId = new Map(keys.map((key) => [key.id, key]));
  return (authorization) => {
    const [, token, id] = API_KEY.exec(authorization ?? '') ?? [];
    if (token === undefined || id === undefined) {
      return new RefusedError('unauthorized', 'Send an API key as "Authorization: Bearer ek_…".');
    }
    const key = byId.get(id);
    const expected = Buffer.from((key ?? UNKNOWN).sha256, 'hex');
    const isRight = timingSafeEqual(hash('sha256', token, 'buffer'), expected);
    if (!isRight || key === undefined) return new RefusedError('unauthorized', 'The API key is not known.');
    const isOver = key.expiresAt !== null && key.expiresAt <= now();
    return isOver ? new RefusedError('unauthorized', 'The API key has expired.') : key.caller;
  };
}
