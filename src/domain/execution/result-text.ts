// What a result shows of a stream: its end, from the beginning of a line where that costs little, and never from within a
// character. It says how much there was, so that nobody takes an end for the whole.
import type { OutputPolicy, Tails } from './execution.ts';

/** What results of the first version held of each stream. */
const EARLIER_BYTES = 4096;
const NEWLINE = 0x0a;

/** Bytes of each stream that a result holds at most. */
export function resultBytesOf({ resultBytes = EARLIER_BYTES }: Pick<OutputPolicy, 'resultBytes'>): number {
  return resultBytes;
}

export interface StreamEnd {
  text: string;
  /** It is not the whole stream. */
  isCut: boolean;
}

/**
 * The end of a stream as text.
 *
 * @param bytes the last ones of the stream; one more than `most` shows whether a line begins with the others
 * @param isWhole they are all that the stream had
 */
export function streamEnd(bytes: Uint8Array, most: number, isWhole: boolean): StreamEnd {
  if (isWhole && bytes.length <= most) return { text: decoded(bytes), isCut: false };
  const window = bytes.subarray(Math.max(0, bytes.length - most - 1));
  // Only what comes before a line is left out; of a longer line its end is shown rather than nothing.
  const newline = window.subarray(0, Math.ceil(window.length / 2)).indexOf(NEWLINE);
  if (most > 0 && newline >= 0) return { text: decoded(window.subarray(newline + 1)), isCut: true };
  const kept = window.subarray(Math.max(0, window.length - most));
  return { text: decoded(kept.subarray(restOfCharacter(kept))), isCut: true };
}

/** Both ends as a result has them. */
export function tailsOf(
  stdout: StreamEnd,
  stderr: StreamEnd,
  bytes: { stdout: number; stderr: number },
): Tails {
  return {
    ...{ stdout: stdout.text, stderr: stderr.text, stdout_bytes: bytes.stdout, stderr_bytes: bytes.stderr },
    ...{ stdout_truncated: stdout.isCut, stderr_truncated: stderr.isCut },
  };
}

const decoded = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

/** Bytes at the beginning that belong to a character which began before them: 0 to 3. */
function restOfCharacter(bytes: Uint8Array): number {
  let rest = 0;
  while (rest < 3 && rest < bytes.length && ((bytes[rest] as number) & 0xc0) === 0x80) rest += 1;
  return rest;
}
