// A log as bytes, as the server writes it: the fastest way to copy one, and lines that it has searched. It cannot go on after a
// connection that broke; LogStream can.
import { urlOf } from './calls.ts';
import { connection, type Source } from './connections.ts';
import { ConnectionError } from './errors.ts';
import type { RawLogQuery, RawPlanLogQuery } from './types.ts';

/** @throws ConnectionError when the connection breaks in the middle */
export async function* rawLog(
  source: Source,
  path: string,
  { signal, ...query }: (RawLogQuery | RawPlanLogQuery) & { signal?: AbortSignal },
): AsyncGenerator<Uint8Array, void> {
  const url = urlOf(source.transport.url, path, query);
  const { end, reason } = yield* connection(source, { url, signal }, piecesOf);
  if (end === null) throw new ConnectionError(source.transport.url, reason);
}

async function* piecesOf(
  body: ReadableStream<Uint8Array> | null,
  onBytes: () => void,
): AsyncGenerator<Uint8Array, true> {
  if (body === null) return true;
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return true;
      onBytes();
      yield value;
    }
  } finally {
    // Whoever leaves early leaves the connection, too.
    await reader.cancel().catch(() => undefined);
  }
}
