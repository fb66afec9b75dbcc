// Streams of events (server-sent events) that go on where they were: every event once, in order, over broken connections and
// restarts of the server.
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { ConnectionError, problemError } from './errors.ts';
import { Backoff, bodyOf, type Transport } from './transport.ts';
import { Watchdog } from './time.ts';
import type { Problem } from './types.ts';

/** A message of a stream: its id is where to go on, `after` of a later call. */
export interface Message<Data> {
  id: string;
  type: string;
  data: Data;
}

export interface StreamOptions {
  transport: Transport;
  /** For how long a server may be away. */
  outageMs: number;
  url: URL;
  signal: AbortSignal | undefined;
  /** Whether a message of this type is the last one of the stream. */
  isLast: (type: string, data: unknown) => boolean;
}

/** A stream in which nothing happens has a comment every 15 seconds. */
const SILENCE_MS = 45_000;

interface Ended {
  isOver: boolean;
  reason: unknown;
}

export async function* messages<Data>(options: StreamOptions): AsyncGenerator<Message<Data>, void> {
  const { transport, outageMs, signal } = options;
  const place = { id: '' };
  const backoff = new Backoff();
  let seenAt = transport.clock.now();
  for (let tries = 1; ; tries++) {
    const before = place.id;
    const { isOver, reason } = yield* connection<Data>(options, place);
    if (isOver) return;
    if (place.id !== before) {
      backoff.reset();
      seenAt = transport.clock.now();
    }
    if (transport.clock.now() - seenAt > outageMs) throw new ConnectionError(transport.url, reason);
    await transport.pause({ reason, delayMs: backoff.nextMs(), tries }, signal);
  }
}

async function* connection<Data>(
  { transport, outageMs, url, signal, isLast }: StreamOptions,
  place: { id: string },
): AsyncGenerator<Message<Data>, Ended> {
  const watchdog = new Watchdog(transport.clock, SILENCE_MS);
  const signals = [signal, watchdog.signal].filter((one) => one !== undefined);
  try {
    const headers = {
      accept: 'text/event-stream',
      ...(place.id === '' ? {} : { 'last-event-id': place.id }),
    };
    const request = new Request(url, { headers, signal: AbortSignal.any(signals) });
    const response = await transport.send(request, {
      retryMs: outageMs,
      timeoutMs: SILENCE_MS,
      isStream: true,
    });
    if (response.status === 204) return { isOver: true, reason: null };
    if (!response.ok || response.body === null) throw problemError(response, await bodyOf(response));
    for await (const { event = 'message', data } of parsed(response.body, watchdog, place)) {
      const value = JSON.parse(data) as Data;
      if (event === 'problem') throwUnlessPassing(value as Problem);
      else yield { id: place.id, type: event, data: value };
      if (isLast(event, value)) return { isOver: true, reason: null };
    }
    return { isOver: false, reason: new Error('the server ended the stream') };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof PassingProblem || error instanceof TypeError || watchdog.isLate)
      return { isOver: false, reason: error };
    if (error instanceof DOMException) return { isOver: false, reason: error };
    throw error;
  } finally {
    watchdog.stop();
  }
}

class PassingProblem extends Error {}

function throwUnlessPassing(problem: Problem): void {
  if (problem.retryable) throw new PassingProblem(problem.detail);
  throw problemError(new Response(null, { status: problem.status }), problem);
}

/** The messages of a body, in order. An id counts from its message on, also one that comes without a message. */
async function* parsed(
  body: ReadableStream<Uint8Array>,
  watchdog: Watchdog,
  place: { id: string },
): AsyncGenerator<EventSourceMessage> {
  let ready: (EventSourceMessage | string)[] = [];
  const parser = createParser({
    onId: (id) => ready.push(id),
    onEvent: (message) => ready.push(message),
  });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      watchdog.feed();
      parser.feed(decoder.decode(value, { stream: true }));
      const batch = ready;
      ready = [];
      for (const one of batch) {
        if (typeof one === 'string') place.id = one;
        else yield one;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
