// A bucket of tokens that fills by the second and is full at the beginning. Own code: the packages for it bring timers.

export class TokenBucket {
  readonly #nowMs: () => number;
  #tokens: number;
  #filledAt: number;

  /**
   * @param size as many as it holds at the beginning
   * @param nowMs a monotonic clock
   */
  constructor(size: number, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#tokens = size;
    this.#filledAt = nowMs();
  }

  /** What is in it after so much has come since the last look. */
  fill(perS: number, size: number): number {
    const now = this.#nowMs();
    this.add(((now - this.#filledAt) / 1000) * perS, size);
    this.#filledAt = now;
    return this.#tokens;
  }

  add(tokens: number, size: number): void {
    this.#tokens = Math.min(size, this.#tokens + tokens);
  }

  /** Takes one; false when there is none. */
  take(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
