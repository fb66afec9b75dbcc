// A number of JSON that would leave with other digits than it came with if it were a double in between: an id of 64 bits,
// 1.10, 1e400. It is carried as it is written. It must never be calculated with: whoever needs its value asks for the double,
// the integer or the order, and has an answer for the case that there is none.

interface RawJson {
  readonly rawJSON: string;
}
const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => RawJson };

/** From this length on, V8 makes a slice of a text a view of it (String::kMinLength). */
const MIN_SLICE = 13;
/** So much of a number stands in a message. */
const MAX_SHOWN = 40;

/** What no thread can send to another. */
const NOT_CLONABLE = rawJSON('0');

export class ExactNumber {
  readonly #text: string;
  /** So that it can be taken neither for an empty object nor for a value that structuredClone copies: that throws. */
  readonly notClonable = NOT_CLONABLE;

  /** @param text a number in JSON's grammar */
  constructor(text: string) {
    // A part of a text would keep the whole of it in memory.
    this.#text = text.length < MIN_SLICE ? text : (JSON.parse(`"${text}"`) as string);
  }

  /** JSON.stringify writes it as it came. */
  toJSON(): RawJson {
    return rawJSON(this.#text);
  }

  toString(): string {
    return this.#text;
  }

  /** For messages. */
  get shown(): string {
    const text = this.toString();
    return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
  }

  /** The double that is meant: of the same value, or of the same 17 digits. Null when there is none. */
  get double(): number | null {
    const text = this.toString();
    const double = Number(text);
    if (!Number.isFinite(double)) return null;
    const isMeant = [String(double), double.toPrecision(17)].some((one) => compareTexts(one, text) === 0);
    return isMeant ? double : null;
  }

  get isInteger(): boolean {
    return decimalOf(this.toString()).exponent >= 0;
  }

  /** Null for what is no integer, and for one of more than 20 digits. */
  get integer(): bigint | null {
    const { isNegative, digits, exponent } = decimalOf(this.toString());
    if (exponent < 0 || digits.length + exponent > 20) return null;
    const size = BigInt(digits + '0'.repeat(exponent));
    return isNegative ? -size : size;
  }

  /** Negative when it is less than the other one, 0 when they are equal. */
  compare(other: ExactNumber | number): number {
    return compareTexts(this.toString(), String(other));
  }
}

/** Digits without zeros around them, and the power of ten of the last one; no digits are zero. */
interface Decimal {
  isNegative: boolean;
  digits: string;
  exponent: number;
}

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

function decimalOf(text: string): Decimal {
  const [, sign = '', whole = '0', fraction = '', power = '0'] = NUMBER.exec(text) ?? [];
  const all = whole + fraction;
  const end = lastOtherThanZero(all) + 1;
  const digits = all.slice(0, end).replace(/^0+/, '');
  if (digits === '') return { isNegative: false, digits, exponent: 0 };
  const exponent = Number(power) - fraction.length + all.length - end;
  return { isNegative: sign === '-', digits, exponent };
}

/** A regular expression would try each run of zeros. */
function lastOtherThanZero(digits: string): number {
  let at = digits.length - 1;
  while (at >= 0 && digits[at] === '0') at -= 1;
  return at;
}

function compareTexts(left: string, right: string): number {
  const [a, b] = [decimalOf(left), decimalOf(right)];
  const [signOfA, signOfB] = [signOf(a), signOf(b)];
  if (signOfA !== signOfB || signOfA === 0) return signOfA - signOfB;
  return signOfA * compareSizes(a, b);
}

const signOf = ({ digits, isNegative }: Decimal): number => (digits === '' ? 0 : isNegative ? -1 : 1);

function compareSizes(a: Decimal, b: Decimal): number {
  const [places, others] = [a.digits.length + a.exponent, b.digits.length + b.exponent];
  if (places !== others) return places < others ? -1 : 1;
  // Both begin with a digit other than zero at the same place, so that they are in the order of their texts.
  return a.digits === b.digits ? 0 : a.digits < b.digits ? -1 : 1;
}
