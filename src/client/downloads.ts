// Getting an artifact. After a connection that broke, the rest is asked for; at the end the digest of all bytes is compared with
// that of the server.
import { urlOf } from './calls.ts';
import { connection, Reconnects, type Source } from './connections.ts';
import { type Digest, newSha256 } from './digest.ts';
import { DigestMismatchError, ExecdError } from './errors.ts';
import { streamOf } from './uploads.ts';

export interface DownloadOptions {
  signal?: AbortSignal;
}

/** The bytes of an artifact: `for await (const bytes of download)`. Each use reads them again. */
export class Download implements AsyncIterable<Uint8Array> {
  readonly #source: Source;
  readonly #url: URL;
  readonly #path: string;
  readonly #signal: AbortSignal | undefined;
  #size: number | null = null;
  #digest: string | null = null;

  /** @throws ExecdError for a path that no artifact has */
  constructor(source: Source, execution: string, path: string, { signal }: DownloadOptions) {
    const segments = path.split('/');
    // A URL would take these for other places.
    if (segments.some((one) => one === '' || one === '.' || one === '..'))
      throw new ExecdError(`${JSON.stringify(path)} is not the path of an artifact.`);
    const of = `/v1/executions/${encodeURIComponent(execution)}/artifacts`;
    this.#source = source;
    this.#url = urlOf(source.transport.url, [of, ...segments.map(encodeURIComponent)].join('/'), {});
    this.#path = path;
    this.#signal = signal;
  }

  /** Bytes of the artifact; null until the first of them have come. */
  get size(): number | null {
    return this.#size;
  }

  /** Its SHA-256 digest; null until the first bytes have come. */
  get digest(): string | null {
    return this.#digest;
  }

  /**
   * @throws DigestMismatchError after the last byte, when other bytes have come than the server has
   * @throws ProblemError, ConnectionError
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    const hash = await newSha256();
    const reconnects = new Reconnects(this.#source, this.#signal);
    const place = { at: 0 };
    for (;;) {
      const { at } = place;
      const headers: Record<string, string> =
        at === 0 ? {} : { range: `bytes=${at}-`, 'if-range': `"${this.#digest ?? ''}"` };
      const { end, reason } = yield* connection(
        this.#source,
        { url: this.#url, headers, signal: this.#signal },
        (body, feed, response) => this.#read(body, feed, { response, place, hash }),
      );
      if (end !== null) break;
      if (place.at > at) reconnects.progress();
      await reconnects.wait(reason);
    }
    const digest = hash.hex();
    if (digest !== this.#digest) throw new DigestMismatchError(this.#path, this.#digest ?? 'unknown', digest);
  }

  /** All bytes. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this) pieces.push(piece);
    const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  /** All bytes as UTF-8. */
  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  stream(): ReadableStream<Uint8Array> {
    return streamOf(this[Symbol.asyncIterator]());
  }

  async *#read(
    body: ReadableStream<Uint8Array> | null,
    feed: () => void,
    { response, place, hash }: { response: Response; place: { at: number }; hash: Digest },
  ): AsyncGenerator<Uint8Array, true | null> {
    const begin = this.#takeHead(response, place.at);
    if (body === null) return true;
    const reader = body.getReader();
    // What comes again where a range was not granted.
    let skip = place.at - begin;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return this.#size === null || place.at >= this.#size ? true : null;
        feed();
        const bytes = value.subarray(Math.min(skip, value.length));
        skip -= value.length - bytes.length;
        if (bytes.length === 0) continue;
        place.at += bytes.length;
        hash.update(bytes);
        yield bytes;
      }
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  }

  /** Notes what the artifact is. Returns where its bytes begin that come now. */
  #takeHead({ status, headers }: Response, at: number): number {
    const digest = /[0-9a-f]{64}/.exec(headers.get('etag') ?? '')?.[0] ?? null;
    if (at > 0 && digest !== this.#digest)
      throw new DigestMismatchError(this.#path, this.#digest ?? 'unknown', digest);
    this.#digest = digest;
    const [, begin, size] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? [];
    if (status === 206 && begin !== undefined && Number(begin) <= at) {
      this.#size = Number(size);
      return Number(begin);
    }
    const length = headers.get('content-length');
    // Of a body that a proxy has compressed it is another one.
    this.#size = length === null || headers.has('content-encoding') ? null : Number(length);
    return 0;
  }
}
