// Opens a connection to where a request goes, and to nowhere else: resolves the name once, checks every address, connects
// to those addresses only, and checks again what it is connected to. A proxy of the environment is never used.
import { lookup as dnsLookup } from 'node:dns/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import {
  connect as connectTls,
  createSecureContext,
  getCACertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import type { Clock, Timer } from '../domain/ports.ts';
import type { RequestFailure } from '../domain/outcome.ts';
import type { HttpWork } from '../domain/spec.ts';
import type { EgressGuard, Peer } from './egress-guard.ts';
import { authority, plainReason, RequestError } from './request-error.ts';

/** All addresses of a name. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** What a request says of TLS. */
export type TlsOptions = NonNullable<HttpWork['tls']>;

/** Called once: with an error, or with a connection that is ready for a request. */
export type Connected = (error: RequestError | null, socket?: Socket) => void;

const CONNECT_MS = 10_000;
/** Contexts with certificates of a client's own: each one holds all of the usual certificates too. */
const MAX_CONTEXTS = 16;

const systemLookup: Lookup = async (host) => {
  const found = await dnsLookup(host, { all: true });
  return found.map(({ address }) => address);
};

export interface ConnectorOptions {
  guard: EgressGuard;
  clock: Clock;
  lookup?: Lookup | undefined;
}

export class Connector {
  readonly #guard: EgressGuard;
  readonly #clock: Clock;
  readonly #lookup: Lookup;
  readonly #contexts = new Map<string, SecureContext>();
  /** Lookups under way. Node resolves few names at once, so that many requests to one name must not each ask. */
  readonly #lookups = new Map<string, Promise<readonly string[]>>();

  constructor({ guard, clock, lookup = systemLookup }: ConnectorOptions) {
    this.#guard = guard;
    this.#clock = clock;
    this.#lookup = lookup;
  }

  /**
   * Opens a connection. Answers how to give it up; `done` is not called any more then.
   *
   * @param tls null for plain HTTP
   */
  connect(peer: Peer, tls: TlsOptions | null, done: Connected): () => void {
    const opening = new Opening(peer, this.#clock, done);
    void this.#open(peer, tls, opening);
    return () => opening.giveUp();
  }

  async #open(peer: Peer, tls: TlsOptions | null, opening: Opening): Promise<void> {
    try {
      const addresses = await this.#resolve(peer);
      this.#guard.checkAll(peer, addresses);
      if (opening.isOver) return;
      const tcp = opening.connectTcp(addresses);
      tcp.once('connect', () => {
        try {
          // It has none when the other side has closed already.
          if (tcp.remoteAddress === undefined) throw new Error('the other side closed the connection');
          this.#guard.check(peer, tcp.remoteAddress);
          if (tls === null) opening.finish(tcp);
          else opening.connectTls(tcp, tls, () => this.#context(tls.ca ?? ''));
        } catch (error) {
          opening.fail(error as Error);
        }
      });
    } catch (error) {
      opening.fail(error as Error);
    }
  }

  async #resolve({ host }: Peer): Promise<readonly string[]> {
    if (isIP(host) !== 0) return [host];
    let found = this.#lookups.get(host);
    if (found === undefined) {
      found = this.#lookup(host).finally(() => this.#lookups.delete(host));
      this.#lookups.set(host, found);
    }
    const addresses = await found;
    if (addresses.length === 0) throw new Error('it has no address');
    return addresses;
  }

  #context(ca: string): SecureContext {
    let context = this.#contexts.get(ca);
    if (context !== undefined) return context;
    context = createSecureContext(ca === '' ? {} : { ca: [...getCACertificates('default'), ca] });
    if (this.#contexts.size >= MAX_CONTEXTS) {
      const oldest = [...this.#contexts.keys()].find((key) => key !== '');
      if (oldest !== undefined) this.#contexts.delete(oldest);
    }
    this.#contexts.set(ca, context);
    return context;
  }
}

const STAGES = {
  resolve: ['dns_failed', 'could not be resolved'],
  connect: ['connect_failed', 'could not be reached'],
  handshake: ['tls_failed', 'could not be spoken to over TLS'],
} as const satisfies Record<string, readonly [RequestFailure, string]>;

/** A connection that is being opened. Whatever ends it, it ends once, and nothing of it is left. */
class Opening {
  isOver = false;
  readonly #peer: Peer;
  readonly #done: Connected;
  readonly #timer: Timer;
  #stage: keyof typeof STAGES = 'resolve';
  #socket: Socket | null = null;

  constructor(peer: Peer, clock: Clock, done: Connected) {
    this.#peer = peer;
    this.#done = done;
    this.#timer = clock.timer(CONNECT_MS, () =>
      this.fail(new Error(`it took longer than ${CONNECT_MS / 1000} s`)),
    );
  }

  connectTcp(addresses: readonly string[]): Socket {
    this.#stage = 'connect';
    const found = addresses.map((address) => ({ address, family: isIP(address) }));
    const [first] = found as [{ address: string; family: number }];
    const socket = connectTcp({
      ...this.#peer,
      // Not called for an address, which needs none. Never asks again: the answer could be another one.
      lookup: (_host, { all }, answer) => {
        if (all === true) answer(null, found);
        else answer(null, first.address, first.family);
      },
      autoSelectFamily: true,
      noDelay: true,
      keepAlive: true,
    });
    return this.#watch(socket);
  }

  connectTls(tcp: Socket, { server_name, verify }: TlsOptions, makeContext: () => SecureContext): void {
    this.#stage = 'handshake';
    const host = server_name ?? this.#peer.host;
    // An address is not a name that may be sent (RFC 6066 §3); the certificate is compared with it all the same.
    const servername = isIP(host) === 0 ? { servername: host } : {};
    const options = {
      socket: tcp,
      host,
      secureContext: makeContext(),
      rejectUnauthorized: verify !== false,
    };
    const secure: TLSSocket = connectTls({ ...options, ...servername, ALPNProtocols: ['http/1.1'] });
    this.#watch(secure);
    secure.once('secureConnect', () => this.finish(secure));
  }

  finish(socket: Socket): void {
    if (this.isOver) return;
    this.#end();
    this.#done(null, socket);
  }

  fail(error: Error): void {
    if (this.isOver) return;
    this.giveUp();
    const [reason, what] = STAGES[this.#stage];
    const message = `${authority(this.#peer)} ${what}: ${plainReason(error)}.`;
    this.#done(error instanceof RequestError ? error : new RequestError(reason, message, { cause: error }));
  }

  giveUp(): void {
    if (this.isOver) return;
    this.#end();
    this.#socket?.destroy();
  }

  #end(): void {
    this.isOver = true;
    this.#timer.cancel();
  }

  #watch(socket: Socket): Socket {
    this.#socket = socket;
    // They stay: an error that nobody listens to would be thrown.
    return socket
      .on('error', (error) => this.fail(error))
      .on('close', () => this.fail(new Error('the other side closed the connection')));
  }
}
