// Undoes the content encoding of an answer, so that its log, its result and the search for secrets have what it says, not
// how it was packed. Works as far as bytes are wanted: a small body may unpack to anything.
import type { Buffer } from 'node:buffer';
import type { Transform } from 'node:stream';
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';
import type { FairShares } from './fair-shares.ts';
import { plainReason } from './request-error.ts';
import type { AnswerHead } from './request-message.ts';

export interface DecoderListener {
  data(bytes: Buffer): void;
  /** All has been decoded. */
  end(): void;
  failed(error: Error): void;
  /** There is room again, after `write` has answered false. */
  room(): void;
}

export interface DecoderOptions {
  encoding: Encoding;
  user: string;
  /** Places of those that need much memory. */
  shares: FairShares;
}

const CHUNK_BYTES = 65_536;
/** RFC 9659 §3: 8 MiB. Without it a body may ask for 128 MiB. */
const MAX_ZSTD_WINDOW_LOG = 23;
const PARTIAL_CONTENT = 206;

/** `first` is the first byte of the body. */
const MAKERS = {
  gzip: () => createGunzip({ chunkSize: CHUNK_BYTES }),
  // RFC 9110 §8.4.1.2 means the zlib format; many servers leave its frame out, whose first byte would have 8 in its low half.
  deflate: (first: number) =>
    (first & 0x0f) === 8
      ? createInflate({ chunkSize: CHUNK_BYTES })
      : createInflateRaw({ chunkSize: CHUNK_BYTES }),
  br: () => createBrotliDecompress({ chunkSize: CHUNK_BYTES }),
  zstd: () =>
    createZstdDecompress({
      chunkSize: CHUNK_BYTES,
      params: { [constants.ZSTD_d_windowLogMax]: MAX_ZSTD_WINDOW_LOG },
    }),
} as const satisfies Record<string, (first: number) => Transform>;
export type Encoding = keyof typeof MAKERS;
/** A decoder of these may hold up to 16 MiB. */
const LARGE: ReadonlySet<Encoding> = new Set(['br', 'zstd']);

/** How an answer is packed; null where it is not, or by something that is left as it is: the headers say so. */
export function encodingOf({ status, headers }: AnswerHead): Encoding | null {
  const value = Object.hasOwn(headers, 'content-encoding') ? headers['content-encoding'] : '';
  const names = [value ?? '']
    .flat()
    .join(',')
    .split(',')
    .map((name) => name.trim().toLowerCase().replace(/^x-/, ''))
    .filter((name) => name !== '' && name !== 'identity');
  // A part of something packed cannot be unpacked by itself.
  if (names.length !== 1 || status === PARTIAL_CONTENT) return null;
  const [name = ''] = names;
  return Object.hasOwn(MAKERS, name) ? (name as Encoding) : null;
}

export class BodyDecoder {
  /** All of the body has come. */
  isEnded = false;
  readonly #options: DecoderOptions;
  readonly #listener: DecoderListener;
  readonly #over = new AbortController();
  #stream: Transform | null = null;
  /** What came before there was a place. */
  #waiting: Buffer[] = [];
  #isPaused = false;

  constructor(options: DecoderOptions, listener: DecoderListener) {
    this.#options = options;
    this.#listener = listener;
  }

  /** False when nothing more is to be written before `room`. */
  write(bytes: Buffer): boolean {
    if (this.#over.signal.aborted || bytes.length === 0) return true;
    if (this.#stream !== null) return this.#stream.write(bytes);
    this.#waiting.push(bytes);
    if (this.#waiting.length === 1) void this.#begin(bytes[0] as number).catch(() => undefined);
    return this.#hasRoom();
  }

  /** It has begun, which takes no wait where no place is needed, and takes more. */
  #hasRoom(): boolean {
    return this.#stream !== null && !this.#stream.writableNeedDrain;
  }

  /** The body is complete. One of no bytes is not packed either. */
  end(): void {
    this.isEnded = true;
    if (this.#stream !== null) this.#stream.end();
    else if (this.#waiting.length === 0) this.#listener.end();
  }

  pause(): void {
    this.#isPaused = true;
    this.#stream?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#stream?.resume();
  }

  /** The listener hears nothing more. */
  destroy(): void {
    this.#over.abort();
    this.#stream?.destroy();
    this.#waiting = [];
  }

  async #begin(first: number): Promise<void> {
    const { encoding, user, shares } = this.#options;
    if (LARGE.has(encoding)) {
      const end = await shares.take(user, this.#over.signal);
      if (this.#over.signal.aborted) return end();
      this.#over.signal.addEventListener('abort', end, { once: true });
    }
    const stream = MAKERS[encoding](first);
    this.#stream = stream;
    stream
      .on('data', (bytes: Buffer) => {
        if (!this.#over.signal.aborted) this.#listener.data(bytes);
      })
      .on('drain', () => this.#listener.room())
      .once('end', () => {
        if (this.#over.signal.aborted) return;
        this.#over.abort();
        this.#listener.end();
      })
      .on('error', (error) => {
        if (this.#over.signal.aborted) return;
        this.#over.abort();
        this.#listener.failed(new Error(`it cannot be decoded as ${encoding}: ${plainReason(error)}`));
      });
    if (this.#isPaused) stream.pause();
    for (const bytes of this.#waiting) stream.write(bytes);
    this.#waiting = [];
    if (this.isEnded) stream.end();
    else if (LARGE.has(encoding) && !stream.writableNeedDrain) this.#listener.room();
  }
}
