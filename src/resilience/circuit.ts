// A circuit breaker: what fails for everybody is left alone for some time, then asked by a few probes, and by all again when those
// succeed (Nygard, Release It!, "Circuit Breaker"). Cockatiel's breakers decide when one opens, its backoffs for how long. Its
// policy around them is not used: callers wait there for the end of a probe, a cancel counts as a probe that worked, and its time
// is the wall clock.
import {
  CircuitState as CockatielState,
  ConstantBackoff,
  ExponentialBackoff,
  noJitterGenerator,
} from 'cockatiel';
import { breakerOf, type Counting, type Trip } from './breakers.ts';
import { Waits } from './retrying.ts';

export interface CircuitSettings {
  /** What opens it. */
  trip: Trip;
  /** How long it stays open before the first probe, milliseconds. */
  openMs: number;
  /** Each probe that fails doubles that, up to here. */
  maxOpenMs: number;
  /** Attempts that are let through at a time to find out, and that must all succeed. */
  probes: number;
  /** Whether what is the caller's own fault counts as well. Cancels never do. */
  countUserFaults: boolean;
}

export const CIRCUIT_STATES = ['closed', 'open', 'half_open', 'isolated'] as const;
/** `isolated`: held open by hand, until it is reset by hand. */
export type CircuitState = (typeof CIRCUIT_STATES)[number];

export interface CircuitView {
  name: string;
  state: CircuitState;
  /** Calls and failures that are counted now: of the window, or in a row. */
  calls: number;
  failures: number;
  /** Times that it has opened. */
  opened: number;
  /** Calls that it has refused. */
  rejected: number;
  /** Until the next probe is let through, milliseconds; null unless it is open. */
  nextProbeMs: number | null;
}

/** A circuit as it is kept over a restart. */
export interface KeptCircuit {
  settings: CircuitSettings;
  state: CircuitState;
  /** Until the next probe, milliseconds, and when that was so, on the wall clock. */
  waitMs: number;
  at: number;
  /** Failed probes in a row, with the failure that has opened it. */
  openings: number;
  opened: number;
  rejected: number;
  /** Of its breaker; null where it counts nothing. */
  breaker: unknown;
}

/** The right to make one attempt; what came of it must be told with it. */
export interface Ticket {
  readonly generation: number;
}

/** `ignored`: it shows nothing about the target, because the attempt was cancelled or the caller was at fault. */
export type CallEnd = 'success' | 'failure' | 'ignored';

/** The clock of a circuit, and who hears of its changes. */
export interface CircuitWorld {
  /** A monotonic clock. */
  nowMs: () => number;
  changed: (circuit: Circuit) => void;
}

export class Circuit {
  readonly name: string;
  readonly settings: CircuitSettings;
  readonly #world: CircuitWorld;
  readonly #openTimes: Waits;
  #counting: Counting;
  #state: CircuitState = 'closed';
  /** Grows with each change of state: an attempt that began in another state does not count in this one. */
  #generation = 0;
  #openUntil = 0;
  #openings = 0;
  #opened = 0;
  #rejected = 0;
  #probing = 0;
  #probed = 0;

  constructor(name: string, settings: CircuitSettings, world: CircuitWorld) {
    this.name = name;
    this.settings = settings;
    this.#world = world;
    this.#openTimes = new Waits(openTimesOf(settings));
    this.#counting = breakerOf(settings.trip, world.nowMs);
  }

