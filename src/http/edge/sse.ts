// Server-sent events (WHATWG HTML §9.2): the connections that are open, and how one is written to. A connection holds
// nothing but what its socket has not taken yet; one that takes nothing for too long is cut, and can go on at its last id.
import { drained } from './drained.ts';
import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../domain/spec/access.ts';
import { quoted, RefusedError } from '../../domain/errors.ts';
import type { Clock, Timer } from '../../domain/ports/clock.ts';
import { FairShare } from './fair-share.ts';
import { SECURITY_HEADERS } from './gate.ts';

/** What is streamed; a label of the metrics. */
export const STREAMS = ['execution', 'events', 'log', 'attach'] as const;
export type StreamName = (typeof STREAMS)[number];

/** Why a connection was ended before its stream had an end. */
export type CutReason = 'slow' | 'shutdown';

export interface SseStats {
  clients: Record<StreamName, number>;
  /** Clients whose sockets take nothing more now. */
  blocked: number;
  /** Messages handed to sockets. */
  sent: number;
  cut: Record<CutReason, number>;
}

export interface SseOptions {
  clock: Clock;
  maxClients: number;
  /** Streams that a user may have open; null where there is no such bound. */
  quotaOf: (userId: string) => number | null;
}

/** Proxies close what is silent for a minute or less. */
const KEEP_ALIVE_MS = 15_000;
/** How long a client may take nothing. */
const STALL_MS = 30_000;
const SWEEP_MS = 1000;
/** Connections that are written to in one sweep: what is due then goes out with the next one. */
const MAX_KEPT_ALIVE = 1000;
/** What a client should wait before it comes again, milliseconds. */
const RETRY_MS = 2000;
const RETRY_AFTER_S = 5;

