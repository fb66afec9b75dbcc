// Bodies that have come before, byte for byte, and what they say. A request that keeps coming is read twice, and then no
// more: what it was read to is shared, and frozen, so that others may remember what they made of it.
import type { FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';

declare module 'fastify' {
  interface FastifyRequest {
    /** The bytes of a body that may be worth remembering. */
    smallBody: Buffer | null;
  }
  interface FastifyContextConfig {
    /** The bodies that the route has come to know, and need not read again. */
    knownBodies?: KnownBodies;
  }
}

/** Larger ones are read each time. */
const MAX_BODY_BYTES = 4096;
/** All of them together. What was read of one takes a few times as much. */
const MAX_BYTES = 1024 * 1024;
/** That each takes beside its bytes, roughly. */
const OVERHEAD = 512;
const PLACES = 4096;

export class KnownBodies {
  readonly #read = new LRUCache<string, object>({
    maxSize: MAX_BYTES,
    sizeCalculation: (_value, bytes) => OVERHEAD + bytes.length,
  });
  readonly #known = new WeakSet<object>();
  /** Digests of bodies that have come once, each in the place that it tells: a newer one may take it. */
  readonly #once = new Uint32Array(PLACES);

  /** What the body of a request says, when that is known already; else it stays at hand for `learn`. */
  find(request: FastifyRequest, body: Buffer): object | null {
    if (body.length > MAX_BODY_BYTES) return null;
    const value = this.#read.size === 0 ? undefined : this.#read.get(nameOf(body));
    if (value === undefined) request.smallBody = body;
    return value ?? null;
  }

  has(value: object): boolean {
    return this.#known.has(value);
  }

  /** Remembers what the body of a request was read to, when it has come for the second time; then that is frozen. */
  learn({ smallBody: body }: FastifyRequest, value: object): void {
    if (body === null) return;
    const digest = digestOf(body);
    const place = digest % PLACES;
    if (this.#once[place] !== digest) {
      this.#once[place] = digest;
      return;
    }
    freeze(value);
    this.#known.add(value);
    this.#read.set(nameOf(body), value);
  }
}

/** One character for each byte, whatever it means: bodies are told apart, not read. */
const nameOf = (body: Buffer): string => body.toString('latin1');

/** FNV-1a. Who makes two bodies equal in it gets one of them remembered a request too early. */
function digestOf(body: Buffer): number {
  let digest = 0x811c9dc5;
  for (const byte of body) digest = Math.imul(digest ^ byte, 0x01000193);
  return digest >>> 0;
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) freeze(inner);
}
