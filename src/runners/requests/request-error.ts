// Why an HTTP request got no answer: what sockets, TLS and the parser report, as a reason and one sentence that names the
// other side. Never a stack, and never what the request carried.
import type { RequestFailure } from '../../domain/outcome.ts';

export class RequestError extends Error {
  readonly reason: RequestFailure;

  constructor(reason: RequestFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RequestError';
    this.reason = reason;
  }
}

/** Host and port as they are written in a URL. */
export function authority({ host, port }: { host: string; port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Sentences for the codes that people meet most; any other one is named as it is. */
const PLAIN: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed by the other side',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  EADDRNOTAVAIL: 'no local address or port is free',
  EMFILE: 'this server has no file descriptor left',
  ETIMEDOUT: 'the other side did not respond in time',
  ENOTFOUND: 'the name does not exist',
  EAI_AGAIN: 'the name server did not respond',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate chain ends in an untrusted certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not signed by a trusted authority',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  HPE_HEADER_OVERFLOW: 'its headers are too large',
};

/** What node:http says when the other side closes the connection in good order, but too early. */
const CLOSED_EARLY: Readonly<Record<string, string>> = {
  'socket hang up': 'the other side closed it without a response',
  aborted: 'the other side closed it before the response was complete',
};

/** The code of an error of Node; of several tries to connect, that of the first. */
export function codeOf(error: Error): string {
  const { code, errors } = error as Error & { code?: unknown; errors?: readonly { code?: unknown }[] };
  const found = code ?? errors?.[0]?.code;
  return typeof found === 'string' ? found : '';
}

/** What went wrong, as the end of a sentence. */
export function plainReason(error: Error): string {
  const code = codeOf(error);
  const plain = PLAIN[code];
  if (plain !== undefined) return `${plain} (${code})`;
  const [line = ''] = error.message.split('\n', 1);
  return code === '' || line.includes(code) ? line : `${line} (${code})`;
}

/** An error of a connection that had been made, as a reason. */
export function exchangeError(error: Error, peer: string): RequestError {
  if (error instanceof RequestError) return error;
  const code = codeOf(error);
  const why = CLOSED_EARLY[error.message] ?? plainReason(error);
  // The end of the connection within a chunk.
  if (code.startsWith('HPE_') && code !== 'HPE_INVALID_EOF_STATE') {
    return new RequestError('invalid_response', `The response of ${peer} is invalid: ${why}.`);
  }
  // With TLS 1.3 a refused client certificate is told only after the handshake.
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') {
    return new RequestError('tls_failed', `TLS with ${peer} failed: ${why}.`);
  }
  return new RequestError('connection_lost', `The connection to ${peer} was lost: ${why}.`);
}
