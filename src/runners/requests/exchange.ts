// One request and its answer, on one connection. Built on node:http, which gives an interim answer and a broken body the
// meaning that they have on the wire; connections are made by the guard's connector only.
//
// Connections are used again for safe methods alone: the other side may close a kept one at any time, and a request that
// was sent at that moment may have been carried out or not. A safe one is then simply sent again.
import type { Buffer } from 'node:buffer';
import { Agent, type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as SecureAgent, request as requestHttps, type RequestOptions } from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Guard, Peer } from './egress-guard.ts';
import type { Connected, Connector } from './guarded-connect.ts';
import { authority, codeOf, exchangeError, RequestError } from './request-error.ts';
import { type AnswerHead, collectHeaders, type Message, peerOf } from './request-message.ts';

export interface ExchangeListener {
  head(head: AnswerHead): void;
  data(bytes: Buffer): void;
  /** The whole answer has been received. */
  end(): void;
  failed(error: Error): void;
  /** Something was sent. */
  active(): void;
}

/** Headers of an answer, all together. */
const MAX_HEADER_BYTES = 65_536;
/** The body is sent in pieces, so that one sees it getting on. */
const PIECE_BYTES = 65_536;
/** How long an unused connection is kept, milliseconds: shorter than most servers keep it. */
const KEEP_MS = 4000;
const MAX_KEPT_PER_HOST = 256;
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const METHODS_WITH_CONTENT: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);
/** What a kept connection fails with when the other side has closed it. */
const CLOSED: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);

/** Opens the connection of one request; handed through node:http in its options. */
interface OwnConnection {
  open: (done: Connected) => void;
}

function createConnection(options: object, done: (error: Error | null, socket: Duplex) => void): undefined {
  (options as OwnConnection).open((error, socket) => done(error, socket as Socket));
}

/** What exchanges share: the guard, the connector, and the connections that are kept. */
export class Connections {
  readonly guard: Guard;
  readonly connector: Connector;
  readonly #plain: Agent;
  readonly #secure: SecureAgent;

  constructor(guard: Guard, connector: Connector) {
    this.guard = guard;
    this.connector = connector;
    const options = { keepAlive: true, timeout: KEEP_MS, maxFreeSockets: MAX_KEPT_PER_HOST };
    this.#plain = Object.assign(new Agent(options), { createConnection });
    this.#secure = Object.assign(new SecureAgent(options), { createConnection });
  }

  kept(protocol: string): Agent {
    return protocol === 'https:' ? this.#secure : this.#plain;
  }

  close(): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }
}

export class Exchange {
  readonly #connections: Connections;
  readonly #message: Message;
  readonly #listener: ExchangeListener;
  readonly #peer: Peer;
  #request: ClientRequest;
  #response: IncomingMessage | null = null;
  #giveUpConnecting: () => void = () => undefined;
  #isOver = false;

  /** Sends the message. Throws when it must not be sent to where it goes. */
  constructor(connections: Connections, message: Message, listener: ExchangeListener) {
    this.#connections = connections;
    this.#message = message;
    this.#listener = listener;
    this.#peer = peerOf(message.url);
    // A kept connection would hide that the address is no longer asked for by a name that permits it.
    if (isIP(this.#peer.host) !== 0) connections.guard.check(this.#peer, this.#peer.host);
    const isSafe = message.isRepeatable ?? (SAFE_METHODS.has(message.method) && message.body === null);
    this.#request = this.#send(isSafe && message.tls === undefined);
  }

  pause(): void {
    this.#response?.pause();
  }

  resume(): void {
    this.#response?.resume();
  }

  /** Ends it, wherever it stands; the listener hears nothing more. */
  destroy(): void {
    this.#isOver = true;
    this.#giveUpConnecting();
    this.#request.destroy();
  }

  // --------------------------------------------------------------------------------------------- send

  #send(mayBeKept: boolean): ClientRequest {
    const { method, url, tls, user } = this.#message;
    const isSecure = url.protocol === 'https:';
    const options: RequestOptions & OwnConnection = {
      method,
      host: this.#peer.host,
      port: this.#peer.port,
      path: url.pathname + url.search,
      headers: { host: url.host, ...this.#message.headers, ...lengthOf(this.#message) },
      setHost: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      insecureHTTPParser: false,
      open: (done) => {
        this.#giveUpConnecting = this.#connections.connector.connect(
          { peer: this.#peer, tls: isSecure ? (tls ?? {}) : null, user },
          done,
        );
      },
      ...(mayBeKept ? { agent: this.#connections.kept(url.protocol) } : { createConnection }),
    };
    const request = isSecure ? requestHttps(options) : requestHttp(options);
    // Their bytes are bounded already; more than 2000 of them would otherwise be dropped silently.
    request.maxHeadersCount = 0;
    request.once('response', (response) => this.#answered(request, response));
    request.once('upgrade', (_response, socket) => {
      socket.destroy();
      this.#fail(
        new RequestError(
          'invalid_response',
          `${this.#name} switched to another protocol, which the request did not allow.`,
        ),
      );
    });
    request.on('error', (error) => this.#broken(request, error));
    request.once('close', () => {
      if (this.#response === null) this.#broken(request, new Error('it was closed'));
    });
    this.#sendBody(request);
    return request;
  }

  #sendBody(request: ClientRequest): void {
    const { body } = this.#message;
    let at = 0;
    const sendPieces = () => {
      if (this.#isOver) return;
      this.#listener.active();
      while (body !== null && at < body.length) {
        const piece = body.subarray(at, at + PIECE_BYTES);
        at += piece.length;
        if (!request.write(piece)) return;
      }
      request.off('drain', sendPieces).end();
    };
    request.on('drain', sendPieces);
    sendPieces();
  }

  // -------------------------------------------------------------------------------------------- answer

  #answered(request: ClientRequest, response: IncomingMessage): void {
    response.on('error', (error) => this.#broken(request, error));
    if (this.#isOver) return;
    this.#response = response;
    response.on('data', (bytes: Buffer) => {
      if (!this.#isOver) this.#listener.data(bytes);
    });
    response.once('end', () => this.#ended(request, response));
    this.#listener.head({ status: response.statusCode ?? 0, headers: collectHeaders(response.rawHeaders) });
  }

  #ended(request: ClientRequest, response: IncomingMessage): void {
    if (this.#isOver) return;
    if (!response.complete) return this.#broken(request, new Error('aborted'));
    this.#isOver = true;
    // The rest of the request interests nobody; node:http would go on sending it.
    if (!request.writableEnded) request.destroy();
    this.#listener.end();
  }

  #broken(request: ClientRequest, error: Error): void {
    // One that was sent again fails a second time when its connection closes.
    if (this.#isOver || request !== this.#request) return;
    const wasKept = request.reusedSocket && this.#response === null && CLOSED.has(codeOf(error));
    if (!wasKept) return this.#fail(exchangeError(error, this.#name));
    try {
      this.#request = this.#send(false);
    } catch (thrown) {
      this.#fail(thrown as Error);
    }
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.destroy();
    this.#listener.failed(error);
  }

  get #name(): string {
    return authority(this.#peer);
  }
}

/** RFC 9110 §8.6: without a body, only methods that give it a meaning say so. */
function lengthOf({ method, body }: Message): Record<string, string> {
  if (body !== null) return { 'content-length': String(body.length) };
  return METHODS_WITH_CONTENT.has(method) ? { 'content-length': '0' } : {};
}
