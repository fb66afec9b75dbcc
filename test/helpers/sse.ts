// A client of event streams that does no more than the standard says, and tells what it has seen.
import { get, type IncomingMessage } from 'node:http';

export interface Message {
  id: string;
  event: string;
  data: Record<string, unknown>;
}

export interface EventStream {
  status: number;
  headers: IncomingMessage['headers'];
  messages: Message[];
  /** Comment lines. */
  comments: string[];
  /** The id that the client would send when it comes again. */
  lastId: string;
  /** Resolves when there is such a message, or the stream has ended without one. */
  until(isIt: (message: Message) => boolean): Promise<Message | undefined>;
  /** Resolves at the end of the stream, however it ends; false when it was not a good one. */
  ended: Promise<boolean>;
  /** Hangs up. */
  cut(): void;
  /** Stops to read. */
  pause(): void;
  resume(): void;
}

/** Opens a stream; resolves when it is answered. */
export function openStream(url: string, headers: Record<string, string> = {}): Promise<EventStream> {
  return new Promise((resolve, reject) => {
    const request = get(url, { headers, agent: false }, (response) => {
      const waiting = new Set<() => void>();
      const stream: EventStream = {
        status: response.statusCode ?? 0,
        headers: response.headers,
        messages: [],
        comments: [],
        lastId: headers['last-event-id'] ?? '',
        until: (isIt) =>
          new Promise((found) => {
            let isOver = false;
            const look = () => {
              const message = stream.messages.find(isIt);
              if (message === undefined && !isOver) return;
              waiting.delete(look);
              found(message);
            };
            waiting.add(look);
            void stream.ended.then(() => {
              isOver = true;
              look();
            });
            look();
          }),
        ended: new Promise((end) => {
          response.on('close', () => end(response.complete));
        }),
        cut: () => response.destroy(),
        pause: () => response.pause(),
        resume: () => response.resume(),
      };
      let rest = '';
      response.setEncoding('utf8');
      response.on('error', () => undefined);
      response.on('data', (text: string) => {
        rest += text;
        const blocks = rest.split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) take(stream, block);
        for (const look of [...waiting]) look();
      });
      resolve(stream);
    });
    request.on('error', reject);
  });
}

function take(stream: EventStream, block: string): void {
  let [event, data] = ['message', ''];
  for (const line of block.split('\n')) {
    const at = line.indexOf(':');
    const [field, value] = [line.slice(0, at), line.slice(at + 1).replace(/^ /, '')];
    if (field === '') stream.comments.push(value);
    else if (field === 'id') stream.lastId = value;
    else if (field === 'event') event = value;
    else if (field === 'data') data += value;
  }
  if (data !== '')
    stream.messages.push({
      id: stream.lastId,
      event,
      data: JSON.parse(data) as Record<string, unknown>,
    });
}

/** All messages of a stream that ends by itself. */
export async function allMessages(url: string, headers: Record<string, string> = {}): Promise<Message[]> {
  const stream = await openStream(url, headers);
  if (!(await stream.ended)) throw new Error('the stream broke off');
  return stream.messages;
}

/** Bytes of output messages, in their order. */
export function outputOf(messages: readonly Message[], stream?: string): Buffer {
  const pieces = messages.filter(
    ({ event, data }) => event === 'output' && (stream === undefined || data.stream === stream),
  );
  return Buffer.concat(
    pieces.map(({ data }) =>
      'text' in data ? Buffer.from(data.text as string) : Buffer.from(data.base64 as string, 'base64'),
    ),
  );
}
