// Long work on the one thread that everybody shares: done in turns, so that nobody waits for the whole of it.
import type { Clock } from '../domain/ports.ts';

/** How long others wait for one turn. */
const TURN_MS = 15;

/** Says, between pieces of long work, when it is somebody else's turn. */
export class Turns {
  readonly #clock: Clock;
  #endsAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#endsAt = clock.monotonic() + TURN_MS;
  }

  get isOver(): boolean {
    return this.#clock.monotonic() >= this.#endsAt;
  }

  /** Resolves when all who waited have had their turn. */
  async next(): Promise<void> {
    await this.#clock.sleep(0);
    this.#endsAt = this.#clock.monotonic() + TURN_MS;
  }
}

/** Does work that is cut into pieces, in turns with everybody else. */
export async function inTurns<T>(work: Generator<undefined, T>, clock: Clock): Promise<T> {
  const turns = new Turns(clock);
  for (;;) {
    const piece = work.next();
    if (piece.done === true) return piece.value;
    if (turns.isOver) await turns.next();
  }
}
