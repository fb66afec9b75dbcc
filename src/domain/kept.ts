// What users keep after their work has ended: records in the store, and logs on the disk. A user has a quota, and a share of
// what all may keep.
import { mayTake, type Taken } from './shares.ts';

/** Bytes of records in the store, bytes of logs, and logs (one for each attempt, a few files each). */
export const KEPT = ['storeBytes', 'logBytes', 'logs'] as const;
export type Kept = (typeof KEPT)[number];

/** How much of it a user has, and all. */
export type KeptUse = Record<Kept, Taken>;
/** Null is without a bound. */
export type KeptBounds = Record<Kept, { user: number | null; all: number | null }>;

/** What a user keeps too much of to begin anything new. */
export interface TooMuch {
  what: Kept;
  /** What is counted, and its bound: of the user alone, or of all users. */
  of: 'user' | 'all';
  used: number;
  most: number;
}

/** Null: the user may begin something new. What has begun goes on, so that a bound can be passed by what it still keeps. */
export function tooMuchKept(use: KeptUse, bounds: KeptBounds): TooMuch | null {
  for (const what of KEPT) {
    const { own, total } = use[what];
    const { user, all } = bounds[what];
    if (user !== null && own >= user) return { what, of: 'user', used: own, most: user };
    if (all !== null && !mayTake(use[what], 1, all)) return { what, of: 'all', used: total, most: all };
  }
  return null;
}

/** What a log takes on the disk besides its bytes: the rest of the last blocks of its files, and their names. */
const LOG_FILES_BYTES = 8192;

/** What records and logs take in the data directory, about. */
export const dataBytesOf = ({ storeBytes, logBytes, logs }: Record<Kept, number>): number =>
  storeBytes + logBytes + logs * LOG_FILES_BYTES;
