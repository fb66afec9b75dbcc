// When a client has gone. `request.signal` of Fastify does not say so for an answer that is written piece by piece: `hijack`
// takes its listener away.
import type { FastifyReply } from 'fastify';

/** Aborts when the connection of an answer has closed, and after the end of the answer. */
export function clientGone({ raw }: Pick<FastifyReply, 'raw'>): AbortSignal {
  const gone = new AbortController();
  if (raw.destroyed) gone.abort();
  else raw.once('close', () => gone.abort());
  return gone.signal;
}
