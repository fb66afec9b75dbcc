// What the head of a request must be like before anybody looks at it: told once, for this server, and from none but its own
// pages. Web pages are kept away from a server that trusts its machine: a page can make any name point to 127.0.0.1.
import type { FastifyRequest } from 'fastify';
import { quoted, RefusedError } from '../../domain/errors.ts';

export interface HeadOptions {
  /** Whether the server listens on a loopback address, and so must check what it is called. */
  isLoopback: boolean;
  /** Host names that are allowed beside those of the loopback. */
  allowedHosts: readonly string[];
}

export type HeadCheck = (request: FastifyRequest) => RefusedError | null;

export function headCheck(options: HeadOptions): HeadCheck {
  const checkHost = options.isLoopback ? hostCheck(options.allowedHosts) : () => null;
  return (request) => {
    const repeated = checkRepeats(request);
    if (repeated !== null) return repeated;
    const target = targetHost(request.raw.url ?? '');
    if (target === undefined)
      return new RefusedError('malformed_request', 'The request target is not a URL.');
    const { host } = request.headers;
    return (
      checkHost(host) ??
      (target === null ? null : checkHost(target)) ??
      checkOrigin(request, target ?? host ?? '')
    );
  };
}

/**
 * Headers that a request has once. Of two, Node.js drops the second or joins both; a proxy in front of this server may have
 * read the other one (RFC 9110 §5.3, RFC 9112 §3.2).
 */
const SINGLE = new Set([
  ...['authorization', 'content-type', 'from', 'host', 'if-modified-since', 'if-unmodified-since'],
  ...['max-forwards', 'proxy-authorization', 'referer', 'user-agent'],
  ...['execution-user', 'idempotency-key', 'last-event-id', 'origin', 'range', 'if-range'],
]);

function checkRepeats({ raw: { rawHeaders } }: FastifyRequest): RefusedError | null {
  let seen: Set<string> | null = null;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (!SINGLE.has(name)) continue;
    seen ??= new Set();
    if (seen.has(name)) {
      return new RefusedError('malformed_request', `The request has more than one ${rawHeaders[i]} header.`);
    }
    seen.add(name);
  }
  return null;
}

/** The host that the target names in absolute form, which counts more than the header (RFC 9112 §3.2.2); null without one. */
function targetHost(target: string): string | null | undefined {
  if (target.startsWith('/') || target === '*') return null;
  return URL.parse(target)?.host;
}

const LOOPBACK_NAME = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

function hostCheck(allowedHosts: readonly string[]): (host: string | undefined) => RefusedError | null {
  // Clients of a connection send the same header each time.
  let lastAllowed: string | undefined;
  return (host) => {
    if (host !== undefined && host === lastAllowed) return null;
    const name = (host ?? '').toLowerCase().replace(/:\d*$/, '');
    if (!LOOPBACK_NAME.test(name) && !allowedHosts.includes(name)) {
      const detail = `The host ${quoted(host ?? '')} is not a name of this server. Add it to EXECUTION_ALLOWED_HOSTS.`;
      return new RefusedError('host_not_allowed', detail);
    }
    lastAllowed = host;
    return null;
  };
}

function checkOrigin({ headers: { origin } }: FastifyRequest, host: string): RefusedError | null {
  if (origin === undefined || URL.parse(origin)?.host === host) return null;
  const detail = `The origin ${quoted(origin)} is not allowed; only pages from ${quoted(host)} may send requests.`;
  return new RefusedError('origin_not_allowed', detail);
}
