// The words of what an execution costs.

/** Greatest balance: every sum of it and a price is still an exact number. */
export const MAX_CREDITS = 9_000_000_000_000_000;

/** A counter that an execution counts in when it is accepted. The one that completes `executions` costs `credits` more. */
export interface Window {
  name: string;
  executions: number;
  windowMs: number;
  credits: number;
}

/** What an execution is charged by, fixed with its acceptance. */
export interface Rates {
  /** Once, if it comes to be charged at all. */
  base: number;
  perSecond: number;
  perMb: number;
  /** In place of all the others, for who took part in the run of another one. */
  joined: number;
}

/** What an execution costs. It is never charged more than was reserved for it. */
export interface Cost {
  rates: Rates;
  reserved: number;
  /** What was charged, and the balance after that; null until it is. */
  charged: number | null;
  balanceAfter: number | null;
  /** The account right after the reservation. Undefined in records of earlier versions. */
  held?: { balance: number; available: number };
  /** It is charged in the transaction of its end, under the threshold of a low balance that held at its acceptance. */
  atEnd?: { lowBalance: number | null };
}
