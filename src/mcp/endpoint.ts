// MCP over HTTP (streamable HTTP), without sessions: each request is served by itself. Clients of 2025 cancel a call by a second
// request; so that it finds the call, `initialize` hands out an id that later requests repeat. Only calls that are under way are
// kept, by user, that id, and the id of the call.
import { randomUUID } from 'node:crypto';
import { createMcpHandler, isLegacyRequest, type RequestId } from '@modelcontextprotocol/server';
import { connect } from '../client/index.ts';
import type { ClientClock } from '../client/time.ts';
import { buildMcpServer } from './server.ts';

export interface EndpointOptions {
  clock: ClientClock;
  version: string;
  onError: (error: Error) => void;
}

/** One request to the endpoint. */
export interface McpCall {
  request: Request;
  body: unknown;
  userId: string;
  /** Sends a request to the API, as the caller. */
  fetch: (request: Request) => Promise<Response>;
}

const SESSION = 'mcp-session-id';
/** Nothing is behind it: requests do not leave the process. */
const ORIGIN = 'http://execd.internal';

export class McpEndpoint {
  readonly #options: EndpointOptions;
  /** Calls under way. */
  readonly #calls = new Map<string, AbortController>();

  constructor(options: EndpointOptions) {
    this.#options = options;
  }

  /** Calls under way that could be cancelled by a request. */
  get size(): number {
    return this.#calls.size;
  }

  async serve({ request, body, userId, fetch }: McpCall): Promise<Response> {
    const { clock, version, onError } = this.#options;
    const session = request.headers.get(SESSION);
    const keyOf = (id: unknown) => (session === null ? null : JSON.stringify([userId, session, id]));
    const isLegacy = await isLegacyRequest(request, body);
    if (isLegacy && messagesOf(body).length === 1) this.#cancel(messagesOf(body)[0], keyOf);
    const client = connect({ url: ORIGIN, fetch, retryMs: 0, outageMs: 0, clock });
    const handler = createMcpHandler(
      () =>
        buildMcpServer({
          ...{ client, clock, version },
          // Whoever loses the connection has not cancelled (2025-11-25); whoever closes the stream has (2026-07-28).
          goneCancels: !isLegacy,
          begin: (id) => this.#begin(isLegacy ? keyOf(id) : null),
        }),
      // A call may take long: its stream is kept alive.
      { responseMode: isCall(body) ? 'sse' : 'auto', onerror: onError },
    );
    const response = await handler.fetch(request, { parsedBody: body });
    if (isLegacy && isOf(body, 'initialize')) response.headers.set(SESSION, session ?? randomUUID());
    return response;
  }

  #begin(key: string | null): { cancelled: AbortSignal; end: () => void } {
    const controller = new AbortController();
    if (key !== null) this.#calls.set(key, controller);
    return {
      cancelled: controller.signal,
      end: () => {
        if (key !== null && this.#calls.get(key) === controller) this.#calls.delete(key);
      },
    };
  }

  #cancel(message: unknown, keyOf: (id: RequestId) => string | null): void {
    if (!isOf(message, 'notifications/cancelled')) return;
    const { requestId } = (message as { params?: { requestId?: RequestId } }).params ?? {};
    const key = requestId === undefined ? null : keyOf(requestId);
    if (key !== null) this.#calls.get(key)?.abort(new Error('The client cancelled the call.'));
  }
}

const messagesOf = (body: unknown): unknown[] => (Array.isArray(body) ? body : [body]);

const isOf = (message: unknown, method: string): boolean =>
  (message as { method?: unknown } | null | undefined)?.method === method;

const isCall = (body: unknown): boolean => messagesOf(body).some((one) => isOf(one, 'tools/call'));