  /** How long nobody need ask, milliseconds; null when an attempt might be admitted now. */
  get waitMs(): number | null {
    if (this.isIsolated) return this.settings.openMs;
    if (this.#state !== 'open') return null;
    const wait = this.#openUntil - this.#world.nowMs();
    return wait > 0 ? wait : null;
  }

  /** Whether it is closed and counts nothing: then nothing is lost with it. */
  get isIdle(): boolean {
    return this.#state === 'closed' && this.#counting.counted().failures === 0;
  }

  /** Whether it is held open by hand. */
  get isIsolated(): boolean {
    return this.#state === 'isolated';
  }

  /** Whether an attempt would be let through now. */
  get mayAdmit(): boolean {
    const isFull = this.#state === 'half_open' && this.#probing + this.#probed >= this.settings.probes;
    return this.waitMs === null && !isFull;
  }

  /** Lets an attempt through, or returns how long to wait, milliseconds. Nobody waits for the end of a probe. */
  admit(): Ticket | { waitMs: number } {
    if (this.waitMs !== null) return this.reject();
    if (this.#state === 'open') this.#to('half_open');
    if (this.#state === 'half_open') {
      if (!this.mayAdmit) return this.reject();
      this.#probing += 1;
    }
    return { generation: this.#generation };
  }

  /** Counts an execution that is not let through. */
  reject(): { waitMs: number } {
    this.#rejected += 1;
    // While probes are under way their end decides; a second is as good a guess as any.
    return { waitMs: this.waitMs ?? 1000 };
  }

  /** Takes in how an attempt has ended. */
  record({ generation }: Ticket, end: CallEnd): void {
    if (generation !== this.#generation) return;
    if (this.#state === 'half_open') return this.#recordProbe(end);
    const { breaker } = this.#counting;
    if (end === 'success') breaker.success(CockatielState.Closed);
    else if (end === 'failure' && breaker.failure(CockatielState.Closed)) this.#open();
  }

  /** Closes it, and forgets its failures. */
  reset(): void {
    this.#to('closed');
  }

  /** Holds it open until it is reset. */
  isolate(): void {
    if (!this.isIsolated) this.#to('isolated');
  }

  view(): CircuitView {
    const { calls, failures } = this.#counting.counted();
    return {
      name: this.name,
      state: this.#state === 'open' && this.waitMs === null ? 'half_open' : this.#state,
      calls,
      failures,
      opened: this.#opened,
      rejected: this.#rejected,
      nextProbeMs: this.isIsolated ? null : this.waitMs,
    };
  }

  /** @param at the wall clock */
  keep(at: number): KeptCircuit {
    const [openings, opened, rejected] = [this.#openings, this.#opened, this.#rejected];
    // Probes that are under way end with the process.
    const state = this.#state === 'half_open' ? 'open' : this.#state;
    const waitMs = this.#state === 'open' ? (this.waitMs ?? 0) : 0;
    const breaker = this.#counting.breaker.state;
    return { settings: this.settings, state, waitMs, at, openings, opened, rejected, breaker };
  }

  /** Goes on where an earlier process was. Time that has passed since then counts, but no more than there was to wait. */
  restore(kept: KeptCircuit, now: number): void {
    this.#state = kept.state;
    const passedMs = Math.max(0, now - kept.at);
    this.#openUntil =
      this.#world.nowMs() + Math.min(this.settings.maxOpenMs, Math.max(0, kept.waitMs - passedMs));
    for (let i = 0; i < kept.openings; i++) this.#openTimes.nextMs();
    [this.#openings, this.#opened, this.#rejected] = [kept.openings, kept.opened, kept.rejected];
    if (kept.breaker !== null) this.#counting.breaker.state = kept.breaker;
  }

  #recordProbe(end: CallEnd): void {
    this.#probing -= 1;
    if (end === 'failure') return this.#open();
    // A cancel shows nothing about the target: it makes room for another probe.
    if (end === 'success') this.#probed += 1;
    if (this.#probed >= this.settings.probes) this.#to('closed');
  }

  #open(): void {
    this.#opened += 1;
    this.#openings += 1;
    this.#openUntil = this.#world.nowMs() + this.#openTimes.nextMs();
    this.#to('open');
  }

  #to(state: CircuitState): void {
    this.#state = state;
    this.#generation += 1;
    this.#counting = breakerOf(this.settings.trip, this.#world.nowMs);
    this.#probing = 0;
    this.#probed = 0;
    if (state === 'closed') {
      this.#openings = 0;
      this.#openTimes.reset();
    }
    this.#world.changed(this);
  }
}

const openTimesOf = ({ openMs, maxOpenMs }: CircuitSettings) =>
  maxOpenMs <= openMs
    ? new ConstantBackoff(openMs)
    : new ExponentialBackoff({ generator: noJitterGenerator, initialDelay: openMs, maxDelay: maxOpenMs });
