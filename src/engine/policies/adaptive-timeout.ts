// A limit that follows what is observed: a factor above the 99th percentile of the last attempts, within bounds.

export interface AdaptiveTimeoutSettings {
  factor: number;
  minMs: number;
  maxMs: number;
  /** Attempts that must have been seen before it applies. */
  minSamples: number;
}

/** Attempts that are remembered. */
const SAMPLES = 256;

export class AdaptiveTimeout {
  readonly settings: AdaptiveTimeoutSettings;
  readonly #durationsMs: number[] = [];
  #next = 0;

  constructor(settings: AdaptiveTimeoutSettings) {
    this.settings = settings;
  }

  get samples(): number {
    return this.#durationsMs.length;
  }

  /**
   * Takes in how long an attempt took. One that ran into its limit counts with that limit, so that a limit which has
   * become too short grows again.
   */
  note(durationMs: number): void {
    this.#durationsMs[this.#next] = durationMs;
    this.#next = (this.#next + 1) % SAMPLES;
  }

  /** The 99th percentile (nearest rank), milliseconds; null before there is one. */
  get p99Ms(): number | null {
    const sorted = this.#durationsMs.toSorted((a, b) => a - b);
    return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? null;
  }

  /** The limit that applies now, milliseconds; null while too little is known. */
  get currentMs(): number | null {
    const { factor, minMs, maxMs, minSamples } = this.settings;
    const p99 = this.p99Ms;
    if (p99 === null || this.samples < minSamples) return null;
    return Math.round(Math.min(maxMs, Math.max(minMs, p99 * factor)));
  }
}
