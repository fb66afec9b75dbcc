// Connects to one of several addresses (RFC 8305, "happy eyeballs"): the next one is tried beside those that have not
// answered yet, and none of them is given up while there is time. The first that is ready wins; the others are closed.
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../../domain/ports/clock.ts';
import { plainReason, RequestError } from './request-error.ts';

export interface RaceOptions {
  /** At least one, in the order in which they are tried. */
  addresses: readonly string[];
  port: number;
  clock: Clock;
  /** Throws a RequestError when what was connected to must not be spoken to, another error when it has gone. */
  check: (socket: Socket) => void;
  /** Null for plain HTTP. */
  tls: ConnectionOptions | null;
}

/** Nobody answered as wanted. */
export class RaceLostError extends Error {
  readonly attempts: readonly { address: string; why: string }[];
  readonly untried: number;
  /** At least one address took the connection, and failed then. */
  readonly isReached: boolean;

  constructor(lost: Pick<RaceLostError, 'attempts' | 'untried' | 'isReached'>) {
    super('no address accepted the connection');
    this.attempts = lost.attempts;
    this.untried = lost.untried;
    this.isReached = lost.isReached;
  }
}

/** Rejects with a RaceLostError, with what `check` throws, or when the signal aborts. */
export function connectToAny(options: RaceOptions, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const giveUp = () => race.end(signal.reason as Error);
    const race = new Race(options, (end) => {
      signal.removeEventListener('abort', giveUp);
      if (end instanceof Error) reject(end);
      else resolve(end);
    });
    signal.addEventListener('abort', giveUp, { once: true });
  });
}

/** For all addresses together, TLS included, milliseconds. */
const CONNECT_MS = 10_000;
/** After so long the next address is tried beside (RFC 8305 §8), milliseconds. */
const NEXT_MS = 250;
/** So long when the last one was reached and speaks TLS. */
const NEXT_AFTER_REACHED_MS = 2000;
/** Beyond these, addresses are not tried. */
const MAX_ADDRESSES = 16;

interface Attempt {
  address: string;
  socket: Socket;
  isReached: boolean;
  /** Why it failed; null while it has not. */
  why: string | null;
}

class Race {
  readonly #options: RaceOptions;
  readonly #done: (end: Socket | Error) => void;
  readonly #addresses: readonly string[];
  readonly #attempts: Attempt[] = [];
  readonly #timer: Timer;
  #nextTimer: Timer | null = null;
  #isOver = false;

  constructor(options: RaceOptions, done: (end: Socket | Error) => void) {
    this.#options = options;
    this.#done = done;
    this.#addresses = alternating(options.addresses).slice(0, MAX_ADDRESSES);
    this.#timer = options.clock.timer(CONNECT_MS, () => this.#timeUp());
    this.#tryNext();
  }

  /** Once: with a connection, which is kept, or with the reason why there is none. */
  end(end: Socket | Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer.cancel();
    this.#nextTimer?.cancel();
    for (const { socket } of this.#attempts) if (socket !== end) socket.destroy();
    this.#done(end);
  }

  #tryNext(): void {
    this.#nextTimer?.cancel();
    const address = this.#addresses[this.#attempts.length];
    if (address === undefined) return;
    const socket = connectTcp({ host: address, port: this.#options.port, noDelay: true, keepAlive: true });
    const attempt: Attempt = { address, socket, isReached: false, why: null };
    this.#attempts.push(attempt);
    this.#watch(attempt, socket);
    socket.once('connect', () => this.#reached(attempt));
    this.#tryNextIn(NEXT_MS);
  }

  #tryNextIn(ms: number): void {
    this.#nextTimer?.cancel();
    if (this.#attempts.length === this.#addresses.length) return;
    this.#nextTimer = this.#options.clock.timer(ms, () => this.#tryNext());
  }

  #reached(attempt: Attempt): void {
    if (this.#isOver) return;
    const { tls, check } = this.#options;
    try {
      check(attempt.socket);
      if (tls === null) return this.#won(attempt);
      attempt.isReached = true;
      const secure: TLSSocket = connectTls({ ...tls, socket: attempt.socket });
      attempt.socket = secure;
      this.#watch(attempt, secure);
      secure.once('secureConnect', () => this.#won(attempt));
      this.#tryNextIn(NEXT_AFTER_REACHED_MS);
    } catch (error) {
      this.#failed(attempt, error as Error);
    }
  }

  #watch(attempt: Attempt, socket: Socket): void {
    // They stay: an error that nobody listens to would be thrown.
    socket
      .on('error', (error) => this.#failed(attempt, error))
      .on('close', () => this.#failed(attempt, new Error(CLOSED)));
  }

  #won(attempt: Attempt): void {
    if (attempt.why === null) this.end(attempt.socket);
  }

  #failed(attempt: Attempt, error: Error): void {
    if (this.#isOver || attempt.why !== null) return;
    // Where it must not go, it is not to go by another way.
    if (error instanceof RequestError) return this.end(error);
    attempt.why = plainReason(error);
    attempt.socket.destroy();
    if (this.#attempts.length < this.#addresses.length) this.#tryNext();
    else if (this.#attempts.every(({ why }) => why !== null)) this.#lose();
  }

  #timeUp(): void {
    for (const attempt of this.#attempts) attempt.why ??= `it took longer than ${CONNECT_MS / 1000} s`;
    this.#lose();
  }

  #lose(): void {
    const attempts = this.#attempts.map(({ address, why }) => ({ address, why: why ?? '' }));
    const untried = new Set(this.#options.addresses).size - attempts.length;
    const isReached = this.#attempts.some((one) => one.isReached);
    this.end(new RaceLostError({ attempts, untried, isReached }));
  }
}

const CLOSED = 'the other side closed the connection';

/** Each once; families take turns, beginning with that of the first (RFC 8305 §4). */
export function alternating(addresses: readonly string[]): string[] {
  const all = [...new Set(addresses)];
  const first = isIP(all[0] ?? '');
  const [same, other] = [all.filter((one) => isIP(one) === first), all.filter((one) => isIP(one) !== first)];
  const longest = Math.max(same.length, other.length);
  return Array.from({ length: longest }, (_, i) => [same[i], other[i]])
    .flat()
    .filter((one) => one !== undefined);
}
