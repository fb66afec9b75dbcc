// The id of a request: the one that it came with, or a new one. It is in the answer, in the audit log and in the lines about it.
import type { IncomingMessage } from 'node:http';
import { createTraceIds } from '../../domain/ids.ts';

/** What others may not put into a log: spaces, quotes, control characters, and very much of it. */
const USABLE = /^[\w.:/+=@-]{1,128}$/;

export function requestIds(): (request: Pick<IncomingMessage, 'headers'>) => string {
  const ids = createTraceIds();
  return ({ headers }) => {
    const { 'x-request-id': given } = headers;
    return typeof given === 'string' && USABLE.test(given) ? given : ids.spanId();
  };
}
