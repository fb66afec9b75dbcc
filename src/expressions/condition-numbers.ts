// Exact numbers as the numbers of CEL: a double where that is what is meant, else int or uint. Of one that is none of them, a
// condition must not work out anything: whatever it compared would be another number.
import { UnsignedInt } from '@marcbachmann/cel-js/evaluator';
import { ConditionError } from '../domain/plans/conditions.ts';
import { changeExact, holdsExact } from '../domain/exact-json.ts';
import { ExactNumber } from '../domain/exact-number.ts';

const INT = { least: -(2n ** 63n), greatest: 2n ** 63n - 1n };
const MAX_UINT = 2n ** 64n - 1n;

/** The same object where there are none. */
export function withNumbers<T>(scope: T): T {
  return holdsExact(scope) ? (changeExact(scope, toNumber) as T) : scope;
}

/** Whether an object is a number to conditions. */
export const isNumber = (value: object): boolean =>
  value instanceof ExactNumber || value instanceof UnsignedInt || value instanceof Unknown;

function toNumber(number: ExactNumber, at: readonly string[]): unknown {
  const { double, integer } = number;
  if (double !== null && (integer === null || BigInt(double) === integer)) return double;
  if (integer === null) return new Unknown(number, at);
  if (integer >= INT.least && integer <= INT.greatest) return integer;
  return integer > 0n && integer <= MAX_UINT ? new UnsignedInt(integer) : new Unknown(number, at);
}

/** A number that tells on whoever works with it. */
class Unknown {
  readonly #number: ExactNumber;
  readonly #at: readonly string[];

  constructor(number: ExactNumber, at: readonly string[]) {
    this.#number = number;
    this.#at = at;
  }

  refuse(): never {
    throw new ConditionError(
      `${this.#at.join('.')} is ${this.#number.shown}; conditions compare numbers of at most 17 digits and integers of at most 64 bits. Use a string instead`,
    );
  }
}
// The library asks each value that it reads for its constructor.
Object.defineProperty(Unknown.prototype, 'constructor', {
  get(this: Unknown) {
    return this.refuse();
  },
});
