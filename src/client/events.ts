// Streams of events (server-sent events) that go on where they were: every event once, in order, over broken connections and
// restarts of the server.
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { BrokenStreamError, connection, Reconnects, type Source } from './connections.ts';
import { problemError } from './errors.ts';
import type { Problem } from './types.ts';

/** A message of a stream: its id is where to go on, `after` of a later call. */
export interface Message<Data> {
  id: string;
  type: string;
  data: Data;
}

export interface StreamOptions extends Source {
  url: URL;
  signal: AbortSignal | undefined;
  /** Whether a message of this type is the last one of the stream. */
  isLast: (type: string, data: unknown) => boolean;
}

export async function* messages<Data>(options: StreamOptions): AsyncGenerator<Message<Data>, void> {
  const { url, signal } = options;
  const place = { id: '' };
  const reconnects = new Reconnects(options, signal);
  for (;;) {
    const before = place.id;
    const headers = {
      accept: 'text/event-stream',
      ...(place.id === '' ? {} : { 'last-event-id': place.id }),
    };
    const { end, reason } = yield* connection(options, { url, headers, signal }, (body, feed) =>
      read<Data>(body, { feed, place, isLast: options.isLast }),
    );
    if (end !== null) return;
    if (place.id !== before) reconnects.progress();
    await reconnects.wait(reason);
  }
}

async function* read<Data>(
  body: ReadableStream<Uint8Array> | null,
  { feed, place, isLast }: { feed: () => void; place: { id: string } } & Pick<StreamOptions, 'isLast'>,
): AsyncGenerator<Message<Data>, 'over' | null> {
  if (body === null) return 'over';
  for await (const { event = 'message', data } of parsed(body, feed, place)) {
    const value = JSON.parse(data) as Data;
    if (event === 'problem') throwProblem(value as Problem);
    else yield { id: place.id, type: event, data: value };
    if (isLast(event, value)) return 'over';
  }
  return null;
}

/** One that passes breaks the stream, which then goes on. */
function throwProblem(problem: Problem): never {
  if (problem.retryable) throw new BrokenStreamError(problem.detail);
  throw problemError(new Response(null, { status: problem.status }), problem);
}

/** The messages of a body, in order. An id counts from its message on, also one that comes without a message. */
async function* parsed(
  body: ReadableStream<Uint8Array>,
  feed: () => void,
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
      feed();
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
