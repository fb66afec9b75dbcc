// Sending a file. A small one is one request; a larger one goes in parts, each of which goes on where the server has it after a
// connection that broke. The digest of what was sent is compared with that of what has arrived.
import { urlOf } from './calls.ts';
import { Reconnects, type Source } from './connections.ts';
import { newSha256 } from './digest.ts';
import { ConnectionError, DigestMismatchError, ExecdError, ProblemError, problemError } from './errors.ts';
import { bodyOf } from './transport.ts';
import type { Upload } from './types.ts';

/** Bytes of a file: all of them, or as they come. */
export type UploadData = string | Uint8Array | Blob | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

export interface UploadOptions {
  /**
   * Bytes of a stream. A stream of more than 8 MiB whose size is not given goes in one request: it cannot go on after a connection
   * that broke, and most browsers cannot send it.
   */
  size?: number;
  signal?: AbortSignal;
  /** Told how many bytes have arrived, and how many there are; null where that is not known. */
  onProgress?: (sentBytes: number, sizeBytes: number | null) => void;
}

/** The most of a file that is sent at once, and held in memory. */
const PART_BYTES = 8 * 1024 * 1024;
/** How long a part may take. What has arrived of it until then is kept. */
const PART_MS = 120_000;
/** How long a stream of unknown size may take. */
const STREAM_MS = 24 * 3_600_000;
/** Answers of proxies and of servers that stop. */
const PASSING = [502, 503, 504];

/**
 * @throws DigestMismatchError when other bytes have arrived than were sent
 * @throws ProblemError, ConnectionError
 */
export async function upload(source: Source, data: UploadData, options: UploadOptions): Promise<Upload> {
  const { signal, onProgress } = options;
  const size = sizeOf(data) ?? options.size ?? null;
  const sending = new Sending(source, signal);
  const digest = await newSha256();
  const parts = partsOf(data);
  const first = await nextOf(parts, digest);
  const second = first.length < PART_BYTES ? EMPTY : await nextOf(parts, digest);
  if (second.length === 0) {
    checkSize(first.length, size);
    return checked(await sending.whole(first), digest.hex(), onProgress);
  }
  async function* all(): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    yield first;
    for (let part = second; part.length > 0; part = await nextOf(parts, digest)) yield part;
  }
  try {
    const sent =
      size === null
        ? await sending.stream(all(), onProgress)
        : await sending.inParts(all(), size, onProgress);
    return checked(sent, digest.hex(), onProgress);
  } finally {
    await parts.return();
  }
}

type OnProgress = UploadOptions['onProgress'];
const EMPTY = new Uint8Array();
const BYTES = { 'content-type': 'application/octet-stream' };

function checked(sent: Upload, digest: string, onProgress: OnProgress): Upload {
  if (sent.digest !== digest) throw new DigestMismatchError('upload', digest, sent.digest);
  onProgress?.(sent.size, sent.size);
  return sent;
}

function checkSize(bytes: number, size: number | null): void {
  if (size === null || bytes === size) return;
  throw new ExecdError(
    `The data has ${bytes} bytes; \`size\` is ${size}. Leave \`size\` out, or give that of the data.`,
  );
}

/** The requests of one upload. */
class Sending {
  readonly #source: Source;
  readonly #signal: AbortSignal | undefined;

  constructor(source: Source, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#signal = signal;
  }

  /** In one request, which may come twice: an upload that nothing uses expires. */
  async whole(body: Uint8Array<ArrayBuffer>): Promise<Upload> {
    const { outageMs } = this.#source;
    return this.#send('POST', '/v1/uploads', { init: { body, headers: BYTES }, retryMs: outageMs });
  }

  async stream(parts: AsyncIterable<Uint8Array<ArrayBuffer>>, onProgress: OnProgress): Promise<Upload> {
    let sent = 0;
    async function* told(): AsyncGenerator<Uint8Array, void> {
      for await (const part of parts) {
        yield part;
        onProgress?.((sent += part.length), null);
      }
    }
    const init = { body: streamOf(told()), headers: BYTES, duplex: 'half' as const };
    return this.#send('POST', '/v1/uploads', { init, timeoutMs: STREAM_MS });
  }

  async inParts(
    parts: AsyncIterable<Uint8Array<ArrayBuffer>>,
    size: number,
    onProgress: OnProgress,
  ): Promise<Upload> {
    const { outageMs } = this.#source;
    let made = await this.#send('POST', '/v1/uploads', { query: { size }, retryMs: outageMs });
    let begin = 0;
    for await (const part of parts) {
      if (begin + part.length > size) checkSize(begin + part.length, size);
      made = await this.#part(made.id, part, { begin, size, onProgress });
      begin += part.length;
    }
    checkSize(begin, size);
    return made;
  }

