// Logs of attempts where every server can read them, as the pieces of their two files.
import type { AttemptName } from './runner.ts';

export type LogFile = 'index' | 'log';

export interface LogPiece {
  /** Where in the file it begins. */
  at: number;
  bytes: Uint8Array;
}

export interface NamedPiece extends LogPiece {
  file: LogFile;
}

/**
 * What servers tell each other of logs: that somebody follows one, so that its owner ships it without delay, and that one which
 * is followed has grown. It may be lost; then readers learn of the growth when they look.
 */
export interface LogNews {
  type: 'followed' | 'grown';
  names: readonly AttemptName[];
}

export interface SharedLogs {
  /** Adds pieces, all of them or none; those that are there already stay. Rejects with `StoreError`. */
  append(name: AttemptName, pieces: readonly NamedPiece[]): Promise<void>;
  /** The pieces of a file from an offset on, in order. `isAll`: these are all that are stored now. */
  read(name: AttemptName, file: LogFile, from: number): Promise<{ pieces: LogPiece[]; isAll: boolean }>;
  has(name: AttemptName): Promise<boolean>;
  /** How many bytes of each file are stored. */
  sizes(name: AttemptName): Promise<Record<LogFile, number>>;
  /** Of these, those that have more bytes in their index than is known. */
  grown(known: readonly { name: AttemptName; size: number }[]): Promise<AttemptName[]>;
  remove(name: AttemptName): Promise<void>;
  /** Tells all servers, this one too. Rejects with `StoreError`. */
  tell(news: LogNews): Promise<void>;
  /** Calls `hear` with what servers tell. */
  listen(hear: (news: LogNews) => void): void;
}
