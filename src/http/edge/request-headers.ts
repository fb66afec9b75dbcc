// Request headers with a grammar of their own.
import { RefusedError } from '../../domain/errors.ts';
import type { Trace } from '../../domain/execution/execution.ts';

/** Seconds of `Prefer: wait=N` (RFC 7240), at most `maxS`; null when it is not asked for. Other preferences are ignored. */
export function preferredWait(header: string | undefined, maxS: number): number | null {
  const wait = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])/i.exec(header ?? '')?.[1];
  return wait === undefined ? null : Math.min(Number(wait), maxS);
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** The trace of a request (https://www.w3.org/TR/trace-context/); null, to start a new one, when it has no valid one. */
export function readTraceparent(header: string | string[] | undefined): Trace | null {
  if (typeof header !== 'string') return null;
  const [, version, traceId, parentId, flags, more] = TRACEPARENT.exec(header) ?? [];
  if (version === undefined || traceId === undefined || parentId === undefined || flags === undefined)
    return null;
  if (version === 'ff' || (version === '00' && more !== undefined)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return null;
  return { traceId, parentId, flags };
}

export interface ByteRange {
  first: number;
  /** Inclusive. */
  last: number;
}

/**
 * One byte range (RFC 9110 §14.1.2).
 *
 * @throws RefusedError `invalid_range` for another unit, several ranges or bad syntax; `range_not_satisfiable` when it
 *   lies outside
 */
export function readRange(header: string, size: number): ByteRange {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim()) ?? [];
  if (from === '' && to === '')
    throw new RefusedError('invalid_range', 'Range must be one range of bytes, for example bytes=0-1023.');
  if (from !== '' && to !== '' && Number(to) < Number(from)) {
    throw new RefusedError('invalid_range', 'The last byte of the Range is before its first byte.');
  }
  const first = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (first >= size || (from === '' && Number(to) === 0)) {
    throw new RefusedError('range_not_satisfiable', `The log has ${size} bytes.`);
  }
  return { first, last };
}

/** True when one of the tags of If-None-Match is this one; compared weakly (RFC 9110 §13.1.2). */
export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  const strong = (tag: string) => tag.trim().replace(/^W\//, '');
  return header.trim() === '*' || header.split(',').some((tag) => strong(tag) === strong(etag));
}

/** Browsers ask for HTML by its name; programs for JSON, or for anything. */
export function wantsPage(accept: string | undefined): boolean {
  return accept !== undefined && /\btext\/html\b/i.test(accept);
}
