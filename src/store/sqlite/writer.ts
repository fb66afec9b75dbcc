// The writer thread: owns the only connection that writes. It takes all the groups that have gathered, carries them
// out in one transaction, and answers when that is on the disk.
import { parentPort } from 'node:worker_threads';
import { DatabaseSync } from 'node:sqlite';
import type { Replica } from '../../domain/ports/replica.ts';
import { type Shares, StoreError } from '../../domain/ports/store.ts';
import { HALF_IMPORTED } from '../../domain/ports/transfer.ts';
import type { GroupReply, RulePart } from '../rules/parts.ts';
import { Batches, type BatchOptions } from './batches.ts';
import type { Counts, UserUsage } from '../memory.ts';
import type { GroupFailure } from '../results.ts';
import { migrate } from './migrations.ts';
import { openPrivately } from './private-database.ts';
import { Statements } from './statements.ts';
import { importMark } from './import-mark.ts';

export interface OpenRequest extends BatchOptions {
  type: 'open';
  file: string;
  /** Used when the store is new. */
  instanceId: string;
}
/** A replica begins. */
export interface EnterRequest {
  type: 'enter';
  bootId: string;
  replica: Replica;
  now: number;
}
export interface CommitRequest {
  type: 'commit';
  /** When they are carried out. */
  now: number;
  groups: (readonly RulePart[])[];
}
export type WriterRequest =
  | OpenRequest
  | EnterRequest
  | CommitRequest
  | { type: 'expire_keys'; before: number }
  | { type: 'shares'; shares: Shares }
  | { type: 'probe'; now: number }
  | { type: 'close' };

export type WriterReply =
  | {
      type: 'opened';
      instanceId: string;
      counts: Counts;
      users: UserUsage[];
      deliveries: DeliveryCounts;
    }
  | {
      type: 'committed';
      replies: (GroupReply | GroupFailure)[];
      counts: Counts;
      /** Those for whom something has changed. */
      users: UserUsage[];
      deliveries: DeliveryCounts;
      seconds: number;
    }
  | { type: 'entered'; epoch: number }
  | { type: 'expired'; count: number }
  | { type: 'shared' }
  | { type: 'probed' }
  | { type: 'closed' }
  /** `isFatal`: what has been answered may not be on the disk; the writer takes nothing more. */
  | { type: 'failed'; message: string; isFatal: boolean };

/** Deliveries that wait, and those that were dropped. */
export interface DeliveryCounts {
  pending: number;
  dropped: number;
}

// Primary result codes (https://www.sqlite.org/rescode.html) that concern the whole file, not one group.
const SQLITE_IOERR = 10;
const SQLITE_FULL = 13;
const SQLITE_IOERR_FSYNC = 1034;
const SQLITE_IOERR_DIR_FSYNC = 1290;

const BUSY_MS = 10_000;

let db: DatabaseSync | null = null;
let statements: Statements | null = null;
let writer: Batches | null = null;

function open(request: OpenRequest): WriterReply {
  // The command that manages keys writes now and then too.
  db = openPrivately(request.file, BUSY_MS);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 2000');
  migrate(db, request.file);
  if (importMark(db)?.isDone === false) throw new StoreError(HALF_IMPORTED);
  db.exec('BEGIN IMMEDIATE');
  statements = new Statements(db);
  statements.run(`INSERT OR IGNORE INTO meta (name, value) VALUES ('instance_id', ?)`, request.instanceId);
  const { value } = statements.one(`SELECT value FROM meta WHERE name = 'instance_id'`) as { value: string };
  db.exec('COMMIT');
  writer = new Batches(statements, request);
  const { memory } = writer;
  const counts = memory.toCounts();
  return {
    type: 'opened',
    instanceId: value,
    counts,
    users: memory.allUsers(),
    deliveries: memory.toDeliveries(),
  };
}

