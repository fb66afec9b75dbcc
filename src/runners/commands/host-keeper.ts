// Keeps a runner host running. One that has died is followed by another, however often and for whatever reason that fails;
// one that does not answer is killed first.
import type { LostDetail } from '../../domain/outcome.ts';
import type { RunnerStatus } from '../../domain/ports/runner.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import { type Backoff, backoffOf, Waits } from '../../resilience/retrying.ts';
import type { ToHost, ToServer } from '../../runner-host/protocol.ts';
import { Heartbeat } from './heartbeat.ts';
import type { HostEvents, HostProcess } from './host-process.ts';

export interface HostKeeperOptions {
  /** Starts the host with this number, from 1. May throw. */
  startHost(number: number, events: HostEvents): HostProcess;
  clock: Clock;
  log: Log;
  /** Milliseconds after which a host that does not answer is replaced. */
  silenceMs: number;
  onFrame(frame: ToServer): void;
  onDeath(): void;
  /** To be done with a host that follows another one, before it gets work. When it rejects, the next host is started. */
  takeOver(detail: LostDetail): Promise<void>;
  /** Work may be sent; also after the host had been silent. */
  onReady(): void;
}

export type KeptStatus = Pick<RunnerStatus, 'name' | 'pid' | 'restarts' | 'isReady' | 'problem'>;

const STOP_MS = 15_000;
/** A host that has lived so long is not in a loop of dying. */
const STABLE_MS = 10_000;
const RESTARTS: Backoff = backoffOf([0, 100, 500, 2000, 5000]);
const NOT_STARTED = 'the runner host is being started';

export class HostKeeper {
  readonly #options: HostKeeperOptions;
  #host: HostProcess | null = null;
  #heartbeat: Heartbeat | null = null;
  #status: KeptStatus = { name: 'unknown', pid: null, restarts: 0, isReady: false, problem: NOT_STARTED };
  #number = 0;
  readonly #waits = new Waits(RESTARTS);
  /** When the host answered, on the monotonic clock. */
  #readyAt = Infinity;
  /** Why the attempts of the dead host are lost. */
  #detail: LostDetail = 'runner_host_died';
  #isTakingOver = false;
  #isStopping = false;
  #stopped: () => void = () => undefined;

  constructor(options: HostKeeperOptions) {
    this.#options = options;
  }

  /** Starts the first host. Rejects when that fails. */
  async start(): Promise<void> {
    await this.#launch();
    this.#becomeReady();
  }

  get host(): HostProcess | null {
    return this.#host;
  }

  status(): KeptStatus {
    return { ...this.#status };
  }

  send(frame: ToHost): void {
    this.#host?.send(frame);
  }

  /** Ends the host and with it everything that it still runs. Comes to its end also when the host does not. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const host = this.#host;
    if (host === null) return;
    const timer = this.#options.clock.timer(STOP_MS, () => host.kill('it did not end'));
    await new Promise<void>((resolve) => {
      this.#stopped = resolve;
      host.close();
    });
    timer.cancel();
  }

  async #launch(): Promise<HostProcess> {
    this.#number += 1;
    const host = this.#options.startHost(this.#number, {
      onFrame: (frame) => {
        if (this.#host === host) this.#heartbeat?.heard();
        this.#options.onFrame(frame);
      },
      onDeath: (reason) => this.#onDeath(reason),
      onLine: (line) => this.#options.log.warn({ line }, 'The runner host says'),
    });
    this.#host = host;
    const { name, pid } = await host.ready;
    this.#readyAt = this.#options.clock.monotonic();
    Object.assign(this.#status, { name, pid });
    this.#heartbeat = this.#watch(host);
    return host;
  }

  #watch(host: HostProcess): Heartbeat {
    const { clock, log, silenceMs } = this.#options;
    let question = 0;
    return new Heartbeat({
      ...{ clock, silenceMs },
      ask: () => host.send({ type: 'ping', id: ++question }),
      makesProgress: () => host.makesProgress(),
      onSilent: (silentMs) => {
        if (this.#status.isReady) log.warn({ silent_ms: silentMs }, 'The runner host does not respond');
        const problem = `the runner host has not responded for ${silentMs / 1000} s`;
        Object.assign(this.#status, { isReady: false, problem });
      },
      onAnswer: () => {
        log.info({}, 'The runner host responds again');
        if (this.#host === host && !this.#isTakingOver) this.#becomeReady();
      },
      onGiveUp: (silentMs) => {
        this.#detail = 'runner_host_silent';
        host.kill(`it did not respond for ${silentMs / 1000} s`);
      },
    });
  }

  #becomeReady(): void {
    Object.assign(this.#status, { isReady: true, problem: null });
    this.#options.onReady();
  }

  #onDeath(reason: string): void {
    this.#host = null;
    this.#heartbeat?.stop();
    this.#heartbeat = null;
    Object.assign(this.#status, { pid: null, isReady: false });
    this.#options.onDeath();
    if (this.#isStopping) return this.#stopped();
    // What kills it may be what it was told to do, and it is told again.
    if (this.#options.clock.monotonic() - this.#readyAt > STABLE_MS) this.#waits.reset();
    this.#readyAt = Infinity;
    this.#planNext(reason);
  }

  #planNext(reason: string): void {
    const { clock, log } = this.#options;
    const waitMs = this.#waits.nextMs();
    this.#status.restarts += 1;
    this.#status.problem = `the runner host is not running (${reason}); execd starts it again`;
    log.warn({ reason, wait_ms: waitMs }, 'The runner host is not running; execd starts it again');
    clock.timer(waitMs, () => void this.#replace());
  }

  /** Starts another host. Whatever fails leads to the next one. Never rejects. */
  async #replace(): Promise<void> {
    if (this.#isStopping) return;
    const { restarts } = this.#status;
    this.#isTakingOver = true;
    try {
      await this.#launch();
      await this.#options.takeOver(this.#detail);
      this.#detail = 'runner_host_died';
      this.#becomeReady();
    } catch (error) {
      const { message } = error as Error;
      // The death of a host plans the next one; one that could not even be started has no death.
      if (this.#host !== null) this.#host.kill(message);
      else if (this.#status.restarts === restarts) this.#planNext(message);
    } finally {
      this.#isTakingOver = false;
    }
  }
}
