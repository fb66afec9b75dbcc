// Logs for agents: bounded, and marked where they go on.
import type { Execd, LogOptions } from '../client/index.ts';
import { plain } from './results.ts';

/** Bytes that one call of read_log returns. */
const MAX_BYTES = 32_768;

export interface LogPart {
  text: string;
  /** Where a next call goes on; null when nothing was written yet. */
  next: string | null;
  /** Whether more of it was written. */
  hasMore: boolean;
  /** Whether the execution has ended, and with it the log. */
  isComplete: boolean;
}

export async function readLog(client: Execd, id: string, options: LogOptions): Promise<LogPart> {
  const log = client.logs(id, { ...options, limit_bytes: MAX_BYTES });
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  let next = options.cursor ?? null;
  for await (const chunk of log) {
    text += decoder.decode(chunk.bytes, { stream: true });
    bytes += chunk.bytes.length;
    next = chunk.cursor;
  }
  return {
    text: plain(text + decoder.decode()),
    next,
    hasMore: bytes >= MAX_BYTES,
    isComplete: log.end?.complete ?? false,
  };
}

/** Bytes of a log that a resource holds. */
const MAX_RESOURCE_BYTES = 1_048_576;

/** A whole log, as far as a resource holds it: text, or bytes that are not. */
export async function wholeLog(
  client: Execd,
  id: string,
  stream: 'all' | 'stdout' | 'stderr',
  signal: AbortSignal,
): Promise<{ text: string } | { blob: string }> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const { bytes } of client.logs(id, { stream, limit_bytes: MAX_RESOURCE_BYTES, signal })) {
    pieces.push(bytes);
    size += bytes.length;
  }
  const bytes = Buffer.concat(pieces);
  const isCut = size >= MAX_RESOURCE_BYTES;
  const text = textOf(bytes, isCut);
  if (text === null) return { blob: bytes.toString('base64') };
  return {
    text: isCut ? `${text}\n[execd: truncated after ${size} bytes; call read_log for the end]\n` : text,
  };
}

/** Null for bytes that are not UTF-8. What was cut may end within a character. */
function textOf(bytes: Uint8Array, isCut: boolean): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: isCut });
  } catch {
    return null;
  }
}
