// Circuit breakers: what fails for everybody is not asked for a while, then by a few probes, and again by all when those
// succeed (Nygard, Release It!, "Circuit Breaker"). One for each operation, program or host that has settings for it.
import type { Outcome } from '../../domain/outcome.ts';
import { judge } from '../../domain/outcome.ts';

export interface CircuitSettings {
  /** What opens it: so many failures in a row, or a ratio of failures among the calls of a window. */
  trip:
    | { type: 'consecutive'; failures: number }
    | { type: 'sampling'; ratio: number; minCalls: number; windowMs: number };
  /** How long it stays open before the first probe, milliseconds. */
  openMs: number;
  /** Attempts that are let through at a time to find out, and that must all succeed. */
  probes: number;
  /** Whether what is the caller's own fault counts as well. Cancels never do. */
  countUserFaults: boolean;
}

export const CIRCUIT_STATES = ['closed', 'open', 'half_open'] as const;
export type CircuitState = (typeof CIRCUIT_STATES)[number];

export interface CircuitView {
  name: string;
  state: CircuitState;
  /** Calls and failures that are counted now: of the window, or in a row. */
  calls: number;
  failures: number;
  /** Times that it has opened. */
  opened: number;
  /** Executions that it has refused. */
  rejected: number;
  /** Until the next probe is let through, milliseconds; null unless it is open. */
  nextProbeMs: number | null;
}

/** The right to make one attempt; what came of it must be told with it. */
export interface Ticket {
  readonly generation: number;
}

/** `ignored` says nothing about the target: the attempt was cancelled, or is the caller's own fault. */
export type CallEnd = 'success' | 'failure' | 'ignored';

const BUCKETS = 10;

export class Circuit {
  readonly name: string;
  readonly settings: CircuitSettings;
  readonly #nowMs: () => number;
  #state: CircuitState = 'closed';
  /** Grows with each change of state: what was begun in another one says nothing about this one. */
  #generation = 0;
  #openedAt = 0;
  #opened = 0;
  #rejected = 0;
  #failuresInARow = 0;
  #window: { from: number; calls: number; failures: number }[] = [];
  #probing = 0;
  #probed = 0;

  /** @param nowMs a monotonic clock */
  constructor(name: string, settings: CircuitSettings, nowMs: () => number) {
    this.name = name;
    this.settings = settings;
    this.#nowMs = nowMs;
  }

  /** How long nobody need ask, milliseconds; null when an attempt might be admitted now. */
  get waitMs(): number | null {
    if (this.#state !== 'open') return null;
    const wait = this.#openedAt + this.settings.openMs - this.#nowMs();
    return wait > 0 ? wait : null;
  }

  /** Lets an attempt through, or says how long to wait, milliseconds. */
  admit(): Ticket | { waitMs: number } {
    if (this.waitMs !== null) return this.reject();
    if (this.#state === 'open') this.#to('half_open');
    if (this.#state === 'half_open') {
      if (this.#probing + this.#probed >= this.settings.probes) return this.reject();
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
    if (end === 'ignored') return;
    this.#count(end === 'failure');
    if (end === 'failure' && this.#isTripped()) this.#open();
  }

  reset(): void {
    this.#to('closed');
  }

  view(): CircuitView {
    const { calls, failures } = this.#counted();
    return {
      name: this.name,
      state: this.#state === 'open' && this.waitMs === null ? 'half_open' : this.#state,
      calls,
      failures,
      opened: this.#opened,
      rejected: this.#rejected,
      nextProbeMs: this.waitMs,
    };
  }

  #recordProbe(end: CallEnd): void {
    this.#probing -= 1;
    if (end === 'failure') return this.#open();
    if (end === 'success') this.#probed += 1;
    if (this.#probed >= this.settings.probes) this.#to('closed');
  }

  #open(): void {
    this.#opened += 1;
    this.#to('open');
    this.#openedAt = this.#nowMs();
  }

  #to(state: CircuitState): void {
    this.#state = state;
    this.#generation += 1;
    this.#failuresInARow = 0;
    this.#window = [];
    this.#probing = 0;
    this.#probed = 0;
  }

  #count(isFailure: boolean): void {
    const { trip } = this.settings;
    if (trip.type === 'consecutive') {
      this.#failuresInARow = isFailure ? this.#failuresInARow + 1 : 0;
      return;
    }
    const now = this.#nowMs();
    const width = trip.windowMs / BUCKETS;
    let last = this.#window.at(-1);
    if (last === undefined || now >= last.from + width) {
      last = { from: now, calls: 0, failures: 0 };
      this.#window.push(last);
    }
    last.calls += 1;
    if (isFailure) last.failures += 1;
  }

  #counted(): { calls: number; failures: number } {
    const { trip } = this.settings;
    if (trip.type === 'consecutive') return { calls: this.#failuresInARow, failures: this.#failuresInARow };
    const oldest = this.#nowMs() - trip.windowMs;
    this.#window = this.#window.filter(({ from }) => from > oldest);
    return {
      calls: this.#window.reduce((sum, bucket) => sum + bucket.calls, 0),
      failures: this.#window.reduce((sum, bucket) => sum + bucket.failures, 0),
    };
  }

  #isTripped(): boolean {
    const { trip } = this.settings;
    const { calls, failures } = this.#counted();
    return trip.type === 'consecutive'
      ? failures >= trip.failures
      : calls >= trip.minCalls && failures / calls >= trip.ratio;
  }
}

/** What the end of an attempt says about its target. A target that hangs has failed, whoever set the limit. */
export function callEnd(outcome: Outcome, { countUserFaults }: CircuitSettings): CallEnd {
  const { error } = judge(outcome);
  if (error === null) return 'success';
  switch (outcome.cause) {
    case 'cancelled':
    case 'total_timeout':
    case 'lost':
      return 'ignored';
    case 'attempt_timeout':
    case 'idle_timeout':
      return 'failure';
    default:
      if (error.fault === 'system' || countUserFaults) return 'failure';
      // An answer, though not the one that was hoped for: the target works.
      return outcome.cause === 'http_response' ? 'success' : 'ignored';
  }
}

/** All circuits that have been asked for. */
export class Circuits {
  readonly #nowMs: () => number;
  readonly #circuits = new Map<string, Circuit>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The circuit of a name; one whose settings have changed begins anew. */
  get(name: string, settings: CircuitSettings): Circuit {
    const known = this.#circuits.get(name);
    if (known !== undefined && JSON.stringify(known.settings) === JSON.stringify(settings)) return known;
    const circuit = new Circuit(name, settings, this.#nowMs);
    this.#circuits.set(name, circuit);
    return circuit;
  }

  /** Forgets those that no settings name any more. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.#circuits.keys()) if (!names.has(name)) this.#circuits.delete(name);
  }

  find(name: string): Circuit | null {
    return this.#circuits.get(name) ?? null;
  }

  all(): Circuit[] {
    return [...this.#circuits.values()];
  }
}
