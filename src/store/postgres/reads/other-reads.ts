// Reads of what is beside executions: accounts, files, keys, kept results, circuits, reports, schedules.
import type { ApiKey } from '../../../domain/access/api-key.ts';
import { readJson } from '../../../domain/exact-json.ts';
import type { Account, CreditTotals, LedgerEntry } from '../../../domain/credits/account.ts';
import type { Window } from '../../../domain/cost.ts';
import type { ExecutionId } from '../../../domain/ids.ts';
import type { FileRole, FileUse, OwnedFile } from '../../../domain/ports/files.ts';
import type { CacheEntry, KeptState } from '../../../domain/ports/group.ts';
import type { StoredOperation } from '../../../domain/operations/stored.ts';
import type { Pause } from '../../../domain/pauses.ts';
import type { ReportWindow } from '../../../domain/ports/store.ts';
import type { Schedule, ScheduleRun } from '../../../domain/schedules/schedule.ts';
import { type EndRow, type EndsPiece, type EndsPlace, pieceOf } from '../../end-rows.ts';
import { type FileRow, toFile } from '../../file-rows.ts';
import { type ApiKeyRow, toApiKey } from '../../key-rows.ts';
import { type LedgerRow, toEntry } from '../../rows.ts';
import type { WindowRow } from '../../rules/facts.ts';
import { counted } from '../../rules/money.ts';
import { type ScheduleRow, type ScheduleRunRow, toSchedule, toScheduleRun } from '../../schedule-rows.ts';
import { CIRCUIT, OPERATION, PAUSE, SERIES } from '../../rows.ts';
import { bounded, type Reads } from './reads.ts';

export class AccountReader {
  readonly #reads: Reads;

  constructor(reads: Reads) {
    this.#reads = reads;
  }

  /** Null when the user never had a credit. */
  account(userId: string): Promise<Account | null> {
    const text = 'SELECT user_id AS "userId", balance, reserved FROM execd.accounts WHERE user_id = $1';
    return this.#reads.one(text, userId);
  }

  /** Newest first. */
  async entries(userId: string, limit: number, before: number | null): Promise<LedgerEntry[]> {
    const text =
      'SELECT * FROM execd.ledger WHERE user_id = $1 AND position < $2 ORDER BY position DESC LIMIT $3';
    const rows = await this.#reads.all<LedgerRow>(text, userId, before ?? Number.MAX_SAFE_INTEGER, limit);
    return rows.map(toEntry);
  }

  async grant(grantId: ExecutionId): Promise<LedgerEntry | null> {
    const text = `SELECT * FROM execd.ledger WHERE subject_id = $1 AND kind = 'grant'`;
    const row = await this.#reads.one<LedgerRow>(text, grantId);
    return row === null ? null : toEntry(row);
  }

  async dueCharges(shard: number, shards: number, limit: number): Promise<ExecutionId[]> {
    const text = `SELECT execution_id AS id FROM execd.reservations WHERE due IS NOT NULL AND seq % $1 = $2
      ORDER BY seq LIMIT $3`;
    return (await this.#reads.all<{ id: ExecutionId }>(text, shards, shard, limit)).map(({ id }) => id);
  }

  async windowCredits(userId: string, windows: readonly Window[], at: number): Promise<number> {
    const text = 'SELECT name, began_at, count FROM execd.windows WHERE user_id = $1 AND name = ANY($2)';
    const names = windows.map(({ name }) => name);
    const rows = await this.#reads.all<WindowRow & { name: string }>(text, userId, names);
    const known = new Map(rows.map((row) => [row.name, row]));
    return windows
      .filter((window) => counted(known.get(window.name), window, at).count % window.executions === 0)
      .reduce((sum, { credits }) => sum + credits, 0);
  }

  async totals(): Promise<CreditTotals> {
    const row = await this.#reads.one<CreditTotals>(
      `SELECT (SELECT coalesce(sum(reserved), 0) FROM execd.accounts) AS reserved,
        (SELECT count(*) FROM execd.reservations WHERE due IS NOT NULL) AS due`,
    );
    return row ?? { reserved: 0, due: 0 };
  }
}

