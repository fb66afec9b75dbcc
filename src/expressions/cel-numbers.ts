// Values of JSON as values of CEL, and back. An exact number is a double where that is what is meant, else int or uint. Of one
// that is none of them, an expression must not work out anything: whatever it compared would be another number. Where numbers
// are handed on only, each keeps its digits.
import { Duration, UnsignedInt } from '@marcbachmann/cel-js/evaluator';
import { changeExact, holdsExact } from '../domain/exact-json.ts';
import { ExactNumber } from '../domain/exact-number.ts';
import { ConditionError } from '../domain/plans/conditions.ts';

const INT = { least: -(2n ** 63n), greatest: 2n ** 63n - 1n };
const MAX_UINT = 2n ** 64n - 1n;
/** What the value of an expression counts for at most, about as bytes of JSON. */
const MAX_VALUE = 4 * 1024 * 1024;

/** The same object where there are none. */
export function withNumbers<T>(value: T): T {
  return holdsExact(value) ? (changeExact(value, toNumber) as T) : value;
}

/** Exact numbers as what can be handed on, and nothing else. */
export function carry<T>(value: T): T {
  return holdsExact(value) ? (changeExact(value, (number) => new Digits(number)) as T) : value;
}

/** Whether an object is a number to expressions. */
export const isNumber = (value: object): boolean =>
  value instanceof ExactNumber ||
  value instanceof UnsignedInt ||
  value instanceof Unknown ||
  value instanceof Digits;

function toNumber(number: ExactNumber, at: readonly string[]): unknown {
  const { double, integer } = number;
  if (double !== null && (integer === null || BigInt(double) === integer)) return double;
  if (integer === null) return new Unknown(number, at);
  if (integer >= INT.least && integer <= INT.greatest) return integer;
  return integer > 0n && integer <= MAX_UINT ? new UnsignedInt(integer) : new Unknown(number, at);
}

/** A number as it is written, of a type that CEL has no operators for. */
export class Digits {
  readonly number: ExactNumber;

  constructor(number: ExactNumber) {
    this.number = number;
  }
}

/** A number that tells on whoever works with it. */
class Unknown {
  readonly #number: ExactNumber;
  readonly #at: readonly string[];

  constructor(number: ExactNumber, at: readonly string[]) {
    this.#number = number;
    this.#at = at;
  }

  get number(): ExactNumber {
    return this.#number;
  }

  refuse(): never {
    throw new ConditionError(
      `${this.#at.join('.')} is ${this.#number.shown}; conditions and calculations take numbers of at most 17 digits and integers of at most 64 bits. Use a string instead`,
    );
  }
}
// The library asks each value that it reads for its constructor.
Object.defineProperty(Unknown.prototype, 'constructor', {
  get(this: Unknown) {
    return this.refuse();
  },
});

/**
 * The value of an expression as JSON.
 *
 * @throws ConditionError it has no form in JSON, or is too large
 */
export function fromCel(value: unknown): unknown {
  return new Conversion().json(value);
}

class Conversion {
  #size = 0;

  json(value: unknown): unknown {
    this.#charge(8);
    switch (typeof value) {
      case 'string':
        this.#charge(value.length);
        return value;
      case 'boolean':
        return value;
      case 'number':
        if (!Number.isFinite(value))
          throw new ConditionError(`its value is ${value}, which JSON has no number for`);
        return value;
      case 'bigint':
        return integer(value);
      default:
        return value === null ? null : this.#object(value as object);
    }
  }

  #object(value: object): unknown {
    if (value instanceof ExactNumber) return value;
    if (value instanceof Digits || value instanceof Unknown) return value.number;
    if (value instanceof UnsignedInt) return integer(value.value);
    if (value instanceof Date) return value.toISOString();
    if (value instanceof Duration) return value.toString();
    if (Array.isArray(value)) return value.map((item) => this.json(item));
    if (value instanceof Map) return this.#map([...(value as Map<unknown, unknown>)]);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) return this.#map(Object.entries(value));
    const type = value instanceof Uint8Array ? 'bytes' : 'a type';
    throw new ConditionError(`its value has ${type}, which is not a JSON type; use string(…)`);
  }

  #map(entries: readonly (readonly [unknown, unknown])[]): Record<string, unknown> {
    const members = entries.map(([name, item]) => {
      if (typeof name !== 'string')
        throw new ConditionError('a name in its value is not a text; use string(…)');
      this.#charge(name.length);
      return [name, this.json(item)] as const;
    });
    return Object.fromEntries(members);
  }

  #charge(size: number): void {
    this.#size += size;
    if (this.#size > MAX_VALUE) throw new ConditionError(`its value is larger than ${MAX_VALUE} bytes`);
  }
}

const integer = (value: bigint): unknown =>
  Number.isSafeInteger(Number(value)) ? Number(value) : new ExactNumber(String(value));
