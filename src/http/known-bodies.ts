// Bodies that have come before, byte for byte, and what they say. A request that keeps coming is read twice, and then no
// more: what it was read to is shared, and frozen, so that others may remember what they made of it.
import type { FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';

/** Larger ones are read each time. */
const MAX_BODY_BYTES = 4096;
/** All of them together. What was read of one takes a few times as much. */
const MAX_BYTES = 1024 * 1024;

export class KnownBodies {
  /** What each was read to; null for one that came once. */
  readonly #read = new LRUCache<string, { value: object | null }>({
    maxSize: MAX_BYTES,
    sizeCalculation: (_read, bytes) => OVERHEAD + bytes.length,
  });
  readonly #known = new WeakSet<object>();
  /** Bodies that are not known yet, of requests that are being answered. */
  readonly #texts = new WeakMap<FastifyRequest, string>();

  /** What the body of a request says, when that is known already. */
  find(request: FastifyRequest, body: Buffer): object | null {
    if (body.length > MAX_BODY_BYTES) return null;
    // One character for each byte, whatever it means: bodies are told apart, not read.
    const bytes = body.toString('latin1');
    const value = this.#read.get(bytes)?.value ?? null;
    if (value === null) this.#texts.set(request, bytes);
    return value;
  }

  has(value: object): boolean {
    return this.#known.has(value);
  }

  /** Remembers what the body of a request was read to, when it has come for the second time; then it is frozen. */
  learn(request: FastifyRequest, value: object): void {
    const bytes = this.#texts.get(request);
    if (bytes === undefined) return;
    const isSecond = this.#read.peek(bytes) !== undefined;
    if (isSecond) {
      freeze(value);
      this.#known.add(value);
    }
    this.#read.set(bytes, isSecond ? { value } : ONCE);
  }
}

const ONCE = { value: null };

/** That an entry takes beside its bytes, roughly. */
const OVERHEAD = 512;

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) freeze(inner);
}
