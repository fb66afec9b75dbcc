// The thread that writes, as the store sees it: requests go to it and are answered in their order. Once it has failed,
// nothing more is handed to it.
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { StoreError } from '../../domain/ports/store.ts';
import type { WriterReply, WriterRequest } from './writer.ts';

type Replied<T extends WriterReply['type']> = Extract<WriterReply, { type: T }>;

interface Asked {
  what: WriterRequest['type'];
  resolve: (reply: WriterReply) => void;
  reject: (error: StoreError) => void;
}

export class WriterThread {
  readonly #worker: Worker;
  #asked: Asked[] = [];
  #failure: StoreError | null = null;

  constructor() {
    // The same source runs as .ts in development and as .js when built.
    this.#worker = new Worker(new URL(`./writer${extname(import.meta.url)}`, import.meta.url));
    this.#worker.on('message', (reply: WriterReply) => this.#answer(reply));
    this.#worker.on('error', (error) =>
      this.#fail(new StoreError('the writer thread failed', { cause: error })),
    );
    this.#worker.on('exit', () => this.#fail(new StoreError('the writer thread has ended')));
  }

  /** @param expected the type of the answer */
  async call<T extends WriterReply['type']>(request: WriterRequest, expected: T): Promise<Replied<T>> {
    const reply = await this.#ask(request);
    if (reply.type !== expected) throw new StoreError(`the writer answered "${reply.type}"`);
    return reply as Replied<T>;
  }

  async close(): Promise<void> {
    await this.#ask({ type: 'close' }).catch(() => undefined);
    await this.#worker.terminate();
  }

  #ask(request: WriterRequest): Promise<WriterReply> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) return reject(this.#failure);
      try {
        this.#worker.postMessage(request);
      } catch (error) {
        return reject(
          new StoreError('cannot send the request to the writer thread of the store', { cause: error }),
        );
      }
      this.#asked.push({ what: request.type, resolve, reject });
    });
  }

  #answer(reply: WriterReply): void {
    const asked = this.#asked.shift();
    if (reply.type !== 'failed') return asked?.resolve(reply);
    const done = asked?.what === 'open' ? 'opened' : 'written';
    const error = new StoreError(`the store could not be ${done}: ${reply.message}`);
    if (reply.isFatal) this.#failure = error;
    asked?.reject(error);
  }

  #fail(error: StoreError): void {
    this.#failure ??= error;
    for (const { reject } of this.#asked.splice(0)) reject(error);
  }
}
