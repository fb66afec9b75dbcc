// The way of sandboxes to listed hosts: an HTTP proxy at a socket of its own for each attempt. The host hands that socket to
// the first process of the sandbox, and to nothing else. Each connection goes to a listed name, whose addresses are resolved
// once and checked as those of HTTP calls are (egress-guard.ts); an address in place of a name is refused.
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { Clock } from '../../domain/ports/clock.ts';
import { isListed, type NetworkEnd, type NetworkRefusal } from '../../domain/network.ts';
import type { NetworkProxy, OpenProxy, ProxySocket } from '../../domain/ports/runner.ts';
import { bare, EgressGuard, type Peer } from './egress-guard.ts';
import { FairShares } from './fair-shares.ts';
import { Connector } from './guarded-connect.ts';
import type { Lookup } from './lookups.ts';
import { OwnAddresses } from './own-addresses.ts';
import { forwardedHeaders, returnedHeaders } from './proxy-headers.ts';
import { authority, RequestError } from './request-error.ts';

export interface SandboxProxyOptions {
  connector: Pick<Connector, 'connect'>;
  /** Of one attempt, both ways together. */
  mostBytes: number;
}

/** Connects to public addresses, and to those of the allow-list (`EgressGuard`). */
export function guardedConnector(egressAllow: readonly string[], clock: Clock, lookup?: Lookup): Connector {
  return new Connector({ guard: new EgressGuard(egressAllow, new OwnAddresses(clock)), clock, lookup });
}

/** Of one attempt. The first process of its sandbox takes half as many, and ends one before it takes the next. */
const MOST_CLIENTS = 128;
/** Connections to hosts at a time, of all users, who share them. */
const MOST_UPSTREAMS = 512;
/** Different refusals that the end of an attempt names. */
const MOST_NAMED = 20;
/** How long a connection is kept for a further request, milliseconds. */
const KEEP_MS = 65_000;

export class SandboxProxy implements NetworkProxy {
  readonly #options: SandboxProxyOptions;
  readonly #shares = new FairShares(MOST_UPSTREAMS);

  constructor(options: SandboxProxyOptions) {
    this.#options = options;
  }

  /** @throws an Error where nothing can listen at the path */
  open(socket: ProxySocket): OpenProxy {
    return new AttemptProxy(socket, this.#options, this.#shares);
  }
}

/** A connection to a host, with what of it has been counted. */
interface Upstream {
  socket: Socket;
  sent: number;
  received: number;
}

/** Where a client of the proxy wants to go, or why it may not; null: nobody can tell. */
type Wanted = { peer: Peer } | { peer: Peer; refusal: NetworkRefusal } | null;

class AttemptProxy implements OpenProxy {
  readonly #hosts: readonly string[];
  readonly #userId: string;
  readonly #options: SandboxProxyOptions;
  readonly #shares: FairShares;
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  readonly #upstreams = new Set<Upstream>();
  readonly #over = new AbortController();
  #connections = 0;
  #sentBytes = 0;
  #receivedBytes = 0;
  readonly #refusals: Partial<Record<NetworkRefusal, number>> = {};
  readonly #named = new Map<string, { host: string; reason: NetworkRefusal }>();

