// What an attempt has written, in numbers.

/** The most that a request may want in its result, of each stream. Output that is parsed may have as many bytes. */
export const MAX_RESULT_BYTES = 1024 * 1024;

/** Bytes that the processes wrote, and bytes that the log keeps of them. */
export interface OutputTotals {
  stdoutBytes: number;
  stderrBytes: number;
  stdoutKeptBytes: number;
  stderrKeptBytes: number;
  /** Records in the log's index. */
  records: number;
  /** True when the log does not keep all that was written. */
  truncated: boolean;
  /** The log was removed before its execution, for its age. */
  logRemoved?: true;
}

export const NO_OUTPUT: OutputTotals = Object.freeze({
  stdoutBytes: 0,
  stderrBytes: 0,
  stdoutKeptBytes: 0,
  stderrKeptBytes: 0,
  records: 0,
  truncated: false,
});