/** Its earlier epochs are over with that. */
function enter(
  statements: Statements,
  { bootId, replica: { name, leaseMs }, now }: EnterRequest,
): WriterReply {
  const { db } = statements;
  db.exec('BEGIN IMMEDIATE');
  statements.run('UPDATE epochs SET until = 0 WHERE replica = ? AND until IS NOT 0', name);
  const insert = 'INSERT INTO epochs (boot_id, opened_at, replica, until) VALUES (?, ?, ?, ?)';
  const until = leaseMs === null ? null : now + leaseMs;
  const { lastInsertRowid } = statements.run(insert, bootId, now, name, until);
  db.exec('COMMIT');
  return { type: 'entered', epoch: Number(lastInsertRowid) };
}

type Committed = Extract<WriterReply, { type: 'committed' }>;

function commit(
  db: DatabaseSync,
  writer: Batches,
  { groups, now }: Omit<CommitRequest, 'type'>,
): WriterReply {
  const started = performance.now();
  try {
    db.exec('BEGIN IMMEDIATE');
    const replies = writer.apply(groups, now);
    db.exec('COMMIT');
    return committed(writer, replies, started);
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    writer.undone();
    if (isFileError(error)) return failed(error);
    if (groups.length === 1) {
      return committed(writer, [{ status: 'failed', message: messageOf(error) }], started);
    }
  }
  // One group among them broke the transaction: each gets its own, so that only that one fails.
  const replies: (GroupReply | GroupFailure)[] = [];
  const users = new Map<string, UserUsage>();
  for (const group of groups) {
    const alone = commit(db, writer, { groups: [group], now });
    if (alone.type !== 'committed') return alone;
    replies.push(...alone.replies);
    for (const one of alone.users) users.set(one[0], one);
  }
  return { ...committed(writer, replies, started), users: [...users.values()] };
}

function committed(writer: Batches, replies: (GroupReply | GroupFailure)[], started: number): Committed {
  const users = writer.committed();
  const seconds = (performance.now() - started) / 1000;
  const { memory } = writer;
  return {
    ...{ type: 'committed', replies, users, seconds },
    ...{ counts: memory.toCounts(), deliveries: memory.toDeliveries() },
  };
}

function isFileError(error: unknown): boolean {
  const code = codeOf(error) & 0xff;
  return code === SQLITE_IOERR || code === SQLITE_FULL;
}

function failed(error: unknown): WriterReply {
  // After a failed fsync the kernel may have dropped the dirty pages: a second one would lie (cf. PostgreSQL, 2018).
  const isFatal = [SQLITE_IOERR_FSYNC, SQLITE_IOERR_DIR_FSYNC].includes(codeOf(error));
  return { type: 'failed', message: messageOf(error), isFatal };
}

const codeOf = (error: unknown): number => (error as { errcode?: number }).errcode ?? 0;
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function answer(request: WriterRequest): WriterReply {
  if (request.type === 'open') return open(request);
  if (request.type === 'close') {
    db?.close();
    return { type: 'closed' };
  }
  if (db === null || statements === null || writer === null) throw new Error('the store is not open');
  if (request.type === 'enter') return enter(statements, request);
  if (request.type === 'commit') return commit(db, writer, request);
  if (request.type === 'shares') {
    writer.setShares(request.shares);
    return { type: 'shared' };
  }
  if (request.type === 'probe') {
    statements.run(`INSERT OR REPLACE INTO meta (name, value) VALUES ('probed_at', ?)`, String(request.now));
    return { type: 'probed' };
  }
  const { changes } = statements.run('DELETE FROM idempotency WHERE expires_at <= ?', request.before);
  return { type: 'expired', count: Number(changes) };
}

parentPort?.on('message', (request: WriterRequest) => {
  let reply: WriterReply;
  try {
    reply = answer(request);
  } catch (error) {
    reply = failed(error);
  }
  parentPort?.postMessage(reply);
  if (request.type === 'close') parentPort?.close();
});