  async #part(
    id: string,
    part: Uint8Array<ArrayBuffer>,
    { begin, size, onProgress }: { begin: number; size: number; onProgress: OnProgress },
  ): Promise<Upload> {
    const reconnects = new Reconnects(this.#source, this.#signal);
    const end = begin + part.length;
    let at = begin;
    for (;;) {
      let has: Upload;
      try {
        const init = { body: part.subarray(at - begin), headers: BYTES };
        has = await this.#send('PATCH', `/v1/uploads/${id}`, { query: { offset: at }, init });
      } catch (error) {
        if (!isPassing(error)) throw error;
        await reconnects.wait(error);
        has = await this.#send('GET', `/v1/uploads/${id}`, { retryMs: this.#source.outageMs });
      }
      const { received, complete } = has;
      if (received < begin || received > end)
        throw new ExecdError(
          `The upload ${id} has ${received} bytes; ${end} were sent. Something else writes to it.`,
        );
      onProgress?.(received, size);
      if (complete || received === end) return has;
      if (received > at) reconnects.progress();
      at = received;
    }
  }

  async #send(
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    {
      query = {},
      init = {},
      retryMs = 0,
      timeoutMs = PART_MS,
    }: { query?: object; init?: RequestInit; retryMs?: number; timeoutMs?: number },
  ): Promise<Upload> {
    const { transport, failsWhenRefused } = this.#source;
    const signal = this.#signal === undefined ? {} : { signal: this.#signal };
    const request = new Request(urlOf(transport.url, path, query), { method, ...init, ...signal });
    const again = retryMs > 0 ? { passing: PASSING } : { isOnce: true };
    const response = await transport.send(request, {
      ...{ retryMs, timeoutMs, failsWhenRefused: failsWhenRefused === true },
      ...again,
    });
    const body = await bodyOf(response);
    if (!response.ok) throw problemError(response, body);
    return body as Upload;
  }
}

/** Whether a part may be sent again: the connection broke, the server stops, or it still takes what came before. */
function isPassing(error: unknown): boolean {
  if (error instanceof ConnectionError) return true;
  return error instanceof ProblemError && (PASSING.includes(error.status) || error.type === 'upload_offset');
}

// ------------------------------------------------------------------------------------------------ data

function sizeOf(data: UploadData): number | null {
  if (typeof data === 'string') return new TextEncoder().encode(data).length;
  if (data instanceof Uint8Array) return data.length;
  return data instanceof Blob ? data.size : null;
}

/** Parts of the largest size; the last one is smaller, or empty. */
async function* partsOf(data: UploadData): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  let held = new Uint8Array(0);
  let length = 0;
  for await (const piece of piecesOf(data)) {
    for (let at = 0; at < piece.length;) {
      // A part grows with what comes, so that a small file takes little.
      const end = Math.min(piece.length, at + PART_BYTES - length);
      if (length + end - at > held.length) held = grown(held, length, length + end - at);
      held.set(piece.subarray(at, end), length);
      length += end - at;
      at = end;
      if (length < PART_BYTES) continue;
      yield held.subarray(0, length);
      [held, length] = [new Uint8Array(0), 0];
    }
  }
  yield held.subarray(0, length);
}

function grown(bytes: Uint8Array, used: number, needed: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.min(PART_BYTES, Math.max(needed, 2 * bytes.length, 65_536)));
  larger.set(bytes.subarray(0, used));
  return larger;
}

async function* piecesOf(data: UploadData): AsyncGenerator<Uint8Array, void> {
  if (typeof data === 'string') yield new TextEncoder().encode(data);
  else if (data instanceof Uint8Array) yield data;
  else if (data instanceof Blob)
    for (let at = 0; at < data.size; at += PART_BYTES)
      yield new Uint8Array(await data.slice(at, at + PART_BYTES).arrayBuffer());
  // Not every browser can iterate over a stream.
  else if (data instanceof ReadableStream) yield* readAll(data);
  else yield* data;
}

async function* readAll(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** The next part, of which the digest is told; empty at the end. */
async function nextOf(
  parts: AsyncGenerator<Uint8Array<ArrayBuffer>, void>,
  digest: { update(bytes: Uint8Array): void },
): Promise<Uint8Array<ArrayBuffer>> {
  const { done, value } = await parts.next();
  if (done === true) return EMPTY;
  digest.update(value);
  return value;
}

export function streamOf(pieces: AsyncGenerator<Uint8Array, void>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await pieces.return();
    },
  });
}
