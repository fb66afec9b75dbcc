// Following the logs of all steps of a plan. This log has no place to go on at: after a broken connection it begins again, and
// what has been seen of each step is left out.
import { bytesOf } from './bytes.ts';
import { urlOf } from './calls.ts';
import { connection, Reconnects } from './connections.ts';
import { jsonLines } from './lines.ts';
import type { LogSource } from './logs.ts';
import type { PlanLogEnd, PlanLogQuery, PlanLogRecord } from './types.ts';

export interface PlanLogChunk extends PlanLogRecord {
  bytes: Uint8Array;
}

export interface PlanLogOptions extends PlanLogQuery {
  /** Go on until the plan has ended. */
  follow?: boolean;
  signal?: AbortSignal;
}

export async function* planLog(
  source: LogSource,
  id: string,
  { signal, ...query }: PlanLogOptions,
): AsyncGenerator<PlanLogChunk, PlanLogEnd> {
  const path = `/v1/plans/${encodeURIComponent(id)}/logs`;
  const url = urlOf(source.transport.url, path, { ...query, format: 'ndjson' });
  const reconnects = new Reconnects(source, signal);
  const seen = new Map<string, number>();
  let isDone = false;
  for (;;) {
    let isNew = false;
    const chunks = connection(source, { url, signal }, read);
    let next = await chunks.next();
    for (; next.done !== true; next = await chunks.next()) {
      if (!isUnseen(next.value, seen)) continue;
      isNew = true;
      yield next.value;
    }
    const { end, reason, isSilent } = next.value;
    if (end !== null && (end.complete || query.follow !== true || isDone)) return end;
    if (end !== null) isDone = await source.isDone(signal);
    if (isNew) reconnects.progress();
    if (!isSilent && (end === null || !isDone)) await reconnects.wait(reason);
  }
}

/** Whether a piece is new, which is noted. */
function isUnseen({ step, attempt, cursor }: PlanLogChunk, seen: Map<string, number>): boolean {
  const key = `${attempt} ${step}`;
  const offset = Number(cursor.split('.')[1]);
  if (offset <= (seen.get(key) ?? 0)) return false;
  seen.set(key, offset);
  return true;
}

async function* read(
  body: ReadableStream<Uint8Array> | null,
  feed: () => void,
): AsyncGenerator<PlanLogChunk, PlanLogEnd | null> {
  if (body === null) return null;
  for await (const lines of jsonLines(body, feed)) {
    for (const line of lines as (PlanLogEnd | PlanLogRecord)[]) {
      if ('end' in line) return line;
      yield Object.assign(line, { bytes: bytesOf(line) });
    }
  }
  return null;
}
