// Makes HTTP requests as attempts. The log is created first and exclusively: where there is none, nothing was sent. Then
// one request after the other, as redirects ask for it, each through the egress guard. Whatever ends the attempt, the
// first cause wins, and nothing of it is left: no connection, no timer, no open file.
import type { Buffer } from 'node:buffer';
import { type HttpResponse, NO_OUTPUT } from '../../domain/execution/execution.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type {
  AttemptListener,
  AttemptName,
  AttemptReport,
  HttpRunner,
  RequestStart,
  RunningAttempt,
  StopRequest,
} from '../../domain/ports/runner.ts';
import type { Clock, Timer } from '../../domain/ports/clock.ts';
import { BodyDecoder, encodingOf } from './body-decoder.ts';
import { EgressGuard } from './egress-guard.ts';
import { Connections, Exchange } from './exchange.ts';
import { Connector } from './guarded-connect.ts';
import { FairShares } from './fair-shares.ts';
import type { Lookup } from './lookups.ts';
import { OwnAddresses } from './own-addresses.ts';
import { authority, RequestError } from './request-error.ts';
import {
  type AnswerHead,
  firstMessage,
  isExpected,
  type Message,
  peerOf,
  redirectOf,
  retryAfterMs,
} from './request-message.ts';
import { ResponseLog } from './response-log.ts';
import { stopOutcome } from '../stop-outcome.ts';
import { Semaphore } from './semaphore.ts';

export interface RequestRunnerOptions {
  /** Where the log of an attempt is written: a path without its ending. */
  journalPath: (name: AttemptName) => string;
  clock: Clock;
  /** Destinations that may be reached although they are not public; see `EgressGuard`. */
  egressAllow: readonly string[];
  /** Default: as the system resolves names. */
  lookup?: Lookup;
  /** Default: those of the interfaces. */
  ownAddresses?: () => string[];
}

/** Logs that are written at a time. More would only wait for the disk, with files and buffers of their own. */
const LOGS_AT_ONCE = 32;
/** Decoders at a time of those that need much memory. */
const LARGE_DECODERS = 64;
/** Growth is told at most this often, milliseconds. */
const GROWTH_MS = 50;

export class RequestRunner implements HttpRunner {
  readonly #options: RequestRunnerOptions;
  readonly #shared: Shared;

  /** Throws an Error that names a bad entry of the allow-list. */
  constructor(options: RequestRunnerOptions) {
    this.#options = options;
    const { clock, lookup } = options;
    const guard = new EgressGuard(options.egressAllow, new OwnAddresses(clock, options.ownAddresses));
    const connections = new Connections(guard, new Connector({ guard, clock, lookup }));
    this.#shared = {
      connections,
      logs: new Semaphore(LOGS_AT_ONCE),
      decoders: new FairShares(LARGE_DECODERS),
    };
  }

  run(start: RequestStart, listener: AttemptListener): RunningAttempt {
    const attempt = new RequestAttempt(start, listener, this.#options, this.#shared);
    return {
      ended: attempt.run(),
      stop: (request) => attempt.stop(request),
      extend: (attemptMs, idleMs) => Promise.resolve(attempt.extend(attemptMs, idleMs)),
    };
  }

  async close(): Promise<void> {
    this.#shared.connections.close();
  }
}

/** What all attempts share. */
interface Shared {
  connections: Connections;
  logs: Semaphore;
  decoders: FairShares;
}

