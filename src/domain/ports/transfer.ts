// Moves all that a store keeps to another store, row by row: both stores have the same tables, as far as they are named here.
// What a store derives of them (counters, indexes of its own) is not moved: the other one derives it again.

import type { BlobPieces } from './blob-pieces.ts';

export type Value = string | number | null;
export type Row = Readonly<Record<string, Value>>;

/** In the order in which they are moved; a row of `executions` has its spec, result and cost with it. */
export const TRANSFERRED = {
  epochs: ['epoch'],
  plan_drivers: ['plan_id'],
  executions: ['seq'],
  labels: ['user_id', 'name', 'value', 'id'],
  attempts: ['run_id', 'number'],
  events: ['position'],
  swept_events: ['user_id'],
  plan_marks: ['plan_id', 'step'],
  idempotency: ['user_id', 'key'],
  cache: ['key'],
  accounts: ['user_id'],
  ledger: ['position'],
  reservations: ['seq'],
  windows: ['user_id', 'name'],
  api_keys: ['id'],
  webhooks: ['id'],
  deliveries: ['id'],
  schedules: ['id'],
  schedule_runs: ['schedule_id', 'due_at'],
  signals: ['subject_id', 'id'],
  files: ['owner_id', 'role', 'path'],
  meta: ['name'],
} as const satisfies Record<string, readonly string[]>;
export type Table = keyof typeof TRANSFERRED;
export const TABLES = Object.keys(TRANSFERRED) as Table[];

/** Of `meta`: what every store has of its own. Versions of the schema, and who writes. */
export const OWN_META: readonly string[] = ['program', 'server', 'import', 'fits_since'];
/** What a store knows of the servers that use it, and what only they need. */
export const OWN_COLUMNS: Partial<Record<Table, string>> = { epochs: 'about' };
/** In a copy of a store no server holds anything: the lease of each epoch is over, whatever it is in the store itself. */
export const OF_A_COPY: Partial<Record<Table, Row>> = { epochs: { until: 0 } };

/** The rows as they are in an export. */
export async function* copied(
  table: Table,
  pieces: AsyncIterable<readonly Row[]>,
): AsyncGenerator<readonly Row[]> {
  const fixed = OF_A_COPY[table];
  for await (const rows of pieces)
    yield fixed === undefined ? rows : rows.map((row) => ({ ...row, ...fixed }));
}
/** What a new store has in it although nothing was ever stored. */
export const IN_A_NEW_STORE: readonly Table[] = ['epochs', 'meta', 'swept_events'];

/** Numbers that were given out last: none is given out twice, also where its row is gone. */
export interface LastNumbers {
  execution: number;
  event: number;
  entry: number;
  delivery: number;
}

/** What a store knows of an import into it. */
export interface ImportMark {
  /** Of the export. */
  id: string;
  isDone: boolean;
}

/** All that a store keeps, as it was at one moment; a server may use the store meanwhile. */
export interface StoreReading {
  readonly kind: 'sqlite' | 'postgres';
  readonly lastNumbers: LastNumbers;
  /** In pieces, in the order of its key. */
  rows(table: Table): AsyncIterable<readonly Row[]>;
  /** Digests of all files, in order. */
  digests(): AsyncIterable<readonly string[]>;
  /** Bytes of files that are in the store; left out: none can be. */
  pieces?: BlobPieces;
  close(): Promise<void>;
}

/** A store that no server uses, to be filled. */
export interface StoreFilling {
  mark(): Promise<ImportMark | null>;
  /** The first table that has rows, other than those of a store that was only opened; null: there is none. */
  inUse(): Promise<Table | null>;
  /** Makes the store one that is being filled: no server opens it until `finish`. */
  begin(id: string): Promise<void>;
  /** Stores rows in one transaction; those that are there already stay as they are. */
  put(table: Table, rows: readonly Row[]): Promise<void>;
  /** What is stored, for comparison. */
  rows(table: Table): AsyncIterable<readonly Row[]>;
  /** Digests of all files, in order. */
  digests(): AsyncIterable<readonly string[]>;
  /** Where bytes of files can be in the store; left out: nowhere. */
  pieces?: BlobPieces;
  /** Derives what is not moved, and lets servers open the store. */
  finish(last: LastNumbers): Promise<void>;
  close(): Promise<void>;
}

/** Why no server opens the store. */
export const HALF_IMPORTED =
  'the store holds part of an export: an import into it has not ended. Run the same `execd import store` again';
