// An answer that comes before its request is whole, such as a refusal of a body that is too large. Most clients send all of
// it before they read; closing a connection with bytes unread resets it, and the answer is lost with it (RFC 9112 §9.6). So
// the answer goes out, and the connection is read for a while before it ends.
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../domain/ports/clock.ts';

/** How long, and how much, is read of what nobody wants. */
const READ_ON_MS = 10_000;
const READ_ON_BYTES = 128 * 1024 * 1024;
const LOOK_MS = 500;

/** The class of a server's answers. */
export function patientResponse(clock: Clock): typeof ServerResponse {
  return class PatientResponse extends ServerResponse {
    // The signatures of Node are many; what matters is the chunk.
    override end(chunk?: unknown, ...more: unknown[]): this {
      const finish = super.end.bind(this) as (...args: unknown[]) => this;
      if (!isBodyUnderWay(this.req) || this.writableEnded) return finish(chunk, ...more);
      if (chunk !== undefined && chunk !== null && typeof chunk !== 'function') this.write(chunk);
      else this.flushHeaders();
      readOn(this.req, clock, (isAllRead) => {
        finish();
        if (!isAllRead) this.req.socket.destroySoon();
      });
      return this;
    }
  } as typeof ServerResponse;
}

function isBodyUnderWay(request: IncomingMessage): boolean {
  if (request.complete || request.destroyed) return false;
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return encoding !== undefined || (length !== undefined && Number(length) > 0);
}

/** Reads the rest of a request, within bounds. */
function readOn(request: IncomingMessage, clock: Clock, done: (isAllRead: boolean) => void): void {
  const settle = (isAllRead: boolean) => {
    looking.cancel();
    request.off('end', onEnd).off('close', onEnd);
    done(isAllRead);
  };
  const onEnd = () => settle(true);
  const looking = whileWithinBounds(request.socket, clock, () => settle(false));
  request.on('error', () => undefined);
  request.once('end', onEnd).once('close', onEnd);
  request.resume();
}

/** Ends a connection whose request cannot be read, once what is still coming in has been read, within bounds. */
export function lingerAndClose(socket: Socket, clock: Clock, answer: string): void {
  const looking = whileWithinBounds(socket, clock, () => socket.destroy());
  socket.once('close', () => looking.cancel());
  socket.on('error', () => undefined);
  socket.end(answer);
  socket.resume();
}

function whileWithinBounds(socket: Socket, clock: Clock, onOver: () => void): { cancel(): void } {
  const { bytesRead } = socket;
  const until = clock.monotonic() + READ_ON_MS;
  const look = () => {
    if (clock.monotonic() >= until || socket.bytesRead - bytesRead > READ_ON_BYTES) onOver();
    else timer = clock.timer(LOOK_MS, look);
  };
  let timer = clock.timer(LOOK_MS, look);
  return { cancel: () => timer.cancel() };
}