export class SseClients {
  readonly #clock: Clock;
  readonly #share: FairShare;
  readonly #quotaOf: SseOptions['quotaOf'];
  readonly #clients = new Set<SseClient>();
  readonly #stats: Omit<SseStats, 'blocked'> = {
    clients: { execution: 0, events: 0, log: 0, attach: 0 },
    sent: 0,
    cut: { slow: 0, shutdown: 0 },
  };
  #timer: Timer | null = null;
  #isClosed = false;

  constructor({ clock, maxClients, quotaOf }: SseOptions) {
    this.#clock = clock;
    this.#share = new FairShare(maxClients);
    this.#quotaOf = quotaOf;
  }

  stats(): SseStats {
    let blocked = 0;
    for (const { blockedSince } of this.#clients) if (blockedSince !== null) blocked += 1;
    return { ...this.#stats, blocked };
  }

  /** @throws RefusedError `too_many_streams` */
  checkRoom({ userId, credential }: Caller): void {
    const held = this.#share.heldBy(userId);
    const quota = this.#quotaOf(userId);
    if (quota !== null && held >= quota) {
      throw tooMany(
        `User ${quoted(userId)} has ${held} streams open, as many as the quota "streams" allows.`,
      );
    }
    // Without keys there is one user.
    if (this.#share.hasRoom(userId, credential === undefined ? 'all' : 'long')) return;
    const { max } = this.#share;
    const why =
      held === 0
        ? `All ${max} streams of this server are in use (EXECUTION_MAX_STREAMS).`
        : `User ${quoted(userId)} has ${held} of the ${max} streams of this server open (EXECUTION_MAX_STREAMS); the others are kept free for other users.`;
    throw tooMany(why);
  }

  /** Takes a place for a connection that is written to by others; returns what gives it back. */
  hold(userId: string, stream: StreamName): () => void {
    const giveBack = this.#share.take(userId);
    this.#stats.clients[stream] += 1;
    return () => {
      giveBack();
      this.#stats.clients[stream] -= 1;
    };
  }

  /**
   * Begins a stream: takes the answer out of Fastify's hands. Null when only its head was asked for.
   *
   * @param idle what is sent when there is nothing to tell
   */
  open(
    request: FastifyRequest,
    reply: FastifyReply,
    stream: StreamName,
    idle: () => string = () => ':\n\n',
  ): SseClient | null {
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, {
      ...SECURITY_HEADERS,
      'content-type': 'text/event-stream; charset=utf-8',
      'x-accel-buffering': 'no',
    });
    if (request.method === 'HEAD') {
      raw.end();
      return null;
    }
    const client = new SseClient(raw, { clock: this.#clock, stats: this.#stats, idle });
    this.#clients.add(client);
    this.#stats.clients[stream] += 1;
    const giveBack = this.#share.take(request.caller.userId);
    raw.once('close', () => {
      giveBack();
      this.#clients.delete(client);
      this.#stats.clients[stream] -= 1;
    });
    if (this.#isClosed) client.cut('shutdown');
    else this.#sweepLater();
    // A comment, so that the head goes out and a proxy sees that something comes.
    void client.send(`retry: ${RETRY_MS}\n\n`);
    return client;
  }

  /** Ends all; to be called when no stream has anything more to tell. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const client of this.#clients) client.cut('shutdown');
  }

  #sweepLater(): void {
    this.#timer ??= this.#clock.timer(SWEEP_MS, () => {
      this.#timer = null;
      this.#sweep();
      if (this.#clients.size > 0 && !this.#isClosed) this.#sweepLater();
    });
  }

  #sweep(): void {
    const now = this.#clock.monotonic();
    let kept = 0;
    for (const client of this.#clients) {
      if (client.blockedSince !== null && now - client.blockedSince >= STALL_MS) client.cut('slow');
      else if (
        client.blockedSince === null &&
        now - client.writtenAt >= KEEP_ALIVE_MS &&
        kept < MAX_KEPT_ALIVE
      ) {
        kept += 1;
        client.keepAlive();
      }
    }
  }
}

function tooMany(why: string): RefusedError {
  return new RefusedError('too_many_streams', `${why} Close one and try again.`, {
    retryAfterS: RETRY_AFTER_S,
  });
}

/** One client of a stream. */
export class SseClient {
  /** Since when the socket takes nothing more, monotonic milliseconds; null while it does. */
  blockedSince: number | null = null;
  writtenAt: number;
  readonly #raw: ServerResponse;
  readonly #clock: Clock;
  readonly #stats: Omit<SseStats, 'blocked'>;
  readonly #idle: () => string;

  constructor(
    raw: ServerResponse,
    { clock, stats, idle }: { clock: Clock; stats: Omit<SseStats, 'blocked'>; idle: () => string },
  ) {
    this.#raw = raw;
    this.#clock = clock;
    this.#stats = stats;
    this.#idle = idle;
    this.writtenAt = clock.monotonic();
  }

  /** Sends messages. False when the client has gone; a promise while its socket takes nothing more. */
  send(frame: string | Uint8Array): boolean | Promise<boolean> {
    if (this.#raw.destroyed) return false;
    this.#stats.sent += 1;
    this.writtenAt = this.#clock.monotonic();
    return this.#raw.write(frame) || this.#drained();
  }

  keepAlive(): void {
    this.writtenAt = this.#clock.monotonic();
    this.#raw.write(this.#idle());
  }

  /** Ends a stream that has told everything. */
  end(): void {
    this.#raw.end();
  }

  /** Ends it before that; what was sent last is where the client goes on. */
  cut(reason: CutReason): void {
    this.#stats.cut[reason] += 1;
    // One that does not read would not see the end either.
    if (this.blockedSince === null && reason === 'shutdown') this.#raw.end();
    else this.#raw.destroy();
  }

  async #drained(): Promise<boolean> {
    this.blockedSince = this.#clock.monotonic();
    const isOpen = await drained(this.#raw);
    this.blockedSince = null;
    return isOpen;
  }
}

/** A message. `data` is one line. */
export function frameOf(id: string, event: string, data: string): string {
  return `id: ${id}\nevent: ${event}\ndata: ${data}\n\n`;
}

/** A message that is no place to go on after. */
export function frameWithoutId(event: string, data: string): string {
  return `event: ${event}\ndata: ${data}\n\n`;
}