class RequestAttempt {
  readonly #start: RequestStart;
  readonly #listener: AttemptListener;
  readonly #options: RequestRunnerOptions;
  readonly #shared: Shared;
  readonly #clock: Clock;
  #outcome: Outcome | null = null;
  #settle: () => void = () => undefined;
  readonly #settled = new Promise<void>((resolve) => {
    this.#settle = resolve;
  });
  #log: ResponseLog | null = null;
  #exchange: Exchange | null = null;
  #decoder: BodyDecoder | null = null;
  #redirects = 0;
  #response: HttpResponse | null = null;
  #attemptMs: number;
  #idleMs: number | null;
  #startedAt = 0;
  #activeAt = 0;
  #attemptTimer: Timer | null = null;
  #idleTimer: Timer | null = null;
  #growthTimer: Timer | null = null;

  constructor(start: RequestStart, listener: AttemptListener, options: RequestRunnerOptions, shared: Shared) {
    this.#start = start;
    this.#listener = listener;
    this.#options = options;
    this.#shared = shared;
    this.#clock = options.clock;
    this.#attemptMs = start.attemptMs;
    this.#idleMs = start.idleMs;
  }

  /** Carries the attempt through. Never rejects. */
  async run(): Promise<AttemptReport> {
    // Whoever has just asked for it can still stop it.
    await Promise.resolve();
    if (this.#outcome !== null) return this.#notStarted(this.#outcome);
    try {
      this.#log = this.#createLog();
    } catch (error) {
      return this.#notStarted({
        cause: 'request_failed',
        reason: 'journal_write_failed',
        message: `The log could not be created: ${(error as Error).message}.`,
      });
    }
    return this.#carryThrough(this.#log);
  }

  stop(request: StopRequest): void {
    this.#end(stopOutcome(request, null));
  }

  extend(attemptMs: number, idleMs: number | null): boolean {
    if (this.#outcome !== null) return false;
    this.#attemptMs = attemptMs;
    this.#idleMs = idleMs;
    if (this.#log !== null) this.#armClocks();
    return true;
  }

  /** Decides the outcome, once. */
  #end(outcome: Outcome): void {
    if (this.#outcome !== null) return;
    this.#outcome = outcome;
    this.#disarmClocks();
    this.#exchange?.destroy();
    this.#decoder?.destroy();
    this.#settle();
  }

  async #carryThrough(log: ResponseLog): Promise<AttemptReport> {
    const startedAt = this.#clock.now();
    this.#startedAt = this.#activeAt = this.#clock.monotonic();
    this.#armClocks();
    this.#listener.started(null, startedAt);
    this.#attempting(() => this.#send(firstMessage(this.#start)));
    await this.#settled;
    const endedAt = this.#clock.now();
    await log.close();
    return {
      type: 'ended',
      outcome: this.#outcome as unknown as Outcome,
      end: { startedAt, endedAt, output: log.totals, resources: null, logComplete: log.isComplete },
      tails: { stdout: log.tail, stderr: '' },
      response: this.#response,
    };
  }

  #notStarted(outcome: Outcome): AttemptReport {
    const endedAt = this.#clock.now();
    return {
      type: 'ended',
      outcome,
      end: { startedAt: null, endedAt, output: NO_OUTPUT, resources: null, logComplete: true },
      tails: { stdout: '', stderr: '' },
      response: null,
    };
  }

  // ------------------------------------------------------------------------------------- the exchange

  #send(message: Message): void {
    if (this.#outcome !== null) return;
    this.#exchange = new Exchange(this.#shared.connections, message, {
      head: (head) => this.#attempting(() => this.#answered(message, head)),
      data: (bytes) => this.#received(bytes),
      end: () => (this.#decoder === null ? void this.#complete() : this.#decoder.end()),
      failed: (error) => this.#failed(error),
      active: () => this.#isActive(),
    });
  }

  #answered(message: Message, head: AnswerHead): void {
    this.#isActive();
    const next = redirectOf(message, head, { start: this.#start, followed: this.#redirects });
    if (next === null) {
      this.#response = { ...head, url: message.url.href };
      this.#decoder = this.#decoderOf(message, head);
      return;
    }
    // What a redirect says besides is of no interest.
    this.#exchange?.destroy();
    this.#redirects += 1;
    this.#send(next);
  }

  #decoderOf(message: Message, head: AnswerHead): BodyDecoder | null {
    const encoding = encodingOf(head);
    if (encoding === null) return null;
    const options = { encoding, user: message.user, shares: this.#shared.decoders };
    const answer = `The response of ${authority(peerOf(message.url))}`;
    return new BodyDecoder(options, {
      data: (bytes) => {
        this.#take(bytes);
        if (this.#log?.isOverLimit === true) this.#stopDecoding();
      },
      end: () => void this.#complete(),
      failed: ({ message }) =>
        this.#failed(new RequestError('invalid_response', `${answer} is broken: ${message}.`)),
      room: () => this.#exchange?.resume(),
    });
  }

  /** What is not kept is not unpacked: the rest counts as it comes. */
  #stopDecoding(): void {
    const decoder = this.#decoder;
    if (decoder === null) return;
    this.#decoder = null;
    decoder.destroy();
    if (decoder.isEnded) void this.#complete();
    else this.#exchange?.resume();
  }

  #received(bytes: Buffer): void {
    this.#isActive();
    if (this.#decoder === null) this.#take(bytes);
    else if (!this.#decoder.write(bytes)) this.#exchange?.pause();
  }

  #take(bytes: Buffer): void {
    const log = this.#log as ResponseLog;
    if (!log.take(bytes)) (this.#decoder ?? this.#exchange)?.pause();
    this.#growthTimer ??= this.#clock.timer(GROWTH_MS, () => {
      this.#growthTimer = null;
      this.#listener.growth({ stdoutBytes: log.bytes, stderrBytes: 0 });
    });
    if (this.#start.failOnLimit && log.isOverLimit) {
      this.#end({ cause: 'output_limit', limitBytes: this.#start.keepBytes, process: null });
    }
  }

  /** All has been received; it counts once it has been written. */
  async #complete(): Promise<void> {
    await this.#log?.close();
    const { work } = this.#start;
    const response = this.#response as HttpResponse;
    this.#end({
      cause: 'http_response',
      status: response.status,
      isExpected: isExpected(work, response.status),
      retryAfterMs: retryAfterMs(response, this.#clock.now()),
      resultError: null,
    });
  }

  #failed(error: Error): void {
    const { message } = error;
    if (error instanceof RequestError) this.#end({ cause: 'request_failed', reason: error.reason, message });
    else
      this.#end({ cause: 'internal', message: `The request could not be made: ${message}.`, process: null });
  }

  #attempting(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  #createLog(): ResponseLog {
    return new ResponseLog({
      path: this.#options.journalPath(this.#start),
      keepBytes: this.#start.keepBytes,
      redact: this.#start.redact,
      clock: this.#clock,
      logs: this.#shared.logs,
      onFailure: (error) =>
        this.#end({
          cause: 'request_failed',
          reason: 'journal_write_failed',
          message: `The log could not be written: ${error.message}.`,
        }),
      onRoom: () => {
        this.#isActive();
        (this.#decoder ?? this.#exchange)?.resume();
      },
    });
  }

  // ------------------------------------------------------------------------------------------- clocks

  #isActive(): void {
    this.#activeAt = this.#clock.monotonic();
  }

  #armClocks(): void {
    this.#attemptTimer?.cancel();
    this.#idleTimer?.cancel();
    const limitMs = this.#attemptMs;
    const ranMs = this.#clock.monotonic() - this.#startedAt;
    this.#attemptTimer = this.#clock.timer(Math.max(0, limitMs - ranMs), () =>
      this.#end({ cause: 'attempt_timeout', limitMs, process: null }),
    );
    if (this.#idleMs !== null) this.#armIdleClock(this.#idleMs);
  }

  /** Traffic only moves a time stamp; the timer looks at it when it goes off. */
  #armIdleClock(limitMs: number): void {
    const leftMs = this.#activeAt + limitMs - this.#clock.monotonic();
    if (leftMs <= 0) this.#end({ cause: 'idle_timeout', limitMs, process: null });
    else this.#idleTimer = this.#clock.timer(leftMs, () => this.#armIdleClock(limitMs));
  }

  #disarmClocks(): void {
    this.#attemptTimer?.cancel();
    this.#idleTimer?.cancel();
    this.#growthTimer?.cancel();
  }
}
