// Following the logs of all steps of a plan. This log has no place to go on at: after a broken connection it begins anew, and
// what has been seen of each step is left out.
import { bytesOf } from './bytes.ts';
import { ConnectionError, problemError } from './errors.ts';
import { jsonLines } from './lines.ts';
import type { LogSource } from './logs.ts';
import { Backoff, bodyOf } from './transport.ts';
import { Watchdog } from './time.ts';
import type { PlanLogEnd, PlanLogQuery, PlanLogRecord } from './types.ts';

export interface PlanLogChunk extends PlanLogRecord {
  bytes: Uint8Array;
}

export interface PlanLogOptions extends PlanLogQuery {
  /** Go on until the plan has ended. */
  follow?: boolean;
  signal?: AbortSignal;
}

const SILENCE_MS = 45_000;
const SILENCE = Symbol('silence');

export async function* planLog(
  source: LogSource,
  id: string,
  options: PlanLogOptions,
): AsyncGenerator<PlanLogChunk, PlanLogEnd> {
  const { transport, outageMs } = source;
  const backoff = new Backoff();
  const seen = new Map<string, number>();
  let isDone = false;
  let seenAt = transport.clock.now();
  for (let tries = 1; ; tries++) {
    let isNew = false;
    const chunks = connection(source, id, options);
    let next = await chunks.next();
    for (; next.done !== true; next = await chunks.next()) {
      if (!isUnseen(next.value, seen)) continue;
      isNew = true;
      yield next.value;
    }
    const { end, reason } = next.value;
    if (end !== null && (end.complete || options.follow !== true || isDone)) return end;
    if (end !== null) isDone = await source.isDone(options.signal);
    if (isNew) {
      backoff.reset();
      seenAt = transport.clock.now();
    }
    if (reason === SILENCE || (end !== null && isDone)) continue;
    if (transport.clock.now() - seenAt > outageMs) throw new ConnectionError(transport.url, reason);
    await transport.pause({ reason, delayMs: backoff.nextMs(), tries }, options.signal);
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

async function* connection(
  { transport, outageMs }: LogSource,
  id: string,
  { signal, ...query }: PlanLogOptions,
): AsyncGenerator<PlanLogChunk, { end: PlanLogEnd | null; reason: unknown }> {
  const url = new URL(`${transport.url}/v1/plans/${encodeURIComponent(id)}/logs`);
  for (const [name, value] of Object.entries({ ...query, format: 'ndjson' }))
    url.searchParams.set(name, String(value));
  const watchdog = new Watchdog(transport.clock, SILENCE_MS);
  const signals = [signal, watchdog.signal].filter((one) => one !== undefined);
  try {
    const request = new Request(url, { signal: AbortSignal.any(signals) });
    const response = await transport.send(request, {
      retryMs: outageMs,
      timeoutMs: SILENCE_MS,
      isStream: true,
    });
    if (!response.ok || response.body === null) throw problemError(response, await bodyOf(response));
    for await (const lines of jsonLines(response.body, () => watchdog.feed())) {
      for (const line of lines as (PlanLogEnd | PlanLogRecord)[]) {
        if ('end' in line) return { end: line, reason: new Error('the server ended the stream') };
        yield Object.assign(line, { bytes: bytesOf(line) });
      }
    }
    return { end: null, reason: new Error('the connection ended in the middle of the log') };
  } catch (error) {
    signal?.throwIfAborted();
    if (watchdog.isLate) return { end: null, reason: SILENCE };
    if (error instanceof TypeError || error instanceof DOMException || error instanceof SyntaxError)
      return { end: null, reason: error };
    throw error;
  } finally {
    watchdog.stop();
  }
}
