// Numbers of each line in typed arrays: a million lines take fourteen megabytes, and no object each.
type Numbers = Uint8Array | Uint16Array | Uint32Array;

const FIRST_ROOM = 1024;

/** A list of numbers that grows at its end and is shortened at its front. */
export class Column<Kind extends Numbers> {
  readonly #make: (length: number) => Kind;
  #numbers: Kind;
  #length = 0;

  constructor(make: (length: number) => Kind) {
    this.#make = make;
    this.#numbers = make(FIRST_ROOM);
  }

  get length(): number {
    return this.#length;
  }

  at(index: number): number {
    return this.#numbers[index] ?? 0;
  }

  push(value: number): void {
    if (this.#length === this.#numbers.length) {
      const larger = this.#make(this.#length * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[this.#length++] = value;
  }

  dropFirst(count: number): void {
    this.#numbers.copyWithin(0, count, this.#length);
    this.#length -= count;
  }
}
