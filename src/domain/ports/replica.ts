// Servers on a store: who they are, and how long what they hold is theirs.
import type { SlotKind } from '../kinds.ts';
import type { ExecutionId } from '../ids.ts';

/** A server on a store. */
export interface Replica {
  /** Its own among those on the store, and the same after a restart. */
  name: string;
  /**
   * How long what it holds stays its own without a beat. Null: until its next start, where no other one can take over from
   * it.
   */
  leaseMs: number | null;
  /** What others may know of it. */
  about?: ReplicaFacts;
}

/** What a server does: all; it serves the API and runs nothing; it runs executions and serves no API. */
export const ROLES = ['all', 'api', 'runner'] as const;
export type Role = (typeof ROLES)[number];

/** Versions of the operator's files that should be the same on all servers. */
export interface FileVersions {
  policy: string | null;
  operations: string | null;
}

/** What a replica says of itself. */
export interface ReplicaFacts {
  role: Role;
  host: string;
  version: string;
  /** How many attempts may run there at a time. */
  slots: Record<SlotKind, number>;
  /** The pools that it serves. */
  pools: readonly string[];
  /** Of the files that it uses; null where it has none. */
  versions: FileVersions;
}

/** Attempts that a replica runs. */
export interface RunningThere {
  count: number;
  /** Some of them, the oldest first. */
  runs: ExecutionId[];
}

/** A replica whose lease is not over. */
export interface ReplicaView {
  name: string;
  epoch: number;
  /** When this start of it has opened the store. */
  since: number;
  /** When its lease is over; null where it has none. */
  until: number | null;
  /** What it says of itself; what one of another version does not say is missing. */
  about: Partial<ReplicaFacts>;
  running: Record<SlotKind, RunningThere>;
}

/** The one on a store that nobody else can come to. */
export const ONLY: Replica = { name: 'only', leaseMs: null };

/** What a replica knows of the store, and of itself, once it is open. */
export interface StoreIdentity {
  /** Made once with the store. */
  instanceId: string;
  /** Of the store and the replica: marks the processes that it starts, and is the same after a restart. */
  mark: string;
  /** Grows by one with every open: the name of one start of a replica. */
  epoch: number;
}

/** What processes of a replica are marked with. The only one has the mark that it had before there were others. */
export const markOf = (instanceId: string, { name }: Replica): string =>
  name === ONLY.name ? instanceId : `${instanceId}.${name}`;
