// The key of a WebSocket. Browsers send no headers of a page's choice with one: there the key comes as a subprotocol, beside the
// one that is taken.
import type { FastifyRequest } from 'fastify';

/** The subprotocol that execd takes, where a client offers any. */
export const SOCKET_PROTOCOL = 'execd';
const KEY = 'execd.key.';

/** What a request has to show, as an Authorization header. */
export function authorizationOf({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined {
  const { authorization, upgrade, 'sec-websocket-protocol': offered } = headers;
  if (authorization !== undefined || upgrade === undefined || offered === undefined) return authorization;
  const key = offered
    .split(',')
    .map((one) => one.trim())
    .find((one) => one.startsWith(KEY));
  return key === undefined ? undefined : `Bearer ${key.slice(KEY.length)}`;
}
