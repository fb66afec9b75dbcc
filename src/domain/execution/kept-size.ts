// What a result takes in the cache.
import { MAX_RESULT_BYTES } from '../output-totals.ts';

interface Kept {
  key: string;
  outcome: object;
  result: { type: 'tails'; stdout: string; stderr: string } | { type: 'json' | 'http' } | null;
}

/** A single entry may take so much of the cache. */
const MAX_SHARE = 0.25;
/** What an object takes. */
const OVERHEAD = 512;
/** JSON writes some characters as six. */
const MOST_ESCAPED = 6;

/** What one entry of a cache may take, bytes. */
export function mostBytesOf(maxBytes: number): number {
  return Math.max(1, Math.floor(maxBytes * MAX_SHARE));
}

/** Bytes of an entry in memory, roughly: two for each character, and what an object takes. */
export function keptBytes({ key, outcome, result }: Kept): number {
  return OVERHEAD + 2 * (key.length + JSON.stringify(result).length + JSON.stringify(outcome).length);
}

/** Whether an entry takes more than it may; costs nothing where results of its kind cannot. */
export function isTooLarge(kept: Kept, most: number): boolean {
  const { result } = kept;
  const length = result?.type === 'tails' ? result.stdout.length + result.stderr.length : MAX_RESULT_BYTES;
  const surely = 2 * MOST_ESCAPED * length + 128 * OVERHEAD;
  return surely > most && keptBytes(kept) > most;
}
