// Listings: from a query to a filter, and the cursor that ties the next page to the same filter.
import { hash } from 'node:crypto';
import { RefusedError } from '../domain/errors.ts';
import { isExecutionId } from '../domain/ids.ts';
import type { ListFilter } from '../domain/ports.ts';
import type { ListQuery } from './schemas.ts';

const CURSOR_VERSION = 1;

export function toFilter(userId: string, query: Partial<Omit<ListQuery, 'limit' | 'cursor'>>): ListFilter {
  return {
    userId,
    status: query.status,
    phase: query.phase?.map((phase) => (phase === 'running' ? 'starting' : phase)),
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

/** Opaque: version, last id, hash of the filter. */
export function cursorAfter(lastId: string, filter: ListFilter): string {
  return Buffer.from(JSON.stringify([CURSOR_VERSION, lastId, filterHash(filter)])).toString('base64url');
}

/** @throws RefusedError `invalid_cursor` for anything that was not made for this filter */
export function readCursor(cursor: string, filter: ListFilter): string {
  const [version, lastId, ofFilter] = decode(cursor);
  if (version !== CURSOR_VERSION || typeof lastId !== 'string' || !isExecutionId(lastId)) {
    throw new RefusedError('invalid_cursor', 'The cursor was not made by this server.');
  }
  if (ofFilter !== filterHash(filter)) {
    throw new RefusedError('invalid_cursor', 'The cursor belongs to a listing with other filters.');
  }
  return lastId;
}

function decode(cursor: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function filterHash(filter: ListFilter): string {
  return hash('sha256', JSON.stringify(Object.entries(filter).sort()), 'base64url').slice(0, 16);
}
