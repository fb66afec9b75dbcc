// Gets a document that the operator has configured, wherever that is: by the same way to connect as HTTP calls, so that a
// host of several addresses is reached by the one that answers.
import { Buffer } from 'node:buffer';
import type { Clock } from '../../domain/ports/clock.ts';
import { ANYWHERE } from './egress-guard.ts';
import { Connections, Exchange } from './exchange.ts';
import { Connector } from './guarded-connect.ts';
import { authority, RequestError } from './request-error.ts';
import { type AnswerHead, type Message, peerOf } from './request-message.ts';

const MAX_BYTES = 1024 * 1024;

/** Follows no redirects. The signal limits the time. */
export type FetchPlain = (url: string, signal: AbortSignal) => Promise<Response>;

export function fetchPlain(clock: Clock): FetchPlain {
  const connections = new Connections(ANYWHERE, new Connector({ guard: ANYWHERE, clock }));
  return (url, signal) => fetchOnce(connections, new URL(url), signal);
}

function fetchOnce(connections: Connections, url: URL, signal: AbortSignal): Promise<Response> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const pieces: Buffer[] = [];
    let [bytes, status] = [0, 0];
    const fail = (error: Error) => {
      signal.removeEventListener('abort', abort);
      exchange.destroy();
      reject(error);
    };
    const abort = () => fail(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    const exchange = new Exchange(connections, messageTo(url), {
      head: (head: AnswerHead) => (status = head.status),
      data(piece) {
        pieces.push(piece);
        bytes += piece.length;
        const message = `The response of ${authority(peerOf(url))} is larger than ${MAX_BYTES} bytes.`;
        if (bytes > MAX_BYTES) fail(new RequestError('invalid_response', message));
      },
      end() {
        signal.removeEventListener('abort', abort);
        // What has no content must not be given any (WHATWG fetch, null body status).
        resolve(new Response(bytes === 0 ? null : Buffer.concat(pieces), { status: Math.max(200, status) }));
      },
      failed: fail,
      active: () => undefined,
    });
  });
}

function messageTo(url: URL): Message {
  const headers = { 'user-agent': 'execd', accept: 'application/json', 'accept-encoding': 'identity' };
  // Asked for once in ten minutes: its connection is not worth keeping.
  const isRepeatable = false;
  return {
    method: 'GET',
    url,
    headers,
    body: null,
    tls: undefined,
    secretHeaders: [],
    user: '',
    isRepeatable,
  };
}
