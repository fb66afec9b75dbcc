// Logs of attempts where every server can read them, as the pieces of their two files.
import type { AttemptName } from './runner.ts';

export type LogFile = 'index' | 'log';

export interface LogPiece {
  /** Where in the file it begins. */
  at: number;
  bytes: Uint8Array;
}

export interface SharedLogs {
  /** Adds a piece; one that is there already stays. Rejects with `StoreError`. */
  append(name: AttemptName, file: LogFile, piece: LogPiece): Promise<void>;
  /** Some of the pieces from a place in a file on, in their order. */
  read(name: AttemptName, file: LogFile, from: number): Promise<LogPiece[]>;
  has(name: AttemptName): Promise<boolean>;
  /** Of these, those that have more bytes in their index than is known. */
  grown(known: readonly { name: AttemptName; size: number }[]): Promise<AttemptName[]>;
  remove(name: AttemptName): Promise<void>;
}
