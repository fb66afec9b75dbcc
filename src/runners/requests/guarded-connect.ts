// Opens a connection to where a request goes, and to nowhere else: resolves the name once, checks every address, connects
// to those addresses only, and checks again what it is connected to. A proxy of the environment is never used.
import { isIP, type Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { Clock } from '../../domain/ports/clock.ts';
import type { RequestFailure } from '../../domain/outcome.ts';
import type { HttpWork } from '../../domain/spec/spec.ts';
import { connectToAny, RaceLostError } from './connect-race.ts';
import type { Guard, Peer } from './egress-guard.ts';
import { type Lookup, Lookups } from './lookups.ts';
import { authority, plainReason, RequestError } from './request-error.ts';
import { SystemNames } from './system-names.ts';
import { TlsContexts } from './tls-contexts.ts';

/** What a request says of TLS. */
export type TlsOptions = NonNullable<HttpWork['tls']>;

/** Called once: with an error, or with a connection that is ready for a request. */
export type Connected = (error: Error | null, socket?: Socket) => void;

export interface Destination {
  peer: Peer;
  /** Null for plain HTTP. */
  tls: TlsOptions | null;
  /** Whose share is used of what all users have together. */
  user: string;
}

export interface ConnectorOptions {
  guard: Guard;
  clock: Clock;
  /** Default: hosts file and name servers of the system. */
  lookup?: Lookup | undefined;
}

export class Connector {
  readonly #guard: Guard;
  readonly #clock: Clock;
  readonly #lookups: Lookups;
  readonly #contexts: TlsContexts;

  constructor({ guard, clock, lookup = new SystemNames({ clock }).lookup }: ConnectorOptions) {
    this.#guard = guard;
    this.#clock = clock;
    this.#lookups = new Lookups(lookup, clock);
    this.#contexts = new TlsContexts(clock);
  }

  /** Opens a connection. Answers how to give it up; `done` is not called any more then. */
  connect(destination: Destination, done: Connected): () => void {
    const abort = new AbortController();
    void this.#open(destination, abort.signal).then(
      (socket) => {
        if (abort.signal.aborted) socket.destroy();
        else done(null, socket);
      },
      (error: unknown) => {
        if (!abort.signal.aborted) done(error as Error);
      },
    );
    return () => abort.abort();
  }

  async #open({ peer, tls, user }: Destination, signal: AbortSignal): Promise<Socket> {
    const addresses = await failingAs('resolve', peer, this.#resolve(peer, user, signal));
    this.#guard.checkAll(peer, addresses);
    const options =
      tls === null ? null : await failingAs('handshake', peer, this.#tlsOf(peer, tls, user, signal));
    const { port } = peer;
    const check = (socket: Socket) => this.#guard.checkConnection(peer, socket);
    try {
      return await connectToAny({ addresses, port, clock: this.#clock, check, tls: options }, signal);
    } catch (error) {
      throw error instanceof RaceLostError ? lostRace(peer, error) : error;
    }
  }

  async #resolve({ host }: Peer, user: string, signal: AbortSignal): Promise<readonly string[]> {
    if (isIP(host) !== 0) return [host];
    const addresses = await this.#lookups.find(host, user, signal);
    if (addresses.length === 0) throw new Error('it has no address');
    return addresses;
  }

  async #tlsOf(
    peer: Peer,
    { ca, server_name, verify }: TlsOptions,
    user: string,
    signal: AbortSignal,
  ): Promise<ConnectionOptions> {
    const host = server_name ?? peer.host;
    return {
      host,
      secureContext: await this.#contexts.get(ca ?? null, user, signal),
      rejectUnauthorized: verify !== false,
      ALPNProtocols: ['http/1.1'],
      // An address is not a name that may be sent (RFC 6066 §3); the certificate is compared with it all the same.
      ...(isIP(host) === 0 ? { servername: host } : {}),
    };
  }
}

const STAGES = {
  resolve: ['dns_failed', 'could not be resolved'],
  connect: ['connect_failed', 'could not be reached'],
  handshake: ['tls_failed', 'could not be reached over TLS'],
} as const satisfies Record<string, readonly [RequestFailure, string]>;
type Stage = keyof typeof STAGES;

function failureAt(stage: Stage, peer: Peer, why: string, cause: Error): RequestError {
  const [reason, what] = STAGES[stage];
  return new RequestError(reason, `${authority(peer)} ${what}: ${why}.`, { cause });
}

async function failingAs<T>(stage: Stage, peer: Peer, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw failureAt(stage, peer, plainReason(error as Error), error as Error);
  }
}

/** Addresses that a message names. */
const MAX_NAMED = 8;

function lostRace(peer: Peer, lost: RaceLostError): RequestError {
  const { attempts, untried, isReached } = lost;
  const named = attempts
    .slice(0, MAX_NAMED)
    .map(({ address, why }) => (address === peer.host ? why : `${address}: ${why}`));
  const more = attempts.length - named.length;
  if (more > 0) named.push(`${more} more addresses failed`);
  if (untried > 0) named.push(`execd did not try ${untried} more addresses`);
  return failureAt(isReached ? 'handshake' : 'connect', peer, named.join('; '), lost);
}
