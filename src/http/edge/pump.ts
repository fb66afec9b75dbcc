// An answer that is written piece by piece, as fast as its client takes it and never faster.
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import { drained } from './drained.ts';
import { SECURITY_HEADERS } from './gate.ts';

/** How long a client may take nothing. */
const STALL_MS = 30_000;

/** A piece for the wire, or, as the last one, what the trailer says. */
export type Piece = { bytes: Uint8Array | string } | { end: string; trailers?: Record<string, string> };
/** Lets an answer begin whose first bytes are yet to come. */
export const NOTHING_YET: Piece = { bytes: '' };

/** An answer that is written piece by piece; there is one at least. */
export interface PiecewiseAnswer {
  status: number;
  head: OutgoingHttpHeaders;
  pieces: AsyncIterable<Piece>;
}

/**
 * Writes what comes, waiting for the client; closes the connection of one that has stopped to read. It begins with the first
 * piece: what fails before that is refused as everything else is.
 */
export async function pump(
  reply: FastifyReply,
  { status, head, pieces }: PiecewiseAnswer,
  { clock, log }: { clock: Clock; log: Log },
): Promise<void> {
  const response = reply.raw;
  let hasBegun = false;
  try {
    for await (const piece of pieces) {
      if (!hasBegun) begin(reply, status, head);
      hasBegun = true;
      if ('end' in piece) {
        response.addTrailers({ 'Log-End': piece.end, ...piece.trailers });
        break;
      }
      if (piece.bytes.length === 0) continue;
      const isTaken = response.write(piece.bytes);
      if (!isTaken && !(await drainedInTime(response, clock))) break;
    }
    response.end();
  } catch (error) {
    if (!hasBegun) throw error;
    log.warn({ err: error }, 'Cannot read a log to its end');
    breakOff(response);
  }
}

/** Ends a connection so that the client learns that it does not have everything. */
function breakOff(response: ServerResponse): void {
  // A body that lacks its last chunk says so; to HTTP/1.0 the end of the connection is the end of the body.
  if (response.req.httpVersion === '1.0') response.socket?.resetAndDestroy();
  else response.destroy();
}

/** Answers a request for the head alone. */
export function sendHead(reply: FastifyReply, head: OutgoingHttpHeaders): void {
  begin(reply, 200, head);
  reply.raw.end();
}

/** Takes the answer out of Fastify's hands, to write it piece by piece. */
function begin(reply: FastifyReply, status: number, headers: OutgoingHttpHeaders): void {
  reply.hijack();
  // A follower may wait for long; one that takes nothing is cut off below.
  // A request that this process makes itself has no connection.
  if (reply.raw.socket instanceof Socket) reply.raw.socket.setTimeout(0);
  try {
    reply.raw.writeHead(status, { ...SECURITY_HEADERS, ...headers });
    reply.raw.flushHeaders();
  } catch (error) {
    // Nobody else answers from here on.
    reply.raw.destroy();
    throw error;
  }
}

/** The same items, once the first one is there, or has failed. */
export async function afterFirst<T>(items: AsyncIterable<T>): Promise<AsyncIterable<T>> {
  const rest = items[Symbol.asyncIterator]();
  const first = await rest.next();
  return (async function* () {
    try {
      for (let next = first; next.done !== true; next = await rest.next()) yield next.value;
    } finally {
      await rest.return?.();
    }
  })();
}

/** False when the client has gone, or has taken nothing for too long and is cut off. */
async function drainedInTime(response: ServerResponse, clock: Clock): Promise<boolean> {
  const timer = clock.timer(STALL_MS, () => response.destroy());
  const isOpen = await drained(response);
  timer.cancel();
  return isOpen;
}
