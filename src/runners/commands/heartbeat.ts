// Finds out that a runner host has stopped answering. A machine with too much to do makes a healthy host slow, so that
// silence is counted in questions that this process had time to ask, and a host that makes progress gets more time.
import type { Clock } from '../../domain/ports/clock.ts';

export interface HeartbeatOptions {
  clock: Clock;
  /** Milliseconds of silence after which a host that makes no progress is given up. */
  silenceMs: number;
  /** Sends a question; an answer, like everything else that the host sends, is told by `heard`. */
  ask(): void;
  /** Whether the host has worked since the last call, or waits for a disk. */
  makesProgress(): boolean;
  onSilent(silentMs: number): void;
  onAnswer(): void;
  onGiveUp(silentMs: number): void;
}

const BEAT_MS = 5000;
/** Questions without an answer until the host counts as silent. */
const NOTICED_BEATS = 3;
/** A host that makes progress is given up after so many times the silence. */
const PATIENCE = 5;

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #timer: { cancel(): void };
  #silentBeats = 0;
  #hasHeard = true;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#timer = this.#next();
  }

  heard(): void {
    this.#hasHeard = true;
    const wasSilent = this.#silentBeats >= NOTICED_BEATS;
    this.#silentBeats = 0;
    if (wasSilent) this.#options.onAnswer();
  }

  stop(): void {
    this.#timer.cancel();
  }

  #next(): { cancel(): void } {
    return this.#options.clock.timer(BEAT_MS, () => this.#beat());
  }

  // One beat counts once, however late its timer is: where this process was stopped, the host may have been, too.
  #beat(): void {
    const options = this.#options;
    this.#timer = this.#next();
    this.#silentBeats = this.#hasHeard ? 0 : this.#silentBeats + 1;
    this.#hasHeard = false;
    const canWait = options.makesProgress();
    const silentMs = this.#silentBeats * BEAT_MS;
    if (silentMs >= options.silenceMs * (canWait ? PATIENCE : 1)) {
      this.stop();
      return options.onGiveUp(silentMs);
    }
    if (this.#silentBeats >= NOTICED_BEATS) options.onSilent(silentMs);
    options.ask();
  }
}
