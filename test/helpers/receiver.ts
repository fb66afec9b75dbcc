// A receiver of webhooks that answers as the test says.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  text: string;
  body: { id: string; type: string; subject: string; data: Record<string, unknown>; [name: string]: unknown };
}

export interface Receiver {
  url: string;
  received: Received[];
  /** How it answers; the default is 204. */
  answer: (request: Received, response: ServerResponse) => void;
  close(): Promise<void>;
}

export async function receiver(t: Test, port = 0): Promise<Receiver> {
  const one: Receiver = {
    url: '',
    received: [],
    answer: (_request, response) => response.writeHead(204).end(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const server = createServer((request: IncomingMessage, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    request.on('end', () => {
      const { url: path = '', headers } = request;
      const received = { path, headers, text, body: JSON.parse(text) as Received['body'] };
      one.received.push(received);
      one.answer(received, response);
    });
  });
  t.teardown(() => one.close());
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  one.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return one;
}