export class FileReader {
  readonly #reads: Reads;

  constructor(reads: Reads) {
    this.#reads = reads;
  }

  files(ownerId: string, role: FileRole): Promise<OwnedFile[]> {
    return this.#files('owner_id = $1 AND role = $2 ORDER BY path', ownerId, role);
  }

  async file(ownerId: string, role: FileRole, path: string): Promise<OwnedFile | null> {
    const [file] = await this.#files('owner_id = $1 AND role = $2 AND path = $3', ownerId, role, path);
    return file ?? null;
  }

  async use(userId: string): Promise<{ own: FileUse; all: FileUse }> {
    const text = 'SELECT user_id, bytes, files FROM execd.file_use WHERE user_id IN ($1, $2)';
    const rows = await this.#reads.all<FileUse & { user_id: string }>(text, userId, '');
    const of = (name: string): FileUse => {
      const { bytes = 0, files = 0 } = rows.find(({ user_id }) => user_id === name) ?? {};
      return { bytes, files };
    };
    return { own: of(userId), all: of('') };
  }

  unused(limit: number): Promise<string[]> {
    return this.#digests('SELECT digest FROM execd.blobs WHERE refs = 0 LIMIT $1', limit);
  }

  known(): Promise<string[]> {
    return this.#digests('SELECT digest FROM execd.blobs');
  }

  uploads(
    { userId, expiredAt }: { userId: string | null; expiredAt: number | null },
    limit: number,
  ): Promise<OwnedFile[]> {
    return this.#files(
      `role = 'upload' AND ($1::text IS NULL OR user_id = $1) AND expires_at < $2 ORDER BY owner_id LIMIT $3`,
      ...[userId, bounded(expiredAt ?? Infinity), limit],
    );
  }

  async #digests(text: string, ...values: number[]): Promise<string[]> {
    return (await this.#reads.all<{ digest: string }>(text, ...values)).map(({ digest }) => digest);
  }

  async #files(where: string, ...values: (string | number | null)[]): Promise<OwnedFile[]> {
    return (await this.#reads.all<FileRow>(`SELECT * FROM execd.files WHERE ${where}`, ...values)).map(
      toFile,
    );
  }
}

/** What waits is due as soon as the run before has ended, or is gone. */
const DUE = `SELECT * FROM execd.schedules s WHERE wake_at <= $1 OR (waiting IS NOT NULL AND state = 'active'
    AND NOT EXISTS (SELECT 1 FROM execd.executions e WHERE e.id = s.last_id AND e.phase <> 'done'))
  ORDER BY wake_at IS NULL, wake_at, id LIMIT $2`;

export class ScheduleReader {
  readonly #reads: Reads;

  constructor(reads: Reads) {
    this.#reads = reads;
  }

