// Headers as a proxy passes them on: without those that are for the next hop alone (RFC 9110 §7.6.1).
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';

const OF_ONE_HOP = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'proxy-authenticate'],
  ...['te', 'trailer', 'upgrade', 'http2-settings', 'expect'],
]);

/** Lower-case names that the message itself calls its own. */
const namedIn = ({ connection = '' }: IncomingHttpHeaders): Set<string> =>
  new Set(connection.split(',').map((name) => name.trim().toLowerCase()));

function passed({ headersDistinct, headers }: IncomingMessage): OutgoingHttpHeaders {
  const named = namedIn(headers);
  const kept = Object.entries(headersDistinct).filter(([name]) => !OF_ONE_HOP.has(name) && !named.has(name));
  return Object.fromEntries(
    kept.map(([name, values = []]) => [name, values.length === 1 ? values[0] : values]),
  );
}

/** Of a request. How its body is framed goes with it. */
export function forwardedHeaders(wanted: IncomingMessage): OutgoingHttpHeaders {
  const { host: _host, ...others } = passed(wanted);
  return others;
}

/** Of an answer, whose body is framed again as its reader can read it. */
export function returnedHeaders(said: IncomingMessage): OutgoingHttpHeaders {
  const { 'transfer-encoding': _framing, ...others } = passed(said);
  return others;
}
