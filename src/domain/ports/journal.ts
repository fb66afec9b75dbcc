// The logs of attempts, as they are read.
import type { AttemptName } from './runner.ts';

export type StreamName = 'stdout' | 'stderr';

/** One piece of output, in the order of arrival. */
export interface LogRecord {
  /** From 1, per attempt. */
  seq: number;
  stream: StreamName;
  /** Milliseconds since the epoch. */
  time: number;
  /** Where its first byte stands in the attempt's log. */
  offset: number;
  bytes: Uint8Array;
}

/** Where in a log to begin. */
export type LogStart =
  | { from: 'offset'; offset: number }
  | { from: 'since'; time: number }
  | { from: 'tail'; lines: number; stream: StreamName | 'all' };

/** The log of one attempt. A snapshot: it ends where the log ended when it was opened; `refresh` moves the end. */
export interface AttemptLog {
  /** Bytes that are there. */
  readonly size: number;
  readonly records: number;
  /** Takes in what has been written since; true when there was something. */
  refresh(): Promise<boolean>;
  /** Offset at which a start lies. */
  locate(start: LogStart): Promise<number>;
  /** Records from an offset up to the end; the first one may be cut to begin there. */
  read(offset: number): AsyncIterable<LogRecord>;
  /** The last bytes of a stream: so many, or as many as there are, or fewer where much else lies between them. */
  last(stream: StreamName, bytes: number): Promise<Uint8Array>;
  /** Bytes of each stream, counted from the index. */
  totals(): Promise<Record<StreamName, number>>;
  close(): Promise<void>;
}

/** How the log of an attempt comes to where others read it. */
export interface Shipping {
  /** There is more of it. */
  grew(): void;
  /** All of it is written; resolves when all of it can be read. */
  finish(): Promise<void>;
}

/** A log that is there cannot be read: its disk fails, or it is not what its index says. */
export class JournalError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'JournalError';
  }
}

/** Reading rejects with a JournalError where a log is there and cannot be read. */
export interface Journal {
  /**
   * Makes the directories, for the store with this id; to be called once, before anything else. Rejects when they hold
   * the logs of another store, which would be taken for logs without a record.
   */
  prepare(instanceId: string): Promise<void>;
  /** Null when the attempt has no log. */
  open(name: AttemptName): Promise<AttemptLog | null>;
  exists(name: AttemptName): Promise<boolean>;
  /** Where the log lies, for administrators. */
  path(name: AttemptName): string;
  remove(name: AttemptName): Promise<void>;
  /** Lets others read the log of an attempt that begins here, until the signal aborts. Left out: nobody else reads it. */
  ship?(name: AttemptName, signal: AbortSignal): Shipping;
  /**
   * Lets others read what an attempt of this server has written whose server ended before it could ship it. Rejects with a
   * `StoreError`. Left out: nobody else reads it.
   */
  shipRest?(name: AttemptName): Promise<void>;
  /** All logs that are there, in batches. */
  all(): AsyncIterable<AttemptName[]>;
}
