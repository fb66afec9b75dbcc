// Listings: from a query to a filter, and the cursor that ties the next page to the same filter.
import { hash } from 'node:crypto';
import { RefusedError } from '../../domain/errors.ts';
import { isExecutionId } from '../../domain/ids.ts';
import type { ListFilter } from '../../domain/ports/store.ts';
import type { ListQuery } from './schemas.ts';

const CURSOR_VERSION = 1;

export function toFilter(userId: string, query: Partial<Omit<ListQuery, 'limit' | 'cursor'>>): ListFilter {
  return {
    userId,
    status: query.status,
    phase: query.phase?.map((phase) => (phase === 'running' ? 'starting' : phase)),
    errorCode: query.error_code,
    cause: query.cause,
    kind: query.kind,
    operation: query.operation,
    taskId: query.task_id,
    planId: query.plan_id,
    step: query.step,
    label: query.label,
    createdFrom: query.created_after,
    createdTo: query.created_before,
    finishedFrom: query.finished_after,
    finishedTo: query.finished_before,
  };
}

/** Opaque: version, last id or position, hash of the filter. */
export function cursorAfter(last: string | number, filter: object): string {
  return Buffer.from(JSON.stringify([CURSOR_VERSION, last, filterHash(filter)])).toString('base64url');
}

/** @throws RefusedError `invalid_cursor` for anything that was not made for this filter */
export function readCursor(cursor: string, filter: ListFilter): string {
  const lastId = read(cursor, filter);
  if (typeof lastId !== 'string' || !isExecutionId(lastId)) throw notOurs();
  return lastId;
}

/** The same for a listing in the order of texts. */
export function readPlace(cursor: string, filter: object): string {
  const last = read(cursor, filter);
  if (typeof last !== 'string') throw notOurs();
  return last;
}

/** The same for a listing in the order of positions. */
export function readPosition(cursor: string, filter: object): number {
  const last = read(cursor, filter);
  if (typeof last !== 'number' || !Number.isSafeInteger(last)) throw notOurs();
  return last;
}

function read(cursor: string, filter: object): unknown {
  const [version, last, ofFilter] = decode(cursor);
  if (version !== CURSOR_VERSION) throw notOurs();
  if (ofFilter !== filterHash(filter)) {
    throw new RefusedError(
      'invalid_cursor',
      'The cursor belongs to a list with other filters. Send the same filters, or leave out the cursor.',
    );
  }
  return last;
}

function notOurs(): RefusedError {
  return new RefusedError(
    'invalid_cursor',
    'The cursor is not one that this server returned as next_cursor.',
  );
}

function decode(cursor: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function filterHash(filter: object): string {
  return hash(
    'sha256',
    JSON.stringify(Object.entries(filter).sort(([a], [b]) => (a < b ? -1 : 1))),
    'base64url',
  ).slice(0, 16);
}
