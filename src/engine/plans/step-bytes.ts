// How much the steps of a plan put into the store. Rounds of a loop repeat what a request has once, so what comes of one request
// has a bound: a multiple of its own size, and a number of bytes. The plans that a plan consists of count together.
import { weigh } from '../../domain/json.ts';
import type { PlanSpec } from '../../domain/spec/plan.ts';

/** For each byte of the plan. */
const FACTOR = 32;
/** What any plan may have, however small it is: enough to hand results of a few hundred kilobytes on to dozens of steps. */
const FLOOR = 16 * 1024 * 1024;

export class StepBytes {
  readonly #most: number;
  #used = 0;

  /** @param most of any plan */
  constructor(plan: PlanSpec, most: number) {
    this.#most = Math.min(most, Math.max(FLOOR, FACTOR * weigh(plan, most)));
  }

  /** Takes in what is in the store already, or, below zero, what has not come there. */
  note(bytes: number): void {
    this.#used += bytes;
  }

  /** Takes the bytes of one more step; answers why there is no room for them, else null. */
  take(bytes: number): string | null {
    if (this.#used + bytes <= this.#most) {
      this.#used += bytes;
      return null;
    }
    return (
      `the step has ${bytes} bytes and the steps before it have ${this.#used}; the steps of this plan may have ${this.#most} ` +
      `together, which is ${FACTOR} times the plan's own bytes, at least ${FLOOR} and at most EXECUTION_PLAN_STEP_BYTES. ` +
      'Repeat less in the steps, or pass large values in a file'
    );
  }
}
