// What an administrator has paused: the queue, an operation, a concurrency key, a server; or everything new, for maintenance.

export interface Pause {
  /** `queue`, `maintenance`, `operation:` and a name, `key:` and a concurrency key as it is stored, or `runner:` and the name of a server. */
  name: string;
  /** The user who asked for it. */
  by: string;
  reason: string | null;
  /** Ms since the epoch. */
  since: number;
}

/** What no claim takes. */
export interface Paused {
  queue: boolean;
  operations: readonly string[];
  /** Concurrency keys. */
  keys: readonly string[];
}

export const OPERATION = 'operation:';
export const KEY = 'key:';
/** A server that is drained: it starts nothing, and others go on. */
export const RUNNER = 'runner:';

export function pausedOf(names: readonly string[]): Paused {
  const after = (prefix: string) =>
    names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  return { queue: names.includes('queue'), operations: after(OPERATION), keys: after(KEY) };
}