  /** Those of a user, by name. */
  async ofUser(userId: string): Promise<Schedule[]> {
    const text = 'SELECT * FROM execd.schedules WHERE user_id = $1 ORDER BY name';
    return (await this.#reads.all<ScheduleRow>(text, userId)).map(toSchedule);
  }

  async named(userId: string, name: string): Promise<Schedule | null> {
    const text = 'SELECT * FROM execd.schedules WHERE user_id = $1 AND name = $2';
    const row = await this.#reads.one<ScheduleRow>(text, userId, name);
    return row === null ? null : toSchedule(row);
  }

  async due(now: number, limit: number): Promise<Schedule[]> {
    return (await this.#reads.all<ScheduleRow>(DUE, now, limit)).map(toSchedule);
  }

  async nextAt(): Promise<number | null> {
    const text = 'SELECT min(wake_at) AS next FROM execd.schedules';
    return (await this.#reads.one<{ next: number | null }>(text))?.next ?? null;
  }

  /** The latest due times first. */
  async runs(scheduleId: string, limit: number): Promise<ScheduleRun[]> {
    const text = 'SELECT * FROM execd.schedule_runs WHERE schedule_id = $1 ORDER BY due_at DESC LIMIT $2';
    return (await this.#reads.all<ScheduleRunRow>(text, scheduleId, limit)).map(toScheduleRun);
  }
}

/** Kept results, newest first. */
export async function readCache(reads: Reads, limit: number): Promise<CacheEntry[]> {
  const text = 'SELECT entry FROM execd.cache ORDER BY stored_at DESC LIMIT $1';
  return (await reads.all<{ entry: string }>(text, limit)).map(({ entry }) => readJson(entry) as CacheEntry);
}

export async function readCircuits(reads: Reads): Promise<KeptState[]> {
  const text = 'SELECT name, value FROM execd.meta WHERE starts_with(name, $1) ORDER BY name';
  const rows = await reads.all<{ name: string; value: string }>(text, CIRCUIT);
  return rows.map(({ name, value }) => ({ name: name.slice(CIRCUIT.length), state: value }));
}

export async function readSeries(reads: Reads, webhookId: string): Promise<string | null> {
  const text = 'SELECT value FROM execd.meta WHERE name = $1';
  const [row] = await reads.all<{ value: string }>(text, SERIES + webhookId);
  return row?.value ?? null;
}

export async function readOperations(reads: Reads): Promise<StoredOperation[]> {
  const text = 'SELECT value FROM execd.meta WHERE starts_with(name, $1) ORDER BY name COLLATE "C"';
  const rows = await reads.all<{ value: string }>(text, OPERATION);
  return rows.map(({ value }) => JSON.parse(value) as StoredOperation);
}

export async function readPauses(reads: Reads): Promise<Pause[]> {
  const text = 'SELECT value FROM execd.meta WHERE starts_with(name, $1) ORDER BY name';
  const rows = await reads.all<{ value: string }>(text, PAUSE);
  return rows.map(({ value }) => JSON.parse(value) as Pause);
}

export const ALL_API_KEYS = 'SELECT * FROM execd.api_keys ORDER BY created_at, id';

/** All API keys; null when nothing but their use has changed since that version. */
export async function readApiKeys(
  reads: Reads,
  knownVersion: number,
): Promise<{ version: number; keys: ApiKey[] } | null> {
  const text = `SELECT value FROM execd.meta WHERE name = 'keys_version'`;
  const version = Number((await reads.one<{ value: string }>(text))?.value ?? 0);
  if (version === knownVersion) return null;
  return { version, keys: (await reads.all<ApiKeyRow>(ALL_API_KEYS)).map(toApiKey) };
}

const ENDS = `SELECT e.id, coalesce(e.operation, e.kind) AS type, e.status, e.outcome, e.created_at, e.finished_at,
    a.claimed_at, a.started_at, a.ended_at, coalesce(a.attempts, 0) AS attempts,
    (e.timeouts::json #> '{monitor,told}')::text AS told
  FROM (SELECT id, run_id, operation, kind, status, outcome, created_at, finished_at, attempt, timeouts FROM execd.executions
    WHERE user_id = $1 AND finished_at IS NOT NULL AND finished_at >= $2 AND (finished_at, id) < ($3, $4)
    AND ($5::text IS NULL OR operation = $5) ORDER BY finished_at DESC, id DESC LIMIT $6) e
  LEFT JOIN LATERAL (SELECT min(claimed_at) AS claimed_at, min(started_at) AS started_at, max(ended_at) AS ended_at,
    count(outcome) AS attempts FROM execd.attempts WHERE run_id = e.run_id AND e.attempt > 0) a ON TRUE
  ORDER BY e.finished_at DESC, e.id DESC`;

/** Ends of a user in a window of time, newest first. */
export async function readEnds(
  reads: Reads,
  { userId, from, operation }: ReportWindow,
  before: EndsPlace,
  limit: number,
): Promise<EndsPiece> {
  const place = [bounded(from), bounded(before.finishedAt), before.id] as const;
  const rows = await reads.all<EndRow>(ENDS, userId, ...place, operation, limit);
  return pieceOf(rows, limit);
}