  constructor({ path, userId, hosts }: ProxySocket, options: SandboxProxyOptions, shares: FairShares) {
    this.#hosts = hosts;
    this.#userId = userId;
    this.#options = options;
    this.#shares = shares;
    // An upload may take as long as the attempt does.
    const server = createServer({ requestTimeout: 0, keepAliveTimeout: KEEP_MS });
    server.maxConnections = MOST_CLIENTS;
    server.on('connection', (client: Socket) => {
      this.#clients.add(client);
      client.on('error', () => client.destroy()).on('close', () => this.#clients.delete(client));
    });
    server.on('connect', (wanted: IncomingMessage, client: Socket, head: Buffer) =>
      this.#tunnel(wanted, client, head),
    );
    server.on('request', (wanted, answer) => this.#forward(wanted, answer));
    let problem: Error | null = null;
    server.on('error', (error) => (problem = error));
    // The directory is for this user alone; what is handed the socket may be another one.
    server.listen({ path, readableAll: true, writableAll: true });
    this.#server = server;
    if (!server.listening) throw new Error(`nothing can listen at ${path}`, { cause: problem });
  }

  close(): NetworkEnd {
    this.#over.abort(new Error('the attempt has ended'));
    this.#server.close();
    this.#dropAll();
    const hosts = [...this.#named.values()];
    return {
      connections: this.#connections,
      sent_bytes: this.#sentBytes,
      received_bytes: this.#receivedBytes,
      refused: { reasons: this.#refusals, hosts },
    };
  }

  /** What was written at last and could not be sent is not counted. */
  #dropAll(): void {
    for (const upstream of this.#upstreams) this.#settle(upstream);
    for (const client of this.#clients) client.destroy();
  }

  // ------------------------------------------------------------------------------------------ rules

  #whyNot(peer: Peer): NetworkRefusal | null {
    if (isIP(peer.host) !== 0) return 'address';
    if (!isListed(this.#hosts, peer)) return 'not_listed';
    return this.#isSpent ? 'byte_limit' : null;
  }

  #wanted(url: URL | null, port: number): Wanted {
    if (url === null || url.hostname === '' || port < 1 || port > 65_535) return null;
    const peer = { host: bare(url.hostname).replace(/\.$/, ''), port };
    const refusal = this.#whyNot(peer);
    return refusal === null ? { peer } : { peer, refusal };
  }

  /** Notes a refusal, and says it. */
  #refused(peer: Peer, reason: NetworkRefusal, detail?: string): string {
    const host = authority(peer);
    this.#refusals[reason] = (this.#refusals[reason] ?? 0) + 1;
    const key = `${reason} ${host}`;
    if (this.#named.size < MOST_NAMED && !this.#named.has(key)) this.#named.set(key, { host, reason });
    return `${detail ?? this.#sentence(host, reason)}\n`;
  }

  #sentence(host: string, reason: NetworkRefusal): string {
    const allowed = this.#hosts.length === 0 ? 'no host' : this.#hosts.join(', ');
    if (reason === 'address')
      return `${host} is not allowed: it is an address; use a name. The network of this sandbox allows ${allowed}.`;
    if (reason === 'not_listed')
      return `${host} is not allowed: the network of this sandbox allows ${allowed}.`;
    return `${host} is not allowed: the attempt has sent and received ${this.#options.mostBytes} bytes, which is the limit (EXECUTION_SANDBOX_NETWORK_BYTES).`;
  }

  // ---------------------------------------------------------------------------------------- upstream

  get #isSpent(): boolean {
    return this.#sentBytes + this.#receivedBytes >= this.#options.mostBytes;
  }

  /** Connects to a host for a client, while that is there. The place is held until the connection closes. */
  async #reach(peer: Peer, client: Socket): Promise<Upstream> {
    const gone = new AbortController();
    const leave = () => gone.abort(new Error('the client has gone'));
    client.once('close', leave);
    const signal = AbortSignal.any([gone.signal, this.#over.signal]);
    let end: (() => void) | null = null;
    try {
      end = await this.#shares.take(this.#userId, signal);
      const socket = await this.#connected(peer, signal);
      const upstream: Upstream = { socket, sent: 0, received: 0 };
      socket.on('error', () => socket.destroy());
      socket.once('close', end).once('close', () => this.#settle(upstream));
      this.#upstreams.add(upstream);
      this.#connections += 1;
      if (client.destroyed) socket.destroy();
      return upstream;
    } catch (error) {
      end?.();
      throw error;
    } finally {
      client.off('close', leave);
    }
  }

  #connected(peer: Peer, signal: AbortSignal): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const giveUp = this.#options.connector.connect(
        { peer, tls: null, user: this.#userId },
        (error, socket) => {
          signal.removeEventListener('abort', left);
          if (socket === undefined) reject(error ?? new Error('no connection'));
          else resolve(socket);
        },
      );
      const left = () => {
        giveUp();
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', left, { once: true });
    });
  }

  #count(upstream: Upstream): void {
    const { socket } = upstream;
    this.#sentBytes += socket.bytesWritten - upstream.sent;
    this.#receivedBytes += socket.bytesRead - upstream.received;
    upstream.sent = socket.bytesWritten;
    upstream.received = socket.bytesRead;
    if (this.#isSpent) this.#dropAll();
  }

  #settle(upstream: Upstream): void {
    if (!this.#upstreams.delete(upstream)) return;
    this.#count(upstream);
    upstream.socket.destroy();
  }

  // ----------------------------------------------------------------------------------------- clients

  #tunnel({ url = '' }: IncomingMessage, client: Socket, head: Buffer): void {
    client.on('error', () => client.destroy());
    const [, host, port] = /^(\[[0-9a-f:.]+\]|[^:/?#@\\\s]+):(\d{1,5})$/i.exec(url) ?? [];
    const wanted = this.#wanted(host === undefined ? null : URL.parse(`http://${host}/`), Number(port));
    if (wanted === null) return void client.end(plain('400 Bad Request', 'CONNECT takes name:port.\n'));
    const { peer } = wanted;
    if ('refusal' in wanted)
      return void client.end(plain('403 Forbidden', this.#refused(peer, wanted.refusal)));
    this.#reach(peer, client).then(
      (upstream) => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        if (head.length > 0) upstream.socket.write(head);
        const count = () => this.#count(upstream);
        pump(client, upstream.socket, count);
        pump(upstream.socket, client, count);
      },
      (error: unknown) => {
        const { status, text } = this.#failure(peer, error as Error);
        client.end(plain(status === 403 ? '403 Forbidden' : '502 Bad Gateway', text));
      },
    );
  }

  #forward(wanted: IncomingMessage, answer: ServerResponse): void {
    const url = /^http:\/\//i.test(wanted.url ?? '') ? URL.parse(wanted.url ?? '') : null;
    const found = this.#wanted(url, Number(url?.port === '' ? 80 : url?.port));
    if (found === null || url === null)
      return end(
        answer,
        400,
        'This is a proxy: it takes CONNECT name:port, or a request with an http:// URL.\n',
      );
    const { peer } = found;
    if ('refusal' in found) return end(answer, 403, this.#refused(peer, found.refusal));
    this.#reach(peer, wanted.socket).then(
      (upstream) => this.#exchange(wanted, answer, url, upstream),
      (error: unknown) => {
        const { status, text } = this.#failure(peer, error as Error);
        end(answer, status, text);
      },
    );
  }

  #exchange(wanted: IncomingMessage, answer: ServerResponse, url: URL, upstream: Upstream): void {
    const { socket } = upstream;
    const onward = request({
      createConnection: () => socket,
      method: wanted.method,
      path: `${url.pathname}${url.search}`,
      headers: { ...forwardedHeaders(wanted), host: url.host },
    });
    const count = () => this.#count(upstream);
    answer.once('close', () => socket.destroy());
    onward.on('error', (error) => {
      if (answer.headersSent) answer.destroy();
      else end(answer, 502, `${url.host} did not answer as HTTP/1.1 has it: ${error.message}\n`);
    });
    onward.on('response', (said) => {
      answer.sendDate = false;
      answer.writeHead(said.statusCode ?? 502, said.statusMessage, returnedHeaders(said));
      said.on('data', count).on('error', () => answer.destroy());
      said.pipe(answer);
    });
    wanted.on('data', count).on('error', () => onward.destroy());
    wanted.pipe(onward);
  }

  /** What is said of a host that was not reached. */
  #failure(peer: Peer, error: Error): { status: 403 | 502; text: string } {
    if (error instanceof RequestError && error.reason === 'egress_denied')
      return { status: 403, text: this.#refused(peer, 'not_public', error.message) };
    return { status: 502, text: `${error.message}\n` };
  }
}

function plain(status: string, text: string): string {
  return `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`;
}

function end(answer: ServerResponse, status: number, text: string): void {
  if (answer.destroyed) return;
  answer.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  answer.end(text);
}

/** Copies one direction of a tunnel as fast as it is taken. */
function pump(from: Socket, to: Socket, count: () => void): void {
  from.on('data', (piece: Buffer) => {
    if (!to.write(piece)) from.pause();
    count();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
  // What has been read is still delivered.
  from.on('close', () => to.destroySoon());
}
