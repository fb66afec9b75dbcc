// Identifiers. An execution id is a UUID version 7 (RFC 9562 §5.7): its order is the order of creation,
// so that "newest first" and keyset paging need no second column.

/** A lower-case UUIDv7. */
export type ExecutionId = string;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const MAX_COUNTER = 0xfff;

/** Random bytes as lower-case hex. Asking the system for each handful would cost more than all else about an id. */
class RandomHex {
  readonly #pool = new Uint8Array(4096);
  #at = this.#pool.length;

  take(bytes: number): string {
    if (this.#at + bytes > this.#pool.length) {
      crypto.getRandomValues(this.#pool);
      this.#at = 0;
    }
    let hex = '';
    for (const end = this.#at + bytes; this.#at < end; this.#at++)
      hex += HEX[this.#pool[this.#at] as number] as string;
    return hex;
  }
}

/**
 * Makes a generator of UUIDv7 strings that are strictly increasing within this process, also when the wall
 * clock stands still or steps back (RFC 9562 §6.2, method 1: the 12 bits of rand_a are a counter).
 *
 * @param now wall clock in milliseconds since the epoch
 */
export function createIdGenerator(now: () => number): () => ExecutionId {
  const random = new RandomHex();
  let lastMs = 0;
  let counter = 0;
  return () => {
    const ms = now();
    if (ms > lastMs) {
      lastMs = ms;
      counter = 0;
    } else if (++counter > MAX_COUNTER) {
      lastMs += 1;
      counter = 0;
    }
    const time = lastMs.toString(16).padStart(12, '0');
    const high = (0x7000 | counter).toString(16);
    const rand = random.take(8);
    // The variant, 0b10, takes the place of the first two random bits.
    const variant = ((parseInt(rand.slice(0, 2), 16) & 0x3f) | 0x80).toString(16);
    return `${time.slice(0, 8)}-${time.slice(8)}-${high}-${variant}${rand.slice(2, 4)}-${rand.slice(4)}`;
  };
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** True for the exact form that `createIdGenerator` makes; anything else cannot be the id of an execution. */
export function isExecutionId(text: string): boolean {
  return UUID.test(text);
}

/** Makes a generator of W3C trace ids (16 bytes) and span ids (8 bytes), lower-case hex. */
export function createTraceIds(): { traceId(): string; spanId(): string } {
  const random = new RandomHex();
  return { traceId: () => random.take(16), spanId: () => random.take(8) };
}
